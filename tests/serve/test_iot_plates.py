"""`/v1/iot/watch-list`: a plate that is looked for is found, told, and nowhere in clear; and what stands out where."""

import logging
from datetime import timedelta
from typing import Any

import httpx
import pytest

from appliance.clock import rfc3339
from appliance.model.event import Event
from appliance.spatial.cells import cell_of, to_hex
from appliance.store.engine import Store
from firmware_bridge.plate import hash_plate
from tests.conftest import NOW, make_event
from tests.serve.conftest import SECRET, Client, problem
from tests.serve.iot_site import CAMS, CELL, codes, fall_silent, make_site, parts, record, take_up
from tests.store.registry import change, hear


@pytest.fixture
def site(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A zone of a hundred people with four cameras."""
    return make_site(store, monkeypatch)


PLATE = "KWT 4711 X"


def add(admin: Client, **members: Any) -> httpx.Response:
    return admin.post("/v1/iot/watch-list", json={"label": "stolen van", "plate": PLATE, **members})


def plate_read(n: int, text: str = PLATE) -> Event:
    return make_event(
        event_id=f"p{n}",
        event_type="plate_read",
        source=CAMS[0],
        event_timestamp=rfc3339(NOW - timedelta(minutes=30 * n)),
        attributes={"plate_hash": hash_plate(text, SECRET)},
    )


def test_a_wanted_plate_is_found_told_and_fades(admin: Client, site: Store) -> None:
    added = add(admin, reason="since Tuesday")
    assert added.status_code == 201
    assert (added.json()["label"], added.json()["added_by"], added.json()["hits"]) == ("stolen van", "amal", 0)
    record(site, [plate_read(1), plate_read(2, "KWT 4712 X")])
    take_up(site)
    part = parts(admin)["watch_list"]
    assert part["s"] == pytest.approx(0.5)  # half an hour ago
    (insight, *_) = admin.get("/v1/iot/insights", params={"zone": "gate"}).json()["items"]
    assert (insight["code"], insight["points"]) == ("watch_list", pytest.approx(20.0))
    (hit,) = admin.get("/v1/iot/watch-list/hits").json()["items"]
    assert (hit["event_id"], hit["zone"], hit["source"]) == ("p1", "gate", CAMS[0])
    (alert,) = admin.get("/v1/alerts").json()["items"]
    assert (alert["kind"], alert["severity"], alert["detail"]["label"]) == ("watch_list", "critical", "stolen van")
    assert admin.get("/v1/iot/watch-list").json()["items"][0]["hits"] == 1


def test_no_plate_in_clear_is_in_the_file_a_log_or_an_answer(
    admin: Client, site: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answers = [
        add(admin),
        add(admin),  # a second time: a conflict
        add(admin, plate="KWT 4711 X" * 9),  # too long
        add(admin, plate_hash="nonsense"),
        add(admin, label="the one with kwt-4711x"),
        add(admin, expires_at="yesterday"),
        add(admin, surprise=1),
    ]
    assert [answer.status_code for answer in answers] == [201, 409, 400, 400, 400, 400, 400]
    record(site, [plate_read(1)])
    take_up(site)
    answers += [
        admin.get(path)
        for path in ("/v1/iot/watch-list", "/v1/iot/watch-list/hits", "/v1/iot/insights", "/v1/alerts", "/v1/audit")
    ]
    answers.append(admin.delete("/v1/iot/watch-list/1"))
    said = "".join(answer.text for answer in answers) + caplog.text
    written = b"".join(file.read_bytes() for file in site.path.parent.glob(f"{site.path.name}*"))
    for clear in (PLATE, "KWT4711X", "4711"):
        assert clear not in said
        assert clear.lower() not in said.lower()
        assert clear.encode() not in written
    assert hash_plate(PLATE, SECRET).encode() in written
    assert hash_plate(PLATE, SECRET) not in said


def test_an_entry_is_made_by_the_hash_of_a_read_too_and_only_once_by_its_key(admin: Client, site: Store) -> None:
    body = {"label": "seen yesterday", "plate_hash": hash_plate(PLATE, SECRET)}
    first, again = [admin.post("/v1/iot/watch-list", json=body, headers={"Idempotency-Key": "one"}) for _ in range(2)]
    assert first.json() == again.json()
    assert add(admin).status_code == 409  # the same plate in clear
    removed = admin.delete(f"/v1/iot/watch-list/{first.json()['id']}")
    assert removed.json()["label"] == "seen yesterday"
    problem(admin.delete(f"/v1/iot/watch-list/{first.json()['id']}"), 404)
    assert admin.get("/v1/iot/watch-list").json() == {"items": [], "next_cursor": None}


def test_the_list_is_paged(admin: Client, site: Store) -> None:
    for n in range(5):
        add(admin, plate=f"A {n}", label=f"entry {'abcde'[n]}")
    page = admin.get("/v1/iot/watch-list", params={"limit": 3}).json()
    rest = admin.get("/v1/iot/watch-list", params={"limit": 3, "cursor": page["next_cursor"]}).json()
    assert [one["label"][-1] for one in page["items"] + rest["items"]] == ["e", "d", "c", "b", "a"]
    assert rest["next_cursor"] is None


def test_insights_are_asked_by_zone_and_by_cell_ordered_and_bounded(admin: Client, site: Store) -> None:
    hear(site, "frigate/far", family="frigate", camera=True)
    change(site, "frigate/far", registration="approved", longitude=48.5, latitude=29.9)
    fall_silent(site, CAMS[0], "frigate/far", cause="silence")
    add(admin)
    record(site, [plate_read(0)])
    take_up(site)
    assert codes(admin) == [("watch_list", CAMS[0]), ("cameras_offline", None), ("cameras_offline", None)]
    points = [item["points"] for item in admin.get("/v1/iot/insights").json()["items"]]
    assert points == sorted(points, reverse=True) == pytest.approx([40.0, 20.0, 5.0])
    assert codes(admin, zone="gate") == [("watch_list", CAMS[0]), ("cameras_offline", None)]
    assert codes(admin, h3=CELL) == [("watch_list", CAMS[0]), ("cameras_offline", None)]
    far = to_hex(cell_of(lng=48.5, lat=29.9, resolution=9))
    assert codes(admin, h3=far) == [("cameras_offline", None)]
    first = admin.get("/v1/iot/insights", params={"limit": "1"}).json()
    assert (len(first["items"]), first["left_off"]) == (1, 2)


def test_a_read_at_a_place_without_devices_is_told_too(admin: Client, site: Store) -> None:
    add(admin)
    record(
        site,
        [
            make_event(
                event_id="toll",
                event_type="plate_read",
                source="toll",
                longitude=10.0,
                latitude=50.0,
                event_timestamp=rfc3339(NOW),
                attributes={"plate_hash": hash_plate(PLATE, SECRET)},
            )
        ],
    )
    take_up(site)
    (item,) = admin.get("/v1/iot/insights").json()["items"]
    assert (item["code"], item["zone"], item["device"]) == ("watch_list", None, "toll")
