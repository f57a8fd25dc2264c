"""What must be looked at all the time: detections and plates, readings and their thresholds. Called by `schedule`."""

import logging
from collections.abc import Callable
from typing import Protocol

from appliance.errors import HexpostError

log = logging.getLogger(__name__)

STEPS = 200  # of one look: a box that was off for days catches up beside the others, not before them


class Follower(Protocol):
    """Takes up what is new, a bounded piece at a time."""

    def step(self) -> bool:
        """Whether there may be more at once."""


class IotWatch:
    """Lets each follower take up what is new. One a process, on one thread."""

    def __init__(self, *followers: Follower) -> None:
        self._followers = followers
        self.error = ""

    def look(self, stopping: Callable[[], bool] = lambda: False) -> None:
        """One look; what goes wrong is logged once and tried again at the next."""
        errors = []
        for follower in self._followers:
            try:
                steps = 0
                while follower.step() and steps < STEPS and not stopping():
                    steps += 1
            except HexpostError as error:
                errors.append(str(error))
            except Exception as error:
                errors.append(f"{type(error).__name__}: {error}")
                if errors[-1] not in self.error:  # it looks every few seconds
                    log.exception("following events and readings")
        told = "; ".join(errors)
        if told and told != self.error:
            log.error("%s; trying again", told)
        self.error = told
