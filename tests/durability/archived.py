"""The raw archive after a power cut: whole where its manifests say so, and nothing acknowledged is missing from it."""

from collections.abc import Set
from datetime import UTC, datetime

from appliance.store.archive.manifest import hash_file, sealed_files
from appliance.store.archive.read import Unread, open_messages, read_archive
from appliance.store.archive.seal import seal_spools
from appliance.store.archive.spool import SPOOL, list_spools, read_frames
from appliance.wiring import Box, archive_folder, open_archive_sealer

EVER = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))

Messages = Set[tuple[str, bytes]]
"""(topic, payload)."""


def faults_of_archive(box: Box, promised: Messages) -> list[str]:
    """What is wrong with a box's archive as it lies there."""
    spooled = {
        (one.topic, one.payload)
        for file in list_spools(archive_folder(box) / SPOOL)
        for frame, _ in read_frames(file)
        for one in open_messages(frame.messages, start=None, end=None, sealer=open_archive_sealer(box), unread=Unread())
    }
    return _damaged(box) + _lost(promised - spooled - _sealed(box), "are not in the archive")


def faults_of_sealing(box: Box, promised: Messages) -> list[str]:
    """What is wrong with it once all is sealed, which this does."""
    seal_spools(archive_folder(box), now=box.clock(), everything=True)
    return _damaged(box) + _lost(promised - _sealed(box), "were lost in sealing")


def _lost(messages: Messages, words: str) -> list[str]:
    return [f"{len(messages)} messages {words}: {sorted(messages)[:3]}"] if messages else []


def _sealed(box: Box) -> Messages:
    start, end = EVER
    unread = Unread()
    batches = read_archive(archive_folder(box), start=start, end=end, sealer=open_archive_sealer(box), unread=unread)
    held = {(one.topic, one.payload) for batch in batches for one in batch}
    assert unread.faults == [], unread.faults
    return held


def _damaged(box: Box) -> list[str]:
    """Files that a manifest names and that are not what it says."""
    archive = archive_folder(box)
    return [
        f"{file.file} is not what its manifest says"
        for file in sealed_files(archive)
        if not (archive / file.file).exists() or hash_file(archive / file.file) != file.sha256
    ]
