"""The disk under the store: how much room it has, and the ballast that is given back when it has none.

The ballast is a file of zeros beside the store, really allocated. SQLite needs room to make room: a DELETE, a
checkpoint and a COMMIT all write. Whoever of the parts first finds no room removes the ballast (`Store` does it by
itself), the jobs process makes it again. What the steps mean is in `model/space`.
"""

import errno
import logging
import os
from pathlib import Path

from appliance.errors import BadDisk, NoRoom, Unavailable
from appliance.model.space import Space, ballast_bytes, wants_release
from appliance.store.file.durable import is_read_only

log = logging.getLogger(__name__)

BALLAST = "ballast"
BLOCK = 512  # bytes, as stat counts what is allocated
READ_ONLY_WORDS = (
    "the disk has become read-only, as a failing card or a damaged file system does; nothing is recorded, and what "
    "devices send waits at the broker. See `dmesg`, save a copy (hexpost backup --to DRIVE), stop the box and check "
    "the disk (fsck); if it happens again replace the card"
)
ERRORS_WORDS = (
    "the disk answers with errors (disk I/O error); what cannot be written is not acknowledged and waits at the "
    "broker. See `dmesg`, save a copy (hexpost backup --to DRIVE); if it happens again replace the card"
)
"""Each fits a pulse."""


def disk_trouble(folder: Path) -> str:
    """Why nothing can be written to the disk of a folder, and what to do, in words; '' where something can."""
    return READ_ONLY_WORDS if is_read_only(folder) else ""


def explain_refusal(error: OSError, doing: str, folder: Path) -> Unavailable:
    """What a disk's refusal means for whoever meets it; the folder need not be there."""
    there = next(one for one in (folder, *folder.parents) if one.exists())
    trouble = disk_trouble(there)
    if trouble or error.errno in (errno.EROFS, errno.EIO):
        return BadDisk(doing, trouble or ERRORS_WORDS)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoRoom(f"{doing}: the disk is full; free space on it")
    if there.is_file():
        return Unavailable(f"{doing}: {there} is a file; name a directory")
    return Unavailable(f"{doing}: {error.strerror}; may this user write there, and is the disk still mounted?")


class Ballast:
    """The file. Any process may release it; only one makes it. `configured` in bytes, see `ballast_bytes`."""

    def __init__(self, data: Path, configured: int) -> None:
        self.path = data / BALLAST
        self._configured = configured

    def size(self) -> int:
        """How many bytes it holds of the disk; 0 where it is not there."""
        try:
            return self.path.stat().st_blocks * BLOCK
        except FileNotFoundError:
            return 0

    def make(self) -> bool:
        """Make it, or make it whole; whether it is there then. What there is no room for is given up again."""
        wanted = ballast_bytes(self._configured, _file_system(self.path.parent)[0])
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, max(1, wanted))
            finally:
                os.close(descriptor)
        except OSError as error:
            log.warning("making the ballast %s: %s", self.path, error)
            self.release()
            return False
        return True

    def release(self) -> bool:
        """Give its room back; whether there was any."""
        try:
            self.path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            log.error("releasing the ballast %s: %s", self.path, error)
            return False
        return True

    def space(self, reusable: int = 0) -> Space:
        """The disk now; `reusable` bytes are free inside the store."""
        total, free = _file_system(self.path.parent)
        return Space(
            total=total,
            free=free,
            reusable=reusable,
            ballast=self.size(),
            ballast_wanted=ballast_bytes(self._configured, total),
        )

    def breathe(self) -> None:
        """Release it if nothing can be written without: before a part starts, whose first act is to write."""
        if wants_release(self.space()) and self.release():
            log.warning("there is no room on the disk of %s: the ballast is released", self.path.parent)


def _file_system(folder: Path) -> tuple[int, int]:
    """Total and free bytes of the file system; of the free ones those that ordinary programs may take."""
    status = os.statvfs(folder)
    return status.f_blocks * status.f_frsize, status.f_bavail * status.f_frsize
