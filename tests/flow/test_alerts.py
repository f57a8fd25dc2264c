"""An alert in the store reaches who listens at the broker, once, whatever happens to the bridge."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.store.alerts import raise_alert
from appliance.store.engine import FILE_NAME, Store
from tests.conftest import wait_for
from tests.flow.box import RunningBox, running_box

pytestmark = pytest.mark.flow


@pytest.fixture
def box(tmp_path: Path) -> Iterator[RunningBox]:
    """A fresh box."""
    with running_box(tmp_path) as running:
        yield running


def put(box: RunningBox, subject: str, *, age: timedelta = timedelta()) -> None:
    """Raise an alert as a rule in another process does."""
    store = Store(box.data / FILE_NAME)
    with store.write() as connection:
        raise_alert(
            connection,
            kind="asset_risk",
            subject=subject,
            severity="warning",
            title=f"{subject} is at risk",
            detail={},
            now=datetime.now(UTC) - age,
        )
    store.close()


def told(box: RunningBox) -> int:
    """Up to which revision the bridge has told."""
    store = Store(box.data / FILE_NAME)
    with store.read() as connection:
        rev = connection.exec_driver_sql("SELECT max(rev) FROM alert_outlets WHERE outlet = 'mqtt'").scalar()
    store.close()
    return rev or 0


def test_an_alert_sounds_once_across_a_killed_bridge_and_an_old_one_does_not(box: RunningBox) -> None:
    with box.listening("hexpost/v1/out/testbox/alert") as heard:

        def said() -> list[tuple[str, str]]:
            words = [json.loads(one) for one in heard]
            return [(one["subject"], one["state"]) for one in words if one["kind"] == "asset_risk"]

        put(box, "north")
        wait_for(lambda: said() == [("north", "open")], what="the first alert")
        wait_for(lambda: told(box) == 1, what="the note that the broker has it")
        killed = box.kill("bridge")
        put(box, "long ago", age=timedelta(hours=1))
        put(box, "south")
        wait_for(lambda: box.is_up() and box.pids().get("bridge") not in {None, killed}, what="the bridge again")
        wait_for(lambda: ("south", "open") in said(), what="the second alert")
        key = box.client.get("/v1/alerts?state=open").json()["items"][-1]["alert_id"]
        answer = box.client.patch(f"/v1/alerts/{key}", json={"state": "acknowledged"})
        assert answer.json()["acknowledged_by"] == "admin"
        wait_for(lambda: ("north", "acknowledged") in said(), what="the news that somebody took note")
        assert said() == [("north", "open"), ("south", "open"), ("north", "acknowledged")]
    assert box.metrics()["hexpost_items_alerts_passed_over_total"] == 1
