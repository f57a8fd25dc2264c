"""Events without a place in the API and the stream: told with nulls in its stead, and not taken from uploads."""

from typing import Any

import pytest

from appliance.model.intake import Intake
from appliance.serve.watch import event_notice
from appliance.spatial.cells import cell_of, to_hex
from appliance.store.engine import Store
from appliance.store.event.pages import EventFilter, StoredEvent, fetch_events
from appliance.store.intake.batch import Recorder
from tests.conftest import make_event
from tests.serve.conftest import Client, MakeContext
from tests.store.checks import event_at


def only_event(store: Store) -> StoredEvent:
    with store.read() as connection:
        (event,) = fetch_events(connection, EventFilter(), cursor=None, limit=10).items
    return event


def test_a_list_tells_it_and_a_box_does_not_hold_it(admin: Client, recorder: Recorder) -> None:
    recorder.record(Intake(events=[event_at(None)]))
    (item,) = admin.get("/v1/events").json()["items"]
    assert (item["h3_index"], item["longitude"], item["latitude"]) == (None, None, None)
    assert admin.get("/v1/events?bbox=-180,-90,180,90").json()["items"] == []


def test_an_upload_without_a_place_is_refused_as_ever(admin: Client) -> None:
    row = {"event_type": "motion", "event_timestamp": "2026-11-21T10:00:00Z"}
    report = admin.post("/v1/events/upload", json=[row]).json()
    assert (report["rejected"], report["rows"][0]["path"]) == (1, "$.longitude")


def test_history_that_is_uploaded_is_not_called_ancient(admin: Client, store: Store) -> None:
    row = {"event_type": "motion", "event_timestamp": "2014-01-01T00:00:00Z", "longitude": 1.0, "latitude": 2.0}
    admin.post("/v1/events/upload", json=[row])
    assert only_event(store).clock_quality == "good"


@pytest.mark.parametrize(
    ("toml", "place"), [("", {}), ("[security]\npublic_events = true", {"longitude": None, "latitude": None})]
)
def test_the_stream_tells_it_without_a_cell(
    store: Store, recorder: Recorder, make_context: MakeContext, toml: str, place: dict[str, Any]
) -> None:
    recorder.record(Intake(events=[event_at(None)]))
    notice = event_notice(only_event(store), make_context(toml))
    assert notice["h3_index"] is None
    assert {name: value for name, value in notice.items() if name.endswith("itude")} == place


def test_the_stream_tells_the_finest_counted_cell_of_a_placed_one(
    store: Store, recorder: Recorder, make_context: MakeContext
) -> None:
    recorder.record(Intake(events=[make_event()]))
    cell = to_hex(cell_of(lat=29.37, lng=47.97, resolution=8))
    assert event_notice(only_event(store), make_context())["h3_index"] == cell
