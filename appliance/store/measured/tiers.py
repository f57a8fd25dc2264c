"""The tiers of what is measured: bins computed from rows, days from hours, each step short and repeatable.

A quarter of an hour that was written to is marked (`open_bins`). When its hour has ended, the hour is computed from its
rows, all of it, and what differs is written. So a row that is late, out of order, corrected or withdrawn changes
exactly its bins, and nothing is written for one that changes nothing. A process that is killed leaves the mark. Rows
older than what is kept lie in the ladder's late table and are merged into the bins one by one (`late`).

Called by the jobs process, which is the only one to move tiers.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from appliance.aggregate.bins import QUARTER_US, Hour, SiteBins
from appliance.aggregate.moments import from_row, to_row
from appliance.aggregate.rolling import Bin, merge_bins, merge_by_key, roll_up_rows
from appliance.model.tier import Ladder, Tier
from appliance.store.engine import Store, raw_connection
from appliance.store.measured.open_bins import close, fetch_horizon, fetch_open, mark_days, take

LIMIT_S = 60.0  # for the rows of an hour, or the hours of a day
QUARTERS_AT_ONCE = 96  # taken up together
BINS_A_TRANSACTION = 1_000  # written between commits: ingest waits at most for so many
MOMENTS = ("count", "total", "squares", "lowest", "highest", "first_at", "first", "last_at", "last")

Key = tuple[Any, int]
"""Start of the bin (of a day its ISO date), key of the series."""

Change = tuple[Tier, Key, Bin | None]
"""What a bin should be; None where it should not be there."""


def roll_up_hours(store: Store, ladder: Ladder, bins: SiteBins, now: int) -> int:
    """Take up what was written to hours that have ended by `now` (microseconds); how many bins changed."""
    with store.read() as connection:
        marked = fetch_open(raw_connection(connection), ladder, "quarter")
    ready = [quarter for quarter in marked if bins.hour_of(quarter + QUARTER_US - 1).end <= now]
    changed = 0
    for group in _groups(ready, QUARTERS_AT_ONCE):
        with store.write() as connection:
            take(raw_connection(connection), ladder, "quarter", group)
        touched = dict.fromkeys(hour for quarter in group for hour in bins.hours(quarter, quarter + QUARTER_US))
        found: list[Change] = []
        for hour in touched:
            found += _find_changes(store, ladder, hour)
            if len(found) >= BINS_A_TRANSACTION:
                changed += _write_changes(store, ladder, bins, found)
                found = []
        changed += _write_changes(store, ladder, bins, found)
        with store.write() as connection:
            close(raw_connection(connection), ladder, "quarter", group)
    return changed


def roll_up_days(store: Store, ladder: Ladder, bins: SiteBins, now: int) -> int:
    """Take up the hours that have changed in days that have ended by `now`; how many bins changed."""
    with store.read() as connection:
        marked = fetch_open(raw_connection(connection), ladder, "day")
    changed = 0
    for day in marked:
        hours = bins.hours_of_day(day)
        if hours[-1].end <= now:
            changed += _roll_up_day(store, ladder, bins, day, hours)
    return changed


def is_whole(raw: Any, ladder: Ladder, hours: Sequence[Hour]) -> bool:
    """Whether the hours of a day are all still there, so that the day can be computed from them."""
    horizon = fetch_horizon(raw, ladder_tier(ladder, "hour").table)
    return all(hour.start >= horizon for hour in hours)


def ladder_tier(ladder: Ladder, width: Any) -> Tier:
    """The tier of a width that every ladder has."""
    tier = ladder.tier(width)
    if tier is None:
        raise ValueError(f"{ladder.name} has no tier of one {width}")
    return tier


def fetch_rows(raw: Any, ladder: Ladder, start: int, end: int, key: int | None = None) -> Iterable[tuple[Any, ...]]:
    """The single rows of [start, end) in the order of time, of all series or one."""
    names = ", ".join((ladder.time, ladder.key, *ladder.values))
    found: Iterable[tuple[Any, ...]] = raw.execute(
        f"SELECT {names} FROM {ladder.raw} WHERE {ladder.time} >= ? AND {ladder.time} < ? "
        f"AND (?3 IS NULL OR {ladder.key} = ?3) ORDER BY {ladder.time}",
        (start, end, key),
    )
    return found


def fetch_bins(raw: Any, ladder: Ladder, tier: Tier, start: Any, end: Any) -> dict[Key, Bin]:
    """The bins of every series that begin in [start, end)."""
    rows = raw.execute(
        f"SELECT {', '.join(columns(ladder, tier))} FROM {tier.table} WHERE {tier.width} >= ? AND {tier.width} < ?",
        (start, end),
    )
    return {row[:2]: read_bin(row[2:]) for row in rows}


def fetch_bin(raw: Any, ladder: Ladder, tier: Tier, key: Key) -> Bin | None:
    """One bin."""
    row = raw.execute(
        f"SELECT {', '.join(columns(ladder, tier)[2:])} FROM {tier.table} WHERE {tier.width} = ? AND {ladder.key} = ?",
        key,
    ).fetchone()
    return read_bin(row) if row else None


def write_bins(raw: Any, ladder: Ladder, tier: Tier, found: Mapping[Key, Bin]) -> None:
    """Put bins in the place of those that are there."""
    names = columns(ladder, tier)
    raw.executemany(
        f"REPLACE INTO {tier.table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
        [(*key, *write_bin(one)) for key, one in sorted(found.items(), key=lambda item: item[0])],
    )


def add_to_bins(raw: Any, ladder: Ladder, tier: Tier, found: Mapping[Key, Bin]) -> None:
    """Merge bins into those that are there."""
    stored = {key: fetch_bin(raw, ladder, tier, key) for key in found}
    write_bins(raw, ladder, tier, {key: merge_bins([one, *filter(None, [stored[key]])]) for key, one in found.items()})


def columns(ladder: Ladder, tier: Tier) -> list[str]:
    """The columns of a tier's table."""
    return [tier.width, ladder.key, *(f"{value}_{name}" for value in ladder.values for name in MOMENTS)]


