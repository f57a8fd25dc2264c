"""The registry over HTTP: devices by names with slashes and spaces, files row by row, zones, groups, windows."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from appliance.clock import rfc3339
from appliance.model.intake import DeviceReport, Fix, Intake, Reading
from appliance.store.engine import Store
from tests.conftest import NOW, make_recorder
from tests.serve.conftest import Client, bearer_of, instant, problem
from tests.store.checks import assert_sound, event_at

SENSOR = "zigbee2mqtt/Contact sensor"
SQUARE = {"type": "Polygon", "coordinates": [[[47, 29], [48, 29], [48, 30], [47, 30], [47, 29]]]}
CSV = {"Content-Type": "text/csv"}
GEOJSON = {"Content-Type": "application/geo+json"}
VIEW = {"longitude": 47.97, "latitude": 29.37, "heading_deg": 90, "view_angle_deg": 70, "range_m": 40}


@pytest.fixture(autouse=True)
def fleet(store: Store) -> None:
    """A sensor and a camera that were heard; the camera's events wait for a place."""
    facts = {"model": "MCCGQ11LM", "battery_percent": 87, "via": "coordinator"}
    make_recorder(store, NOW).record(
        Intake(
            reports=[
                DeviceReport(source=SENSOR, family="zigbee2mqtt", seen_at=NOW, facts=facts, topics=("zigbee2mqtt/x",)),
                DeviceReport(source="frigate/gate", family="frigate", seen_at=NOW - timedelta(minutes=5)),
            ],
            events=[event_at(None, event_id=f"e{n}", source="frigate/gate") for n in range(3)],
        )
    )


def path(source: str) -> str:
    return f"/v1/devices/{quote(source)}"


def get(client: Client, url: str) -> Any:
    answer = client.get(url)
    assert answer.status_code == 200, answer.text
    return answer.json()


def patch(client: Client, source: str, **members: Any) -> Any:
    answer = client.patch(path(source), json=members)
    assert answer.status_code == 200, answer.text
    return answer.json()


def names(client: Client, query: str = "") -> list[str]:
    return [device["source"] for device in get(client, f"/v1/devices?{query}")["items"]]


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", "/v1/devices"), ("GET", path(SENSOR)), ("PATCH", path(SENSOR)), ("POST", "/v1/devices/import"),
        ("GET", "/v1/devices/export"), ("GET", "/v1/devices/outages"), ("GET", "/v1/zones"), ("GET", "/v1/zones/z"),
        ("PUT", "/v1/zones/z"), ("DELETE", "/v1/zones/z"), ("POST", "/v1/zones/import"), ("GET", "/v1/groups"),
        ("PUT", "/v1/groups/g"), ("DELETE", "/v1/groups/g"), ("GET", "/v1/maintenance"), ("POST", "/v1/maintenance"),
        ("DELETE", "/v1/maintenance/1"),
    ],
)  # fmt: skip
def test_the_registry_is_for_admins(client: Client, store: Store, method: str, url: str) -> None:
    problem(client.request(method, url, json={}), 401)
    problem(client.request(method, url, json={}, headers=bearer_of(store, "crew", "public")), 403)


@pytest.mark.parametrize("named", [path(SENSOR), f"/v1/devices/{quote(SENSOR, safe='')}", "/v1/devices/1"])
def test_a_device_is_named_by_its_source_with_slashes_and_spaces_or_by_its_id(admin: Client, named: str) -> None:
    device = get(admin, named)
    assert (device["id"], device["source"], device["registration"]) == (1, SENSOR, "pending")
    assert device["facts"] == {"model": "MCCGQ11LM", "battery_percent": 87, "via": "coordinator"}
    assert (device["topics"], device["hangs_on_segment"]) == (["zigbee2mqtt/x"], "via:coordinator")
    assert instant(device["last_seen"]) == NOW
    assert (device["state"], device["silent_s"], device["cells"], device["view"]) == ("online", 0.0, [], None)
    assert device["effective"] == {
        "heartbeat_s": None,
        "min_score": 0.0,
        "muted": False,
        "origins": {"heartbeat_s": "default", "min_score": "default", "muted": "default"},
    }


@pytest.mark.parametrize("named", ["a/b", "99", "zigbee2mqtt", f"{SENSOR}/readings/x"])
def test_a_device_that_is_not_there_is_not_found(admin: Client, named: str) -> None:
    problem(admin.get(path(named)), 404)
    problem(admin.patch(path(named), json={"name": "x"}), 404)


