"""Health, status, metrics, the shape of every error, and what the API says of itself."""

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from litestar.testing import TestClient
from prometheus_client.parser import text_string_to_metric_families

from appliance.errors import Unavailable
from appliance.model.intake import DeviceReport, Fix, Intake, Reading, Rejection
from appliance.serve.app import create_app
from appliance.serve.server import serve
from appliance.store.chores import record_done, record_failed
from appliance.store.engine import Store
from appliance.store.file import sqlite
from appliance.store.intake.batch import Recorder
from appliance.store.totals import add_totals
from tests.conftest import NOW, make_event, make_recorder
from tests.serve.conftest import Client, MakeContext, instant, problem

ROUTES = (
    """
POST /v1/events/upload|GET /v1/events|POST /v1/analytics/run|GET /v1/analytics/runs/{run_id}|GET /v1/risk/{day}
GET /v1/hotspots|GET /v1/cells/{h3}|GET /v1/tiles/{z}/{x}/{row}|GET /v1/tiles/hex/{z}/{x}/{y}|GET /v1/feed/cells
GET /v1/feed/risk|GET /v1/feed/flagged|GET /v1/feed/risk/{day}|GET /v1/map|GET /v1/basemaps/{name}/{z}/{x}/{y}
GET /v1/tiles.json|GET /v1/style.json|POST /v1/auth/token|GET /v1/auth/me|GET /v1/stream|GET /v1/health/live
GET /v1/health/ready|GET /v1/status|GET /metrics|GET /v1/quarantine|GET /v1/quarantine/{entry_id}
POST /v1/quarantine/retry|DELETE /v1/quarantine/{entry_id}
""".replace("\n", "|")
    .strip("|")
    .split("|")
)


