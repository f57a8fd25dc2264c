"""Messages to observations, without I/O: bytes from a topic become events, observations and rejections.

Nothing but these comes out, whatever comes in. The topic finds the family; where no family has it, a device may have
announced it, and at last the payload's own shape is asked. Called by `bridge` for each message.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Any, Literal

from appliance.errors import Rejected
from appliance.model.intake import Learned
from appliance.model.observation import DeviceHealth, Observation
from firmware_bridge.decoded import Decoded, reject
from firmware_bridge.inbound import NOT_JSON, Context, Family, Handler, Inbound, Memory, read_form
from firmware_bridge.native import decode_native
from firmware_bridge.routing import Router
from firmware_bridge.topic import PREFIX, NativeTopic, is_ours, read_topic

MAX_PAYLOAD = 1_048_576  # bytes; a message beyond is refused unread

CLEARED = Decoded(
    folded="cleared"
)  # a retained topic being cleared says nothing, but to a family that takes it as news

_NATIVE = f"{PREFIX}/"
_WILLS: dict[bytes, Literal["online", "offline"]] = {b"online": "online", b"offline": "offline"}


class Decoder:
    """Knows the families and what they have learned. One a thread."""

    def __init__(self, families: Sequence[Family], *, zone: tzinfo, learned: Sequence[Learned] = ()) -> None:
        self.memory = Memory(learned)
        self._context = Context(zone=zone, memory=self.memory)
        self.replace(families)

    def replace(self, families: Sequence[Family]) -> None:
        """Know these families from now on; what was learned stays."""
        self._router = Router(families)
        self._known = self._router.known  # looked into here, since a call costs as much as the look
        self._announcing = [family for family in families if family.announced]
        self._recognising = [(family.name, family.recognise) for family in families if family.recognise]
        self._asked_first = {family.name: self._asked_of(family) for family in families}

    def _asked_of(self, family: Family) -> "Sequence[_Recogniser]":
        """Who is asked, and in which order, for what a gateway brings in this family's name."""
        own = [(family.name, ask) for ask in (family.recognise, family.named) if ask]
        return own + [asked for asked in self._recognising if asked[0] != family.name]

    def decode(
        self, topic: str, payload: bytes, *, received_at: datetime, clock_trusted: bool = True, retain: bool = False
    ) -> Decoded:
        """Take one message apart. What nearly all messages need stands here in one piece, for speed."""
        found = self._known.get(topic)
        if found is None:
            found = None if topic.startswith(_NATIVE) else self._router.find(topic)
        if found is None or len(payload) > MAX_PAYLOAD:
            return self._decode_elsewhere(topic, payload, received_at, clock_trusted, retain)
        route = found.route
        try:
            try:
                document = found.read(payload)
            except NOT_JSON:
                if not payload and route.form == "json":
                    return CLEARED
                document = read_form(payload, route.form)
            observations = route.handle(
                Inbound(
                    topic=topic,
                    payload=payload,
                    received_at=received_at,
                    parts=found.parts,
                    document=document,
                    retain=retain,
                ),
                self._context,
            )
        except Rejected as rejected:
            return reject(topic, payload, str(rejected))
        if observations:
            return Decoded(family=found.family.name, observations=observations)
        return _told(found.family.name, observations)

    def _decode_elsewhere(
        self, topic: str, payload: bytes, received_at: datetime, clock_trusted: bool, retain: bool
    ) -> Decoded:
        """A message of ours, on a topic no template has, or too long."""
        if len(payload) > MAX_PAYLOAD:
            return reject(topic, payload, f"{len(payload)} bytes, at most {MAX_PAYLOAD} are read")
        if topic.startswith(_NATIVE):
            return self._decode_native(topic, payload, received_at, clock_trusted, retain)
        inbound = Inbound(topic=topic, payload=payload, received_at=received_at, retain=retain)
        return self._decode_unknown(inbound) if payload else CLEARED

    def _decode_native(
        self, topic: str, payload: bytes, received_at: datetime, clock_trusted: bool, retain: bool
    ) -> Decoded:
        ours, native = _read_native(topic)
        if ours:
            return Decoded()
        if not payload:
            return CLEARED
        if native is None:
            expected = "hexpost/v1/{agency}/{device}/ and then event, status, cmd/result or raw/{family}"
            return reject(topic, payload, f"not a topic of Hexpost: expected {expected}")
        if native.leaf == "raw":
            return self._decode_raw(
                native, Inbound(topic=topic, payload=payload, received_at=received_at, retain=retain)
            )
        return decode_native(native, topic, payload, received_at=received_at, clock_trusted=clock_trusted)

    def _decode_unknown(self, inbound: Inbound) -> Decoded:
        """A topic no template has: announced by a device, or known by the shape of what it carries."""
        for family in self._announcing:
            handler = family.announced(inbound.topic, self.memory) if family.announced else None
            if handler is not None:
                return self._call(family.name, handler, inbound)
        inbound.parts = {"device": inbound.topic}
        decoded = self._decode_shape(inbound, self._recognising)
        reason = "no family of firmware knows this topic, nor a payload of this shape"
        remedy = "`hexpost device mapping` adds a family"
        return decoded or reject(inbound.topic, inbound.payload, f"{reason}; {remedy}")

    def _decode_raw(self, native: NativeTopic, inbound: Inbound) -> Decoded:
        """A message that a gateway brings in another family's words; that family is asked before the others.

        A birth or last will is one word in all families.
        """
        inbound.parts = {"agency": native.agency, "device": native.device}
        decoded = self._decode_shape(inbound, self._asked_first.get(native.family, self._recognising))
        state = _WILLS.get(inbound.payload[:20].strip().lower())
        if decoded is None and state is not None and native.family in self._asked_first:
            will = DeviceHealth(device=f"{native.family}/{native.device}", state=state)
            return Decoded(family=native.family, observations=[will])
        if decoded is None:
            reason = f"neither a message of {native.family} by its shape, nor of another family"
            return reject(inbound.topic, inbound.payload, reason)
        return decoded

    def _decode_shape(self, inbound: Inbound, families: "Sequence[_Recogniser]") -> Decoded | None:
        """What the first family makes of it that knows the payload by its shape; None where none does."""
        try:
            inbound.document = read_form(inbound.payload, "any")
        except Rejected:
            inbound.document = inbound.payload  # neither JSON nor text: a family of binary messages may know it
        for family, recognise in families:
            handler = recognise(inbound.document)
            if handler is not None:
                return self._call(family, handler, inbound)
        return None

    def _call(self, family: str, handler: Handler, inbound: Inbound) -> Decoded:
        try:
            observations = handler(inbound, self._context)
        except Rejected as rejected:
            return reject(inbound.topic, inbound.payload, str(rejected))
        return _told(family, observations)


def _told(family: str, observations: Sequence[Observation]) -> Decoded:
    if observations:
        return Decoded(family=family, observations=observations)
    return Decoded(family=family, folded="nothing to keep")


_Recogniser = tuple[str, Callable[[Any], Handler | None]]
"""A family's name, and how it knows a message by its shape."""


@lru_cache(maxsize=4_096)
def _read_native(topic: str) -> tuple[bool, NativeTopic | None]:
    """Whether the box publishes there itself, and who else does."""
    return is_ours(topic), read_topic(topic)
