"""`hexpost query`: what is near, for people and for machines."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from appliance.cli.querying import query_group
from appliance.model.device_change import DeviceChange
from appliance.model.intake import DeviceReport, Intake
from appliance.store.device.changes import change_device
from appliance.store.engine import Store
from tests.conftest import NOW, make_event, make_recorder

SQUARE = json.dumps([{"lat": y, "lon": x} for x, y in ((47.9, 29.3), (48, 29.3), (48, 29.4), (47.9, 29.4))])
LINE = json.dumps([{"lat": 29.37, "lon": 47.96}, {"lat": 29.37, "lon": 47.98}])
EVERYWHERE = (
    ("--near", "29.37,47.97"),
    ("--route", LINE),
    ("--area", SQUARE),
    ("--bbox", "47.9,29.3,48,29.4"),
)


@pytest.fixture(autouse=True)
def placed(store: Store) -> None:
    """Two events and a device at one place."""
    events = [make_event(event_id=f"e{n}", event_timestamp=f"2026-11-2{n}T10:00:00Z") for n in range(2)]
    report = DeviceReport(source="agency/cam7", family="frigate", seen_at=NOW)
    make_recorder(store, NOW).record(Intake(events=events, reports=[report]))
    with store.write() as connection:
        change_device(connection, "agency/cam7", DeviceChange(longitude=47.97, latitude=29.37), now=NOW)


@pytest.fixture
def data(store: Store) -> Path:
    """The data directory."""
    return store.path.parent


def call(data: Path, *words: str) -> Result:
    return CliRunner().invoke(query_group, [*words, "--data", str(data)])


@pytest.mark.parametrize("where", EVERYWHERE)
def test_each_way_to_say_where_finds_events_and_devices(data: Path, where: tuple[str, str]) -> None:
    events = json.loads(call(data, "events", *where, "--json").output)
    assert [event["event_id"] for event in events] == ["e1", "e0"]
    assert [event["distance_m"] is not None for event in events] == [where[0] in {"--near", "--route"}] * 2
    devices = json.loads(call(data, "devices", *where, "--json").output)
    assert [device["source"] for device in devices] == ["agency/cam7"]


def test_people_get_a_line_each_and_whether_there_is_more(data: Path) -> None:
    lines = call(data, "events", "--near", "29.371,47.97", "--limit", "1").output.splitlines()
    assert lines == [
        "2026-11-21 10:00:00Z      110.8 m  29.37000,47.97000  motion  agency/cam7  e1",
        "and more; --limit shows more than 1",
    ]
    assert "agency/cam7" in call(data, "devices", "--near", "29.371,47.97").output
    assert call(data, "events", "--near", "10,10").output == "no such events\n"


def test_days_type_and_source_narrow_it_down(data: Path) -> None:
    near = ("events", "--near", "29.37,47.97", "--json")
    assert len(json.loads(call(data, *near, "--from", "2026-11-21").output)) == 1
    assert len(json.loads(call(data, *near, "--to", "2026-11-20").output)) == 1
    assert json.loads(call(data, *near, "--type", "fire").output) == []
    assert json.loads(call(data, *near, "--source", "agency/cam8").output) == []


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((), 2, "one of --near, --route, --area, --bbox"),
        (("--near", "1,2", "--bbox", "1,2,3,4"), 2, "one of"),
        (("--near", "here"), 1, "write LAT,LON"),
        (("--near", "1,2", "--radius", "1e9"), 1, "at most 100,000 m"),
        (("--area", SQUARE.replace("29.4", "x")), 1, "JSON array of places"),
    ],
)
def test_what_cannot_be_asked_is_refused(data: Path, words: tuple[str, ...], code: int, says: str) -> None:
    result = call(data, "events", *words)
    assert result.exit_code == code
    assert says in result.output
