"""The bridge's loop: receive, decode, write a batch, and only then acknowledge.

What the broker was told is stored was committed and synced before. While the store cannot be written the batch is
kept and tried again; nothing is acknowledged meanwhile, so the broker holds the rest. Between batches the devices are
looked after (`field`), and what is asked of them is sent (`commander`).
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec

from appliance.clock import Clock
from appliance.errors import HexpostError, Unavailable
from appliance.model.event import ClockQuality, Event
from appliance.model.intake import Intake, RawMessage, Receipt
from firmware_bridge.client import BrokerClient
from firmware_bridge.decode import Decoder
from firmware_bridge.decoded import Decoded, reject
from firmware_bridge.downlink.rebirth import Rebirths
from firmware_bridge.field import Field
from firmware_bridge.flood import FloodGuard
from firmware_bridge.gather import Gatherer
from firmware_bridge.inbound import Family
from firmware_bridge.mqtt.message import Message
from firmware_bridge.topic import ack_topic

log = logging.getLogger(__name__)

IDLE_S = 0.25  # how long an idle bridge waits before it looks whether it is to stop, and says that it is alive
MAX_BATCH_BYTES = 4_194_304
RETRY_S = 1.0  # between attempts to write while the store is unavailable
MAX_ACK_IDS = 1_000  # ids named in one message on an ack topic
LATE = timedelta(minutes=1)  # older by its sender's own time than this is what comes after an outage
LOOK_S = 2.0  # how often new mapping files are looked for


class IntakeRecorder(Protocol):
    """What the bridge needs of the store."""

    def record(self, intake: Intake) -> Receipt:
        """Write an intake whole and durably, or raise."""

    def close(self) -> None:
        """Nothing more will be recorded."""


class Downlink(Protocol):
    """What sends commands."""

    def tick(self) -> None:
        """Send what is due."""


Report = Callable[[Mapping[str, Any]], None]
Reload = Callable[[], Sequence[Family] | None]
"""The families anew where mapping files have changed, else None."""


class Bridge:
    """Carries messages from one client to one recorder until it is stopped."""

    def __init__(
        self,
        client: BrokerClient,
        recorder: IntakeRecorder,
        *,
        decoder: Decoder,
        gatherer: Gatherer,
        field: Field,
        downlink: Downlink,
        reload: Reload,
        batch_items: int,
        batch_ms: int,
        commit_ms: int,
        clock: Clock,
        clock_trusted: Callable[[], bool],
        report: Report,
        flood: FloodGuard | None = None,
    ) -> None:
        self._client = client
        self._recorder = recorder
        self._decoder = decoder
        self._gatherer = gatherer
        self._field = field
        self._downlink = downlink
        self._reload = reload
        self._batch_items = batch_items
        self._batch_s = batch_ms / 1000
        self._commit_s = commit_ms / 1000
        self._committed_at = float("-inf")
        self._clock = clock
        self._clock_trusted = clock_trusted
        self._report = report
        self._messages = 0
        self._error = ""
        self._looked_at = 0.0
        self._rebirths = Rebirths()
        self._flood = flood or FloodGuard(rate=0, burst=1)

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; what is received and not yet written then stays with the broker."""
        self._client.start()
        try:
            while not stop.is_set():
                batch = self._collect()
                if batch:
                    self._settle(batch, stop)
                self._look_after()
                self._say(pending=0)
        finally:
            self._client.stop()
            self._recorder.close()

    def _collect(self) -> list[Message]:
        """The next batch, bounded by number, bytes and age.

        What comes after a quiet time is taken within `batch_ms`; where it never is quiet, once in `commit_ms`: each
        commit writes whole pages however little it holds, and a card wears.
        """
        inbox = self._client.messages
        if not inbox.wait(1, time.monotonic() + IDLE_S):
            return []
        now = time.monotonic()
        until = max(now + self._batch_s, min(self._committed_at, now) + self._commit_s)
        inbox.wait(self._batch_items, until, MAX_BATCH_BYTES)
        return inbox.take(self._batch_items, MAX_BATCH_BYTES)

    def _decode(self, message: Message) -> Decoded:
        """What a message holds; a fault in a decoder costs that message and no other."""
        try:
            return self._decoder.decode(
                message.topic,
                message.payload,
                received_at=message.received_at,
                clock_trusted=self._clock_trusted(),
                retain=message.retain,
            )
        except Exception as error:
            log.exception("a message on %s could not be decoded", message.topic)
            return reject(message.topic, message.payload, f"could not be decoded: {type(error).__name__}: {error}")

    def _settle(self, batch: Sequence[Message], stop: threading.Event) -> None:
        """Write a batch, then acknowledge it."""
        try:
            acks = self._record_batch(batch, stop)
        except Unavailable:
            return  # stopped while the store was unavailable: unacknowledged, the broker sends it again
        self._committed_at = time.monotonic()
        self._client.acknowledge(batch)
        self._messages += len(batch)
        self._client.publish_all(
            [
                (ack_topic(source), msgspec.json.encode({"event_ids": ids[start : start + MAX_ACK_IDS]}))
                for source, ids in acks.items()
                for start in range(0, len(ids), MAX_ACK_IDS)
            ]
        )

    def _record_batch(self, batch: Sequence[Message], stop: threading.Event) -> dict[str, list[str]]:
        """Write a batch whole, or where that cannot be, message by message; the ids that are durable now."""
        decoded = [self._decode(message) for message in batch]
        acks = self._gather_at_last(batch, decoded, stop)
        try:
            self._write(stop)
            return acks
        except HexpostError:
            raise  # the store itself is wrong: not a matter of these messages
        except Exception:
            log.exception("a batch of %d messages could not be written; trying them one by one", len(batch))
        self._gatherer.forget()
        acks = defaultdict(list)
        for message, one in zip(batch, decoded, strict=True):
            for source, ids in self._record_alone(message, one, stop).items():
                acks[source] += ids
        return acks

    def _gather(self, batch: Sequence[Message], decoded: Sequence[Decoded]) -> dict[str, list[str]]:
        """Put messages into the gatherer; for each native source that sent any, the ids of its events."""
        acks: dict[str, list[str]] = defaultdict(list)
        quality: ClockQuality = "good" if self._clock_trusted() else "untrusted"
        at = time.monotonic()
        for message, one in zip(batch, decoded, strict=True):
            if not self._flood.admits(_source_of(message, one), one.items, late=_is_late(message, one), at=at):
                self._gatherer.shed("flood", one.items)
                continue
            events: Sequence[Event] = self._gatherer.add(
                RawMessage(
                    topic=message.topic,
                    payload=message.payload,
                    received_at=message.received_at,
                    retain=message.retain,
                    redelivered=message.dup,
                    clock_quality=quality,
                ),
                one,
            )
            if one.source and events:
                acks[one.source] += [event.event_id for event in events]
        return acks

    def _write(self, stop: threading.Event) -> None:
        """Write what was gathered, and then let the field know who was heard."""
        heard, memory = self._gatherer.heard, self._decoder.memory
        learned = memory.take_changed()
        try:
            self._record(self._gatherer.take(learned), stop)
        except BaseException:
            memory.put_back(learned)
            raise
        self._field.take(heard)

    def _gather_at_last(
        self, batch: Sequence[Message], decoded: Sequence[Decoded], stop: threading.Event
    ) -> dict[str, list[str]]:
        """As `_gather`; a key by which something is sealed is made on first use, and a disk may refuse it."""
        while True:
            try:
                return self._gather(batch, decoded)
            except Unavailable as error:
                self._gatherer.drop()
                self._wait(error, sum(one.items for one in decoded), stop)

    def _record(self, intake: Intake, stop: threading.Event) -> None:
        while True:
            try:
                self._recorder.record(intake)
                self._error = ""
                return
            except Unavailable as error:
                self._wait(error, intake.items, stop)

    def _wait(self, error: Unavailable, items: int, stop: threading.Event) -> None:
        """Say what the store waits for, once while it lasts, and let a moment pass.

        raises  Unavailable  the same: the bridge is to end
        """
        if str(error) != self._error:
            log.error("%s; holding %d items and trying again", error, items)
        self._error = str(error)
        self._say(pending=items)
        if stop.wait(RETRY_S):
            raise error

    def _record_alone(self, message: Message, decoded: Decoded, stop: threading.Event) -> dict[str, list[str]]:
        """Write one message of a batch that failed; what cannot be written goes to quarantine, with the cause."""
        acks = self._gather_at_last([message], [decoded], stop)
        try:
            self._write(stop)
            return acks
        except HexpostError:
            raise
        except Exception as error:
            self._gatherer.forget()
            log.exception("a message on %s could not be written", message.topic)
            reason = f"could not be stored: {type(error).__name__}: {error}"
            self._record(Intake(rejections=[*reject(message.topic, message.payload, reason).rejections]), stop)
            return {}

    def _look_after(self) -> None:
        """Everything that is not a message: the devices, the commands, mapping files that changed."""
        self._field.tick(connected=self._client.connected.is_set())
        self._downlink.tick()
        now = time.monotonic()
        self._flood.look(connected=self._client.connected.is_set(), waiting=len(self._client.messages), at=now)
        if now - self._looked_at >= LOOK_S:
            self._looked_at = now
            families = self._reload()
            if families is not None:
                self._decoder.replace(families)
            if self._client.connected.is_set():
                for request in self._rebirths.due(self._decoder.memory, now, self._clock()):
                    self._client.publish(request.topic, request.payload)

    def _say(self, *, pending: int) -> None:
        self._report(
            {
                "broker": "up" if self._client.connected.is_set() else "down",
                "broker_error": self._client.last_error,
                "store_error": self._error,
                "messages": self._messages,
                "pending": pending + len(self._client.messages),
                "devices": self._field.devices,
                **self._flood.state,
            }
        )


def _source_of(message: Message, decoded: Decoded) -> str:
    """Whose message it is; of one that is not understood, the topic."""
    if decoded.source:
        return decoded.source
    return decoded.observations[0].device if decoded.observations else message.topic


def _is_late(message: Message, decoded: Decoded) -> bool:
    """Whether its sender kept it for a while, by its own time."""
    if decoded.events:
        told: datetime | None = decoded.events[-1].event_timestamp
    else:
        told = decoded.observations[-1].observed_at if decoded.observations else None
    return told is not None and message.received_at - told > LATE
