"""Hotspots over HTTP: kinds, words, clusters with outlines, points, pages, and what is worked out only once."""

import json
import math
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import h3.api.basic_int as h3
import pytest
from litestar.testing import TestClient

from appliance.clock import rfc3339
from appliance.job.counting import count_events
from appliance.model.intake import Intake
from appliance.serve.app import create_app
from appliance.serve.hotspot import points as hotspot_points
from appliance.serve.hotspot import report as hotspot_report
from appliance.store.engine import Store
from tests.conftest import NOW, make_event, make_recorder
from tests.serve.conftest import Analyze, Client, MakeContext, problem
from tests.store.test_settle import UTC_HOURS

ITEM = {
    "h3_index", "longitude", "latitude", "event_count", "mean_risk_score", "max_risk_score", "risk_level", "days_high",
    "days_flagged", "kind", "cluster", "coverage", "expected", "growth", "p_value", "q_value", "gi_z", "gi_p",
    "hot_sub_periods", "sub_periods", "neighbours_alike", "explanation", "reason",
}  # fmt: skip
CENTRE = h3.latlng_to_cell(29.37, 47.97, 8)
CELLS = sorted(h3.grid_disk(CENTRE, 8))  # 217
FAR = max(CELLS, key=lambda cell: h3.grid_distance(cell, CENTRE))
WEEK = "start_date=2026-11-15&end_date=2026-11-21"


def in_cell(cell: int, count: int, *, days_ago: float, kind: str = "motion", name: str = "") -> list[Any]:
    """Events in the middle of a cell, a minute apart."""
    lat, lng = h3.cell_to_latlng(cell)
    return [
        make_event(
            event_id=f"{name}{cell}-{days_ago}-{kind}-{n}",
            event_type=kind,
            event_timestamp=rfc3339(NOW - timedelta(days=days_ago, minutes=n)),
            longitude=lng,
            latitude=lat,
        )
        for n in range(count)
    ]


@pytest.fixture
def fill_weeks(store: Store) -> Callable[[], None]:
    """Nine weeks up to yesterday: one event a week in each of 217 cells; a lasting hotspot in the middle, and far off a
    cell that has risen in the last week.
    """

    def fill() -> None:
        events = []
        for week in range(9):
            for number, cell in enumerate(CELLS):
                events += in_cell(cell, 1, days_ago=1 + 7 * week + number % 7, name="usual")
            for cell in h3.grid_disk(CENTRE, 1):
                events += in_cell(cell, 9, days_ago=3 + 7 * week)
        events += in_cell(FAR, 14, days_ago=2)
        make_recorder(store, NOW).record(Intake(events=events))

    return fill


@pytest.fixture
def weeks(fill_weeks: Callable[[], None], analyze: Analyze) -> None:
    fill_weeks()
    analyze()


