"""Any schedule of changes, cuts, restarts and restores ends with the centre equal to the box."""

import shutil
import tempfile
import threading
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from appliance.errors import Unavailable
from appliance.store.engine import FILE_NAME
from sync.pump import Pump
from tests.empty_store import put_store
from tests.sync.box import CELLS, DAY, NEXT_DAY, SITE, Box
from tests.sync.memory import MemoryCentre

COUNTS = st.dictionaries(st.sampled_from(CELLS[:5]), st.integers(0, 3), max_size=5)
FAULTS = st.lists(st.sampled_from(["", "", "request lost", "reply lost"]), max_size=12)


class Schedule(RuleBasedStateMachine):
    """A box with tiny batches, a centre, and everything that may happen between them."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.box = Box(put_store(self.folder / FILE_NAME, timezone="Asia/Kuwait"), batch_rows=2)
        self.centre = MemoryCentre()
        self.backup = self.centre.backup()

    @rule(day=st.sampled_from([DAY, NEXT_DAY]), counts=COUNTS)
    def the_box_finds(self, day: str, counts: dict[int, int]) -> None:
        self.box.find(day, counts)

    @rule(faults=FAULTS)
    def the_box_syncs_over_a_bad_link(self, faults: list[str]) -> None:
        self.sync(faults)

    @rule()
    def the_box_is_killed_with_a_batch_in_flight(self) -> None:
        self.box.next_batch()
        path = self.box.store.path
        self.box.store.close()
        self.box = Box(path, batch_rows=2)

    @rule()
    def the_centre_is_backed_up(self) -> None:
        self.backup = self.centre.backup()

    @rule()
    def the_centre_is_restored(self) -> None:
        self.centre.restore(self.backup)

    @rule(day=st.sampled_from([DAY, NEXT_DAY]), counts=COUNTS)
    def a_run_finishes_while_a_batch_is_under_way(self, day: str, counts: dict[int, int]) -> None:
        """Between the making of a batch and its acknowledgement, with the reply lost."""
        try:
            upstream = self.centre.upstream()
            self.box.reconcile(before=self.box.position(), central=upstream.hello(SITE))
            if batch := self.box.next_batch():
                upstream.send(batch)
        finally:
            self.box.find(day, counts)

    @rule()
    def a_drain_makes_them_equal(self) -> None:
        self.sync([])
        assert self.centre.contents(SITE.id) == self.box.contents()
        assert self.box.status().pending_rows == 0
        assert self.box.status().pending_slices == 0
        assert self.box.query("SELECT count(*) FROM tombstones") == [(0,)]

    @invariant()
    def the_box_never_believes_in_more_than_the_centre_could_have_had(self) -> None:
        assert self.box.query("SELECT count(*) FROM outbox WHERE acked_rev > rev") == [(0,)]

    def sync(self, faults: list[str]) -> None:
        pump = Pump(site=SITE, outbox=self.box, upstream=self.centre.upstream(faults), chance=lambda: 0.0)  # type: ignore[arg-type]
        try:
            pump.drain(threading.Event())
        except Unavailable:
            assert faults

    def teardown(self) -> None:
        self.a_drain_makes_them_equal()
        self.box.store.close()
        shutil.rmtree(self.folder)


def test_after_any_schedule_a_drain_makes_the_centre_equal_to_the_box() -> None:
    run_state_machine_as_test(
        Schedule,
        settings=settings(max_examples=25, stateful_step_count=15, suppress_health_check=list(HealthCheck)),
    )
