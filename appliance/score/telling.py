"""The composite score of a cell and day taken apart: what each term adds, and which rules fired, in words and numbers.

Called by `serve.cells`, which explains a cell.
"""

from collections.abc import Mapping

import msgspec

from appliance.score.composite import COUNT_WEIGHT, FLAG_Z, GROWTH_WEIGHT, LEVEL_BOUNDS, ROLLING_WEIGHT

CODE_VERSION = "composite-1"
_LEVELS = ("low", "medium", "high", "critical")


class Contribution(msgspec.Struct, frozen=True, kw_only=True):
    """One term of the raw score: `raw` = weight * value; `points` is what it adds to the score of 0..100, negative
    where it takes away; 0 where all scores of the run are alike."""

    term: str
    value: float
    weight: float
    raw: float
    points: float


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that fired: a code for machines, its numbers, and the sentence."""

    code: str
    numbers: dict[str, float]
    text: str


class Composite(msgspec.Struct, frozen=True, kw_only=True):
    """A composite score taken apart.

    raw            sum of the contributions
    low, high      raw scores that are 0 and 100 in the run; the score is (raw - low) / (high - low) * 100
    mean, spread   of the cell's daily counts over the run's interval, the spread a population standard deviation
    """

    contributions: list[Contribution]
    raw: float
    low: float
    high: float
    mean: float
    spread: float
    version: str = CODE_VERSION


def take_apart(
    *, event_count: int, growth_rate: float, rolling_7d_avg: float, low: float, high: float, mean: float, spread: float
) -> Composite:
    """What made the score of a cell and day. Points and the score of zero events add up to the score: a raw value of 0
    scores -low / (high - low) * 100."""
    scale = 100.0 / (high - low) if high > low else 0.0
    terms = (
        ("event_count", float(event_count), COUNT_WEIGHT),
        ("growth_rate", growth_rate, GROWTH_WEIGHT),
        ("rolling_7d_avg", rolling_7d_avg, ROLLING_WEIGHT),
    )
    contributions = [
        Contribution(term=term, value=value, weight=weight, raw=weight * value, points=weight * value * scale)
        for term, value, weight in terms
    ]
    raw = sum(one.raw for one in contributions)
    return Composite(contributions=contributions, raw=raw, low=low, high=high, mean=mean, spread=spread)


def level_rule(score: float, level: str) -> Rule:
    """Why a score has its level."""
    place = _LEVELS.index(level)
    bounds = (0.0, *LEVEL_BOUNDS, 100.0)
    low, high = bounds[place], bounds[place + 1]
    above = f"above {low:g} and " if place else ""
    return Rule(
        code=f"level_{level}",
        numbers={"risk_score": score, "above": low, "up_to": high},
        text=f"The score {score:.1f} is {above}at most {high:g}: {level}.",
    )


def flag_rule(event_count: int, z: float, story: Composite) -> Rule | None:
    """Why a day is flagged; None where it is not."""
    if z < FLAG_Z:
        return None
    return Rule(
        code="z_flag",
        numbers={"event_count": float(event_count), "mean": story.mean, "spread": story.spread, "z_score": z},
        text=f"{event_count} events where {story.mean:.2g} a day are usual, give or take {story.spread:.2g}: "
        f"{z:.1f} deviations, flagged from 2 on.",
    )


def unknown_rule(why: str, numbers: Mapping[str, float]) -> Rule:
    """Why nothing is known of a cell; `why` is a sentence."""
    return Rule(code="unknown", numbers=dict(numbers), text=f"Unknown, not low: {why}")
