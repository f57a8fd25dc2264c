"""A disk that can be broken and mended under a box that runs. Two kinds, since neither can do all that the other can.

`Fault` refuses every change below a folder, with the error that is asked for, and takes them again: `faults.c`
preloaded. `Ext4Card` is a real file system that finds an error of its own, as that of a worn card does; the kernel
then makes it read-only for good, and it can only be checked and mounted anew.
"""

import os
import struct
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("faults.c")
MIB = 1_048_576


class Fault:
    """The preloaded switch; `environment` is what the programs must be started with."""

    def __init__(self, root: Path, work: Path) -> None:
        library, self._switch = work / "faults.so", work / "switch"
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
        self.mend()
        self.environment = {
            "LD_PRELOAD": str(library),
            "HEXPOST_FAULTS_ROOT": str(root),
            "HEXPOST_FAULTS_SWITCH": str(self._switch),
        }

    def give(self, number: int) -> None:
        """From now on every change is refused with this errno."""
        with self._switch.open("r+b" if self._switch.exists() else "w+b") as file:  # it is mapped: the same file
            file.write(struct.pack("=i", number))

    def mend(self) -> None:
        """From now on every change is taken."""
        self.give(0)


class Ext4Card:
    """A file system in a file, mounted at `folder`. Needs root."""

    def __init__(self, folder: Path, work: Path, mib: int) -> None:
        self._folder, self._image = folder, work / "card"
        with self._image.open("wb") as file:
            file.truncate(mib * MIB)
        subprocess.run(["mkfs.ext4", "-q", self._image], check=True)
        folder.mkdir(parents=True, exist_ok=True)
        self.mount()

    def mount(self) -> None:
        """Mount it as a box does its card."""
        subprocess.run(["mount", "-o", "loop,errors=remount-ro", self._image, self._folder], check=True)

    def give_up(self) -> None:
        """Have the file system find an error."""
        source = subprocess.check_output(["findmnt", "-no", "SOURCE", self._folder], text=True).strip()
        Path(f"/sys/fs/ext4/{Path(source).name}/trigger_fs_error").write_text("1\n")

    def check(self) -> None:
        """What a technician does: unmount, have it checked, mount."""
        self.unmount()
        done = subprocess.run(["fsck.ext4", "-fy", self._image], capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1), done.stdout  # 1: mended
        self.mount()

    def unmount(self) -> None:
        """Take it away."""
        subprocess.run(["umount", self._folder], check=True)


needs_card = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a card needs root")
