"""`/v1/backtests`: the last proof that the forecast holds, what stands in its way, and asking for a new one."""

from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from appliance.aggregate.hours import SiteHours
from appliance.clock import rfc3339
from appliance.job.backtest_keeping import make_backtest
from appliance.model.backtest import Backtest
from appliance.model.discovery import read_discovery
from appliance.model.intake import Intake
from appliance.store.engine import Store
from tests.conftest import NOW, make_event, make_recorder
from tests.serve.conftest import Client, bearer_of, instant, problem

FIGURES = {"horizon", "method", "area", "hit_rate", "pai", "pei", "log_score"}


@pytest.fixture
def make(store: Store) -> Callable[[], Backtest]:
    """Make what was asked for, as the child of the jobs process does."""

    def perform() -> Backtest:
        return make_backtest(
            store,
            hours=SiteHours(ZoneInfo("UTC")),
            types=(),
            discovery=read_discovery(["discovered_by=patrol"]),
            clock=lambda: NOW,
            resolution=8,
            queued=True,
        )

    return perform


@pytest.fixture
def lived(store: Store) -> None:
    """Fifty days with eight incidents each."""
    events = [
        make_event(
            event_id=f"e{n}", event_timestamp=rfc3339(NOW - timedelta(hours=3 * n)), longitude=47.9 + 0.01 * (n % 11)
        )
        for n in range(400)
    ]
    make_recorder(store, NOW).record(Intake(events=events))


def test_without_enough_history_it_says_how_much_there_is_and_how_much_is_needed(client: Client) -> None:
    assert client.get("/v1/backtests").json() == {"items": [], "next_cursor": None}
    assert client.get("/v1/backtests/latest").json() == {
        "latest": None,
        "waiting": None,
        "problem": "",
        "history": {"days": 0, "incidents": 0, "days_needed": 42, "incidents_needed": 300},
    }


@pytest.mark.usefixtures("lived")
def test_one_that_is_asked_for_waits_is_made_and_is_then_the_latest(
    client: Client, bearer: dict[str, str], make: Callable[[], Backtest]
) -> None:
    answer = client.post("/v1/backtests?resolution=7&test_days=12", headers=bearer)
    asked = answer.json()
    assert (answer.status_code, asked["state"], asked["resolution"], asked["test_days"]) == (202, "queued", 7, 12)
    assert answer.headers["location"] == f"/v1/backtests/{asked['backtest_pk']}"
    standing = client.get("/v1/backtests/latest").json()
    assert (standing["latest"], standing["waiting"]) == (None, asked)
    assert standing["history"]["days"] >= 42 and standing["history"]["incidents"] >= 300
    make()
    standing = client.get("/v1/backtests/latest").json()
    latest = standing["latest"]
    assert (standing["waiting"], standing["history"], standing["problem"]) == (None, None, "")
    assert latest == client.get(answer.headers["location"]).json()
    assert (latest["state"], latest["from_day"], latest["to_day"]) == ("done", "2026-10-03", "2026-11-21")
    assert instant(latest["made_at"]) == NOW and latest["version"] and latest["watermark"] == 400
    assert all(set(row) == FIGURES for row in latest["report"]["reported"]["rows"])
    assert {one["verdict"] for one in latest["report"]["reported"]["differences"]} <= {"better", "same", "worse"}
    items = client.get("/v1/backtests").json()["items"]
    assert [item["backtest_pk"] for item in items] == [asked["backtest_pk"]] and items[0]["report"] is None


@pytest.mark.usefixtures("lived")
def test_a_later_failure_is_told_beside_the_last_good_one(
    store: Store, client: Client, make: Callable[[], Backtest]
) -> None:
    done = make()
    with store.write() as connection:
        connection.exec_driver_sql("DELETE FROM events WHERE event_pk > 20")
    make()
    standing = client.get("/v1/backtests/latest").json()
    assert standing["latest"]["backtest_pk"] == done.backtest_pk
    assert standing["problem"].startswith("not enough history yet")


def test_asking_twice_with_one_key_asks_once_and_for_the_finest_resolution(admin: Client) -> None:
    first = admin.post("/v1/backtests", headers={"Idempotency-Key": "b1"})
    assert (first.json()["resolution"], first.json()["test_days"]) == (8, 90)
    assert admin.post("/v1/backtests", headers={"Idempotency-Key": "b1"}).json() == first.json()
    problem(admin.post("/v1/backtests?test_days=9", headers={"Idempotency-Key": "b1"}), 409)


def test_only_an_admin_asks_and_everybody_may_look(store: Store, client: Client) -> None:
    problem(client.post("/v1/backtests"), 401)
    problem(client.post("/v1/backtests", headers=bearer_of(store, "vera", "public")), 403)
    assert client.get("/v1/backtests/latest").status_code == 200


@pytest.mark.parametrize("query", ["resolution=4", "resolution=12", "test_days=1", "test_days=4000", "test_days=x"])
def test_what_cannot_be_made_is_refused(admin: Client, query: str) -> None:
    problem(admin.post(f"/v1/backtests?{query}"), 400)
    problem(admin.get("/v1/backtests/7"), 404)
    problem(admin.get(f"/v1/backtests/{2**64}"), 400)
