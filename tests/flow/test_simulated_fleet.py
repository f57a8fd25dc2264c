"""A simulated fleet on a real broker: all that it told is stored, and all that it broke is in quarantine."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import wait_for
from tests.flow.box import RunningBox, running_box
from tests.simulate.run import fleet_of

pytestmark = pytest.mark.flow
FAULTS = ("--fault", "duplicates=0.05", "--fault", "garbage=0.05", "--fault", "skew=0.1", "--fault", "flapping=0.1")
TERMS = ("stored", "folded", "duplicate", "quarantined", "shed")


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBox]:
    """One box for this file."""
    with running_box(tmp_path_factory.mktemp("fleet")) as running:
        yield running


def simulate(box: RunningBox, *arguments: str) -> dict[str, Any]:
    """A run of 30 devices for some accelerated seconds; its summary."""
    options = ("--devices", "30", "--seed", "7", "--rate", "100", "--speed", "60", "--rhythm", "even", "--json")
    summary: dict[str, Any] = json.loads(box.hexpost("simulate", *options, *arguments))
    return summary


@contextmanager
def simulating(box: RunningBox, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A run that goes on until it is terminated; then it prints its summary."""
    argv = [sys.executable, "-m", "appliance.cli", "simulate", *arguments, "--json"]
    where = ("--config", str(box.config), "--data", str(box.data))
    with subprocess.Popen([*argv, *where], stdout=subprocess.PIPE, text=True) as run:
        try:
            yield run
        finally:
            run.kill()


def is_settled(box: RunningBox, quarantined: float) -> bool:
    """Whether the box has taken all in, as far as garbage tells, and the balance holds."""
    metrics = box.metrics()
    received = sum(metrics[f"hexpost_items_{term}_total"] for term in TERMS) + metrics["hexpost_items_pending"]
    assert metrics["hexpost_items_received_total"] == received
    return metrics["hexpost_items_quarantined_total"] == quarantined and metrics["hexpost_items_pending"] == 0


def test_a_fleet_is_stored_to_the_last_incident(box: RunningBox, tmp_path: Path) -> None:
    registry = tmp_path / "fleet.csv"
    before = box.metrics()
    segments = ("--segment", "north=10", "--silence", "north@3s-4s")
    summary = simulate(box, "--duration", "6s", "--registry", str(registry), *segments, *FAULTS)
    assert summary["published"] > 300
    assert summary["duplicates"] > 5
    assert set(summary["messages"]) == {
        "chirpstack", "frigate", "native", "owntracks", "shelly_gen2", "tasmota", "zigbee2mqtt"
    }  # fmt: skip
    expected = summary["expected"]
    assert expected["quarantined"] == summary["garbage"] > 5
    events = before["hexpost_events"] + expected["events"]
    wait_for(lambda: box.metrics()["hexpost_events"] >= events, what=f"{events} events")
    wait_for(lambda: is_settled(box, summary["garbage"]), what=f"{summary['garbage']} in quarantine")
    assert box.metrics()["hexpost_events"] == events

    box.hexpost("device", "import", str(registry))
    devices = json.loads(box.hexpost("device", "list", "--segment", "north", "--json"))
    assert len(devices) == 10
    assert all(device["last_seen"] for device in devices)
    assert all(device["place"]["longitude"] is not None for device in devices)


def test_devices_with_connections_of_their_own_leave_real_wills(box: RunningBox) -> None:
    one = ("--families", "tasmota", "--devices", "1", "--seed", "8", "--connections", "1", "--segment", "north=1")
    with box.listening(f"tele/{fleet_of(1, 'tasmota', seed=8)[0].id}/LWT") as heard:
        simulate(box, *one, "--duration", "5s", "--speed", "1", "--silence", "north@3s-4s")
        wait_for(lambda: len(heard) >= 3, what="the words of birth and will")
    assert heard == [b"Online", b"Offline", b"Online"]


def test_a_command_from_the_box_is_obeyed(box: RunningBox, tmp_path: Path) -> None:
    registry = tmp_path / "obedient.csv"
    options = ("--families", "tasmota", "--devices", "1", "--seed", "9", "--rate", "1", "--registry", str(registry))
    unit = fleet_of(1, "tasmota", seed=9)[0]
    with simulating(box, *options) as simulator, box.listening(f"tele/{unit.id}/LWT") as heard:
        wait_for(lambda: b"Online" in heard, what="the device")
        wait_for(lambda: unit.source in box.hexpost("device", "list"), what="the device in the registry")
        box.hexpost("device", "import", str(registry))
        queued = json.loads(box.hexpost("device", "command", unit.source, "interval", "interval_s=60", "--json"))
        at = f"/v1/commands/{queued['command_id']}"
        wait_for(lambda: box.client.get(at).json()["state"] == "done", what="the answer to the command")
        simulator.terminate()
        assert json.loads(simulator.communicate(timeout=60)[0])["orders"] == 1
