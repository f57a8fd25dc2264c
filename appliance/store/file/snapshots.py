"""A copy of the store before its schema is changed: the two newest stay in `<data>/snapshots`.

A migration is one transaction and leaves the old or the new schema whatever happens; the copy is for the one that
turns out to have been wrong. Called by `migrations`.
"""

import contextlib
import logging
from pathlib import Path

from appliance.errors import Unavailable
from appliance.store.file.copying import close_file, copy_file
from appliance.store.file.durable import free_bytes, sync_folder

log = logging.getLogger(__name__)

FOLDER = "snapshots"
KEEP = 2
RESERVE_BYTES = 64 * 1_048_576  # the migration itself needs some


def take_snapshot(path: Path, schema: int) -> Path | None:
    """Copy the store at `path`, of this schema; None, and a warning, where that cannot be: the migration goes on.

    raises  Corrupt  the store cannot be read
    """
    folder = path.parent / FOLDER
    target = folder / f"schema-{schema:04}.db"
    half = folder / f".{target.name}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        half.unlink(missing_ok=True)
        _keep(folder, KEEP - 1, but=target)
        needed = path.stat().st_size + RESERVE_BYTES
        if free_bytes(folder) < needed:
            raise Unavailable(f"{needed / 1e6:,.0f} MB are needed and {free_bytes(folder) / 1e6:,.0f} MB are free")
        copy_file(path, half)
        close_file(half)
        half.rename(target)
        sync_folder(folder)
        return target
    except (OSError, Unavailable) as error:
        with contextlib.suppress(OSError):
            half.unlink(missing_ok=True)
        log.warning(
            "no snapshot of %s before its schema %d is brought up to date: %s; `hexpost restore` of a backup goes back",
            *(path, schema, error),
        )
        return None


def _keep(folder: Path, how_many: int, *, but: Path) -> None:
    """Remove all but the newest; one of the same schema is replaced."""
    others = sorted((file for file in folder.glob("schema-*.db") if file != but), reverse=True)
    for file in others[how_many:]:
        file.unlink()
