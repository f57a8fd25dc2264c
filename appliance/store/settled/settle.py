"""Settling: what an event needs beside its own row is written behind, sorted and many at a time.

An event is stored by appending a row. Its identity (`event_keys`), its cell (`event_cells`) and its counters
(`event_counts`) follow later, up to the marks in `settled` and, for each resolution, in `counted`; whoever reads looks
at the events above the mark, the tail, directly. So each of these trees is written once for thousands of events and not
once for each, which is what wears a card: 49 bytes were written for each byte of growth before, and about 5 now.

`Recorder` settles the index when the tail has grown to `INDEX_ROWS`, the jobs process the counters: those that a run
reads before it, all when many events wait. At a fine resolution nearly every event touches a page of its own: counted
each minute it alone would write a card 7 GB a day at 20 events a second. What changes an event afterwards goes through
`follow_change` and `delete_events`, which keep all of it in step.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from appliance.errors import Corrupt
from appliance.spatial.geometry import read_point
from appliance.store.engine import raw_connection
from appliance.store.near.segments import SEGMENT_BITS, widen_segment, widen_segments
from appliance.store.settled.day_changes import CountRow
from appliance.store.settled.tally import Tally, add_counts
from appliance.store.totals import add_totals

INDEX_ROWS = 8_192  # events in the tail before they are indexed: some 20 MB written at once on a full day
COUNT_ROWS = 32_768  # counted in one transaction, some 60 ms; the more together, the more of them share a page
MAX_UNCOUNTED = 131_072  # with more than this the writer counts too, as many as it indexes: jobs is slow or down

_AMENDED = "UPDATE settled SET amended = amended + 1"  # whoever is tallying must begin again
_INDEX_KEYS = """
INSERT INTO event_keys SELECT source, event_id, event_pk FROM events WHERE event_pk > ? AND event_pk <= ?
ORDER BY source, event_id
"""
_INDEX_CELLS = f"""
INSERT INTO event_cells SELECT event_pk >> {SEGMENT_BITS}, h3_index, event_timestamp, event_pk FROM events
WHERE event_pk > ? AND event_pk <= ? AND h3_index IS NOT NULL ORDER BY 1, 2, 3, 4
"""


class Marks(NamedTuple):
    """How far settling has come, as event_pk: identity and cell up to the first, counters of every resolution up to the
    second."""

    indexed: int
    counted: int


class Spot(NamedTuple):
    """What index and counters know of an event; `cell` and `point` (its geometry BLOB) are None without a place."""

    us: int
    event_type: str
    cell: int | None
    point: bytes | None


class Tallied(NamedTuple):
    """Events that were tallied at some resolutions: those above `after` up to `upto`, when so many amendments had been
    made. `more`: there may be others."""

    resolutions: tuple[int, ...]
    after: int
    upto: int
    amended: int
    events: int
    more: bool


def fetch_marks(raw: Any) -> Marks:
    """The marks as this transaction sees them."""
    return Marks(
        *raw.execute(
            "SELECT indexed_pk, coalesce((SELECT min(event_pk) FROM counted), indexed_pk) FROM settled"
        ).fetchone()
    )


def fetch_counted(raw: Any) -> dict[int, int]:
    """Resolution -> the event_pk up to which it is counted."""
    return dict(raw.execute("SELECT resolution, event_pk FROM counted"))


def last_key(raw: Any) -> int:
    """The highest event_pk ever given; 0 in a store that never had an event."""
    row = raw.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    return int(row[0]) if row else 0


def count_uncounted(connection: sa.Connection) -> int:
    """How many events wait to be counted, at most (deleted ones among them)."""
    raw = raw_connection(connection)
    return last_key(raw) - fetch_marks(raw).counted


def fetch_resolutions(connection: sa.Connection) -> list[int]:
    """The H3 resolutions at which the events of this store are counted."""
    text: str = connection.exec_driver_sql("SELECT resolutions FROM site").scalar_one()
    return [int(resolution) for resolution in text.split(",") if resolution]


def settle_index(connection: sa.Connection, limit: int = INDEX_ROWS) -> int:
    """Index at most `limit` events of the tail; how many. The caller holds the write transaction."""
    raw = raw_connection(connection)
    after = fetch_marks(raw).indexed
    row = raw.execute(
        "SELECT count(*), max(event_pk) FROM "
        "(SELECT event_pk FROM events WHERE event_pk > ? ORDER BY event_pk LIMIT ?)",
        (after, limit),
    ).fetchone()
    rows, upto = row
    if not rows:
        return 0
    raw.execute(_INDEX_KEYS, (after, upto))
    raw.execute(_INDEX_CELLS, (after, upto))
    widen_segments(raw, after, upto)
    raw.execute("UPDATE settled SET indexed_pk = ?", (upto,))
    return int(rows)


def settle_counts(connection: sa.Connection, tally: Tally, limit: int = COUNT_ROWS) -> Tallied:
    """Count at most `limit` events that are not counted yet. The caller holds the write transaction.

    raises  Corrupt  the geometry of one cannot be read
    """
    found = tally_uncounted(connection, tally, limit)
    rows = tally.take()
    for resolution in found.resolutions:
        write_tallied(connection, found, resolution, rows.get(resolution, []))
    return found


def tally_uncounted(connection: sa.Connection, tally: Tally, limit: int = COUNT_ROWS) -> Tallied:
    """Tally at most `limit` events that are not counted yet, at those of the tally's resolutions that are furthest
    behind, until they have caught up with the next. Needs no write transaction: `write_tallied` sees whether it still
    holds.

    raises  Corrupt  the geometry of one cannot be read
    """
    raw = raw_connection(connection)
    counted, amended = fetch_counted(raw), _amended(raw)
    marks = sorted({counted[resolution] for resolution in tally.resolutions if resolution in counted})
    if not marks:
        return Tallied(resolutions=(), after=0, upto=0, amended=amended, events=0, more=False)
    after, upto = marks[0], marks[1] if len(marks) > 1 else last_key(raw)
    resolutions = tuple(resolution for resolution in tally.resolutions if counted.get(resolution) == after)
    rows = raw.execute(
        "SELECT event_pk, event_timestamp, event_type, geom FROM events WHERE event_pk > ? AND event_pk <= ? "
        "ORDER BY event_pk LIMIT ?",
        (after, upto, limit),
    ).fetchall()
    tally_rows(tally, (row[1:] for row in rows), resolutions)
    if len(rows) == limit:
        upto = rows[-1][0]
    more = len(rows) == limit or len(marks) > 1
    return Tallied(resolutions=resolutions, after=after, upto=upto, amended=amended, events=len(rows), more=more)


def write_tallied(connection: sa.Connection, found: Tallied, resolution: int, rows: Sequence[CountRow]) -> bool:
    """Add what was tallied at one resolution to the counters; False, and nothing, where others have counted there or an
    event was amended."""
    raw = raw_connection(connection)
    if _amended(raw) != found.amended or fetch_counted(raw).get(resolution) != found.after:
        return False
    if found.upto > found.after:
        add_counts(raw, rows)
        mark_counted(raw, [resolution], found.upto)
    return True


def mark_counted(raw: Any, resolutions: Iterable[int], upto: int) -> None:
    """The counters of these resolutions hold the events up to this event_pk."""
    raw.executemany("REPLACE INTO counted VALUES (?, ?)", [(resolution, upto) for resolution in resolutions])


def _amended(raw: Any) -> int:
    """How often an event that was not counted yet was amended."""
    return int(raw.execute("SELECT amended FROM settled").fetchone()[0])


def tally_rows(
    tally: Tally, rows: Iterable[tuple[int, str, bytes | None]], resolutions: Sequence[int] | None = None
) -> None:
    """Count (event_timestamp, event_type, geom) of events; one without a place counts nowhere.

    resolutions  at which, None: at those of the tally
    """
    tally.add_points(((us, event_type, point) for us, event_type, point in rows if point is not None), resolutions)


def follow_change(connection: sa.Connection, tally: Tally, event_pk: int, before: Spot, after: Spot) -> None:
    """Keep index and counters in step with an event whose type, time or place has changed.

    The caller writes the event's row itself, in the same transaction, and at last `tally.write`.
    """
    raw = raw_connection(connection)
    if event_pk <= fetch_marks(raw).indexed and (before.us, before.cell) != (after.us, after.cell):
        segment = event_pk >> SEGMENT_BITS
        if before.cell is not None:
            raw.execute(
                "DELETE FROM event_cells WHERE segment = ? AND h3_index = ? AND event_timestamp = ? AND event_pk = ?",
                (segment, before.cell, before.us, event_pk),
            )
        if after.cell is not None:
            raw.execute(
                "INSERT OR IGNORE INTO event_cells VALUES (?, ?, ?, ?)", (segment, after.cell, after.us, event_pk)
            )
            widen_segment(raw, segment, after.us)
    counted = fetch_counted(raw)
    for spot, by in ((before, -1), (after, 1)):
        _count_again(tally, counted, event_pk, spot, by)
    if any(event_pk > mark for mark in counted.values()):
        raw.execute(_AMENDED)


def _count_again(tally: Tally, counted: dict[int, int], event_pk: int, spot: Spot, by: int) -> None:
    """Count an event, or take it back, at the resolutions at which it is counted."""
    resolutions = [resolution for resolution in tally.resolutions if event_pk <= counted.get(resolution, 0)]
    if spot.point is not None and resolutions:
        lng, lat = read_point(spot.point)
        tally.add(us=spot.us, lng=lng, lat=lat, event_type=spot.event_type, by=by, resolutions=resolutions)


def delete_events(connection: sa.Connection, tally: Tally, keys: Sequence[int], *, uncount: bool) -> int:
    """Delete events by event_pk; how many were there. The caller holds the write transaction.

    uncount  False for retention: the counters stay, they are the roll-up, and only events at or below both marks may
             go. True where the events themselves were wrong: their counts are taken back (into `tally`, which the
             caller writes).
    Entries of `event_cells` stay until their segment is dropped; readers join them to the events.
    raises  Corrupt  an event is to be deleted by age that is not rolled up yet
    """
    raw = raw_connection(connection)
    marks, counted = fetch_marks(raw), fetch_counted(raw)
    deleted = 0
    for key in keys:
        row = raw.execute(
            "DELETE FROM events WHERE event_pk = ? RETURNING source, event_id, event_timestamp, event_type, geom",
            (key,),
        ).fetchone()
        if row is None:
            continue
        if not uncount and key > min(marks):
            raise Corrupt(f"event {key} is not rolled up yet and must not be deleted by age; settle first")
        raw.execute("DELETE FROM event_keys WHERE source = ? AND event_id = ? AND event_pk = ?", (*row[:2], key))
        if not uncount:
            hour = tally.hours.place(row[2])[1]
            raw.execute("INSERT OR IGNORE INTO purged_hours VALUES (?)", (hour,))
        else:
            _count_again(tally, counted, key, Spot(row[2], row[3], None, row[4]), by=-1)
            if any(key > mark for mark in counted.values()):
                raw.execute(_AMENDED)
        deleted += 1
    add_totals(connection, {("purged", "" if not uncount else "withdrawn"): deleted})
    return deleted


def drop_segments(connection: sa.Connection, limit: int) -> int:
    """Delete at most `limit` entries of segments of which no event is left; how many. Repeat until it is 0."""
    raw = raw_connection(connection)
    row = raw.execute("SELECT event_pk FROM events ORDER BY event_pk LIMIT 1").fetchone()
    first = row[0] if row else fetch_marks(raw).indexed + 1
    deleted: int = raw.execute(
        "DELETE FROM event_cells WHERE (segment, h3_index, event_timestamp, event_pk) IN "
        "(SELECT segment, h3_index, event_timestamp, event_pk FROM event_cells WHERE segment < ? "
        "ORDER BY segment, h3_index, event_timestamp, event_pk LIMIT ?)",
        (first >> SEGMENT_BITS, limit),
    ).rowcount
    return deleted
