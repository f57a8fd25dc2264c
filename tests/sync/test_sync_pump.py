"""From a box's store to a centre, over links that fail."""

import random
import threading
from collections.abc import Callable, Iterable

import pytest

from appliance.errors import Conflict, Unavailable
from appliance.store.outbox import begin_epoch
from sync.pump import DrainReport, Pump, SyncState
from tests.sync.box import CELLS, DAY, NEXT_DAY, SITE, Box
from tests.sync.memory import Fault, MemoryCentre, MemoryUpstream

A, B, C, *_ = CELLS
DEADLINE_S = 20.0


def pump_between(box: Box, upstream: MemoryUpstream) -> Pump:
    return Pump(site=SITE, outbox=box, upstream=upstream, chance=random.Random(1).random)


def drain(box: Box, centre: MemoryCentre, faults: Iterable[Fault] = ()) -> DrainReport:
    return pump_between(box, centre.upstream(faults)).drain(threading.Event())


class Watch:
    """Runs a pump in a thread as the daemon does, and waits for what it reports."""

    def __init__(self, pump: Pump, *, every_s: float) -> None:
        self.states: list[SyncState] = []
        self._stop = threading.Event()
        self._news = threading.Condition()
        self._thread = threading.Thread(
            target=pump.run, args=(self._stop,), kwargs={"every_s": every_s, "report": self._note}, daemon=True
        )
        self._thread.start()

    def _note(self, state: SyncState) -> None:
        with self._news:
            self.states.append(state)
            self._news.notify_all()

    def wait_for(self, wanted: Callable[[SyncState], bool]) -> SyncState:
        with self._news:
            assert self._news.wait_for(lambda: any(map(wanted, self.states)), DEADLINE_S), self.states
            return next(state for state in self.states if wanted(state))

    def end(self) -> None:
        self._stop.set()
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive()


def test_after_a_drain_the_centre_equals_the_box(new_box: Callable[..., Box]) -> None:
    box, centre = new_box(batch_rows=4), MemoryCentre()
    box.find(DAY, {cell: n for n, cell in enumerate(CELLS[:10])})
    box.find(NEXT_DAY, {A: 3, B: 9})
    sent = drain(box, centre)
    assert centre.contents(SITE.id) == box.contents()
    assert (sent.rows, sent.rows_changed, sent.duplicates, sent.finished) == (46, 46, 0, True)


def test_a_second_drain_sends_nothing(box: Box) -> None:
    centre = MemoryCentre()
    box.find(DAY, {A: 1})
    drain(box, centre)
    assert drain(box, centre) == DrainReport(finished=True)


def test_rows_that_go_are_gone_at_the_centre_too(box: Box) -> None:
    centre = MemoryCentre()
    box.find(DAY, {A: 1, B: 2})
    drain(box, centre)
    box.find(DAY, {B: 3, C: 1})
    drain(box, centre)
    assert centre.contents(SITE.id) == box.contents()


def test_what_goes_of_one_profile_leaves_the_other_here_and_at_the_centre(box: Box) -> None:
    centre = MemoryCentre()
    box.find(DAY, {A: 1, B: 2})
    box.forecast(DAY, {A: 30.0, B: 40.0, C: 50.0})
    drain(box, centre)
    box.find(DAY, {B: 2})
    box.forecast(DAY, {A: 30.0, C: 50.0})
    drain(box, centre)
    assert centre.contents(SITE.id) == box.contents()
    assert box.query("SELECT h3_index, profile FROM risk_scores ORDER BY h3_index, profile") == [
        (A, "calibrated"), (B, "composite"), (C, "calibrated"),
    ]  # fmt: skip


def test_a_failure_is_raised_and_what_was_acknowledged_stays_so(box: Box) -> None:
    centre = MemoryCentre()
    box.find(DAY, {A: 1})
    with pytest.raises(Unavailable, match="the link broke"):
        drain(box, centre, ["", "", "", "request lost"])
    assert box.position().last_seq == 2
    assert drain(box, centre).batches == 2
    assert centre.contents(SITE.id) == box.contents()


def test_a_lost_reply_is_made_good_by_the_next_greeting(box: Box) -> None:
    centre = MemoryCentre()
    box.find(DAY, {A: 1})
    with pytest.raises(Unavailable):
        drain(box, centre, ["", "", "reply lost"])
    sent = drain(box, centre)
    assert (sent.batches, sent.duplicates) == (2, 0)  # the greeting said that the second had arrived
    assert centre.contents(SITE.id) == box.contents()


def test_a_centre_put_back_from_a_backup_equals_the_box_again(box: Box) -> None:
    centre = MemoryCentre()
    box.find(DAY, {A: 1, B: 2})
    drain(box, centre)
    backup = centre.backup()
    box.find(DAY, {A: 1})  # B goes: the backup still has it, and the tombstone is acknowledged and forgotten
    box.find(NEXT_DAY, {C: 4})
    drain(box, centre)
    centre.restore(backup)
    drain(box, centre)
    assert centre.contents(SITE.id) == box.contents()
    assert box.position().epoch == 2


