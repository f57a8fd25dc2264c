"""How full a zone is: its people against its capacity, or their density against what a standing crowd may have."""

from appliance.iot.zone_risk import Finding

FILLING = 0.5
"""Share of the capacity up to which a zone is not full at all."""
STANDING_PER_M2 = 4.7
"""People a square metre. Source: Guide to Safety at Sports Grounds (Green Guide), 6th edition, 2018: 47 on 10 m2."""


def judge_crowd(
    *, people: float | None, per_m2: float | None, capacity: float | None, devices: int, age_s: float | None
) -> Finding:
    """How full a zone is now: 0 up to half of what it holds, 1 at all of it, linear between.

    people    in the zone, all its counters together; per_m2 the densest its devices tell; None where nobody tells
    devices   that told, `age_s` ago the oldest of them
    """
    if people is None and per_m2 is None:
        return Finding(s=None, words="no device of the zone has told a crowd within a quarter of an hour")
    if people is not None and capacity is not None:
        ratio, told = people / capacity, f"{people:.0f} people of a capacity of {capacity:.0f}"
    elif per_m2 is not None:
        ratio, told = per_m2 / STANDING_PER_M2, f"{per_m2:.1f} people a square metre of at most {STANDING_PER_M2}"
    else:
        words = f"{people:.0f} people; the zone has no capacity to compare them with"
        return Finding(s=None, words=words, numbers={"people": people})
    numbers = {
        "people": people,
        "per_m2": per_m2,
        "capacity": capacity,
        "ratio": ratio,
        "devices": devices,
        "age_s": age_s,
    }
    s = min(1.0, max(0.0, (ratio - FILLING) / (1.0 - FILLING)))
    return Finding(s=s, words=f"{told} ({ratio:.0%}), told by {devices} device{'s' * (devices != 1)}", numbers=numbers)
