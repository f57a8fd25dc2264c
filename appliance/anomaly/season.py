"""What a series usually is at this time of the day and of the week.

Two profiles: half hours of the day, and hours of the week. Both are always learned; which of them, if any, foretells
the series better than its plain level does is measured on values not yet learned, and only that one is believed.
Kept by `anomaly.series`.
"""

import msgspec

DAY_SLOTS, WEEK_SLOTS = 48, 168
DAY_S, HALF_HOUR_S, HOUR_S, WEEK_S = 86_400, 1_800, 3_600, 604_800
RATE = 0.03
"""The least share of a new value in its slot."""
ERROR_RATE = 0.002
HELPS = 0.8
"""A profile is believed where its error is less than this share of the level's."""
NEVER = -1.0


class Season(msgspec.Struct, kw_only=True):
    """The two profiles of one series and their mean absolute errors; mutable, of constant size."""

    day: list[float] = msgspec.field(default_factory=lambda: [0.0] * DAY_SLOTS)
    day_seen: list[int] = msgspec.field(default_factory=lambda: [0] * DAY_SLOTS)
    week: list[float] = msgspec.field(default_factory=lambda: [0.0] * WEEK_SLOTS)
    week_seen: list[int] = msgspec.field(default_factory=lambda: [0] * WEEK_SLOTS)
    day_error: float = NEVER
    week_error: float = NEVER
    day_level_error: float = NEVER
    week_level_error: float = NEVER

    def expected(self, at_s: float) -> float | None:
        """The value expected at an instant by the profile that is believed; None where none is, or it has not seen."""
        day, week = slots(at_s)
        by_week = self.week_error / self.week_level_error if self.week_level_error > 0.0 else 1.0
        by_day = self.day_error / self.day_level_error if self.day_level_error > 0.0 else 1.0
        if by_week < HELPS and by_week < by_day and self.week_seen[week]:
            return self.week[week]
        return self.day[day] if by_day < HELPS and self.day_seen[day] else None

    def learn(self, at_s: float, value: float, off_level: float) -> None:
        """Take in one value; `off_level` is how far it lies from the plain level, without sign."""
        day, week = slots(at_s)
        if self.day_seen[day]:
            self.day_error = _mixed(self.day_error, abs(value - self.day[day]), ERROR_RATE)
            self.day_level_error = _mixed(self.day_level_error, off_level, ERROR_RATE)
        if self.week_seen[week]:
            self.week_error = _mixed(self.week_error, abs(value - self.week[week]), ERROR_RATE)
            self.week_level_error = _mixed(self.week_level_error, off_level, ERROR_RATE)
        self.day_seen[day] += 1
        self.day[day] += max(1.0 / self.day_seen[day], RATE) * (value - self.day[day])
        self.week_seen[week] += 1
        self.week[week] += max(1.0 / self.week_seen[week], RATE) * (value - self.week[week])


def slots(at_s: float) -> tuple[int, int]:
    """The half hour of the day and the hour of the week of a Unix time in seconds; the week begins on a Thursday."""
    whole_s = int(at_s)  # first, for the remainder of a tiny negative float is the divisor itself
    return whole_s % DAY_S // HALF_HOUR_S, whole_s % WEEK_S // HOUR_S


def _mixed(mean: float, x: float, rate: float) -> float:
    return x if mean < 0.0 else mean + rate * (x - mean)
