"""A cell explained over HTTP: what made its score, which rules fired, what is usual, expected, seen, and how fresh."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from appliance.model.intake import Intake
from appliance.store.engine import Store
from tests.conftest import NOW, make_event, make_recorder
from tests.job.site import Site
from tests.serve.conftest import Analyze, Client, instant


@pytest.fixture
def busy(fill: Callable[[], None], analyze: Analyze, client: Client) -> str:
    """The cell of sixty events that has the highest score."""
    fill()
    analyze()
    cell: str = client.get("/v1/hotspots").json()["items"][0]["h3_index"]
    return cell


def explained(client: Client, cell: str, query: str = "") -> dict[str, Any]:
    answer = client.get(f"/v1/cells/{cell}{query}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_score_is_the_sum_of_what_its_terms_add(client: Client, busy: str) -> None:
    for day in range(16, 23):
        told = explained(client, busy, f"?date=2026-11-{day}")
        story, row = told["composite"], told["day"]
        scale = 100 / (story["high"] - story["low"])
        assert sum(one["raw"] for one in story["contributions"]) == pytest.approx(story["raw"])
        assert (story["raw"] - story["low"]) * scale == pytest.approx(row["risk_score"])
        assert (row["event_count"] - story["mean"]) / story["spread"] == pytest.approx(row["z_score"])


def test_the_rules_that_fired_are_those_of_its_row(client: Client, busy: str) -> None:
    days = [explained(client, busy, f"?date=2026-11-{day}") for day in range(13, 23)]
    for told in days:
        codes = {rule["code"] for rule in told["rules"]}
        assert f"level_{told['day']['risk_level']}" in codes
        assert ("z_flag" in codes) == told["day"]["flagged"]
    quiet = explained(client, busy, "?date=2026-10-01")
    assert [rule["code"] for rule in quiet["rules"] if rule["code"] == "unknown"] == ["unknown"]


def test_counts_by_type_and_what_is_usual_are_those_of_the_cell(client: Client, busy: str, store: Store) -> None:
    told = explained(client, busy, "?date=2026-11-22&days=28")
    counts = [row["event_count"] for row in told["series"]]
    assert told["types"] == [
        {"event_type": "motion", "day": counts[-1], "last_7_days": sum(counts[-7:]), "last_28_days": sum(counts)}
    ]
    before = [row["event_count"] for row in explained(client, busy, "?date=2026-11-21&days=28")["series"]]
    assert told["usual"]["mean_28_days"] == pytest.approx(sum(before) / 28)
    assert told["usual"]["same_weekday"] == pytest.approx(before[-7] / 8)  # 15 November; there is nothing earlier
    assert told["usual"]["busiest_day"] == max(before)


def test_what_came_in_after_the_last_run_is_among_the_counts_by_type_at_once(
    client: Client, busy: str, store: Store
) -> None:
    longitude, latitude = explained(client, busy)["centre"]
    before = explained(client, busy)
    new = [
        make_event(event_id=f"new{n}", event_type="crowd", longitude=longitude, latitude=latitude,
                   event_timestamp=(NOW - timedelta(days=n)).isoformat())
        for n in range(2)
    ]  # fmt: skip
    make_recorder(store, NOW).record(Intake(events=new))
    after = explained(client, busy)
    assert after["types"] == [*before["types"], {"event_type": "crowd", "day": 1, "last_7_days": 2, "last_28_days": 2}]
    assert after["usual"]["mean_28_days"] == pytest.approx(before["usual"]["mean_28_days"] + 1 / 28)
    assert instant(after["newest_event_hour"]) == NOW.replace(minute=0, second=0, microsecond=0)
    assert after["freshness"]["behind"] == before["freshness"]["behind"] + 2


def test_without_a_login_single_events_are_not_told(client: Client, busy: str) -> None:
    assert explained(client, busy)["events"] is None


def test_single_events_are_the_newest_of_a_week_in_the_cell(admin: Client, busy: str) -> None:
    told = explained(admin, busy)
    week = sum(row["event_count"] for row in told["series"][-7:])
    assert len(told["events"]) == min(20, week) > 0
    times = [instant(event["event_timestamp"]) for event in told["events"]]
    assert times == sorted(times, reverse=True)
    assert instant(told["newest_event_hour"]) <= times[0] < instant(told["newest_event_hour"]) + timedelta(hours=1)


def test_its_freshness_says_what_the_picture_has_not_seen_yet(client: Client, busy: str, store: Store) -> None:
    fresh = explained(client, busy)["freshness"]
    assert (fresh["behind"], fresh["stored"], fresh["watermark"]) == (0, 60, 60)
    assert instant(fresh["scored_at"]) == NOW and fresh["run_id"] >= 1
    make_recorder(store, NOW).record(Intake(events=[make_event(event_id="late")]))
    assert explained(client, busy)["freshness"]["behind"] == 1


def test_what_it_expects_names_its_versions_and_stands_beside_the_forecast_route(client: Client, store: Store) -> None:
    site = Site(store)
    site.live(30)
    site.forecast()
    row = client.get("/v1/forecast/today").json()["items"][0]
    told = explained(client, row["h3_index"])
    assert row in told["forecast"]
    assert {one["horizon"] for one in told["forecast"]} == {"next_day", "next_7_days"}
    assert all(one["parameter_version"] and one["code_version"] for one in told["forecast"])
    assert told["anomalies"] == []


def test_a_resolution_that_is_not_counted_has_no_counts_by_type(
    admin: Client, busy: str, analyze: Analyze, store: Store
) -> None:
    assert admin.post("/v1/analytics/run?wait=0&resolution=10").status_code == 202
    analyze()
    cell = admin.get("/v1/hotspots?resolution=10").json()["items"][0]["h3_index"]
    told = explained(admin, cell)
    assert (told["types"], told["usual"]) == (None, None)
    assert told["composite"]["raw"] == pytest.approx(sum(one["raw"] for one in told["composite"]["contributions"]))
