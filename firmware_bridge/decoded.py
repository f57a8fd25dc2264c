"""What one message held, as decoding leaves it: native events, observations of any family, and rejections."""

from collections.abc import Sequence

import msgspec

from appliance.model.event import Event
from appliance.model.intake import Rejection
from appliance.model.observation import Observation
from appliance.model.plates import may_hold_plate


class Decoded(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of one message.

    source   whose ack topic the events' ids go to; '' for firmware that has none
    events   native events; their place may be missing
    folded   why nothing of it is kept, where that is so: `cleared`, `nothing to keep`, ...; it is one item then
    """

    source: str = ""
    family: str = ""
    events: Sequence[Event] = ()
    observations: Sequence[Observation] = ()
    rejections: Sequence[Rejection] = ()
    folded: str = ""

    @property
    def items(self) -> int:
        """How many items the message held."""
        return len(self.events) + len(self.observations) + len(self.rejections) + bool(self.folded)


def rejection(topic: str, payload: bytes, reason: str) -> Rejection:
    """An item that cannot be understood; sealed where it may hold a number plate."""
    sealed = may_hold_plate(payload) or may_hold_plate(topic.encode())
    return Rejection(topic=topic, payload=payload, reason=reason, sealed=sealed)


def reject(topic: str, payload: bytes, reason: str) -> Decoded:
    """A whole message that cannot be understood."""
    return Decoded(rejections=[rejection(topic, payload, reason)])
