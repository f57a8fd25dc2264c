"""Putting one store back from beginning to end: from the backup, from the damaged file, from the raw archive.

Each step is written down when it is done, and the long ones as they go, so that a kill costs at most one transaction.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.clock import Clock, to_us
from appliance.errors import Corrupt, HexpostError
from appliance.store.backup.manifest import Manifest, read_manifest
from appliance.store.engine import FILE_NAME, Store
from appliance.store.file import dbapi, health
from appliance.store.intake.batch import Recorder
from appliance.store.salvage.ledger import Salvage, update_salvage
from appliance.store.salvage.merge import (
    Came,
    merge_counts,
    merge_devices,
    merge_events,
    merge_named,
    merge_positions,
    merge_readings,
    merge_users,
    open_source,
)
from appliance.store.salvage.rules import merge_boots, merge_by_rule, merge_pins
from appliance.store.salvage.source import Source

log = logging.getLogger(__name__)

DONE = -1
Replay = Callable[[datetime | None, datetime], Mapping[str, int]]


class _Progress:
    """How far one salvage has come; written into the store."""

    def __init__(self, store: Store, salvage: Salvage) -> None:
        self._store = store
        self._key = salvage.id
        self.lost_at = salvage.begun_at
        self.position = dict(salvage.position)
        self.found: dict[str, Any] = dict(salvage.found)

    def note(self, name: str, count: int) -> None:
        self.found[name] = self.found.get(name, 0) + count

    def write(self, at: datetime | None = None) -> None:
        with self._store.write() as connection:
            update_salvage(connection, self._key, position=self.position, found=self.found, at=at)


def put_back(
    store: Store,
    recorder: Recorder,
    salvage: Salvage,
    *,
    place: Callable[[str], int],
    replay: Replay,
    clock: Clock,
) -> None:
    """Put back all that can be read; called again after a kill, it goes on.

    place   gives the waiting events of a device its place
    replay  decodes the raw archive from one instant to another
    raises  Unavailable  the store cannot be written now
    """
    progress = _Progress(store, salvage)
    manifest = _manifest(salvage.backup)
    for name, folder, since in (("backup", salvage.backup, None), ("damaged", salvage.damaged, manifest)):
        source = open_source(Path(folder), FILE_NAME) if folder else None
        if source is None:
            if folder and name == "damaged" and (Path(folder) / FILE_NAME).exists():
                progress.note("damaged file cannot be opened: unreadable", 1)
            continue
        try:
            _merge(store, recorder, source, name, since, progress)
        finally:
            for table, gaps in source.unreadable.items():
                progress.note(f"{name} {table} unreadable", gaps)
            source.close()
    if progress.position.get("archive") != DONE:
        try:
            for name, count in replay(manifest.taken_at if manifest else None, salvage.begun_at).items():
                progress.note(name, count)
        except Corrupt as error:
            progress.note(f"archive: {error}: unreadable", 1)
        progress.position["archive"] = DONE
        progress.write()
    with store.read() as connection:
        waiting = connection.exec_driver_sql("SELECT DISTINCT source FROM events WHERE geom IS NULL").scalars().all()
    for device in waiting:
        place(device)
    health.finish(Path(salvage.damaged))
    progress.write(clock())
    log.warning("what was in %s is put back: %s", salvage.damaged, progress.found)


def _merge(
    store: Store, recorder: Recorder, source: Source, name: str, since: Manifest | None, progress: _Progress
) -> None:
    """Every step of one source. `since`: what is older is in the backup, if it is one of this very store."""

    def users(_after: int, came: Came) -> None:
        with store.write() as connection:
            came("users", merge_users(connection, source), 0)

    def events(after: int, came: Came) -> None:
        where = "1"
        if since and source.value("SELECT store_id FROM site") == since.store_id:
            where = f"event_pk > {since.last_event_pk} OR recorded_at >= {to_us(since.taken_at)}"
        merge_events(recorder, source, after, where, came)

    steps: dict[str, Callable[[int, Came], None]] = {
        "users": users,
        "boots": lambda _, came: merge_boots(store, source, came),
        "named": lambda _, came: merge_named(store, source, came),
        "by rule": lambda _, came: merge_by_rule(store, source, progress.lost_at, came),
        "devices": lambda _, came: merge_devices(store, source, came),
        "events": events,
        "pins": lambda _, came: merge_pins(store, source, came),
        "readings": lambda after, came: merge_readings(recorder, source, after, came),
        "positions": lambda after, came: merge_positions(recorder, source, after, came),
        "counters": lambda _, came: merge_counts(store, source, came),
    }
    for step, perform in steps.items():
        key = f"{name} {step}"
        if progress.position.get(key) != DONE:
            _perform(key, perform, progress)


def _perform(key: str, perform: Callable[[int, Came], None], progress: _Progress) -> None:
    def came(table: str, rows: int, reached: int) -> None:
        progress.note(f"{key.split(maxsplit=1)[0]} {table}", rows)
        if reached:
            progress.position[key] = reached
            progress.write()

    try:
        perform(progress.position.get(key, -(1 << 62)), came)
    except (Corrupt, dbapi.Error, ValueError, TypeError, OverflowError) as error:  # what damage has left
        log.error("putting back %s: %s; the rest of it is lost", key, error, exc_info=isinstance(error, TypeError))
        progress.note(f"{key} unreadable", 1)
    except HexpostError:
        progress.write()
        raise
    progress.position[key] = DONE
    progress.write()


def _manifest(backup: str) -> Manifest | None:
    try:
        return read_manifest(Path(backup)) if backup else None
    except HexpostError as error:
        log.error("%s", error)
        return None
