"""What is archived of an upload or a file gives the same events again."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.errors import Rejected
from appliance.ingest.native_form import raw_events, read_raw_events
from appliance.model.native import read_event
from tests.conftest import NOW, examples

NAMES = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=8)
NATIVE = st.fixed_dictionaries(
    {
        "event_type": NAMES,
        "event_timestamp": st.datetimes(
            datetime(1950, 1, 1),  # noqa: DTZ001
            datetime(2150, 1, 1),  # noqa: DTZ001
            timezones=st.just(UTC),
        ),
    },
    optional={
        "event_id": NAMES,
        "severity": st.floats(0, 1),
        "value": st.floats(allow_nan=False, allow_infinity=False),
        "rev": st.integers(0, 2**52),
        "attributes": st.dictionaries(st.one_of(NAMES, st.just("value"), st.just("source")), st.integers() | NAMES),
        "colour": NAMES,
    },
)


@settings(max_examples=examples(300))
@given(
    st.lists(
        st.tuples(NATIVE, st.sampled_from(["a/1", "b/2"]), st.booleans(), st.none() | st.tuples(st.floats(-180, 180)))
    )
)
def test_events_come_back_as_they_were(rows: list[tuple[dict[str, object], str, bool, tuple[float] | None]]) -> None:
    events = [
        read_event(
            {**raw, **({"longitude": place[0], "latitude": 29.3} if place else {})},
            source=source,
            received_at=NOW + timedelta(seconds=trusted),
            clock_trusted=trusted,
            unplaced=True,
        )
        for raw, source, trusted, place in rows
    ]
    messages = raw_events(events, "file")
    again = [event for message in messages for event in read_raw_events(message)]
    assert sorted(again, key=repr) == sorted(events, key=repr)
    assert len(messages) == len({(event.source, event.received_at) for event in events})


def test_an_event_that_is_refused_by_now_says_why_and_costs_no_other() -> None:
    event = read_event({"event_type": "crash", "event_timestamp": NOW}, source="a/1", received_at=NOW, unplaced=True)
    (message,) = raw_events([event, event], "http")
    broken = message.payload.replace(b'"severity":null', b'"severity":7', 1)
    first, second = read_raw_events(type(message)(topic="a/1", payload=broken, received_at=NOW, origin="http"))
    assert isinstance(first, Rejected) and first.path == "$[0].severity"
    assert second == event