def test_a_centre_lost_for_good_is_filled_again(box: Box) -> None:
    box.find(DAY, {A: 1, B: 2})
    drain(box, MemoryCentre())
    successor = MemoryCentre()
    drain(box, successor)
    assert successor.contents(SITE.id) == box.contents()


def test_a_box_restored_from_its_backup_rules_again_over_the_days_it_has(new_box: Callable[..., Box]) -> None:
    centre, box, restored = MemoryCentre(), new_box(), new_box()
    for each in (box, restored):
        each.find(DAY, {A: 1})
    drain(box, centre)
    box.find(DAY, {A: 1, B: 2})
    box.find(NEXT_DAY, {C: 4})
    drain(box, centre)
    with restored.store.write() as connection:
        assert begin_epoch(connection, above=40) == 41
    restored.find(DAY, {A: 7})
    drain(restored, centre)
    rows = centre.contents(SITE.id)["risk_scores"]
    of_the_day = {row for row in rows if row[2] == DAY}
    assert of_the_day == restored.contents()["risk_scores"]
    assert [row[0] for row in rows - of_the_day] == [C]  # the centre keeps the day that the box has lost
    box.find(DAY, {A: 9})
    with pytest.raises(Conflict, match="it has batch 4 of epoch 41"):
        drain(box, centre)


def test_two_boxes_under_one_name_are_found_out(new_box: Callable[..., Box]) -> None:
    centre, first, second = MemoryCentre(), new_box(), new_box()
    first.find(DAY, {A: 1})
    drain(first, centre)
    second.find(DAY, {B: 1})
    with pytest.raises(Conflict, match=r"if two boxes share site.id give each its own"):
        drain(second, centre)
    assert centre.contents(SITE.id) == first.contents()


def test_a_drain_that_is_stopped_ends_between_two_batches(box: Box) -> None:
    centre, stop = MemoryCentre(), threading.Event()
    box.find(DAY, {A: 1})
    stop.set()
    assert pump_between(box, centre.upstream()).drain(stop) == DrainReport()
    assert box.position().last_seq == 0
    assert drain(box, centre).finished


def test_a_backlog_is_drained_at_once_without_waiting_for_the_next_look(new_box: Callable[..., Box]) -> None:
    box, centre = new_box(batch_rows=1), MemoryCentre()
    box.find(DAY, dict.fromkeys(CELLS[:10], 1))
    watch = Watch(pump_between(box, centre.upstream()), every_s=3600)
    state = watch.wait_for(lambda state: state.state == "up" and state.pending_rows == 0)
    watch.end()
    assert state.last_seq == 40
    assert centre.contents(SITE.id) == box.contents()
    assert watch.states[-1] == SyncState(state="off")


def test_while_the_centre_is_away_the_box_says_so_and_then_catches_up(box: Box) -> None:
    centre = MemoryCentre()
    box.find(DAY, {A: 1})
    watch = Watch(pump_between(box, centre.upstream(["refused", "refused"])), every_s=3600)
    down = watch.wait_for(lambda state: state.state == "down")
    up = watch.wait_for(lambda state: state.state == "up")
    watch.end()
    assert (down.pending_slices, down.pending_rows, down.last_acked_at) == (4, 4, None)
    assert down.last_error == "greeting the centre: no answer"
    assert down.retry_after_s is not None
    assert (up.pending_rows, up.last_error, up.last_acked_at) == (0, None, "2026-11-22T06:00:00Z")


def test_what_is_new_goes_with_the_next_look(box: Box) -> None:
    centre = MemoryCentre()
    watch = Watch(pump_between(box, centre.upstream()), every_s=0.05)
    watch.wait_for(lambda state: state.state == "up")
    box.find(DAY, {A: 1})
    watch.wait_for(lambda state: state.last_seq == 4 and state.pending_rows == 0)
    watch.end()
    assert centre.contents(SITE.id) == box.contents()


def test_a_conflict_is_said_and_tried_again_only_after_long(new_box: Callable[..., Box]) -> None:
    centre, first, second = MemoryCentre(), new_box(), new_box()
    first.find(DAY, {A: 1})
    drain(first, centre)
    watch = Watch(pump_between(second, centre.upstream()), every_s=0.01)
    state = watch.wait_for(lambda state: state.state == "down")
    watch.end()
    assert state.retry_after_s == 300
    assert state.last_error is not None
    assert "site.id" in state.last_error


def test_a_fault_of_our_own_does_not_end_the_sync(box: Box) -> None:
    upstream = MemoryUpstream(MemoryCentre(), iter(()))
    reports: list[SyncState] = []
    stop = threading.Event()

    def report(state: SyncState) -> None:
        reports.append(state)
        stop.set()
        if len(reports) == 1:
            raise ZeroDivisionError("a reporter with a fault")

    pump_between(box, upstream).run(stop, every_s=0.01, report=report)
    assert reports[-1] == SyncState(state="off")
