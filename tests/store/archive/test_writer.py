"""The hot side: batches are whole or cut off, nothing is raised, what is missing is counted."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.store.archive import spool
from appliance.store.archive.spool import SPOOL, SpoolFile, close_file, list_spools, read_frames
from appliance.store.archive.writer import Archive
from appliance.store.sealing import Sealer
from tests.conftest import examples
from tests.store.archive.messages import HOUR, Counted, message, messages, spooled


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """The kernel refuses to let any file grow beyond, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_messages_lie_in_the_spool_as_they_came(archive: Archive, folder: Path) -> None:
    sent = [message(0), message(1, payload=bytes(range(256)), retain=True, redelivered=True, clock_quality="untrusted")]
    archive.append(sent)
    archive.append([message(2, origin="http")])
    found = [one for frame in spooled(folder) for one in frame.messages]
    assert [(one.topic, one.payload, one.received_at) for one in found] == [
        (one.topic, one.payload, one.received_at) for one in [*sent, message(2)]
    ]
    assert [(one.origin, one.retain, one.redelivered, one.clock_quality) for one in found] == [
        ("mqtt", False, False, "good"),
        ("mqtt", True, True, "untrusted"),
        ("http", False, False, "good"),
    ]
    assert [file.name[:11] for file in list_spools(folder / SPOOL)] == ["20261121T10"]


def test_a_batch_that_crosses_the_hour_lies_in_two_files(archive: Archive, folder: Path) -> None:
    before, after = message(1, at=HOUR - timedelta(microseconds=1)), message(2, at=HOUR)
    archive.append([before, after])
    files = list_spools(folder / SPOOL)
    assert [file.name[:11] for file in files] == ["20261121T09", "20261121T10"]
    assert [[m.payload for f, _ in read_frames(file) for m in f.messages] for file in files] == [
        [before.payload],
        [after.payload],
    ]


def test_no_messages_make_no_file(archive: Archive, folder: Path) -> None:
    archive.append([])
    assert not folder.exists()


@settings(max_examples=examples(200), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1), tail=st.binary(max_size=40))
def test_whatever_a_power_cut_leaves_of_a_file_whole_batches_are_read_from_it(
    folder: Path, sealer: Sealer, share: float, tail: bytes
) -> None:
    writer = Archive(folder / SPOOL, sealer=sealer, count_missed=Counted())
    for n in range(4):
        writer.append(messages(n * 10, n * 10 + 10))
    (file,) = list_spools(folder / SPOOL)
    ends = [end for _, end in read_frames(file)]
    whole = file.read_bytes()
    cut = round(share * len(whole))
    file.write_bytes(whole[:cut] + tail)
    found = [end for _, end in read_frames(file)]
    file.unlink()
    assert found[: sum(end <= cut for end in ends)] == [end for end in ends if end <= cut]
    assert len(found) <= 4 and set(found) <= set(ends)  # a tail that happens to complete a frame completes it


def test_a_damaged_batch_ends_the_file(archive: Archive, folder: Path) -> None:
    for n in range(3):
        archive.append(messages(n, n + 1))
    (file,) = list_spools(folder / SPOOL)
    first, second, _ = [end for _, end in read_frames(file)]
    content = bytearray(file.read_bytes())
    content[(first + second) // 2] ^= 1
    file.write_bytes(content)
    assert [end for _, end in read_frames(file)] == [first]


def test_a_file_that_somebody_closed_is_left_and_another_begun(archive: Archive, folder: Path) -> None:
    archive.append(messages(0, 1))
    assert close_file(list_spools(folder / SPOOL)[0]) is not None
    archive.append(messages(1, 2))
    assert sorted(file.suffix for file in list_spools(folder / SPOOL)) == [".open", ".spool"]
    assert [len(frame.messages) for frame in spooled(folder)] == [1, 1]


def test_a_file_being_written_is_not_closed(folder: Path) -> None:
    file = SpoolFile(folder, HOUR)
    (path,) = list_spools(folder)
    other = path.open("rb")
    spool.fcntl.flock(other, spool.fcntl.LOCK_EX)
    assert close_file(path) is None and path.exists()
    assert not file.write(b"x")  # nor is the writer kept waiting by whoever holds it
    other.close()
    assert file.write(b"x")
    file.close()


def test_a_full_file_is_followed_by_the_next(archive: Archive, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "MAX_FILE_BYTES", 2_000)
    for n in range(10):
        archive.append([message(n, payload=bytes(500))])
    files = list_spools(folder / SPOOL)
    assert len(files) == 3 and all(file.stat().st_size < 2_700 for file in files)
    assert sum(len(frame.messages) for frame in spooled(folder)) == 10


def test_what_cannot_be_written_is_counted_and_the_next_that_can_says_so(
    archive: Archive, folder: Path, missed: Counted
) -> None:
    archive.append(messages(0, 5))
    with files_no_larger_than(600):
        archive.append(messages(5, 25))
        assert missed.total == 20 and "No space left" in archive.error
    archive.append(messages(25, 30))
    assert archive.error == "" and missed.total == 20
    assert [(len(frame.messages), frame.missed) for frame in spooled(folder)] == [(5, 0), (5, 20)]
    gap = spooled(folder)[1]
    assert (gap.missed_from, gap.missed_to) == (message(5).received_at, message(24).received_at)


def test_a_folder_that_is_not_there_and_cannot_be_made_is_tried_again(
    archive: Archive, folder: Path, missed: Counted
) -> None:
    folder.write_bytes(b"in the way")
    archive.append(messages(0, 3))
    archive.append(messages(3, 7))
    assert missed.total == 7 and str(folder) in archive.error
    folder.unlink()
    archive.append(messages(7, 8))
    assert [(len(frame.messages), frame.missed) for frame in spooled(folder)] == [(1, 7)]
    assert archive.error == "" and missed.total == 7


def test_more_than_may_wait_to_be_sealed_is_not_written(
    archive: Archive, folder: Path, missed: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "MAX_SPOOL_BYTES", 1_000)
    monkeypatch.setattr(spool, "MAX_FILE_BYTES", 500)
    for n in range(20):
        archive.append([message(n, payload=bytes(400))])
    assert missed.total > 10 and "nobody has sealed" in archive.error
    assert spool.spool_bytes(folder / SPOOL) < 2_000


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("lpr/gate", b'{"read":"12-34567"}'),
        ("site/cam", b'{"licensePlate":"12-34567"}'),
        ("site/cam", b"<ANPR>12-34567</ANPR>"),
    ],
)
def test_what_may_hold_a_number_plate_is_sealed_before_it_touches_the_disk(
    archive: Archive, folder: Path, sealer: Sealer, topic: str, payload: bytes
) -> None:
    plain = message(0)
    held = msgspec.structs.replace(plain, topic=topic, payload=payload)
    archive.append([plain, held])
    (frame,) = spooled(folder)
    assert [one.sealed_day for one in frame.messages] == ["", "2026-11-21"]
    assert all(b"12-34567" not in file.read_bytes() for file in list_spools(folder / SPOOL))
    assert sealer.open(HOUR.date(), frame.messages[1].payload) == payload


def test_without_a_key_a_plate_is_missed_rather_than_kept_in_clear(
    archive: Archive, folder: Path, tmp_path: Path, missed: Counted
) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "archive").write_bytes(b"in the way")
    archive.append([message(0, payload=b'{"plate":"12-34567"}')])
    assert missed.total == 1 and spooled(folder) == []
