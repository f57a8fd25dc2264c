"""The IoT risk of a zone: 100 * (1 - product of (1 - w * s)) over its parts, and what of it is known.

A part without data is no part without risk. It is left out of the product, named with the reason, and what the score
would be if it were as bad as can be is told beside it. The parts come from the other modules of this room; `serve`
brings them together.
"""

from collections.abc import Sequence
from math import prod
from typing import Any, Literal

import msgspec

PartName = Literal["night_motion", "motion_anomaly", "crowd_density", "watch_list", "environment", "cameras_offline"]
WEIGHTS: dict[PartName, float] = {
    "night_motion": 0.3,
    "motion_anomaly": 0.3,
    "crowd_density": 0.2,
    "watch_list": 0.4,
    "environment": 0.3,
    "cameras_offline": 0.2,
}
"""How much of the score a part takes at its worst. Source: DESIGN, "IoT risk of a zone"."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one look at a zone found.

    s        0..1; None where nothing can be said
    words    why, for people
    numbers  what that rests on
    """

    s: float | None
    words: str
    numbers: dict[str, Any] = {}


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a zone's risk.

    s             0..1; None: unknown, and not in the score
    contribution  how much lower the score would be without it
    """

    part: PartName
    weight: float
    s: float | None
    contribution: float
    words: str
    numbers: dict[str, Any]


class PartCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a zone's risk is known.

    known, unknown  names of parts
    weight_share    of the weights of all parts, the share of those that are known
    """

    known: list[PartName]
    unknown: list[PartName]
    weight_share: float


class ZoneRisk(msgspec.Struct, frozen=True, kw_only=True):
    """A zone's risk.

    risk_score  0..100; None where no part is known
    at_most     what it would be if every unknown part were at its worst
    """

    risk_score: float | None
    at_most: float
    coverage: PartCoverage
    parts: list[Part]


def combine(findings: dict[PartName, Finding]) -> ZoneRisk:
    """Put the parts together; one that is not among the findings is unknown.

    raises  ValueError  an s is outside 0..1
    """
    shares: dict[PartName, float] = {}
    for name, finding in findings.items():
        if finding.s is not None:
            if not 0.0 <= finding.s <= 1.0:
                raise ValueError(f"{name}: {finding.s} is not between 0 and 1")
            shares[name] = finding.s
    score = _score([WEIGHTS[name] * s for name, s in shares.items()])
    worst = _score([weight * shares.get(name, 1.0) for name, weight in WEIGHTS.items()])
    unknown: list[PartName] = [name for name in WEIGHTS if name not in shares]
    parts = [_part(name, findings.get(name), shares, score) for name in WEIGHTS]
    return ZoneRisk(
        risk_score=score if shares else None,
        at_most=worst,
        coverage=PartCoverage(
            known=[name for name in WEIGHTS if name in shares],
            unknown=unknown,
            weight_share=sum(WEIGHTS[name] for name in WEIGHTS if name in shares) / sum(WEIGHTS.values()),
        ),
        parts=parts,
    )


def _part(name: PartName, finding: Finding | None, shares: dict[PartName, float], score: float) -> Part:
    others = [WEIGHTS[other] * s for other, s in shares.items() if other != name]
    return Part(
        part=name,
        weight=WEIGHTS[name],
        s=shares.get(name),
        contribution=score - _score(others) if name in shares else 0.0,
        words=finding.words if finding else "not looked at",
        numbers=finding.numbers if finding else {},
    )


def _score(shares: Sequence[float]) -> float:
    return 100.0 * (1.0 - prod(1.0 - share for share in shares))
