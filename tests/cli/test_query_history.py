"""`hexpost query history`: what a device measured, for people and for machines."""

import json
from datetime import timedelta
from pathlib import Path

from click.testing import CliRunner

from appliance.cli.main import hexpost
from appliance.clock import rfc3339
from appliance.model.intake import DeviceReport, Intake, Reading
from appliance.wiring import open_box, open_store
from tests.conftest import NOW, make_recorder


def test_a_metric_is_told_by_the_step_asked_for(tmp_path: Path) -> None:
    store = open_store(open_box(None, tmp_path, {}))
    readings = [
        Reading(device="a/b", metric="co2", observed_at=NOW + n * timedelta(hours=1), received_at=NOW, value=400.0 + n)
        for n in range(24 * 150)
    ]
    make_recorder(store, NOW).record(Intake(readings=readings))
    store.close()
    asked = ["query", "history", "a/b", "co2", "--data", str(tmp_path), "--from", rfc3339(NOW)]
    until = ["--to", rfc3339(NOW + timedelta(days=150))]
    shown = CliRunner().invoke(hexpost, [*asked, *until, "--limit", "1"])
    assert (shown.exit_code, "12 × 405.5 ± 3.60555" in shown.output, "and more" in shown.output) == (0, True, True)
    told = CliRunner().invoke(hexpost, [*asked, *until, "--step", "hour", "--limit", "4000", "--json"])
    page = json.loads(told.output)
    assert (page["step"], len(page["items"]), page["next_cursor"]) == ("hour", 3_600, None)
    refused = CliRunner().invoke(hexpost, [*asked, "--step", "week"])
    assert (refused.exit_code, "no step 'week'" in str(refused.output) + str(refused.exception)) == (1, True)


def test_a_misspelt_device_or_metric_is_said_with_what_there_is(tmp_path: Path) -> None:
    store = open_store(open_box(None, tmp_path, {}))
    readings = [
        Reading(device="a/b", metric=metric, observed_at=NOW, received_at=NOW, value=1.0)
        for metric in ("temperature", "humidity")
    ]
    reports = [DeviceReport(source=source, family="native", seen_at=NOW) for source in ("a/b", "a/silent")]
    make_recorder(store, NOW).record(Intake(readings=readings, reports=reports))
    store.close()

    def ask(*asked: str) -> tuple[int, str]:
        shown = CliRunner().invoke(
            hexpost, ["query", "history", *asked, "--from", rfc3339(NOW), "--data", str(tmp_path)]
        )
        return shown.exit_code, shown.output

    assert ask("a/c", "temperature")[0] == 1
    assert "device 'a/c' is not in the registry; `hexpost device list`" in ask("a/c", "temperature")[1]
    assert ask("a/b", "temp") == (1, "hexpost: a/b has no metric 'temp'; it has humidity, temperature\n")
    assert ask("a/silent", "temp") == (1, "hexpost: a/silent has no metric 'temp'; it has measured nothing yet\n")
    assert ask("1", "humidity")[0] == 0
