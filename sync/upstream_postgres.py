"""The way to the centre over PostgreSQL's own protocol. `wiring` makes one from `[sync]` and hands it to the pump.

Nothing here is retried: an error says whether trying again can help (Unavailable) or a person has to look, and
`sync.session` decides when. Silence is an error too: both ends give up on a peer that no longer answers.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from appliance.errors import Conflict, Corrupt, Forbidden, HexpostError, Rejected, Unavailable
from appliance.model.change import Batch, Position
from appliance.model.settings import Site
from sync.central.merge import apply_batch, ensure_month, introduce, stage
from sync.central.migrate import require_schema
from sync.change import Receipt, check_batch

CONNECT_S = 15
LOCK_S = 10.0  # two links of one site, or a migration: a second is normal, more is not
KEEPALIVE_IDLE_S, KEEPALIVE_EVERY_S, KEEPALIVE_COUNT = 30, 10, 3  # a dead peer is found within a minute
UNACKNOWLEDGED_S = 60  # data the peer's TCP has not confirmed by then: the link is dead
MAX_MONTHS = 1_000  # partitions remembered as ready

_SERVER_SIDE = {
    "application_name": "hexpost sync",
    "idle_in_transaction_session_timeout": "60s",
    "tcp_keepalives_idle": str(KEEPALIVE_IDLE_S),
    "tcp_keepalives_interval": str(KEEPALIVE_EVERY_S),
    "tcp_keepalives_count": str(KEEPALIVE_COUNT),
    "tcp_user_timeout": f"{UNACKNOWLEDGED_S}s",
}
"""Settings of the session. No statement_timeout here: the rows of a batch may take minutes on a thin link, while
holding no lock; the merge that follows sets one."""


class PostgresUpstream:
    """One connection to the central database, made by `hello`.

    url     `postgresql://user@host/db`, as libpq takes it; the password is apart so that it is in no log
    lock_s  seconds to wait for a lock at the centre before the attempt counts as failed
    """

    def __init__(self, url: str, password: str | None = None, *, lock_s: float = LOCK_S) -> None:
        self._url = url
        self._password = password
        self._lock_s = lock_s
        self._connection: psycopg.Connection[Any] | None = None
        self._site_id = ""
        self._months: set[str] = set()

    def hello(self, site: Site) -> Position:
        """Connect if need be, introduce the site, and learn which batch the centre applied last.

        raises  Unavailable  no answer, or no login
                Conflict     the centre's schema is older than this program
        """
        with _translated("greeting the centre"):
            connection = self._connected()
            require_schema(connection)
            central = introduce(connection, site)
        self._site_id = site.id
        return central

    def send(self, batch: Batch) -> Receipt:
        """Have the batch applied, whole or not at all; returns after the centre's commit.

        raises  Unavailable  the link or the centre failed; whether the batch was applied, the next `hello` tells
                Conflict     the batch does not follow on what the centre has
                Rejected     the batch, or a row of it, is not one that the centre takes
        """
        check_batch(batch, self._site_id)
        with _translated(f"sending batch {batch.seq}"):
            if self._connection is None:
                raise Unavailable(f"sending batch {batch.seq}: there is no link; greet the centre first")
            self._ensure_month(self._connection, batch.slice.day)
            with self._connection.transaction():
                stage(self._connection, batch)
                return apply_batch(self._connection, batch)

    def close(self) -> None:
        """Drop the link; `hello` makes a new one. Safe to call at any time."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._site_id = ""
        self._months.clear()

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        self.close()
        connection = psycopg.connect(
            self._url,
            password=self._password,
            autocommit=True,
            connect_timeout=CONNECT_S,
            keepalives=1,
            keepalives_idle=KEEPALIVE_IDLE_S,
            keepalives_interval=KEEPALIVE_EVERY_S,
            keepalives_count=KEEPALIVE_COUNT,
            tcp_user_timeout=UNACKNOWLEDGED_S * 1_000,
        )
        settings = {**_SERVER_SIDE, "lock_timeout": f"{self._lock_s * 1_000:.0f}ms"}
        connection.execute(
            "SELECT set_config(n, v, false) FROM unnest(%s::text[], %s::text[]) AS s (n, v)",
            (list(settings), list(settings.values())),
        )
        self._connection = connection
        return connection

    def _ensure_month(self, connection: psycopg.Connection[Any], day: str) -> None:
        month = day[:7]
        if month and month not in self._months:
            ensure_month(connection, day)
            if len(self._months) < MAX_MONTHS:
                self._months.add(month)


@contextmanager
def _translated(operation: str) -> Iterator[None]:
    """The errors of the driver as those of the house."""
    try:
        yield
    except psycopg.Error as error:
        raise explained(operation, error) from error


def explained(operation: str, error: psycopg.Error) -> HexpostError:
    said = error.diag.message_primary or str(error).strip().replace("\n", " ")
    where = f" ({error.diag.table_name or error.diag.context})" if error.diag.table_name or error.diag.context else ""
    match error:
        case psycopg.errors.InsufficientPrivilege():
            return Forbidden(f"{operation}: {said}; grant the box's role what it needs on schema hexpost")
        case psycopg.DataError() | psycopg.IntegrityError():
            return Rejected(f"{operation}: the centre refuses a value: {said}{where}; run `hexpost verify` on the box")
        case psycopg.ProgrammingError():
            return Conflict(f"{operation}: the centre's schema does not fit: {said}; run `hexpost central migrate`")
        case psycopg.InternalError() if (error.sqlstate or "").startswith("XX"):
            return Corrupt(f"{operation}: the centre reports damage: {said}{where}; look at the server's log")
        case _:
            return Unavailable(f"{operation}: {said}; it will be tried again")
