"""Shadow tables: what archived messages become by today's mappings, in a file of its own beside the store.

So the store grows by nothing but what changes, and the work may be broken off at any instant: the file is made anew.
It is neither synced nor journalled. `difference` compares it with the store, `swap` takes over from it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from appliance.clock import from_us, to_us
from appliance.model.event import Event
from appliance.model.intake import Fix, Intake, Reading
from appliance.store.file import dbapi
from appliance.store.measured.positions import fix_members, fix_row

CHUNK = 2_000  # rows held in memory at a time

# States of a shadow row: NEW is not in the store, or waits to be looked for; SAME is there as it is here; CHANGED is to
# be changed there; KEPT is there from a message that is not in the range; GONE is deleted by age and rolled up.
NEW, SAME, CHANGED, KEPT, GONE = range(5)

_SCHEMA = """
CREATE TABLE instants (us INTEGER PRIMARY KEY, whole INTEGER NOT NULL);
CREATE TABLE events (
    source TEXT NOT NULL, event_id TEXT NOT NULL, event_type TEXT NOT NULL, us INTEGER NOT NULL,
    received_at INTEGER NOT NULL, clock_quality TEXT NOT NULL, severity REAL, value REAL, attributes TEXT NOT NULL,
    plate_sealed TEXT, rev INTEGER NOT NULL, longitude REAL, latitude REAL, by_registry INTEGER NOT NULL,
    state INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (source, event_id)
) WITHOUT ROWID;
CREATE TABLE readings (
    us INTEGER NOT NULL, device TEXT NOT NULL, metric TEXT NOT NULL, unit TEXT NOT NULL, value REAL NOT NULL,
    received_at INTEGER NOT NULL, clock_quality TEXT NOT NULL, state INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (us, device, metric, unit, value)
) WITHOUT ROWID;
CREATE TABLE positions (
    us INTEGER NOT NULL, device TEXT NOT NULL, received_at INTEGER NOT NULL, longitude REAL NOT NULL,
    latitude REAL NOT NULL, altitude_m REAL, accuracy_m REAL, speed_mps REAL, heading_deg REAL,
    clock_quality TEXT NOT NULL, state INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (us, device, longitude, latitude)
) WITHOUT ROWID;
CREATE TABLE event_changes (event_pk INTEGER PRIMARY KEY, received_at INTEGER, rev INTEGER, source TEXT, event_id TEXT);
CREATE TABLE event_removals (event_pk INTEGER PRIMARY KEY, received_at INTEGER, rev INTEGER);
CREATE TABLE reading_removals (us INTEGER, series_pk INTEGER, value REAL, received_at INTEGER);
CREATE TABLE position_removals (us INTEGER, device TEXT, longitude REAL, latitude REAL, received_at INTEGER);
CREATE TABLE entries (quarantine_pk INTEGER PRIMARY KEY, came INTEGER NOT NULL);
"""
_ADD_EVENT = """
INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO UPDATE SET
    event_type = excluded.event_type, us = excluded.us, received_at = excluded.received_at,
    clock_quality = excluded.clock_quality, severity = excluded.severity, value = excluded.value,
    attributes = excluded.attributes, plate_sealed = excluded.plate_sealed, rev = excluded.rev,
    longitude = coalesce(excluded.longitude, longitude), latitude = coalesce(excluded.latitude, latitude),
    by_registry = iif(excluded.longitude IS NULL, by_registry, excluded.by_registry)
WHERE excluded.rev > events.rev
"""

_encode: Callable[[Any], bytes] = msgspec.json.encode


class ShadowEvent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A row of `events`; `attributes` is JSON without the sealed plate, which differs each time it is sealed."""

    source: str
    event_id: str
    event_type: str
    us: int
    received_at: int
    clock_quality: Any
    severity: float | None
    value: float | None
    attributes: str
    plate_sealed: str | None
    rev: int
    longitude: float | None
    latitude: float | None
    by_registry: int

    def attributes_with(self, plate_sealed: str | None) -> dict[str, Any]:
        """The attributes with a sealed plate, where there is one."""
        told: dict[str, Any] = msgspec.json.decode(self.attributes)
        return {**told, "plate_sealed": plate_sealed} if plate_sealed else told

    def event(self) -> Event:
        """The event, for those who write events."""
        return Event(
            source=self.source,
            event_id=self.event_id,
            event_type=self.event_type,
            event_timestamp=from_us(self.us),
            received_at=from_us(self.received_at),
            longitude=self.longitude,
            latitude=self.latitude,
            severity=self.severity,
            value=self.value,
            attributes=self.attributes_with(self.plate_sealed),
            rev=self.rev,
            clock_quality=self.clock_quality,
        )


