"""Rows that come when their time is no longer kept: told apart from repeats, and merged into the bins that still stand.

A row older than its table's horizon goes into the ladder's late table when it is stored, and counts as stored. Here
it is merged, once: into its minute and hour where those tiers still have that time, and into its day. Whether it is a
repeat of a row that has gone is known by the digests that were kept of those (`repeats`); a repeat is counted as the
duplicate it is. A merged row stays in the late table for as long as digests do, so that its own repeat is known too.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from appliance.aggregate.bins import SiteBins, minute_of
from appliance.aggregate.repeats import decode_digests, digest_rows, encode_digests
from appliance.aggregate.rolling import Bin, bin_of
from appliance.clock import HOUR_US
from appliance.model.tier import Ladder, Tier
from appliance.store.clock.boots import WAITING
from appliance.store.engine import raw_connection
from appliance.store.measured.open_bins import fetch_horizon, mark_days
from appliance.store.measured.tiers import Key, add_to_bins, is_whole, ladder_tier
from appliance.store.totals import add_totals

MERGE_ROWS = 500  # in one transaction

Row = tuple[Any, ...]
"""Instant in microseconds, key of the series, measured values."""


def merge_late(connection: sa.Connection, ladder: Ladder, bins: SiteBins, limit: int = MERGE_ROWS) -> int:
    """Merge at most `limit` late rows; how many were taken off the list. The caller holds the write transaction.

    One that was stamped while the box did not know the time waits until it does.
    """
    raw = raw_connection(connection)
    names = (ladder.time, ladder.key, *ladder.values)
    rows = raw.execute(
        f"SELECT {', '.join(names)} FROM {ladder.late} WHERE merged = 0 AND NOT {WAITING} "
        f"ORDER BY {', '.join(names)} LIMIT ?",
        (limit,),
    ).fetchall()
    fresh = tell_repeats(raw, ladder, rows)
    same = " AND ".join(f"{name} = ?" for name in names)
    repeated = set(rows) - set(fresh)
    raw.executemany(f"DELETE FROM {ladder.late} WHERE {same}", sorted(repeated))
    raw.executemany(f"UPDATE {ladder.late} SET merged = 1 WHERE {same}", fresh)
    _merge(raw, ladder, bins, fresh)
    if repeated:
        what = ladder.name.removesuffix("s")
        add_totals(connection, {("stored", what): -len(repeated), ("duplicate", ""): len(repeated)})
    return len(rows)


def fetch_waiting(raw: Any, ladder: Ladder, start: int, end: int, key: int) -> list[Row]:
    """The rows of a series in [start, end) that are late and not merged yet, without repeats; mostly none."""
    rows = raw.execute(
        f"SELECT {', '.join((ladder.time, ladder.key, *ladder.values))} FROM {ladder.late} "
        f"WHERE merged = 0 AND {ladder.time} >= ? AND {ladder.time} < ? AND {ladder.key} = ? ORDER BY {ladder.time}",
        (start, end, key),
    ).fetchall()
    return tell_repeats(raw, ladder, rows)


def tell_repeats(raw: Any, ladder: Ladder, rows: Sequence[Row]) -> list[Row]:
    """The rows that are not repeats of rows that have gone, or are about to."""
    names = (ladder.time, ladder.key, *ladder.values)
    here = f"SELECT 1 FROM {ladder.raw} WHERE {' AND '.join(f'{name} = ?' for name in names)}"
    fresh = []
    for (hour, key), part in groupby(sorted(rows, key=_hour_and_key), _hour_and_key):
        of_hour = list(part)
        row = raw.execute(
            f"SELECT digests FROM {ladder.repeats} WHERE hour = ? AND {ladder.key} = ?", (hour, key)
        ).fetchone()
        known = decode_digests(row[0]) if row else set()
        told = _digests(of_hour).tolist()
        fresh += [
            row
            for row, digest in zip(of_hour, told, strict=True)
            if digest not in known and not raw.execute(here, row).fetchone()
        ]
    return fresh


def keep_digests(raw: Any, ladder: Ladder, rows: Iterable[Row]) -> None:
    """Remember rows by their digests, in the transaction that deletes them."""
    for (hour, key), part in groupby(sorted(rows, key=_hour_and_key), _hour_and_key):
        raw.execute(
            f"INSERT INTO {ladder.repeats} VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET "
            "digests = CAST(digests || excluded.digests AS BLOB)",
            (hour, key, encode_digests(_digests(list(part)))),
        )


def _merge(raw: Any, ladder: Ladder, bins: SiteBins, rows: Sequence[Row]) -> None:
    minute, hour, day = ladder.tier("minute"), ladder_tier(ladder, "hour"), ladder_tier(ladder, "day")
    if minute is not None:
        kept_from = fetch_horizon(raw, minute.table)
        _add(
            raw, ladder, minute, (row for row in rows if minute_of(row[0]) >= kept_from), lambda row: minute_of(row[0])
        )
    kept_from = fetch_horizon(raw, hour.table)
    _add(
        raw,
        ladder,
        hour,
        (row for row in rows if bins.hour_of(row[0]).start >= kept_from),
        lambda row: bins.hour_of(row[0]).start,
    )
    days = {bins.day_of(row[0]) for row in rows}
    whole = {one for one in days if is_whole(raw, ladder, bins.hours_of_day(one))}
    mark_days(raw, ladder, whole)
    _add(raw, ladder, day, (row for row in rows if bins.day_of(row[0]) not in whole), lambda row: bins.day_of(row[0]))


def _add(raw: Any, ladder: Ladder, tier: Tier, rows: Iterable[Row], start: Callable[[Row], Any]) -> None:
    """Merge rows into the bins of a tier that begin at `start` of a row."""
    by_bin: dict[Key, list[Row]] = {}
    for row in rows:
        by_bin.setdefault((start(row), row[1]), []).append(row)
    found: Mapping[Key, Bin] = {key: bin_of(part) for key, part in by_bin.items()}
    add_to_bins(raw, ladder, tier, found)


def _hour_and_key(row: Row) -> tuple[int, int]:
    return row[0] - row[0] % HOUR_US, row[1]


def _digests(rows: Sequence[Row]) -> Any:
    return digest_rows([row[0] for row in rows], [[row[n] for row in rows] for n in range(2, len(rows[0]))])
