"""The picture over HTTP: asking for a run, risk of a day, hotspots, a cell explained."""

import threading
from collections.abc import Callable, Iterator

import pytest

from appliance.store.engine import Store
from tests.conftest import wait_for
from tests.serve.conftest import TODAY, Analyze, Client, instant, make_jobs, problem

RISK = {
    "h3_index", "day", "event_count", "rolling_7d_avg", "growth_rate", "risk_score", "risk_level", "z_score",
    "flagged", "coverage",
}  # fmt: skip


@pytest.fixture
def jobs(store: Store) -> Iterator[None]:
    """A jobs process at work, on a thread."""
    stop = threading.Event()
    thread = threading.Thread(target=make_jobs(store).run, args=(stop,))
    thread.start()
    yield
    stop.set()
    thread.join(20)


@pytest.fixture
def picture(fill: Callable[[], None], analyze: Analyze) -> None:
    """Sixty events, analysed."""
    fill()
    analyze()


@pytest.mark.usefixtures("jobs")
def test_a_run_is_answered_when_it_is_done_and_its_picture_is_there_at_once(
    admin: Client, fill: Callable[[], None]
) -> None:
    fill()
    answer = admin.post("/v1/analytics/run?resolution=8&from=2026-11-13&to=2026-11-22&wait=60")
    run = answer.json()
    assert (answer.status_code, run["state"], run["progress"]) == (200, "done", 1.0)
    assert (run["from_day"], run["to_day"], run["resolution"]) == ("2026-11-13", "2026-11-22", 8)
    assert instant(run["finished_at"]) >= instant(run["requested_at"])
    assert admin.get(answer.headers["location"]).json() == run
    x, y = 81, 52
    tile = admin.get(f"/v1/tiles/7/{x}/{y + 1}.mvt?resolution=8").content
    assert tile or admin.get(f"/v1/tiles/7/{x}/{y}.mvt?resolution=8").content
    assert admin.get("/v1/risk/today").json()["items"]


def test_a_run_that_nobody_performs_is_202_and_can_be_asked_for_again(admin: Client) -> None:
    answer = admin.post("/v1/analytics/run?wait=0", headers={"Idempotency-Key": "r1"})
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    assert answer.headers["location"] == f"/v1/analytics/runs/{answer.json()['run_id']}"
    again = admin.post("/v1/analytics/run?wait=0", headers={"Idempotency-Key": "r1"})
    assert again.json() == answer.json()
    problem(admin.post("/v1/analytics/run?wait=0&resolution=7", headers={"Idempotency-Key": "r1"}), 409)


def test_runs_that_wait_are_bounded(admin: Client) -> None:
    for days in range(20):
        answer = admin.post(f"/v1/analytics/run?wait=0&from=2026-10-{days + 1:02}")
        assert answer.status_code == 202
    answer = admin.post("/v1/analytics/run?wait=0")
    problem(answer, 503)
    assert answer.headers["retry-after"] == "2"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("resolution=4", 400),
        ("resolution=x", 400),
        ("from=2026-11-22&to=2026-11-21", 400),
        ("from=2020-01-01", 400),
        ("wait=61", 400),
        ("wait=-1", 400),
        ("to=0001-01-01", 400),
        ("to=9999-12-31", 400),
    ],
)
def test_a_run_that_cannot_be_is_refused(admin: Client, query: str, status: int) -> None:
    problem(admin.post(f"/v1/analytics/run?{query}"), status)
    problem(admin.get("/v1/analytics/runs/1"), 404)
    problem(admin.get(f"/v1/analytics/runs/{2**64}"), 400)


def test_a_run_needs_an_admin(client: Client) -> None:
    problem(client.post("/v1/analytics/run"), 401)
    problem(client.get("/v1/analytics/runs/1"), 401)


@pytest.mark.usefixtures("picture")
def test_risk_of_a_day_has_a_row_for_every_cell(client: Client) -> None:
    page = client.get("/v1/risk/2026-11-21").json()
    assert set(page) == {"items", "next_cursor"} and page["next_cursor"] is None
    assert all(set(item) == RISK for item in page["items"])
    cells = [item["h3_index"] for item in page["items"]]
    assert cells == sorted(cells) and len(set(cells)) == len(cells) == 4
    assert sum(item["event_count"] for item in page["items"]) == 6
    assert {item["coverage"] for item in page["items"]} == {"observed"}
    assert {item["day"] for item in page["items"]} == {"2026-11-21"}
    assert all(0 <= item["risk_score"] <= 100 and isinstance(item["flagged"], bool) for item in page["items"])
    assert client.get("/v1/risk/today").json()["items"][0]["day"] == TODAY


