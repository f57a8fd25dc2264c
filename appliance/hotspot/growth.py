"""Which cells of a site have more or fewer events than their own past, by themselves or together with neighbours.

Every cell is looked at twice. First by itself. Then, leaving out those that were found so, each cell's disk, the sum
over it and its neighbours: a rise that is spread over a street or a park is beyond chance in no single cell, and a cell
found by itself must not lend its rise to those around it. Of a disk that is found, all cells are that have risen (or
fallen) with it. Each look is allowed half of the false discoveries, which is why a `q_value` is twice that of its look.

Change is looked at where there are at least `LEAST_BOTH` events in period and reference together, a number that the
test is conditional on, so that choosing by it biases nothing. Called by `hotspot.verdict`.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from appliance.hotspot.change import change, expected_events, measure_bursts
from appliance.hotspot.discovery import adjusted
from appliance.hotspot.neighbourhood import disks_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LEAST_EVENTS = 3
LEAST_EXPECTED = 3.0
LEAST_BOTH = 5
LOOKS = 2


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """What is found of c cells, each member (c,).

    expected         float64  events in the period at the rate of the reference; NaN where that was not watched
    rises            bool     more rather than fewer
    p_value          float64  two-sided; 1 where it was not looked at
    q_value          float64  the share of false discoveries at which it would be believed
    looked_at        int64    how many cells were looked at in the same look
    together         bool     found with a disk and not by itself: then the numbers above, but for `expected`, are its
    around_events    int64    events in the period in the disk, of the cells that were looked at together
    around_expected  float64
    around_cells     int64    how many they are
    """

    expected: Floats
    rises: Bools
    p_value: Floats
    q_value: Floats
    looked_at: Ints
    together: Bools
    around_events: Ints
    around_expected: Floats
    around_cells: Ints


class _Look(msgspec.Struct, frozen=True, kw_only=True):
    """One look at all cells."""

    period: Ints
    expected: Floats
    rises: Bools
    p_value: Floats
    q_value: Floats
    tested: Bools


def find_growth(counts: Ints, exposure: Floats, near: Ints, watched: Bools, share: float) -> Growth:
    """Look at every cell that was watched in the period.

    counts    (c, b) int64    events in each sub-period, the last of which is the period
    exposure  (c, b) float64  days that the cell was watched
    near      (c, 7) int64    as `neighbourhood.disks` gives them
    watched   (c,) bool       in the period
    share     of false discoveries
    """
    own = _look(counts, exposure, watched)
    alone = own.q_value <= share
    rest = watched & ~alone
    around, days, size = disks_of(counts, exposure, near, rest)
    both = _look(around, days, rest)
    disk = near[np.arange(len(near)), np.append(both.q_value, 1.0)[near].argmin(axis=1)]
    rises, q_value = both.rises[disk], both.q_value[disk]
    with_it = np.where(rises, own.period > own.expected, own.period < own.expected)
    together = rest & (q_value <= share) & with_it & (size[disk] > 1)
    return Growth(
        expected=np.where(exposure[:, :-1].sum(axis=1) > 0, own.expected, np.nan),
        rises=np.where(together, rises, own.rises),
        p_value=np.where(together, both.p_value[disk], own.p_value),
        q_value=np.where(together, q_value, own.q_value),
        looked_at=np.where(together, both.tested.sum(), own.tested.sum()),
        together=together,
        around_events=both.period[disk],
        around_expected=both.expected[disk],
        around_cells=size[disk],
    )


def _look(counts: Ints, exposure: Floats, watched: Bools) -> _Look:
    period, reference = counts[:, -1], counts[:, :-1].sum(axis=1)
    period_days, reference_days = exposure[:, -1], exposure[:, :-1].sum(axis=1)
    tested = watched & (reference_days > 0) & (period + reference >= LEAST_BOTH)
    expected = expected_events(reference, reference_days, period_days)
    more, fewer = change(
        period,
        reference,
        period_days=period_days,
        reference_days=reference_days,
        bursts=measure_bursts(counts[watched, :-1], exposure[watched, :-1]),
    )
    rises = more < fewer
    enough = np.where(rises, period >= LEAST_EVENTS, expected >= LEAST_EXPECTED)
    p_value = np.where(tested & enough, np.minimum(2.0 * np.minimum(more, fewer), 1.0), 1.0)
    q_value = np.ones(len(counts))
    q_value[tested] = np.minimum(LOOKS * adjusted(p_value[tested]), 1.0)
    return _Look(period=period, expected=expected, rises=rises, p_value=p_value, q_value=q_value, tested=tested)
