"""Alerts over HTTP: listed, taken note of, told by the live stream as they change."""

from collections.abc import Callable

import httpx
import pytest

from appliance.store.alerts import close_alert, raise_alert
from appliance.store.engine import Store
from tests.conftest import NOW
from tests.serve.conftest import Client, bearer_of, problem
from tests.serve.test_stream import listening, until


def put(store: Store, subject: str = "north") -> int:
    with store.write() as connection:
        key = raise_alert(
            connection,
            kind="asset_risk",
            subject=subject,
            severity="warning",
            title=f"{subject} is at risk",
            detail={"risk": 81},
            now=NOW,
        )
    assert key is not None
    return key


def test_an_alert_is_listed_and_read(admin: Client, store: Store) -> None:
    key = put(store)
    (item,) = admin.get("/v1/alerts?state=open&kind=asset_risk&severity=warning&from=today").json()["items"]
    assert item == admin.get(f"/v1/alerts/{key}").json()
    assert (item["alert_id"], item["subject"], item["state"], item["raised_at"]) == (
        key, "north", "open", "2026-11-22T12:00:00Z",
    )  # fmt: skip
    assert admin.get("/v1/alerts?state=closed").json() == {"items": [], "next_cursor": None}
    problem(admin.get("/v1/alerts/99"), 404)
    for query in ("state=mute", "severity=loud", "from=then", "cursor=x", "limit=0"):
        problem(admin.get(f"/v1/alerts?{query}"), 400)


def test_a_list_is_turned_page_by_page(admin: Client, store: Store) -> None:
    keys = [put(store, f"s{n}") for n in range(3)]
    page = admin.get("/v1/alerts?limit=2").json()
    rest = admin.get(f"/v1/alerts?limit=2&cursor={page['next_cursor']}").json()
    assert [item["alert_id"] for item in page["items"] + rest["items"]] == keys[::-1]
    assert rest["next_cursor"] is None


def test_it_is_acknowledged_and_closed_by_who_is_logged_in(admin: Client, store: Store) -> None:
    key = put(store)
    answer = admin.patch(f"/v1/alerts/{key}", json={"state": "acknowledged", "note": "patrol sent"}).json()
    assert (answer["state"], answer["acknowledged_by"], answer["note"]) == ("acknowledged", "amal", "patrol sent")
    assert admin.patch(f"/v1/alerts/{key}", json={"state": "closed"}).json()["closed_by"] == "amal"
    problem(admin.patch(f"/v1/alerts/{key}", json={"state": "open"}), 409)
    log = admin.get(f"/v1/audit?subject=alert/{key}").json()["items"]
    assert [entry["action"] for entry in log] == ["alert.close", "alert.acknowledge"]


@pytest.mark.parametrize("body", [{}, {"state": "loud"}, {"note": 7}, {"note": "x" * 2_001}, {"stat": "closed"}])
def test_a_change_that_is_none_is_refused(admin: Client, store: Store, body: object) -> None:
    problem(admin.patch(f"/v1/alerts/{put(store)}", json=body), 400)


@pytest.mark.parametrize(("role", "status"), [(None, 401), ("public", 403)])
def test_alerts_are_for_admins(client: Client, store: Store, role: str | None, status: int) -> None:
    key, headers = put(store), bearer_of(store, "sami", role) if role else {}
    problem(client.get("/v1/alerts", headers=headers), status)
    problem(client.get(f"/v1/alerts/{key}", headers=headers), status)
    problem(client.patch(f"/v1/alerts/{key}", json={"state": "closed"}, headers=headers), status)


def test_the_stream_tells_everybody_that_something_is_and_not_what(
    live: Callable[..., str], store: Store, bearer: dict[str, str]
) -> None:
    put(store, "before")
    url = live()
    with listening(url) as stream:
        next(stream)
        key = put(store)
        told = until(stream, "alert")["data"]
        assert told == {
            "alert_id": key, "kind": "asset_risk", "severity": "warning", "state": "open",
            "raised_at": "2026-11-22T12:00:00Z",
        }  # fmt: skip
        httpx.patch(f"{url}/v1/alerts/{key}", json={"state": "acknowledged"}, headers=bearer).raise_for_status()
        assert until(stream, "alert")["data"]["state"] == "acknowledged"
        with store.write() as connection:
            close_alert(connection, kind="asset_risk", subject="north", now=NOW)
        assert until(stream, "alert")["data"]["state"] == "closed"


def test_more_alerts_than_one_look_takes_come_all_and_in_order(live: Callable[..., str], store: Store) -> None:
    with listening(live()) as stream:
        next(stream)
        with store.write() as connection:
            for n in range(40):
                raise_alert(connection, kind="k", subject=str(n), severity="info", title="", detail={}, now=NOW)
        assert [until(stream, "alert")["data"]["alert_id"] for _ in range(40)] == list(range(1, 41))
