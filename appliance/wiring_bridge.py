"""The bridge put together: its client, families, gatherer, field and downlink; and quarantine retried by its rules.

`cli` imports it, and `wiring` when the web part is asked to retry.
"""

import base64
import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from appliance.clock import Clock, from_us, to_us
from appliance.errors import Conflict, HexpostError, NotFound, Unavailable
from appliance.model.event import ClockQuality
from appliance.model.intake import Intake, Receipt, RetryReport, StillRefused
from appliance.store.alerts import AlertOutlet
from appliance.store.clock.boots import fetch_boots, has_waiting
from appliance.store.device.field import StoreField
from appliance.store.device.spans import take_up_spans
from appliance.store.downlink.waves import StoreDownlink
from appliance.store.engine import Store, raw_connection
from appliance.store.file.pulse import read_pulses
from appliance.store.intake.batch import Recorder
from appliance.store.intake.memory import fetch_digests, fetch_learned
from appliance.store.quarantine import (
    MAX_PAYLOAD,
    QuarantineFilter,
    audit_quarantine,
    fetch_quarantine_ids,
    fetch_quarantined,
    kind_of,
)
from appliance.store.sealing import Sealer
from appliance.timekeeping import BUILT_US, boot_of, misdated_days
from appliance.wiring import (
    Box,
    broker_address,
    open_archive_sealer,
    open_disk_watch,
    open_plate_sealer,
    open_recorder,
    open_sealer,
)
from appliance.wiring_families import load_families, mapping_state
from appliance.wiring_telling import FLOOD, TOLD, Desk, with_disk, with_floods
from firmware_bridge.bridge import Bridge
from firmware_bridge.canonical import Judge, Surroundings
from firmware_bridge.client import BrokerClient
from firmware_bridge.commander import Announcer, Commander
from firmware_bridge.decode import Decoder
from firmware_bridge.downlink.orders import Outbound
from firmware_bridge.field import Field
from firmware_bridge.flood import FloodGuard
from firmware_bridge.gather import Gatherer
from firmware_bridge.inbound import Family, Memory
from firmware_bridge.liveness.skew import judge
from firmware_bridge.retry import Entry, Refused, retry_entries
from firmware_bridge.topic import alert_topic, health_topic

log = logging.getLogger(__name__)

DOWNLINK_S = 1.0
MAX_REFUSALS = 100  # named of one retry
NOT_WHOLE = {
    "destroyed": "its payload is sealed, and the key of its day is destroyed or was never there; drop it",
    "damaged": "its payload is sealed and does not open; drop it",
}
SWEEP_S = 3600.0  # how often keys of days that are over are destroyed


def open_client(box: Box, clock: Clock) -> BrokerClient:
    """The bridge's connection to the broker."""
    mqtt, site = box.settings.mqtt, box.settings.site
    health = health_topic(site.id)
    return BrokerClient(
        broker_address(box),
        client_id=mqtt.client_id,
        filters=mqtt.topics,
        receive_maximum=mqtt.receive_maximum,
        will=(health, msgspec.json.encode({"site": site.id, "state": "offline"})),
        birth=(health, msgspec.json.encode({"site": site.id, "state": "online"})),
        clock=clock,
    )


def open_bridge(
    box: Box,
    store: Store,
    client: BrokerClient,
    *,
    clock: Clock,
    clock_trusted: Callable[[], bool],
    report: Callable[[Mapping[str, Any]], None],
) -> tuple[Bridge, Field]:
    """A bridge from this client to this store, and what it knows of the field.

    raises  Unavailable  the store cannot be read now
    """
    mqtt, site = box.settings.mqtt, box.settings.site
    watch = open_disk_watch(box, store)

    def alert(words: bytes) -> bool:
        return client.publish(alert_topic(site.id), words, qos=1)

    field = Field(
        StoreField(store, clock),
        clock=clock,
        clock_trusted=clock_trusted,
        monotonic=time.monotonic,
        alert=alert,
        last_alive=last_alive(box),
        moving=site.moving,
    )
    take_up_spans(store)
    field.start()
    flood = FloodGuard(rate=mqtt.source_rate, burst=mqtt.source_burst)
    around = _surroundings(box, field, field.judge)
    with store.read() as connection:
        learned, digests = fetch_learned(connection), fetch_digests(connection)
    desk = Desk(store, clock)
    desk.end_all(FLOOD)
    mappings = MappingWatch(box)
    decoder = Decoder(mappings() or (), zone=box.settings.zone, learned=learned)

    def report_with_mappings(state: Mapping[str, Any]) -> None:
        report({**state, "mappings": mappings.taken})

    bridge = Bridge(
        client,
        open_recorder(box, store, step=lambda: watch.step, beside=True),
        decoder=decoder,
        gatherer=Gatherer(around, memory=decoder.memory, digests=digests),
        field=field,
        downlink=_downlink(box, store, client, clock),
        reload=mappings,
        batch_items=mqtt.batch_items,
        batch_ms=mqtt.batch_ms,
        commit_ms=mqtt.commit_ms,
        clock=clock,
        clock_trusted=clock_trusted,
        report=with_disk(with_floods(report_with_mappings, flood, alert, clock, desk), watch, alert, clock, desk),
        flood=flood,
    )
    return bridge, field


