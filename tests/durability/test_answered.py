"""What was answered over HTTP survives a power cut, as what was acknowledged over MQTT does."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from tests.conftest import free_port, wait_for
from tests.durability.power import Run, faults_of, images
from tests.durability.processes import ROOT, Process
from tests.durability.promises import Answers
from tests.durability.recording import Recorder

UPLOADS, ROWS = 60, 20
PASSWORD = "correct horse battery"

pytestmark = [pytest.mark.flow, pytest.mark.timeout(300)]


def batch(number: int) -> list[dict[str, object]]:
    """Events that nobody else sends."""
    return [
        {
            "event_id": f"up-{number}-{row}",
            "event_type": "motion",
            "event_timestamp": f"2026-11-21T10:{number % 60:02}:{row:02}Z",
            "longitude": 47.5 + row / 100,
            "latitude": 29.3 + number / 1000,
        }
        for row in range(ROWS)
    ]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """A recorded run of the web part, which has ended."""
    port, data, config = free_port(), tmp_path / "data", tmp_path / "hexpost.toml"
    config.write_text(f"[http]\nport = {port}\n[store]\nballast_mb = 1\n")
    recorder = Recorder(tmp_path, root=data, port=port)
    options = ["--config", str(config), "--data", str(data)]
    serve = Process([sys.executable, "-m", "appliance.cli", "serve", *options], tmp_path / "serve.log", None)
    serve.environment |= recorder.environment
    serve.start()
    try:
        plain = {"Accept-Encoding": "identity"}  # so that ids can be read off the line
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, headers=plain) as client:
            log_in(client, tmp_path, options, recorder.environment)
            for number in range(UPLOADS):
                answer = client.post("/v1/events/upload", json=batch(number)).json()
                assert answer["accepted"] == ROWS
    finally:
        serve.stop()
    yield Run(recorder=recorder, ledger=[], data=data, config=config)


def log_in(client: httpx.Client, folder: Path, options: list[str], environment: Mapping[str, str]) -> None:
    """Make the admin, as a technician does, and log in."""

    def is_up() -> bool:
        try:
            return client.get("/v1/health/ready").status_code < 500
        except httpx.TransportError:
            return False

    wait_for(is_up, deadline_s=60, what="the web part to be up")
    secret = folder / "password"
    secret.write_text(PASSWORD + "\n")
    command = ["user", "add", Answers.SOURCE, "--role", "admin", "--password-file", str(secret), *options]
    subprocess.run(
        [sys.executable, "-m", "appliance.cli", *command],
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )
    answer = client.post("/v1/auth/token", json={"username": Answers.SOURCE, "password": PASSWORD})
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


def test_what_was_answered_is_there_after_a_power_cut(run: Run, tmp_path: Path) -> None:
    answered, faults = 0, []
    for image in images(run, tmp_path / "image", count=25, seed=20261122, line=Answers):
        answered = max(answered, len(image.promises.ids))
        faults += [f"instant {image.instant}, {image.survival}: {fault}" for fault in faults_of(image, run)]
    assert faults == []
    assert answered > UPLOADS * ROWS / 2
