"""`/events` and `/devices` near a place, along a route, in an area: what is answered, to whom, and what is refused."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from litestar.testing import TestClient

from appliance.model.device_change import DeviceChange
from appliance.model.intake import DeviceReport, Intake
from appliance.serve.app import create_app
from appliance.store.device.changes import change_device
from appliance.store.engine import Store
from tests.conftest import NOW, make_event, make_recorder
from tests.serve.conftest import Client, MakeContext, bearer_of, problem

NEARBY = {"lat": 29.37, "lon": 47.97, "radius": 500}
ROUTE = {"waypoints": json.dumps([{"lat": 29.37, "lon": 47.96}, {"lat": 29.37, "lon": 47.98}]), "buffer": 150}
AREA = {"polygon": json.dumps([{"lat": y, "lon": x} for x, y in ((47.96, 29.36), (47.98, 29.36), (47.97, 29.38))])}
SHAPES: dict[str, dict[str, Any]] = {"nearby": NEARBY, "route": ROUTE, "area": AREA}
BOW_TIE = json.dumps([{"lat": 0, "lon": 0}, {"lat": 1, "lon": 1}, {"lat": 0, "lon": 1}, {"lat": 1, "lon": 0}])


@pytest.fixture
def placed(store: Store) -> None:
    """Three events and three devices here, 111 m north and 1,109 m north."""
    norths = (0.0, 0.001, 0.01)
    events = [
        make_event(
            event_id=f"e{n}", latitude=29.37 + north, event_timestamp=f"2026-11-21T1{n}:00:00Z", event_type=f"type{n}"
        )
        for n, north in enumerate(norths)
    ]
    reports = [DeviceReport(source=f"nearby/{n}", family="frigate", seen_at=NOW, items=1, facts={}) for n in range(3)]
    make_recorder(store, NOW).record(Intake(events=events, reports=reports))
    with store.write() as connection:
        for n, north in enumerate(norths):
            change = DeviceChange(longitude=47.97, latitude=29.37 + north)
            change_device(connection, f"nearby/{n}", change, now=NOW)


@pytest.mark.parametrize("shape", SHAPES)
def test_events_in_a_shape_come_newest_first(admin: Client, placed: None, shape: str) -> None:
    answer = admin.get(f"/v1/events/{shape}", params=SHAPES[shape]).json()
    assert [event["event_id"] for event in answer["items"]] == ["e1", "e0"]
    assert answer["next_cursor"] is None
    distances = [event["distance_m"] for event in answer["items"]]
    assert distances == (
        [None, None] if shape == "area" else [pytest.approx(110.85, abs=0.05), pytest.approx(0, abs=0.05)]
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_devices_in_a_shape_come_nearest_first(admin: Client, placed: None, shape: str) -> None:
    answer = admin.get(f"/v1/devices/{shape}", params=SHAPES[shape]).json()
    assert [device["source"] for device in answer["items"]] == ["nearby/0", "nearby/1"]
    assert (answer["items"][1]["distance_m"] is None) == (shape == "area")


@pytest.mark.parametrize("thing", ["events", "devices"])
@pytest.mark.parametrize("shape", SHAPES)
def test_pages_follow_each_other(admin: Client, placed: None, thing: str, shape: str) -> None:
    whole = admin.get(f"/v1/{thing}/{shape}", params=SHAPES[shape]).json()["items"]
    first = admin.get(f"/v1/{thing}/{shape}", params={**SHAPES[shape], "limit": 1}).json()
    second = admin.get(
        f"/v1/{thing}/{shape}", params={**SHAPES[shape], "limit": 1, "cursor": first["next_cursor"]}
    ).json()
    assert first["items"] + second["items"] == whole
    assert second["next_cursor"] is None


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"event_type": "type0"}, ["e0"]),
        ({"source": "agency/nobody"}, []),
        ({"from": "2026-11-21T10:30:00Z"}, ["e1"]),
        ({"to": "2026-11-21T11:00:00Z"}, ["e0"]),
        ({"from": "2026-11-21", "to": "2026-11-21"}, ["e1", "e0"]),
    ],
)
def test_time_type_and_source_narrow_it_down(
    admin: Client, placed: None, filters: dict[str, str], expected: list[str]
) -> None:
    answer = admin.get("/v1/events/nearby", params={**NEARBY, **filters}).json()
    assert [event["event_id"] for event in answer["items"]] == expected


@pytest.mark.parametrize(
    ("path", "params", "at"),
    [
        ("events/nearby", {**NEARBY, "lat": 90.5}, "lat"),
        ("events/nearby", {**NEARBY, "lon": "nan"}, "lon"),
        ("events/nearby", {**NEARBY, "radius": 100_001}, "radius"),
        ("events/nearby", {**NEARBY, "radius": 0}, "radius"),
        ("events/nearby", {**NEARBY, "limit": 1_001}, "limit"),
        ("events/nearby", {**NEARBY, "cursor": "abc"}, "cursor"),
        ("events/nearby", {**NEARBY, "from": "yesterday"}, "from"),
        ("events/route", {**ROUTE, "waypoints": "47.9,29.3"}, "waypoints"),
        ("events/route", {**ROUTE, "waypoints": json.dumps([{"lat": 1, "lon": 1}] * 201)}, "waypoints"),
        ("events/route", {**ROUTE, "buffer": 10_001}, "buffer"),
        ("events/area", {"polygon": BOW_TIE}, "polygon"),
        ("events/area", {"polygon": '[{"lat": 1, "lon": 1}, {"lat": 2, "lon": 1}]'}, "polygon"),
        ("events/area", {"polygon": AREA["polygon"].replace("29.38", "99")}, "polygon[2].lat"),
        ("devices/area", {"polygon": BOW_TIE}, "polygon"),
        ("devices/nearby", {**NEARBY, "cursor": "zz.1"}, "cursor"),
        ("devices/nearby", {**NEARBY, "cursor": "0000000000000000."}, "cursor"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(admin: Client, path: str, params: dict[str, Any], at: str) -> None:
    assert problem(admin.get(f"/v1/{path}", params=params), 400)["path"] == at


def test_a_parameter_that_is_missing_is_named(admin: Client) -> None:
    assert "radius" in problem(admin.get("/v1/events/nearby", params={"lat": 1, "lon": 2}), 400)["detail"]


@pytest.mark.parametrize("shape", SHAPES)
def test_who_may_see_single_events_may_ask_where_they_are(
    client: Client, store: Store, make_context: MakeContext, placed: None, shape: str
) -> None:
    for thing in ("events", "devices"):
        problem(client.get(f"/v1/{thing}/{shape}", params=SHAPES[shape]), 401)
        caller = bearer_of(store, "omar", "public")
        problem(client.get(f"/v1/{thing}/{shape}", params=SHAPES[shape], headers=caller), 403)
    with TestClient(create_app(make_context("[security]\npublic_events = true"))) as opened:
        assert opened.get(f"/v1/events/{shape}", params=SHAPES[shape]).status_code == 200
        problem(opened.get(f"/v1/devices/{shape}", params=SHAPES[shape]), 401)


def test_a_device_whose_source_begins_like_a_route_is_still_found(admin: Client, placed: None) -> None:
    assert admin.get("/v1/devices/nearby/1").json()["source"] == "nearby/1"


def test_the_old_path_leads_there_too(live: Callable[..., str], placed: None) -> None:
    import urllib.request

    url = live("[security]\npublic_events = true")
    with urllib.request.urlopen(f"{url}/api/v1/events/nearby?lat=29.37&lon=47.97&radius=500") as answer:
        assert len(json.load(answer)["items"]) == 2
