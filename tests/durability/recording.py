"""The recorder built and preloaded, and its log read back. `recorder.c` says what it sees."""

import shutil
import struct
import subprocess
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).with_name("recorder.c")
_HEAD = struct.Struct("<B3xiiqqI")  # struct record


class Op(IntEnum):
    """What was done, as `enum op` of the recorder."""

    OPEN = 1
    CLOSE = 2
    DUP = 3
    WRITE = 4
    TRUNCATE = 5
    ALLOCATE = 6
    SYNC_BEGIN = 7
    SYNC_END = 8
    RENAME = 9
    LINK = 10
    UNLINK = 11
    MKDIR = 12
    MAP = 13
    CONNECT = 14
    SEND = 15
    RECV = 16


class Record(NamedTuple):
    """One record; what `a` and `b` are depends on the operation."""

    op: Op
    pid: int
    fd: int
    a: int
    b: int
    data: bytes

    @property
    def handle(self) -> tuple[int, int]:
        """The descriptor, told apart from those of other processes."""
        return self.pid, self.fd

    @property
    def path(self) -> str:
        """The name that the operation is about, or the former of two."""
        return self.paths[0]

    @property
    def paths(self) -> list[str]:
        """The names, absolute."""
        return self.data.decode().split("\0")


class Recorder:
    """What is recorded and where to. `environment` is added to that of the process."""

    def __init__(self, folder: Path, *, root: Path, port: int = 0) -> None:
        """Builds the library into `folder`.

        raises  AssertionError  there is no C compiler, or it does not compile
        """
        self.log, library = folder / "recorder.log", folder / "recorder.so"
        compiler = shutil.which("cc")
        assert compiler, "these tests compile a recorder in C: install the Debian packages gcc and libc6-dev"
        flags = ("-shared", "-fPIC", "-O2", "-U_FORTIFY_SOURCE", "-Wall", "-Wextra", "-Werror")
        built = subprocess.run(
            [compiler, *flags, "-o", str(library), str(SOURCE), "-ldl", "-pthread"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert built.returncode == 0, built.stderr
        self.environment = {
            "LD_PRELOAD": str(library),
            "HEXPOST_RECORD_ROOT": str(root),
            "HEXPOST_RECORD_PORT": str(port),
            "HEXPOST_RECORD_LOG": str(self.log),
        }

    def records(self) -> Iterator[Record]:
        """Everything in the order in which it was done; a record that is cut off at the end is left out."""
        with self.log.open("rb") as log:
            while len(head := log.read(_HEAD.size)) == _HEAD.size:
                op, pid, fd, a, b, length = _HEAD.unpack(head)
                data = log.read(length)
                if len(data) == length:
                    yield Record(Op(op), pid, fd, a, b, data)
