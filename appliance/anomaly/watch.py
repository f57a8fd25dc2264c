"""One series or one moving device under watch: what is remembered of it, and the signs that a new value gives.

A sign begins an incident or says that one goes on; `job.watching` turns the first into an anomaly and the second into
its last instant. All of a subject is one mutable struct of constant size, which is written down as it is.

How far the bar stands above the standard is the caller's, in decades: what labels taught (`anomaly.feedback`), and
`site_bar`. A value in some three thousand is flagged by chance at the standard, which is one alarm in two days for a
series of a value a minute: right for one series, and too many for a site of three hundred. So the bar rises with the
number of values, to keep what chance alone flags to about `CHANCE_A_DAY` for the whole site; and what sounds an alarm
is rarer still.
"""

from math import log10
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np

from appliance.anomaly.device import FAR, StayState, is_impossible, is_impossible_move, is_stuck
from appliance.anomaly.incident import ALARM, goes_on, surprise_of
from appliance.anomaly.series import DRIFT, JUMP, LEVEL, ROUGHNESS, SEASON, SeriesState, judge_value
from appliance.spatial.geodesic import distances_m

VERSION = "watch 1"
CHANCE_VALUES = 3_000.0
"""Values of which one is flagged by chance at the standard."""
CHANCE_A_DAY, CHANCE_ALARMS_A_DAY = 1.0, 1.0 / 7.0
SITE_MOST = 2.5
"""Decades by which many series raise the bar at most: what a broken sensor does is rarer than that."""
STREAM_NAMES = {JUMP: "jump", SEASON: "season", LEVEL: "level", DRIFT: "drift", ROUGHNESS: "roughness"}
"""In the order in which one is named where several are beyond: the plainest first."""
AGAIN_S = 600.0
"""A step or a move within this of the last one belongs to it: what jumps there jumps back."""
TOTALS = frozenset({"energy", "steps"})
"""Metrics that only ever grow; they are judged by what they grow by."""

SignKind = Literal["series", "stuck", "impossible", "impossible_move"]


class Ongoing(msgspec.Struct, kw_only=True):
    """The incident of one kind that is open: its row (0: not written yet), until when it went on; mutable."""

    anomaly_id: int = 0
    last_s: float
    written_s: float


class SeriesWatch(msgspec.Struct, kw_only=True):
    """All that is kept of one series; mutable."""

    series: SeriesState = msgspec.field(default_factory=SeriesState)
    stay: StayState = msgspec.field(default_factory=StayState)
    last_s: float | None = None
    last: float = 0.0
    ongoing: dict[str, Ongoing] = msgspec.field(default_factory=dict)


class MoveWatch(msgspec.Struct, kw_only=True):
    """All that is kept of where one device was; mutable."""

    last_s: float | None = None
    lng: float = 0.0
    lat: float = 0.0
    accuracy_m: float = 0.0
    ongoing: dict[str, Ongoing] = msgspec.field(default_factory=dict)


class Sign(NamedTuple):
    """What one value says.

    starts       an incident begins; else one goes on
    observed     the value; of a move metres a second, of a stay hours
    expected     what was usual; the most that is possible; the longest stay
    probability  of such a value; None where that is not the question
    since_s      when what it tells of began
    detail       what else the words need
    """

    kind: SignKind
    starts: bool
    score: float
    observed: float
    expected: float | None
    probability: float | None
    since_s: float
    detail: dict[str, Any]


class Bars(NamedTuple):
    """Decades above the standard, by what is judged."""

    series: float = 0.0
    stuck: float = 0.0
    step: float = 0.0


NO_BARS = Bars()


def base_of(metric: str) -> str:
    """A metric without its channel."""
    return metric.partition(".")[0]


def site_bar(values_a_day: float) -> float:
    """Decades by which the number of values that are judged raises the bar of each."""
    return min(max(log10(max(values_a_day, 1.0) / CHANCE_VALUES / CHANCE_A_DAY), 0.0), SITE_MOST)


def is_loud(sign: Sign, values_a_day: float) -> bool:
    """Whether a sign is so rare that chance alone sounds an alarm at the whole site only once a week."""
    if sign.probability is None:
        return True
    by_chance_a_day: float = sign.probability * 10.0**ALARM * max(values_a_day, 1.0) / CHANCE_VALUES
    return by_chance_a_day <= CHANCE_ALARMS_A_DAY


def judge_sample(
    watch: SeriesWatch, metric: str, at_s: float, value: float, *, offset_s: float, bars: Bars = NO_BARS
) -> list[Sign]:
    """The signs that one value gives; the watch is changed in place.

    metric    with or without its channel
    at_s      Unix time in seconds
    offset_s  local time less UTC at that instant, in seconds
    """
    base, signs = base_of(metric), []
    after = watch.last_s is None or at_s > watch.last_s
    step = _step(watch, base, at_s, value, bars.step) if after else None
    if step:
        signs.append(step)
    judged: float | None = value
    if base in TOTALS:
        judged = value - watch.last if after and watch.last_s is not None and value >= watch.last else None
    if judged is not None:
        signs += _series(watch, at_s, judged, offset_s, bars.series)
    signs += _stay(watch, base, at_s, value, bars.stuck)
    if after:
        watch.last_s, watch.last = at_s, value
    return signs


