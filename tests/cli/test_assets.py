"""`hexpost asset`: critical assets from the command line, for people and for machines."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from appliance.cli.assets import asset_group
from appliance.clock import system_clock
from appliance.forecast.scale import risk_score
from appliance.job.asset_risk import AssetRisks
from appliance.model.settings import Settings
from appliance.store.engine import FILE_NAME, Store

DOCUMENT = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "id": "s1",
            "properties": {"name": "North", "kind": "substation", "criticality": 5, "settings": {"threshold": 0}},
            "geometry": {"type": "Point", "coordinates": [47.97, 29.37]},
        },
        {
            "type": "Feature",
            "id": "ring",
            "properties": {"kind": "corridor"},
            "geometry": {"type": "LineString", "coordinates": [[47.9, 29.3], [48.0, 29.3]]},
        },
    ],
}


@pytest.fixture
def data(store: Store) -> Path:
    """The data directory."""
    assert store.path.name == FILE_NAME
    return store.path.parent


def call(data: Path, *words: str) -> Result:
    """Run a command of the group in this process."""
    return CliRunner().invoke(asset_group, [*words, "--data", str(data)])


def answer(data: Path, *words: str) -> Any:
    """What a command says to machines."""
    result = call(data, *words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def write(data: Path, document: object) -> str:
    file = data / "assets.geojson"
    file.write_text(json.dumps(document))
    return str(file)


@pytest.mark.parametrize("name", sorted(asset_group.commands))
def test_every_command_has_help_with_an_example_and_the_common_options(name: str) -> None:
    shown = CliRunner().invoke(asset_group, [name, "--help"])
    assert shown.exit_code == 0
    assert f"Example: hexpost asset {name}" in " ".join(shown.output.split())
    assert all(option in shown.output for option in ("--config", "--data", "--json"))


def test_assets_are_brought_listed_and_removed(data: Path) -> None:
    assert "no assets" in call(data, "list").output
    assert call(data, "import", write(data, DOCUMENT)).output == "2 made, 0 changed, 0 rejected\n"
    lines = call(data, "list").output.splitlines()
    assert lines == [
        "ring  ring, corridor, criticality 3  not computed yet",
        "s1  North, substation, criticality 5  not computed yet",
    ]
    assert [asset["asset_id"] for asset in answer(data, "list", "--kind", "corridor")] == ["ring"]
    assert [asset["asset_id"] for asset in answer(data, "list", "--bbox", "47.96,29.36,47.98,29.38")] == ["s1"]
    assert answer(data, "remove", "ring") == {"removed": "ring"}
    gone = call(data, "remove", "ring")
    assert (gone.exit_code, "`hexpost asset list`" in gone.output) == (1, True)


def test_a_file_with_a_wrong_feature_says_which(data: Path) -> None:
    wrong = {
        "type": "Feature",
        "id": "x",
        "properties": {"buffer_m": 0},
        "geometry": {"type": "Point", "coordinates": [0, 0]},
    }
    file = write(data, {"type": "FeatureCollection", "features": [wrong]})
    refused = call(data, "import", file)
    assert refused.exit_code == 1
    assert "0 made, 0 changed, 1 rejected" in refused.output
    assert "feature 1" in refused.output and "no extent" in refused.output
    assert answer(data, "import", write(data, DOCUMENT))["created"] == 2


def test_the_risk_of_each_day_is_told_with_what_it_rests_on(data: Path, store: Store) -> None:
    call(data, "import", write(data, DOCUMENT))
    assert "not computed yet" in call(data, "risk", "s1").output
    settings = Settings()
    AssetRisks(
        store,
        risk=settings.risk,
        zone=settings.zone,
        clock=system_clock,
        scale=risk_score,
        means=lambda _connection, _resolution, _day, cells: dict.fromkeys(cells, 2.0),
    ).perform_due()
    rows = answer(data, "risk", "s1")
    assert len(rows) == 29
    assert {row["basis"] for row in rows} == {"forecast"}
    assert {(row["coverage"], row["risk_score"]) for row in rows} == {("unknown", None)}
    lines = call(data, "risk", "s1").output.splitlines()
    assert all("risk unknown" in line and "expected by forecast, 0 observed" in line for line in lines)
    backwards = call(data, "risk", "s1", "--from", "2026-11-22", "--to", "2026-11-21")
    assert (backwards.exit_code, "lies after" in backwards.output) == (1, True)
