"""What a backtest finds, and the one that the box keeps to show on the map.

A horizon is `next_shift`, `next_day` or `next_7_days`; an area is a share of the cells, 0.05 for 5 %.
"""

from datetime import date, datetime
from typing import Literal

import msgspec

BacktestState = Literal["queued", "running", "done", "failed"]
Verdict = Literal["better", "same", "worse"]
FEWEST_DAYS, FEWEST_INCIDENTS = 42, 300
"""Of a site, before its forecast is tested: four weeks to learn from and two to be tested on."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of the report. `area` is a share of the cells; `log_score` the mean of the logarithm of the
    probability given to what came, per cell and window, the higher the better, None where a method gives none."""

    horizon: str
    method: str
    area: float
    hit_rate: float | None
    pai: float | None
    pei: float | None
    log_score: float | None


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """Of the forecast: the share of counts in its 90 % interval by randomised PIT, of all cells and of the busiest
    twentieth; `expected` and `happened` events over all windows."""

    horizon: str
    windows: int
    coverage: float
    busy_coverage: float
    expected: float
    happened: int


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """The forecast's hit rate less that of the plain count of all history, with the bootstrap's standard error.

    `verdict` is `same` where the difference is within two standard errors.
    """

    horizon: str
    area: float
    difference: float
    standard_error: float
    verdict: Verdict


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """The backtest of one kind of incidents, of which there were so many in the days from `from_day` to `to_day`; the
    last `test_days` of them were tested."""

    incidents: int
    from_day: date
    to_day: date
    test_days: int
    cells: int
    rows: list[Row]
    calibration: list[Calibration]
    differences: list[Difference]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What people reported, and apart from it what patrols discovered: that says where they went.

    `discovered_incidents` there were; `discovered` is None where they are too few to be tested. `discovery_known_from`
    is the day from which on it is known who discovered an incident, None where it is of all.
    """

    reported: Part
    discovered: Part | None = None
    discovered_incidents: int = 0
    discovery_known_from: date | None = None


class Backtest(msgspec.Struct, frozen=True, kw_only=True):
    """One backtest of the site's own incidents.

    from_day, to_day, events  of the incidents that were reported; None and 0 until it is done
    version    of the forecast's code
    watermark  the number of stored events and corrections that it has seen
    attempts   how often it was begun: one that is cut off again and again fails
    """

    backtest_pk: int
    state: BacktestState
    resolution: int
    test_days: int
    asked_at: datetime
    made_at: datetime | None = None
    from_day: date | None = None
    to_day: date | None = None
    events: int = 0
    version: str = ""
    watermark: int = 0
    attempts: int = 0
    message: str = ""
    report: Report | None = None


class Enough(msgspec.Struct, frozen=True, kw_only=True):
    """How much history there is, and how much a backtest needs; `incidents` are counted little further than needed."""

    days: int
    incidents: int
    days_needed: int = FEWEST_DAYS
    incidents_needed: int = FEWEST_INCIDENTS

    @property
    def is_met(self) -> bool:
        """Whether a site can be tested."""
        return self.days >= self.days_needed and self.incidents >= self.incidents_needed
