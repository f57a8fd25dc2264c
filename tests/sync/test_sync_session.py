"""The conversation with the centre, without a centre: events in, commands out."""

from itertools import product

import pytest

from appliance.errors import Corrupt
from appliance.model.change import Batch, Position, Slice
from sync.backoff import LONGEST_S
from sync.change import Receipt
from sync.session import (
    GREET_EVERY_S,
    TRANSITIONS,
    Answered,
    Command,
    Event,
    Exhausted,
    Failed,
    Greet,
    Greeted,
    Match,
    Matched,
    Phase,
    Rest,
    Retry,
    Send,
    Session,
    Settle,
    Settled,
    Take,
    Taken,
    Wake,
)

AT = Position(epoch=1, last_seq=6)
BATCH = Batch(
    site_id="kuwait-1",
    epoch=1,
    seq=7,
    slice=Slice(kind="h3_cells", resolution=8, day=""),
    rows=[],
    gone=[],
    upto_rev=9,
)
WAKE, GREETED = Wake(at=0.0), Greeted(at=0.0, before=AT, central=AT)
TAKEN, ANSWERED = Taken(batch=BATCH), Answered(receipt=Receipt(seq=7, n_rows=0, n_changed=0))
TO_PHASE: dict[Phase, list[Event]] = {
    Phase.AWAY: [],
    Phase.GREETING: [WAKE],
    Phase.MATCHING: [WAKE, GREETED],
    Phase.TAKING: [WAKE, GREETED, Matched()],
    Phase.SENDING: [WAKE, GREETED, Matched(), TAKEN],
    Phase.SETTLING: [WAKE, GREETED, Matched(), TAKEN, ANSWERED],
    Phase.RESTING: [WAKE, GREETED, Matched(), Exhausted()],
}
EVENTS: list[Event] = [WAKE, GREETED, Matched(), TAKEN, Exhausted(), ANSWERED, Settled(), Failed()]


def session_after(events: list[Event]) -> Session:
    session = Session(lambda: 0.0)
    for event in events:
        session.step(event)
    return session


@pytest.mark.parametrize(
    ("events", "command"),
    [
        ([WAKE], Greet()),
        ([WAKE, GREETED], Match(before=AT, central=AT)),
        ([WAKE, GREETED, Matched()], Take()),
        ([WAKE, GREETED, Matched(), TAKEN], Send(batch=BATCH)),
        ([WAKE, GREETED, Matched(), TAKEN, ANSWERED], Settle(seq=7)),
        ([WAKE, GREETED, Matched(), TAKEN, ANSWERED, Settled()], Take()),
        ([WAKE, GREETED, Matched(), Exhausted()], Rest()),
        ([WAKE, GREETED, Matched(), Exhausted(), Wake(at=GREET_EVERY_S - 1)], Take()),
        ([WAKE, GREETED, Matched(), Exhausted(), Wake(at=GREET_EVERY_S)], Greet()),
        ([WAKE, Failed()], Retry(after_s=0.5)),
        ([WAKE, Failed(), WAKE, Failed()], Retry(after_s=1.0)),
        ([WAKE, Failed(), WAKE], Greet()),
        ([WAKE, Failed(needs_person=True)], Retry(after_s=LONGEST_S)),
        ([WAKE, Failed(needs_person=True), WAKE], Greet()),
    ],
)
def test_what_is_done_next(events: list[Event], command: Command) -> None:
    session = session_after(events[:-1])
    assert session.step(events[-1]) == command


@pytest.mark.parametrize(("phase", "event"), list(product(Phase, EVENTS)))
def test_an_event_either_leads_to_the_phase_of_the_table_or_is_refused(phase: Phase, event: Event) -> None:
    session = session_after(TO_PHASE[phase])
    assert session.phase is phase
    following = TRANSITIONS[phase].get(type(event))
    if following is None:
        with pytest.raises(RuntimeError, match=f"cannot happen while {phase.name}"):
            session.step(event)
        assert session.phase is phase
    else:
        session.step(event)
        assert session.phase is following


def test_every_failure_leads_to_a_new_greeting() -> None:
    for phase in set(Phase) - {Phase.AWAY}:
        session = session_after(TO_PHASE[phase])
        assert isinstance(session.step(Failed()), Retry)
        assert session.step(WAKE) == Greet()


def test_only_an_acknowledged_batch_or_an_empty_outbox_shortens_the_wait_again() -> None:
    greeted: list[Event] = [WAKE, GREETED, Matched(), TAKEN, Failed()]
    session = session_after(greeted * 3)
    assert session.failures == 3  # a link that carries a greeting and nothing else is no good link
    session = session_after([*greeted * 3, WAKE, GREETED, Matched(), TAKEN, ANSWERED, Settled()])
    assert session.failures == 0


def test_a_receipt_for_another_batch_stops_the_sync() -> None:
    session = session_after(TO_PHASE[Phase.SENDING])
    with pytest.raises(Corrupt, match="sending batch 7: the centre acknowledged 6"):
        session.step(Answered(receipt=Receipt(seq=6, n_rows=0, n_changed=0)))
    assert isinstance(session.step(Failed(needs_person=True)), Retry)
