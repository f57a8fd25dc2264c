"""Messages on their way into the archive: batches in a file, each whole or cut off.

A spool file holds messages of one hour of receipt and is named by it: `20261126T17-<time>-<pid>-<random>.open` while
its process may still write, `.spool` once it is closed for good, by whoever seals it. One batch is one frame:

    u32   length of the body, little endian
    u32   CRC-32 of the body
    body  MessagePack: a `Frame`

What follows the last whole frame is what a power cut tore. Each process writes files of its own; nobody waits for
another: a file that somebody else holds or has closed is left, and a new one begun.
"""

import contextlib
import errno
import fcntl
import os
import secrets
import struct
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from appliance.clock import to_us
from appliance.errors import Unavailable

SPOOL = "spool"  # the folder of spool files, in the archive
OPEN, CLOSED = ".open", ".spool"
MAX_FILE_BYTES = 64 * 1_048_576  # then the next file begins: what one sealing must read at a time
MAX_SPOOL_BYTES = 1024 * 1_048_576  # of all files: with more the sealing has been down for long
MAX_FRAME_BYTES = 256 * 1_048_576  # a length beyond is no length
SETTLE = timedelta(minutes=5)  # after the end of an hour: a batch that waited for the store may still come
_HEADER = struct.Struct("<II")


class Spooled(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A `RawMessage` on its way; `sealed_day`: its payload is sealed under the key of this day, '' for none."""

    topic: str
    payload: bytes
    received_at: datetime
    origin: str
    retain: bool
    redelivered: bool
    clock_quality: str
    sealed_day: str = ""


class Frame(msgspec.Struct, frozen=True, array_like=True):
    """One batch, and how many messages before it could not be written, received from..to."""

    messages: list[Spooled]
    missed: int = 0
    missed_from: datetime | None = None
    missed_to: datetime | None = None


_decode = msgspec.msgpack.Decoder(Frame).decode


def hour_name(received_at: datetime) -> str:
    """The hour of an aware UTC instant as spool files are named by it: `20261126T17`."""
    return f"{received_at:%Y%m%dT%H}"


class SpoolFile:
    """One spool file being written."""

    def __init__(self, folder: Path, first: datetime) -> None:
        """Begin a file for the hour of `first`.

        raises  OSError      the folder cannot be written
        raises  Unavailable  there is more in it already than may wait
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        waiting = spool_bytes(folder)
        if waiting > MAX_SPOOL_BYTES:
            raise Unavailable(
                f"{folder} holds {waiting >> 20} MB that nobody has sealed; is the jobs process up? "
                "`hexpost archive seal` does it by hand"
            )
        self.hour = hour_name(first)
        self._path = folder / f"{self.hour}-{to_us(first):016x}-{os.getpid()}-{secrets.token_hex(4)}{OPEN}"
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._size = 0
        sync_folder(folder)

    @property
    def full(self) -> bool:
        """Whether the next file is to be begun."""
        return self._size >= MAX_FILE_BYTES

    def write(self, body: bytes) -> bool:
        """Write one frame durably; False where the file is closed or held by who closes it: then begin another.

        raises  OSError  it cannot be written; the file may end in half a frame, so begin another
        """
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        try:
            if not self._path.exists():
                return False
            self._append(_HEADER.pack(len(body), zlib.crc32(body)) + body)
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        return True

    def finish(self) -> None:
        """Close a full file for good: whoever seals need not wait for the end of the hour."""
        with contextlib.suppress(OSError):
            close_file(self._path)
        self.close()

    def close(self) -> None:
        """Give the descriptor back; what is written stays."""
        with contextlib.suppress(OSError):
            os.close(self._descriptor)

    def _append(self, frame: bytes) -> None:
        written = os.write(self._descriptor, frame)
        if written != len(frame):
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
        os.fdatasync(self._descriptor)
        self._size += written


def close_file(path: Path) -> Path | None:
    """Close a spool file for its writer; its new path, or None where its process is writing this very moment."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        closed = path.with_suffix(CLOSED)
        path.rename(closed)
        return closed
    except BlockingIOError:
        return None
    finally:
        os.close(descriptor)


def read_frames(path: Path) -> Iterator[tuple[Frame, int]]:
    """The whole frames of a file, in order, each with the offset at which it ends."""
    with path.open("rb") as file:
        while len(header := file.read(_HEADER.size)) == _HEADER.size:
            length, crc = _HEADER.unpack(header)
            body = file.read(length) if length <= MAX_FRAME_BYTES else b""
            if len(body) != length or zlib.crc32(body) != crc:
                return
            try:
                frame = _decode(body)
            except msgspec.MsgspecError:
                return
            yield frame, file.tell()


def spool_bytes(folder: Path) -> int:
    """How much waits to be sealed."""
    total = 0
    for file in list_spools(folder):
        with contextlib.suppress(FileNotFoundError):
            total += file.stat().st_size
    return total


def list_spools(folder: Path) -> list[Path]:
    """Spool files, open and closed, by hour and then by the time of their first message."""
    return sorted(file for file in folder.glob("*") if file.suffix in {OPEN, CLOSED})


def is_sealing_due(folder: Path, now: datetime) -> bool:
    """Whether a file is closed, or of another hour than this one and that of `SETTLE` ago."""
    current = {hour_name(now), hour_name(now - SETTLE)}
    return any(file.suffix == CLOSED or file.name[:11] not in current for file in list_spools(folder))


def sync_folder(folder: Path) -> None:
    """Make names durable: what was made, renamed or removed in a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