def samples(client: Client) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every sample of /metrics by name and labels."""
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_the_box_is_live_and_ready(client: Client) -> None:
    assert client.get("/v1/health/live").json() == {"status": "live"}
    ready = client.get("/v1/health/ready").json()
    assert ready["status"] == "ready"
    assert ready["parts"] == {"bridge": "down", "serve": "up", "jobs": "down", "sync": "down"}
    assert (ready["broker"], ready["sync"]["state"], ready["last_event_at"]) == ("unknown", "off", None)
    instant(ready["server_time"])


def test_parts_are_told_as_their_pulses_say(make_context: MakeContext, recorder: Recorder) -> None:
    pulses = {
        "bridge": {"up": True, "broker": "up", "pending": 4},
        "jobs": {"up": False},
        "sync": {"up": True, "state": "behind", "pending_rows": 7, "last_acked_at": None},
    }
    recorder.record(Intake(events=[make_event()]))
    context = make_context('[sync]\nurl = "postgresql://centre/db"', pulses=lambda: pulses)
    with TestClient(create_app(context)) as client:
        ready, metrics = client.get("/v1/health/ready").json(), samples(client)
    assert ready["parts"] == {"bridge": "up", "serve": "up", "jobs": "down", "sync": "up"}
    assert (ready["broker"], ready["sync"]["state"], ready["sync"]["pending_rows"]) == ("up", "behind", 7)
    assert instant(ready["last_event_at"])
    assert metrics["hexpost_items_pending", ()] == 4
    assert metrics["hexpost_items_received_total", ()] == 5
    assert metrics["hexpost_part_up", ("jobs",)] == 0


def test_the_room_on_the_disk_is_told_and_what_went_for_want_of_it(make_context: MakeContext, store: Store) -> None:
    jobs = {"up": True, "disk": "scarce", "disk_step": 2, "disk_free_bytes": 9_000, "disk_ballast_bytes": 0}
    with store.write() as connection:
        add_totals(connection, {("let_go", "readings"): 5})
    with TestClient(create_app(make_context("", pulses=lambda: {"jobs": jobs}))) as client:
        ready, metrics = client.get("/v1/health/ready").json(), samples(client)
    assert (ready["disk"]["disk"], ready["disk"]["disk_free_bytes"]) == ("scarce", 9_000)
    assert (metrics["hexpost_disk_step", ()], metrics["hexpost_disk_free_bytes", ()]) == (2, 9_000)
    assert metrics["hexpost_disk_let_go_total", ("readings",)] == 5
    assert metrics["hexpost_disk_refuses_writes", ()] == 0


def test_a_disk_that_takes_no_writes_is_told_whoever_has_met_it(make_context: MakeContext) -> None:
    jobs, bridge = {"up": True, "disk": "normal"}, {"up": True, "disk_error": "the disk answers with errors"}
    with TestClient(create_app(make_context("", pulses=lambda: {"jobs": jobs, "bridge": bridge}))) as client:
        ready, metrics = client.get("/v1/health/ready").json(), samples(client)
    assert ready["store"] == ready["disk"]["disk_error"] == "the disk answers with errors"
    assert metrics["hexpost_disk_refuses_writes", ()] == 1


def test_a_full_disk_is_507_with_the_remedy(admin: Client, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.read() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    monkeypatch.setattr(sqlite, "PRAGMAS", (*sqlite.PRAGMAS, f"PRAGMA max_page_count = {pages}"))
    store.close()  # every connection is opened anew, with that limit: the watch may hold the one that is in use
    rows = [{"event_type": "motion", "event_timestamp": "2026-11-21T10:00:00Z", "longitude": 1, "latitude": 2}] * 500
    rows = [{**row, "event_id": f"e{n}", "text": "x" * 400} for n, row in enumerate(rows)]
    refused = admin.post("/v1/events/upload", json=rows)
    assert refused.status_code == 507
    assert "free space" in refused.json()["detail"]
    assert refused.headers["Retry-After"] == "2"
    assert admin.get("/v1/events").status_code == 200


def test_status_is_for_admins(client: Client, bearer: dict[str, str]) -> None:
    problem(client.get("/v1/status"), 401)
    status = client.get("/v1/status", headers=bearer).json()
    assert set(status) == {"site_id", "store", "totals", "archive", "chores", "health", "backup", "salvage"}
    assert {total["term"] for total in status["totals"]} >= {"received", "stored", "shed"}


def test_the_balance_holds_on_the_metrics(admin: Client, recorder: Recorder) -> None:
    recorder.record(
        Intake(
            events=[make_event(), make_event(), make_event(rev=1), make_event(event_id="e2")],
            readings=[Reading(device="a/b", metric="co2", observed_at=NOW, received_at=NOW, value=400)] * 2,
            fixes=[Fix(device="a/b", observed_at=NOW, received_at=NOW, longitude=1, latitude=2)],
            reports=[DeviceReport(source="a/b", family="native", seen_at=NOW, items=1, state="online")],
            rejections=[Rejection(topic="t", payload=b"{", reason="r")] * 3,
        )
    )
    admin.post("/v1/events/upload", content="[1, 2]", headers={"Content-Type": "application/json"})
    found = samples(admin)

    def items(term: str) -> float:
        return sum(value for (name, _), value in found.items() if name == f"hexpost_items_{term}_total")

    assert {term: items(term) for term in ("received", "stored", "folded", "duplicate", "quarantined", "shed")} == {
        "received": 13, "stored": 4, "folded": 2, "duplicate": 2, "quarantined": 3, "shed": 2,
    }  # fmt: skip
    assert found["hexpost_items_shed_total", ("refused",)] == 2
    assert items("received") == found["hexpost_items_pending", ()] + sum(
        items(term) for term in ("stored", "folded", "duplicate", "quarantined", "shed")
    )
    assert found["hexpost_events", ()] == 2


def test_items_by_reason_add_up_to_their_terms(client: Client, recorder: Recorder) -> None:
    fix = Fix(device="a/b", observed_at=NOW, received_at=NOW, longitude=1, latitude=2)
    reading = Reading(device="a/b", metric="co2", observed_at=NOW, received_at=NOW, value=400)
    recorder.record(
        Intake(
            events=[make_event(), make_event(rev=1)],
            readings=[reading, reading, msgspec.structs.replace(reading, metric="noise")],
            fixes=[fix, fix],
            folded={"unchanged": 4, "retained": 1},
            duplicates=2,
        )
    )
    found = samples(client)
    by_reason = {
        labels[::-1]: value for (name, labels), value in found.items() if name == "hexpost_items_by_reason_total"
    }
    told = {key: value for key, value in by_reason.items() if value}
    assert told == {
        ("stored", ""): 1, ("stored", "reading"): 2, ("stored", "position"): 1, ("folded", "correction"): 1,
        ("folded", "unchanged"): 4, ("folded", "retained"): 1, ("duplicate", ""): 4,
    }  # fmt: skip
    assert sum(told.values()) == found["hexpost_items_received_total", ()] == 14
    for term in ("stored", "folded", "duplicate", "quarantined"):
        total = sum(value for (name, _), value in by_reason.items() if name == term)
        assert found[f"hexpost_items_{term}_total", ()] == total, term


def test_what_is_outside_the_balance_is_shown_beside_it(client: Client, store: Store, recorder: Recorder) -> None:
    with store.write() as connection:
        add_totals(connection, {("devices_refused", ""): 3, ("placed", ""): 5})
    make_recorder(store, NOW, quarantine_rows=1).record(
        Intake(rejections=[Rejection(topic="t", payload=b"%d" % n, reason="r") for n in range(3)])
    )
    found = samples(client)
    shown = {
        term: found[f"hexpost_items_{term}_total", ()] for term in ("devices_refused", "placed", "quarantine_evicted")
    }
    assert shown == {"devices_refused": 3, "placed": 5, "quarantine_evicted": 2}
    assert found["hexpost_items_received_total", ()] == found["hexpost_items_quarantined_total", ()] == 3


def test_a_fresh_box_shows_every_term_at_nothing(client: Client) -> None:
    found = samples(client)
    for term in ("received", "stored", "folded", "duplicate", "quarantined"):
        assert found[f"hexpost_items_{term}_total", ()] == 0


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404),
        ("GET", "/nothing", 404),
        ("DELETE", "/v1/events", 405),
        ("PUT", "/v1/health/live", 405),
        ("GET", "/v1/cells/x?days=many", 400),
        ("GET", "/v1/tiles/%00/0/0.mvt", 404),
        ("GET", "/v1/risk/%2e%2e%2fetc", 404),
    ],
)
def test_every_error_is_a_problem_document_with_the_same_headers(
    client: Client, method: str, path: str, status: int
) -> None:
    document = problem(client.request(method, path), status)
    assert "http" not in document["title"]


def test_a_mistake_of_ours_is_told_without_its_inside(make_context: MakeContext) -> None:
    def pulses() -> dict[str, Any]:
        raise RuntimeError("in /a/private/path")

    with TestClient(create_app(make_context(pulses=pulses)), raise_server_exceptions=False) as client:
        document = problem(client.get("/v1/health/ready"), 500)
    assert "private" not in str(document) and "Traceback" not in str(document)


def test_without_a_built_map_the_root_says_what_to_do(client: Client) -> None:
    answer = client.get("/")
    assert (answer.status_code, "make ui" in answer.text) == (200, True)
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_built_map_is_served_at_the_root(make_context: MakeContext, tmp_path: Path) -> None:
    folder = tmp_path / "map"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html><title>map</title>")
    (tmp_path / "secret.txt").write_text("not for you")
    with TestClient(create_app(make_context(map_folder=folder))) as client:
        assert "<title>map" in client.get("/").text
        problem(client.get("/%2e%2e/secret.txt"), 404)
        problem(client.get("/v1/nothing"), 404)


def test_the_paths_of_older_systems_lead_to_the_same_routes(live: Callable[..., str]) -> None:
    with httpx.Client(base_url=live()) as client:
        assert client.get("/api/v1/health/live").json() == {"status": "live"}
        page = client.get("/api/v1/risk/today?resolution=7")
        assert page.json() == {"items": [], "next_cursor": None}
        assert page.headers["referrer-policy"] == "no-referrer"
        problem(client.get("/api/v1/events"), 401)
        problem(client.get("/api/v2/events"), 404)
        assert "server" not in page.headers


def test_the_api_describes_every_route_and_how_it_fails(client: Client) -> None:
    document: dict[str, Any] = client.get("/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    found = {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    assert set(ROUTES) <= set(found)
    components = document["components"]["schemas"]
    for name, operation in found.items():
        assert operation["description"], name
        assert name.endswith("/health/live") or {"400", "401", "503"} & set(operation["responses"]), name
        for status, response in operation["responses"].items():
            if status >= "400":
                assert list(response["content"]) == ["application/problem+json"], (name, status)
                assert response["content"]["application/problem+json"]["schema"] == {
                    "$ref": "#/components/schemas/Problem"
                }
    assert set(components["Problem"]["required"]) == {"title", "status", "detail"}
    for reference in references(document):
        assert reference.removeprefix("#/components/schemas/") in components
    assert set(found["POST /v1/events/upload"]["requestBody"]["content"]) >= {"application/json", "text/csv"}


def references(node: Any) -> list[str]:
    """Every $ref in a document."""
    if isinstance(node, list):
        return [found for item in node for found in references(item)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return own + [found for value in node.values() for found in references(value)]


def test_status_and_metrics_tell_of_the_chores(admin: Client, store: Store) -> None:
    with store.write() as connection:
        record_done(connection, "clean up", at=NOW, took_s=1.5, items=7, waits="events since noon are not rolled up")
        record_failed(connection, "roll up days", at=NOW, error="the disk is full")
    done, failed = admin.get("/v1/status").json()["chores"]
    assert (done["chore"], instant(done["done_at"]), done["took_s"], done["items"]) == ("clean up", NOW, 1.5, 7)
    assert (done["waits"], done["error"]) == ("events since noon are not rolled up", "")
    assert (failed["done_at"], instant(failed["failed_at"]), failed["error"]) == (None, NOW, "the disk is full")
    text = admin.get("/metrics").text
    assert 'hexpost_chore_failed{chore="roll up days"} 1.0' in text
    assert 'hexpost_chore_waits{chore="clean up"} 1.0' in text
    assert 'hexpost_chore_items{chore="clean up"} 7.0' in text


def test_a_port_that_is_taken_is_said_so_with_the_remedy(make_context: MakeContext) -> None:
    """An error of its own would leave with uvicorn's exit code, which a supervisor does not know."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        context = make_context(f"[http]\nport = {taken.getsockname()[1]}")
        with pytest.raises(Unavailable, match=r"cannot listen on 127\.0\.0\.1:.*set another http\.port"):
            serve(context, stop=threading.Event(), ready=lambda _: None, report=lambda _: None)


