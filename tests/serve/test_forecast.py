"""The forecast over HTTP: its shape, its pages, what it rests on, and the calibrated profile of the risk."""

from typing import Any

import pytest

from appliance.store.engine import Store
from tests.job.site import Site
from tests.serve.conftest import TODAY, Client, instant, problem

TOMORROW = "2026-11-23"
ROW = {
    "h3_index", "day", "horizon", "event_type", "mean", "low", "high", "risk_score", "risk_level", "coverage", "method",
    "code_version", "parameter_version", "watermark",
}  # fmt: skip


@pytest.fixture
def site(store: Store) -> Site:
    """Thirty days of events, forecast."""
    made = Site(store)
    made.live(30)
    made.forecast()
    return made


def ask(client: Client, path: str) -> dict[str, Any]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_every_cell_names_what_it_expects_and_what_that_rests_on(client: Client, site: Site) -> None:
    found = ask(client, "/v1/forecast/today")
    assert (found["day"], found["resolution"], found["horizon"], found["event_type"]) == (TODAY, 8, "next_day", "")
    assert found["event_types"] == ["assault", "fire", "theft"]
    assert instant(found["made_at"]) == site.now
    assert (found["code_version"], found["reference"]) == ("calibrated-2", "density-1")
    for row in found["items"]:
        assert set(row) == ROW
        assert (row["day"], row["horizon"], row["coverage"]) == (TODAY, "next_day", "observed")
        assert (row["parameter_version"], row["watermark"]) == (found["parameter_version"], found["watermark"])
        assert 0 <= row["low"] <= row["high"]
    assert sum(row["mean"] for row in found["items"]) == pytest.approx(found["total"], rel=1e-5)


def test_horizons_types_and_resolutions_are_asked_for(client: Client, site: Site) -> None:
    def total(query: str, day: str = TODAY) -> float:
        found = ask(client, f"/v1/forecast/{day}?{query}")
        assert found["items"], found["reason"]
        return sum(row["mean"] for row in found["items"])

    assert total("resolution=7") == pytest.approx(total("resolution=8"), rel=1e-5)
    assert total("horizon=next_7_days") > 3 * total("")
    types = [total(f"event_type={name}") for name in ("theft", "fire", "assault")]
    assert sum(types) == pytest.approx(total(""), rel=1e-5)
    assert total("", TOMORROW) > 0


def test_pages_and_boxes_are_parts_of_the_whole(client: Client, site: Site) -> None:
    whole = ask(client, "/v1/forecast/today")["items"]
    assert len(whole) > 10
    found, cursor = [], ""
    while cursor is not None:
        page = ask(client, f"/v1/forecast/today?limit=7{f'&cursor={cursor}' if cursor else ''}")
        found += page["items"]
        cursor = page["next_cursor"]
    assert found == whole
    inside = ask(client, "/v1/forecast/today?bbox=47.969,29.369,47.971,29.371")["items"]
    assert 0 < len(inside) < len(whole)
    assert [row for row in whole if row in inside] == inside
    assert ask(client, "/v1/forecast/today?bbox=10,10,11,11")["items"] == []


def test_where_the_forecast_is_not_offered_the_plain_count_stands_in_and_says_why(client: Client, store: Store) -> None:
    site = Site(store)
    site.live(8)
    site.forecast()
    found = ask(client, "/v1/forecast/today")
    assert (found["offered"], found["method"]) == (False, "count_all")
    assert "too little history" in found["reason"]
    assert {row["method"] for row in found["items"]} == {"count_all"}


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/v1/forecast/2026-12-24", "there are days 2026-11-22 to 2026-11-23, resolutions 7, 8"),
        ("/v1/forecast/today?resolution=10", "at resolution 10"),
        (f"/v1/forecast/{TOMORROW}?horizon=next_7_days", "next_7_days from the day of each run"),
    ],
)
def test_what_there_is_not_is_empty_and_says_what_there_is(client: Client, site: Site, path: str, words: str) -> None:
    found = ask(client, path)
    assert (found["items"], found["offered"], found["made_at"]) == ([], False, None)
    assert words in found["reason"]


def test_before_the_first_run_there_is_none(client: Client) -> None:
    assert "nothing has been forecast yet" in ask(client, "/v1/forecast/today")["reason"]
    assert ask(client, "/v1/risk/today?profile=calibrated")["items"] == []


@pytest.mark.parametrize(
    "path",
    [
        "/v1/forecast/yesterday",
        "/v1/forecast/0001-01-01",
        "/v1/forecast/today?resolution=4",
        "/v1/forecast/today?horizon=next_year",
        "/v1/forecast/today?event_type=arson",
        "/v1/forecast/today?bbox=1,2",
        "/v1/forecast/today?cursor=xyz",
        "/v1/forecast/today?limit=0",
    ],
)
def test_a_question_that_cannot_be_answered_is_a_problem(client: Client, site: Site, path: str) -> None:
    problem(client.get(path), 400)


def test_the_risk_of_the_calibrated_profile_has_the_shape_of_the_classic_one(
    client: Client, site: Site, analyze: Any
) -> None:
    analyze()
    site.record(site.now)
    classic = ask(client, "/v1/risk/today")["items"]
    found = {row["h3_index"]: row for row in ask(client, "/v1/risk/today?profile=calibrated")["items"]}
    forecast = {row["h3_index"]: row for row in ask(client, "/v1/forecast/today")["items"]}
    assert len(found) > len(classic) > 0  # neighbours of what happened are forecast too
    assert {cell: (row["risk_score"], row["risk_level"]) for cell, row in found.items()} == {
        cell: (row["risk_score"], row["risk_level"]) for cell, row in forecast.items()
    }
    for row in classic:
        same = found[row["h3_index"]]
        assert set(same) == set(row)
        for name in ("event_count", "rolling_7d_avg", "growth_rate", "z_score", "flagged"):
            assert same[name] == row[name]
    tomorrow = ask(client, f"/v1/risk/{TOMORROW}?profile=calibrated&bbox=47.969,29.369,47.971,29.371&limit=1")
    assert [row["event_count"] for row in tomorrow["items"]] == [0]


def test_the_classic_picture_is_as_if_there_were_no_forecast(client: Client, store: Store, analyze: Any) -> None:
    site = Site(store)
    site.live(30)
    analyze()
    paths = ("/v1/risk/today?resolution=8", "/v1/hotspots?limit=500", f"/v1/risk/{TOMORROW}")
    before = [client.get(path).json() for path in paths]
    cell = before[0]["items"][0]["h3_index"]
    series = client.get(f"/v1/cells/{cell}").json()
    tile = client.get("/v1/tiles/12/2593/1701.mvt").content
    site.forecast()
    assert [client.get(path).json() for path in paths] == before
    after = client.get(f"/v1/cells/{cell}").json()
    assert after.pop("forecast") and series.pop("forecast") == []
    assert after == series
    assert client.get("/v1/tiles/12/2593/1701.mvt").content == tile
