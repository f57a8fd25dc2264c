"""States told again are no news: a contact that is still open is not opened once more.

Much firmware repeats all that it knows with every message: a new battery level brings the old `occupancy: true` along.
Only the change is an event. What happens in a moment (a button, a crossing) is `momentary` and always news. Called by
`gather`; what was last told is kept in the families' memory, and so survives a restart.
"""

from collections.abc import Sequence

from appliance.model.observation import Alarm, Motion, Observation
from firmware_bridge.inbound import Memory

FAMILY = "state"


class Edges:
    """What each device last said of each of its states."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def news(self, observations: Sequence[Observation]) -> Sequence[Observation]:
        """The observations without the states that are as they were; the same sequence where all are news."""
        if not any(isinstance(seen, _STATES) for seen in observations):
            return observations
        return [seen for seen in observations if not isinstance(seen, _STATES) or self._is_news(seen)]

    def _is_news(self, seen: Motion | Alarm) -> bool:
        if seen.momentary:
            return True
        name = seen.name if isinstance(seen, Alarm) else "motion"
        key = f"{seen.device}|{name}|{seen.area}"
        if self._memory.get(FAMILY, key) is seen.active:
            return False
        self._memory.put(FAMILY, key, seen.active)
        return True


_STATES = (Motion, Alarm)
