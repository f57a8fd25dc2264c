"""States told again are no news: a contact that is still open is not opened once more.

Much firmware repeats all that it knows with every message: a new battery level brings the old `occupancy: true` along.
Only the change is an event. What happens in a moment (a button, a crossing) is `momentary` and always news. Called by
`gather`; what was last told is kept in the families' memory, and so survives a restart.
"""

from collections.abc import Mapping

from appliance.model.observation import Alarm, Motion, Observation
from firmware_bridge.inbound import Memory

FAMILY = "state"


class Edges:
    """What each device last said of each of its states."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._before: dict[str, bool | None] = {}

    def is_news(self, seen: Observation) -> bool:
        """Whether an observation is worth keeping; a state is remembered by this."""
        if not isinstance(seen, Motion | Alarm) or seen.momentary:
            return True
        name = seen.name if isinstance(seen, Alarm) else "motion"
        key = f"{seen.device}|{name}|{seen.area}"
        last = self._memory.get(FAMILY, key)
        if last is seen.active:
            return False
        self._before.setdefault(key, last)
        self._memory.put(FAMILY, key, seen.active)
        return True

    def take_before(self) -> dict[str, bool | None]:
        """What the states were before the last call of this, where they have changed."""
        before, self._before = self._before, {}
        return before

    def put_back(self, before: Mapping[str, bool | None]) -> None:
        """What was told since could not be written: it is news again."""
        for key, last in before.items():
            self._memory.put(FAMILY, key, last)
