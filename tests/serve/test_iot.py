"""`/v1/iot`: the risk of a zone and what stands out, through the API, from what devices told."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient

from appliance.clock import rfc3339
from appliance.model.event import Event
from appliance.model.field import OutageNews
from appliance.serve.app import create_app
from appliance.serve.security import issue_token
from appliance.store.engine import Store
from appliance.store.users import upsert_user
from tests.conftest import NOW, make_event
from tests.serve.conftest import SECRET, Client, MakeContext, problem
from tests.serve.iot_site import CAMS, CELL, codes, fall_silent, make_site, parts, read, record, take_up
from tests.store.registry import square, zone

ROUTES = [
    ("GET", "/v1/iot/insights"),
    ("GET", "/v1/iot/risk-score/gate"),
    ("GET", "/v1/iot/crowd-correlation/gate"),
    ("GET", "/v1/iot/watch-list"),
    ("POST", "/v1/iot/watch-list"),
    ("DELETE", "/v1/iot/watch-list/1"),
    ("GET", "/v1/iot/watch-list/hits"),
    ("GET", "/v1/iot/thresholds"),
    ("PUT", "/v1/iot/thresholds/co"),
    ("DELETE", "/v1/iot/thresholds/co"),
]


@pytest.fixture
def site(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A zone of a hundred people with four cameras."""
    return make_site(store, monkeypatch)


def motions(camera: str, at: datetime, how_many: int) -> list[Event]:
    return [
        make_event(
            event_id=f"{at:%m%d%H}-{n}",
            source=camera,
            event_timestamp=rfc3339(at + timedelta(seconds=n)),
        )
        for n in range(how_many)
    ]


def usual_nights(camera: str, now: datetime = NOW, hour: int = 3) -> list[Event]:
    """One detection at three and a busy noon on each of the last 33 days, but not today."""
    events = []
    for day in range(1, 34):
        midnight = now.replace(hour=0, minute=0) - timedelta(days=day)
        events += motions(camera, midnight + timedelta(hours=hour), 1)
        events += motions(camera, midnight + timedelta(hours=13), 8)
    return events


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_everything_needs_an_admin(client: Client, method: str, path: str) -> None:
    problem(client.request(method, path, json={}), 401)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/iot/risk-score/nowhere", 404),
        ("/v1/iot/insights?zone=nowhere", 404),
        ("/v1/iot/insights?h3=xyz", 400),
        (f"/v1/iot/insights?zone=gate&h3={CELL}", 400),
        ("/v1/iot/insights?limit=0", 400),
        ("/v1/iot/crowd-correlation/nowhere", 404),
        ("/v1/iot/crowd-correlation/8a2c018a0d47fff", 400),
        ("/v1/iot/crowd-correlation/gate?days=400", 400),
        ("/v1/iot/watch-list?cursor=x", 400),
    ],
)
def test_what_is_not_there_or_not_well_asked_is_refused(admin: Client, site: Store, path: str, status: int) -> None:
    problem(admin.get(path), status)


def test_a_zone_that_nobody_has_told_anything_of_is_unknown_and_not_calm(admin: Client, store: Store) -> None:
    zone(store, "gate", square(47.9, 29.3, 0.2))
    answer = admin.get("/v1/iot/risk-score/gate").json()
    assert answer["risk_score"] is None
    assert answer["at_most"] == pytest.approx(100 * (1 - 0.7 * 0.7 * 0.8 * 0.6 * 0.7 * 0.8))
    assert answer["coverage"] == {"known": [], "unknown": [part["part"] for part in answer["parts"]], "weight_share": 0}
    assert all(part["s"] is None and part["words"] for part in answer["parts"])
    found = admin.get("/v1/iot/insights").json()
    assert (found["items"], found["groups"], len(found["unknown_parts"])) == ([], 1, 6)


def test_the_risk_is_the_product_of_its_parts_by_hand(admin: Client, site: Store) -> None:
    fall_silent(site, CAMS[0], cause="silence")
    record(site, readings=[read(CAMS[1], "crowd_people.yard", 50), read(CAMS[1], "crowd_people.door", 25)])
    answer = admin.get("/v1/iot/risk-score/gate").json()
    # a quarter of the cameras, three quarters of the capacity: 1 - (1 - 0.2/4)(1 - 0.2 * 0.5)
    assert answer["risk_score"] == pytest.approx(100 * (1 - 0.95 * 0.9))
    assert (answer["zone"], answer["name"], answer["devices"], answer["cameras"]) == ("gate", "The gate", 4, 4)
    crowd = parts(admin)["crowd_density"]
    assert "75 people of a capacity of 100" in crowd["words"]
    assert crowd["numbers"]["ratio"] == 0.75


