"""The composition root: settings and folders in, working parts out. Only `cli` imports it.

Here, and nowhere else, a part is given its store, its clock and its secrets.
"""

import contextlib
import logging
import os
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.aggregate.hours import SiteHours
from appliance.clock import Clock
from appliance.errors import BadDisk, NotFound, Rejected, Unavailable
from appliance.model.change import Batch, Position, SyncStatus
from appliance.model.settings import Settings
from appliance.model.settings_text import read_settings
from appliance.model.space import MIB, Step
from appliance.store import outbox
from appliance.store.archive.missed import MissedCounter
from appliance.store.archive.spool import SPOOL
from appliance.store.archive.writer import Archive
from appliance.store.clock.box_clock import BoxClock
from appliance.store.disk_watch import DiskWatch
from appliance.store.engine import FILE_NAME, Store, explained_opening
from appliance.store.file.disk import Ballast, disk_trouble
from appliance.store.file.durable import DATA_MODE, is_read_only
from appliance.store.file.migrations import known_migrations
from appliance.store.file.pulse import PulseWriter, boot_time_s, is_alive, read_pulses, run_directory
from appliance.store.intake.admission import Admission, SparingArchive
from appliance.store.intake.batch import Recorder
from appliance.store.salvage.begin import BackupFolders, open_sound, refuse_read_only
from appliance.store.salvage.ledger import fetch_salvage
from appliance.store.sealing import Sealer
from appliance.store.settled.counts import ensure_counts
from firmware_bridge.address import Address, read_address

if TYPE_CHECKING:  # Litestar costs most of a second: only the web part pays for it
    from appliance.serve.context import Context, Retry
    from appliance.store.basemaps import Basemap
    from sync.pump import Pump

log = logging.getLogger(__name__)

