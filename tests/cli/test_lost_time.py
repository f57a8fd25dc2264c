"""A box put together as its parts are, on a machine whose clocks the test turns: what people and machines are told."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from appliance.clock import from_us, to_us
from appliance.job.schedule import Jobs
from appliance.model.event import clock_quality
from appliance.model.intake import Intake
from appliance.model.settings import Settings
from appliance.serve.app import create_app
from appliance.serve.context import refuse_retry
from appliance.store.clock.box_clock import BoxClock
from appliance.store.engine import Store, raw_connection
from appliance.wiring import Box, open_context, open_recorder, open_sealer, open_store
from appliance.wiring_bridge import destroy_old_keys
from appliance.wiring_jobs import ages_known, open_redating
from tests.board import Board
from tests.conftest import NOW, make_event, wait_for

LOST = datetime(1970, 1, 1, 0, 0, 20, tzinfo=UTC)
YEARS = timedelta(days=3652)


class Machine:
    """A box on a board; `restart` takes its power away."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.board = Board(NOW)
        self.begin()

    def begin(self) -> None:
        self.box = Box(settings=Settings(), data=self.data, time=BoxClock(self.board))
        self.store: Store = open_store(self.box)

    def restart(self, wall: datetime) -> None:
        self.store.close()
        self.board.restart(wall)
        self.begin()

    def receive(self, name: str) -> None:
        """A message without a time of its own, as the bridge stamps it."""
        at = self.box.clock()
        quality = clock_quality(None, at, trusted=self.box.clock_trusted(), live=True)
        event = msgspec.structs.replace(
            make_event(event_id=name), event_timestamp=at, received_at=at, clock_quality=quality
        )
        open_recorder(self.box, self.store).record(Intake(events=[event]))

    def health(self) -> dict[str, Any]:
        with TestClient(create_app(open_context(self.box, self.store, refuse_retry))) as client:
            told: dict[str, Any] = client.get("/v1/health/ready").json()["clock"]
            gauge = client.get("/metrics").text
        assert f"hexpost_clock_trusted {float(told['trusted'])}" in gauge
        assert f"hexpost_rows_undated {float(told['waiting_rows'])}" in gauge
        return told

    def work(self) -> None:
        """Let the jobs process work until nothing waits for its time."""
        stop = threading.Event()
        settings = self.box.settings
        jobs = Jobs(
            self.store,
            risk=settings.risk,
            zone=settings.zone,
            clock=self.box.clock,
            report=lambda _: None,
            redating=open_redating(self.box, self.store),
        )
        thread = threading.Thread(target=jobs.run, args=(stop,))
        thread.start()
        try:
            wait_for(lambda: ages_known(self.box, self.store), deadline_s=60)
        finally:
            stop.set()
            thread.join(30)

    def received(self) -> list[tuple[str, datetime, str]]:
        with self.store.read() as connection:
            found = raw_connection(connection).execute("SELECT event_id, received_at, clock_quality FROM events")
            return [(name, from_us(us), quality) for name, us, quality in found.fetchall()]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.store.close()


@pytest.mark.parametrize("wall", [LOST, NOW - YEARS, NOW + YEARS + timedelta(days=5), NOW - timedelta(hours=1)])
def test_a_start_with_a_wrong_clock_is_told_nothing_is_deleted_and_all_is_put_right(
    machine: Machine, wall: datetime
) -> None:
    open_sealer(machine.box).seal(NOW.date() - timedelta(days=900), b"old")
    machine.restart(wall)
    machine.receive("e1")
    told = machine.health()
    assert (told["trusted"], told["waiting_rows"]) == (False, 1)
    assert told["words"].startswith("clock not trusted since 2026-11-22T12:00:0")
    assert "hexpost clock set TIME" in told["words"] and "1 rows wait to be re-dated" in told["words"]
    assert not ages_known(machine.box, machine.store)
    assert destroy_old_keys(machine.box, machine.store, machine.box.clock()) == 0
    machine.board.advance(60)
    truth = NOW + timedelta(days=2)
    machine.board.wall_us, machine.board.synchronised = to_us(truth), True
    machine.box.time.look()
    machine.work()
    assert machine.received() == [("e1", truth - timedelta(seconds=60), "missing")]
    told = machine.health()
    assert (told["trusted"], told["waiting_rows"], told["offset_s"]) == (True, 0, 0.0)
    assert destroy_old_keys(machine.box, machine.store, machine.box.clock()) == 1


@pytest.mark.parametrize("leap", [YEARS, -YEARS, timedelta(hours=1), -timedelta(hours=1)])
def test_a_leap_while_running_is_told_and_stamps_nothing_wrongly(machine: Machine, leap: timedelta) -> None:
    machine.board.leap(leap)
    machine.box.time.look()
    machine.board.advance(10)
    machine.receive("e1")
    assert machine.received() == [("e1", NOW + timedelta(seconds=10), "missing")]
    told = machine.health()
    assert (told["trusted"], told["offset_s"]) == (True, pytest.approx(leap.total_seconds()))
    assert "nobody confirms it" in told["words"] and "hexpost clock trust" in told["words"]
