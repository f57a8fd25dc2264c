"""`hexpost forecast`: made, shown, its parameters told, and others accepted."""

import json
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from appliance.cli.options import FAILED
from appliance.store.engine import FILE_NAME, Store
from appliance.store.forecast.parameters import fetch_active, save_parameters
from tests.cli.test_commands import call

CONFIG = "[risk]\nresolutions = [7, 8]\npatrol_resolution = 8\n"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A box with forty days of events, up to yesterday."""
    from datetime import UTC, datetime

    config, rows = tmp_path / "box.toml", tmp_path / "events.csv"
    config.write_text(CONFIG)
    monkeypatch.setenv("HEXPOST_CONFIG", str(config))
    now = datetime.now(UTC)
    lines = [
        f"{'fire' if n % 3 else 'theft'},{(now - timedelta(days=1 + n % 40, seconds=n)).isoformat()},"
        f"{47.97 + 0.01 * (n % 4)},29.37,{{}}"
        for n in range(400)
    ]
    rows.write_text("event_type,event_timestamp,longitude,latitude,attributes_json\n" + "\n".join(lines) + "\n")
    assert call("import", str(rows), data=tmp_path / "data").exit_code == 0
    return tmp_path / "data"


def test_a_forecast_is_made_and_shown(data: Path) -> None:
    made = json.loads(call("forecast", "run", "--json", data=data).output)
    assert made["rows_changed"] > 0 and made["message"] == ""
    assert "0 rows changed, parameters" in call("forecast", "run", data=data).output
    shown = call("forecast", "show", "--limit", "2", data=data).output.splitlines()
    assert "events expected in" in shown[0]
    assert len([line for line in shown if line.startswith("88")]) == 2
    page = json.loads(call("forecast", "show", "--json", "--event-type", "fire", "--limit", "3", data=data).output)
    scores = [row["risk_score"] for row in page["items"]]
    assert len(scores) == 3 and scores == sorted(scores, reverse=True)


def test_before_the_first_run_it_says_what_makes_one(data: Path) -> None:
    assert "`hexpost forecast run`" in call("forecast", "show", data=data).output
    assert "nothing has been learned yet" in call("forecast", "parameters", data=data).output


def test_parameters_are_told_with_how_they_held_and_others_accepted(data: Path) -> None:
    call("forecast", "run", data=data)
    store = Store(data / FILE_NAME)
    with store.write() as connection:
        active = fetch_active(connection, 8)
        assert active is not None
        others = msgspec.structs.replace(active.parameters, class_strengths=(4.0, 8.0, 16.0))
        proposed = msgspec.structs.replace(active, version=others.version, parameters=others, state="proposed")
        save_parameters(connection, proposed)
    store.close()
    told = json.loads(call("forecast", "parameters", "--json", data=data).output)
    assert [(one["version"], one["state"]) for one in told["parameters"]] == [
        (active.version, "active"),
        (others.version, "proposed"),
    ]
    assert [check["horizon"] for check in told["checks"]] == ["next_7_days", "next_day"]
    words = call("forecast", "parameters", data=data).output
    assert f"{others.version} proposed" in words and "next_day before" in words
    assert call("forecast", "accept", others.version, data=data).output.strip() == (
        f"parameters {others.version} are in force"
    )
    assert json.loads(call("forecast", "run", "--json", data=data).output)["parameter_version"] == others.version


def test_a_version_that_nobody_knows_is_refused(data: Path) -> None:
    refused = call("forecast", "accept", "0123456789ab", data=data)
    assert refused.exit_code == FAILED
    assert "hexpost forecast parameters" in refused.output
