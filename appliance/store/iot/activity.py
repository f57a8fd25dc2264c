"""What each device detected in each hour: counted behind the events, for the baselines of cameras and zones.

Counters of cells do not tell whose motion it was, and a night of each of a hundred cameras is not read from millions of
events. The jobs process follows the events by their key and adds what it finds, with how far it has come, in one
transaction. Where the site's zone changes, or events were passed over that have their time now, it begins anew.
"""

from collections import Counter
from typing import Any

import msgspec
import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from appliance.aggregate.bins import SiteBins
from appliance.clock import HOUR_US
from appliance.store.clock.boots import has_waiting
from appliance.store.engine import raw_connection
from appliance.store.settled.settle import last_key

Ints = NDArray[np.int64]

KEEP_DAYS = 36  # 28 days of baseline, the day that is judged, and a week for a box that was off
READ_ROWS = 4_000  # events looked at in one read
MAX_SOURCES = 5_000  # in one answer: with four weeks of hours 15 MB
CLEAR_ROWS = 2_000  # counters deleted in one transaction
CLEARING = -1  # in place of an event_pk, while the counters are taken away to begin anew
MOTIONS = ("motion", "object_detection")
PLATE = "plate_read"

_NEXT = "SELECT count(*), max(event_pk) FROM (SELECT event_pk FROM events WHERE event_pk > ? ORDER BY event_pk LIMIT ?)"
_EVENTS = f"""
SELECT event_pk, source, event_type, event_timestamp, clock_quality IN ('undated', 'untrusted'),
    iif(event_type = '{PLATE}', json_extract(attributes_json, '$.plate_hash'), NULL)
FROM events WHERE event_pk > ? AND event_pk <= ? AND event_type IN {(*MOTIONS, PLATE)}
ORDER BY event_pk
"""
_ADD = """
INSERT INTO device_activity (hour, source, motions, plates) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET motions = motions + excluded.motions, plates = plates + excluded.plates
"""
_STAMP = """
SELECT (SELECT seq FROM sqlite_sequence WHERE name = 'events'), (SELECT amended FROM settled),
    (SELECT event_pk FROM iot_followed), (SELECT read_from FROM iot_followed), (SELECT rev FROM registry),
    (SELECT max(observed_at) FROM reading_values), (SELECT max(state_at) FROM devices), (SELECT count(*) FROM devices),
    (SELECT max(hit_id) FROM watch_list_hits), (SELECT max(entry_id) FROM watch_list),
    (SELECT count(*) FROM watch_list),
    (SELECT max(changed_at) FROM environment_thresholds), (SELECT count(*) FROM environment_thresholds),
    (SELECT max(outage_pk) FROM outages), (SELECT count(*) FROM outages WHERE ended_at IS NULL)
"""

Key = tuple[int, str]
"""Start of the site's hour, source."""


class Followed(msgspec.Struct, frozen=True, kw_only=True):
    """How far the jobs process has come; the row of `iot_followed`."""

    event_pk: int
    amended: int
    undated: int
    read_from: int
    timezone: str


class Gathered(msgspec.Struct, kw_only=True):
    """Events that were looked at and not written yet: what they add, and their plates. Grows while it waits.

    plates  event_pk -> hash of the plate that was read
    """

    upto: int
    rows: int = 0
    undated: int = 0
    motions: Counter[Key] = msgspec.field(default_factory=Counter)
    read: Counter[Key] = msgspec.field(default_factory=Counter)
    plates: dict[int, str] = {}


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """What devices detected, hour by hour.

    hours    (h,) int64    starts of the hours in which anything was detected, ascending
    sources  source -> its row
    motions  (s, h) int32
    readers  sources that read a plate
    """

    hours: Ints
    sources: dict[str, int]
    motions: NDArray[np.int32]
    readers: frozenset[str]

    def of(self, source: str) -> Ints:
        """(h,) the motions of a source; none of one that is not there."""
        row = self.sources.get(source)
        found: Ints = self.motions[row].astype(np.int64) if row is not None else np.zeros(len(self.hours), np.int64)
        return found


def fetch_followed(connection: sa.Connection) -> Followed:
    """How far it has come."""
    names = msgspec.structs.fields(Followed)
    row = (
        raw_connection(connection)
        .execute(f"SELECT {', '.join(field.name for field in names)} FROM iot_followed")
        .fetchone()
    )
    return Followed(**dict(zip((field.name for field in names), row, strict=True)))


def count_behind(connection: sa.Connection) -> int:
    """How many events wait to be counted, at most; all of them while it begins anew."""
    return last_key(raw_connection(connection)) - max(0, fetch_followed(connection).event_pk)


