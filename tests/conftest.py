"""Fixtures that every room uses: a fixed clock, a fresh store, a place, a deadline."""

import itertools
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import settings

from appliance.aggregate.hours import SiteHours
from appliance.model.event import Event
from appliance.model.intake import Intake
from appliance.model.native import read_event
from appliance.store.engine import FILE_NAME, Store
from appliance.store.intake.batch import Recorder
from tests.empty_store import put_store

T = TypeVar("T")
SKIPPED: list[str] = []
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TORONTO = ZoneInfo("America/Toronto")

# The same examples on every run, so that a change is judged by what it changed; `make hunt` looks for new ones. A time
# limit an example would fail a busy machine.
settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("hunt", deadline=None, print_blob=True)
settings.load_profile("hunt" if os.environ.get("HEXPOST_HUNT") else "repeatable")


QUICK = bool(os.environ.get("HEXPOST_QUICK"))  # the inner loop, `make test-fast`
WHOLE = bool(os.environ.get("HEXPOST_WHOLE") or os.environ.get("HEXPOST_HUNT"))  # `make test-deep` and `make hunt`


def examples(how_many: int) -> int:
    """How many examples a property is tried on: a tenth in the inner loop, half in `make test`."""
    return how_many if WHOLE else max(20, how_many // (10 if QUICK else 2))


@pytest.fixture
def now() -> datetime:
    """The instant at which the tests take place."""
    return NOW


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store in UTC, counted at 7 and 8."""
    made = Store(put_store(tmp_path / FILE_NAME, counted=(7, 8)))
    yield made
    made.close()


@pytest.fixture
def recorder(store: Store, now: datetime) -> Recorder:
    """A recorder into the store, at the fixed instant."""
    return make_recorder(store, now)


def make_recorder(
    store: Store,
    now: datetime,
    *,
    zone: str = "UTC",
    quarantine_rows: int = 100,
    admit: Callable[[Intake], Intake] = lambda intake: intake,
    beside: bool = False,
) -> Recorder:
    """A recorder with a clock that stands still."""
    return Recorder(
        store,
        hours=SiteHours(ZoneInfo(zone)),
        resolutions=(7, 8),
        quarantine_rows=quarantine_rows,
        clock=lambda: now,
        admit=admit,
        beside=beside,
    )


def make_event(**members: object) -> Event:
    """A native event at a place in Kuwait, with some members of its own."""
    source = str(members.pop("source", "agency/cam7"))
    raw = {
        "event_id": "e1",
        "event_type": "motion",
        "event_timestamp": "2026-11-21T10:00:00Z",
        "longitude": 47.97,
        "latitude": 29.37,
    }
    return read_event({**raw, **members}, source=source, received_at=NOW)


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for(condition: Callable[[], T], *, deadline_s: float = 20.0, what: str = "the condition") -> T:
    """The first true value of a condition, asked again and again until a deadline."""
    end, pause = time.monotonic() + deadline_s, threading.Event()
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"{what} did not come about in {deadline_s} s; last: {value!r}"
        pause.wait(0.05)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--bless` writes goldens anew; look at the difference before you commit it."""
    parser.addoption("--bless", action="store_true", help="write golden files anew")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compare a text with a golden file, or with `--bless` write it."""

    def compare(file: Path, text: str) -> None:
        if request.config.getoption("--bless"):
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        assert file.exists(), f"{file} is missing; `pytest --bless` writes it"
        assert text == file.read_text(encoding="utf-8"), f"{file.name} differs; `pytest --bless` writes it anew"

    return compare


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Large files first, and after every second one a file that starts whole boxes: these wait more than they work, and
    no worker is left with the longest of them at the end."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    by_size = sorted(files.values(), key=len, reverse=True)
    whole = [tests for tests in by_size if tests[0].get_closest_marker("flow")]
    parts = [tests for tests in by_size if not tests[0].get_closest_marker("flow")]
    spread = list(itertools.chain.from_iterable(zip(whole, parts[::2], parts[1::2], strict=False)))
    begun = {id(tests) for tests in spread}
    ordered = [*spread, *(tests for tests in [*whole, *parts] if id(tests) not in begun)]
    items[:] = itertools.chain.from_iterable(ordered)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember what was skipped."""
    if report.skipped and not any(word in str(report.longrepr) for word in ("field kit", "FIELDKIT")):
        SKIPPED.append(report.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where everything is installed on purpose, a skipped test is a failed one: a part is missing."""
    if os.environ.get("CI") and SKIPPED and not hasattr(session.config, "workerinput"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print(f"\nskipped, although this is CI: {', '.join(SKIPPED)}")
