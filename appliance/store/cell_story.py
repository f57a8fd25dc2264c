"""What explains a cell: its counts by type, what is usual in it, what its score was scaled by, and how fresh that is.

Each read is of one cell and at most `USUAL_DAYS` days, by the keys of its table. Called by `serve.cells`.
"""

from datetime import date, datetime, timedelta

import msgspec
import sqlalchemy as sa

from appliance.clock import from_us
from appliance.spatial.cells import resolution_of
from appliance.store.engine import raw_connection
from appliance.store.runs import fetch_last_done, fetch_watermark

USUAL_DAYS = 56  # eight weeks, so that each day of the week is there eight times


class TypeCount(msgspec.Struct, frozen=True, kw_only=True):
    """Events of one type in a cell on the day, in the 7 and in the 28 days ending with it."""

    event_type: str
    day: int
    last_7_days: int
    last_28_days: int


class Usual(msgspec.Struct, frozen=True, kw_only=True):
    """What is usual in a cell: means of events a day before the day that is explained, that day left out.

    mean_28_days  over the four weeks before
    same_weekday  over the same day of the eight weeks before
    busiest_day   the most events of a day in them
    """

    mean_28_days: float
    same_weekday: float
    busiest_day: int


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """What a cell's day was judged by: raw extremes of the run, mean and spread of the cell."""

    low: float
    high: float
    mean: float
    spread: float
    run_id: int


class Freshness(msgspec.Struct, frozen=True, kw_only=True):
    """How old the picture of a cell is.

    scored_at  when the newest run of its resolution was done, which saw `watermark` events and corrections of the
               `stored` that there are; `behind` is how many it has yet to see
    """

    scored_at: datetime | None
    run_id: int | None
    watermark: int
    stored: int
    behind: int


def fetch_type_counts(connection: sa.Connection, cell: int, day: date) -> list[TypeCount]:
    """Of the types that came about in a cell in the 28 days ending with `day`, the most frequent first."""
    rows = raw_connection(connection).execute(
        """SELECT event_type, sum(CASE WHEN day = ?2 THEN event_count ELSE 0 END),
            sum(CASE WHEN day > ?3 THEN event_count ELSE 0 END), sum(event_count)
        FROM event_counts WHERE resolution = ?1 AND h3_index = ?5 AND day IN (SELECT value FROM json_each(?4))
        GROUP BY event_type ORDER BY 4 DESC, 1""",
        (resolution_of(cell), day.isoformat(), (day - timedelta(days=7)).isoformat(), _days_to(day, 28), cell),
    )
    return [TypeCount(event_type=row[0], day=row[1], last_7_days=row[2], last_28_days=row[3]) for row in rows]


def fetch_usual(connection: sa.Connection, cell: int, day: date) -> Usual:
    """What is usual in a cell, from its counters of the eight weeks before a day."""
    before = day - timedelta(days=1)
    rows = raw_connection(connection).execute(
        """SELECT day, sum(event_count) FROM event_counts
        WHERE resolution = ? AND h3_index = ? AND day IN (SELECT value FROM json_each(?)) GROUP BY day""",
        (resolution_of(cell), cell, _days_to(before, USUAL_DAYS)),
    )
    counts = {date.fromisoformat(found): count for found, count in rows}
    weeks = [counts.get(day - timedelta(weeks=n), 0) for n in range(1, USUAL_DAYS // 7 + 1)]
    month = [counts.get(day - timedelta(days=n), 0) for n in range(1, 29)]
    return Usual(
        mean_28_days=sum(month) / len(month),
        same_weekday=sum(weeks) / len(weeks),
        busiest_day=max(counts.values(), default=0),
    )


def fetch_scale(connection: sa.Connection, cell: int, day: date) -> Scale | None:
    """What a cell's score of a day was scaled and flagged by; None where it has none, or it is of an older program."""
    row = (
        raw_connection(connection)
        .execute(
            "SELECT low, high, mean, spread, baselines.run_id FROM judged_days JOIN baselines USING (baseline_id) "
            "WHERE resolution = ? AND day = ? AND h3_index = ? AND cells <> ''",
            (resolution_of(cell), day.isoformat(), cell),
        )
        .fetchone()
    )
    return Scale(low=row[0], high=row[1], mean=row[2], spread=row[3], run_id=row[4]) if row else None


def fetch_freshness(connection: sa.Connection, resolution: int) -> Freshness:
    """How fresh the scores of a resolution are."""
    run, stored = fetch_last_done(connection, resolution), fetch_watermark(connection)
    return Freshness(
        scored_at=run.finished_at if run else None,
        run_id=run.run_id if run else None,
        watermark=run.watermark if run else 0,
        stored=stored,
        behind=max(0, stored - (run.watermark if run else 0)),
    )


def fetch_newest_event_time(connection: sa.Connection, cell: int) -> datetime | None:
    """When the last event that is counted in a cell came about, to the hour; None where none is known."""
    row = (
        raw_connection(connection)
        .execute(
            """WITH RECURSIVE back(day) AS (
                SELECT max(day) FROM event_counts WHERE resolution = ?1
                UNION ALL
                SELECT (SELECT max(day) FROM event_counts WHERE resolution = ?1 AND day < back.day) FROM back
                WHERE back.day IS NOT NULL LIMIT ?3
            ) SELECT max(hour) FROM back JOIN event_counts AS c
                ON c.resolution = ?1 AND c.day = back.day AND c.h3_index = ?2""",
            (resolution_of(cell), cell, USUAL_DAYS),
        )
        .fetchone()
    )
    return from_us(row[0]) if row[0] is not None else None


def _days_to(day: date, how_many: int) -> str:
    texts = ", ".join(f'"{(day - timedelta(days=n)).isoformat()}"' for n in range(how_many))
    return f"[{texts}]"
