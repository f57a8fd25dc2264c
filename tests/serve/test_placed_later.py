"""Events that came before anybody knew where their device stands: counted once it is said."""

from typing import Any

import pytest

from appliance.model.intake import DeviceReport, Intake
from appliance.spatial.cells import cell_of, to_hex
from appliance.store.intake.batch import Recorder
from tests.conftest import NOW
from tests.serve.conftest import TODAY, Analyze, Client
from tests.store.checks import event_at

CELL = to_hex(cell_of(lat=29.37, lng=47.97, resolution=8))
PLACE = {"longitude": 47.97, "latitude": 29.37}
ROW = "source,longitude,latitude\nfrigate/gate,47.97,29.37\n"


def patch(admin: Client) -> Any:
    return admin.patch("/v1/devices/frigate/gate", json=PLACE)


def load(admin: Client) -> Any:
    return admin.post("/v1/devices/import", content=ROW, headers={"Content-Type": "text/csv"})


@pytest.mark.parametrize("place", [patch, load])
def test_an_event_is_in_its_cells_counts_once_its_device_has_a_place(
    admin: Client, recorder: Recorder, analyze: Analyze, place: Any
) -> None:
    waiting = event_at(None, source="frigate/gate", event_timestamp=f"{TODAY}T10:00:00Z")
    recorder.record(
        Intake(events=[waiting], reports=[DeviceReport(source="frigate/gate", family="frigate", seen_at=NOW)])
    )
    analyze()
    assert risk(admin) == []
    answer = place(admin)
    assert answer.status_code == 200, answer.text
    analyze()
    (row,) = risk(admin)
    assert (row["h3_index"], row["event_count"]) == (CELL, 1)
    (event,) = admin.get("/v1/events").json()["items"]
    assert (event["longitude"], event["latitude"]) == (47.97, 29.37)


def risk(admin: Client) -> list[dict[str, Any]]:
    """Today's cells at resolution 8."""
    answer = admin.get("/v1/risk/today?resolution=8")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items