def ask(client: Client, query: str = WEEK) -> dict[str, Any]:
    answer = client.get(f"/v1/hotspots?{query}")
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def by_kind(answer: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [item for item in answer["items"] if item["kind"] == kind]


@pytest.mark.usefixtures("weeks")
def test_what_rises_and_what_lasts_is_told_with_its_numbers_and_in_words(client: Client) -> None:
    answer = ask(client)
    assert all(set(item) == ITEM for item in answer["items"])
    (risen,) = by_kind(answer, "emerging")
    assert (risen["h3_index"], risen["event_count"], risen["expected"]) == (f"{FAR:x}", 15, 1.0)
    assert risen["explanation"].startswith("15 events in 7 days where 1 is usual here; growth beyond chance (p ")
    assert risen["growth"] == 15.0 and risen["q_value"] <= 0.05
    assert risen["reason"]["code"] == "emerging"
    assert risen["reason"]["numbers"]["by_chance"] == pytest.approx(risen["p_value"] * 217)
    lasting = by_kind(answer, "persistent")
    assert f"{CENTRE:x}" in {item["h3_index"] for item in lasting}
    assert {(item["hot_sub_periods"], item["sub_periods"]) for item in lasting} == {(9, 9)}
    assert all("A hotspot in 9 of 9 periods of 7 days." in item["explanation"] for item in lasting)
    assert answer["found"]["emerging"] == 1 and answer["found"]["fading"] == 0
    assert (answer["cells_looked_at"], answer["event_count"]) == (217, 217 + 63 + 14)
    assert answer["reference"] == {
        "start_date": "2026-09-20", "end_date": "2026-11-14", "sub_periods": 8, "sub_period_days": 7.0,
        "watched_days": 56.0, "period_watched_days": 7.0,
    }  # fmt: skip
    assert answer["notes"] == []


@pytest.mark.usefixtures("weeks")
def test_the_classic_members_are_those_of_the_composite_profile(client: Client) -> None:
    for item in ask(client)["items"]:
        told = client.get(f"/v1/cells/{item['h3_index']}?date=2026-11-21&days=7").json()
        scores = [row["risk_score"] for row in told["series"]]
        assert item["max_risk_score"] == max(scores)
        assert item["mean_risk_score"] == pytest.approx(sum(scores) / 7)
        assert item["days_high"] == sum(row["risk_level"] in {"high", "critical"} for row in told["series"])
        assert item["days_flagged"] == sum(row["flagged"] for row in told["series"])
        assert item["event_count"] == sum(row["event_count"] for row in told["series"])
        assert (item["longitude"], item["latitude"]) == tuple(told["centre"])


@pytest.mark.usefixtures("weeks")
def test_clusters_are_the_adjacent_cells_of_a_kind_with_their_outline(client: Client) -> None:
    answer = ask(client)
    clusters = {cluster["id"]: cluster for cluster in answer["clusters"]}
    for item in answer["items"]:
        cluster = clusters[item["cluster"]]
        assert item["h3_index"] in cluster["h3_cells"] and item["kind"] == cluster["kind"]
    (lasting,) = [cluster for cluster in answer["clusters"] if cluster["kind"] == "persistent"]
    assert len(lasting["h3_cells"]) >= 7 and lasting["outline"]["type"] == "MultiPolygon"
    assert len(lasting["outline"]["coordinates"]) == 1
    assert lasting["event_count"] == sum(item["event_count"] for item in by_kind(answer, "persistent"))
    assert lasting["area_km2"] == pytest.approx(sum(h3.cell_area(int(cell, 16)) for cell in lasting["h3_cells"]))
    assert lasting["explanation"].startswith(f"{len(lasting['h3_cells'])} adjacent cells (")
    assert lasting["reason"]["code"] == "cluster" and lasting["peak"]["code"] == "persistent"


@pytest.mark.usefixtures("weeks")
def test_one_kind_alone_comes_in_the_order_of_significance(client: Client) -> None:
    answer = ask(client, f"{WEEK}&kind=persistent")
    assert {item["kind"] for item in answer["items"]} == {"persistent"} == {c["kind"] for c in answer["clusters"]}
    surprises = [item["gi_p"] for item in answer["items"]]
    assert surprises == sorted(surprises)
    both = ask(client, f"{WEEK}&kind=persistent&kind=emerging")
    assert both["items"][0]["kind"] == "emerging"
    assert len(both["items"]) == len(answer["items"]) + 1


@pytest.mark.usefixtures("weeks")
def test_pages_have_no_gap_and_no_repeat(client: Client) -> None:
    whole = ask(client)["items"]
    found, cursor = [], ""
    while cursor is not None:
        page = ask(client, f"{WEEK}&limit=3{cursor and f'&cursor={cursor}'}")
        found += page["items"]
        cursor = page["next_cursor"]
    assert found == whole and len(whole) > 3
    scores = [item["max_risk_score"] for item in whole]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.usefixtures("weeks")
def test_a_box_keeps_what_has_its_middle_in_it(client: Client) -> None:
    lat, lng = h3.cell_to_latlng(FAR)
    here = ask(client, f"{WEEK}&bbox={lng - 0.001},{lat - 0.001},{lng + 0.001},{lat + 0.001}")
    assert [item["h3_index"] for item in here["items"]] == [f"{FAR:x}"] and len(here["clusters"]) == 1
    assert ask(client, f"{WEEK}&bbox=170,29,-170,30")["items"] == []
    assert len(ask(client, f"{WEEK}&bbox=170,29,49,30")["items"]) > 1


@pytest.mark.usefixtures("weeks")
def test_geojson_is_asked_for_by_parameter_or_by_accept(client: Client) -> None:
    answer = client.get(f"/v1/hotspots?{WEEK}&format=geojson")
    assert answer.headers["content-type"] == "application/geo+json"
    document = json.loads(answer.text)
    assert document["type"] == "FeatureCollection" and document["start_date"] == "2026-11-15"
    clusters = ask(client)["clusters"]
    assert [feature["id"] for feature in document["features"]] == [cluster["id"] for cluster in clusters]
    first = document["features"][0]
    assert first["geometry"] == clusters[0]["outline"] and "outline" not in first["properties"]
    assert first["properties"]["explanation"] == clusters[0]["explanation"]
    accepted = client.get(f"/v1/hotspots?{WEEK}", headers={"Accept": "application/geo+json"})
    assert accepted.json() == document
    asked = client.get(f"/v1/hotspots?{WEEK}&format=json", headers={"Accept": "application/geo+json"})
    assert asked.headers["content-type"] == "application/json"


def test_one_type_of_event_is_looked_at_for_itself(client: Client, store: Store, weeks: None) -> None:
    make_recorder(store, NOW).record(Intake(events=in_cell(CELLS[0], 6, days_ago=2, kind="fire")))
    fires = ask(client, f"{WEEK}&event_type=fire")
    assert (fires["event_count"], fires["event_types"]) == (6, ["fire"])
    (burning,) = by_kind(fires, "emerging")
    assert (burning["h3_index"], burning["expected"]) == (f"{CELLS[0]:x}", 0.0)
    assert burning["growth"] is None  # of nothing there is no multiple
    both = ask(client, f"{WEEK}&event_type=fire&event_type=motion")
    assert both["event_count"] == 6 + 217 + 63 + 14


@pytest.mark.usefixtures("weeks")
def test_points_are_clustered_without_cells(admin: Client) -> None:
    answer = ask(admin, f"{WEEK}&method=points&radius_m=50&min_events=9")
    sizes = [cluster["event_count"] for cluster in answer["clusters"]]
    assert (sizes, answer["found"]) == ([15] + [10] * 7, {"dense": 8})
    assert all(set(item) == ITEM and item["kind"] == "dense" for item in answer["items"])
    assert answer["clusters"][0]["h3_index"] == f"{FAR:x}"
    assert answer["clusters"][0]["explanation"].startswith("15 events in 7 days on 0.0")
    wide = ask(admin, f"{WEEK}&method=points&radius_m=1200&min_events=3")
    (cluster,) = wide["clusters"]
    assert (cluster["event_count"], wide["event_count"]) == (294, 294)
    assert cluster["area_km2"] > 20 and len(cluster["outline"]["coordinates"][0]) == 1


@pytest.mark.usefixtures("weeks")
def test_a_cluster_of_points_does_not_give_single_places_away(client: Client, admin: Client, bearer: Any) -> None:
    with_login = ask(admin, f"{WEEK}&method=points&radius_m=1200&min_events=3")["clusters"][0]
    del client.headers["authorization"]  # `admin` is the same client
    public = ask(client, f"{WEEK}&method=points&radius_m=1200&min_events=3")["clusters"][0]
    places = {h3.cell_to_latlng(cell)[::-1] for cell in CELLS}

    def corners(cluster: dict[str, Any]) -> set[tuple[float, float]]:
        return {tuple(place) for polygon in cluster["outline"]["coordinates"] for ring in polygon for place in ring}

    assert corners(with_login) & places
    assert not corners(public) & places
    (shape,) = public["outline"]["coordinates"]
    assert len(public["h3_cells"]) == 217 and math.isclose(
        public["area_km2"], sum(h3.cell_area(cell) for cell in CELLS), rel_tol=1e-9
    )
    assert h3.latlng_to_cell(public["latitude"], public["longitude"], 8) == int(public["h3_index"], 16)
    assert len(shape) == 1


def test_more_points_than_are_looked_at_are_told(
    admin: Client, fill_weeks: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_weeks()
    monkeypatch.setattr(hotspot_points, "MAX_POINTS", 20)
    answer = ask(admin, f"{WEEK}&method=points&radius_m=50&min_events=9")
    assert answer["event_count"] == 20
    assert "more than 20 events with a place; these are the newest, since 2026-11-" in answer["notes"][0]


def test_more_hotspots_than_are_kept_are_told(client: Client, weeks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hotspot_report, "MAX_ITEMS", 3)
    answer = ask(client)
    assert len(answer["items"]) == 3
    assert any("at most 3 and 500 are kept" in note for note in answer["notes"])


def test_a_day_that_is_not_over_counts_for_its_part(client: Client, fill_weeks: Callable[[], None]) -> None:
    fill_weeks()  # it is noon, and nothing has come in today yet
    answer = ask(client, "start_date=2026-11-16&end_date=2026-11-22")
    assert answer["reference"]["period_watched_days"] == 6.0
    assert answer["notes"][0] == "2026-11-22 is not over; it counts as 0.50 of a day"
    assert answer["notes"][1] == "on 0.5 days of the period nothing was heard of the site; they are not counted"


def test_a_time_in_which_nothing_was_heard_is_unknown_and_has_no_fading(client: Client, weeks: None) -> None:
    answer = ask(client, "start_date=2026-06-01&end_date=2026-06-07")
    assert answer["items"] == [] and answer["cells_looked_at"] == 0
    assert any("on 7 days of the period nothing was heard" in note for note in answer["notes"])
    assert any("nothing is known of the time before" in note for note in answer["notes"])


def test_a_resolution_that_nobody_looks_at_says_so(client: Client, weeks: None) -> None:
    answer = ask(client, f"{WEEK}&resolution=10")
    assert answer["items"] == [] and "POST /v1/analytics/run?resolution=10" in answer["notes"][0]
    coarse = ask(client, f"{WEEK}&resolution=7")
    assert coarse["event_count"] == 294 and 0 < coarse["cells_looked_at"] < 217


@pytest.fixture
def reports(make_context: MakeContext) -> Iterator[tuple[Client, Any]]:
    """A client, and what keeps reports behind it."""
    app = create_app(make_context())
    with TestClient(app) as client:
        yield client, app.dependencies["hotspot_reports"].dependency()


def test_a_report_is_worked_out_once_until_something_comes_in(
    reports: tuple[Client, Any], store: Store, weeks: None
) -> None:
    client, kept = reports
    first = ask(client)
    ask(client, f"{WEEK}&kind=emerging")
    ask(client, f"{WEEK}&limit=1&format=geojson")
    count_events(store, UTC_HOURS)
    assert kept.made == 1
    make_recorder(store, NOW).record(Intake(events=in_cell(FAR, 1, days_ago=2, name="late")))
    assert ask(client)["event_count"] == first["event_count"] + 1
    assert kept.made == 2
    for days in range(4, 20):
        ask(client, f"{WEEK}&reference_days={days}")
    assert kept.made == 18 and len(kept._kept) == 6


@pytest.mark.parametrize(
    "query",
    [
        "kind=rising", "method=cubes", "radius_m=5&method=points", "radius_m=nan&method=points", "min_events=2",
        "min_events=51", "reference_days=3", "reference_days=401", "bbox=1,2", "cursor=x", "cursor=-1",
        "cursor=123456789", "cursor=%C2%B2", "format=csv", "limit=0", f"event_type={'x' * 201}",
        "&".join(f"event_type=t{n}" for n in range(21)),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(client: Client, query: str) -> None:
    problem(client.get(f"/v1/hotspots?{query}"), 400)
