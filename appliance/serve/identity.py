"""`/auth/token`, `/auth/me`: logging in with a local user."""

from dataclasses import dataclass
from typing import Any

import msgspec
from anyio.to_thread import run_sync
from litestar import Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

from appliance.errors import Rejected, Unauthorized
from appliance.serve.context import Context
from appliance.serve.errors import problems
from appliance.serve.security import (
    COOKIE,
    REFRESH_COOKIE,
    Caller,
    LoginBrake,
    identify,
    issue_token,
    read_token,
)
from appliance.store.users import User, check_password


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """What a login gives; `expires_in` is seconds."""

    access_token: str
    refresh_token: str
    expires_in: int
    token_type: str = "Bearer"


@dataclass  # without it `__post_init__` is not called
class TokenOperation(Operation):
    """The body is JSON or a form, which no single type says."""

    def __post_init__(self) -> None:
        """Name both."""
        text = Schema(type=OpenAPIType.STRING)
        names = ("username", "password", "grant_type", "refresh_token")
        media = OpenAPIMediaType(schema=Schema(type=OpenAPIType.OBJECT, properties=dict.fromkeys(names, text)))
        self.request_body = RequestBody(
            required=True,
            description="username and password; or grant_type=refresh_token and refresh_token.",
            content={"application/json": media, "application/x-www-form-urlencoded": media},
        )


@post("/auth/token", status_code=200, operation_class=TokenOperation, responses=problems(400, 401, 413, 503))
async def create_token(
    request: Request[Any, Any, Any], context: NamedDependency[Context], brake: NamedDependency[LoginBrake]
) -> Response[Tokens]:
    """Tokens for a name and password, or for a refresh token; a browser also gets them as HttpOnly cookies."""
    fields = await _fields(request)
    if fields.get("grant_type") == "refresh_token":
        token = fields.get("refresh_token") or request.cookies.get(REFRESH_COOKIE, "")
        user = await run_sync(read_token, token, "refresh", context)
    else:
        user = await run_sync(_log_in, fields, context, brake, limiter=brake.one_at_a_time)
    return _tokens(user, context, secure=request.url.scheme == "https")


@get("/auth/me", sync_to_thread=True, responses=problems(401, 503))
def get_me(
    request: Request[Any, Any, Any],
    context: NamedDependency[Context],
) -> Caller:
    """Who the caller is; without a login, public."""
    return identify(request, context)


def _log_in(fields: dict[str, str], context: Context, brake: LoginBrake) -> User:
    name, password = fields.get("username"), fields.get("password")
    if not name or not password:
        raise Rejected("expected username and password")
    brake.check(name)
    try:
        with context.store.read() as connection:
            user = check_password(connection, name, password)
    except Unauthorized:
        brake.failed(name)
        raise
    brake.succeeded(name)
    return user


async def _fields(request: Request[Any, Any, Any]) -> dict[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        form = await request.form()
        return {key: value for key, value in form.items() if isinstance(value, str)}
    try:
        return msgspec.json.decode(await request.body(), type=dict[str, str])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected(f"expected JSON with username and password, or a form: {error}") from None


def _tokens(user: User, context: Context, *, secure: bool) -> Response[Tokens]:
    security = context.settings.security
    access_s, refresh_s = security.access_minutes * 60, security.refresh_days * 86_400
    tokens = Tokens(
        access_token=issue_token(user, "access", seconds=access_s, secret=context.secret, clock=context.clock),
        refresh_token=issue_token(user, "refresh", seconds=refresh_s, secret=context.secret, clock=context.clock),
        expires_in=access_s,
    )
    cookies = [
        Cookie(COOKIE, value=tokens.access_token, max_age=access_s, path="/"),
        Cookie(REFRESH_COOKIE, value=tokens.refresh_token, max_age=refresh_s, path="/v1/auth/token"),
    ]
    for cookie in cookies:
        cookie.httponly, cookie.samesite, cookie.secure = True, "strict", secure
    return Response(tokens, cookies=cookies, headers={"Cache-Control": "no-store"})
