"""The application on routes that are registered once: to look a hundred of them over takes Litestar a third of a
second, longer than most of these tests need for all the rest."""

from litestar import Litestar

from appliance.serve.app import create_app, make_parts
from appliance.serve.context import Context

_registered: list[Litestar] = []


def app_over(context: Context) -> Litestar:
    """What `create_app` makes of a context, on the routes of the first one.

    There is one such application at a time, without a map and with the usual limit of a body: whoever needs two, or
    another, calls `create_app`.
    """
    assert not context.map_folder.exists()
    if not _registered:
        _registered.append(create_app(context))
    (app,) = _registered
    assert app.request_max_body_size == context.settings.http.max_upload_mb * 1024 * 1024
    parts = make_parts(context)
    for name, provide in parts.given.items():
        app.dependencies[name].dependency = provide.dependency
    app.state = parts.state
    app._lifespan_managers[:] = [parts.lifespan]
    return app
