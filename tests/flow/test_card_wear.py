"""What a box writes when nothing happens: a card has so many writes and no more."""

import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import wait_for
from tests.flow.box import RunningBox, running_box

pytestmark = pytest.mark.flow

READS = (
    "/v1/health/ready",
    "/v1/risk/today",
    "/v1/hotspots",
    "/v1/events",
    "/v1/devices",
    "/v1/zones",
    "/v1/status",
    "/v1/feed/cells?resolution=8",
    "/v1/tiles/3/4/3.mvt",
    "/v1/auth/me",
    "/metrics",
    "/",
    "/v1/nowhere",
)


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningBox]:
    """A box as systemd runs it: what need not survive is kept in memory."""
    memory = Path(tempfile.mkdtemp(dir="/dev/shm"))
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(memory))
    try:
        with running_box(tmp_path) as running:
            yield running
    finally:
        shutil.rmtree(memory)


def written(pid: int) -> int:
    """Bytes that a process has caused to be written to a device, as the kernel counts them."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("write_bytes")).split()[1])


def test_no_request_that_reads_writes_a_byte(box: RunningBox) -> None:
    wait_for(lambda: (box.health() or {})["last_run_at"], what="the first run")
    pid = box.pids()["serve"]
    for path in READS:
        box.client.get(path)  # what is computed once and kept
    before = written(pid)
    for n in range(30):
        for path in READS:
            answer = box.client.get(path, headers={"User-Agent": f"phone {n}"})
            assert answer.status_code < 500, path
    wrong = box.public.post("/v1/auth/token", json={"username": "nobody", "password": "x"})
    assert wrong.status_code in (401, 503)
    assert written(pid) == before


def test_nothing_but_standard_error_is_a_log(box: RunningBox) -> None:
    box.publish("hexpost/v1/agency/cam7/event", "{garbage")
    wait_for(lambda: box.metrics()["hexpost_items_quarantined_total"] == 1, what="what nobody understood")
    names = {file.name for file in box.data.rglob("*") if file.is_file()}
    assert not [name for name in names if name.endswith((".log", ".out", ".err")) or "log" in name]


@pytest.mark.deep
def test_an_idle_box_writes_next_to_nothing(box: RunningBox) -> None:
    """Half a minute, with a look for a risk run every two seconds; Mosquitto saves its empty queue three times."""
    wait_for(lambda: (box.health() or {})["last_run_at"], what="the first run")
    pids = {**box.pids(), "broker": box.child("mosquitto")}
    asked_until = datetime.now(UTC) + timedelta(seconds=10)
    wait_for(lambda: datetime.now(UTC) > asked_until, what="what a start writes")
    before = {part: written(pid) for part, pid in pids.items()}
    asked_until = datetime.now(UTC) + timedelta(seconds=30)
    wait_for(lambda: datetime.now(UTC) > asked_until, deadline_s=40, what="half a minute")
    grown = {part: written(pid) - before[part] for part, pid in pids.items()}
    assert all(size <= 64 * 1024 for size in grown.values()), grown
    assert sum(grown.values()) <= 128 * 1024, grown
