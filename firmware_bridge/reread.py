"""Archived messages decoded once more, by the mappings and the registry that there are now.

Like `retry`, an old message tells what was and not what is: of it come events, readings and fixes, and nothing is said
of devices, commands or what families learn. Maintenance windows are those of the time of the message. States are
compared among the messages that are read, so begin some hours earlier than the result is wanted from (`warm`). Pure;
called by `wiring_archive`, which gives it the archive.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, tzinfo

import msgspec

from appliance.errors import Rejected
from appliance.model.device import BridgeDevice
from appliance.model.event import ClockQuality, Event
from appliance.model.intake import Intake, Learned, RawMessage
from firmware_bridge.canonical import Standing, Surroundings
from firmware_bridge.decode import Decoder
from firmware_bridge.decoded import Decoded, reject
from firmware_bridge.gather import Gatherer
from firmware_bridge.inbound import Family, Memory
from firmware_bridge.liveness.skew import Clocks, judge

log = logging.getLogger(__name__)

ReadNative = Callable[[RawMessage], Sequence[Event | Rejected]]
"""The events of a message that came as an upload or a file."""


class Rereader:
    """Decodes messages in the order in which they came. One for one run over the archive."""

    def __init__(
        self,
        families: Sequence[Family],
        devices: Sequence[BridgeDevice],
        *,
        zone: tzinfo,
        learned: Sequence[Learned],
        plate_key: bytes,
        seal_plate: Callable[[str, datetime], str] | None,
        read_native: ReadNative,
    ) -> None:
        """`devices` with the windows that held at the time of the first message; the rest as for the bridge."""
        self._devices = {one.source: one for one in devices}
        self._clocks = Clocks({one.source: one.skew_ms for one in devices if one.skew_ms is not None})
        self._decoder = Decoder(families, zone=zone, learned=learned)
        around = Surroundings(standing=self._standing, judge=self._judge, plate_key=plate_key, seal_plate=seal_plate)
        self._gatherer = Gatherer(around, memory=Memory())
        self._read_native = read_native
        self._at = datetime.max.replace(tzinfo=UTC)
        self._uploaded: list[Event] = []

    def warm(self, messages: Iterable[RawMessage]) -> None:
        """Learn from messages what states and announcements there were, and keep nothing of them."""
        for message in messages:
            self.add(message)
        self.take()

    def add(self, message: RawMessage) -> bool:
        """Decode a message into what `take` gives next; whether it was understood whole."""
        if message.origin != "mqtt":
            return self._add_upload(message)
        self._at = message.received_at
        decoded = self._decode(message)
        self._decoder.memory.take_changed()  # the bridge alone writes what families remember
        self._gatherer.add(message, decoded)
        return not decoded.rejections

    def take(self) -> Intake:
        """What was added since the last call: its events, readings and fixes count, and nothing else in it."""
        intake, uploaded = self._gatherer.take([]), self._uploaded
        self._uploaded = []
        return msgspec.structs.replace(intake, events=[*intake.events, *uploaded])

    def is_placed_by_registry(self, event: Event) -> bool:
        """Whether an event lies where its device is registered, so that it may well have brought no place itself."""
        device = self._devices.get(event.source)
        return device is not None and (device.longitude, device.latitude) == (event.longitude, event.latitude)

    def _add_upload(self, message: RawMessage) -> bool:
        try:
            read = self._read_native(message)
        except Rejected:
            return False
        events = [event for event in read if isinstance(event, Event)]
        self._uploaded += events
        return len(events) == len(read)

    def _decode(self, message: RawMessage) -> Decoded:
        """What a message holds; a fault in a decoder costs that message and no other."""
        try:
            return self._decoder.decode(
                message.topic, message.payload, received_at=message.received_at, retain=message.retain
            )
        except Exception as error:
            log.exception("an archived message on %s could not be decoded", message.topic)
            return reject(message.topic, message.payload, f"could not be decoded: {type(error).__name__}: {error}")

    def _standing(self, source: str) -> Standing | None:
        device = self._devices.get(source)
        if device is None:
            return None
        place = None
        if device.longitude is not None and device.latitude is not None:
            place = (device.longitude, device.latitude)
        return Standing(
            place=place,
            ignored=device.registration == "ignored",
            maintenance=device.in_maintenance(self._at),
            min_score=device.min_score,
        )

    def _judge(self, source: str, observed_at: datetime | None, received_at: datetime, live: bool) -> ClockQuality:
        return judge(observed_at, received_at, self._clocks.get(source), trusted=True, live=live)
