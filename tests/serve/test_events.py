"""Events in and out over HTTP: every row told apart, every page without a gap."""

import json
import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar.testing import TestClient

from appliance.model.intake import Intake
from appliance.serve.app import create_app
from appliance.serve.idempotency import MAX_BYTES, Idempotency
from appliance.store.engine import Store
from appliance.store.intake.batch import Recorder
from tests.conftest import make_event
from tests.serve.conftest import Client, MakeContext, bearer_of, instant, problem

UPLOAD = "/v1/events/upload"
EVENT = {
    "event_id": "e1",
    "event_type": "motion",
    "event_timestamp": "2026-11-21T10:00:00Z",
    "longitude": 47.97,
    "latitude": 29.37,
}
CSV = """event_id,event_type,event_timestamp,longitude,latitude,severity,attributes_json
e1,motion,2026-11-21T10:00:00Z,47.97,29.37,0.5,"{""zone"": ""gate""}"
e2,motion,yesterday,47.97,29.37,,
e3,motion,1795255200,47.97,29.37,,
"""
FEATURES = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "id": name,
            "geometry": {"type": kind, "coordinates": [47.97, 29.37]},
            "properties": {"event_type": "motion", "event_timestamp": 1795255200},
        }
        for name, kind in (("e1", "Point"), ("e2", "LineString"))
    ],
}


def events(*ids: str, **members: Any) -> list[dict[str, Any]]:
    return [{**EVENT, **members, "event_id": name} for name in ids]


def upload(client: Client, body: Any, kind: str = "application/json", **headers: str) -> dict[str, Any]:
    content = body if isinstance(body, str | bytes) else json.dumps(body)
    answer = client.post(UPLOAD, content=content, headers={"Content-Type": kind, **headers})
    assert answer.status_code == 200, answer.text
    report: dict[str, Any] = answer.json()
    assert set(report) == {"accepted", "duplicate", "rejected", "rows"}
    assert all(set(row) == {"row", "status", "event_id", "path", "reason"} for row in report["rows"])
    return report


def counts(report: dict[str, Any]) -> tuple[int, int, int]:
    return report["accepted"], report["duplicate"], report["rejected"]


