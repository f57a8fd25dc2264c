"""`hexpost device`: the registry from the command line, for people and for machines."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from appliance.cli.devices import device_group
from appliance.model.intake import DeviceReport, Intake
from appliance.store.engine import FILE_NAME, Store
from tests.conftest import NOW, make_recorder
from tests.store.checks import event_at

SENSOR = "zigbee2mqtt/Contact sensor"
ZONES = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "id": "quay",
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[47, 29], [48, 29], [48, 30], [47, 30], [47, 29]]],
            },
            "properties": {"name": "Quay", "settings": {"min_score": 0.5}},
        }
    ],
}


@pytest.fixture(autouse=True)
def fleet(store: Store) -> None:
    """Two devices that were heard; events of one wait for a place."""
    reports = [DeviceReport(source=name, family="zigbee2mqtt", seen_at=NOW) for name in (SENSOR, "frigate/gate")]
    events = [event_at(None, event_id=f"e{n}", source="frigate/gate") for n in range(3)]
    make_recorder(store, NOW).record(Intake(reports=reports, events=events))


@pytest.fixture
def data(store: Store) -> Path:
    """The data directory."""
    assert store.path.name == FILE_NAME
    return store.path.parent


def call(data: Path, *words: str) -> Result:
    """Run a command of the group in this process."""
    return CliRunner().invoke(device_group, [*words, "--data", str(data)])


def answer(data: Path, *words: str) -> Any:
    """What a command says to machines."""
    result = call(data, *words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def every_command() -> list[tuple[str, ...]]:
    """Every subcommand, groups opened."""
    found: list[tuple[str, ...]] = []
    for name, command in device_group.commands.items():
        below = getattr(command, "commands", None)
        found += [(name, inner) for inner in below] if below else [(name,)]
    return found


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_every_command_has_help_with_an_example_and_the_common_options(words: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(device_group, [*words, "--help"])
    assert shown.exit_code == 0
    assert f"Example: hexpost device {' '.join(words)}" in " ".join(shown.output.split())
    assert all(option in shown.output for option in ("--config", "--data", "--json"))


def test_devices_are_listed_for_people_and_machines(data: Path) -> None:
    shown = call(data, "list").output
    assert SENSOR in shown and "pending" in shown
    assert [device["source"] for device in answer(data, "list", "--limit", "1")] == [SENSOR]
    assert "no such devices" in call(data, "list", "--family", "tasmota").output


def test_devices_are_approved_together_or_not_at_all(data: Path) -> None:
    refused = call(data, "approve", SENSOR, "a/nother")
    assert refused.exit_code == 1
    assert "'a/nother' is not in the registry; `hexpost device list`" in refused.output
    assert answer(data, "list", "--registration", "approved") == []
    changed = answer(data, "approve", SENSOR, "2")["devices"]
    assert [device["registration"] for device in changed] == ["approved", "approved"]
    assert answer(data, "ignore", "2")["devices"][0]["registration"] == "ignored"


def test_a_place_is_given_and_taken_back_and_waiting_events_get_it(data: Path) -> None:
    assert "3 events wait for a place" in call(data, "show", "frigate/gate").output
    placed = call(data, "place", "frigate/gate", "--longitude", "47.97", "--latitude", "-29.37", "--floor", "2")
    assert "3 events that waited were given a place" in placed.output
    assert "place: 47.97, -29.37, floor 2" in call(data, "show", "frigate/gate").output
    assert answer(data, "show", "frigate/gate")["event_point"] == [47.97, -29.37]
    assert answer(data, "place", "frigate/gate", "--nowhere")["devices"][0]["place"]["longitude"] is None
    assert call(data, "place", "frigate/gate").exit_code == 2
    assert "needs longitude and latitude" in call(data, "place", "frigate/gate", "--longitude", "1").output


def test_settings_are_set_and_taken_back(data: Path) -> None:
    device = answer(data, "set", SENSOR, "name=Door", "heartbeat_s=60", "muted=true", "group=doors")["devices"][0]
    assert (device["name"], device["group"]) == ("Door", "doors")
    assert device["settings"] == {"heartbeat_s": 60.0, "muted": True}
    device = answer(data, "set", SENSOR, "muted=")["devices"][0]
    assert device["settings"] == {"heartbeat_s": 60.0}
    assert "heartbeat_s: 60.0 (device)" in call(data, "show", SENSOR).output


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("muted", "write NAME=VALUE"),
        ("colour=red", "the names are name, group"),
        ("heartbeat_s=soon", "write a number"),
        ("heartbeat_s=-1", "$.settings.heartbeat_s"),
        ("registration=yes", "$.registration: Invalid enum value 'yes'; there are approved, ignored, pending"),
        ("zone=nowhere", "no zone 'nowhere'"),
    ],
)
def test_a_word_that_cannot_be_is_refused_with_the_remedy(data: Path, word: str, reason: str) -> None:
    refused = call(data, "set", SENSOR, word)
    assert refused.exit_code == 1
    assert reason in refused.output


@pytest.mark.parametrize("name", ["devices.csv", "devices.geojson"])
def test_an_export_imported_again_changes_nothing(data: Path, tmp_path: Path, name: str) -> None:
    call(data, "place", "frigate/gate", "--longitude", "47.97", "--latitude", "29.37")
    file = tmp_path / name
    assert "the registry written to" in call(data, "export", str(file)).output
    assert answer(data, "import", str(file))["unchanged"] == 2
    again = tmp_path / f"again-{name}"
    call(data, "export", str(again))
    assert again.read_bytes() == file.read_bytes()


def test_an_export_goes_to_the_screen_without_a_file(data: Path) -> None:
    assert call(data, "export").output.startswith("source,name,registration,longitude,latitude")
    assert len(answer(data, "export", "--format", "geojson")["features"]) == 2


def test_an_import_tells_every_row_and_fails_where_none_could_be_taken(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "devices.csv"
    file.write_text("source,heading_deg\nnew/one,90\nnew/two,north\n")
    shown = call(data, "import", str(file))
    assert shown.exit_code == 0
    assert "1 entered, 0 changed, 0 as they were, 1 rejected" in shown.output
    assert "row 3: heading_deg: 'north' is not a number" in shown.output
    file.write_text("source,heading_deg\nnew/two,north\n")
    assert call(data, "import", str(file)).exit_code == 1
    other = tmp_path / "devices.xlsx"
    other.write_text("")
    assert "cannot tell the kind by its name" in call(data, "import", str(other)).output


def test_zones_come_and_go_as_files(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "zones.geojson"
    file.write_text(json.dumps(ZONES))
    assert "1 made, 0 changed, 0 rejected" in call(data, "zone", "import", str(file)).output
    call(data, "place", "frigate/gate", "--longitude", "47.97", "--latitude", "29.37")
    assert "zone quay" in call(data, "show", "frigate/gate").output
    changed = answer(data, "zone", "set", "quay", "min_score=", "muted=true", "--capacity", "400")
    assert (changed["capacity"], changed["settings"], changed["devices"]) == (400.0, {"muted": True}, 1)
    exported = tmp_path / "again.geojson"
    call(data, "zone", "export", str(exported))
    assert answer(data, "zone", "import", str(exported))["changed"] == 1
    (listed,) = answer(data, "zone", "list")
    assert (listed["name"], listed["settings"]) == ("Quay", {"muted": True})
    assert answer(data, "zone", "remove", "quay") == {"removed": "quay", "devices": 0}
    assert "no zone 'quay'" in call(data, "zone", "set", "quay", "muted=true").output


def test_a_group_is_made_listed_and_removed(data: Path) -> None:
    assert answer(data, "group", "set", "doors", "heartbeat_s=120", "--name", "All doors")["name"] == "All doors"
    call(data, "set", SENSOR, "group=doors")
    assert "doors  All doors  1 devices  heartbeat_s=120.0" in call(data, "group", "list").output
    assert answer(data, "group", "remove", "doors") == {"removed": "doors", "devices": 1}
    assert "no groups" in call(data, "group", "list").output


def test_a_window_is_made_listed_and_removed(data: Path) -> None:
    window = answer(data, "maintenance", "add", "--device", SENSOR, "--for", "4h", "--reason", "new battery")
    assert (window["scope"], window["subject"], window["active"]) == ("device", SENSOR, True)
    assert [device["source"] for device in answer(data, "list", "--state", "maintenance")] == [SENSOR]
    assert "new battery" in call(data, "maintenance", "list").output
    assert answer(data, "maintenance", "remove", str(window["id"])) == {"removed": window["id"]}
    assert "no maintenance windows" in call(data, "maintenance", "list").output
    assert "is not there" in call(data, "maintenance", "remove", "9").output


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (("--site",), 2, "one of --to, --for"),
        (("--for", "4h"), 2, "name one of --device"),
        (("--site", "--zone", "x", "--for", "4h"), 2, "name one of --device"),
        (("--site", "--for", "soon"), 1, "write it as 90m, 4h or 2d"),
        (("--site", "--to", "2020-01-01T00:00:00Z"), 1, "is past"),
        (("--site", "--to", "tomorrow"), 1, "--to"),
        (("--zone", "x", "--for", "4h"), 1, "no zone 'x'; `hexpost device zone list`"),
    ],
)
def test_a_window_that_cannot_be_is_refused(data: Path, words: tuple[str, ...], code: int, reason: str) -> None:
    refused = call(data, "maintenance", "add", *words)
    assert refused.exit_code == code
    assert reason in refused.output


def test_a_command_makes_no_store(tmp_path: Path) -> None:
    refused = call(tmp_path / "elsewhere", "list")
    assert (refused.exit_code, "no store at" in refused.output) == (1, True)
    assert not (tmp_path / "elsewhere").exists()