@pytest.mark.usefixtures("picture")
def test_a_day_on_which_nothing_was_heard_is_unknown_and_not_low(client: Client) -> None:
    page = client.get("/v1/risk/2026-10-01").json()
    assert {item["coverage"] for item in page["items"]} == {"unknown"}


@pytest.mark.usefixtures("picture")
def test_pages_of_risk_have_no_gap_and_no_repeat(client: Client) -> None:
    whole = client.get("/v1/risk/2026-11-21").json()["items"]
    found, cursor = [], ""
    while cursor is not None:
        page = client.get(f"/v1/risk/2026-11-21?limit=1{cursor and f'&cursor={cursor}'}").json()
        found += page["items"]
        cursor = page["next_cursor"]
    assert found == whole


@pytest.mark.usefixtures("picture")
def test_a_box_keeps_the_cells_that_touch_it(client: Client) -> None:
    def cells(bbox: str) -> int:
        return len(client.get(f"/v1/risk/2026-11-21?bbox={bbox}").json()["items"])

    assert cells("47.969,29.369,47.971,29.371") == 1
    assert cells("47,29,49,30") == 4
    assert cells("170,29,49,30") == 4  # over the antimeridian, and on to Kuwait
    assert cells("49,29,-170,30") == 0


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/risk/yesterday", 400),
        ("/v1/risk/2026-02-30", 400),
        ("/v1/risk/0001-01-01", 400),
        ("/v1/risk/today?resolution=12", 400),
        ("/v1/risk/today?profile=classic", 400),
        ("/v1/risk/today?bbox=1,2", 400),
        ("/v1/risk/today?cursor=xyz", 400),
        ("/v1/risk/today?limit=0", 400),
        ("/v1/hotspots?start_date=2026-11-22&end_date=2026-11-21", 400),
        ("/v1/hotspots?end_date=0001-01-01", 400),
        ("/v1/hotspots?start_date=2024-01-01", 400),
        ("/v1/hotspots?limit=9999", 400),
        ("/v1/cells/rubbish", 400),
        ("/v1/cells/8843acd819fffff?days=0", 400),
        ("/v1/cells/8843acd819fffff?date=0001-01-01", 400),
        ("/v1/cells/8843acd819fffff", 404),
    ],
)
def test_a_question_that_cannot_be_answered_is_a_problem(client: Client, path: str, status: int) -> None:
    problem(client.get(path), status)


@pytest.mark.usefixtures("picture")
def test_hotspots_are_the_worst_first(client: Client) -> None:
    answer = client.get("/v1/hotspots?start_date=2026-11-13&end_date=2026-11-22").json()
    assert set(answer) >= {"start_date", "end_date", "resolution", "items", "next_cursor"}
    assert (answer["start_date"], answer["end_date"], answer["resolution"]) == ("2026-11-13", "2026-11-22", 8)
    scores = [item["max_risk_score"] for item in answer["items"]]
    assert scores and scores == sorted(scores, reverse=True)
    assert all(item["risk_level"] in {"high", "critical"} and item["days_high"] >= 1 for item in answer["items"])
    assert len(client.get("/v1/hotspots?limit=1").json()["items"]) == 1


@pytest.mark.usefixtures("picture")
def test_a_cell_is_explained_by_its_day_and_the_days_before(client: Client) -> None:
    cell = client.get("/v1/hotspots").json()["items"][0]["h3_index"]
    told = client.get(f"/v1/cells/{cell.upper()}?date=2026-11-21&days=10").json()
    assert (told["h3_index"], told["resolution"], len(told["series"])) == (cell, 8, 10)
    assert told["day"] == told["series"][-1] and set(told["day"]) == RISK
    assert [row["day"] for row in told["series"]] == [f"2026-11-{day}" for day in range(12, 22)]
    assert told["centre"] == pytest.approx([47.97, 29.37], abs=0.1)
    later = client.get(f"/v1/cells/{cell}?date=2026-12-01").json()
    assert later["day"] is None


def test_an_empty_box_has_an_empty_picture(client: Client) -> None:
    assert client.get("/v1/risk/today").json() == {"items": [], "next_cursor": None}
    assert client.get("/v1/hotspots").json()["items"] == []
    assert wait_for(lambda: client.get("/v1/map").json()["days"] is None)
