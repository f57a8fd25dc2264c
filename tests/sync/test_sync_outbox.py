"""What the box tells the centre next, and what it remembers of it."""

from collections.abc import Callable

import pytest

from appliance.errors import Conflict, Unavailable
from appliance.model.change import Batch, Position, Slice
from tests.sync.box import CELLS, DAY, NEXT_DAY, RESOLUTION, Box

A, B, C, *_ = CELLS
CELLS_SLICE = Slice(kind="h3_cells", resolution=RESOLUTION, day="")
RISK = Slice(kind="risk_scores", resolution=RESOLUTION, day=DAY)


def take(box: Box) -> Batch:
    batch = box.next_batch()
    assert batch is not None
    return batch


def drain(box: Box) -> list[Batch]:
    """Every batch, each acknowledged as it comes."""
    batches = []
    while batch := box.next_batch():
        batches.append(batch)
        box.acknowledge(batch.seq)
    return batches


def of(batches: list[Batch], at: Slice) -> Batch:
    (found,) = [batch for batch in batches if batch.slice == at]
    return found


def test_a_new_box_has_nothing_to_tell(box: Box) -> None:
    assert box.next_batch() is None
    assert box.position() == Position(epoch=1, last_seq=0)
    status = box.status()
    assert (status.pending_slices, status.pending_rows, status.last_acked_at) == (0, 0, None)


def test_cells_go_before_the_rows_that_need_them_and_numbers_have_no_gap(box: Box) -> None:
    box.find(DAY, {A: 1})
    box.find(NEXT_DAY, {A: 2, B: 3})  # B is new: the cells' slice now has the higher rev
    batches = drain(box)
    assert [batch.seq for batch in batches] == list(range(1, 8))
    assert batches[0].slice == CELLS_SLICE
    assert len(batches[0].rows) == 2
    days = [batch.slice.day for batch in batches[1:]]
    assert days == [DAY] * 3 + [NEXT_DAY] * 3


def test_a_batch_has_no_more_rows_than_it_may_and_they_go_by_revision(new_box: Callable[..., Box]) -> None:
    box = new_box(batch_rows=3)
    box.find(DAY, {cell: n for n, cell in enumerate(CELLS[:8])})
    batches = [batch for batch in drain(box) if batch.slice == RISK]
    assert [len(batch.rows) for batch in batches] == [3, 3, 2]
    revs = [row[-1] for batch in batches for row in batch.rows]
    assert revs == sorted(revs)
    assert [batch.complete for batch in batches] == [False, False, True]


def test_a_row_that_changed_again_is_told_once_with_its_last_value(box: Box) -> None:
    for n in range(1, 5):
        box.find(DAY, {A: n})
    assert [row[4] for row in of(drain(box), RISK).rows] == [pytest.approx(40.0)]


def test_only_what_changed_since_the_acknowledgement_is_told_again(box: Box) -> None:
    box.find(DAY, {A: 1, B: 1})
    drain(box)
    assert box.next_batch() is None
    box.find(DAY, {A: 1, B: 2})
    assert [row[0] for row in of(drain(box), RISK).rows] == [B]


def test_a_row_that_is_gone_leaves_a_tombstone_until_that_is_acknowledged(box: Box) -> None:
    box.find(DAY, {A: 1, B: 1})
    drain(box)
    box.find(DAY, {A: 1})
    risk = of(drain(box), RISK)
    assert risk.rows == []
    assert [cell for cell, _, _ in risk.gone] == [B]
    assert box.query("SELECT count(*) FROM tombstones") == [(0,)]


def test_a_row_that_went_before_the_centre_heard_of_it_is_not_spoken_of(box: Box) -> None:
    box.find(DAY, {A: 1, B: 1})
    box.find(DAY, {A: 1})
    risk = of(drain(box), RISK)
    assert [row[0] for row in risk.rows] == [A]
    assert risk.gone == []
    assert box.status().pending_slices == 0


def test_a_slice_that_emptied_unsent_does_not_stay_pending(box: Box) -> None:
    box.find(DAY, {A: 1})
    box.find(DAY, {})
    risk = of(drain(box), RISK)
    assert (risk.rows, risk.gone, risk.complete) == ([], [], True)
    assert box.next_batch() is None


