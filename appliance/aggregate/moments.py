"""What is kept of the values of a bin: enough to merge bins without loss, and to tell mean and deviation.

Called by `store.tiers`, which keeps these by minute, hour and day, and by `store.history`, which reads them.
"""

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any

import msgspec

from appliance.aggregate.exact import Exact, decode_exact, deviation, divide, encode_exact, sums

Sample = tuple[int, float]
"""Instant in microseconds, value."""

Stored = tuple[int, bytes, bytes, float, float, int, float, int, float]
"""Moments as a row of a table."""


class Moments(msgspec.Struct, frozen=True, gc=False):
    """Of the values of a bin: how many, their sum and that of their squares (exact), extremes, first and last.

    Of several values at one instant the least counts as first and the greatest as last, so that the order in which
    they came does not matter.
    """

    count: int
    total: Exact
    squares: Exact
    lowest: float
    highest: float
    first: Sample
    last: Sample

    @property
    def mean(self) -> float:
        """The mean, rounded once."""
        return divide(self.total, self.count)

    @property
    def deviation(self) -> float | None:
        """The standard deviation of the sample; None of a single value."""
        return deviation(self.count, self.total, self.squares)


def moments_of(samples: Sequence[Sample]) -> Moments:
    """The moments of at least one sample, in any order.

    raises  ValueError, OverflowError  there is none, or a value is not finite
    """
    values = [value for _, value in samples]
    total, squares = sums(values)
    return Moments(len(values), total, squares, min(values), max(values), min(samples), max(samples))


def merge(parts: Iterable[Moments]) -> Moments:
    """The moments of everything that at least one part was taken of; exactly those of taking them at once."""
    return reduce(_merge, parts)


def to_row(moments: Moments) -> Stored:
    """Moments as the tables keep them: equal moments are equal rows."""
    return (
        moments.count,
        encode_exact(moments.total),
        encode_exact(moments.squares),
        moments.lowest,
        moments.highest,
        *moments.first,
        *moments.last,
    )


def from_row(row: Sequence[Any]) -> Moments:
    """Moments from a row that `to_row` made."""
    count, total, squares, lowest, highest, first_at, first, last_at, last = row
    return Moments(
        count,
        decode_exact(total),
        decode_exact(squares),
        lowest,
        highest,
        (first_at, first),
        (last_at, last),
    )


def _merge(one: Moments, other: Moments) -> Moments:
    return Moments(
        one.count + other.count,
        one.total + other.total,
        one.squares + other.squares,
        min(one.lowest, other.lowest),
        max(one.highest, other.highest),
        min(one.first, other.first),
        max(one.last, other.last),
    )
