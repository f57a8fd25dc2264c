"""Reading by type gives the very event that careful reading gives, or steps aside."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.errors import Rejected
from appliance.model.event import Event
from appliance.model.native import read_event
from appliance.model.native_plain import read_plain
from tests.conftest import NOW, examples

PLAIN = {"event_type": "motion", "event_timestamp": "2026-11-21T10:00:00Z", "longitude": 47.97, "latitude": 29.37}


def carefully(payload: bytes) -> list[Event]:
    document = msgspec.json.decode(payload)
    return [
        read_event(item, source="a/b", received_at=NOW, clock_trusted=True, unplaced=True, live=True)
        for item in (document if isinstance(document, list) else [document])
    ]


def quickly(payload: bytes) -> list[Event] | None:
    return read_plain(payload, source="a/b", received_at=NOW, clock_trusted=True)


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"event_id": "x", "severity": 1, "value": 3, "rev": 2, "attributes": {"zone": "gate", "n": 1, "ok": True}},
        {"longitude": None, "latitude": None},
        {"event_timestamp": "2026-11-21T13:00:00.123456+03:00"},
        {"event_timestamp": "2026-11-21 10:00:00+00:00"},
        {"event_timestamp": "2020-01-01T00:00:00Z"},  # ancient
        {"event_timestamp": "2030-01-01T00:00:00Z"},  # future
    ],
)
def test_what_is_usual_is_read_by_its_type(members: dict[str, Any]) -> None:
    for payload in (json.dumps({**PLAIN, **members}), json.dumps([{**PLAIN, **members}, PLAIN])):
        events = quickly(payload.encode())
        assert events is not None
        assert events == carefully(payload.encode())


@pytest.mark.parametrize(
    "members",
    [
        {"zone": "gate"},
        {"event_timestamp": 1_795_000_000},
        {"event_timestamp": "1795000000"},
        {"event_timestamp": "20261121T100000Z"},
        {"event_timestamp": "2026-11-21T10:00:00"},
        {"event_timestamp": "2026-11-21T10:00:00z"},
        {"event_timestamp": "2026-12-31T23:59:60Z"},
        {"event_timestamp": " 2026-11-21T10:00:00Z"},
        {"event_timestamp": "0001-01-01T00:00:00+12:00"},
        {"event_type": " motion"},
        {"event_id": "x "},
        {"event_type": "mo\u0007tion"},
        {"event_type": ""},
        {"event_id": 7},
        {"event_id": "x" * 201},
        {"latitude": None},
        {"longitude": 180.5},
        {"severity": "0.5"},
        {"value": True},
        {"rev": -1},
        {"attributes": {"deep": [1]}},
        {"attributes": {"text": "y" * 201}},
        {"attributes": "text"},
        {"attributes": {"long": "y" * 9_000}},
    ],
)
def test_what_is_unusual_is_left_to_careful_reading(members: dict[str, Any]) -> None:
    assert quickly(json.dumps({**PLAIN, **members}).encode()) is None
    assert quickly(json.dumps([PLAIN, {**PLAIN, **members}]).encode()) is None


@pytest.mark.parametrize("payload", [b"", b"{", b"[", b"null", b"[1]", b"{}", b"\xff", b"[[[[", b'"x"'])
def test_what_is_no_event_is_left_to_careful_reading(payload: bytes) -> None:
    assert quickly(payload) is None


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.text(max_size=12),
    st.sampled_from(["2026-11-21T10:00:00Z", "2026-11-21T10:00:00.1234567+05:30", "2026-W47-6T10:00:00Z", "x" * 201]),
    st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=300) | st.lists(st.none()), max_size=3),
)  # fmt: skip


@settings(max_examples=examples(2_000))
@given(
    st.dictionaries(
        st.sampled_from(
            "event_id event_type event_timestamp longitude latitude severity value attributes rev other".split()
        ),
        VALUES,
    ),
    st.booleans(),
)
def test_whatever_it_takes_it_takes_as_careful_reading_does(members: dict[str, Any], in_array: bool) -> None:
    item = {**PLAIN, **members}
    payload = json.dumps([item, PLAIN] if in_array else item).encode()
    events = quickly(payload)
    if events is None:
        return
    try:
        assert events == carefully(payload)
    except Rejected as rejected:
        pytest.fail(f"careful reading refuses it: {rejected}")