CONFIG_PATH = Path("/etc/hexpost/hexpost.toml")
PULSE_EVERY_S = 1.0
SILENT_S = 10.0  # a part that has not been heard of for so long is not up, whatever its process does
MAP_FOLDER = Path(__file__).parent / "serve" / "map"


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """One box: its settings, the file they came from, its data directory. Cheap to make."""

    settings: Settings
    data: Path
    config: Path | None = None
    time: BoxClock = msgspec.field(default_factory=BoxClock)
    stores: list[Store] = []  # those that were opened

    def close(self) -> None:
        """Close what was opened of it."""
        while self.stores:
            self.stores.pop().close()

    @property
    def clock(self) -> Clock:
        """Box time: what every part stamps with."""
        return self.time.now

    @property
    def run_dir(self) -> Path:
        """Where the parts keep what need not survive them."""
        return run_directory(self.data, os.environ)

    def hours(self) -> SiteHours:
        """A fresh cache of the site's hours, for one thread."""
        return SiteHours(self.settings.zone)

    def clock_trusted(self) -> bool:
        """Whether the box knows the time."""
        return self.time.trusted()

    def secret(self, name: str) -> bytes:
        """A random key kept in `secrets/`, made on first use; only the owner may read it."""
        folder = self.data / "secrets"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = folder / name
        if not file.exists():
            fresh = folder / f".{name}.{os.getpid()}"
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as out:
                out.write(secrets.token_bytes(32))
                out.flush()
                os.fsync(out.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(fresh, file)  # of two processes starting together one wins, and both read the same
            fresh.unlink()
            _sync_names(folder)  # what is hashed with a key must not outlive it in a power cut
        return file.read_bytes()


def open_box(config: Path | None, data: Path | None, environment: Mapping[str, str]) -> Box:
    """The box that options and environment describe: options first, then environment, then defaults.

    raises  Rejected  the configuration cannot be used, naming the key
    """
    file = config or (Path(environment["HEXPOST_CONFIG"]) if environment.get("HEXPOST_CONFIG") else None)
    if file is None and CONFIG_PATH.exists():
        file = CONFIG_PATH
    text = ""
    if file is not None:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Rejected(f"reading the configuration {file}: {error}") from None
    settings = read_settings(text, environment, name=str(file or "the configuration"))
    folder = data or Path(environment.get("HEXPOST_DATA") or "hexpost-data")
    return Box(settings=settings, data=folder.absolute(), config=file.absolute() if file else None)


def _sync_names(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_store(box: Box) -> Store:
    """The box's store, migrated, its counters cut in the site's zone and resolutions."""
    path = box.data / FILE_NAME
    refuse_read_only(path)
    ballast = open_ballast(box)
    ballast.breathe()
    open_sound(path, timezone=box.settings.site.timezone, backups=backup_folders(box), now=box.clock())
    store = Store(path, ballast=ballast)
    with explained_opening(path):
        store.hold()
    box.stores.append(store)
    hours, resolutions = box.hours(), box.settings.risk.counted
    with store.read() as connection:
        row = connection.exec_driver_sql("SELECT timezone, resolutions FROM site").one()
    if tuple(row) != (hours.zone.key, ",".join(str(r) for r in sorted(resolutions))):
        with store.write() as connection:
            ensure_counts(connection, hours, resolutions)
    box.time.attach(store)
    return store


def open_to_read(box: Box) -> Store:
    """The box's store; where the disk takes no writes, one that can be read and not written.

    raises  Unavailable  there is nothing to read, or an older program wrote it
    """
    path = box.data / FILE_NAME
    try:
        return open_store(box)
    except BadDisk as error:
        if not path.exists():
            raise
        log.error("%s; what is stored is shown, and nothing is recorded", error)
    store = Store(path, read_only=True)
    with store.read() as connection:
        schema: int = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if schema != known_migrations()[-1][0]:
        store.close()
        raise Unavailable(f"{path} has schema {schema} and cannot be brought up to date on a disk that is read-only")
    box.stores.append(store)
    return store


def find_store(box: Box, *, to_read: bool = False) -> Store:
    """The box's store, for commands that only make sense on one that is there; those that only read pass `to_read`.

    raises  NotFound  there is none in the data directory
    """
    path = box.data / FILE_NAME
    if not path.exists():
        raise NotFound(f"no store at {path}; is --data right? `hexpost run` or `hexpost migrate` makes one")
    return open_to_read(box) if to_read else open_store(box)


def open_ballast(box: Box) -> Ballast:
    """What is given back when the disk is full. The data directory is made where it is not there.

    raises  Unavailable  it cannot be made
    """
    with explained_opening(box.data / FILE_NAME):
        box.data.mkdir(mode=DATA_MODE, parents=True, exist_ok=True)
    return Ballast(box.data, box.settings.store.ballast_mb * MIB)


def open_disk_watch(box: Box, store: Store) -> DiskWatch:
    """One process's view of the room there is."""
    return DiskWatch(store, open_ballast(box), time.monotonic)


def open_recorder(
    box: Box, store: Store, *, step: Callable[[], Step] = lambda: Step.NORMAL, beside: bool = False
) -> Recorder:
    """A recorder for one thread; `step` says how scarce room on the disk is. `beside` for one that is kept busy."""
    return Recorder(
        store,
        hours=box.hours(),
        resolutions=box.settings.risk.counted,
        quarantine_rows=box.settings.store.quarantine_rows,
        quarantine_bytes=box.settings.store.quarantine_mb * 1_048_576,
        sealer=open_sealer(box),
        plate_key=box.secret("plates.key"),
        archive=open_archive(box, store, step),
        admit=Admission(step),
        clock=box.clock,
        beside=beside,
    )


def archive_folder(box: Box) -> Path:
    """Where the raw archive lies."""
    return box.data / "archive"


def open_archive(box: Box, store: Store, step: Callable[[], Step] = lambda: Step.NORMAL) -> SparingArchive | None:
    """The raw archive, for one thread; None where the site keeps none."""
    if not box.settings.retention.archive_days:
        return None
    counter = MissedCounter(store)
    archive = Archive(archive_folder(box) / SPOOL, sealer=open_archive_sealer(box), count_missed=counter.add)
    return SparingArchive(archive, step, counter.add)


def open_sealer(box: Box) -> Sealer:
    """What seals quarantined messages under the key of their day."""
    return Sealer(box.data / "secrets" / "daily")


def open_plate_sealer(box: Box) -> Sealer:
    """What seals number plates: keys of their own, since they are kept for a time of their own."""
    return Sealer(box.data / "secrets" / "plates")


def open_archive_sealer(box: Box) -> Sealer:
    """What seals archived messages that may hold a number plate."""
    return Sealer(box.data / "secrets" / "archive")


def backup_folder(box: Box) -> Path:
    """Where backups lie: on the drive that is configured, else on the card; that one is made where it is not there."""
    if box.settings.store.backup_folder:
        return Path(box.settings.store.backup_folder)
    folder = box.data / "backups"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def backup_folders(box: Box) -> BackupFolders:
    """Where backups of this site may be found."""
    configured = box.settings.store.backup_folder
    folders = [Path(configured)] if configured else []
    return BackupFolders(site_id=box.settings.site.id, folders=[*folders, box.data / "backups"])


def read_secret_file(path: str, what: str) -> str | None:
    """The first line of a secret's file; None where none is named.

    raises  Rejected  the file cannot be read
    """
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()[0]
    except (OSError, IndexError) as error:
        raise Rejected(f"{what}: cannot read the secret in {path}: {error}") from None


def broker_address(box: Box) -> Address:
    """Where the broker is: the configured one, or the one that `hexpost run` starts on this machine.

    raises  Rejected  mqtt.url or its password file cannot be used
    """
    mqtt = box.settings.mqtt
    url = f"mqtt://{mqtt.host}:{mqtt.port}" if mqtt.url == "embedded" else mqtt.url
    password = read_secret_file(mqtt.password_file, "mqtt.password_file")
    return read_address(url, username=mqtt.username, password=password, ca_file=mqtt.ca_file)


def pulse_reporter(box: Box, part: str, alive: Callable[[], None]) -> Callable[[Mapping[str, Any]], None]:
    """A function by which a part says how it is: to its pulse at most once a second, to the service manager always."""
    writer = PulseWriter(box.run_dir, part, clock=box.clock)
    last, failed = 0.0, False

    def report(state: Mapping[str, Any]) -> None:
        nonlocal last, failed
        alive()
        now = time.monotonic()
        if now - last >= PULSE_EVERY_S:
            last = now
            try:
                writer.beat(state)
                failed = False
            except OSError as error:  # a full disk must not stop the part that says so
                if not failed:
                    log.error("the pulse of %s cannot be written: %s; free space on the disk", part, error)
                failed = True

    return report


def open_context(box: Box, store: Store, retry: "Retry") -> "Context":
    """What the web part is given; `retry` puts quarantined messages through again."""
    from appliance.serve.context import Context, SharedRecorder

    return Context(
        settings=box.settings,
        store=store,
        recorder=SharedRecorder(open_recorder(box, store)),
        basemaps=open_basemaps(box),
        map_folder=MAP_FOLDER,
        archive_folder=archive_folder(box),
        secret=box.secret("tokens.key"),
        plate_key=box.secret("plates.key"),
        clock=box.clock,
        clock_trusted=box.clock_trusted,
        clock_state=box.time.state,
        pulses=lambda: fetch_pulses(box),
        retry=retry,
        disk_trouble=lambda: disk_trouble(box.data),
    )


def open_basemaps(box: Box) -> "dict[str, Basemap]":
    """The world that comes with the program, and what a technician has added; a damaged one is logged and left out."""
    from appliance.store.basemaps import list_basemaps

    found, errors = list_basemaps(box.data / "basemaps", MAP_FOLDER / "world.pmtiles")
    for error in errors.values():
        log.error("%s", error)
    return found


def fetch_pulses(box: Box) -> dict[str, dict[str, Any]]:
    """Part -> what it last said of itself, with `up`: alive, and heard of lately, where pulses can be written."""
    now = boot_time_s()
    dumb = box.run_dir.exists() and is_read_only(box.run_dir)
    return {
        part: {**pulse.state, "up": is_alive(pulse) and (dumb or pulse.age_s(now) < SILENT_S), "pid": pulse.pid}
        for part, pulse in read_pulses(box.run_dir).items()
    }


class StoreOutbox:
    """The store's outbox as `sync` asks for it."""

    def __init__(self, box: Box, store: Store) -> None:
        self._box = box
        self._store = store

    def position(self) -> Position:
        """As `store.outbox.position`."""
        return outbox.position(self._store)

    def reconcile(self, *, before: Position, central: Position) -> None:
        """As `store.outbox.reconcile`, now."""
        outbox.reconcile(self._store, before=before, central=central, now=self._box.clock())

    def next_batch(self) -> Batch | None:
        """As `store.outbox.next_batch`, for this site."""
        settings = self._box.settings
        with self._store.read() as connection:
            if fetch_salvage(connection, unfinished=True):
                return None  # half a day at the centre would take the place of the whole one that it has
        return outbox.next_batch(self._store, site_id=settings.site.id, batch_rows=settings.sync.batch_rows)

    def acknowledge(self, seq: int) -> None:
        """As `store.outbox.acknowledge`, now."""
        outbox.acknowledge(self._store, seq, self._box.clock())

    def status(self) -> SyncStatus:
        """As `store.outbox.sync_status`."""
        return outbox.sync_status(self._store)


def open_pump(box: Box, store: Store, chance: Callable[[], float]) -> "Pump":
    """The pump from this store to the configured centre.

    raises  Rejected  no centre is configured, or its password cannot be read
    """
    sync = box.settings.sync
    if not sync.url:
        raise Rejected("sync is off: set sync.url to the centre's database, as postgresql://user@host/db")
    from sync.pump import Pump
    from sync.upstream_postgres import PostgresUpstream

    upstream = PostgresUpstream(sync.url, read_secret_file(sync.password_file, "sync.password_file"))
    return Pump(site=box.settings.site, outbox=StoreOutbox(box, store), upstream=upstream, chance=chance)
