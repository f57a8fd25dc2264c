"""A device's line: every span judged by the rules, no gap, whatever was noted."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.coverage.line import Interval, Piece, Span, Standing, line_of, merged, standing_of

H = 3_600_000_000
DAY = 24 * H


def span(state: str, start: int, end: int | None, cause: str = "") -> Span:
    return Span(state=state, cause=cause, start=start * H, end=None if end is None else end * H)


def standings(spans: list[Span], ours: list[Interval] = []) -> list[tuple[int, str]]:  # noqa: B006
    """(hours, standing) of a day's line."""
    return [((piece.end - piece.start) // H, piece.standing) for piece in line_of(spans, ours, 0, DAY)]


@pytest.mark.parametrize(
    ("state", "cause", "standing"),
    [
        ("pending", "", "absent"),
        ("online", "birth", "up"),
        ("stale", "silence", "up"),
        ("offline", "silence", "own"),
        ("offline", "will", "own"),
        ("offline", "outage:switch-north", "segment"),
        ("offline", "outage:via:frigate/server", "segment"),
        ("offline", "outage:broker", "ours"),
        ("maintenance", "maintenance", "maintenance"),
    ],
)
def test_what_a_state_means(state: str, cause: str, standing: Standing) -> None:
    assert standing_of(state, cause) == standing


def test_a_device_is_not_there_before_it_was_first_heard() -> None:
    assert standings([span("pending", 2, 6), span("online", 6, None)]) == [(6, "absent"), (18, "up")]


def test_stale_that_ends_offline_was_not_watching_from_its_beginning() -> None:
    spans = [span("online", 0, 10), span("stale", 10, 12), span("offline", 12, None, "silence")]
    assert standings(spans) == [(10, "up"), (14, "own")]


def test_stale_takes_the_blame_of_what_follows_also_through_another_stale() -> None:
    spans = [
        span("online", 0, 10),
        span("stale", 10, 11, "silence"),
        span("stale", 11, 12, "will"),
        span("offline", 12, None, "outage:switch"),
    ]
    assert standings(spans) == [(10, "up"), (14, "segment")]


@pytest.mark.parametrize("after", ["online", "maintenance"])
def test_stale_that_ended_otherwise_was_watching(after: str) -> None:
    spans = [span("online", 0, 10), span("stale", 10, 12), span(after, 12, 24)]
    assert standings(spans)[0] == (12 if after == "maintenance" else 24, "up")


def test_stale_that_lasts_is_not_judged_yet() -> None:
    assert standings([span("online", 0, 10), span("stale", 10, None)]) == [(24, "up")]


def test_while_we_did_not_listen_who_was_up_is_ours_and_who_was_down_stays_so() -> None:
    ours = [(4 * H, 8 * H), (20 * H, 30 * H)]
    assert standings([span("online", 0, None)], ours) == [(4, "up"), (4, "ours"), (12, "up"), (4, "ours")]
    assert standings([span("online", 0, 6), span("offline", 6, None, "silence")], ours) == [
        (4, "up"), (2, "ours"), (18, "own"),
    ]  # fmt: skip
    assert standings([span("maintenance", 0, None)], ours) == [(24, "maintenance")]


def test_a_span_that_begins_before_the_last_one_ended_holds_from_there_on() -> None:
    assert standings([span("online", 0, 12), span("offline", 10, None, "will")]) == [(10, "up"), (14, "own")]


def test_nothing_noted_is_nothing_there() -> None:
    assert standings([]) == [(24, "absent")]


times = st.integers(-5 * H, DAY + 5 * H)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["pending", "online", "stale", "offline", "maintenance"]),
            st.sampled_from(["", "silence", "outage:broker", "outage:mast"]),
            times,
            st.one_of(st.none(), times),
        ),
        max_size=8,
    ),
    st.lists(st.tuples(times, times), max_size=4),
)
def test_a_line_has_no_gap_whatever_was_noted(
    noted: list[tuple[str, str, int, int | None]], unheard: list[Interval]
) -> None:
    spans = [
        Span(state=state, cause=cause, start=start, end=end)
        for state, cause, start, end in sorted(noted, key=lambda one: one[2])
    ]
    line = line_of(spans, merged(unheard), 0, DAY)
    assert line[0].start == 0 and line[-1].end == DAY
    for before, after in itertools.pairwise(line):
        assert before.end == after.start and before.standing != after.standing
    assert all(piece.start < piece.end for piece in line)


def test_intervals_that_touch_are_one_and_empty_ones_none() -> None:
    assert merged([(5, 7), (1, 3), (3, 4), (9, 9), (6, 8)]) == [(1, 4), (5, 8)]


def test_a_piece_can_be_read_by_name() -> None:
    (piece,) = line_of([span("online", -3, None)], [], 0, DAY)
    assert piece == Piece(start=0, end=DAY, standing="up")
