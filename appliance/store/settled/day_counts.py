"""Sums of the counters by day and cell, as arrays. A day's sum is kept packed until one of its counters changes.

A run reads 97 days: from the counters of a busy site that is a million rows, packed it is two megabytes. The last day
of an interval is never packed, since the day that goes on changes with every run.
"""

import itertools
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import msgspec
import numpy as np
import sqlalchemy as sa

from appliance.aggregate.days import DaySums
from appliance.store.engine import raw_connection
from appliance.store.settled.changed_days import fetch_changes
from appliance.store.settled.day_changes import fetch_day_changes, follow, forget_day_changes, pack, unpack

PACK_DAYS = 30  # packed in one transaction: about a megabyte
SETTLED = 24  # changes of the counters, at any resolution, since a day's last, before it is summed ahead of a run
UNKNOWN = -1  # the change of a day whose counters nobody watches

KeptSum = tuple[str, int, DaySums]
"""Day, the change that its sums hold, the sums."""


class DayCounts(msgspec.Struct, frozen=True, kw_only=True):
    """The sums of consecutive days as one moment of the store had them.

    sums      one a day
    changes   the number of each day's last change; 0: it never had one
    unpacked  positions of days whose sums were made just now, from the counters or from what was counted since
    before    the sums that were kept, of an earlier moment where the day has changed since; empty where none were
    held      the number of the change that each of those holds; `UNKNOWN`: none were
    """

    resolution: int
    first: date
    sums: list[DaySums]
    changes: list[int]
    types: str
    unpacked: list[int]
    before: list[DaySums]
    held: list[int]


def fetch_day_counts(
    connection: sa.Connection, *, resolution: int, first: date, last: date, types: Sequence[str] = ()
) -> DayCounts:
    """Sums of the days from `first` to `last`, both inclusive, of what is counted; `types` empty means all.

    The resolution must be one that is counted (`settle.fetch_resolutions`).
    """
    raw, wanted = raw_connection(connection), ",".join(sorted(types))
    changes = fetch_changes(raw, resolution, first, last)
    packed = {
        day: (change, cells, counts)
        for day, change, cells, counts in raw.execute(
            "SELECT day, change, cells, counts FROM packed_days WHERE resolution = ? AND day BETWEEN ? AND ? "
            "AND types = ?",
            (resolution, first.isoformat(), last.isoformat(), wanted),
        )
    }
    since = {} if wanted else fetch_day_changes(raw, resolution, first, last)
    names = [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]
    before, held, sums, unpacked = [], [], [], []
    for n, day in enumerate(names):
        change, cells, counts = packed.get(day, (UNKNOWN, b"", b""))
        now = changes.get(day, 0)
        before.append(unpack(cells, counts))
        held.append(change)
        if change == now:
            sums.append(before[-1])
        else:
            followed = follow(before[-1], change, since.get(day, ()), now) if change != UNKNOWN else None
            sums.append(_sum_day(raw, resolution, day, types) if followed is None else followed)
            unpacked.append(n)
    return DayCounts(
        resolution=resolution,
        first=first,
        sums=sums,
        changes=[changes.get(day, 0) for day in names],
        types=wanted,
        unpacked=unpacked,
        before=before,
        held=held,
    )


def pack_days(connection: sa.Connection, found: DayCounts, limit: int = PACK_DAYS) -> DayCounts:
    """Keep at most `limit` sums that were made just now, but that of the last day; what is left to keep."""
    now = [n for n in found.unpacked if n < len(found.sums) - 1]
    days = [((found.first + timedelta(days=n)).isoformat(), found.changes[n], found.sums[n]) for n in now[:limit]]
    write_sums(connection, found.resolution, found.types, days)
    return msgspec.structs.replace(found, unpacked=now[limit:])


def sum_settled(
    connection: sa.Connection, *, resolution: int, first: date, last: date, types: Sequence[str] = ()
) -> list[KeptSum]:
    """Sums of at most `PACK_DAYS` days from `first` to before `last` of which none is kept yet and which have settled.

    So an import is summed behind it, and no day is written more than once here, however often it changes. One that is
    kept and has changed is left to the run, which needs it: it tells what the day's rows were made from.
    """
    raw = raw_connection(connection)
    days = raw.execute(
        "SELECT day, change FROM changed_days AS c WHERE resolution = ? AND day >= ? AND day < ? "
        "AND change <= (SELECT changes FROM settled) - ? AND NOT EXISTS (SELECT 1 FROM packed_days AS p "
        "WHERE p.resolution = c.resolution AND p.day = c.day AND p.types = ?) ORDER BY day LIMIT ?",
        (resolution, first.isoformat(), last.isoformat(), SETTLED, ",".join(sorted(types)), PACK_DAYS),
    ).fetchall()
    return [(day, change, _sum_day(raw, resolution, day, types)) for day, change in days]


def write_sums(connection: sa.Connection, resolution: int, types: str, days: Sequence[KeptSum]) -> None:
    """Keep sums of days."""
    raw = raw_connection(connection)
    raw.executemany(
        "REPLACE INTO packed_days (resolution, day, change, types, cells, counts) VALUES (?, ?, ?, ?, ?, ?)",
        [(resolution, day, change, types, *pack(sums)) for day, change, sums in days],
    )
    forget_day_changes(raw, [(resolution, day, change) for day, change, _ in days])


def _sum_day(raw: Any, resolution: int, day: str, types: Sequence[str]) -> DaySums:
    marks = f"AND event_type IN ({', '.join('?' * len(types))})" if types else ""
    rows = raw.execute(
        f"SELECT h3_index, sum(event_count) FROM event_counts WHERE resolution = ? AND day = ? {marks} "
        "GROUP BY h3_index HAVING sum(event_count) <> 0",
        (resolution, day, *types),
    ).fetchall()
    table = np.fromiter(itertools.chain.from_iterable(rows), dtype=np.int64, count=2 * len(rows)).reshape(-1, 2)
    return DaySums(cells=table[:, 0], counts=table[:, 1].astype(np.int32))
