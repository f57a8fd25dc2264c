"""What a device cannot have measured: a value that stays equal far too long, and a change faster than nature's.

The steps are those within a minute beyond which an automatic weather station's value is taken as wrong:

    metric            step in a minute   source
    temperature       3 Cel              Zahumensky, WMO 2004; ZAMG has the same
    dew_point         3 Cel              ZAMG, WMO CBS/OPAG-IOS (ET AWS-1)/Doc. 9(2), 2002
    humidity          15 %               Zahumensky, WMO 2004; ZAMG has 10
    pressure          2 hPa              Zahumensky, WMO 2004
    wind_speed        20 m/s             Zahumensky, WMO 2004
    solar_irradiance  800 W/m2           Zahumensky, WMO 2004

(I. Zahumensky, "Guidelines on Quality Control Procedures for Data from Automatic Weather Stations", WMO, 2004.) Over
longer times a change is impossible where it is faster than that all the way; what is unusual and possible is for
`anomaly.series`. A metric without a source is not judged.

How long a value may stay equal has no such table: it depends on resolution, place and interval. It is compared with the
series' own habit, once that is known. Values at which a metric rests (no rain, full humidity) may last.
"""

from math import isfinite

import msgspec

STEPS: dict[str, float] = {
    "temperature": 3.0,
    "dew_point": 3.0,
    "humidity": 15.0,
    "pressure": 2.0,
    "wind_speed": 20.0,
    "solar_irradiance": 800.0,
}
"""Metric -> the greatest step within a minute, in its canonical unit."""
STEP_S = 60.0
FASTEST_MPS = 100.0
"""No unit of an agency moves faster: an EC135 helicopter must not exceed 155 knots, which is 80 m/s."""

RESTS: dict[str, tuple[float, ...]] = {
    "humidity": (0.0, 100.0),
    "soil_moisture": (0.0, 100.0),
    "battery": (0.0, 100.0),
} | dict.fromkeys(
    (
        "rain", "rain_rate", "solar_irradiance", "uv_index", "illuminance", "wind_speed", "wind_gust", "water_flow",
        "current", "power", "apparent_power", "reactive_power", "power_factor", "voc", "co", "gas", "methane", "speed",
    ),
    (0.0,),
)  # fmt: skip
"""Metric -> values that are an end of its scale, at which it may rest for any time."""
NEVER_STUCK = frozenset({"motion", "occupancy", "wind_direction", "energy", "frequency", "signal", "distance"})
"""Metrics that stay equal because nothing happens: nobody comes, no wind turns the vane, nobody draws power."""

FAR = 5.0
"""How many times its longest stay makes a value stuck."""
HABIT_S, HABIT_RUNS = 2 * 86_400.0, 20
"""What has to be seen of a series before its habit is known: two nights, and some changes."""
LEAST_VALUES = 20
FADE = 0.998
"""What is kept of the longest stay at each change, so that one long calm is forgotten after some hundreds."""


class StayState(msgspec.Struct, kw_only=True):
    """How one series stays equal; mutable, of constant size."""

    value: float | None = None
    since_s: float = 0.0
    last_s: float = 0.0
    values: int = 0
    watched_s: float = 0.0
    runs: int = 0
    longest_s: float = 0.0
    longest_values: float = 0.0


def is_stuck(state: StayState, at_s: float, value: float, metric: str, *, far: float = FAR) -> bool:
    """Whether a value has stayed equal far longer than its series is used to; learns from it.

    state    changed in place
    at_s     Unix time in seconds; a value no newer than the last is passed over
    value    not finite: passed over
    far      how many times its longest stay makes a value stuck
    returns  True from the value on that makes it stuck, until it changes
    """
    if metric in NEVER_STUCK or not isfinite(value) or (state.value is not None and at_s <= state.last_s):
        return False
    if value != state.value:
        _end_run(state)
        state.value, state.since_s, state.values = value, at_s, 0
    else:
        state.watched_s += at_s - state.last_s
    state.last_s = at_s
    state.values += 1
    known = state.watched_s >= HABIT_S and state.runs >= HABIT_RUNS
    return known and value not in RESTS.get(metric, ()) and _is_far(state, far)


def is_impossible(metric: str, before: float, after: float, seconds: float) -> bool:
    """Whether no `metric` goes from one value to the other in so many seconds.

    before, after  in the metric's canonical unit; not finite: nothing is said
    seconds        between the two; within a minute the step of a minute is allowed, zero or less says nothing
    """
    step = STEPS.get(metric)
    if step is None or seconds <= 0.0 or not (isfinite(before) and isfinite(after)):
        return False
    return abs(after - before) > step * max(1.0, seconds / STEP_S)


def is_impossible_move(distance_m: float, seconds: float, *, accuracy_m: float = 0.0) -> bool:
    """Whether no unit moves so far in so many seconds.

    accuracy_m  of both positions together, taken off the distance; seconds of zero or less say nothing
    """
    return seconds > 0.0 and distance_m - accuracy_m > FASTEST_MPS * max(1.0, seconds)


def _is_far(state: StayState, far: float = FAR) -> bool:
    stayed_s = state.last_s - state.since_s
    return (
        state.values >= LEAST_VALUES
        and state.values > far * state.longest_values
        and stayed_s > far * max(state.longest_s, 1.0)
    )


def _end_run(state: StayState) -> None:
    """Learn from a stay that ended; one that was stuck teaches no more than what would just not have been."""
    if state.value is None:
        return
    stayed_s, values = state.last_s - state.since_s, float(state.values)
    if state.runs >= HABIT_RUNS and _is_far(state):
        stayed_s, values = min(stayed_s, FAR * state.longest_s), min(values, FAR * state.longest_values)
    state.longest_s = max(stayed_s, state.longest_s * FADE)
    state.longest_values = max(values, state.longest_values * FADE)
    state.runs += 1
