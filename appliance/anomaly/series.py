"""One series of values judged as they come: a score, and a flag where an alarm is due.

Five streams of numbers are drawn from the series, and each is judged by how rare it is among its own past
(`anomaly.tail`), upwards and downwards:

    jump       the value against the level of the last few values
    level      the mean of the last twenty or so values against the level of the long run
    season     the value against what the time of the day or week lets expect, where that helps (`anomaly.season`)
    drift      the mean of the last few such differences, which is the level where the season is believed
    roughness  how much neighbouring values differ against how much they usually do: noise, and silence

The rarest of them is the surprise, in decades; where the season is believed, drift stands for the level. What of it is
flagged, `anomaly.incident` decides. One setting serves all series: every stream is measured by its own tail, so nothing
depends on unit, spread or distribution. Never looks ahead. Called by `hexpost detect`, and for readings and counts.
"""

from math import isfinite, log

import msgspec

from appliance.anomaly.incident import ALARM, NOTHING, Incident, Verdict, decide
from appliance.anomaly.season import Season
from appliance.anomaly.tail import Tail

STREAMS = 5
JUMP, LEVEL, SEASON, DRIFT, ROUGHNESS = range(STREAMS)
WARM_UP = 50
"""Values before which nothing is judged."""
FAST, SHORT, SLOW = 0.2, 0.05, 0.0005
"""Rates of the three levels: about the last 5, 20 and 2,000 values."""
DRIFT_RATE = 0.15
ROUGH_FAST, ROUGH_SLOW = 0.1, 0.001
SCALE_RATE, SCALE_CAP = 0.002, 6.0
"""The scale, a mean absolute deviation, takes in no deviation as more than so many scales."""
ROUGH_FLOOR = 0.05
"""Share of the scale below which a difference between neighbours is as good as none."""
ROUGH_SCALE = 0.3
"""The usual size of the logarithm of roughness, from which its tails start."""
GAP = 20.0
"""Usual intervals without a value after which the last few values say nothing of the next."""
INTERVAL_RATE = 0.05
SET_BACK = 20
"""Values in a row behind the newest after which the clock of the series is taken as set back."""
HUGE = 1e100
"""Values beyond are taken as this, so that no square overflows."""
LATEST_S = 1e12
"""An instant further than this from 1970, some 30,000 years, is none."""


class Levels(msgspec.Struct, kw_only=True):
    """Moving means of one series, in its unit; mutable."""

    values: int = 0
    last: float = 0.0
    fast: float = 0.0
    short: float = 0.0
    slow: float = 0.0
    scale: float = 0.0
    rough_fast: float = 0.0
    rough_slow: float = 0.0
    drift: float = 0.0


class SeriesState(msgspec.Struct, kw_only=True):
    """All that is kept of one series, of constant size; mutable.

    Encoded by msgspec (`msgpack` or `json`) and decoded again it goes on bit for bit.
    beyond  the streams, as bits, in which the value judged last was a surprise of `ALARM` decades or more
    """

    levels: Levels = msgspec.field(default_factory=Levels)
    season: Season = msgspec.field(default_factory=Season)
    above: list[Tail] = msgspec.field(default_factory=lambda: [Tail() for _ in range(STREAMS)])
    below: list[Tail] = msgspec.field(default_factory=lambda: [Tail() for _ in range(STREAMS)])
    incident: Incident = msgspec.field(default_factory=Incident)
    last_s: float | None = None
    interval_s: float = 0.0
    behind: int = 0
    beyond: int = 0


