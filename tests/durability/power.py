"""A recorded run of the bridge, and the images that a power cut at its instants would have left.

`Run` is made once; `images` goes through its log and stops at instants of a seed: most of them just after the bridge
has promised something, some between any two operations, some while the log is copied into the file.
"""

import os
import random
import shutil
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from appliance.errors import HexpostError
from appliance.model.intake import Intake
from appliance.store.engine import FILE_NAME, Store
from appliance.store.file import dbapi, sqlite
from appliance.store.verify import verify_store
from appliance.wiring import Box, open_box, open_recorder, open_store
from tests.conftest import make_event, wait_for
from tests.durability.archived import faults_of_archive, faults_of_sealing
from tests.durability.audit import audit, fetch_stored
from tests.durability.backed_up import faults_of_backups
from tests.durability.disk import SURVIVALS, Disk
from tests.durability.processes import Site
from tests.durability.promises import Promises
from tests.durability.publisher import Entry
from tests.durability.recording import Op, Record, Recorder
from tests.durability.storm import open_publisher, settle

SHARES = {"promise": 5, "checkpoint": 2, "first start": 1, "aside": 1, "any": 1}
"""Of ten instants: just after something was sent, in the copying of the log, before the first connection, in what
others do at the same time: the jobs, the sealing of the archive, a backup; anywhere."""


class Promised(Protocol):
    """What had been promised so far, as `promises` reads it off a line."""

    messages: set[tuple[str, bytes]]
    ids: set[tuple[str, str]]

    def take(self, record: Record) -> None:
        """Follow one record."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded run that has ended: its log, its ledger and where it was."""

    recorder: Recorder
    ledger: Sequence[Entry]
    data: Path
    config: Path


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """A data directory after a power cut, and what had been promised before it."""

    folder: Path
    instant: int
    survival: str
    promises: Promised


def record_run(folder: Path, *, messages: int, seed: int, bridge: Sequence[str] = (), with_jobs: bool = False) -> Run:
    """Run a bridge from nothing, and the jobs beside it where they are wanted; `bridge` is what is run as `hexpost`.

    In the middle its archive is sealed and a backup made under its hands; it is stopped cleanly and started again.
    """
    recorder = Recorder(folder, root=folder / "data")
    site = Site(folder, bridge=bridge, environment=recorder.environment)
    site.bridge.environment["HEXPOST_RECORD_PORT"] = str(site.port)
    site.jobs.environment |= recorder.environment
    with site, open_publisher(site, seed=seed, per_s=500) as sender:
        if with_jobs:
            site.jobs.start()
        wait_for(lambda: len(sender.ledger) > messages // 2, deadline_s=180, what="half of the messages")
        for command in (("archive", "seal", "--everything"), ("backup",)):
            site.hexpost(*command, environment=recorder.environment)
        site.bridge.stop()
        site.bridge.start()
        wait_for(lambda: len(sender.ledger) > messages, deadline_s=180, what="all messages")
        account = settle(site, sender)
        ledger = sender.ledger
    assert account.faults == []
    return Run(recorder=recorder, ledger=ledger, data=site.data, config=site.config)


def images(run: Run, folder: Path, *, count: int, seed: int, line: type[Promised] = Promises) -> Iterator[Image]:
    """Images at `count` instants in their order; each is gone when the next is asked for."""
    chance = random.Random(seed)
    instants = _instants(run, chance, count)
    disk, promises = Disk(run.data), line()
    for place, record in enumerate(run.recorder.records()):
        disk.take(record)
        promises.take(record)
        for _ in range(instants.count(place)):
            survival = chance.choice(SURVIVALS)
            folder.mkdir()
            disk.write_image(folder, chance, survival)
            yield Image(folder=folder, instant=place, survival=survival.__name__, promises=promises)
            shutil.rmtree(folder)


def _instants(run: Run, chance: random.Random, count: int) -> list[int]:
    """Places in the log: each kind of instant has its share, whatever its part of the log is."""
    kinds: dict[str, list[int]] = {kind: [] for kind in SHARES}
    file, store, bridges = str(run.data / FILE_NAME), (0, 0), set()
    for place, record in enumerate(run.recorder.records()):
        kinds["any"].append(place)
        if record.op == Op.CONNECT:
            bridges.add(record.pid)
        elif record.op == Op.SEND:
            kinds["promise"].append(place)
        elif record.op == Op.OPEN and record.path == file:
            store = record.handle
        elif record.op == Op.WRITE and record.handle == store and bridges:
            kinds["checkpoint"].append(place)
        if not bridges:
            kinds["first start"].append(place)
        elif len(bridges) == 1 and record.pid not in bridges:
            kinds["aside"].append(place)
    chosen = chance.choices(list(SHARES), [share if kinds[kind] else 0 for kind, share in SHARES.items()], k=count)
    return [chance.choice(kinds[kind]) for kind in chosen]


def faults_of(image: Image, run: Run) -> list[str]:
    """What is wrong with a box that starts on this image; empty when it holds all it promised and goes on."""
    box = open_box(run.config, image.folder, {})
    try:
        store = open_store(box)
        try:
            faults = [str(finding) for finding in verify_store(store, hours=box.hours()) if not finding.holds]
            faults += _missing(store, image, run) + _forgotten(image, run) + _stuck(box, store)
            faults += faults_of_backups(box, store)
            faults += faults_of_archive(box, image.promises.messages)
            return faults + faults_of_sealing(box, image.promises.messages)
        finally:
            store.close()
    except (HexpostError, dbapi.Error) as error:
        return [f"does not open: {type(error).__name__}: {error}"]


def _missing(store: Store, image: Image, run: Run) -> list[str]:
    promised = image.promises.messages
    ledger = [
        msgspec.structs.replace(
            entry, acknowledged=(entry.message.topic, entry.message.payload) in promised, seeks=False, unseen=set()
        )
        for entry in run.ledger
    ]
    found = audit(ledger, fetch_stored(store.path), broker_lives=True)
    connection = sqlite.connect(store.path)
    rows = set(connection.execute("SELECT source, event_id FROM events"))
    connection.close()
    wrong: dict[str, Collection[object]] = {
        "missing": found.missing,
        "doubled": found.doubled,
        "strange": found.strange,
        "named on ack and missing": image.promises.ids - rows,
    }
    return [f"{len(keys)} {word}: {sorted(map(str, keys))[:10]}" for word, keys in wrong.items() if keys]


def _forgotten(image: Image, run: Run) -> list[str]:
    """Keys of the site that were in use when something was promised: another key would read nothing of what is kept."""
    if not image.promises.messages:
        return []
    keys = [file.relative_to(run.data) for file in (run.data / "secrets").rglob("*.key")]
    return [
        f"{key} is not what it was"
        for key in keys
        if not (image.folder / key).exists() or (image.folder / key).read_bytes() != (run.data / key).read_bytes()
    ]


def _stuck(box: Box, store: Store) -> list[str]:
    """Whether the box goes on recording."""
    receipt = open_recorder(box, store).record(Intake(events=[make_event(event_id=os.urandom(8).hex())]))
    return [] if receipt.outcomes == ["stored"] else [f"a new event was {receipt.outcomes}"]
