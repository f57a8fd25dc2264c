"""What is kept of an intake when room is scarce; and whatever is not is counted."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from appliance.model.intake import DeviceReport, Fix, Intake, RawMessage, Reading, Rejection
from appliance.model.space import Step
from appliance.store.engine import Store
from appliance.store.intake.admission import Admission, SparingArchive
from tests.conftest import NOW, make_event, make_recorder
from tests.store.checks import assert_sound, totals


def reading(second: float, device: str = "shelly/1") -> Reading:
    at = NOW + timedelta(seconds=second)
    return Reading(device=device, metric="temperature", observed_at=at, received_at=at, value=second)


def fix(second: float, device: str = "truck/1") -> Fix:
    at = NOW + timedelta(seconds=second)
    return Fix(device=device, observed_at=at, received_at=at, longitude=47.97, latitude=29.37)


def everything() -> Intake:
    return Intake(
        events=[make_event(event_id="a"), make_event(event_id="b")],
        readings=[reading(second) for second in (0, 10, 59, 60, 61)],
        fixes=[fix(second) for second in (0, 30, 120)],
        reports=[DeviceReport(source="shelly/1", family="shelly", seen_at=NOW, items=2)],
        rejections=[Rejection(topic="t", payload=b"{", reason="not JSON")],
        folded={"state": 3},
        shed={"flood": 7},
    )


@pytest.mark.parametrize("step", [Step.NORMAL, Step.LOW, Step.SCARCE])
def test_below_critical_all_of_it_is_kept(step: Step) -> None:
    intake = everything()
    assert Admission(lambda: step)(intake) is intake


@pytest.mark.parametrize(
    ("step", "readings", "fixes", "rejections", "shed"),
    [
        (
            Step.CRITICAL,
            [0, 60],
            [0, 120],
            1,
            {"flood": 7, "disk_full_readings": 3, "disk_full_positions": 1},
        ),
        (
            Step.FULL,
            [],
            [],
            0,
            {"flood": 7, "disk_full_readings": 5, "disk_full_positions": 3, "disk_full_quarantine": 1},
        ),
    ],
)
def test_what_is_not_kept_is_shed_and_no_item_is_lost_on_the_way(
    step: Step, readings: list[int], fixes: list[int], rejections: int, shed: dict[str, int]
) -> None:
    intake = everything()
    kept = Admission(lambda: step)(intake)
    assert [(one.observed_at - NOW).total_seconds() for one in kept.readings] == readings
    assert [(one.observed_at - NOW).total_seconds() for one in kept.fixes] == fixes
    assert len(kept.rejections) == rejections
    assert kept.shed == shed
    assert kept.items == intake.items
    assert (kept.events, kept.reports, kept.folded) == (intake.events, intake.reports, intake.folded)


def test_a_minute_is_remembered_over_batches_and_each_series_has_its_own() -> None:
    admit = Admission(lambda: Step.CRITICAL)
    assert len(admit(Intake(readings=[reading(1)])).readings) == 1
    again = admit(Intake(readings=[reading(2), reading(2, "shelly/2"), reading(62)]))
    assert [one.device for one in again.readings] == ["shelly/2", "shelly/1"]


def test_what_a_person_retries_is_kept_whole() -> None:
    intake = Intake(readings=[reading(1), reading(2)], retried={1: 1})
    assert Admission(lambda: Step.FULL)(intake) is intake


def test_the_balance_holds_over_what_was_shed(store: Store) -> None:
    step = [Step.FULL]
    recorder = make_recorder(store, NOW, admit=Admission(lambda: step[0]))
    recorder.record(everything())
    step[0] = Step.NORMAL
    recorder.record(Intake(readings=[reading(5)]))
    assert totals(store, "shed") == {
        "flood": 7,
        "disk_full_readings": 5,
        "disk_full_positions": 3,
        "disk_full_quarantine": 1,
    }
    assert totals(store, "stored") == {"": 2, "reading": 1}
    assert_sound(store)


class Shelf:
    """An archive in memory."""

    def __init__(self) -> None:
        self.kept: list[RawMessage] = []

    def append(self, messages: Sequence[RawMessage]) -> None:
        self.kept += messages


def test_a_full_disk_is_left_to_the_store_and_what_is_not_archived_is_counted() -> None:
    shelf, missed, step = Shelf(), [0], [Step.CRITICAL]
    archive = SparingArchive(shelf, lambda: step[0], missed.append)
    message = RawMessage(topic="t", payload=b"{}", received_at=NOW)
    archive.append([message])
    step[0] = Step.FULL
    archive.append([message, message])
    assert (shelf.kept, missed) == ([message], [0, 2])