def gather(connection: sa.Connection, gathered: Gathered, bins: SiteBins, *, now: int, limit: int = READ_ROWS) -> int:
    """Look at the next events; how many there were. `gathered` is changed in place.

    What is older than `KEEP_DAYS` is passed over, and what has no time yet is noted. An event of a source that is no
    device is in nobody's baseline; its plate is matched all the same.
    """
    raw = raw_connection(connection)
    events, upto = raw.execute(_NEXT, (gathered.upto, limit)).fetchone()
    if not events:
        return 0
    oldest = now - KEEP_DAYS * 24 * HOUR_US
    devices: dict[str, bool] = {}  # asked once for all events of a source
    for key, source, event_type, us, undated, plate in raw.execute(_EVENTS, (gathered.upto, upto)).fetchall():
        if plate:
            gathered.plates[key] = plate
        if undated:
            gathered.undated += 1
        elif us >= oldest:
            if source not in devices:
                row = raw.execute("SELECT 1 FROM devices WHERE source = ?", (source,)).fetchone()
                devices[source] = row is not None
            if devices[source]:
                counted = gathered.read if event_type == PLATE else gathered.motions
                counted[bins.hour_of(us).start, source] += 1
    gathered.upto = upto
    gathered.rows += events
    return int(events)


def write_gathered(connection: sa.Connection, gathered: Gathered, *, now: int) -> None:
    """Add what was gathered, and let some of what is too old go. The caller holds the write transaction."""
    raw = raw_connection(connection)
    keys = sorted(gathered.motions.keys() | gathered.read.keys())
    raw.executemany(_ADD, [(*key, gathered.motions[key], gathered.read[key]) for key in keys])
    raw.execute("UPDATE iot_followed SET event_pk = ?, undated = undated + ?", (gathered.upto, gathered.undated))
    raw.execute(
        "DELETE FROM device_activity WHERE (hour, source) IN "
        "(SELECT hour, source FROM device_activity WHERE hour < ? ORDER BY hour LIMIT ?)",
        (now - KEEP_DAYS * 24 * HOUR_US, CLEAR_ROWS),
    )


def must_begin_anew(connection: sa.Connection, followed: Followed, zone: str) -> bool:
    """Whether the counters are not those of this zone, or lack events that have their time by now."""
    if followed.event_pk == CLEARING or followed.timezone != zone:
        return True
    return followed.undated > 0 and not has_waiting(raw_connection(connection))


def begin_anew(connection: sa.Connection, zone: str) -> bool:
    """Take some of the counters away; whether all are gone and counting can begin."""
    raw = raw_connection(connection)
    deleted = raw.execute(
        "DELETE FROM device_activity WHERE (hour, source) IN (SELECT hour, source FROM device_activity LIMIT ?)",
        (CLEAR_ROWS,),
    ).rowcount
    begun: bool = deleted < CLEAR_ROWS
    raw.execute("UPDATE iot_followed SET event_pk = ?, undated = 0, timezone = ?", (0 if begun else CLEARING, zone))
    return begun


def fetch_activity(connection: sa.Connection, *, start: int, end: int) -> Activity:
    """What every device detected in the hours that begin in [start, end); at most `MAX_SOURCES` of them are told."""
    raw, within = raw_connection(connection), "FROM device_activity WHERE hour >= ? AND hour < ?"
    hours = [row[0] for row in raw.execute(f"SELECT DISTINCT hour {within} ORDER BY hour", (start, end))]
    column = {hour: n for n, hour in enumerate(hours)}
    of_source: dict[str, NDArray[np.int32]] = {}
    readers = set()
    for hour, source, motions, plates in raw.execute(f"SELECT hour, source, motions, plates {within}", (start, end)):
        counts = of_source.get(source)
        if counts is None:
            if len(of_source) >= MAX_SOURCES:
                continue
            counts = of_source[source] = np.zeros(len(hours), dtype=np.int32)
        counts[column[hour]] = motions
        if plates:
            readers.add(source)
    return Activity(
        hours=np.array(hours, dtype=np.int64),
        sources={source: n for n, source in enumerate(of_source)},
        motions=np.array([*of_source.values()], dtype=np.int32).reshape(len(of_source), len(hours)),
        readers=frozenset(readers),
    )


def fetch_amended(raw: Any) -> int:
    """A number that rises when an event is changed after it was stored."""
    return int(raw.execute("SELECT amended FROM settled").fetchone()[0])


def fetch_stamp(connection: sa.Connection) -> tuple[int, ...]:
    """Numbers of which at least one changes when anything does by which zones are judged."""
    row = raw_connection(connection).execute(_STAMP).fetchone()
    return tuple(int(number or 0) for number in row)
