"""`hexpost query hotspots`: for people and for machines."""

import json
from pathlib import Path

import h3.api.basic_int as h3
import pytest
from click.testing import CliRunner, Result

from appliance.cli.querying import query_group
from appliance.model.intake import Intake
from appliance.store.engine import Store
from tests.conftest import NOW, make_event, make_recorder

CENTRE = h3.latlng_to_cell(29.37, 47.97, 8)
PERIOD = ("--from", "2026-11-15", "--to", "2026-11-21")


@pytest.fixture
def data(store: Store) -> Path:
    """The data directory of a site with one event a week in each of 61 cells, and a cell that has risen in the last."""
    events = []
    for number, cell in enumerate(sorted(h3.grid_disk(CENTRE, 4))):
        lat, lng = h3.cell_to_latlng(cell)
        for week in range(9):
            for n in range(15 if cell == CENTRE and week == 0 else 1):
                day = f"{NOW.fromordinal(NOW.toordinal() - 1 - 7 * week - number % 7):%Y-%m-%d}"
                at = f"{day}T10:{n:02}:00Z"
                events.append(
                    make_event(event_id=f"{cell}-{week}-{n}", event_timestamp=at, longitude=lng, latitude=lat)
                )
    make_recorder(store, NOW).record(Intake(events=events))
    return store.path.parent


def call(data: Path, *words: str) -> Result:
    return CliRunner().invoke(query_group, ["hotspots", *words, "--data", str(data)])


def test_people_get_a_line_each(data: Path) -> None:
    lines = call(data, *PERIOD, "--kind", "emerging").output.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(
        "emerging    29.36960,47.97395  882c93ad5bfffff  15 events in 7 days where 1 is usual here"
    )
    assert call(data, *PERIOD, "--kind", "fading").output == "no such hotspots\n"


def test_machines_get_what_the_api_gives(data: Path) -> None:
    document = json.loads(call(data, *PERIOD, "--json").output)
    assert (document["start_date"], document["found"]["emerging"]) == ("2026-11-15", 1)
    assert document["items"][0]["reason"]["code"] == "emerging"
    features = json.loads(call(data, *PERIOD, "--geojson", "--kind", "emerging").output)["features"]
    assert [feature["geometry"]["type"] for feature in features] == ["MultiPolygon"]


def test_points_are_clustered_by_distance(data: Path) -> None:
    document = json.loads(call(data, *PERIOD, "--points", "--radius", "50", "--json").output)
    assert [(item["kind"], item["event_count"]) for item in document["items"]] == [("dense", 15)]
    assert call(data, *PERIOD, "--points", "--radius", "50", "--type", "fire").output == "no such hotspots\n"


def test_there_may_be_more_and_days_without_events_are_told(data: Path) -> None:
    output = call(data, *PERIOD, "--points", "--radius", "5000", "--min-events", "3", "--limit", "1").output
    assert output.count("\n") == 1
    assert (
        "note: on 7 days of the period nothing was heard"
        in call(data, "--from", "2026-01-01", "--to", "2026-01-07").output
    )


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--from", "yesterday"), 1, "write it as 2026-11-21"),
        (("--from", "2026-11-21", "--to", "2026-11-20"), 1, "it takes 1 to 400"),
        (("--from", "2020-01-01", "--to", "2026-11-20"), 1, "it takes 1 to 400"),
        (("--kind", "rising"), 2, "'rising' is not one of"),
        (("--radius", "5"), 2, "20"),
        (("--resolution", "3"), 2, "5<=x<=11"),
    ],
)
def test_what_cannot_be_asked_is_refused(data: Path, words: tuple[str, ...], code: int, says: str) -> None:
    result = call(data, *words)
    assert result.exit_code == code
    assert says in result.output
