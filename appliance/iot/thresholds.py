"""Thresholds with hysteresis: raised beyond one value, cleared beyond another, each only when it has lasted.

    calm     beyond raise_at ──► rising    back before hold_s ──► calm
    rising   beyond for hold_s ──► raised
    raised   back past clear_at ──► falling    beyond again before hold_s ──► raised
    falling  back for hold_s ──► calm

Beyond means beyond `raise_at`, back means past `clear_at`; what lies between ends a `rising` or a `falling` and changes
nothing else. So a value that swings around either of them neither raises nor clears again and again. Where `clear_at`
lies above `raise_at`, too little is the danger. Values come in the order of their own time, one series at a time; an
older one changes nothing. Called by the jobs process for every reading of a metric that has a threshold.
"""

from math import isfinite
from typing import Literal

import msgspec

from appliance.model.iot import Threshold

Phase = Literal["calm", "rising", "raised", "falling"]
Turn = Literal["raised", "cleared"]
GAP_HOLDS = 2.0
"""A silence of more than so many `hold_s` (and `GAP_LEAST_S`) is no evidence that a value lasted."""
GAP_LEAST_S = 3_600.0
SECOND_US = 1_000_000


class ThresholdState(msgspec.Struct, frozen=True, kw_only=True):
    """How a series stands to its threshold; instants in microseconds.

    since      when it came into its phase
    raised_at  None while it is not raised
    worst      the value furthest beyond since it was raised; else the last
    """

    phase: Phase = "calm"
    since: int = 0
    raised_at: int | None = None
    last_at: int = -(2**62)
    last_value: float = 0.0
    worst: float = 0.0

    @property
    def is_raised(self) -> bool:
        """Whether it stands: raised and not yet cleared."""
        return self.raised_at is not None


def follow(state: ThresholdState, threshold: Threshold, at: int, value: float) -> tuple[ThresholdState, Turn | None]:
    """The state after one value, and whether it was raised or cleared by it.

    at  microseconds; a value no newer than the last, or not finite, changes nothing
    """
    if at <= state.last_at or not isfinite(value):
        return state, None
    sign = 1.0 if threshold.raise_at >= threshold.clear_at else -1.0
    beyond = sign * value >= sign * threshold.raise_at
    back = sign * value <= sign * threshold.clear_at
    silent = at - state.last_at > max(GAP_HOLDS * threshold.hold_s, GAP_LEAST_S) * SECOND_US
    phase, since = _next_phase(state, beyond=beyond, back=back, at=at, silent=silent)
    held = at - since >= threshold.hold_s * SECOND_US
    turn: Turn | None = None
    raised_at, worst = state.raised_at, value
    if phase == "rising" and held:
        phase, since, raised_at, turn = "raised", at, at, "raised"
    elif phase == "falling" and held:
        phase, since, raised_at, turn = "calm", at, None, "cleared"
    elif raised_at is not None:
        worst = max(state.worst, value) if sign > 0 else min(state.worst, value)
    return ThresholdState(
        phase=phase, since=since, raised_at=raised_at, last_at=at, last_value=value, worst=worst
    ), turn


def share_beyond(state: ThresholdState, threshold: Threshold) -> float:
    """0 while it is not raised; then a half at `raise_at` or less, 1 as far beyond it as `clear_at` is short of it.

    Where both are one value, raised is 1.
    """
    if not state.is_raised:
        return 0.0
    width = abs(threshold.raise_at - threshold.clear_at)
    if width == 0.0:
        return 1.0
    sign = 1.0 if threshold.raise_at >= threshold.clear_at else -1.0
    excess = sign * (state.last_value - threshold.raise_at) / width
    return min(1.0, 0.5 + 0.5 * max(0.0, excess))


def _next_phase(state: ThresholdState, *, beyond: bool, back: bool, at: int, silent: bool) -> tuple[Phase, int]:
    """The phase and since when, before it is asked whether it has lasted."""
    if state.is_raised:
        if not back:
            return ("raised", state.since if state.phase == "raised" else at)
        return ("falling", state.since if state.phase == "falling" and not silent else at)
    if not beyond:
        return ("calm", state.since if state.phase == "calm" else at)
    return ("rising", state.since if state.phase == "rising" and not silent else at)
