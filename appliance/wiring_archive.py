"""The archive decoded anew: `hexpost reprocess`.

The messages received in [start, end) are decoded by the mappings, the registry and the code that there are now. What
came of them then is replaced by what comes of them now:

- An event, reading or position is *covered* when it was received at the instant of a message that is in the archive,
  came with a clock that was trusted, and is understood whole now. Only covered rows are changed or removed.
- An event of the same (source, event_id) keeps its key: untouched where its content is equal, amended where it differs.
  A covered row that decoding does not give any more is removed; what it gives and is not stored is added.
- A row keeps when it was received and how far its time is believed, and a place that it has from the registry.
- What the archive does not have, today's mappings refuse, or nobody may read any more stays as it was, and is reported.
- A message that lay in quarantine and is understood now leaves it.
- Rows of hours that retention has deleted and rolled up are not brought back.

Decoding and comparing go on beside ingest, in bounded memory; then one transaction takes over. Called by `cli`.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from appliance.clock import rfc3339, to_us
from appliance.errors import Unavailable
from appliance.ingest.native_form import read_raw_events
from appliance.model.intake import RawMessage
from appliance.store.archive.difference import Difference, compare_events, compare_positions, compare_readings
from appliance.store.archive.manifest import archive_lock
from appliance.store.archive.read import Unread, read_archive
from appliance.store.archive.seal import seal_spools
from appliance.store.archive.shadow import Shadow
from appliance.store.archive.swap import Swapped, swap_in
from appliance.store.device.registry import fetch_bridge_devices
from appliance.store.engine import Store
from appliance.store.file import dbapi
from appliance.store.intake.memory import fetch_learned
from appliance.store.quarantine import MAX_PAYLOAD, fetch_quarantine
from appliance.wiring import Box, archive_folder, open_archive_sealer, open_plate_sealer, open_sealer
from appliance.wiring_bridge import plate_sealer
from appliance.wiring_families import load_families
from firmware_bridge.reread import Rereader

WARM_UP = timedelta(hours=24)  # messages before the range that tell what states there were when it began
FLUSH_MESSAGES, FLUSH_BYTES = 2_000, 1_048_576  # decoded between writes to the shadow tables
PAGE = 200  # entries of quarantine held at a time
SEAL_PATIENCE_S = 60.0  # the hourly sealing may be at work

OnMessages = Callable[[int], None]


class ReprocessReport(msgspec.Struct, kw_only=True):
    """What reprocessing found, and with `done` did.

    messages    read again; of these `refused` by today's mappings, `untrusted` came while the time was not known
    unread      what the archive does not have of the range
    quarantine  messages that lay in quarantine and are understood now
    done        what was changed; None for a dry run
    """

    messages: int = 0
    refused: int = 0
    untrusted: int = 0
    unread: Unread
    events: Difference = msgspec.field(default_factory=Difference)
    readings: Difference = msgspec.field(default_factory=Difference)
    positions: Difference = msgspec.field(default_factory=Difference)
    quarantine: int = 0
    done: Swapped | None = None


def reprocess(
    box: Box,
    store: Store,
    *,
    start: datetime,
    end: datetime,
    who: str,
    dry_run: bool = False,
    on_messages: OnMessages = lambda _: None,
) -> ReprocessReport:
    """Decode what was received in [start, end) anew and take it over, or with `dry_run` only say what would change.

    raises  Unavailable  the store or the archive cannot be read or written now: nothing is done
    raises  Corrupt      a manifest of the archive is damaged
    """
    archive = archive_folder(box)
    end = min(end, box.clock())
    with archive_lock(archive, "reprocess"):
        _seal(box)
        try:
            shadow = Shadow(archive / "reprocess.db")
            try:
                return _reprocess(box, store, shadow, start, end, who, dry_run, on_messages)
            finally:
                shadow.close()
        except dbapi.Error as error:
            raise Unavailable(f"reprocessing in {archive}: {error}; free space or remount the disk") from None


def _reprocess(
    box: Box,
    store: Store,
    shadow: Shadow,
    start: datetime,
    end: datetime,
    who: str,
    dry_run: bool,
    on_messages: OnMessages,
) -> ReprocessReport:
    report = ReprocessReport(unread=Unread(faults=[]))
    waiting = _Waiting(box, store, start, end)
    _decode(box, store, shadow, start, end, waiting, report, on_messages)
    span = {"start": to_us(start), "end": to_us(end)}
    report.events = compare_events(store, shadow, hours=box.hours(), **span)
    report.readings = compare_readings(store, shadow, **span)
    report.positions = compare_positions(store, shadow, **span)
    shadow.raw.executemany("INSERT INTO entries VALUES (?, ?)", waiting.came.items())
    report.quarantine = waiting.came.total()
    if not dry_run:
        subject = f"{rfc3339(start)}/{rfc3339(end)}"
        report.done = swap_in(store, shadow, hours=box.hours(), now=box.clock(), who=who, subject=subject)
    return report


def _decode(
    box: Box,
    store: Store,
    shadow: Shadow,
    start: datetime,
    end: datetime,
    waiting: "_Waiting",
    report: ReprocessReport,
    on_messages: OnMessages,
) -> None:
    rereader = open_rereader(box, store, start)
    archive, sealer = archive_folder(box), open_archive_sealer(box)
    before = Unread(faults=[])
    for batch in read_archive(archive, start=start - WARM_UP, end=start, sealer=sealer, unread=before):
        rereader.warm(one for one in batch if one.clock_quality != "untrusted")
    for batch in read_archive(archive, start=start, end=end, sealer=sealer, unread=report.unread):
        shadow.cover((to_us(at), False) for at in report.unread.lost_at)
        for part in _parts(batch):
            instants = []
            for message in part:
                whole = _read_again(rereader, message, report)
                instants.append((to_us(message.received_at), whole))
                if whole:
                    waiting.leaves(message)
            shadow.cover(instants)
            shadow.add(rereader.take(), rereader.is_placed_by_registry)
        on_messages(len(batch))


def _read_again(rereader: Rereader, message: RawMessage, report: ReprocessReport) -> bool:
    """Decode one message; whether what came of it may be replaced."""
    report.messages += 1
    if message.clock_quality == "untrusted":  # its rows may have been given another time since
        report.untrusted += 1
        return False
    whole = rereader.add(message)
    report.refused += not whole
    return whole


def _parts(batch: Sequence[RawMessage]) -> Iterator[list[RawMessage]]:
    """A batch in parts whose events fit into memory."""
    part: list[RawMessage] = []
    size = 0
    for message in batch:
        part.append(message)
        size += len(message.payload)
        if size >= FLUSH_BYTES or len(part) >= FLUSH_MESSAGES:
            yield part
            part, size = [], 0
    if part:
        yield part


def open_rereader(box: Box, store: Store, start: datetime) -> Rereader:
    with store.read() as connection:
        devices, learned = fetch_bridge_devices(connection, start), fetch_learned(connection)
    return Rereader(
        load_families(box),
        devices,
        zone=box.settings.zone,
        learned=learned,
        plate_key=box.secret("plates.key"),
        seal_plate=_plate_sealer(box),
        read_native=read_raw_events,
    )


def _plate_sealer(box: Box) -> Callable[[str, datetime], str] | None:
    """Seals plates of days whose keys may still be there; making a key anew would outlive the day's time."""
    days = box.settings.security.keep_plates_days
    if not days:
        return None
    seal, oldest = plate_sealer(open_plate_sealer(box)), box.clock().date() - timedelta(days=days)
    return lambda plate, at: seal(plate, at) if at.date() >= oldest else ""


