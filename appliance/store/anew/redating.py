"""Re-dating: rows stamped while the box did not know the time get the true one, a few at a time, once it is known.

Such a row carries `untrusted` (the device told a time, which could not be judged) or `undated` (it told none: the
time is the box's). All that one boot stamped is off by the same amount, which the ledger knows. The change of
`clock_quality` is the mark that a row is done, so that a process killed at any moment goes on where it was, and the
partial indexes on these two words are the list of what is left. Driven by `job.redating`.

A boot's values are moved from the side towards which they move, so that none comes to lie on one that is still to be
moved; what then falls on a row that is there already is a duplicate, and counted as one.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

import sqlalchemy as sa

from appliance.clock import from_us
from appliance.model.event import ClockQuality
from appliance.model.intake import Fix
from appliance.model.tier import READINGS
from appliance.store.clock.boots import WAITING, WAITING_TABLES, fetch_boots
from appliance.store.device.reports import keep_last_fixes
from appliance.store.engine import raw_connection
from appliance.store.measured.open_bins import fetch_horizon
from appliance.store.settled.settle import Spot, follow_change
from appliance.store.settled.tally import Tally
from appliance.store.totals import add_totals
from appliance.timekeeping import Boot, boot_of, shift_of

BATCH_ROWS = 1_000  # in one transaction: ingest waits for no more than that
EVER_US = 2**62

Judge = Callable[[int, int, bool, float | None], ClockQuality]
"""(its time, true time of receipt, whether a device told it live, how many milliseconds that device's clock is known to
be ahead) -> how far its time can be believed."""
Reopen = Callable[[Any, Iterable[int]], None]
"""Has what was rolled up of readings at these instants rolled up again, in the same transaction."""

_EVENTS = "event_pk, source, event_type, event_timestamp, received_at, recorded_at, clock_quality, h3_index, geom"
_READINGS = "observed_at, series_pk, value, received_at, clock_quality"
_POSITIONS = (
    "observed_at, device, received_at, longitude, latitude, altitude_m, accuracy_m, speed_mps, heading_deg, "
    "clock_quality"
)


class _Dated(NamedTuple):
    """The time of a row, the time of its receipt, and how far the first can be believed."""

    at: int
    received: int
    quality: ClockQuality


class Redater:
    """Takes boots and rows as one transaction sees them; one a transaction.

    reopen   of the tiers of readings
    """

    def __init__(self, connection: sa.Connection, *, tally: Tally, judge: Judge, reopen: Reopen) -> None:
        self._connection = connection
        self._raw = raw_connection(connection)
        self._tally, self._judge, self._reopen = tally, judge, reopen
        self._boots = fetch_boots(self._raw)
        self._devices: dict[str, tuple[bool, float | None]] = {}

    def redate(self, limit: int = BATCH_ROWS) -> int:
        """Re-date at most `limit` rows whose boot's time is known by now; how many. 0 when none is left."""
        for table, kind in (
            ("events", self._events),
            (READINGS.raw, partial(self._readings, READINGS.raw)),
            (READINGS.late, partial(self._readings, READINGS.late)),
            ("positions", self._positions),
        ):
            newest = _newest_waiting(self._raw, table, self._boots)
            if newest is not None:
                done = kind(boot_of(self._boots, newest), newest, limit)
                add_totals(self._connection, {("redated", ""): done})
                return done
        return 0

    def _events(self, boot: Boot | None, newest: int, limit: int) -> int:
        rows = self._take(f"SELECT {_EVENTS} FROM events", boot, newest, limit)
        for event_pk, source, event_type, us, received, recorded, quality, cell, point in rows:
            dated = self._dated(boot, source, us, received, quality)
            self._raw.execute(
                "UPDATE events SET event_timestamp = ?, received_at = ?, recorded_at = ?, clock_quality = ? "
                "WHERE event_pk = ?",
                (dated.at, dated.received, recorded + shift_of(self._boots, recorded), dated.quality, event_pk),
            )
            if dated.at != us:
                before, after = (Spot(when, event_type, cell, point) for when in (us, dated.at))
                follow_change(self._connection, self._tally, event_pk, before, after)
        self._tally.write(self._connection)
        return len(rows)

    def _readings(self, table: str, boot: Boot | None, newest: int, limit: int) -> int:
        """Of those that are kept, or of the late ones: which a row is, its true time says."""
        rows = self._take(f"SELECT {_READINGS} FROM {table}", boot, newest, limit)
        self._raw.executemany(
            f"DELETE FROM {table} WHERE observed_at = ? AND series_pk = ? AND value = ?", [row[:3] for row in rows]
        )
        names = self._names(row[1] for row in rows)
        moved = []
        for us, series, value, received, quality in rows:
            dated = self._dated(boot, names[series], us, received, quality)
            moved.append((dated.at, series, value, dated.received, dated.quality))
        kept_from = fetch_horizon(self._raw, READINGS.raw)
        self._put(READINGS.late, _READINGS, [row for row in moved if row[0] < kept_from], "reading")
        self._put(READINGS.raw, _READINGS, [row for row in moved if row[0] >= kept_from], "reading")
        self._reopen(self._raw, (row[0] for row in (*rows, *moved) if row[0] >= kept_from))
        return len(rows)

    def _positions(self, boot: Boot | None, newest: int, limit: int) -> int:
        rows = self._take(f"SELECT {_POSITIONS} FROM positions", boot, newest, limit)
        self._raw.executemany(
            "DELETE FROM positions WHERE observed_at = ? AND device = ? AND longitude = ? AND latitude = ?",
            [(row[0], row[1], row[3], row[4]) for row in rows],
        )
        moved = []
        for us, device, received, *rest, quality in rows:
            dated = self._dated(boot, device, us, received, quality)
            moved.append((dated.at, device, dated.received, *rest, dated.quality))
        self._put("positions", _POSITIONS, moved, "position")
        keep_last_fixes(self._connection, [_fix(row) for row in moved])
        return len(rows)

    def _take(self, select: str, boot: Boot | None, newest: int, limit: int) -> list[Any]:
        """Waiting rows of one boot, the newest of which was received at `newest`."""
        since = boot.stamps_from_us if boot is not None else -EVER_US
        order = "DESC" if boot is not None and boot.shift_us > 0 else "ASC"
        rows: list[Any] = self._raw.execute(
            f"{select} WHERE {WAITING} AND received_at >= ? AND received_at <= ? ORDER BY received_at {order} LIMIT ?",
            (since, newest, limit),
        ).fetchall()
        return rows

    def _put(self, table: str, columns: str, rows: Sequence[tuple[Any, ...]], kind: str) -> None:
        """Write moved rows back in the order of their key; what is there already is a duplicate."""
        marks = ", ".join("?" * len(columns.split(",")))
        statement = f"INSERT INTO {table} ({columns}) VALUES ({marks}) ON CONFLICT DO NOTHING"
        written = self._raw.executemany(statement, sorted(rows, key=lambda row: row[:2])).rowcount if rows else 0
        lost = len(rows) - written
        add_totals(self._connection, {("stored", kind): -lost, ("duplicate", ""): lost})

    def _dated(self, boot: Boot | None, source: str, us: int, received: int, quality: str) -> "_Dated":
        """What is true of a row; the ledger may have forgotten its boot."""
        if boot is None:
            return _Dated(us, received, "estimated")
        received += boot.shift_us
        if quality == "undated":
            return _Dated(us + boot.shift_us, received, "estimated" if boot.evidence == "estimate" else "missing")
        live, skew_ms = self._device(source)
        return _Dated(us, received, self._judge(us, received + boot.spread_us, live, skew_ms))

    def _device(self, source: str) -> tuple[bool, float | None]:
        """Whether a source is a device, which tells what it tells live, and what is known of its clock."""
        if source not in self._devices:
            row = self._raw.execute("SELECT skew_ms FROM devices WHERE source = ?", (source,)).fetchone()
            self._devices[source] = (row is not None, row[0] if row else None)
        return self._devices[source]

    def _names(self, series: Iterable[int]) -> dict[int, str]:
        found = {}
        for key in set(series):
            row = self._raw.execute("SELECT device FROM reading_series WHERE series_pk = ?", (key,)).fetchone()
            found[key] = str(row[0]) if row else ""
        return found


def has_work(raw: Any) -> bool:
    """Whether rows wait whose boot's time is known; a look at three indexes that are mostly empty."""
    boots = fetch_boots(raw)
    return any(_newest_waiting(raw, table, boots) is not None for table in WAITING_TABLES)


def _newest_waiting(raw: Any, table: str, boots: Sequence[Boot]) -> int | None:
    """The newest time of receipt of a row that waits, of all boots whose time is known; None where there is none.

    Boots without a time are the last ones of the ledger: when one learns it, those before it are estimated.
    """
    before = next((boot.stamps_from_us for boot in boots if not boot.known), EVER_US)
    newest: int | None = raw.execute(
        f"SELECT max(received_at) FROM {table} WHERE {WAITING} AND received_at < ?", (before,)
    ).fetchone()[0]
    return newest


def _fix(row: tuple[Any, ...]) -> Fix:
    return Fix(
        observed_at=from_us(row[0]),
        device=row[1],
        received_at=from_us(row[2]),
        longitude=row[3],
        latitude=row[4],
        clock_quality=row[9],
    )
