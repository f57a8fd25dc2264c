"""Whether a cell that devices look at was watched on a day, from the lines of these devices.

A cell is unknown on a day when none of its devices was up for `LEAST_WATCHED` of the time in which it had any, and on
the day that still runs also while all of them are down now: what is not seen at this moment must not look calm.
A cell that no device looks at is none of this module's business: the site's day speaks for it.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import msgspec

from appliance.coverage.line import DOWN, Line, Standing

Coverage = Literal["observed", "unknown"]
Detail = Literal["observed", "partial", "unknown"]

LEAST_WATCHED = 0.5
HUNDREDTHS = 100  # the share is told no finer, so that a row is not written anew each minute


class CellCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """How a cell was watched on a day.

    watched        0..1, rounded down to hundredths, of the time in which devices looked at it
    cause          of what was not watched, the weightiest; of a cell that is unknown now, why it is; '' where all was
    devices, down  that look at it at the end of the interval, and how many of these do not watch then
    """

    coverage: Coverage
    watched: float
    cause: str
    devices: int
    down: int

    @property
    def detail(self) -> Detail:
        """The coverage, with `partial` for an observed cell that was not watched all the time."""
        return detail_of(self.coverage, self.watched)


def detail_of(coverage: Coverage, watched: float) -> Detail:
    """A coverage with its share as one word."""
    return "partial" if coverage == "observed" and watched < 1 else coverage


def judge_cell(lines: Sequence[Line], *, running: bool) -> CellCoverage | None:
    """How a cell was watched whose devices have these lines, all over one interval.

    running  the interval ends now
    returns  None  in all of the interval no device looked at it
    """
    there, seen, blind = _times(lines)
    if there == 0:
        return None
    last = Counter(line[-1].standing for line in lines if line)
    devices = sum(count for standing, count in last.items() if standing != "absent")
    dark = running and devices > 0 and last["up"] == 0
    unknown = dark or seen < LEAST_WATCHED * there
    return CellCoverage(
        coverage="unknown" if unknown else "observed",
        watched=math.floor(seen / there * HUNDREDTHS) / HUNDREDTHS,
        cause=_weightiest(last if dark else blind),
        devices=devices,
        down=devices - last["up"],
    )


def share_up(line: Line) -> float | None:
    """The share of the time since a device was there in which it watched, 0..1; None where it never was."""
    there = sum(piece.end - piece.start for piece in line if piece.standing != "absent")
    up = sum(piece.end - piece.start for piece in line if piece.standing == "up")
    return up / there if there else None


def _times(lines: Sequence[Line]) -> tuple[int, int, Counter[Standing]]:
    """For how long there was a device, for how long one was up, and while none was, how long each cause held."""
    steps: list[tuple[int, int, Standing]] = []
    for line in lines:
        for start, end, standing in line:
            if standing != "absent":
                steps += ((start, 1, standing), (end, -1, standing))
    steps.sort()
    there = seen = at = 0
    blind: Counter[Standing] = Counter()
    now: Counter[Standing] = Counter()
    for instant, change, standing in steps:
        passed = instant - at
        if passed and now["up"]:
            there, seen = there + passed, seen + passed
        elif passed and any(now.values()):
            there += passed
            for cause, devices in now.items():
                blind[cause] += passed * devices
        now[standing] += change
        at = instant
    return there, seen, blind


def _weightiest(causes: Counter[Standing]) -> str:
    weight, _, cause = max((causes[cause], -place, cause) for place, cause in enumerate(DOWN))
    return cause if weight else ""
