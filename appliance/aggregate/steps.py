"""Which bins answer a question about the past: as fine as can be shown, and as is still kept so far back."""

from collections.abc import Mapping
from typing import Literal

from appliance.aggregate.bins import MINUTE_US
from appliance.clock import HOUR_US

Step = Literal["raw", "minute", "hour", "day"]

STEPS: tuple[Step, ...] = ("raw", "minute", "hour", "day")
LONGEST_US: dict[Step, int] = {
    "raw": HOUR_US,
    "minute": 1_500 * MINUTE_US,  # a day
    "hour": 1_500 * HOUR_US,  # two months
}
"""The longest span of which a picture can show bins of a step."""


def choose_step(from_time: int, to_time: int, kept_from: Mapping[Step, int]) -> Step:
    """The finest step that a picture of [from_time, to_time) can show and that is kept since its beginning.

    kept_from  the instant (microseconds) since which each step is kept; days always are
    """
    return next(
        (
            step
            for step, longest in LONGEST_US.items()
            if step in kept_from and to_time - from_time <= longest and from_time >= kept_from[step]
        ),
        "day",
    )
