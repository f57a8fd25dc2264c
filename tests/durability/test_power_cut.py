"""What a power cut leaves opens, and holds all that was promised: images that hold only what was synced for sure."""

from pathlib import Path

import pytest

from tests.durability.disk import Disk
from tests.durability.power import Run, faults_of, images, record_run

SEED = 20261122

pytestmark = [pytest.mark.flow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A recorded run of a bridge."""
    return record_run(tmp_path_factory.mktemp("power"), messages=3_000, seed=SEED)


def faulty(run: Run, folder: Path, *, count: int, seed: int) -> list[str]:
    """What is wrong with the images, each with its instant."""
    return [
        f"instant {image.instant}, {image.survival}: {fault}"
        for image in images(run, folder, count=count, seed=seed)
        for fault in faults_of(image, run)
    ]


def test_the_recorder_sees_every_byte(run: Run) -> None:
    disk = Disk(run.data)
    for record in run.recorder.records():
        disk.take(record)
    real = {str(file.relative_to(run.data)): file.read_bytes() for file in run.data.rglob("*") if file.is_file()}
    replayed = disk.whole()
    assert replayed.keys() == real.keys()
    assert [name for name in real if replayed[name] != real[name]] == []
    assert {Path(path).name for path in disk.mapped} <= {"hexpost.db-shm"}


def test_what_a_power_cut_leaves_holds_all_that_was_promised(run: Run, tmp_path: Path) -> None:
    assert faulty(run, tmp_path / "image", count=10, seed=SEED) == []


@pytest.mark.deep
def test_a_hundred_power_cuts_lose_nothing_that_was_promised(tmp_path: Path) -> None:
    # So many that the identities of events settle, and are counted.
    long = record_run(tmp_path, messages=8_000, seed=SEED + 1, with_jobs=True)
    assert faulty(long, tmp_path / "image", count=100, seed=SEED + 1) == []


@pytest.mark.deep
@pytest.mark.parametrize(
    ("what", "words"), [("OFF", "missing"), ("NORMAL", "missing"), ("spool", "not in the archive")]
)
def test_a_sync_that_is_left_out_is_seen(tmp_path: Path, what: str, words: str) -> None:
    unsafe = record_run(tmp_path, messages=2_000, seed=SEED, bridge=("-m", "tests.durability.unsafe", what))
    found = faulty(unsafe, tmp_path / "image", count=30, seed=SEED)
    assert any(words in fault for fault in found), f"without the sync of {what}: {found}"
