"""The application on routes that are registered once: to look a hundred of them over takes Litestar a third of a
second, longer than most of these tests need for all the rest."""

from typing import Any, cast
from unittest import mock

from litestar import Litestar

from appliance.serve import app as module
from appliance.serve.context import Context

_registered: list[Litestar] = []


def app_over(context: Context) -> Litestar:
    """What `create_app` makes of a context; all but the routes is as new, and the routes know nothing of a context.

    There is one such application at a time, without a map and with the usual limit of a body: whoever needs two, or
    another, calls `create_app`.
    """
    assert not context.map_folder.exists()
    if not _registered:
        _registered.append(module.create_app(context))
    with mock.patch.object(module, "Litestar", dict):
        given = cast("dict[str, Any]", module.create_app(context))
    (app,) = _registered
    assert given["request_max_body_size"] == app.request_max_body_size
    for name, provide in given["dependencies"].items():
        app.dependencies[name].dependency = provide.dependency
    app.state = given["state"]
    app._lifespan_managers[:] = given["lifespan"]
    return app
