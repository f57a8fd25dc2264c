"""Chores: done once when due, caught up when missed, tried again when failed, never by a wrong clock."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from appliance.errors import Unavailable
from appliance.job.chores import RULES, UNTRUSTED, Chores
from appliance.model.intake import Intake, Reading
from appliance.model.settings import Retention
from appliance.store.chores import ChoreState, fetch_chores
from appliance.store.engine import Store, raw_connection
from tests.conftest import NOW, make_event, make_recorder

ALL = list(RULES)


class Box:
    """Chores with a clock in the test's hand."""

    def __init__(self, store: Store, **retention: int) -> None:
        self.store, self.now, self.trusted = store, NOW, True
        self.chores = Chores(
            store,
            retention=Retention(**retention),
            zone=ZoneInfo("UTC"),
            centre=False,
            clock=lambda: self.now,
            clock_trusted=lambda: self.trusted,
        )

    def at(self, text: str) -> list[str]:
        self.now = datetime.fromisoformat(text)
        return self.chores.perform_due()

    def ledger(self) -> dict[str, ChoreState]:
        with self.store.read() as connection:
            return {state.chore: state for state in fetch_chores(connection)}


@pytest.fixture
def box(store: Store) -> Box:
    return Box(store)


def rows(store: Store, table: str) -> int:
    with store.read() as connection:
        return int(raw_connection(connection).execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def measure(store: Store, *instants: datetime) -> None:
    readings = [Reading(device="a/b", metric="t", observed_at=at, received_at=NOW, value=1.5) for at in instants]
    make_recorder(store, NOW).record(Intake(readings=readings))


def test_each_is_done_once_when_its_time_comes(box: Box) -> None:
    assert box.at("2026-11-22T12:00:00Z") == ALL
    assert box.at("2026-11-22T12:04:59Z") == []
    assert box.at("2026-11-22T12:05:00Z") == ["roll up hours"]
    assert box.at("2026-11-23T00:05:00Z") == ["roll up hours", "roll up days"]
    assert box.at("2026-11-23T02:00:00Z") == ["roll up hours", "clean up"]
    assert box.at("2026-11-23T02:00:30Z") == []


def test_what_was_missed_while_the_box_was_off_is_done_once(box: Box) -> None:
    measure(box.store, NOW - timedelta(days=1))
    box.at("2026-11-22T12:00:00Z")
    assert rows(box.store, "reading_days") == 1
    measure(box.store, NOW + timedelta(hours=1))
    assert box.at("2026-12-24T17:00:00Z") == ALL
    assert box.at("2026-12-24T17:00:30Z") == []
    assert rows(box.store, "reading_days") == 2


@pytest.mark.parametrize("jump", [timedelta(days=3652), timedelta(days=-3652)])
def test_a_clock_that_jumps_and_comes_back_stops_nothing(box: Box, jump: timedelta) -> None:
    box.at("2026-11-22T12:00:00Z")
    box.trusted = False
    box.now = NOW + jump
    assert box.chores.perform_due() == []
    box.trusted = True
    assert box.at("2026-11-22T13:05:00Z") == ["roll up hours"]


def test_a_chore_done_in_what_turned_out_to_be_the_future_is_done_again(box: Box) -> None:
    assert box.at("2036-11-22T12:00:00Z") == ALL
    assert box.at("2026-11-22T12:30:00Z") == ALL
    assert box.at("2026-11-22T12:31:00Z") == []


def test_nothing_is_deleted_by_age_while_the_clock_cannot_be_believed(box: Box) -> None:
    measure(box.store, NOW - timedelta(days=400))
    make_recorder(box.store, NOW - timedelta(days=400)).record(Intake(events=[make_event()]))
    box.trusted = False
    assert box.at("2026-11-22T12:00:00Z") == []
    assert (rows(box.store, "reading_values"), rows(box.store, "events")) == (1, 1)
    assert {state.waits for state in box.ledger().values()} == {UNTRUSTED}
    box.trusted = True
    assert box.at("2026-11-22T12:00:30Z") == ALL
    assert {state.waits for state in box.ledger().values()} <= {
        "",
        "events since 2025-10-18T12:00:00Z are not rolled up",
    }


def test_a_chore_that_fails_says_why_and_is_tried_again_five_minutes_later(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise Unavailable("writing the store: database or disk is full; free space")

    with monkeypatch.context() as broken:
        broken.setattr("appliance.job.chores.clean", full)
        assert box.at("2026-11-22T12:00:00Z") == ["roll up hours", "roll up days"]
        assert box.at("2026-11-22T12:04:00Z") == []
    state = box.ledger()["clean up"]
    assert (state.done_at, state.failed_at) == (None, NOW)
    assert "disk is full" in state.error
    assert box.at("2026-11-22T12:05:00Z") == ["roll up hours", "clean up"]
    assert (box.ledger()["clean up"].error, box.ledger()["clean up"].failed_at) == ("", None)


def test_a_clean_up_that_the_end_of_the_process_cuts_short_is_not_done(box: Box) -> None:
    measure(box.store, *(NOW - timedelta(days=30, seconds=n) for n in range(600)))
    box.now = NOW
    assert box.chores.perform_due(rest=lambda _: True) == ["roll up hours", "roll up days"]
    left = rows(box.store, "reading_values")
    assert 0 < left < 600
    assert box.at("2026-11-22T12:00:30Z") == ["clean up"]
    assert rows(box.store, "reading_values") == 0
    with box.store.read() as connection:
        counted = raw_connection(connection).execute("SELECT sum(value_count) FROM reading_days").fetchone()[0]
    assert counted == 600
