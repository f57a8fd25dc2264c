"""The model of a disk that the power cuts are made with: what is sure, what may be there, what cannot be."""

import random
from pathlib import Path

import pytest

from tests.durability.disk import SURVIVALS, Disk, Survival, everything, nothing, torn, whole_writes
from tests.durability.recording import Op, Record

ROOT = Path("/box")
CREATE, PID, THREAD = 0o101, 5, 7


def opened(fd: int, name: str, flags: int = CREATE) -> Record:
    return Record(Op.OPEN, PID, fd, flags, 0, f"{ROOT}/{name}".rstrip("/").encode())


def written(fd: int, offset: int, data: bytes) -> Record:
    return Record(Op.WRITE, PID, fd, offset, 0, data)


def synced(fd: int) -> list[Record]:
    return [Record(Op.SYNC_BEGIN, PID, fd, THREAD, 0, b""), Record(Op.SYNC_END, PID, fd, THREAD, 0, b"")]


def named(op: Op, *names: str) -> Record:
    return Record(op, PID, -1, 0, 0, "\0".join(f"{ROOT}/{name}" for name in names).encode())


FOLDER = opened(3, "", 0)  # the directory itself
A_SURE = [FOLDER, opened(4, "a"), written(4, 0, b"first"), *synced(4), *synced(3)]


def left(records: list[Record], folder: Path, survival: Survival, seed: int = 1) -> dict[str, bytes]:
    """The files after a power cut behind the last record."""
    disk = Disk(ROOT)
    for record in records:
        disk.take(record)
    image = folder / f"{survival.__name__}-{seed}"
    image.mkdir()
    disk.write_image(image, random.Random(seed), survival)
    return {file.name: file.read_bytes() for file in image.iterdir()}


@pytest.mark.parametrize("survival", SURVIVALS)
def test_what_was_synced_with_its_name_is_there_whatever_happens(tmp_path: Path, survival: Survival) -> None:
    assert left(A_SURE, tmp_path, survival) == {"a": b"first"}


def test_a_name_is_not_sure_before_its_directory_is_synced(tmp_path: Path) -> None:
    assert left(A_SURE[:-2], tmp_path, nothing) == {}


def test_a_file_whose_name_came_first_may_be_empty(tmp_path: Path) -> None:
    assert left([FOLDER, opened(4, "a"), *synced(3), written(4, 0, b"x")], tmp_path, nothing) == {"a": b""}


def test_a_write_after_the_sync_began_is_not_sure(tmp_path: Path) -> None:
    begin, end = synced(4)
    assert left([*A_SURE, begin, written(4, 0, b"later"), end], tmp_path, nothing) == {"a": b"first"}


def test_a_sync_that_has_not_ended_makes_nothing_sure(tmp_path: Path) -> None:
    assert left([*A_SURE, written(4, 0, b"later"), synced(4)[0]], tmp_path, nothing) == {"a": b"first"}


def test_a_sync_that_failed_makes_nothing_sure(tmp_path: Path) -> None:
    begin, _ = synced(4)
    failed = Record(Op.SYNC_END, PID, 4, THREAD, -1, b"")
    assert left([*A_SURE, written(4, 0, b"later"), begin, failed], tmp_path, nothing) == {"a": b"first"}


def test_a_later_write_may_be_there_without_an_earlier_one_and_leaves_zeros_between(tmp_path: Path) -> None:
    records = [*A_SURE, written(4, 5, b"2"), written(4, 6, b"3")]
    seen = {left(records, tmp_path, whole_writes, seed)["a"] for seed in range(40)}
    assert seen == {b"first", b"first2", b"first\x003", b"first23"}


def test_a_write_may_be_torn_at_a_sector_and_nowhere_else(tmp_path: Path) -> None:
    seen = {left([*A_SURE, written(4, 510, b"abcd")], tmp_path, torn, seed)["a"][5:] for seed in range(60)}
    gap = bytes(505)
    assert seen == {b"", gap + b"ab", gap + b"\0\0cd", gap + b"abcd"}


def test_names_reach_the_disk_in_their_order(tmp_path: Path) -> None:
    records = [*A_SURE, named(Op.LINK, "a", "b"), named(Op.RENAME, "b", "c"), named(Op.UNLINK, "a")]
    seen = {tuple(sorted(left(records, tmp_path, whole_writes, seed))) for seed in range(60)}
    assert seen == {("a",), ("a", "b"), ("a", "c"), ("c",)}


def test_a_rename_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    records = [*A_SURE, opened(5, "new"), written(5, 0, b"second"), *synced(5), named(Op.RENAME, "new", "a")]
    assert left(records, tmp_path, nothing) == {"a": b"first"}
    assert left(records, tmp_path, everything) == {"a": b"second"}


def test_a_file_cut_short_may_be_whole_again(tmp_path: Path) -> None:
    records = [*A_SURE, Record(Op.TRUNCATE, PID, 4, 2, 0, b"")]
    assert left(records, tmp_path, nothing) == {"a": b"first"}
    assert left(records, tmp_path, everything) == {"a": b"fi"}
