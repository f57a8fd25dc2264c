"""Who is asking: tokens signed on the box, and the guards of routes.

An access token is a JWT that names the user and the generation of its password, so that a new password ends the old
tokens. The browser carries it in an HttpOnly, SameSite=Strict cookie: an event stream has no header, and no token
goes into a URL. Whoever has none is `public`.
"""

import threading
import time
from collections import OrderedDict
from typing import Any, Literal

import jwt
import msgspec
from anyio import CapacityLimiter
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from appliance.clock import Clock
from appliance.errors import Forbidden, NotFound, Unauthorized, Unavailable
from appliance.serve.context import Context
from appliance.store.users import User, fetch_user

ALGORITHM = "HS256"
COOKIE = "hexpost_access"
REFRESH_COOKIE = "hexpost_refresh"
AHEAD_S = 300.0  # a token issued later than now is of a clock that was set back since, and would hold for too long
FAILURES, FORGIVEN_AFTER_S, NAMES = 5, 60.0, 1_000

Use = Literal["access", "refresh"]
Connection = ASGIConnection[Any, Any, Any, Any]


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes a request."""

    name: str = ""
    role: str = "public"

    @property
    def is_admin(self) -> bool:
        """Whether everything is allowed."""
        return self.role == "admin"


def issue_token(user: User, use: Use, *, seconds: int, secret: bytes, clock: Clock) -> str:
    """A token for a user, valid for so many seconds."""
    now = int(clock().timestamp())
    claims = {"sub": user.name, "gen": user.generation, "use": use, "iat": now, "exp": now + seconds}
    return jwt.encode(claims, secret, algorithm=ALGORITHM)


def read_token(token: str, use: Use, context: Context) -> User:
    """The user a token stands for, as the store knows them now.

    raises  Unauthorized  the token is not ours, has ended, is of the other use, or its user or password has changed
    """
    try:
        claims = jwt.decode(
            token,
            context.secret,
            algorithms=[ALGORITHM],
            options={"require": ["sub", "exp", "iat"], "verify_exp": False, "verify_iat": False},
        )
        now = context.clock().timestamp()
        expired = claims["exp"] <= now or claims["iat"] > now + AHEAD_S
    except (jwt.InvalidTokenError, TypeError) as error:
        raise Unauthorized(f"the token does not hold: {error}; ask for a new one at /v1/auth/token") from None
    if expired:
        raise Unauthorized("the token has ended; ask for a new one at /v1/auth/token")
    try:
        with context.store.read() as connection:
            user = fetch_user(connection, claims["sub"])
    except NotFound:
        raise Unauthorized("the token's user is no more") from None
    if claims.get("use") != use or claims.get("gen") != user.generation:
        raise Unauthorized("the token no longer holds; log in again")
    return user


def identify(connection: Connection, context: Context) -> Caller:
    """The caller of a request: by bearer token, else by cookie, else public.

    raises  Unauthorized  a token was given and does not hold; an ended cookie only makes one public
    """
    header = connection.headers.get("authorization", "")
    if header:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthorized("expected Authorization: Bearer <token>")
        user = read_token(token.strip(), "access", context)
        return Caller(name=user.name, role=user.role)
    try:
        user = read_token(connection.cookies.get(COOKIE, ""), "access", context)
    except Unauthorized:
        return Caller()
    return Caller(name=user.name, role=user.role)


def require_admin(connection: Connection, _handler: BaseRouteHandler) -> None:
    """Guard: only an admin.

    raises  Unauthorized  nobody is logged in
    raises  Forbidden     another role is
    """
    caller = identify(connection, connection.app.state.context)
    if not caller.name:
        raise Unauthorized("this needs a login: ask for a token at /v1/auth/token")
    if not caller.is_admin:
        raise Forbidden(f"{caller.name} has the role {caller.role}; this needs admin")


def require_event_reader(connection: Connection, handler: BaseRouteHandler) -> None:
    """Guard: single events are for admins, unless the site shows them to everybody."""
    context: Context = connection.app.state.context
    if not context.settings.security.public_events:
        require_admin(connection, handler)


class LoginBrake:
    """Slows guessing: after five wrong passwords for a name, none is checked for it for a minute. Bounded in names."""

    def __init__(self) -> None:
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._lock = threading.Lock()
        # A check costs 19 MiB and a core for a moment: a flood of logins must not starve the box.
        self.one_at_a_time = CapacityLimiter(1)

    def check(self, name: str) -> None:
        """
        raises  Unavailable  too many failures of late
        """
        with self._lock:
            failures, since = self._failed.get(name, (0, 0.0))
            if failures >= FAILURES and time.monotonic() - since < FORGIVEN_AFTER_S:
                raise Unavailable(f"too many wrong passwords for {name!r}; try again in a minute")

    def failed(self, name: str) -> None:
        """Remember one more failure."""
        with self._lock:
            failures, since = self._failed.pop(name, (0, 0.0))
            recent = time.monotonic() - since < FORGIVEN_AFTER_S
            self._failed[name] = (failures + 1 if recent else 1, time.monotonic())
            while len(self._failed) > NAMES:
                self._failed.popitem(last=False)

    def succeeded(self, name: str) -> None:
        """Forget a name's failures."""
        with self._lock:
            self._failed.pop(name, None)
