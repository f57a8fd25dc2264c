"""`hexpost device command` and `hexpost device firmware`, as typed."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from appliance.cli.downlink import command_command, firmware_group
from appliance.store.engine import FILE_NAME, Store
from tests.empty_store import put_store
from tests.store.test_commands import enter

BASE = ("--base-url", "http://10.0.0.2:8080")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with two Tasmota plugs in a group."""
    store = Store(put_store(tmp_path / FILE_NAME))
    for name in ("a", "b"):
        enter(store, f"tasmota/{name}", "tasmota", device_group="yard")
    store.close()
    return tmp_path


def firmware(data: Path, *arguments: str) -> Result:
    """Call `hexpost device firmware ...`."""
    return CliRunner().invoke(firmware_group, [*arguments, "--data", str(data)])


def order(data: Path, *arguments: str) -> Result:
    """Call `hexpost device command ...`."""
    return CliRunner().invoke(command_command, [*arguments, "--data", str(data)])


def add(data: Path) -> str:
    """Register an unsigned image; its id."""
    file = data / "tasmota.bin"
    file.write_bytes(b"firmware")
    added = firmware(data, "add", str(file), "--family", "tasmota", "--version", "14.2.0", "--unsigned", "--json")
    assert added.exit_code == 0, added.output
    image: str = json.loads(added.output)["image_id"]
    return image


def test_a_command_is_queued_with_its_parameters(data: Path) -> None:
    queued = order(data, "tasmota/a", "interval", "interval_s=60", "--ttl", "30", "--json")
    assert queued.exit_code == 0, queued.output
    command = json.loads(queued.output)
    assert (command["device"], command["parameters"], command["state"]) == ("tasmota/a", {"interval_s": 60}, "queued")
    assert command["requested_by"].startswith("cli:")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("tasmota/a", "interval", "interval_s=5"), "interval_s between 10 and 3600"),
        (("tasmota/a", "dance"), "it takes config, firmware_update, interval, reboot"),
        (("tasmota/a", "config", "Sleep"), "write it as name=value"),
        (("tasmota/z", "reboot"), "is not in the registry"),
    ],
)
def test_a_command_that_cannot_be_is_refused_with_the_reason(
    data: Path, arguments: tuple[str, ...], reason: str
) -> None:
    refused = order(data, *arguments)
    assert (refused.exit_code, reason in refused.output) == (1, True), refused.output


def test_an_image_is_added_listed_and_removed(data: Path) -> None:
    image = add(data)
    assert f"{image}  tasmota 14.2.0  tasmota.bin, 8 B, unsigned" in firmware(data, "list").output
    assert firmware(data, "remove", image).exit_code == 0
    assert "no image is registered" in firmware(data, "list").output


def test_an_image_is_signed_or_said_to_be_unsigned(data: Path) -> None:
    file = data / "fw.bin"
    file.write_bytes(b"firmware")
    refused = firmware(data, "add", str(file), "--family", "tasmota", "--version", "1")
    assert (refused.exit_code, "--unsigned" in refused.output) == (1, True)
    (data / "fw.sig").write_bytes(bytes(64))
    wrong = firmware(
        data, "add", str(file), "--family", "tasmota", "--version", "1", "--signature", str(data / "fw.sig")
    )
    assert (wrong.exit_code, "secrets/firmware-keys" in wrong.output) == (1, True)


def test_a_wave_is_begun_looked_at_and_stopped(data: Path) -> None:
    image = add(data)
    begun = firmware(data, "wave", image, "--to", "yard", "--size", "1", "--stop-after", "2", *BASE, "--json")
    assert begun.exit_code == 0, begun.output
    wave = json.loads(begun.output)["wave_id"]
    shown = firmware(data, "status", wave).output
    assert shown.splitlines()[1:] == ["  tasmota/a  waiting", "  tasmota/b  waiting"]
    assert "running  tasmota 14.2.0: has not begun" in firmware(data, "status").output
    assert firmware(data, "stop", wave).exit_code == 0
    again = firmware(data, "stop", wave)
    assert (again.exit_code, "is stopped already" in again.output) == (1, True)


def test_a_wave_needs_an_address_that_devices_can_reach(data: Path) -> None:
    refused = firmware(data, "wave", add(data), "--to", "yard")
    assert (refused.exit_code, "--base-url" in refused.output) == (1, True)


def test_a_wave_to_nobody_is_refused(data: Path) -> None:
    refused = firmware(data, "wave", add(data), "--to", "harbour", *BASE)
    assert (refused.exit_code, "no group with approved devices" in refused.output) == (1, True)