def test_the_batch_in_flight_comes_again_until_it_is_acknowledged(box: Box) -> None:
    box.find(DAY, {A: 1})
    first = take(box)
    assert take(box) == first
    box.acknowledge(first.seq)
    assert take(box).seq == first.seq + 1


def test_rows_that_change_during_a_flight_wait_for_the_next_batch(box: Box) -> None:
    box.find(DAY, {A: 1, B: 1})
    while (flight := take(box)).slice != RISK:
        box.acknowledge(flight.seq)
    box.find(DAY, {A: 1, C: 7})  # B goes, C comes
    again = take(box)
    assert (again.seq, again.slice, again.upto_rev) == (flight.seq, flight.slice, flight.upto_rev)
    assert [row[0] for row in again.rows] == [A]
    assert not again.complete
    box.acknowledge(again.seq)
    risk = of(drain(box), RISK)
    assert [row[0] for row in risk.rows] == [C]
    assert [cell for cell, _, _ in risk.gone] == [B]


def test_acknowledging_twice_changes_nothing(box: Box) -> None:
    box.find(DAY, {A: 1})
    box.acknowledge(take(box).seq)
    second = take(box)
    box.acknowledge(1)
    assert take(box) == second
    assert box.position().last_seq == 1


def test_acknowledging_what_was_never_sent_is_a_conflict(box: Box) -> None:
    with pytest.raises(Conflict, match="acknowledging batch 1: it was never sent"):
        box.acknowledge(1)


def test_what_is_waiting_is_counted_exactly(box: Box) -> None:
    box.find(DAY, {A: 1, B: 1})
    box.find(NEXT_DAY, {A: 1})
    status = box.status()
    assert (status.pending_slices, status.pending_rows) == (7, 2 + 3 * 2 + 3)
    assert status.oldest_pending_day == DAY
    drain(box)
    box.find(NEXT_DAY, {})
    status = box.status()
    assert (status.pending_slices, status.pending_rows, status.oldest_pending_day) == (3, 3, NEXT_DAY)
    assert status.last_seq == 7
    assert status.last_acked_at == "2026-11-22T06:00:00Z"


def test_a_centre_that_has_the_batch_in_flight_acknowledges_it(box: Box) -> None:
    box.find(DAY, {A: 1})
    flight = take(box)
    box.reconcile(before=box.position(), central=Position(epoch=1, last_seq=1))
    assert box.position().last_seq == 1
    assert take(box).slice != flight.slice


def test_a_centre_that_has_not_the_batch_in_flight_gets_it_again(box: Box) -> None:
    box.find(DAY, {A: 1})
    flight = take(box)
    box.reconcile(before=box.position(), central=Position(epoch=0, last_seq=0))
    assert take(box) == flight


def test_a_centre_put_back_from_a_backup_is_told_everything_in_a_new_epoch(box: Box) -> None:
    box.find(DAY, {A: 1})
    drain(box)
    box.reconcile(before=box.position(), central=Position(epoch=1, last_seq=2))
    assert box.position() == Position(epoch=2, last_seq=0)
    assert box.status().pending_rows == 4
    assert {(batch.epoch, batch.complete) for batch in drain(box)} == {(2, True)}


def test_a_new_empty_centre_is_told_everything(box: Box) -> None:
    box.find(DAY, {A: 1})
    drain(box)
    box.reconcile(before=box.position(), central=Position(epoch=0, last_seq=0))
    assert box.status().pending_rows == 4


@pytest.mark.parametrize("central", [Position(epoch=1, last_seq=5), Position(epoch=2, last_seq=0)])
def test_a_centre_that_has_heard_more_than_the_box_ever_sent_is_a_conflict(box: Box, central: Position) -> None:
    box.find(DAY, {A: 1})
    drain(box)
    with pytest.raises(Conflict, match=r"if two boxes share site.id give each its own"):
        box.reconcile(before=box.position(), central=central)
    assert box.position() == Position(epoch=1, last_seq=4)


def test_an_answer_from_before_another_process_sent_is_not_taken_for_a_restored_centre(box: Box) -> None:
    box.find(DAY, {A: 1})
    before = box.position()
    drain(box)  # the other process
    with pytest.raises(Unavailable, match="another process is sending"):
        box.reconcile(before=before, central=Position(epoch=0, last_seq=0))
    assert box.position() == Position(epoch=1, last_seq=4)