_EVENT = ", ".join(ShadowEvent.__struct_fields__)


class Shadow:
    """The shadow tables in one file, made anew."""

    def __init__(self, path: Path) -> None:
        """`path` is overwritten.

        raises  the driver's error  the file cannot be written
        """
        path.unlink(missing_ok=True)
        self.path = path
        self.raw = dbapi.connect(str(path))
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -16000", "locking_mode = EXCLUSIVE"):
            self.raw.execute(f"PRAGMA {pragma}")
        self.raw.executescript(_SCHEMA)
        self.raw.execute("BEGIN")

    def close(self) -> None:
        """Remove the file."""
        self.raw.close()
        self.path.unlink(missing_ok=True)

    def add(self, intake: Intake, is_by_registry: Callable[[Event], bool]) -> None:
        """Take over events, readings and fixes; the same again is passed over, a higher revision replaces."""
        self.raw.executemany(_ADD_EVENT, [_event_row(one, is_by_registry(one)) for one in intake.events])
        self.raw.executemany(
            "INSERT INTO readings VALUES (?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO NOTHING",
            [_reading_row(one) for one in intake.readings],
        )
        self.raw.executemany(
            "INSERT INTO positions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO NOTHING",
            [fix_row(one) for one in intake.fixes],
        )

    def cover(self, instants: Iterable[tuple[int, bool]]) -> None:
        """(instant of receipt, whether the message was understood whole) of messages; of two, not holds."""
        self.raw.executemany(
            "INSERT INTO instants VALUES (?, ?) ON CONFLICT DO UPDATE SET whole = min(whole, excluded.whole)", instants
        )

    def is_covered(self, received_at: int) -> bool:
        """Whether what was received at an instant is in the archive, and understood whole."""
        row = self.raw.execute("SELECT whole FROM instants WHERE us = ?", (received_at,)).fetchone()
        return row is not None and bool(row[0])

    def find_event(self, source: str, event_id: str) -> ShadowEvent | None:
        """The shadow of an event."""
        row = self.raw.execute(
            f"SELECT {_EVENT} FROM events WHERE source = ? AND event_id = ?", (source, event_id)
        ).fetchone()
        return ShadowEvent(*row) if row else None

    def mark_event(self, source: str, event_id: str, state: int) -> None:
        """Note what an event's shadow is to the store."""
        self.raw.execute("UPDATE events SET state = ? WHERE source = ? AND event_id = ?", (state, source, event_id))

    def events(self, state: int) -> Iterator[list[ShadowEvent]]:
        """The shadows in a state, a chunk at a time, by source and id; they may be marked while they are read."""
        after: tuple[str, str] = ("", "")
        while rows := self.raw.execute(
            f"SELECT {_EVENT} FROM events WHERE (source, event_id) > (?, ?) AND state = ? "
            "ORDER BY source, event_id LIMIT ?",
            (*after, state, CHUNK),
        ).fetchall():
            yield [ShadowEvent(*row) for row in rows]
            after = rows[-1][0], rows[-1][1]

    def rows(self, query: str) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a query, a chunk at a time."""
        cursor = self.raw.execute(query)
        while rows := cursor.fetchmany(CHUNK):
            yield rows

    def count(self, table: str, where: str = "1") -> int:
        """How many rows there are."""
        return int(self.raw.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()[0])


def reading_of(row: Sequence[Any]) -> Reading:
    """The reading of a row of `readings`."""
    return Reading(
        observed_at=from_us(row[0]),
        device=row[1],
        metric=row[2],
        unit=row[3],
        value=row[4],
        received_at=from_us(row[5]),
        clock_quality=row[6],
    )


def fix_of(row: Sequence[Any]) -> Fix:
    """The fix of a row of `positions`."""
    return Fix(**fix_members(row))


def _event_row(event: Event, by_registry: bool) -> tuple[Any, ...]:
    attributes = dict(event.attributes)
    sealed = attributes.pop("plate_sealed", None)
    return (
        event.source,
        event.event_id,
        event.event_type,
        to_us(event.event_timestamp),
        to_us(event.received_at),
        event.clock_quality,
        event.severity,
        event.value,
        _encode(attributes).decode(),
        sealed if isinstance(sealed, str) else None,
        event.rev,
        event.longitude,
        event.latitude,
        int(by_registry),
    )


def _reading_row(reading: Reading) -> tuple[Any, ...]:
    return (
        to_us(reading.observed_at),
        reading.device,
        reading.metric,
        reading.unit,
        reading.value,
        to_us(reading.received_at),
        reading.clock_quality,
    )