def test_a_camera_is_placed_and_its_waiting_events_fall_in_the_cells_of_its_view(admin: Client, store: Store) -> None:
    assert get(admin, path("frigate/gate"))["unplaced_events"] == 3
    device = patch(admin, "frigate/gate", registration="approved", **VIEW)
    assert (device["registration"], device["unplaced_events"], device["cells_resolution"]) == ("approved", 0, 8)
    lng, lat = device["event_point"]
    assert (lng > 47.97, lat) == (True, pytest.approx(29.37, abs=1e-6))
    (outline,) = device["view"]["coordinates"][0]
    assert outline[0] == outline[-1]
    items = get(admin, "/v1/events?source=frigate/gate")["items"]
    assert {(item["longitude"], item["latitude"]) for item in items} == {(lng, lat)}
    fine = get(admin, f"{path('frigate/gate')}?resolution=10")
    assert {item["h3_index"] for item in items} <= set(fine["cells"])
    assert_sound(store)


def test_a_wide_view_is_told_in_cells_that_can_be_counted(admin: Client) -> None:
    patch(admin, "frigate/gate", **VIEW | {"range_m": 20_000, "view_angle_deg": 360})
    assert get(admin, path("frigate/gate"))["cells_resolution"] == 8
    refused = problem(admin.get(f"{path('frigate/gate')}?resolution=11"), 400)
    assert refused["path"] == "resolution"


def test_what_is_null_is_emptied_and_what_is_not_given_stays(admin: Client) -> None:
    patch(admin, SENSOR, name="Door", floor="2", height_m=3, settings={"heartbeat_s": 60, "muted": True}, **VIEW)
    device = patch(admin, SENSOR, height_m=None, settings={"muted": None})
    assert (device["name"], device["place"]["floor"], device["place"]["height_m"]) == ("Door", "2", None)
    assert (device["settings"], device["place"]["longitude"]) == ({"heartbeat_s": 60.0}, 47.97)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"heading_deg": 400}, "<= 360"),
        ({"longitude": 200, "latitude": 0}, "<= 180"),
        ({"longitude": 47.97}, "a place needs longitude and latitude"),
        ({"colour": "red"}, "unknown field"),
        ({"registration": "yes"}, "Invalid enum value"),
        ({"settings": {"heartbeat_s": 0}}, "> 0"),
        ({"zone": "nowhere"}, "no zone 'nowhere'"),
        ([], "Expected `object`"),
    ],
)
def test_a_change_that_cannot_be_is_refused(admin: Client, body: Any, detail: str) -> None:
    assert detail in problem(admin.patch(path(SENSOR), json=body), 400)["detail"]


def test_devices_are_listed_by_what_is_asked_for_a_page_at_a_time(admin: Client) -> None:
    patch(admin, "frigate/gate", registration="approved", group="cameras", **VIEW)
    assert names(admin) == [SENSOR, "frigate/gate"]
    for query in ("registration=approved", "family=frigate", "group=cameras", "bbox=47.9,29.3,48,29.4"):
        assert names(admin, query) == ["frigate/gate"], query
    assert names(admin, "segment=via:coordinator") == names(admin, "registration=pending") == [SENSOR]
    page = get(admin, "/v1/devices?limit=1")
    assert names(admin, f"limit=1&cursor={page['next_cursor']}") == ["frigate/gate"]
    for query in ("state=broken", "bbox=1", "limit=0", "cursor=x"):
        problem(admin.get(f"/v1/devices?{query}"), 400)


def test_an_import_reports_every_row_and_enters_what_nobody_has_heard(admin: Client, store: Store) -> None:
    text = f"source,name,longitude,latitude\n{SENSOR},Door,47.97,29.37\nnew/one,,,\nbad/one,,500,1\n"
    answer = admin.post("/v1/devices/import", content=text, headers={**CSV, "Idempotency-Key": "k"})
    report = answer.json()
    assert {name: report[name] for name in ("created", "changed", "unchanged", "rejected", "placed")} == {
        "created": 1, "changed": 1, "unchanged": 0, "rejected": 1, "placed": 0
    }  # fmt: skip
    assert [(row["row"], row["status"], row["source"], row["path"]) for row in report["rows"]] == [
        (2, "changed", SENSOR, None),
        (3, "created", "new/one", None),
        (4, "rejected", None, "longitude"),
    ]
    assert admin.post("/v1/devices/import", content=text, headers={**CSV, "Idempotency-Key": "k"}).json() == report
    entered = get(admin, path("new/one"))
    assert (entered["registration"], entered["state"], entered["last_seen"]) == ("approved", "pending", None)


