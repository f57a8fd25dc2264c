"""What a power cut leaves of the files in a directory: a model of a disk, adversarial within what ext4 may do. Pure.

The model, for ext4 in its ordered mode, and stricter than it in what only other file systems do:

- Of a file's bytes, those are sure that were written before a sync of that file began which has ended. Of what was
  written later any part may be there and any not: single sectors of a single write, later writes without earlier ones.
- A file's length is as long as the last byte that is there. Between, where nothing came, are zeros; never bytes of
  another file (that is what the ordered mode promises).
- A sector keeps what is not written over: a torn write does no harm to its neighbours (SQLite's "powersafe overwrite").
- Names (made, linked, renamed, removed) reach the disk in the order in which they were made, since the journal commits
  in order. Sure are those up to the last one in a directory that was synced since. A sync of the file itself makes its
  name not sure, although ext4 would.
- What a program puts into mapped memory may be anything. SQLite maps the index of its log (`-shm`) and must not
  believe it after a restart, so it is random here.
"""

import random
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath
from typing import NamedTuple

import msgspec

from tests.durability.recording import Op, Record

SECTORS = (512, 4096)
MAPPED = "-shm"
_CREATE = 0o100


class Write(NamedTuple):
    """Bytes at a place."""

    offset: int
    data: bytes


class Cut(NamedTuple):
    """A new length."""

    length: int


Change = Write | Cut
Survival = Callable[[list[Change], random.Random], Iterator[Change]]
"""What of the changes that are not sure reaches the disk."""


class Inode:
    """A file's bytes: what is sure, and what came later."""

    def __init__(self) -> None:
        self.sure = bytearray()
        self.later: list[Change] = []
        self.settled = 0  # changes that are in `sure`

    def settle(self, up_to: int) -> None:
        """Make changes sure, up to this number since the beginning."""
        count = max(0, up_to - self.settled)
        for change in self.later[:count]:
            apply(self.sure, change)
        del self.later[:count]
        self.settled += count

    @property
    def changes(self) -> int:
        """How many changes there were since the beginning."""
        return self.settled + len(self.later)


def apply(content: bytearray, change: Change) -> None:
    """Carry out one change."""
    if isinstance(change, Cut):
        del content[change.length :]
        content.extend(bytes(change.length - len(content)))
        return
    gap = change.offset - len(content)
    if gap > 0:
        content.extend(bytes(gap))
    content[change.offset : change.offset + len(change.data)] = change.data


class Naming(msgspec.Struct, frozen=True):
    """One change of names: `path` gets `inode` (0 is a directory), or loses what it has where that is None."""

    path: str
    inode: int | None
    moved_from: str = ""

    @property
    def folders(self) -> set[str]:
        """The directories that hold the names."""
        return {str(PurePath(path).parent) for path in (self.path, self.moved_from) if path}

    def carry_out(self, names: dict[str, int]) -> None:
        """Change the names."""
        if self.moved_from:
            for old in [name for name in names if name == self.moved_from or name.startswith(self.moved_from + "/")]:
                names[self.path + old.removeprefix(self.moved_from)] = names.pop(old)
        elif self.inode is None:
            names.pop(self.path, None)
        else:
            names[self.path] = self.inode


