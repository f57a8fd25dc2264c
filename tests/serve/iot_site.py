"""What the tests of `/v1/iot` share: a site with cameras, what they tell, and the jobs process taking it up."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from appliance.aggregate.bins import SiteBins
from appliance.job import environment, following
from appliance.job.environment import ReadingFollower
from appliance.job.following import EventFollower
from appliance.model.event import Event
from appliance.model.field import FieldNews, OutageNews, StateChange
from appliance.model.intake import Intake, Reading
from appliance.model.settings_text import read_settings
from appliance.spatial.cells import cell_of, to_hex
from appliance.store.device.field import write_field_news
from appliance.store.engine import Store
from tests.conftest import NOW, make_recorder
from tests.serve.conftest import Client
from tests.store.registry import change, hear, square, zone

CAMS = [f"frigate/cam{n}" for n in range(4)]
PLACE = {"longitude": 47.97, "latitude": 29.37}
CELL = to_hex(cell_of(lng=47.97, lat=29.37, resolution=8))


def make_site(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A zone of a hundred people with four cameras, known for two months."""
    monkeypatch.setattr(following, "FLUSH_S", 0.0)
    monkeypatch.setattr(environment, "FLUSH_S", 0.0)
    zone(store, "gate", square(47.9, 29.3, 0.2), name="The gate", capacity=100.0)
    hear(store, *CAMS, family="frigate", camera=True)
    with store.write() as connection:
        connection.exec_driver_sql("UPDATE devices SET first_seen = first_seen - 60 * 86400000000, state = 'online'")
    for camera in CAMS:
        change(store, camera, registration="approved", **PLACE)
    return store


def take_up(store: Store, timezone: str = "UTC", now: datetime = NOW) -> None:
    """As the jobs process does."""
    bins = SiteBins(read_settings(f'[site]\ntimezone = "{timezone}"', {}).zone)
    for follower in (
        EventFollower(store, bins=bins, clock=lambda: now),
        ReadingFollower(store, clock=lambda: now),
    ):
        while follower.step():
            pass


def record(store: Store, events: list[Event] | None = None, readings: list[Reading] | None = None) -> None:
    make_recorder(store, NOW).record(Intake(events=events or [], readings=readings or []))


def read(device: str, metric: str, value: float, unit: str = "1", minutes_ago: float = 1) -> Reading:
    at = NOW - timedelta(minutes=minutes_ago)
    return Reading(
        device=device, metric=metric, observed_at=at, received_at=at, value=value, unit=unit, clock_quality="good"
    )


def parts(admin: Client, zone: str = "gate") -> dict[str, dict[str, Any]]:
    answer = admin.get(f"/v1/iot/risk-score/{zone}").json()
    return {part["part"]: part for part in answer["parts"]}


def codes(admin: Client, **asked: str) -> list[tuple[str, str | None]]:
    items = admin.get("/v1/iot/insights", params=asked).json()["items"]
    return [(item["code"], item["device"]) for item in items]


def fall_silent(store: Store, *cameras: str, cause: str, outages: tuple[OutageNews, ...] = ()) -> None:
    """As the bridge reports it."""
    changes = tuple(StateChange(source=camera, state="offline", cause=cause, at=NOW) for camera in cameras)
    with store.write() as connection:
        write_field_news(connection, FieldNews(changes=changes, outages=outages))