def judge_value(
    state: SeriesState, at_s: float, value: float, *, offset_s: float = 0.0, alarm: float = ALARM
) -> Verdict:
    """Judge one value, and learn from it.

    state     changed in place
    at_s      Unix time in seconds; NaN, or beyond all calendars: as if there were no value
    value     any unit; not finite means no value: nothing is said and nothing learned
    offset_s  local time less UTC at that instant, in seconds: the hours and days of the season are local ones
    alarm     decades of surprise that are flagged
    returns   Verdict  score 0..1 and whether an alarm is due

    A value older than the newest is judged as if it were new and teaches nothing; the same value at the same instant
    is a repetition, of which nothing is said. Twenty older ones in a row: the clock was set back, and the series goes
    on from there.
    """
    if not isfinite(value) or not abs(at_s) <= LATEST_S:
        return NOTHING
    value = min(max(value, -HUGE), HUGE)
    if at_s == state.last_s and value == state.levels.last:
        return NOTHING
    learns = _is_in_order(state, at_s)
    gap = learns and _keep_time(state, at_s)
    expected = state.season.expected(at_s + offset_s)
    surprise, state.beyond = 0.0, 0
    if state.levels.values >= WARM_UP:
        surprise = _surprise(state, value, expected, gap=gap, learns=learns)
    if learns:
        off_level = _learn(state.levels, value, expected, gap=gap)
        state.season.learn(at_s + offset_s, value, off_level)
    return decide(state.incident, surprise, at_s, alarm=alarm)


def _is_in_order(state: SeriesState, at_s: float) -> bool:
    if state.last_s is None or at_s >= state.last_s:
        state.behind = 0
        return True
    state.behind += 1
    if state.behind < SET_BACK:
        return False
    state.behind, state.last_s = 0, None
    return True


def _keep_time(state: SeriesState, at_s: float) -> bool:
    """Note the instant of a value in order; whether there was a gap before it."""
    gap = False
    if state.last_s is not None:
        passed = at_s - state.last_s
        if state.interval_s <= 0.0:
            state.interval_s = passed
        else:
            gap = passed > GAP * state.interval_s
            state.interval_s += INTERVAL_RATE * (min(passed, 3.0 * state.interval_s) - state.interval_s)
    state.last_s = at_s
    return gap


def _surprise(state: SeriesState, value: float, expected: float | None, *, gap: bool, learns: bool) -> float:
    """The decades of the rarest stream; the tails learn."""
    levels, scale = state.levels, state.levels.scale
    short = levels.short + SHORT * (value - levels.short)
    most = _judge(state, LEVEL, short - levels.slow, scale, learns=learns)
    if expected is not None:
        drift = levels.drift + DRIFT_RATE * (value - expected - levels.drift)
        most = max(
            _judge(state, SEASON, value - expected, scale, learns=learns),
            _judge(state, DRIFT, drift, scale, learns=learns),
        )
    if gap:
        return most
    rough = levels.rough_fast + ROUGH_FAST * (abs(value - levels.last) - levels.rough_fast)
    floor = ROUGH_FLOOR * scale + 1e-12
    ratio = log((rough + floor) / (levels.rough_slow + floor))
    return max(
        most,
        _judge(state, JUMP, value - levels.fast, scale, learns=learns),
        _judge(state, ROUGHNESS, ratio, ROUGH_SCALE, learns=learns),
    )


def _judge(state: SeriesState, stream: int, x: float, scale: float, *, learns: bool) -> float:
    above, below = state.above[stream], state.below[stream]
    decades = max(above.surprise(x), below.surprise(-x))
    if decades >= ALARM:
        state.beyond |= 1 << stream
    if learns:
        above.learn(x, scale)
        below.learn(-x, scale)
    return decades


def _learn(levels: Levels, value: float, expected: float | None, *, gap: bool) -> float:
    """Move the means; returns how far the value lay from the long level."""
    if not levels.values:
        levels.fast = levels.short = levels.slow = levels.last = value
    levels.values += 1
    share = 1.0 / levels.values
    off = value - levels.slow
    capped = levels.values > WARM_UP and levels.scale > 0.0
    distance = min(abs(off), SCALE_CAP * levels.scale) if capped else abs(off)
    levels.scale += max(SCALE_RATE, share) * (distance - levels.scale)
    levels.slow += max(SLOW, share) * off
    levels.short += max(SHORT, share) * (value - levels.short)
    if gap:
        levels.fast = value
    else:
        levels.fast += max(FAST, share) * (value - levels.fast)
        change = abs(value - levels.last)
        levels.rough_fast += ROUGH_FAST * (change - levels.rough_fast)
        levels.rough_slow += max(ROUGH_SLOW, share) * (change - levels.rough_slow)
    if expected is not None:
        levels.drift += DRIFT_RATE * (value - expected - levels.drift)
    levels.last = value
    return abs(off)
