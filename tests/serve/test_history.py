"""What a device measured, in bins, over HTTP: by the step that suits, page after page, no value left out."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest

from appliance.aggregate.bins import SiteBins
from appliance.clock import rfc3339, to_us
from appliance.model.intake import DeviceReport, Intake, Reading
from appliance.model.tier import READINGS
from appliance.store.engine import Store
from appliance.store.measured.tiers import roll_up_days, roll_up_hours
from tests.conftest import NOW, make_recorder
from tests.serve.conftest import Client, instant, problem

SENSOR = "zigbee2mqtt/Air sensor"
DAY, QUARTER = timedelta(days=1), timedelta(minutes=15)


@pytest.fixture(autouse=True)
def measured(store: Store) -> None:
    """A value every quarter of an hour for four days, 0 to 3 within the hour, and one at each noon of the hundred days
    before; rolled up until this hour began."""
    instants = [NOW - n * DAY for n in range(100, 4, -1)] + [NOW - 4 * DAY + n * QUARTER for n in range(385)]
    readings = [
        Reading(device=SENSOR, metric="co2", unit="[ppm]", observed_at=at, received_at=NOW, value=float(n % 4))
        for n, at in enumerate(instants)
    ]
    report = DeviceReport(source=SENSOR, family="zigbee2mqtt", seen_at=NOW)
    make_recorder(store, NOW).record(Intake(readings=readings, reports=[report]))
    for roll_up in (roll_up_hours, roll_up_days):
        roll_up(store, READINGS, SiteBins(ZoneInfo("UTC")), to_us(NOW))


def ask(client: Client, **query: str) -> Any:
    answer = client.get(f"/v1/devices/{quote(SENSOR)}/history", params={"metric": "co2", **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("span", "step", "bins"),
    [
        (timedelta(hours=1), "raw", 4),
        (timedelta(hours=2), "minute", 9),
        (timedelta(days=3), "hour", 73),
        (timedelta(days=90), "day", 91),
    ],
)
def test_the_step_goes_by_the_span(admin: Client, span: timedelta, step: str, bins: int) -> None:
    end = NOW + timedelta(microseconds=1)
    page = ask(admin, **{"from": rfc3339(end - span), "to": rfc3339(end), "limit": "1000"})
    assert (page["step"], len(page["items"]), page["next_cursor"]) == (step, bins, None)
    assert (page["unit"], page["kept_from"]) == ("[ppm]", None)


def test_an_hour_has_its_moments_and_says_where_it_was_found(admin: Client) -> None:
    page = ask(admin, **{"from": rfc3339(NOW - timedelta(hours=1)), "step": "hour"})
    whole, lasting = page["items"]
    assert (instant(whole["start"]), instant(whole["end"])) == (NOW - timedelta(hours=1), NOW)
    assert whole["stddev"] == pytest.approx((5 / 3) ** 0.5)
    names = ("tier", "count", "sum", "mean", "min", "max", "first", "last")
    assert [whole[name] for name in names] == ["hour", 4, 6.0, 1.5, 0.0, 3.0, 0.0, 3.0]
    assert [lasting[name] for name in (*names, "stddev")] == ["raw", 1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, None]


@pytest.mark.parametrize(("step", "bins"), [("raw", 193), ("minute", 193), ("hour", 49), ("day", 3)])
def test_pages_join_without_gap_or_repeat(admin: Client, store: Store, step: str, bins: int) -> None:
    same = [Reading(device=SENSOR, metric="co2", unit="[ppm]", observed_at=NOW, received_at=NOW, value=9.0 + n)
            for n in range(9)]  # fmt: skip
    make_recorder(store, NOW).record(Intake(readings=same))
    found: list[Any] = []
    query = {"from": rfc3339(NOW - 2 * DAY), "step": step, "limit": "4"}
    cursor: dict[str, str] = {}
    while True:
        page = ask(admin, **query, **cursor)
        found += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    rows = 9 if step == "raw" else 0
    assert len(found) == bins + rows
    assert [one["start"] for one in found] == sorted(one["start"] for one in found)
    assert sum(one["count"] for one in found) == (193 + 9 if step != "day" else 193 + 9 + 48)


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"metric": "co2", "step": "week"}, "step"),
        ({"metric": "co2", "cursor": "x"}, "cursor"),
        ({"metric": "co2", "cursor": "99999999999999999.0"}, "cursor"),
        ({}, "metric"),
    ],
)
def test_what_cannot_be_answered_is_refused(admin: Client, query: dict[str, str], path: str) -> None:
    answer = admin.get(f"/v1/devices/{quote(SENSOR)}/history", params=query)
    assert path in problem(answer, 400)["detail"]


def test_a_metric_in_two_units_is_told_apart_by_its_unit(admin: Client, store: Store) -> None:
    other = Reading(device=SENSOR, metric="co2", unit="mg/m3", observed_at=NOW, received_at=NOW, value=700.0)
    make_recorder(store, NOW).record(Intake(readings=[other]))
    answer = admin.get(f"/v1/devices/{quote(SENSOR)}/history", params={"metric": "co2"})
    assert "'[ppm]', 'mg/m3'" in problem(answer, 400)["detail"]
    assert [one["mean"] for one in ask(admin, unit="mg/m3", step="hour")["items"]] == [700.0]


def test_a_metric_that_was_never_told_has_no_bins(admin: Client) -> None:
    assert ask(admin, metric="wind")["items"] == []
