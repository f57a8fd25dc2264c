"""Single rows to bins, and bins to coarser bins. Called by `store.tiers`, `store.late` and `store.history`."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from appliance.aggregate.bins import minute_of
from appliance.aggregate.moments import Moments, Sample, merge, moments_of

Bin = tuple[Moments, ...]
"""The moments of each measured column, in the ladder's order."""

Row = tuple[Any, ...]
"""Instant in microseconds, key of the series, a value for each measured column."""


def roll_up_rows(rows: Iterable[Row]) -> dict[tuple[int, int], Bin]:
    """Rows in the order of time, to bins by (minute, key). A row with a value that is not finite counts in none."""
    found: dict[tuple[int, int], Bin] = {}
    for minute, of_minute in groupby(rows, lambda row: minute_of(row[0])):
        series: defaultdict[int, list[Row]] = defaultdict(list)
        for row in of_minute:
            if all(map(math.isfinite, row[2:])):
                series[row[1]].append(row)
        for key, of_series in series.items():
            found[minute, key] = bin_of(of_series)
    return found


def bin_of(rows: list[Row]) -> Bin:
    """The bin of at least one row, all of one series."""
    columns: Iterable[list[Sample]] = ([(row[0], row[n]) for row in rows] for n in range(2, len(rows[0])))
    return tuple(moments_of(column) for column in columns)


def merge_bins(bins: Iterable[Bin]) -> Bin:
    """The bin of everything that is in at least one bin."""
    return tuple(merge(column) for column in zip(*bins, strict=True))


def merge_by_key(bins: Mapping[tuple[Any, int], Bin]) -> dict[int, Bin]:
    """Bins of one series each, merged to one a series."""
    series: defaultdict[int, list[Bin]] = defaultdict(list)
    for (_, key), one in bins.items():
        series[key].append(one)
    return {key: merge_bins(parts) for key, parts in series.items()}