class Disk:
    """Follows the records of processes over one directory, and makes images of the moment."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._inodes: dict[int, Inode] = {0: Inode()}
        self._names: dict[str, int] = {self._root: 0}
        self._sure_names = dict(self._names)
        self._namings: list[Naming] = []
        self._sure_namings = 0
        self._opened: dict[tuple[int, int], tuple[int, str]] = {}
        self._syncing: dict[tuple[int, int, int], tuple[int, int]] = {}  # changes and names before it began
        self.mapped: set[str] = set()  # files of which the process has writable memory

    def take(self, record: Record) -> None:
        """Follow one record; those of the line are passed over."""
        op = record.op
        if op in (Op.WRITE, Op.TRUNCATE, Op.ALLOCATE):
            self._change(record)
        elif op in (Op.SYNC_BEGIN, Op.SYNC_END):
            self._sync(record)
        elif op in (Op.RENAME, Op.LINK, Op.UNLINK, Op.MKDIR):
            self._rename(record)
        elif op == Op.OPEN:
            self._open(record)
        elif op == Op.DUP and (record.pid, record.a) in self._opened:
            self._opened[record.handle] = self._opened[record.pid, record.a]
        elif op == Op.CLOSE:
            self._opened.pop(record.handle, None)
        elif op == Op.MAP:
            self.mapped.add(self._opened[record.handle][1])

    def files(self, names: dict[str, int]) -> Iterator[tuple[str, Inode]]:
        """Files by these names, relative to the root."""
        for path, inode in sorted(names.items()):
            if inode:
                yield path.removeprefix(self._root + "/"), self._inodes[inode]

    def whole(self) -> dict[str, bytes]:
        """Every file as the process sees it now."""
        return {path: bytes(_content(inode, inode.later)) for path, inode in self.files(self._names)}

    def write_image(self, folder: Path, chance: random.Random, survival: Survival) -> None:
        """Write what a power cut at this moment leaves into an empty folder."""
        for path, inode in self.files(self._surviving_names(chance, survival)):
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            if path.endswith(MAPPED):
                file.write_bytes(chance.randbytes(32_768))
            else:
                file.write_bytes(_content(inode, survival(inode.later, chance)))

    def _surviving_names(self, chance: random.Random, survival: Survival) -> dict[str, int]:
        names = dict(self._sure_names)
        kept = chance.randint(0, len(self._namings))
        if survival in (nothing, everything):
            kept = len(self._namings) if survival is everything else 0
        for naming in self._namings[:kept]:
            naming.carry_out(names)
        return names

    def _open(self, record: Record) -> None:
        path = record.path
        if path not in self._names:
            assert record.a & _CREATE, f"{path} was opened, and nobody made it"
            made = len(self._inodes)
            self._inodes[made] = Inode()
            self._name(Naming(path, made))
        inode = self._names[path]
        self._opened[record.handle] = (inode, path)
        if record.a & 0o1000 and inode:  # O_TRUNC
            self._inodes[inode].later.append(Cut(0))

    def _change(self, record: Record) -> None:
        inode = self._inodes[self._opened[record.handle][0]]
        if record.op == Op.WRITE:
            inode.later.append(Write(record.a, record.data))
            return
        length = record.a + record.b  # of an allocation its end, which only ever grows the file
        if record.op == Op.TRUNCATE or length > len(_content(inode, inode.later)):
            inode.later.append(Cut(length))

    def _sync(self, record: Record) -> None:
        inode, path = self._opened[record.handle]
        key = (*record.handle, record.a)
        if record.op == Op.SYNC_BEGIN:
            in_it = [n for n, one in enumerate(self._namings, 1) if path in one.folders]
            self._syncing[key] = (self._inodes[inode].changes, self._sure_namings + max(in_it, default=0))
            return
        changes, named = self._syncing.pop(key)
        if record.b:
            return  # it failed
        if inode:
            self._inodes[inode].settle(changes)
        count = max(0, named - self._sure_namings)
        for naming in self._namings[:count]:
            naming.carry_out(self._sure_names)
        del self._namings[:count]
        self._sure_namings += count

    def _rename(self, record: Record) -> None:
        first, *rest = record.paths
        if record.op == Op.MKDIR:
            self._name(Naming(first, 0))
        elif record.op == Op.UNLINK:
            self._name(Naming(first, None))
        elif record.op == Op.LINK:
            self._name(Naming(rest[0], self._names[first]))
        else:
            self._name(Naming(rest[0], self._names[first], moved_from=first))

    def _name(self, naming: Naming) -> None:
        naming.carry_out(self._names)
        self._namings.append(naming)


def _content(inode: Inode, changes: Iterator[Change] | list[Change]) -> bytearray:
    content = bytearray(inode.sure)
    for change in changes:
        apply(content, change)
    return content


def nothing(_later: list[Change], _chance: random.Random) -> Iterator[Change]:
    """Only what is sure."""
    return iter(())


def everything(later: list[Change], _chance: random.Random) -> Iterator[Change]:
    """As if the disk had been quick."""
    return iter(later)


def whole_writes(later: list[Change], chance: random.Random) -> Iterator[Change]:
    """Some changes and others not, in no order."""
    share = chance.random()
    return (change for change in later if chance.random() < share)


def beginning(later: list[Change], chance: random.Random) -> Iterator[Change]:
    """What came first, and a torn one."""
    count = chance.randint(0, len(later))
    yield from later[:count]
    yield from torn(later[count : count + 1], chance)


def torn(later: list[Change], chance: random.Random) -> Iterator[Change]:
    """Some sectors of some writes."""
    sector, share = chance.choice(SECTORS), chance.random()
    for change in later:
        if isinstance(change, Cut):
            if chance.random() < share:
                yield change
            continue
        start = 0
        while start < len(change.data):
            end = min(len(change.data), start + sector - (change.offset + start) % sector)
            if chance.random() < share:
                yield Write(change.offset + start, change.data[start:end])
            start = end


SURVIVALS: tuple[Survival, ...] = (nothing, everything, whole_writes, beginning, torn)
"""The kinds of power cut."""
