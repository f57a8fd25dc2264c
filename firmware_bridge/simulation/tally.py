"""What was published, and what a box that misses nothing has made of it: for comparison with its balance."""

from collections import Counter, OrderedDict

from firmware_bridge.simulation.firmware import Message

RECENT = 100_000  # incidents; one is told again within a minute or two, and then never


class Tally:
    """Counts what leaves.

    messages    family -> publications, duplicates included, garbage not
    events      incidents that were told, each once however often it was told: so many events the box has to store
    unsent      what devices had begun to say when they were cut off
    orders      commands that a device took
    """

    def __init__(self) -> None:
        self.messages: Counter[str] = Counter()
        self.duplicates = 0
        self.garbage = 0
        self.unsent = 0
        self.orders = 0
        self.events = 0
        self._recent: OrderedDict[str, None] = OrderedDict()
        self._states: dict[str, bool] = {}

    @property
    def published(self) -> int:
        """All publications."""
        return sum(self.messages.values()) + self.garbage

    def add(self, family: str, message: Message) -> None:
        """Count one good message."""
        self.messages[family] += 1
        if message.state and not self._changes(message):
            return
        self.events += message.nameless
        for event in message.events:
            if event not in self._recent:
                self.events += 1
                self._recent[event] = None
        while len(self._recent) > RECENT:
            self._recent.popitem(last=False)

    def _changes(self, message: Message) -> bool:
        """Whether a state is other than it was last told; there are few states of a device."""
        before = self._states.get(message.state)
        self._states[message.state] = message.active
        return before is not message.active
