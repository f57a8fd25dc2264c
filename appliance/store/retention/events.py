"""What retention takes away of events and of the risk computed from them; as `steps`, a step at a time.

Events go in the order in which they came, so an imported history is kept as long as what came with it. Their counters
stay, for they are the roll-up. The centre must have what is computed before it goes, where there is a centre.
"""

from typing import Any

import sqlalchemy as sa

from appliance.clock import from_us, rfc3339
from appliance.store.engine import raw_connection
from appliance.store.near.segments import SEGMENT_BITS
from appliance.store.settled.settle import delete_events, fetch_marks
from appliance.store.settled.tally import Tally
from appliance.store.step import STEP_ROWS, Step

MAX_DOUBTFUL = 50_000  # events without a time in a row that are looked past

_FROM = """
SELECT event_pk, recorded_at, clock_quality IN ('untrusted', 'undated') FROM events WHERE event_pk > ? ORDER BY event_pk
"""
_PINNED = "SELECT event_pk FROM pinned_events WHERE event_pk > ? AND event_pk <= ?"
_DAY = "resolution = ? AND day = ?"
_OF_A_DAY = ("cell_aggregates", "judged_days", "legacy_scores", "forecast_scores", "tombstones", "outbox")
"""What a day of risk is stored in; its scores and flags follow from counts and from how the day was judged."""
_ALONE = "AND NOT EXISTS (SELECT 1 FROM outbox AS o WHERE o.kind = 'cell_aggregates' AND o.resolution = w.resolution)"


def purge_events(
    connection: sa.Connection, tally: Tally, *, before: int, after: int = 0, limit: int = STEP_ROWS
) -> tuple[Step, int]:
    """Events recorded before an instant, indexed and counted, that no case holds; and the event_pk to go on `after`.

    When an event was recorded that the box had no clock for is not known; it is older than those that came after it.
    """
    raw = raw_connection(connection)
    rows, doubtful = _oldest(raw, after, before, limit)
    keys, waits, upto = [key for key, _ in rows], "", min(fetch_marks(raw))
    if keys and keys[-1] > upto:
        keys = [key for key in keys if key <= upto]
        waits = f"events since {rfc3339(from_us(rows[len(keys)][1]))} are not rolled up"
    elif not keys and doubtful >= MAX_DOUBTFUL:
        waits = f"events: {doubtful:,} in a row were recorded without a clock, and how old they are is not known"
    last = keys[-1] if keys else after
    pinned = {row[0] for row in raw.execute(_PINNED, (after, last))}
    deleted = delete_events(connection, tally, [key for key in keys if key not in pinned], uncount=False)
    return Step(deleted=deleted, more=len(keys) >= limit, waits=waits), last


def is_old_unsettled(connection: sa.Connection, *, before: int) -> bool:
    """Whether an event that was recorded before an instant is not indexed or not counted yet."""
    raw = raw_connection(connection)
    row = raw.execute(
        "SELECT recorded_at FROM events WHERE event_pk > ? ORDER BY event_pk LIMIT 1", (min(fetch_marks(raw)),)
    ).fetchone()
    return row is not None and row[0] < before


def _oldest(raw: Any, after: int, before: int, limit: int) -> tuple[list[tuple[int, int]], int]:
    """(event_pk, recorded_at) of the next events that were recorded before an instant, as far as that is known; and
    how many after them are of an age that is not."""
    found: list[tuple[int, int]] = []
    doubtful: list[tuple[int, int]] = []
    for key, recorded_at, unknown in raw.execute(_FROM, (after,)):
        if unknown:
            doubtful.append((key, recorded_at))
        elif recorded_at >= before:
            break
        else:
            found += [*doubtful, (key, recorded_at)]
            doubtful.clear()
        if len(found) >= limit or len(doubtful) >= MAX_DOUBTFUL:
            break
    return found, len(doubtful)


def purge_cells(connection: sa.Connection, *, limit: int = STEP_ROWS) -> Step:
    """Entries of the spatial index of deleted events, in segments of which at most pinned events are left."""
    raw = raw_connection(connection)
    row = raw.execute(
        "SELECT event_pk FROM events WHERE event_pk NOT IN (SELECT event_pk FROM pinned_events) "
        "ORDER BY event_pk LIMIT 1"
    ).fetchone()
    first = row[0] if row else fetch_marks(raw).indexed + 1
    names = "segment, h3_index, event_timestamp, event_pk"
    deleted: int = raw.execute(
        f"DELETE FROM event_cells WHERE ({names}) IN (SELECT {names} FROM event_cells AS c WHERE segment < ? "
        f"AND NOT EXISTS (SELECT 1 FROM events AS e WHERE e.event_pk = c.event_pk) ORDER BY {names} LIMIT ?)",
        (first >> SEGMENT_BITS, limit),
    ).rowcount
    if deleted < limit:
        raw.execute(
            "DELETE FROM event_segments WHERE segment < ? AND segment NOT IN (SELECT DISTINCT segment FROM event_cells "
            "WHERE segment < ?)",
            (first >> SEGMENT_BITS, first >> SEGMENT_BITS),
        )
    return Step(deleted=deleted, more=deleted >= limit)


def purge_risk(connection: sa.Connection, *, before_day: str, centre: bool, alone: bool = False) -> Step:
    """The oldest (resolution, day) of risk before this day, whole, with its entries in the outbox.

    centre  there is one, which must have acknowledged all of the day first
    alone   only scores of a resolution at which nothing but the forecast is computed
    """
    raw = raw_connection(connection)
    row = raw.execute(
        "SELECT resolution, day, max(rev > acked_rev) FROM outbox AS w WHERE day <> '' AND day < ? "
        f"{_ALONE if alone else ''} GROUP BY day, resolution "
        "ORDER BY ? AND max(rev > acked_rev), day, resolution LIMIT 1",
        (before_day, centre),
    ).fetchone()
    waits = _unacknowledged(raw, before_day) if centre and not alone else ""
    if row is None or (centre and row[2]):
        return Step(waits=waits)
    deleted = {table: raw.execute(f"DELETE FROM {table} WHERE {_DAY}", row[:2]).rowcount for table in _OF_A_DAY}
    return Step(deleted=deleted["cell_aggregates"] + deleted["forecast_scores"], more=True, waits=waits)


def _unacknowledged(raw: Any, before_day: str) -> str:
    count, day = raw.execute(
        "SELECT count(*), min(day) FROM outbox WHERE day <> '' AND day < ? AND rev > acked_rev", (before_day,)
    ).fetchone()
    return f"risk of days since {day} ({count} slices) is not acknowledged by the centre" if count else ""