def _seal(box: Box) -> None:
    """Seal everything there is, waiting for the jobs process where it is at work."""
    deadline = time.monotonic() + SEAL_PATIENCE_S
    while True:
        try:
            seal_spools(archive_folder(box), now=box.clock(), everything=True)
            return
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


class _Waiting:
    """Entries of quarantine whose message may be among those that are read again."""

    def __init__(self, box: Box, store: Store, start: datetime, end: datetime) -> None:
        self.came: Counter[int] = Counter()
        self._entries: dict[bytes, list[list[int]]] = {}
        sealer, last = open_sealer(box), None
        while True:
            with store.read() as connection:
                page = fetch_quarantine(connection, before_id=last, limit=PAGE, sealer=sealer)
            if not page:
                return
            last = page[-1].id
            for entry in page:
                if entry.last_seen >= start and entry.first_seen < end and entry.payload:
                    self._entries.setdefault(_digest(entry.topic, entry.payload), []).append([entry.id, entry.count])

    def leaves(self, message: RawMessage) -> None:
        """A message is understood now: it leaves the entry that it is in, if it is in one."""
        if not self._entries or message.origin != "mqtt":
            return
        for entry in self._entries.get(_digest(message.topic, message.payload), ()):
            if entry[1]:
                entry[1] -= 1
                self.came[entry[0]] += 1
                return


def _digest(topic: str, payload: bytes) -> Any:
    return hashlib.blake2b(topic.encode() + b"\0" + payload[:MAX_PAYLOAD], digest_size=16).digest()