def write_bin(one: Bin) -> tuple[Any, ...]:
    """A bin as its table keeps it."""
    return tuple(part for moments in one for part in to_row(moments))


def read_bin(row: Sequence[Any]) -> Bin:
    """A bin from its columns in the table."""
    return tuple(from_row(row[at : at + len(MOMENTS)]) for at in range(0, len(row), len(MOMENTS)))


def differences(raw: Any, ladder: Ladder, tier: Tier, start: Any, end: Any, found: Mapping[Key, Bin]) -> list[Change]:
    """The bins of [start, end) that are not as they should be; None where one should not be there."""
    stored = fetch_bins(raw, ladder, tier, start, end)
    wrong = [(tier, key, one) for key, one in found.items() if stored.get(key) != one]
    return [*wrong, *((tier, key, None) for key in stored.keys() - found.keys())]


def _find_changes(store: Store, ladder: Ladder, hour: Hour) -> list[Change]:
    """Compute an hour from its rows, if they are all there, and find what differs."""
    with store.read(LIMIT_S) as connection:
        raw = raw_connection(connection)
        if hour.start < fetch_horizon(raw, ladder.raw):
            return []
        minutes = roll_up_rows(fetch_rows(raw, ladder, hour.start, hour.end))
        hours = {(hour.start, key): one for key, one in merge_by_key(minutes).items()}
        changed: list[Change] = []
        if (tier := ladder.tier("minute")) is not None:
            kept_from = fetch_horizon(raw, tier.table)
            kept = {key: one for key, one in minutes.items() if key[0] >= kept_from}
            changed += differences(raw, ladder, tier, max(hour.start, kept_from), hour.end, kept)
        return changed + differences(raw, ladder, ladder_tier(ladder, "hour"), hour.start, hour.end, hours)


def _write_changes(store: Store, ladder: Ladder, bins: SiteBins, changed: Sequence[Change]) -> int:
    """Write bins of minutes and hours, and open the days of the hours; how many."""
    for part in _groups(changed, BINS_A_TRANSACTION):
        with store.write() as connection:
            raw = raw_connection(connection)
            _write(raw, ladder, part)
            mark_days(raw, ladder, {bins.day_of(key[0]) for tier, key, _ in part if tier.width == "hour"})
    return len(changed)


def _roll_up_day(store: Store, ladder: Ladder, bins: SiteBins, day: str, hours: Sequence[Hour]) -> int:
    with store.write() as connection:
        take(raw_connection(connection), ladder, "day", [day])
    changed: list[Change] = []
    with store.read(LIMIT_S) as connection:
        raw = raw_connection(connection)
        if is_whole(raw, ladder, hours):
            found = fetch_bins(raw, ladder, ladder_tier(ladder, "hour"), hours[0].start, hours[-1].end)
            of_day = merge_by_key({key: one for key, one in found.items() if bins.day_of(key[0]) == day})
            tier = ladder_tier(ladder, "day")
            changed = differences(raw, ladder, tier, day, f"{day}~", {(day, key): one for key, one in of_day.items()})
    for part in _groups(changed, BINS_A_TRANSACTION):
        with store.write() as connection:
            _write(raw_connection(connection), ladder, part)
    with store.write() as connection:
        close(raw_connection(connection), ladder, "day", [day])
    return len(changed)


def _write(raw: Any, ladder: Ladder, changed: Sequence[Change]) -> None:
    for tier in ladder.tiers:
        write_bins(raw, ladder, tier, {key: one for of, key, one in changed if of == tier and one is not None})
        raw.executemany(
            f"DELETE FROM {tier.table} WHERE {tier.width} = ? AND {ladder.key} = ?",
            [key for of, key, one in changed if of == tier and one is None],
        )


def _groups(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[at : at + size] for at in range(0, len(items), size))
