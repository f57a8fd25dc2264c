"""The daily backup: when it is due, and what becomes of a child that fails."""

import sys
from datetime import timedelta

import pytest

from appliance.job.backing_up import Child, is_backup_due
from appliance.store.backup.ledger import insert_backup
from appliance.store.engine import Store
from tests.conftest import NOW


@pytest.mark.parametrize(
    ("age", "trusted", "due"),
    [
        (None, True, True),
        (None, False, True),
        (timedelta(hours=23), True, False),
        (timedelta(hours=24), True, True),
        (timedelta(days=300), False, False),  # the clock may be wrong, and the copy would say so of itself for ever
        (timedelta(days=-300), True, True),  # made by a clock that was
    ],
)
def test_a_backup_is_due_a_day_after_the_last(store: Store, age: timedelta | None, trusted: bool, due: bool) -> None:
    if age is not None:
        with store.write() as connection:
            insert_backup(connection, at=NOW - age, folder="/media/usb", done=True)
            insert_backup(connection, at=NOW, folder="/media/usb", done=False, message="no room")
    assert is_backup_due(store, NOW, clock_trusted=trusted) is due


def test_what_a_child_says_last_is_the_error_and_it_is_not_tried_again_at_once() -> None:
    script = "import sys; print('first', file=sys.stderr); sys.exit('hexpost: no room')"
    child = Child("backup", [sys.executable, "-c", script], lambda: True)
    assert child.tend() is True
    assert child.error == "no room"
    assert child.tend() is False


def test_a_child_that_went_well_clears_the_error() -> None:
    child = Child("backup", ["/no/such/program"], lambda: True, again_s=0.0)
    assert child.tend() is True
    assert "/no/such/program" in child.error
    child = Child("backup", [sys.executable, "-c", "pass"], lambda: True)
    assert child.tend() is True
    assert child.error == ""
    child.stop()
    assert child.tend() is False


def test_a_child_lets_everything_else_go_first_where_it_is_told_to() -> None:
    waits = "import os, select\nwhile os.getpriority(os.PRIO_PROCESS, 0) != 10: select.select([], [], [], 0.01)"
    child = Child("backtest", [sys.executable, "-c", waits], lambda: True, niceness=10)
    assert child.tend() is True
    assert child.error == ""