def _downlink(box: Box, store: Store, client: BrokerClient, clock: Clock) -> "PacedDownlink":
    """What goes out between batches: commands and alerts; and keys of plates whose time is over are destroyed."""
    within = timedelta(seconds=box.settings.alerts.sound_within_s)
    topic = alert_topic(box.settings.site.id)
    announcer = Announcer(AlertOutlet(store, "mqtt"), client, topic, within, told=TOLD)
    commander = Commander(StoreDownlink(store), publisher(client))
    return PacedDownlink((commander.tick, announcer.tick), clock, lambda: destroy_old_keys(box, store, clock()))


def _surroundings(box: Box, field: Field, judge: Judge) -> Surroundings:
    """What canonical form needs to know, as this site keeps it."""
    return Surroundings(
        standing=field.standing,
        judge=judge,
        plate_key=box.secret("plates.key"),
        seal_plate=plate_sealer(open_plate_sealer(box)) if box.settings.security.keep_plates_days else None,
    )


def last_alive(box: Box) -> datetime | None:
    """When an earlier bridge last said that it was there; None where there was none."""
    pulse = read_pulses(box.run_dir).get("bridge")
    return from_us(pulse.wall_us) if pulse else None


def plate_sealer(sealer: Sealer) -> Callable[[str, datetime], str]:
    """A function by which a plate's clear text is kept under the key of its day."""

    def seal(plate: str, at: datetime) -> str:
        return base64.b64encode(sealer.seal(at.date(), plate.encode())).decode()

    return seal


def destroy_old_keys(box: Box, store: Store, now: datetime) -> int:
    """Destroy the keys of days that nobody may read any more; how many.

    None while the time is not known, or rows still wait for theirs. A day in whose name something was sealed before the
    time was known lies too far back: its key stays until what was sealed is as old as it may become.
    """
    with store.read() as connection:
        if not box.clock_trusted() or has_waiting(raw_connection(connection)):
            return 0
        ledger = fetch_boots(raw_connection(connection))
    gone = 0
    for sealer, days in (
        (open_sealer(box), box.settings.store.sealed_days),
        (open_archive_sealer(box), box.settings.store.sealed_days),
        (open_plate_sealer(box), box.settings.security.keep_plates_days),
    ):
        first = now.date() - timedelta(days=days)
        gone += sealer.destroy_before(first, spare=misdated_days(ledger, to_us(now - timedelta(days=days))))
    return gone


def retry_quarantine(
    box: Box, store: Store, *, ids: Sequence[int] | None = None, topic: str | None = None, who: str
) -> RetryReport:
    """Decode entries of quarantine by the mappings that there are now, the oldest first, each in a transaction.

    These `ids`; else those whose topic the MQTT filter names; else all. Broken off, what was done stays done.
    raises  NotFound     an id is not there
    raises  Rejected     the topic is not a filter
    raises  Unavailable  the store cannot be read or written now
    """
    with store.write() as connection:
        found = fetch_quarantine_ids(connection, ids, QuarantineFilter(topic=topic) if ids is None else None)
        if found:
            audit_quarantine(connection, "retry", found, who=who, at=box.clock())
    field = _open_field(box, store)
    was_trusted = _trusted_then(store)
    decoder, gatherer = _open_retry(box, store, field, was_trusted)
    recorder, receipts, refused = open_recorder(box, store), [], []
    for entry, made in retry_entries(
        _read_entries(box, store, found),
        decoder,
        gatherer,
        is_registered=lambda source: field.standing(source) is not None,
        clock_trusted=was_trusted,
    ):
        became = _record_retried(recorder, entry, made) if isinstance(made, Intake) else made
        if isinstance(became, Receipt):
            receipts.append(became)
            continue
        gatherer.forget()
        reason = kind_of(became.reason) if became.sealed else became.reason
        refused.append(StillRefused(id=entry.id, topic=entry.topic, reason=reason))
    return RetryReport(
        retried=len(receipts),
        stored=sum(one.outcomes.count("stored") + one.readings_stored + one.fixes_stored for one in receipts),
        refused=len(refused),
        refusals=refused[:MAX_REFUSALS],
    )


