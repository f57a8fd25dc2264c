"""Local users: names, roles and password hashes."""

from datetime import datetime
from typing import Literal

import msgspec
import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from appliance.clock import to_us
from appliance.errors import NotFound, Rejected, Unauthorized
from appliance.store.engine import raw_connection

Role = Literal["admin", "public"]
ROLES: tuple[Role, ...] = ("admin", "public")
MIN_PASSWORD = 10  # characters
# 19 MiB and two passes (an OWASP recommendation for argon2id): 64 MiB a login is too much beside the rest on 2 GB.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_NOBODY = _HASHER.hash("no user has this name; checking it takes as long as a wrong password")


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A local user; tokens of an earlier `generation` are void."""

    name: str
    role: Role
    generation: int


def upsert_user(connection: sa.Connection, *, name: str, role: str, password: str, now: datetime) -> User:
    """Make a user, or give an existing one this role and password; its tokens end.

    raises  Rejected  the name, role or password cannot be used, and why
    """
    name = name.strip()
    if not name or len(name) > 64 or not name.isprintable():
        raise Rejected("a user name has 1 to 64 printable characters", "name")
    known: dict[str, Role] = {known_role: known_role for known_role in ROLES}
    if role not in known:
        raise Rejected(f"no role {role!r}; there are {', '.join(ROLES)}", "role")
    if len(password) < MIN_PASSWORD:
        raise Rejected(f"a password has at least {MIN_PASSWORD} characters", "password")
    generation = (
        raw_connection(connection)
        .execute(
            "INSERT INTO users (name, role, password_hash, generation, created_at, changed_at) "
            "VALUES (?, ?, ?, 1, ?, ?) "
            "ON CONFLICT DO UPDATE SET role = excluded.role, password_hash = excluded.password_hash, "
            "generation = generation + 1, changed_at = excluded.changed_at RETURNING generation",
            (name, role, _HASHER.hash(password), to_us(now), to_us(now)),
        )
        .fetchone()[0]
    )
    return User(name=name, role=known[role], generation=generation)


def check_password(connection: sa.Connection, name: str, password: str) -> User:
    """The user who has this name and password.

    raises  Unauthorized  in the same words and time whether the name or the password is wrong
    """
    row = (
        raw_connection(connection)
        .execute("SELECT name, role, generation, password_hash FROM users WHERE name = ?", (name,))
        .fetchone()
    )
    try:
        _HASHER.verify(row[3] if row else _NOBODY, password)
    except (VerificationError, InvalidHashError):
        row = None
    if row is None:
        raise Unauthorized("name or password is wrong")
    return User(name=row[0], role=row[1], generation=row[2])


def fetch_user(connection: sa.Connection, name: str) -> User:
    """One user.

    raises  NotFound
    """
    row = (
        raw_connection(connection)
        .execute("SELECT name, role, generation FROM users WHERE name = ?", (name,))
        .fetchone()
    )
    if row is None:
        raise NotFound(f"no user {name!r}; `hexpost user list` shows those there are")
    return User(name=row[0], role=row[1], generation=row[2])


def fetch_users(connection: sa.Connection) -> list[User]:
    """Every user by name."""
    rows = raw_connection(connection).execute("SELECT name, role, generation FROM users ORDER BY name")
    return [User(name=name, role=role, generation=generation) for name, role, generation in rows]


def delete_user(connection: sa.Connection, name: str) -> None:
    """Remove a user; tokens end with it.

    raises  NotFound
    """
    if raw_connection(connection).execute("DELETE FROM users WHERE name = ?", (name,)).rowcount == 0:
        raise NotFound(f"no user {name!r}; `hexpost user list` shows those there are")
