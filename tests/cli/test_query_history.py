"""`hexpost query history`: what a device measured, for people and for machines."""

import json
from datetime import timedelta
from pathlib import Path

from click.testing import CliRunner

from appliance.cli.main import hexpost
from appliance.clock import rfc3339
from appliance.model.intake import Intake, Reading
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
