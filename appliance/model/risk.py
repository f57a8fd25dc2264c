"""What the risk pipeline produces for one cell and day, and the run that produced it."""

from datetime import date, datetime
from typing import Literal

import msgspec

RiskLevel = Literal["low", "medium", "high", "critical"]
RunState = Literal["queued", "running", "done", "failed"]
LEVELS: tuple[RiskLevel, ...] = ("low", "medium", "high", "critical")
PROFILE = "composite"
"""The classic profile: 0.5 n + 0.3 growth + 0.2 rolling mean, min-max scaled over the run."""
CALIBRATED = "calibrated"
"""The profile that forecasts: expected events, weighted by their harm, on a scale that stands."""
PROFILES = (PROFILE, CALIBRATED)


class DailyRisk(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `mv_daily_risk`: counts, score and anomaly of a cell on a day."""

    h3_index: int
    resolution: int
    day: date
    event_count: int
    rolling_7d_avg: float
    growth_rate: float
    risk_score: float
    risk_level: RiskLevel
    z_score: float
    flagged: bool


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One analytics run over an inclusive range of days; `progress` is 0..1.

    `watermark` is the number of stored events and corrections the run has seen: a run whose watermark equals
    the store's has nothing new to find.
    """

    run_id: int
    resolution: int
    from_day: date
    to_day: date
    state: RunState
    progress: float = 0.0
    watermark: int = 0
    rows_changed: int = 0
    requested_at: datetime
    finished_at: datetime | None = None
    message: str = ""
