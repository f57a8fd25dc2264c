"""What starts a run: events that were stored, corrected or given a place, and nothing else."""

from zoneinfo import ZoneInfo

import pytest

from appliance.aggregate.hours import SiteHours
from appliance.model.intake import DeviceReport, Fix, Intake, Reading, Rejection
from appliance.store.engine import Store
from appliance.store.event.pages import place_events
from appliance.store.intake.batch import Recorder
from appliance.store.risk.runs import fetch_watermark
from appliance.store.settled.tally import Tally
from tests.conftest import NOW, make_event
from tests.store.checks import event_at


def watermark(store: Store) -> int:
    with store.read() as connection:
        return fetch_watermark(connection)


@pytest.mark.parametrize(
    "intake",
    [
        Intake(readings=[Reading(device="a/b", metric="co2", observed_at=NOW, received_at=NOW, value=400)]),
        Intake(fixes=[Fix(device="a/b", observed_at=NOW, received_at=NOW, longitude=1, latitude=2)]),
        Intake(reports=[DeviceReport(source="a/b", family="native", seen_at=NOW, items=1)]),
        Intake(rejections=[Rejection(topic="t", payload=b"{", reason="r")], folded={"unchanged": 2}, duplicates=1),
        Intake(events=[make_event()]),  # the same again
    ],
)
def test_what_changes_no_count_starts_no_run(store: Store, recorder: Recorder, intake: Intake) -> None:
    recorder.record(Intake(events=[make_event()]))
    before = watermark(store)
    recorder.record(intake)
    assert watermark(store) == before == 1


def test_an_event_and_its_correction_start_one(store: Store, recorder: Recorder) -> None:
    recorder.record(Intake(events=[make_event(), make_event(rev=1), make_event(event_id="e2")]))
    assert watermark(store) == 3


def test_an_event_that_is_given_a_place_starts_one(store: Store, recorder: Recorder) -> None:
    recorder.record(Intake(events=[event_at(None)]))
    before = watermark(store)
    with store.write() as connection:
        place_events(connection, "agency/cam7", 47.97, 29.37, Tally(SiteHours(ZoneInfo("UTC")), (7, 8)), 10)
    assert watermark(store) == before + 1
