"""A small disk of its own: a tmpfs, mounted for a test, that can be filled to the last page."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MIB = 1_048_576
PAGE = 4_096
needs_mount = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")


@contextmanager
def small_disk(folder: Path, mib: int) -> Iterator[Path]:
    """A folder on a file system of so many MiB of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def eat(folder: Path, *, leave: int = 0) -> Path:
    """Another program's file that takes all but `leave` bytes of the room; unlink it to give the room back."""
    hog = folder / "hog"
    with hog.open("ab") as out:
        piece = 16 * MIB
        while piece >= PAGE:
            more = min(piece, free_bytes(folder) - leave)
            try:
                if more > 0:
                    os.posix_fallocate(out.fileno(), os.fstat(out.fileno()).st_size, more)
                    continue
            except OSError as error:  # others write meanwhile
                assert error.errno == errno.ENOSPC
            piece //= 2
    return hog


def free_bytes(folder: Path) -> int:
    """What ordinary programs may still write there."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize
