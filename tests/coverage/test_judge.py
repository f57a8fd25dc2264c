"""Whether a cell was watched: hand-worked days, and what must hold of any."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.coverage.judge import LEAST_WATCHED, judge_cell, share_up
from appliance.coverage.line import Line, Piece, Standing

STANDINGS: list[Standing] = ["absent", "up", "own", "segment", "ours", "maintenance"]


def line(*pieces: tuple[int, Standing]) -> Line:
    """A line of (hours, standing) from midnight on."""
    found, at = [], 0
    for hours, standing in pieces:
        found.append(Piece(at, at + hours, standing))
        at += hours
    return tuple(found)


UP = line((24, "up"))


@pytest.mark.parametrize(
    ("lines", "coverage", "detail", "watched", "cause", "down"),
    [
        ([UP], "observed", "observed", 1.0, "", 0),
        ([UP, line((24, "own"))], "observed", "observed", 1.0, "", 1),
        ([line((18, "up"), (6, "own"))], "observed", "partial", 0.75, "own", 1),
        ([line((12, "up"), (12, "own"))], "observed", "partial", 0.5, "own", 1),
        ([line((11, "up"), (13, "own"))], "unknown", "unknown", 0.45, "own", 1),
        ([line((12, "absent"), (6, "up"), (6, "own"))], "observed", "partial", 0.5, "own", 1),
        ([line((6, "up"), (18, "own")), line((18, "own"), (6, "up"))], "observed", "partial", 0.5, "own", 1),
        ([line((1, "up"), (5, "own"), (18, "ours"))], "unknown", "unknown", 0.04, "ours", 1),
        ([line((24, "maintenance"))], "unknown", "unknown", 0.0, "maintenance", 1),
        ([line((24, "own")), line((24, "segment"))], "unknown", "unknown", 0.0, "segment", 2),
        ([line((24, "own")), line((24, "own")), line((24, "ours"))], "unknown", "unknown", 0.0, "own", 3),
    ],
)
def test_a_day_that_is_over(
    lines: list[Line], coverage: str, detail: str, watched: float, cause: str, down: int
) -> None:
    found = judge_cell(lines, running=False)
    assert found is not None
    assert (found.coverage, found.detail, found.watched, found.cause) == (coverage, detail, watched, cause)
    assert (found.devices, found.down) == (len(lines), down)


def test_a_cell_that_had_no_device_all_day_is_none_of_ours() -> None:
    assert judge_cell([line((24, "absent"))], running=False) is None
    assert judge_cell([], running=True) is None


def test_on_the_running_day_a_cell_is_unknown_while_all_of_its_devices_are_down() -> None:
    cut = [line((9, "up"), (1, "own"))]
    over, now = judge_cell(cut, running=False), judge_cell(cut, running=True)
    assert over is not None and now is not None
    assert (over.coverage, now.coverage, now.watched, now.cause) == ("observed", "unknown", 0.9, "own")
    back = judge_cell([line((9, "up"), (1, "own"), (1, "up"))], running=True)
    assert back is not None and (back.coverage, back.detail) == ("observed", "partial")


def test_what_darkens_a_cell_now_is_its_cause_whatever_was_longer_before() -> None:
    found = judge_cell([line((2, "up"), (6, "ours"), (8, "up"), (1, "own"))], running=True)
    assert found is not None and found.cause == "own"


def test_a_share_never_says_more_than_there_was() -> None:
    found = judge_cell([line((999, "up"), (1, "own"))], running=False)
    assert found is not None and (found.watched, found.detail) == (0.99, "partial")


def test_a_device_has_a_share_of_the_time_in_which_it_was_there() -> None:
    assert share_up(line((12, "absent"), (9, "up"), (3, "own"))) == 0.75
    assert share_up(line((24, "absent"))) is None


lines_of_a_day = st.lists(
    st.lists(st.sampled_from(STANDINGS), min_size=24, max_size=24).map(
        lambda hours: line(*((1, standing) for standing in hours))
    ),
    max_size=4,
)


@given(lines_of_a_day)
def test_hour_by_hour_it_is_the_same(lines: list[Line]) -> None:
    hours = [{one[hour].standing for one in lines} - {"absent"} for hour in range(24)]
    there, seen = sum(bool(found) for found in hours), sum("up" in found for found in hours)
    found = judge_cell(lines, running=False)
    if there == 0:
        assert found is None
        return
    assert found is not None
    assert found.coverage == ("unknown" if seen < LEAST_WATCHED * there else "observed")
    assert found.watched == seen * 100 // there / 100
    assert (found.cause == "") == (seen == there)
