"""A period, the reference before it, and both laid out in sub-periods with what was watched of each.

The reference is cut into equal parts, about as long as the period and at least a week, so that each has its weekdays.
Days on which nothing was heard of the site say nothing and are not counted as watched; today counts for the part of it
that is over. Called by `serve.hotspot.report`.
"""

import itertools
from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta

import msgspec
import numpy as np

from appliance.hotspot.verdict import History

REFERENCE_MOST = 400
PARTS_LEAST, PARTS_MOST = 4, 8
WEEK = 7


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Days, both included."""

    first: date
    last: date

    @property
    def days(self) -> list[date]:
        """Each of them."""
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]


def default_reference_days(period_days: int) -> int:
    """How long a reference a period of so many days is to have: eight times it, and at least eight weeks."""
    return min(max(period_days, WEEK) * PARTS_MOST, REFERENCE_MOST)


def cut(period: Span, reference_days: int) -> list[Span]:
    """The sub-periods in the order of time: 4 to 8 parts of the reference, then the period.

    reference_days  `PARTS_LEAST` or more; the parts differ by a day at most
    """
    length = max(len(period.days), WEEK)
    parts = min(max(reference_days // length, PARTS_LEAST), PARTS_MOST)
    start = period.first - timedelta(days=reference_days)
    ends = [start + timedelta(days=reference_days * n // parts) for n in range(parts + 1)]
    spans = [Span(first=a, last=b - timedelta(days=1)) for a, b in itertools.pairwise(ends)]
    return [*spans, period]


def watched_days(span: Span, heard: Collection[date], today: date, share_of_today: float) -> tuple[float, float]:
    """(days watched, days that are over) of a span; today counts for a share, later days for nothing."""
    weights = {day: 1.0 if day < today else share_of_today for day in span.days if day <= today}
    return sum(weight for day, weight in weights.items() if day in heard), sum(weights.values())


def lay_out(
    counts: Sequence[Mapping[int, int]], spans: Sequence[Span], *, heard: Collection[date], today: date,
    share_of_today: float, own: Mapping[int, Mapping[date, bool]] | None = None,
) -> History:  # fmt: skip
    """Counts of cells in each sub-period as arrays.

    counts  for each span: cell -> events
    heard   days on which anything came in
    own     of cells that devices look at: day -> whether it was watched then, which goes before `heard`
    """
    cells = np.array(sorted(set().union(*counts)), dtype=np.int64)
    table = np.zeros((len(cells), len(spans)), dtype=np.int64)
    for n, of_cell in enumerate(counts):
        at = np.searchsorted(cells, np.fromiter(of_cell.keys(), np.int64, len(of_cell)))
        table[at, n] = np.fromiter(of_cell.values(), np.int64, len(of_cell))
    watched = [watched_days(span, heard, today, share_of_today) for span in spans]
    exposure, lengths = np.array(watched, dtype=np.float64).T
    if not own:
        return History(cells=cells, counts=table, exposure=exposure[None, :], lengths=lengths)
    each = np.tile(exposure, (len(cells), 1))
    for place, cell in enumerate(cells.tolist()):
        if days := own.get(cell):
            seen = {day for span in spans for day in span.days if days.get(day, day in heard)}
            each[place] = [watched_days(span, seen, today, share_of_today)[0] for span in spans]
    return History(cells=cells, counts=table, exposure=each, lengths=lengths, heard=exposure)
