"""`hexpost simulate` as typed: what it refuses, and the registry that it writes."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from appliance.cli.simulating import progress, simulate_command, write_registry
from appliance.errors import Rejected
from appliance.ingest.registry import read_device_table
from appliance.model.device_change import DeviceRow
from firmware_bridge.simulation.fleet import CAMERA
from firmware_bridge.simulator import Pace
from tests.conftest import free_port
from tests.simulate.run import fleet_of

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def simulate(data: Path, *arguments: str) -> Result:
    """Call `hexpost simulate` where no broker is."""
    config = data / "hexpost.toml"
    config.write_text(f"[mqtt]\nport = {free_port()}\n")
    return CliRunner().invoke(simulate_command, [*arguments, "--config", str(config), "--data", str(data)])


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--families", "toaster"), "'toaster' cannot be simulated; native, frigate"),
        (("--fault", "rust=1"), "no fault 'rust'"),
        (("--segment", "north"), "write a segment as switch-north=50"),
        (("--segment", "north=50", "--devices", "20"), "50 devices behind segments"),
        (("--silence", "south@5s"), "no segment 'south'"),
        (("--centre", "91,181"), "the longitude comes first"),
        (("--speed", "60"), "faster than real time needs --duration"),
        (("--duration", "soon"), "'soon' is not a duration"),
        (("--connections", "501"), "at most 500 connections"),
    ],
)
def test_what_cannot_be_is_refused_with_the_remedy(tmp_path: Path, arguments: tuple[str, ...], reason: str) -> None:
    refused = simulate(tmp_path, *arguments)
    assert refused.exit_code == 1
    assert reason in refused.stderr


def test_without_a_broker_it_says_so(tmp_path: Path) -> None:
    failed = simulate(tmp_path, "--duration", "1s")
    assert failed.exit_code == 1
    assert "is the broker (`hexpost run`) up?" in failed.stderr


@pytest.mark.parametrize(("on_terminal", "lines"), [(True, 0), (False, 5)])
def test_an_hour_s_progress_is_one_line_on_a_terminal_and_a_line_a_minute_in_a_log(
    capsys: pytest.CaptureFixture[str], on_terminal: bool, lines: int
) -> None:
    say = progress(on_terminal)
    for second in range(1, 301):
        say(float(second), second * 10)
    told = capsys.readouterr().err
    assert told.count("\n") == lines
    assert told.endswith("300 s  3,000 messages" + "\n" * (not on_terminal))


def test_the_registry_is_a_table_that_the_product_reads(tmp_path: Path) -> None:
    fleet = fleet_of(20, segments=(("switch north", 5),))
    write_registry(tmp_path / "fleet.csv", fleet)
    with (tmp_path / "fleet.csv").open(encoding="utf-8", newline="") as lines:
        rows = [row for _, row in read_device_table(lines)]
    assert [row.source for row in rows if isinstance(row, DeviceRow)] == [unit.source for unit in fleet]
    camera = next(place for place, unit in enumerate(fleet) if unit.kind == CAMERA)
    row, unit = rows[camera], fleet[camera]
    assert isinstance(row, DeviceRow)
    told: dict[str, object] = {"longitude": unit.longitude, "latitude": unit.latitude, "heading_deg": unit.heading_deg}
    told |= {"range_m": unit.range_m, "segment": "switch north", "registration": "approved", "group": unit.group}
    assert {name: getattr(row.change, name) for name in told} == told


@pytest.mark.parametrize(
    ("pace", "began"),
    [
        (Pace(), NOW),
        (Pace(duration_s=30), NOW),
        (Pace(speed=60, duration_s=30), datetime(2026, 11, 23, 11, 30, 30, tzinfo=UTC)),
    ],
)
def test_simulated_time_ends_at_the_present(pace: Pace, began: datetime) -> None:
    assert pace.beginning(NOW) == began


def test_simulated_time_does_not_go_slower() -> None:
    with pytest.raises(Rejected, match="cannot go slower"):
        Pace(speed=0.5).beginning(NOW)
