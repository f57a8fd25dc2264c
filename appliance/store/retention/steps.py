"""What retention takes away, a step at a time: what is old, rolled up, pinned to no case, and acknowledged.

Each function takes away a few hundred rows and says whether there is more, and what of that it had to leave because
something else comes first. The caller (`job.cleaning`) commits between steps and lets others write. Nothing here
reads a clock: `before` is an instant in microseconds, and whoever calls has a clock that can be believed.
"""

from typing import Any

import sqlalchemy as sa

from appliance.aggregate.bins import SiteBins
from appliance.clock import from_us, rfc3339
from appliance.model.tier import Ladder
from appliance.store.engine import raw_connection
from appliance.store.measured.late import keep_digests
from appliance.store.measured.open_bins import ALWAYS, Span, fetch_horizon, raise_horizon
from appliance.store.measured.tiers import ladder_tier
from appliance.store.step import STEP_ROWS, Step

VACUUM_PAGES = 256  # a megabyte, in one transaction
SPARE_PAGES = 2_048  # free pages that are always left


def purge_rows(
    connection: sa.Connection, ladder: Ladder, bins: SiteBins, *, before: int, limit: int = STEP_ROWS
) -> Step:
    """Single rows of hours that ended before an instant, and whose bins are computed; their digests stay."""
    raw = raw_connection(connection)
    target, waits = bins.hour_of(before).start, ""
    marked = _first_open(raw, ladder, "quarter")
    if marked is not None and marked < target:
        target = bins.hour_of(marked).start
        waits = f"{ladder.name} since {rfc3339(from_us(target))} are not rolled up"
    raise_horizon(raw, ladder.raw, target)
    horizon = fetch_horizon(raw, ladder.raw)
    upto = _edge(raw, ladder.raw, ladder.time, horizon, limit)
    names = (ladder.time, ladder.key, *ladder.values)
    rows = raw.execute(
        f"SELECT {', '.join(names)} FROM {ladder.raw} WHERE {ladder.time} < ? AND {ladder.time} <= ?", (horizon, upto)
    ).fetchall()
    keep_digests(raw, ladder, rows)
    raw.execute(f"DELETE FROM {ladder.raw} WHERE {ladder.time} < ? AND {ladder.time} <= ?", (horizon, upto))
    return Step(deleted=len(rows), more=len(rows) >= limit, waits=waits)


def purge_minutes(connection: sa.Connection, ladder: Ladder, *, before: int, limit: int = STEP_ROWS) -> Step:
    """Bins of minutes before an instant. They wait for nothing: hours are computed from the rows."""
    tier = ladder.tier("minute")
    if tier is None:
        return Step()
    raw = raw_connection(connection)
    raise_horizon(raw, tier.table, before)
    return _delete_before(raw, tier.table, tier.width, before, limit)


def purge_hours(
    connection: sa.Connection, ladder: Ladder, bins: SiteBins, *, before: int, limit: int = STEP_ROWS
) -> Step:
    """Bins of hours of days that ended before an instant, once these days are computed and their single rows gone."""
    raw = raw_connection(connection)
    tier, rows_from = ladder_tier(ladder, "hour"), fetch_horizon(raw, ladder.raw)
    if rows_from == ALWAYS:
        return Step()
    day, waits = bins.day_of(min(before, rows_from)), ""
    marked = _first_open(raw, ladder, "day")
    if marked is not None and marked < day:
        day, waits = marked, f"hours of {ladder.name} since {marked} are not rolled up to days"
    raise_horizon(raw, tier.table, bins.hours_of_day(day)[0].start)
    step = _delete_before(raw, tier.table, tier.width, fetch_horizon(raw, tier.table), limit)
    return Step(deleted=step.deleted, more=step.more, waits=waits)


def purge_repeats(
    connection: sa.Connection, ladder: Ladder, *, before: int, received_before: int, limit: int = STEP_ROWS
) -> Step:
    """Digests of rows observed before an instant, and merged late rows that came before one."""
    raw = raw_connection(connection)
    step = _delete_before(raw, ladder.repeats, "hour", before, limit)
    names = ", ".join((ladder.time, ladder.key, *ladder.values))
    late: int = raw.execute(
        f"DELETE FROM {ladder.late} WHERE ({names}) IN "
        f"(SELECT {names} FROM {ladder.late} WHERE merged = 1 AND received_at < ? LIMIT ?)",
        (received_before, limit),
    ).rowcount
    return Step(deleted=step.deleted + late, more=step.more or late >= limit)


def purge_positions(connection: sa.Connection, *, before: int, limit: int = STEP_ROWS) -> Step:
    """Fixes observed before an instant."""
    raw = raw_connection(connection)
    raise_horizon(raw, "positions", before)
    return _delete_before(raw, "positions", "observed_at", before, limit)


def shrink(connection: sa.Connection, *, pages: int = VACUUM_PAGES) -> bool:
    """Give some free pages of the file back to the system; whether there are more to give.

    A twentieth of the file is left free: what comes tomorrow takes it, and moving pages wears the card.
    """
    raw = raw_connection(connection)
    free, all_pages = (raw.execute(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "page_count"))
    spare = max(SPARE_PAGES, all_pages // 20)
    if free <= spare:
        return False
    raw.execute(f"PRAGMA incremental_vacuum({min(pages, free - spare)})").fetchall()  # a page at each row fetched
    return bool(free - pages > spare)


def _first_open(raw: Any, ladder: Ladder, span: Span) -> Any:
    return raw.execute("SELECT min(bin) FROM open_bins WHERE ladder = ? AND span = ?", (ladder.name, span)).fetchone()[
        0
    ]


def _delete_before(raw: Any, table: str, column: str, before: int, limit: int) -> Step:
    """Rows from the lowest on, of a table that lies in the order of a column; a little more where many are equal."""
    upto = _edge(raw, table, column, before, limit)
    deleted: int = raw.execute(f"DELETE FROM {table} WHERE {column} < ? AND {column} <= ?", (before, upto)).rowcount
    return Step(deleted=deleted, more=deleted >= limit)


def _edge(raw: Any, table: str, column: str, before: int, limit: int) -> int:
    """The value in the column of the row that is the last of so many."""
    row = raw.execute(f"SELECT {column} FROM {table} ORDER BY {column} LIMIT 1 OFFSET ?", (limit - 1,)).fetchone()
    return int(row[0]) if row else before