def rows(report: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [(row["row"], row["status"], row["path"]) for row in report["rows"]]


def everything(client: Client, query: str = "", limit: int = 100) -> list[str]:
    """The ids of every event, page after page."""
    found: list[str] = []
    cursor = ""
    while True:
        page = client.get(f"/v1/events?limit={limit}&{query}{cursor}").json()
        assert set(page) == {"items", "next_cursor"}
        found += [item["event_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            return found
        assert len(page["items"]) == limit
        cursor = f"&cursor={page['next_cursor']}"


def test_an_array_is_told_item_by_item_from_one(admin: Client) -> None:
    bad = {**EVENT, "event_id": "e3", "longitude": 200}
    report = upload(admin, [EVENT, 7, bad, *events("e2")])
    assert counts(report) == (2, 0, 2)
    assert rows(report) == [
        (1, "accepted", None),
        (2, "rejected", "$"),
        (3, "rejected", "$.longitude"),
        (4, "accepted", None),
    ]
    assert [row["event_id"] for row in report["rows"]] == ["e1", None, None, "e2"]
    assert "between -180 and 180" in report["rows"][2]["reason"]


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("application/json", json.dumps(EVENT), [(1, "accepted", None)]),
        ("application/json", json.dumps(EVENT, indent=2), [(1, "accepted", None)]),
        ("application/json", "\ufeff" + json.dumps([EVENT], indent=2), [(1, "accepted", None)]),
        ("application/json; charset=utf-8", "[]", []),
        ("application/json", "[1, 2", [(1, "rejected", "$")]),
        (
            "application/x-ndjson",
            f'\n{json.dumps(EVENT)}\n{{"event_type":\n\n{json.dumps({**EVENT, "event_id": "e2", "rev": -1})}',
            [(2, "accepted", None), (3, "rejected", "$"), (5, "rejected", "$.rev")],
        ),
        ("text/csv", CSV, [(2, "accepted", None), (3, "rejected", "event_timestamp"), (4, "accepted", None)]),
        (
            "application/geo+json",
            json.dumps(FEATURES),
            [(1, "accepted", None), (1, "rejected", "$.geometry")],
        ),
    ],
)
def test_each_format_is_told_by_the_line_on_which_a_row_begins(
    admin: Client, kind: str, body: str, expected: list[tuple[Any, ...]]
) -> None:
    assert rows(upload(admin, body, kind)) == expected


def test_a_repeated_upload_is_all_duplicates(admin: Client) -> None:
    body = events("e1", "e2", "e3")
    assert counts(upload(admin, body)) == (3, 0, 0)
    again = upload(admin, body)
    assert counts(again) == (0, 3, 0)
    assert [row["event_id"] for row in again["rows"]] == ["e1", "e2", "e3"]


def test_a_correction_is_accepted_and_shown(admin: Client) -> None:
    upload(admin, EVENT)
    assert counts(upload(admin, {**EVENT, "rev": 1, "severity": 0.9})) == (1, 0, 0)
    (item,) = admin.get("/v1/events").json()["items"]
    assert (item["severity"], item["rev"]) == (0.9, 1)


@pytest.mark.parametrize(
    ("kind", "body", "path", "reason"),
    [
        (
            "application/json", json.dumps([{**EVENT, "event_timestamp": "yesterday"}]), "$.event_timestamp",
            "'yesterday' is not a time: expected a form like 2026-11-21T10:00:00Z; "
            "write times as in 2026-11-21T10:00:00Z",
        ),
        (
            "text/csv", "event_type,event_timestamp,longitude,latitude\nfire,2026-11-21 10:00,47.9,29.3\n",
            "event_timestamp",
            "'2026-11-21 10:00' has no offset; write times with their offset, as in 2026-11-21T10:00:00Z",
        ),
    ],
)  # fmt: skip
def test_a_row_is_refused_with_a_remedy_that_an_integrator_has(
    admin: Client, kind: str, body: str, path: str, reason: str
) -> None:
    """Not with an option of `hexpost import`."""
    (row,) = admin.post(UPLOAD, content=body, headers={"Content-Type": kind}).json()["rows"]
    assert (row["path"], row["reason"]) == (path, reason)


def test_columns_that_are_none_of_an_event_are_refused_with_what_they_are_called(admin: Client) -> None:
    answer = problem(admin.post(UPLOAD, content=b"colour,size\nred,3\n", headers={"Content-Type": "text/csv"}), 400)
    assert answer["detail"] == (
        "no column gives the event_type; the columns have the names of a native event's members; there are colour, size"
    )


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("from=yesterday", "from: 'yesterday' is not a time: expected a form like 2026-11-21T10:00:00Z"),
        ("to=2026-13-01T00:00:00Z", "to: '2026-13-01T00:00:00Z' is not a time: month must be in 1..12"),
    ],
)
def test_a_time_that_is_none_is_refused_with_the_form(admin: Client, query: str, reason: str) -> None:
    assert problem(admin.get(f"/v1/events?{query}"), 400)["detail"] == reason


@pytest.mark.parametrize(
    ("kind", "body", "path"),
    [
        ("application/json", b"", None),
        ("application/json", b" \n ", None),
        ("application/pdf", b"[]", "Content-Type"),
        ("application/json", b"\xff\xfe[\x00]", None),
        ("text/csv", b"colour,size\nred,3\n", None),
    ],
)
def test_a_body_that_cannot_be_read_at_all_is_a_problem(
    admin: Client, kind: str, body: bytes, path: str | None
) -> None:
    answer = admin.post(UPLOAD, content=body, headers={"Content-Type": kind})
    told = problem(answer, 400)
    assert told.get("path") == path
    assert "--map" not in told["detail"]  # an upload has no options


@pytest.mark.parametrize(
    "body", [b'{"event_id": "\xff"}', b"[" * 5000, b'"\\ud800"', b"nan", b"{" * 99, b"1" * 9999, b"[[[]]]", b"\x00"]
)
@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson", "application/geo+json"])
def test_rubbish_is_refused_row_by_row_and_never_an_error_of_ours(admin: Client, kind: str, body: bytes) -> None:
    report = upload(admin, body, kind)
    assert report["accepted"] == 0 and report["rejected"] == len(report["rows"]) >= 1