def judge_fix(
    watch: MoveWatch, at_s: float, *, lng: float, lat: float, accuracy_m: float, bar: float = 0.0
) -> list[Sign]:
    """The sign that one position gives; the watch is changed in place. One no newer than the last is passed over."""
    if watch.last_s is not None and at_s <= watch.last_s:
        return []
    signs = []
    if watch.last_s is not None:
        far, seconds = _metres(watch, lng, lat), at_s - watch.last_s
        if is_impossible_move(far / _ease(bar), seconds, accuracy_m=accuracy_m + watch.accuracy_m):
            detail = {"distance_m": round(far, 1), "seconds": seconds}
            speed = far / max(seconds, 1.0)
            signs.append(_sign("impossible_move", watch, at_s, AGAIN_S, 1.0, speed, None, detail))
    watch.last_s, watch.lng, watch.lat, watch.accuracy_m = at_s, lng, lat, accuracy_m
    return signs


def _series(watch: SeriesWatch, at_s: float, value: float, offset_s: float, bar: float) -> list[Sign]:
    state, alarm = watch.series, ALARM + bar
    before = (state.levels.short, state.levels.slow)
    was_open = state.incident.quiet_left > 0 and "series" in watch.ongoing
    verdict = judge_value(state, at_s, value, offset_s=offset_s, alarm=alarm)
    if not verdict.flagged:
        if was_open and goes_on(state.incident):
            _go_on(watch, "series", at_s, goes_on=True)
            return [Sign("series", False, 0.0, value, None, None, at_s, {})]
        return []
    rare = 10.0 ** -min(surprise_of(verdict.score, alarm=alarm), 300.0)
    starts = _go_on(watch, "series", at_s, goes_on=was_open)
    stream = next(name for bit, name in STREAM_NAMES.items() if state.beyond >> bit & 1)
    observed, expected = _compared(state, stream, value, before, at_s + offset_s)
    return [Sign("series", starts, verdict.score, observed, expected, rare, at_s, {"stream": stream, "value": value})]


def _compared(
    state: SeriesState, stream: str, value: float, before: tuple[float, float], local_s: float
) -> tuple[float, float]:
    """What a stream compares: the two numbers that people can look at. `before` are the short and the long level."""
    levels, (short, usual) = state.levels, before
    if stream == "roughness":
        return levels.rough_fast, levels.rough_slow
    if stream == "level":
        return levels.short, usual
    season = state.season.expected(local_s) if stream in {"season", "drift"} else None
    return value, short if season is None else season


def _step(watch: SeriesWatch, base: str, at_s: float, value: float, bar: float) -> Sign | None:
    if watch.last_s is None:
        return None
    seconds = at_s - watch.last_s
    eased = watch.last + (value - watch.last) / _ease(bar)
    if not is_impossible(base, watch.last, eased, seconds):
        return None
    return _sign("impossible", watch, at_s, AGAIN_S, 1.0, value, watch.last, {"seconds": seconds})


def _stay(watch: SeriesWatch, base: str, at_s: float, value: float, bar: float) -> list[Sign]:
    stay, far = watch.stay, FAR * _ease(bar)
    if not is_stuck(stay, at_s, value, base, far=far):
        if stay.values == 1:  # it has changed
            watch.ongoing.pop("stuck", None)
        return []
    hours = (stay.last_s - stay.since_s) / 3_600.0
    detail = {"value": value, "values": float(stay.values)}
    sign = _sign("stuck", watch, at_s, float("inf"), 0.5, hours, stay.longest_s / 3_600.0, detail)
    return [sign._replace(since_s=stay.since_s)]


def _sign(
    kind: SignKind,
    watch: SeriesWatch | MoveWatch,
    at_s: float,
    again_s: float,
    score: float,
    observed: float,
    expected: float | None,
    detail: dict[str, Any],
) -> Sign:
    """A sign that belongs to the incident of its kind where that went on until lately."""
    open_one = watch.ongoing.get(kind)
    starts = _go_on(watch, kind, at_s, goes_on=open_one is not None and at_s - open_one.last_s <= again_s)
    return Sign(kind, starts, score, observed, expected, None, at_s, detail)


def _go_on(watch: SeriesWatch | MoveWatch, kind: SignKind, at_s: float, *, goes_on: bool) -> bool:
    """Note that the incident of a kind goes on, or that one begins; whether one begins."""
    if goes_on:
        watch.ongoing[kind].last_s = max(watch.ongoing[kind].last_s, at_s)
    else:
        watch.ongoing[kind] = Ongoing(last_s=at_s, written_s=at_s)
    return not goes_on


def _metres(watch: MoveWatch, lng: float, lat: float) -> float:
    one = [np.array([number]) for number in (watch.lng, watch.lat, lng, lat)]
    return float(distances_m(*one)[0])


def _ease(bar: float) -> float:
    """A bar in decades as a factor on a limit: two decades are ten times as much."""
    return float(10.0 ** (bar / 2.0))
