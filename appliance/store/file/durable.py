"""Files that are there after a power cut: written, synced, and only then under their name."""

import hashlib
import os
from pathlib import Path

CHUNK = 1 << 20
DATA_MODE = 0o750  # of a data directory: what it holds (places, people's hashes) is for its owner and group
MOUNTS = Path("/proc/self/mountinfo")
EMERGENCY = "emergency_ro"  # ext4 after an error, where it is told to go on read-only (errors=remount-ro)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder reach the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Have what was written to a file reach the disk."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_durably(path: Path, content: bytes) -> None:
    """Make a file, or replace it whole; it is the old or the new one at every instant. For its owner alone."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    fresh.rename(path)
    sync_folder(path.parent)


def hash_file(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def free_bytes(folder: Path) -> int:
    """What may still be written to the file system that holds a folder."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def is_read_only(folder: Path) -> bool:
    """Whether the file system that holds a folder takes no writes: mounted so, or made so by its own error.

    Since Linux 6.15 ext4 keeps the latter to itself: `statvfs` says nothing, the mount's options do.
    """
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY) or EMERGENCY in _mount_options(folder)


def _mount_options(folder: Path) -> list[str]:
    """The options of the file system that holds a folder; none where the kernel does not say."""
    device = folder.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = [line.rpartition(" ")[2] for line in mounts if line.split(" ", 3)[2] == number]
    return found[-1].split(",") if found else []
