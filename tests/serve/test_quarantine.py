"""`/v1/quarantine`: what nobody understood is listed, shown, retried after a mapping was mended, and dropped."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from litestar.testing import TestClient

from appliance.model.intake import Intake, Rejection
from appliance.serve.app import create_app
from appliance.store.engine import Store
from appliance.store.quarantine import MAX_PAYLOAD
from appliance.wiring import open_context
from appliance.wiring_bridge import MAX_REFUSALS, retry_quarantine
from tests.bridge.gauges import FIRST, box_of, hear, mend, recorder_at
from tests.conftest import NOW
from tests.serve.conftest import Client, MakeContext, instant, problem
from tests.store.checks import assert_sound, totals

GAUGES = [
    ("gauge/north/data", b'{"level_mm": 1200}'),
    ("gauge/north/data", b'{"level_mm": 1300}'),
    ("gauge/south/data", b"\xff\xfe"),
    ("gauge/north/data", b'{"level_mm": 1200}'),
    ("gate/plates", b'{"plate": "Q7-ZX4401K"}'),
]


@pytest.fixture
def client(store: Store, make_context: MakeContext) -> Iterator[Client]:
    """An application that may retry, over a store with four entries of five messages."""
    hear(store, GAUGES)
    context = make_context(retry=partial(retry_quarantine, box_of(store), store))
    with TestClient(create_app(context)) as made:
        yield made


def items(client: Client, **query: Any) -> list[dict[str, Any]]:
    answer = client.get("/v1/quarantine", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def retry(client: Client, **body: Any) -> dict[str, Any]:
    answer = client.post("/v1/quarantine/retry", json=body)
    assert answer.status_code == 200, answer.text
    report: dict[str, Any] = answer.json()
    return report


def actions(client: Client) -> list[tuple[str, str, str]]:
    return [(one["who"], one["action"], one["subject"]) for one in client.get("/v1/audit").json()["items"]]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("GET", "/1"), ("POST", "/retry"), ("DELETE", "/1")],
)
def test_it_is_for_admins(client: Client, method: str, path: str) -> None:
    problem(client.request(method, f"/v1/quarantine{path}"), 401)


def test_entries_are_listed_newest_first_a_page_at_a_time(admin: Client) -> None:
    found, cursor = [], ""
    for _ in range(4):
        page = admin.get(f"/v1/quarantine?limit=1{cursor}").json()
        found += page["items"]
        cursor = f"&cursor={page['next_cursor']}"
    assert page["next_cursor"] is None
    assert [one["topic"] for one in found] == [GAUGES[n][0] for n in (4, 2, 1, 0)]
    oldest = found[-1]
    assert (oldest["count"], oldest["preview"], oldest["seal"]) == (2, '{"level_mm": 1200}', "")
    assert instant(oldest["first_seen"]) == FIRST
    assert oldest["kind"].startswith("no family of firmware knows this topic")


def test_a_list_may_be_of_some_topics_or_of_one_kind(admin: Client) -> None:
    assert len(items(admin, topic="gauge/+/data")) == 3
    assert len(items(admin, topic="gauge/#", kind=items(admin)[0]["kind"])) == 3
    assert items(admin, kind="another") == []
    assert problem(admin.get("/v1/quarantine?topic=a/%23/b"), 400)["path"] == "topic"


def test_one_is_shown_with_its_payload_as_text_or_base64(admin: Client) -> None:
    _, binary, text, _ = items(admin)
    shown = admin.get(f"/v1/quarantine/{text['id']}").json()
    assert (shown["payload"], shown["payload_b64"]) == ('{"level_mm": 1300}', None)
    shown = admin.get(f"/v1/quarantine/{binary['id']}").json()
    assert (shown["payload"], shown["payload_b64"], shown["preview"]) == (None, "//4=", "\\xff\\xfe")
    problem(admin.get("/v1/quarantine/999"), 404)


def test_a_number_plate_is_not_shown(admin: Client) -> None:
    sealed = items(admin, topic="gate/#")[0]
    assert (sealed["seal"], sealed["preview"]) == ("closed", "")
    assert "4401" not in admin.get(f"/v1/quarantine/{sealed['id']}").text


def test_after_the_mapping_is_mended_messages_are_what_they_were(admin: Client, store: Store) -> None:
    before = retry(admin, topic="#")
    assert (before["retried"], before["refused"]) == (0, 4)
    mend(store)
    report = retry(admin, topic="#")
    assert {name: report[name] for name in ("retried", "stored", "refused")} == {
        "retried": 2,
        "stored": 2,
        "refused": 2,
    }
    binary, plate = report["refusals"]
    assert (binary["topic"], binary["reason"][:8]) == ("gauge/south/data", "not JSON")
    assert "no family of firmware knows this topic" in plate["reason"]
    assert [one["topic"] for one in items(admin)] == ["gate/plates", "gauge/south/data"]
    day = FIRST.date().isoformat()
    readings = admin.get(f"/v1/devices/gauge/north/readings?from={day}").json()["items"]
    assert [(one["metric"], one["value"], one["observed_at"]) for one in readings] == [
        ("water_level", 1.3, "2026-11-22T07:00:01Z"),
        ("water_level", 1.2, "2026-11-22T07:00:00Z"),
    ]
    assert admin.get("/v1/devices/gauge/north").json()["state"] == "offline"  # till it is heard
    assert totals(store) == {"received": 5, "stored": 2, "duplicate": 1, "quarantined": 2}
    assert_sound(store)
    assert actions(admin) == [("amal", "quarantine.retry", "quarantine")] * 2


def test_only_those_that_are_named_are_retried(admin: Client, store: Store) -> None:
    mend(store)
    newer, older = (one["id"] for one in items(admin, topic="gauge/north/#"))
    assert retry(admin, ids=[older])["retried"] == 1
    assert actions(admin)[0] == ("amal", "quarantine.retry", f"quarantine/{older}")
    problem(admin.post("/v1/quarantine/retry", json={"ids": [newer, older]}), 404)
    assert retry(admin, topic="gauge/north/+")["retried"] == 1


def test_the_same_request_with_the_same_key_is_done_once(admin: Client, store: Store) -> None:
    mend(store)
    body, headers = {"topic": "gauge/north/#"}, {"Idempotency-Key": "k1"}
    first, second = (admin.post("/v1/quarantine/retry", json=body, headers=headers).json() for _ in range(2))
    assert first == second and first["retried"] == 2


@pytest.mark.parametrize(
    "body",
    [{}, {"ids": [1], "topic": "#"}, {"ids": []}, {"ids": [0]}, {"ids": [2**60]}, {"ids": list(range(1, 1002))},
     {"topic": "a/#/b"}, {"topics": "#"}],
)  # fmt: skip
def test_a_retry_of_nothing_that_can_be_meant_is_refused(admin: Client, body: dict[str, Any]) -> None:
    problem(admin.post("/v1/quarantine/retry", json=body), 400)


def test_what_was_cut_or_lost_its_key_stays_with_that_said(admin: Client, store: Store) -> None:
    long = b'{"level_mm": 1, "x": "' + b"x" * MAX_PAYLOAD + b'"}'
    hear(store, [("gauge/long/data", long)])
    mend(store)
    for key in (store.path.parent / "secrets" / "daily").iterdir():
        key.write_bytes(b"")
    reasons = {one["topic"]: one["reason"] for one in retry(admin, topic="#")["refusals"]}
    assert reasons["gauge/long/data"] == "only its first 65,536 bytes were kept"
    assert "the key of its day is destroyed" in reasons["gate/plates"]
    assert items(admin, topic="gauge/long/#")[0]["cut"] is True


def test_of_many_that_are_refused_the_first_are_named(admin: Client, store: Store) -> None:
    many = [Rejection(topic=f"unknown/{n}", payload=b"%d" % n, reason="r") for n in range(MAX_REFUSALS + 5)]
    recorder_at(store, NOW).record(Intake(rejections=many))
    report = retry(admin, topic="unknown/#")
    assert (report["refused"], len(report["refusals"])) == (MAX_REFUSALS + 5, MAX_REFUSALS)


def test_an_entry_is_dropped_for_good_and_who_did_it_is_written_down(admin: Client, store: Store) -> None:
    newest = items(admin)[0]["id"]
    assert admin.delete(f"/v1/quarantine/{newest}").status_code == 204
    problem(admin.delete(f"/v1/quarantine/{newest}"), 404)
    assert newest not in [one["id"] for one in items(admin)]
    assert actions(admin) == [("amal", "quarantine.drop", f"quarantine/{newest}")]
    assert_sound(store)


def test_the_web_part_as_it_is_wired_retries(store: Store) -> None:
    hear(store, GAUGES)
    mend(store)
    box = box_of(store)
    context = open_context(box, store, partial(retry_quarantine, box, store))
    report = context.retry(ids=None, topic="gauge/#", who="amal")
    assert (report.retried, report.stored) == (2, 2)


@pytest.mark.parametrize(
    ("trigger", "reason"),
    [
        ("BEFORE INSERT ON reading_values WHEN new.value = 1.2 BEGIN SELECT RAISE(ABORT, 'no')",
         "could not be stored: ConstraintError"),
        ("BEFORE DELETE ON quarantine WHEN old.count = 2 BEGIN SELECT RAISE(IGNORE)", "changed while it was retried"),
    ],
)  # fmt: skip
def test_one_that_cannot_be_written_stays_and_costs_no_other(
    admin: Client, store: Store, trigger: str, reason: str
) -> None:
    mend(store)
    with store.write() as connection:
        connection.exec_driver_sql(f"CREATE TRIGGER broken {trigger}; END")
    report = retry(admin, topic="gauge/north/#")
    assert (report["retried"], report["stored"]) == (1, 1)
    assert reason in report["refusals"][0]["reason"]
    assert totals(store) == {"received": 5, "stored": 1, "quarantined": 4}
    with store.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER broken")
    assert retry(admin, topic="gauge/north/#")["retried"] == 1
    assert_sound(store)