def test_a_body_beyond_the_limit_is_refused_unread(make_context: MakeContext, store: Store) -> None:
    with TestClient(create_app(make_context("[http]\nmax_upload_mb = 1"))) as client:
        answer = client.post(
            UPLOAD,
            content=b"[" + b" " * 1_100_000 + b"]",
            headers={"Content-Type": "application/json", **bearer_of(store, "amal", "admin")},
        )
    problem(answer, 413)


def test_an_upload_of_many_transactions_is_told_whole(admin: Client) -> None:
    lines = "\n".join(json.dumps({**EVENT, "event_id": f"e{n}"}) for n in range(4_500))
    report = upload(admin, lines, "application/x-ndjson")
    assert counts(report) == (4_500, 0, 0)
    assert [row["row"] for row in report["rows"]] == list(range(1, 4_501))


def test_a_key_repeats_the_first_answer_and_refuses_another_body(admin: Client) -> None:
    first = upload(admin, events("e1"), **{"Idempotency-Key": "k1"})
    assert upload(admin, events("e1"), **{"Idempotency-Key": "k1"}) == first
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k1"}
    problem(admin.post(UPLOAD, content=json.dumps(events("e2")), headers=headers), 409)
    assert counts(upload(admin, events("e1"), **{"Idempotency-Key": "k2"})) == (0, 1, 0)
    headers["Idempotency-Key"] = "k" * 256
    assert problem(admin.post(UPLOAD, content="[]", headers=headers), 400)["path"] == "Idempotency-Key"


def test_a_key_belongs_to_one_caller(client: Client, store: Store) -> None:
    for name in ("amal", "badr"):
        report = upload(client, [EVENT], **{"Idempotency-Key": "k", **bearer_of(store, name, "admin")})
        assert counts(report) == (1, 0, 0)
    assert {
        item["source"] for item in client.get("/v1/events", headers=bearer_of(store, "c", "admin")).json()["items"]
    } == {
        "amal",
        "badr",
    }


def test_answers_kept_for_keys_are_bounded_in_number_and_bytes() -> None:
    kept = Idempotency()
    for n in range(1_100):
        kept.once(("a",), f"k{n}", b"", lambda n=n: n)
    assert kept.once(("a",), "k0", b"", lambda: "again") == "again"
    assert kept.once(("a",), "k1099", b"", lambda: "again") == 1099
    large = bytes(MAX_BYTES // 2 + 1)
    for name in ("l1", "l2"):
        kept.once(("a",), name, large, lambda name=name: name)
    assert kept.once(("a",), "l2", large, lambda: "again") == "l2"
    assert kept.once(("a",), "l1", large, lambda: "again") == "again"


def test_single_events_are_for_admins_unless_the_site_shows_them(
    client: Client, make_context: MakeContext, store: Store
) -> None:
    problem(client.get("/v1/events"), 401)
    problem(client.post(UPLOAD, content="[]"), 401)
    viewer = bearer_of(store, "noor", "public")
    problem(client.get("/v1/events", headers=viewer), 403)
    problem(client.post(UPLOAD, content="[]", headers=viewer), 403)
    with TestClient(create_app(make_context("[security]\npublic_events = true"))) as open_client:
        assert open_client.get("/v1/events").json() == {"items": [], "next_cursor": None}
        problem(open_client.post(UPLOAD, content="[]"), 401)


def test_an_event_is_shown_with_its_three_times(admin: Client) -> None:
    upload(admin, {**EVENT, "event_timestamp": "2026-11-21T13:00:00+03:00", "colour": "red", "value": 3})
    (item,) = admin.get("/v1/events").json()["items"]
    assert {instant(item[name]).isoformat() for name in ("received_at", "recorded_at")} == {"2026-11-22T12:00:00+00:00"}
    assert item["event_timestamp"] == "2026-11-21T10:00:00Z"
    assert (item["longitude"], item["latitude"], item["source"]) == (47.97, 29.37, "amal")
    assert (item["attributes"], item["severity"], item["value"], item["rev"]) == ({"colour": "red"}, None, 3.0, 0)
    assert (item["clock_quality"], len(item["h3_index"])) == ("good", 15)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 3), max_size=25), st.integers(1, 7))