def publisher(client: BrokerClient) -> Callable[..., bool]:
    """The client as the commander publishes through it."""

    def publish(message: Outbound, *, expiry_s: int) -> bool:
        return client.publish(message.topic, message.payload, retain=message.retain, qos=message.qos, expiry_s=expiry_s)

    return publish


class PacedDownlink:
    """What sends, asked once a second however busy the loop is; and once an hour what is due that seldom."""

    def __init__(
        self, senders: Sequence[Callable[[datetime], object]], clock: Clock, sweep: Callable[[], object]
    ) -> None:
        self._senders = senders
        self._clock = clock
        self._sweep = sweep
        self._asked_at = self._swept_at = float("-inf")

    def tick(self) -> None:
        """Send what is due."""
        now = time.monotonic()
        if now - self._asked_at >= DOWNLINK_S:
            self._asked_at = now
            for send in self._senders:
                send(self._clock())
        if now - self._swept_at >= SWEEP_S:
            self._swept_at = now
            try:
                self._sweep()
            except (OSError, Unavailable) as error:  # a disk that takes no writes must not end the bridge
                log.error("destroying keys of days that are over: %s; trying again in an hour", error)


class MappingWatch:
    """Says when a technician has changed a mapping file; `taken` is the state of the folder that was read last."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self.taken = ""

    def __call__(self) -> Sequence[Family] | None:
        """The families anew, or None where nothing has changed; at first always."""
        state = mapping_state(self._box)  # before the files: one that changes meanwhile is read once more
        if state == self.taken:
            return None
        families = load_families(self._box)
        self.taken = state
        return families


def _open_field(box: Box, store: Store) -> Field:
    """What the registry says of the devices, for a look; nobody lets it tick, so it tells and writes nothing."""
    field = Field(
        StoreField(store, box.clock),
        clock=box.clock,
        clock_trusted=box.clock_trusted,
        monotonic=time.monotonic,
        alert=lambda _: None,
        moving=box.settings.site.moving,
    )
    field.start()
    return field


def _open_retry(
    box: Box, store: Store, field: Field, was_trusted: Callable[[datetime], bool]
) -> tuple[Decoder, Gatherer]:
    def judge_then(source: str, observed_at: datetime | None, received_at: datetime, live: bool) -> ClockQuality:
        if was_trusted(received_at):
            return field.judge(source, observed_at, received_at, live)
        return judge(observed_at, received_at, None, trusted=False, live=live)

    around = _surroundings(box, field, judge_then)
    with store.read() as connection:
        learned = fetch_learned(connection)
    return Decoder(load_families(box), zone=box.settings.zone, learned=learned), Gatherer(around, memory=Memory())


def _trusted_then(store: Store) -> Callable[[datetime], bool]:
    """Whether the box knew the time when it stamped something, or knows by now what that stamp meant."""
    with store.read() as connection:
        ledger = fetch_boots(raw_connection(connection))

    def was_trusted(at: datetime) -> bool:
        boot = boot_of(ledger, to_us(at))
        return to_us(at) >= BUILT_US and (boot is None or boot.known)

    return was_trusted


def _read_entries(box: Box, store: Store, ids: Sequence[int]) -> Iterator[Entry]:
    """Entries one at a time, since each may be large; one that is dropped meanwhile is passed over."""
    sealer = open_sealer(box)
    for entry_id in ids:
        with contextlib.suppress(NotFound):
            with store.read() as connection:
                kept = fetch_quarantined(connection, entry_id, sealer=sealer)
            yield Entry(
                id=kept.id,
                topic=kept.topic,
                payload=kept.payload,
                first_seen=kept.first_seen,
                count=kept.count,
                missing=NOT_WHOLE.get(kept.seal, f"only its first {MAX_PAYLOAD:,} bytes were kept" if kept.cut else ""),
            )


def _record_retried(recorder: Recorder, entry: Entry, intake: Intake) -> Receipt | Refused:
    """Write what an entry became, or say why it stays."""
    try:
        return recorder.record(intake)
    except Conflict as error:
        return Refused(reason=str(error))
    except HexpostError:
        raise
    except Exception as error:
        log.exception("quarantine entry %d on %s could not be stored", entry.id, entry.topic)
        return Refused(reason=f"could not be stored: {type(error).__name__}")
