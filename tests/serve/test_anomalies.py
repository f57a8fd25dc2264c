"""Anomalies over HTTP: cells for everybody, devices for who may see devices, labels by admins."""

import pytest

from appliance.spatial.cells import to_hex
from appliance.store.engine import Store
from tests.conftest import NOW
from tests.serve.conftest import Client, bearer_of, problem
from tests.store.anomalies import CELL, burst, put, spike


@pytest.fixture(autouse=True)
def found(store: Store) -> None:
    """A burst in a cell, and a series."""
    put(store, burst(), spike())


def test_everybody_sees_those_of_cells_with_their_reason(client: Client) -> None:
    answer = client.get("/v1/anomalies").json()
    (one,) = answer["items"]
    assert answer["next_cursor"] is None
    assert (one["kind"], one["h3_index"], one["state"], one["observed"]) == ("cell_count", to_hex(CELL), "open", 14)
    assert (one["started_at"], one["last_at"]) == ("2026-11-22T11:00:00Z", "2026-11-22T12:00:00Z")
    assert one["explanation"].startswith("14 events between 11:00 and 12:00 on 2026-11-22 where 1.8 are usual")
    assert client.get(f"/v1/anomalies/{one['id']}").json() == {**one, "thresholds": []}


def test_those_of_devices_need_the_login_that_devices_need(client: Client, store: Store) -> None:
    for path in ("anomalies?kind=series", "anomalies?device=a/b", "anomalies/2"):
        problem(client.get(f"/v1/{path}"), 401)
    viewer = bearer_of(store, "lulwa", "public")
    assert [one["id"] for one in client.get("/v1/anomalies", headers=viewer).json()["items"]] == [1]
    problem(client.get("/v1/anomalies/2", headers=viewer), 403)
    problem(client.patch("/v1/anomalies/1", json={"state": "false"}), 401)
    problem(client.patch("/v1/anomalies/1", json={"state": "false"}, headers=viewer), 403)


def test_an_admin_sees_all_and_narrows_it(admin: Client) -> None:
    def ids(query: str) -> list[int]:
        answer = admin.get(f"/v1/anomalies?{query}")
        assert answer.status_code == 200, answer.text
        return sorted(one["id"] for one in answer.json()["items"])

    assert ids("") == [1, 2]
    assert ids("kind=series&device=a/b&state=open") == [2]
    assert ids(f"h3={to_hex(CELL)}&kind=cell_count") == [1]
    assert ids("bbox=47,29,48.5,30") == [1, 2]
    assert ids("from=2026-11-22&to=2026-11-22") == [1, 2]
    assert ids("from=2026-11-23") == []
    page = admin.get("/v1/anomalies?limit=1").json()
    rest = admin.get(f"/v1/anomalies?limit=1&cursor={page['next_cursor']}").json()
    assert sorted(one["id"] for one in page["items"] + rest["items"]) == [1, 2]


@pytest.mark.parametrize(
    "query", ["kind=odd", "state=shut", "h3=zz", "bbox=1,2,3", "from=then", "cursor=x", "cursor=1.2.3", "limit=0"]
)
def test_what_cannot_be_asked_is_refused(admin: Client, query: str) -> None:
    problem(admin.get(f"/v1/anomalies?{query}"), 400)


def test_an_admin_says_what_it_was_and_sees_what_was_learned(admin: Client) -> None:
    answer = admin.patch("/v1/anomalies/2", json={"state": "false", "note": "a kettle"}).json()
    assert (answer["state"], answer["labelled_by"], answer["labelled_at"]) == ("false", "amal", "2026-11-22T12:00:00Z")
    assert [(one["subject"], one["decades"], one["version"]) for one in answer["thresholds"]] == [
        ("family/series/temperature", 0.1, 1),
        ("series/a/b/temperature", 0.5, 1),
    ]
    problem(admin.patch("/v1/anomalies/2", json={"state": "acknowledged"}), 409)
    for body in ({"state": "open"}, {"state": "false", "mood": 1}, {}, {"state": "false", "note": "x" * 1_001}):
        problem(admin.patch("/v1/anomalies/2", json=body), 400)
    problem(admin.patch("/v1/anomalies/77", json={"state": "false"}), 404)
    log = admin.get("/v1/audit?subject=anomaly/2").json()["items"]
    assert [(entry["who"], entry["action"], entry["at"]) for entry in log] == [
        ("amal", "anomaly.label", NOW.isoformat().replace("+00:00", "Z"))
    ]
