"""What explains a cell: its counts by type, what is usual in it, what its score was scaled by, and how fresh that is.

Each read is of one cell and at most `USUAL_DAYS` days, by the keys of its table. Called by `serve.cells`.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta

import msgspec
import sqlalchemy as sa

from appliance.aggregate.hours import SiteHours
from appliance.clock import from_us
from appliance.spatial.cells import resolution_of
from appliance.store.engine import raw_connection
from appliance.store.risk.runs import fetch_last_done, fetch_watermark
from appliance.store.settled.settle import fetch_counted, tally_rows
from appliance.store.settled.tally import Tally

Tail = Mapping[tuple[str, int, str], int]
"""(day, instant at which the hour began, event type) -> events of a cell that are not counted yet."""
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


def fetch_tail(connection: sa.Connection, cell: int, hours: SiteHours) -> Tail:
    """What happened in a cell and is not counted yet; its resolution is one that is counted."""
    raw, resolution = raw_connection(connection), resolution_of(cell)
    tally = Tally(hours, (resolution,))
    rows = raw.execute(
        "SELECT event_timestamp, event_type, geom FROM events WHERE event_pk > ?", (fetch_counted(raw)[resolution],)
    )
    tally_rows(tally, rows)
    return {
        (day, hour, event_type): n for (_, day, one, hour, event_type), n in tally.counts.items() if one == cell and n
    }


def fetch_type_counts(connection: sa.Connection, cell: int, day: date, tail: Tail) -> list[TypeCount]:
    """Of the types that came about in a cell in the 28 days ending with `day`, the most frequent first."""
    rows = raw_connection(connection).execute(
        """SELECT event_type, day, sum(event_count) FROM event_counts
        WHERE resolution = ? AND h3_index = ? AND day IN (SELECT value FROM json_each(?)) GROUP BY event_type, day""",
        (resolution_of(cell), cell, _days_to(day, 28)),
    )
    told = [*rows, *((event_type, one, n) for (one, _, event_type), n in tail.items())]
    firsts = [(day - timedelta(days=n)).isoformat() for n in (0, 6, 27)]
    sums: dict[str, list[int]] = {}
    for event_type, one, n in told:
        if firsts[-1] <= one <= day.isoformat():
            counts = sums.setdefault(event_type, [0, 0, 0])
            for at, first in enumerate(firsts):
                counts[at] += n if one >= first else 0
    found = [
        TypeCount(event_type=name, day=counts[0], last_7_days=counts[1], last_28_days=counts[2])
        for name, counts in sums.items()
    ]
    return sorted(found, key=lambda one: (-one.last_28_days, one.event_type))


def fetch_usual(connection: sa.Connection, cell: int, day: date, tail: Tail) -> Usual:
    """What is usual in a cell, by its counts of the eight weeks before a day."""
    before = day - timedelta(days=1)
    rows = raw_connection(connection).execute(
        """SELECT day, sum(event_count) FROM event_counts
        WHERE resolution = ? AND h3_index = ? AND day IN (SELECT value FROM json_each(?)) GROUP BY day""",
        (resolution_of(cell), cell, _days_to(before, USUAL_DAYS)),
    )
    counts = Counter({date.fromisoformat(found): count for found, count in rows})
    for (found, _, _), count in tail.items():
        if day - timedelta(days=USUAL_DAYS) <= date.fromisoformat(found) < day:
            counts[date.fromisoformat(found)] += count
    weeks = [counts[day - timedelta(weeks=n)] for n in range(1, USUAL_DAYS // 7 + 1)]
    month = [counts[day - timedelta(days=n)] for n in range(1, 29)]
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


def fetch_newest_event_time(connection: sa.Connection, cell: int, tail: Tail) -> datetime | None:
    """When the last event in a cell came about, to the hour; None where none is known."""
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
    newest = max([hour for _, hour, _ in tail] + [hour for hour in row if hour is not None], default=None)
    return from_us(newest) if newest is not None else None


def _days_to(day: date, how_many: int) -> str:
    texts = ", ".join(f'"{(day - timedelta(days=n)).isoformat()}"' for n in range(how_many))
    return f"[{texts}]"