def test_an_outage_of_the_boxs_own_broker_raises_nobodys_risk(admin: Client, site: Store) -> None:
    record(site, readings=[read(CAMS[1], "crowd_people", 10)])
    before = admin.get("/v1/iot/risk-score/gate").json()
    outage = OutageNews(
        kind="broker", segment="", devices=tuple(CAMS), device_count=4, began_at=NOW - timedelta(minutes=2)
    )
    fall_silent(site, *CAMS, cause="outage:broker", outages=(outage,))
    after = admin.get("/v1/iot/risk-score/gate").json()
    assert (before["risk_score"], after["risk_score"]) == (0.0, 0.0)
    assert after["at_most"] > before["at_most"]  # less is known
    camera = next(part for part in after["parts"] if part["part"] == "cameras_offline")
    assert camera["s"] is None
    assert "outage of broker" in camera["words"]
    assert codes(admin) == [("cameras_unreachable", None)]
    assert admin.get("/v1/iot/insights").json()["items"][0]["points"] == 0.0


@pytest.mark.parametrize("kind", ["broker", "box"])
def test_a_camera_that_went_down_after_our_side_did_is_not_blamed_whatever_its_cause_says(
    admin: Client, site: Store, kind: Any
) -> None:
    outage = OutageNews(kind=kind, segment="", devices=(), device_count=0, began_at=NOW - timedelta(minutes=2))
    fall_silent(site, CAMS[0], cause="silence", outages=(outage,))
    found = parts(admin)["cameras_offline"]
    assert (found["s"], found["numbers"]["offline_own_fault"], found["contribution"]) == (None, 0, 0.0)


def test_while_our_broker_is_gone_how_cameras_are_is_unknown_but_for_those_down_before(
    admin: Client, site: Store
) -> None:
    fall_silent(site, CAMS[0], cause="silence")
    outage = OutageNews(kind="broker", segment="", devices=(), device_count=0, began_at=NOW + timedelta(seconds=1))
    fall_silent(site, cause="", outages=(outage,))  # the others stand as they were last heard: online
    found = parts(admin)
    assert found["cameras_offline"]["s"] == 0.25
    assert found["cameras_offline"]["numbers"]["offline_not_theirs"] == 3
    assert found["motion_anomaly"]["s"] is None
    assert "our link to the broker is down" in found["motion_anomaly"]["words"]


def test_a_switch_that_took_cameras_along_is_not_their_own_fault(admin: Client, site: Store) -> None:
    fall_silent(site, *CAMS[:3], cause="outage:switch:north")
    found = parts(admin)["cameras_offline"]
    assert (found["s"], found["numbers"]["offline_not_theirs"], found["numbers"]["outages"]) == (0, 3, ["switch:north"])


def test_a_night_unlike_a_cameras_own_stands_out(admin: Client, site: Store) -> None:
    tonight = motions(CAMS[0], NOW.replace(hour=3), 25)
    record(site, [*usual_nights(CAMS[0]), *tonight, *usual_nights(CAMS[1]), *motions(CAMS[1], NOW.replace(hour=3), 1)])
    take_up(site)
    part = parts(admin)["night_motion"]
    assert part["s"] == 1.0
    assert f"{CAMS[0]}: 25 detections from 2 to 5, 1.0 expected from 28 nights" in part["words"]
    (insight, *_) = admin.get("/v1/iot/insights").json()["items"]
    assert (insight["code"], insight["device"], insight["zone"]) == ("night_motion", CAMS[0], "gate")
    assert insight["points"] == pytest.approx(30.0)


@pytest.mark.parametrize(
    ("now", "hours"),
    [
        (datetime(2026, 3, 29, 12, tzinfo=UTC), 2),  # Berlin: from two to three is left out
        (datetime(2026, 10, 25, 12, tzinfo=UTC), 4),  # and there twice
    ],
)
def test_a_night_that_sets_the_clock_is_compared_by_its_hours(
    make_context: MakeContext, site: Store, bearer: dict[str, str], now: datetime, hours: int
) -> None:
    events = []
    for day in range(30):
        first = now.replace(hour=0) - timedelta(days=day)
        for hour in range(6):  # one each real hour of the night, whatever the clock shows
            events += motions(CAMS[0], first + timedelta(hours=hour), 1)
        events += motions(CAMS[0], first + timedelta(hours=13), 8)
    with site.write() as connection:
        connection.exec_driver_sql("UPDATE devices SET first_seen = 0")
    record(site, [event for event in events if event.event_timestamp <= now])
    take_up(site, "Europe/Berlin", now)
    context = make_context('[site]\ntimezone = "Europe/Berlin"', clock=lambda: now)
    with TestClient(create_app(context)) as admin:
        admin.headers.update(_token(site, now))
        numbers = parts(admin)["night_motion"]["numbers"]
    assert numbers["count"] == hours
    assert numbers["expected"] == pytest.approx(hours, rel=0.02)