def test_pages_have_no_gap_and_no_repeat_whatever_the_times(admin: Client, hours: list[int], limit: int) -> None:
    made = [{**EVENT, "event_id": f"{n}", "event_timestamp": 1795255200 + h * 3600} for n, h in enumerate(hours)]
    upload(admin, made) if made else None
    found = everything(admin, f"event_type=motion&to={1795255200 + 4 * 3600}", limit)
    assert len(found) == len(set(found))
    assert {f"{n}" for n in range(len(hours))} <= set(found)


def test_a_page_is_newest_first_and_stable_while_events_come_in(admin: Client) -> None:
    upload(admin, [{**EVENT, "event_id": f"e{n}", "event_timestamp": f"2026-11-21T10:0{n}:00Z"} for n in range(6)])
    first = admin.get("/v1/events?limit=3").json()
    upload(admin, {**EVENT, "event_id": "late", "event_timestamp": "2026-11-21T11:00:00Z"})
    second = admin.get(f"/v1/events?limit=3&cursor={first['next_cursor']}").json()
    ids = [item["event_id"] for page in (first, second) for item in page["items"]]
    assert ids == ["e5", "e4", "e3", "e2", "e1", "e0"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("event_type=intrusion", "b"),
        ("source=agency/cam8", "c"),
        ("from=2026-11-21", "abc"),
        ("to=2026-11-20", "d"),
        ("from=2026-11-20&to=2026-11-20", "d"),
        ("from=2026-11-21T10:00:00Z&to=2026-11-21T11:00:00Z", "a"),
        ("from=2026-11-21T13:00:00%2B03:00&to=1795258800", "a"),
        ("from=2026-11-21T13:00:00+03:00&to=1795258800", "a"),
        ("from=1795255200&to=1795258800", "a"),
        ("from=1795255200000&to=1795258800000", "a"),
        ("bbox=47,29,48,30", "abd"),
        ("bbox=179,-20,-179,-10", "c"),
        ("bbox=-180,-90,180,90", "abcd"),
        ("bbox=47.97,29.37,47.97,29.37", "abd"),
        ("from=2027-01-01", ""),
        ("event_type=';DROP TABLE events", ""),
    ],
)
def test_filters(admin: Client, recorder: Recorder, query: str, expected: str) -> None:
    recorder.record(
        Intake(
            events=[
                make_event(event_id="a"),
                make_event(event_id="b", event_type="intrusion", event_timestamp="2026-11-21T11:00:00Z"),
                make_event(
                    event_id="c",
                    source="agency/cam8",
                    longitude=-179.9,
                    latitude=-15,
                    event_timestamp="2026-11-21T12:00:00Z",
                ),
                make_event(event_id="d", event_timestamp="2026-11-20T23:59:59.999Z"),
            ]
        )
    )
    assert "".join(sorted(everything(admin, query))) == expected


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("cursor=x", "cursor"),
        ("cursor=1.2.3", "cursor"),
        ("cursor=99999999999999999999.1", "cursor"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=ten", "limit"),
        ("from=yesterday", "from"),
        ("to=2026-11-21T10:00:00", "to"),
        ("from=2026-13-01", "from"),
        ("to=9999-12-31", "to"),
        ("from=0001-01-01", "from"),
        ("bbox=1,2,3", None),
        ("bbox=1,2,3,nan", None),
        ("bbox=0,10,1,-10", None),
    ],
)
def test_a_query_that_cannot_be_is_a_problem_with_its_path(admin: Client, query: str, path: str | None) -> None:
    assert problem(admin.get(f"/v1/events?{query}"), 400).get("path") == path


def test_uploads_at_the_same_time_each_get_their_own_report(admin: Client) -> None:
    reports: list[dict[str, Any]] = []
    threads = [
        threading.Thread(target=lambda k=k: reports.append(upload(admin, events(*(f"{k}-{n}" for n in range(50))))))
        for k in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [counts(report) for report in reports] == [(50, 0, 0)] * 4
    assert len(everything(admin)) == 200
