"""The units as systemd reads them: no warning, never giving up, and hardened to a stated degree."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "systemd"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
PARTS = ["bridge", "serve", "jobs", "sync"]
EXPOSURE = 15  # tenths of systemd's 0 (safe) to 10; a unit without any hardening has 96

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing: install the package systemd"
)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units with a program that exists in place of the installed one; verify looks for it."""
    copy = tmp_path / "systemd"
    shutil.copytree(UNITS, copy)
    for path in copy.glob("*.service"):
        path.write_text(path.read_text().replace("/opt/hexpost/bin/hexpost", "/bin/true"))
    return copy


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", "--no-pager", *arguments], capture_output=True, text=True, check=False)


def test_there_is_a_unit_for_each_part() -> None:
    assert sorted(f"hexpost-{part}.service" for part in PARTS) == SERVICES


def test_systemd_reads_every_unit_without_a_word(units: Path) -> None:
    verified = analyze("verify", *(str(units / name) for name in [*SERVICES, "hexpost.target"]))
    assert (verified.returncode, verified.stderr) == (0, "")  # a misspelt key is a warning with exit code 0


def test_the_check_itself_sees_a_misspelt_key_in_the_shared_part(units: Path) -> None:
    drop_in = units / "hexpost-.service.d" / "50-hardening.conf"
    drop_in.write_text(drop_in.read_text().replace("ProtectClock=", "ProtectClocks="))
    assert "ProtectClocks" in analyze("verify", str(units / "hexpost-serve.service")).stderr


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_is_hardened(service: str, units: Path) -> None:
    judged = analyze("security", "--offline=true", f"--threshold={EXPOSURE}", str(units / service))
    assert judged.returncode == 0, judged.stdout


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_runs_its_part_under_a_watchdog_and_a_memory_limit(service: str) -> None:
    text = (UNITS / service).read_text()
    part = service.removeprefix("hexpost-").removesuffix(".service")
    assert f"ExecStart=/opt/hexpost/bin/hexpost {part}\n" in text
    assert re.search(r"^WatchdogSec=", text, re.MULTILINE)
    assert re.search(r"^MemoryMax=", text, re.MULTILINE)
    assert "WantedBy=hexpost.target" in text


def test_together_they_leave_room_on_a_box_of_two_gigabytes() -> None:
    limits = [re.search(r"^MemoryMax=(\d+)M$", (UNITS / name).read_text(), re.MULTILINE) for name in SERVICES]
    assert sum(int(limit[1]) for limit in limits if limit) <= 1792


def test_no_part_ever_gives_up_and_none_takes_the_others_pulses_away() -> None:
    shared = (UNITS / "hexpost-.service.d" / "50-hardening.conf").read_text().splitlines()
    assert {"Restart=always", "StartLimitIntervalSec=0", "RuntimeDirectoryPreserve=yes", "Type=notify"} <= set(shared)


def test_the_broker_is_wanted_and_never_required() -> None:
    bridge = (UNITS / "hexpost-bridge.service").read_text()
    assert "Wants=mosquitto.service" in bridge
    assert "After=mosquitto.service" in bridge
    assert not re.search(r"^(Requires|BindsTo|Requisite)=", bridge, re.MULTILINE)