def _token(store: Store, now: datetime) -> dict[str, str]:
    with store.write() as connection:
        user = upsert_user(connection, name="amal", role="admin", password="correct horse battery", now=now)
    return {"Authorization": f"Bearer {issue_token(user, 'access', seconds=600, secret=SECRET, clock=lambda: now)}"}


def test_more_motion_than_the_hour_of_the_week_lets_expect_stands_out(admin: Client, site: Store) -> None:
    usual = [event for n in range(3, 33 * 24) for event in motions(CAMS[0], NOW - timedelta(hours=n), 2)]
    record(site, [*usual, *motions(CAMS[0], NOW - timedelta(minutes=40), 40)])
    take_up(site)
    part = parts(admin)["motion_anomaly"]
    assert part["s"] == 1.0
    assert part["numbers"]["last_hour"] == 40
    assert part["words"].startswith("40 detections in the last whole hour, ")  # the one that goes on is not judged
    assert part["numbers"]["last_hour_expected"] == pytest.approx(2.0, rel=0.3)
    assert ("motion_anomaly", None) in codes(admin)


def test_with_less_than_two_weeks_of_motion_nothing_is_said(admin: Client, site: Store) -> None:
    record(site, [event for day in range(1, 10) for event in motions(CAMS[0], NOW - timedelta(days=day), 2)])
    take_up(site)
    part = parts(admin)["motion_anomaly"]
    assert part["s"] is None
    assert "14 needed" in part["words"]


def test_a_measured_value_beyond_its_threshold_stands_out_until_it_is_cleared(admin: Client, site: Store) -> None:
    asked = {"raise_at": 3.0, "clear_at": 2.0, "hold_s": 0, "severity": "critical", "note": "the ford"}
    put = admin.put("/v1/iot/thresholds/water_level", params={"zone": "gate"}, json=asked)
    assert put.json()["origin"] == "site"
    record(site, readings=[read(CAMS[0], "water_level", 3.5, "m")])
    take_up(site)
    (insight,) = admin.get("/v1/iot/insights").json()["items"]
    assert (insight["code"], insight["device"], insight["s"]) == ("environment", CAMS[0], 0.75)
    assert insight["words"] == f"water_level 3.5 m at {CAMS[0]}, raised above 3 and cleared at 2"
    assert [one["title"] for one in admin.get("/v1/alerts").json()["items"]] == [f"water_level above 3 m at {CAMS[0]}"]
    record(site, readings=[read(CAMS[0], "water_level", 1.0, "m", minutes_ago=0)])
    take_up(site)
    assert codes(admin) == []
    assert parts(admin)["environment"]["s"] == 0.0


def test_thresholds_are_listed_with_their_sources_set_and_taken_back(admin: Client, site: Store) -> None:
    def found() -> dict[str, tuple[float, str]]:
        items = admin.get("/v1/iot/thresholds").json()["items"]
        return {item["metric"]: (item["raise_at"], item["origin"]) for item in items}

    assert found()["pm2_5"] == (75.0, "default")
    admin.put("/v1/iot/thresholds/pm2_5", json={"raise_at": 35, "clear_at": 25})
    assert found()["pm2_5"] == (35.0, "site")
    assert admin.delete("/v1/iot/thresholds/pm2_5").json() == {"metric": "pm2_5", "zone": ""}
    assert found()["pm2_5"] == (75.0, "default")
    problem(admin.delete("/v1/iot/thresholds/pm2_5"), 404)
    problem(admin.put("/v1/iot/thresholds/pm2_5", json={"raise_at": 5, "clear_at": 5}), 400)
    problem(admin.put("/v1/iot/thresholds/pm2_5?zone=x", json={"raise_at": 5, "clear_at": 4}), 404)
    audit = [(one["action"], one["subject"]) for one in admin.get("/v1/audit").json()["items"]]
    assert audit == [("threshold.remove", "threshold/pm2_5"), ("threshold.set", "threshold/pm2_5")]


def test_the_paths_of_the_systems_it_replaces_lead_here(
    live: Callable[..., str], site: Store, bearer: dict[str, str]
) -> None:
    url = live()
    for path in ("/iot/risk-score/gate", "/api/v1/iot/risk-score/gate", "/v1/iot/risk-score/gate"):
        assert httpx.get(f"{url}{path}", headers=bearer).json()["zone"] == "gate"
    assert httpx.get(f"{url}/iot/insights").status_code == 401


def test_answers_are_kept_while_nothing_changed_and_not_a_moment_longer(admin: Client, site: Store) -> None:
    first = admin.get("/v1/iot/risk-score/gate").json()
    assert admin.get("/v1/iot/risk-score/gate").json() == first
    zone(site, "gate", capacity=50.0)
    record(site, readings=[read(CAMS[1], "crowd_people", 50)])
    assert parts(admin)["crowd_density"]["s"] == 1.0