def test_the_description_says_how_to_log_in_and_names_every_operation(client: Client) -> None:
    described = client.get("/v1/openapi.json").json()
    (scheme,) = described["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert "/v1/auth/token" in scheme["description"]
    summaries = {one["summary"] for path in described["paths"].values() for one in path.values()}
    assert {"GetDevice", "PatchDevice"} <= summaries
    assert not [name for name in summaries if "callable" in name.lower()]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"longitude": 200}, "$.longitude"),
        ({"settings": {"min_score": 7}}, "$.settings.min_score"),
        ({"colour": "red"}, "$"),
        ({"zone": "nowhere"}, "$.zone"),
    ],
)
def test_a_member_of_a_body_is_blamed_in_one_form_whoever_found_the_fault(
    admin: Client, recorder: Recorder, body: dict[str, Any], path: str
) -> None:
    recorder.record(Intake(reports=[DeviceReport(source="sim/cam", family="native", seen_at=NOW)]))
    assert problem(admin.patch("/v1/devices/sim/cam", json=body), 400)["path"] == path


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/hotspots?start_date=2026-11-28&end_date=2026-11-20", "start_date"),
        ("/v1/hotspots?end_date=soon", "end_date"),
        ("/v1/feed/risk?from=2026-11-28&to=2026-11-20", "from"),
        ("/v1/feed/risk?to=soon", "to"),
    ],
)
def test_a_day_at_fault_is_named_as_the_caller_wrote_it(client: Client, path: str, name: str) -> None:
    assert problem(client.get(path), 400)["path"] == name
