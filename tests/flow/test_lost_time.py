"""A whole box that wakes without the time: it records, says so, and a person's word puts everything right.

No clock of this machine is touched: the ledger says that the time was last known in 2060, which the machine's own clock
lies far before.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.store.clock.box_clock import BoxClock
from appliance.store.engine import FILE_NAME, Store
from appliance.store.file.migrations import migrate
from tests.board import Board
from tests.conftest import wait_for
from tests.flow.box import RunningBox

LAST_KNOWN = datetime(2060, 1, 1, tzinfo=UTC)
TOPIC = "hexpost/v1/agency/cam7/event"


@pytest.fixture
def box(tmp_path: Path) -> RunningBox:
    """Not started yet; an earlier run of its machine ended in 2060."""
    box = RunningBox(tmp_path)
    box.data.mkdir()
    migrate(box.data / FILE_NAME, timezone="UTC")
    store = Store(box.data / FILE_NAME)
    clock = BoxClock(Board(datetime(1970, 1, 1, tzinfo=UTC), synchronised=False))
    clock.attach(store)
    clock.say(LAST_KNOWN)
    store.close()
    return box


@pytest.mark.flow
def test_what_came_in_before_a_person_told_the_time_has_the_true_one_afterwards(box: RunningBox) -> None:
    try:
        box.start()
        box.log_in()
        event = {
            "event_type": "motion",
            "event_timestamp": "2060-02-01T11:59:00Z",
            "longitude": 47.97,
            "latitude": 29.37,
        }
        box.publish(TOPIC, event)
        waiting = wait_for(lambda: (box.health() or {"clock": {}})["clock"].get("waiting_rows"), what="the event")
        clock = box.client.get("/v1/status").json()["health"]["clock"]
        assert (waiting, clock["trusted"]) == (1, False)
        assert "clock not trusted since 2060-01-01" in clock["words"] and "hexpost clock set TIME" in clock["words"]
        assert box.metrics()["hexpost_clock_trusted"] == 0.0

        said = json.loads(box.hexpost("clock", "set", "2060-02-01T12:00:00Z", "--json"))
        assert timedelta(days=30) < timedelta(seconds=said["moved_s"]) < timedelta(days=32)
        wait_for(lambda: (box.health() or {"clock": {}})["clock"].get("waiting_rows") == 0, what="re-dating")
        wait_for(lambda: (box.health() or {"clock": {}})["clock"]["trusted"], what="the web part to know the time")
        box.log_in()
        (item,) = box.client.get("/v1/events").json()["items"]
        assert (item["clock_quality"], item["event_timestamp"]) == ("good", "2060-02-01T11:59:00Z")
        received = datetime.fromisoformat(item["received_at"])
        assert timedelta(minutes=-5) < received - datetime(2060, 2, 1, 12, 0, tzinfo=UTC) < timedelta()
        assert box.metrics()["hexpost_clock_trusted"] == 1.0
        assert "ok   counters" in box.hexpost("verify")
    finally:
        box.stop()
