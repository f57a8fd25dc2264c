"""What the archive holds and whether it is sound, for status, metrics and `hexpost verify`."""

import contextlib
from datetime import UTC, datetime
from pathlib import Path

from appliance.errors import Corrupt, Unavailable
from appliance.store.archive.manifest import (
    ArchiveState,
    SealedFile,
    hash_file,
    list_days,
    read_manifest,
)
from appliance.store.archive.spool import SPOOL, list_spools, spool_bytes
from appliance.store.verify import Finding

NAMED = 5  # faults named in a finding


def fetch_archive_state(archive: Path) -> ArchiveState:
    """Sums over the manifests; a damaged one is left out (`verify_archive` names it)."""
    files: list[SealedFile] = []
    for day in list_days(archive):
        with contextlib.suppress(Corrupt, Unavailable):
            files += [file for file in read_manifest(day).files if not file.retired]
    spools = list_spools(archive / SPOOL)
    return ArchiveState(
        files=len(files),
        rows=sum(file.rows for file in files),
        bytes=sum(file.bytes for file in files),
        missed=sum(file.missed for file in files),
        first=min((file.first for file in files if file.first), default=None),
        last=max((file.last for file in files if file.last), default=None),
        spool_files=len(spools),
        spool_bytes=spool_bytes(archive / SPOOL),
        spool_since=datetime.strptime(spools[0].name[:11], "%Y%m%dT%H").replace(tzinfo=UTC) if spools else None,
    )


def verify_archive(archive: Path) -> Finding:
    """Every file that a manifest names is there as it was written, and no other is; what is missing is told."""
    faults: list[str] = []
    files: list[SealedFile] = []
    for day in list_days(archive):
        try:
            files += [file for file in read_manifest(day).files if not file.retired]
        except (Corrupt, Unavailable) as error:
            faults.append(str(error))
    faults += [fault for file in files if (fault := _fault(archive, file))]
    faults += _unnamed(archive, {file.file for file in files})
    state = fetch_archive_state(archive)
    detail = (
        f"{state.files} files, {state.rows} messages, {state.bytes >> 10} KB; {state.missed} messages are missing, "
        f"{sum(file.torn_bytes for file in files)} bytes were torn; "
        f"{state.spool_files} spool files wait with {state.spool_bytes >> 10} KB"
    )
    more = [f"and {len(faults) - NAMED} more"] if len(faults) > NAMED else []
    return Finding(name="archive", holds=not faults, detail="; ".join([detail, *faults[:NAMED], *more]))


def _fault(archive: Path, file: SealedFile) -> str:
    """What is wrong with a sealed file; '' where nothing is."""
    path = archive / file.file
    try:
        sound = path.stat().st_size == file.bytes and hash_file(path) == file.sha256
    except FileNotFoundError:
        return f"{file.file} is missing"
    except OSError as error:
        return f"{file.file} cannot be read: {error.strerror}"
    return "" if sound else f"{file.file} is not what was written: its hash differs"


def _unnamed(archive: Path, named: set[str]) -> list[str]:
    """Files that no manifest names, but for one whose sealing was broken off: its spool files are still there."""
    waiting = {spool.name[:11] for spool in list_spools(archive / SPOOL)}
    found = [file.relative_to(archive) for file in archive.glob("[0-9]*/[0-9]*/[0-9]*/[0-9]*.parquet")]
    return [
        f"{file} is in no manifest"
        for file in sorted(found)
        if str(file) not in named and f"{''.join(file.parts[:3])}T{file.name[:2]}" not in waiting
    ]
