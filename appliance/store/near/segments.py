"""The times of the spatial index's segments: written where its entries are, read to leave segments alone.

A segment holds the entries of 65,536 events that came one after the other (`settle`), so its times are near each other
unless old events were imported. Times are microseconds since the epoch.
"""

from typing import Any, NamedTuple

SEGMENT_BITS = 16
FOREVER = 2**63 - 1  # what SQLite's INTEGER holds

_WIDEN = """ON CONFLICT (segment) DO UPDATE
SET first_time = min(first_time, excluded.first_time), last_time = max(last_time, excluded.last_time)"""
# Segments with entries by skipping from one to the next, not by reading the index.
_SEGMENTS = f"""
WITH RECURSIVE held(segment) AS (
    SELECT min(segment) FROM event_cells
    UNION ALL
    SELECT (SELECT min(segment) FROM event_cells WHERE segment > held.segment) FROM held WHERE segment IS NOT NULL
)
SELECT held.segment, coalesce(s.last_time, {FOREVER}) FROM held LEFT JOIN event_segments AS s USING (segment)
WHERE held.segment IS NOT NULL AND coalesce(s.last_time, {FOREVER}) >= ? AND coalesce(s.first_time, -{FOREVER}) <= ?
"""


class Segment(NamedTuple):
    """A segment and the latest time of its entries, or later."""

    segment: int
    last_time: int


def fetch_segments(raw: Any, from_us: int, to_us: int) -> list[Segment]:
    """The segments that may hold entries between two times, both included."""
    return [Segment(*row) for row in raw.execute(_SEGMENTS, (from_us, to_us))]


def widen_segments(raw: Any, after: int, upto: int) -> None:
    """Take in the times of the events with after < event_pk <= upto."""
    raw.execute(
        f"INSERT INTO event_segments SELECT event_pk >> {SEGMENT_BITS}, min(event_timestamp), max(event_timestamp) "
        f"FROM events WHERE event_pk > ? AND event_pk <= ? GROUP BY 1 {_WIDEN}",
        (after, upto),
    )


def widen_segment(raw: Any, segment: int, us: int) -> None:
    """Take in one time."""
    raw.execute(f"INSERT INTO event_segments VALUES (?, ?, ?) {_WIDEN}", (segment, us, us))