@pytest.mark.parametrize(("form", "headers"), [("csv", CSV), ("geojson", GEOJSON)])
def test_an_export_imported_again_changes_nothing(admin: Client, form: str, headers: dict[str, str]) -> None:
    patch(admin, "frigate/gate", name='say "hi", you', group="cameras", settings={"min_score": 0.5}, **VIEW)
    export = admin.get(f"/v1/devices/export?format={form}")
    assert export.headers["content-type"].startswith(headers["Content-Type"])
    report = admin.post("/v1/devices/import", content=export.content, headers=headers).json()
    assert (report["unchanged"], report["rejected"]) == (2, 0)
    assert admin.get(f"/v1/devices/export?format={form}").content == export.content


@pytest.mark.parametrize(
    ("body", "headers", "detail"),
    [
        (b"", CSV, "expected a header row"),
        (b"colour\nred\n", CSV, "no column 'colour'"),
        (b"{", GEOJSON, "not JSON"),
        (b"[]", GEOJSON, "expected a GeoJSON"),
        (b"x", {"Content-Type": "text/plain"}, "cannot read 'text/plain'"),
    ],
)
def test_a_file_that_is_none_is_refused_whole(admin: Client, body: bytes, headers: dict[str, str], detail: str) -> None:
    answer = admin.post("/v1/devices/import", content=body, headers=headers)
    assert detail in problem(answer, 400)["detail"]


def test_what_a_device_measured_and_where_it_was_are_beneath_it(admin: Client, store: Store) -> None:
    times = [NOW - timedelta(minutes=n) for n in range(3)]
    make_recorder(store, NOW).record(
        Intake(
            readings=[
                Reading(device=SENSOR, metric=metric, observed_at=at, received_at=at, value=float(n), unit="Cel")
                for n, at in enumerate(times)
                for metric in ("temperature", "humidity")
            ],
            fixes=[Fix(device=SENSOR, observed_at=at, received_at=at, longitude=47.0, latitude=29.0) for at in times],
        )
    )
    page = get(admin, f"{path(SENSOR)}/readings?metric=temperature&limit=2")
    assert [item["value"] for item in page["items"]] == [0.0, 1.0]
    rest = get(admin, f"{path(SENSOR)}/readings?metric=temperature&limit=2&cursor={page['next_cursor']}")
    assert ([item["value"] for item in rest["items"]], rest["next_cursor"]) == ([2.0], None)
    assert len(get(admin, "/v1/devices/1/readings")["items"]) == 6
    assert len(get(admin, f"{path(SENSOR)}/positions")["items"]) == 3
    early = get(admin, f"{path(SENSOR)}/positions?to={rfc3339(NOW - timedelta(minutes=1))}")
    assert [instant(item["observed_at"]) for item in early["items"]] == times[2:]
    assert instant(get(admin, path(SENSOR))["fix"]["observed_at"]) == NOW
    problem(admin.get(f"{path(SENSOR)}/readings?cursor=x"), 400)


def test_a_zone_is_made_changed_and_removed(admin: Client) -> None:
    made = admin.put("/v1/zones/quay", json={"geometry": SQUARE, "settings": {"min_score": 0.5}})
    assert (made.status_code, made.json()["name"], made.json()["devices"]) == (200, "quay", 0)
    patch(admin, "frigate/gate", **VIEW)
    device = get(admin, path("frigate/gate"))
    assert (device["in_zone"], device["effective"]["origins"]["min_score"]) == ("quay", "zone")
    assert names(admin, "zone=quay") == ["frigate/gate"]
    changed = admin.put("/v1/zones/quay", json={"name": "The quay", "capacity": 400}).json()
    assert (changed["name"], changed["capacity"], changed["devices"]) == ("The quay", 400.0, 1)
    assert get(admin, "/v1/zones")["items"] == [get(admin, "/v1/zones/quay")] == [changed]
    assert admin.delete("/v1/zones/quay").json() == {"removed": "quay", "devices": 0}
    problem(admin.get("/v1/zones/quay"), 404)
    problem(admin.delete("/v1/zones/quay"), 404)


