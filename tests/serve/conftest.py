"""What the tests of this room share: an application over a fresh store, callers, a filled picture, a real server."""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from appliance.clock import rfc3339
from appliance.job.schedule import Jobs
from appliance.model.intake import Intake
from appliance.model.settings import Settings
from appliance.model.settings_text import read_settings
from appliance.serve.context import Context, SharedRecorder
from appliance.serve.security import issue_token
from appliance.serve.server import serve
from appliance.store.clock.box_clock import BoxClock
from appliance.store.engine import Store
from appliance.store.users import User, upsert_user
from tests.board import Board
from tests.conftest import NOW, free_port, make_event, make_recorder, wait_for
from tests.serve.reused import app_over

PASSWORD = "correct horse battery"
SECRET = b"0123456789abcdef0123456789abcdef"
TODAY = "2026-11-22"

Client = TestClient[Any]
MakeContext = Callable[..., Context]
Analyze = Callable[[], None]


@pytest.fixture
def make_context(store: Store, tmp_path: Path) -> MakeContext:
    """A context over the store; settings as TOML."""

    def make(toml: str = "", **given: Any) -> Context:
        made = Context(
            settings=read_settings(toml, {}),
            store=store,
            recorder=SharedRecorder(make_recorder(store, NOW)),
            basemaps={},
            map_folder=tmp_path / "no-map",
            archive_folder=tmp_path / "archive",
            secret=SECRET,
            plate_key=SECRET,
            clock=lambda: NOW,
            clock_trusted=lambda: True,
            clock_state=BoxClock(Board(NOW)).state,
            pulses=dict,
        )
        return msgspec.structs.replace(made, **given)

    return make


@pytest.fixture
def context(make_context: MakeContext) -> Context:
    """The default context."""
    return make_context()


@pytest.fixture
def client(context: Context) -> Iterator[Client]:
    """Somebody without a login."""
    with TestClient(app_over(context)) as made:
        yield made


@pytest.fixture
def admin(client: Client, bearer: dict[str, str]) -> Client:
    """The same application, called by an admin."""
    client.headers.update(bearer)
    return client


@pytest.fixture
def bearer(store: Store) -> dict[str, str]:
    """The header of an admin."""
    return bearer_of(store, "amal", "admin")


def bearer_of(store: Store, name: str, role: str) -> dict[str, str]:
    """The header of a user, who is made if need be."""
    with store.write() as connection:
        user: User = upsert_user(connection, name=name, role=role, password=PASSWORD, now=NOW)
    token = issue_token(user, "access", seconds=600, secret=SECRET, clock=lambda: NOW)
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def fill(store: Store) -> Callable[[], None]:
    """Sixty events around one place over ten days up to today: one cell has most of them."""

    def fill() -> None:
        events = [
            make_event(
                event_id=f"e{n}",
                event_timestamp=rfc3339(NOW - timedelta(hours=4 * n)),
                longitude=47.97 + 0.02 * (n % 3 == 0) + 0.05 * (n % 7 == 0),
                severity=0.5,
            )
            for n in range(60)
        ]
        make_recorder(store, NOW).record(Intake(events=events))

    return fill


@pytest.fixture
def analyze(store: Store) -> Analyze:
    """Perform what is due and what is queued, as the jobs process does."""

    def perform() -> None:
        jobs = make_jobs(store)
        jobs.queue_due()
        while jobs.perform_next():
            pass

    return perform


def make_jobs(store: Store) -> Jobs:
    """The jobs process' inside."""
    settings = Settings()
    return Jobs(store, risk=settings.risk, zone=settings.zone, clock=lambda: NOW, report=lambda _: None)


@pytest.fixture
def live(make_context: MakeContext) -> Iterator[Callable[..., str]]:
    """Start a real server; gives its URL. Answers of the test client are not streamed, and know no aliases."""
    ends: list[Callable[[], None]] = []

    def start(toml: str = "", **given: Any) -> str:
        port, stop, ready = free_port(), threading.Event(), threading.Event()
        context = make_context(f"{toml}\n[http]\nport = {port}", **given)
        thread = threading.Thread(
            target=serve,
            args=(context,),
            kwargs={"stop": stop, "ready": lambda _: ready.set(), "report": lambda _: None},
        )
        thread.start()
        ends.append(lambda: (stop.set(), thread.join(20)))
        wait_for(ready.is_set, what="the server")
        return f"http://127.0.0.1:{port}"

    yield start
    for end in ends:
        end()


def problem(answer: Any, status: int) -> dict[str, Any]:
    """The problem document of an answer, which has the form that every error has."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document["title"] and document["detail"] and document.get("type", "about:blank") == "about:blank"
    return document


def instant(text: str) -> datetime:
    """A time of an answer: RFC 3339, UTC, written with Z."""
    assert text.endswith("Z"), text
    return datetime.fromisoformat(text)
