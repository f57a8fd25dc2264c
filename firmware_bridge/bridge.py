"""The bridge's loop: receive, decode, write a batch, and only then acknowledge.

What the broker was told is stored was committed and synced before. While the store cannot be written the batch is
kept and tried again; nothing is acknowledged meanwhile, so the broker holds the rest.
"""

import logging
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from appliance.errors import HexpostError, Unavailable
from appliance.model.intake import Intake, Receipt, Rejection
from firmware_bridge.client import BrokerClient, Message
from firmware_bridge.decode import Decoded, decode_message
from firmware_bridge.topic import ack_topic

log = logging.getLogger(__name__)

IDLE_S = 0.25  # how long an idle bridge waits before it looks whether it is to stop, and says that it is alive
MAX_BATCH_BYTES = 4_194_304
RETRY_S = 1.0  # between attempts to write while the store is unavailable
MAX_ACK_IDS = 1_000  # ids named in one message on an ack topic


class IntakeRecorder(Protocol):
    """What the bridge needs of the store."""

    def record(self, intake: Intake) -> Receipt:
        """Write an intake whole and durably, or raise."""


Report = Callable[[Mapping[str, Any]], None]


class Bridge:
    """Carries messages from one client to one recorder until it is stopped."""

    def __init__(
        self,
        client: BrokerClient,
        recorder: IntakeRecorder,
        *,
        batch_items: int,
        batch_ms: int,
        clock_trusted: Callable[[], bool],
        report: Report,
    ) -> None:
        self._client = client
        self._recorder = recorder
        self._batch_items = batch_items
        self._batch_s = batch_ms / 1000
        self._clock_trusted = clock_trusted
        self._report = report
        self._messages = 0
        self._error = ""

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; what is received and not yet written then stays with the broker."""
        self._client.start()
        try:
            while not stop.is_set():
                batch = self._collect()
                if batch:
                    self._settle([self._decode(message) for message in batch], batch, stop)
                self._say(pending=0)
        finally:
            self._client.stop()

    def _collect(self) -> list[Message]:
        """The next batch: what comes within `batch_ms` of its first message, bounded by number and bytes."""
        try:
            batch = [self._client.messages.get(timeout=IDLE_S)]
        except queue.Empty:
            return []
        deadline, size = time.monotonic() + self._batch_s, len(batch[0].payload)
        while len(batch) < self._batch_items and size < MAX_BATCH_BYTES:
            try:
                message = self._client.messages.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            batch.append(message)
            size += len(message.payload)
        return batch

    def _decode(self, message: Message) -> Decoded:
        return decode_message(
            message.topic, message.payload, received_at=message.received_at, clock_trusted=self._clock_trusted()
        )

    def _settle(self, decoded: Sequence[Decoded], batch: Sequence[Message], stop: threading.Event) -> None:
        """Write a batch, then acknowledge it."""
        try:
            decoded = self._record_batch(decoded, batch, stop)
        except Unavailable:
            return  # stopped while the store was unavailable: unacknowledged, the broker sends it again
        for message in batch:
            self._client.acknowledge(message)
        self._messages += len(batch)
        for source, ids in ids_by_source(decoded).items():
            for start in range(0, len(ids), MAX_ACK_IDS):
                payload = msgspec.json.encode({"event_ids": ids[start : start + MAX_ACK_IDS]})
                self._client.publish(ack_topic(source), payload)

    def _record_batch(
        self, decoded: Sequence[Decoded], batch: Sequence[Message], stop: threading.Event
    ) -> Sequence[Decoded]:
        """Write a batch whole, or where that cannot be, message by message; what of it is durable now."""
        try:
            self._record(merge_intake(decoded), stop)
            return decoded
        except HexpostError:
            raise  # the store itself is wrong: not a matter of these messages
        except Exception:
            log.exception("a batch of %d messages could not be written; trying them one by one", len(batch))
        return [self._record_alone(one, message, stop) for one, message in zip(decoded, batch, strict=True)]

    def _record(self, intake: Intake, stop: threading.Event) -> None:
        while True:
            try:
                self._recorder.record(intake)
                self._error = ""
                return
            except Unavailable as error:
                if str(error) != self._error:
                    log.error("%s; holding %d items and trying again", error, intake.items)
                self._error = str(error)
                self._say(pending=intake.items)
                if stop.wait(RETRY_S):
                    raise

    def _record_alone(self, decoded: Decoded, message: Message, stop: threading.Event) -> Decoded:
        """Write one message of a batch that failed; what cannot be written goes to quarantine, with the cause."""
        try:
            self._record(merge_intake([decoded]), stop)
            return decoded
        except HexpostError:
            raise
        except Exception as error:
            log.exception("a message on %s could not be written", message.topic)
            reason = f"could not be stored: {type(error).__name__}: {error}"
            rejection = Rejection(topic=message.topic, payload=message.payload, reason=reason)
            self._record(Intake(rejections=[rejection]), stop)
            return Decoded()

    def _say(self, *, pending: int) -> None:
        self._report(
            {
                "broker": "up" if self._client.connected.is_set() else "down",
                "broker_error": self._client.last_error,
                "store_error": self._error,
                "messages": self._messages,
                "pending": pending + self._client.messages.qsize(),
            }
        )


def merge_intake(decoded: Sequence[Decoded]) -> Intake:
    """One transaction's worth from many messages, in their order."""
    return Intake(
        events=[event for one in decoded for event in one.events],
        states=[state for one in decoded for state in one.states],
        rejections=[rejection for one in decoded for rejection in one.rejections],
    )


def ids_by_source(decoded: Sequence[Decoded]) -> dict[str, list[str]]:
    """The ids that are durable now, for each source that sent any: stored or known before, it is the same promise."""
    ids: dict[str, list[str]] = defaultdict(list)
    for one in decoded:
        ids[one.source].extend(event.event_id for event in one.events)
    return {source: known for source, known in ids.items() if known}