def test_a_zone_without_a_sound_polygon_is_refused(admin: Client) -> None:
    bow = {"type": "Polygon", "coordinates": [[[0, 0], [4, 4], [4, 0], [0, 4], [0, 0]]]}
    assert "Self-intersection" in problem(admin.put("/v1/zones/z", json={"geometry": bow}), 400)["detail"]
    assert problem(admin.put("/v1/zones/z", json={}), 400)["path"] == "$.geometry"


def test_zones_are_imported_feature_by_feature(admin: Client) -> None:
    features = [
        {"type": "Feature", "id": "quay", "geometry": SQUARE, "properties": {"name": "Quay"}},
        {"type": "Feature", "id": "none", "geometry": None, "properties": {}},
    ]
    content = json.dumps({"type": "FeatureCollection", "features": features})
    report = admin.post("/v1/zones/import", content=content, headers=GEOJSON).json()
    assert (report["created"], report["rejected"]) == (1, 1)
    assert [(row["row"], row["status"], row["path"]) for row in report["rows"]] == [
        (1, "created", None),
        (2, "rejected", "$.features[1].geometry.type"),
    ]
    problem(admin.post("/v1/zones/import", json={"type": "Point"}), 400)


def test_a_group_hands_its_settings_down_and_ends_without_harm(admin: Client) -> None:
    admin.put("/v1/groups/cameras", json={"name": "Cameras", "settings": {"heartbeat_s": 120}})
    device = patch(admin, "frigate/gate", group="cameras")
    assert device["effective"]["heartbeat_s"] == 120.0
    (group,) = get(admin, "/v1/groups")["items"]
    assert (group["group"], group["name"], group["devices"]) == ("cameras", "Cameras", 1)
    assert admin.delete("/v1/groups/cameras").json() == {"removed": "cameras", "devices": 1}
    assert get(admin, path("frigate/gate"))["group"] == ""
    problem(admin.delete("/v1/groups/cameras"), 404)


def test_a_window_shows_its_devices_in_maintenance_until_it_is_removed(admin: Client) -> None:
    window = {"scope": "device", "subject": SENSOR, "to": rfc3339(NOW + timedelta(hours=4)), "reason": "new battery"}
    made = admin.post("/v1/maintenance", json=window, headers={"Idempotency-Key": "k"})
    assert made.status_code == 201, made.text
    assert made.headers["location"] == f"/v1/maintenance/{made.json()['id']}"
    assert (made.json()["active"], instant(made.json()["from"])) == (True, NOW)
    assert admin.post("/v1/maintenance", json=window, headers={"Idempotency-Key": "k"}).json() == made.json()
    device = get(admin, path(SENSOR))
    assert (device["state"], len(device["maintenance"])) == ("maintenance", 1)
    assert names(admin, "state=maintenance") == [SENSOR]
    assert [one["reason"] for one in get(admin, "/v1/maintenance")["items"]] == ["new battery"]
    assert admin.delete(made.headers["location"]).status_code == 204
    assert get(admin, path(SENSOR))["state"] == "online"
    problem(admin.delete(made.headers["location"]), 404)


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({"scope": "zone", "subject": "nowhere"}, 404),
        ({"scope": "device"}, 400),
        ({"scope": "town"}, 400),
        ({"scope": "site", "to": "2026-11-22T13:00:00"}, 400),
        ({"scope": "site", "to": "2026-11-22T11:00:00Z"}, 400),
    ],
)
def test_a_window_that_cannot_be_is_refused(admin: Client, members: dict[str, str], status: int) -> None:
    problem(admin.post("/v1/maintenance", json={"to": "2026-11-22T13:00:00Z", **members}), status)


def test_outages_are_listed(admin: Client) -> None:
    assert get(admin, "/v1/devices/outages?lasting=true") == {"items": [], "next_cursor": None}


def test_the_description_names_the_routes_and_their_bodies(client: Client) -> None:
    paths = get(client, "/v1/openapi.json")["paths"]
    for one in ("/v1/devices/{device}", "/v1/devices/{device}/{rest}"):
        assert {"get", "patch"} <= paths[one].keys()
    assert set(paths["/v1/devices/import"]["post"]["requestBody"]["content"]) >= {"text/csv", "application/geo+json"}
