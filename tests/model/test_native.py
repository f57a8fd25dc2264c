"""The native event, read strictly: what is taken, what is refused, and where the fault is said to lie."""

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.errors import Rejected
from appliance.model.event import Event, clock_quality, content_id
from appliance.model.native import read_event, read_timestamp
from tests.conftest import NOW, examples

EVENT: dict[str, Any] = {
    "event_id": "e1",
    "event_type": "motion",
    "event_timestamp": "2026-11-21T10:00:00Z",
    "longitude": 47.97,
    "latitude": 29.37,
}
NOWHERE: dict[str, Any] = {"longitude": None, "latitude": None}
TEN = datetime(2026, 11, 21, 10, tzinfo=UTC)


def read(**members: Any) -> Event:
    return read_event({**EVENT, **members}, source="moi/cam7", received_at=NOW)


def refusal(**members: Any) -> tuple[str, str]:
    with pytest.raises(Rejected) as caught:
        read(**members)
    return caught.value.path, caught.value.reason


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-11-21T10:00:00Z", TEN),
        ("2026-11-21t10:00:00z", TEN),
        ("2026-11-21 10:00:00Z", TEN),
        (" 2026-11-21T10:00:00Z\n", TEN),
        ("2026-11-21T13:00:00+03:00", TEN),
        ("2026-11-21T04:30:00-05:30", TEN),
        ("2026-11-21T10:00:00-00:00", TEN),
        ("2026-11-21T10:00:00.5Z", TEN.replace(microsecond=500_000)),
        ("2026-11-21T10:00:00.123456789Z", TEN.replace(microsecond=123_456)),
        ("2026-12-31T23:59:60Z", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2027-01-01T02:59:60.25+03:00", datetime(2027, 1, 1, microsecond=250_000, tzinfo=UTC)),
        (1795255200, TEN),
        (1795255200.25, TEN.replace(microsecond=250_000)),
        (1795255200000, TEN),
        (1795255200250.0, TEN.replace(microsecond=250_000)),
        ("1795255200", TEN),
        ("1795255200000", TEN),
        ("1795255200.25", TEN.replace(microsecond=250_000)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (-86_400, datetime(1969, 12, 31, tzinfo=UTC)),
        ("-86400", datetime(1969, 12, 31, tzinfo=UTC)),
        (4_999_999_999, datetime(2128, 6, 11, 8, 53, 19, tzinfo=UTC)),
        (100_000_000_000, datetime(1973, 3, 3, 9, 46, 40, tzinfo=UTC)),  # from here on they are milliseconds
        ("1900-01-01T00:00:00Z", datetime(1900, 1, 1, tzinfo=UTC)),
        ("2199-12-31T23:59:59Z", datetime(2199, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (datetime(2026, 11, 21, 13, tzinfo=timezone(timedelta(hours=3))), TEN),
    ],
)
def test_a_time_is_read(written: object, expected: datetime) -> None:
    assert read_timestamp(written) == expected
    assert read_timestamp(written).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (None, "required, and missing"),
        ("", "required, and missing"),
        (True, "got a boolean"),
        ([], "got an array"),
        ({}, "got an object"),
        (b"2026", "got bytes"),
        ("yesterday", "is not a time"),
        ("2026-11-21", "needs its offset"),
        ("2026-11-21T10:00:00", "needs its offset"),
        (datetime(2026, 11, 21, 10), "needs its offset"),  # noqa: DTZ001 - naive is the case
        ("2026-02-30T10:00:00Z", "is not a time"),
        ("2026-11-21T24:00:00+99:00", "is not a time"),
        ("2026-11-21T10:61:00Z", "is not a time"),
        ("2026-11-21T10:00:61Z", "is not a time"),
        ("2026-11-21T10:00:00+24:00", "is not a time"),
        ("1_795_255_200", "is not a time"),
        ("١٧٩٥٢٥٥٢٠٠", "is not a time"),
        ("1e9", "is not a time"),
        ("", "required, and missing"),
        pytest.param("\ud800", "is not a time", id="surrogate"),
        (math.nan, "is not a time"),
        (math.inf, "is not a time"),
        (-math.inf, "is not a time"),
        (1e300, "is not a time"),
        (10**400, "is not a time"),
        pytest.param(10**5_000, "is not a time", id="digits"),
        pytest.param("9" * 5_000, "is not a time", id="digits as text"),
        ("1899-12-31T23:59:59Z", "outside the years 1900 to 2199"),
        ("2200-01-01T00:00:00Z", "outside the years 1900 to 2199"),
        ("0001-01-01T00:00:00+14:00", "is not a time"),
    ],
)
def test_what_is_no_time_is_refused(written: object, reason: str) -> None:
    with pytest.raises(Rejected, match=reason) as caught:
        read_timestamp(written, "$.event_timestamp")
    assert caught.value.path == "$.event_timestamp"


@pytest.mark.parametrize(
    ("members", "path", "reason"),
    [
        ({"event_type": None}, "$.event_type", "required, and missing"),
        ({"event_type": "  "}, "$.event_type", "required, and missing"),
        ({"event_type": True}, "$.event_type", "expected text, got a boolean"),
        ({"event_type": "a" * 201}, "$.event_type", "longer than 200 characters"),
        ({"event_id": "a\nb"}, "$.event_id", "holds control characters"),
        ({"event_id": "\x00"}, "$.event_id", "holds control characters"),
        ({"event_id": ["e1"]}, "$.event_id", "expected text, got an array"),
        ({"event_timestamp": None}, "$.event_timestamp", "required, and missing"),
        (NOWHERE, "$.longitude", "missing, and moi/cam7 is not registered with a place"),
        ({"longitude": None}, "$.longitude", "missing: a place has both coordinates, or none"),
        ({"latitude": None}, "$.latitude", "missing: a place has both coordinates, or none"),
        ({"longitude": 180.0001}, "$.longitude", "180.0001 is not between -180 and 180"),
        ({"latitude": -90.5}, "$.latitude", "-90.5 is not between -90 and 90"),
        ({"latitude": math.nan}, "$.latitude", "nan is not between -90 and 90"),
        ({"longitude": "47.97"}, "$.longitude", "expected a number, got text"),
        ({"longitude": True}, "$.longitude", "expected a number, got a boolean"),
        ({"severity": 1.01}, "$.severity", "1.01 is not between 0 and 1"),
        ({"severity": -0.1}, "$.severity", "-0.1 is not between 0 and 1"),
        ({"value": math.inf}, "$.value", "inf is not finite"),
        ({"value": 10**400}, "$.value", None),
        ({"value": 10**5_000}, "$.value", "a number of thousands of digits is not finite"),
        ({"attributes": []}, "$.attributes", "expected an object, got an array"),
        ({"attributes": {"a": object()}}, "$.attributes", None),
        ({"attributes": {"a": "x" * 65_536}}, "$.attributes", "65544 bytes of attributes, at most 65536 are kept"),
        ({"extra": "\ud800"}, "$.attributes", None),
        ({"rev": -1}, "$.rev", "expected a whole number from 0"),
        ({"rev": 1.0}, "$.rev", "expected a whole number from 0"),
        ({"rev": True}, "$.rev", "expected a whole number from 0"),
        ({"rev": "1"}, "$.rev", "expected a whole number from 0"),
        ({"rev": 2**53}, "$.rev", "expected a whole number from 0"),
    ],
)
def test_a_member_that_cannot_be_is_named(members: dict[str, Any], path: str, reason: str | None) -> None:
    found_path, found_reason = refusal(**members)
    assert found_path == path
    assert reason is None or found_reason == reason


@pytest.mark.parametrize("raw", [None, 7, "text", [], True, b"{}"])
def test_what_is_no_object_is_refused(raw: object) -> None:
    with pytest.raises(Rejected, match="expected an object"):
        read_event(raw, source="s", received_at=NOW)


def test_a_path_begins_where_the_event_stands() -> None:
    with pytest.raises(Rejected) as caught:
        read_event({}, source="s", received_at=NOW, path="$[3]")
    assert str(caught.value) == "$[3].event_type: required, and missing"


def test_ids_that_are_numbers_become_text() -> None:
    assert (read(event_id=7).event_id, read(event_type=7, event_id=" a ").event_id) == ("7", "a")


def read_at(place: tuple[float, float] | None, *, unplaced: bool = False, **members: Any) -> Event:
    return read_event({**EVENT, **members}, source="moi/cam7", received_at=NOW, place=place, unplaced=unplaced)


def test_an_event_without_a_place_lies_where_its_source_stands() -> None:
    event = read_at((47.5, 29.5), **NOWHERE)
    assert (event.longitude, event.latitude) == (47.5, 29.5)
    told = read_at((47.5, 29.5))
    assert (told.longitude, told.latitude) == (47.97, 29.37)


def test_an_event_may_wait_for_its_place() -> None:
    event = read_at(None, unplaced=True, **NOWHERE)
    assert (event.longitude, event.latitude) == (None, None)


@pytest.mark.parametrize("half", ["longitude", "latitude"])
def test_half_a_place_is_refused_whatever_is_known_of_the_source(half: str) -> None:
    with pytest.raises(Rejected, match="both coordinates, or none") as caught:
        read_at((47.5, 29.5), unplaced=True, **{half: None})
    assert caught.value.path == f"$.{half}"


def test_zero_zero_is_no_place_but_what_a_receiver_without_a_fix_tells() -> None:
    nowhere = {"longitude": 0, "latitude": 0.0}
    stands = read_at((47.5, 29.5), **nowhere)
    assert (stands.longitude, stands.latitude) == (47.5, 29.5)
    waits = read_at(None, unplaced=True, **nowhere)
    assert (waits.longitude, waits.latitude) == (None, None)
    with pytest.raises(Rejected, match="0, 0 is told where the place is not known") as caught:
        read_at(None, **nowhere)
    assert caught.value.path == "$.longitude"
    on_the_equator = read_at((47.5, 29.5), longitude=9.3, latitude=0)
    assert (on_the_equator.longitude, on_the_equator.latitude) == (9.3, 0.0)


def test_giving_a_source_a_place_does_not_change_who_its_events_are() -> None:
    anonymous = {**NOWHERE, "event_id": None}
    ids = {read_at(place, unplaced=True, **anonymous).event_id for place in (None, (47.5, 29.5), (0.0, 0.0))}
    assert len(ids) == 1
    assert read_at((47.97, 29.37), event_id=None).event_id not in ids  # told by the sender, it is part of the content


def test_unknown_members_are_kept_and_given_attributes_win() -> None:
    event = read(zone="gate", colour="red", attributes={"zone": "door"})
    assert event.attributes == {"zone": "door", "colour": "red"}


@pytest.mark.parametrize(("rev", "expected"), [(None, 0), (0, 0), (7, 7), (2**53 - 1, 2**53 - 1)])
def test_a_revision_is_a_whole_number_and_absent_is_the_first(rev: int | None, expected: int) -> None:
    assert read(rev=rev).rev == expected


@pytest.mark.parametrize(
    ("ahead_s", "trusted", "live", "quality"),
    [
        (0, True, True, "good"),
        (300, True, True, "good"),
        (301, True, True, "future"),
        (301, True, False, "future"),
        (-7 * 86_400, True, True, "good"),
        (-7 * 86_400 - 1, True, True, "ancient"),
        (-7 * 86_400 - 1, True, False, "good"),  # history
        (301, False, True, "untrusted"),
        (-1e7, False, True, "untrusted"),
        (None, True, True, "missing"),
        (None, False, True, "undated"),  # the receipt's time, which stands for it, is not known either
    ],
)
def test_the_quality_of_a_clock(ahead_s: float | None, trusted: bool, live: bool, quality: str) -> None:
    observed_at = None if ahead_s is None else NOW + timedelta(seconds=ahead_s)
    assert clock_quality(observed_at, NOW, trusted=trusted, live=live) == quality


@pytest.mark.parametrize(("live", "quality"), [(True, "ancient"), (False, "good")])
def test_old_times_are_doubted_from_a_device_and_believed_from_a_file(live: bool, quality: str) -> None:
    old = {**EVENT, "event_timestamp": "2014-01-01T00:00:00Z"}
    assert read_event(old, source="s", received_at=NOW, live=live).clock_quality == quality


def identity(**changes: Any) -> str:
    content = {
        "event_type": "motion", "event_timestamp": TEN, "longitude": 47.97, "latitude": 29.37, "severity": None,
        "value": 1.0, "attributes": {},
    }  # fmt: skip
    return content_id(**{**content, **changes})


def test_an_identity_does_not_depend_on_the_order_of_members() -> None:
    one = {"a": {"x": 1, "y": [1, 2]}, "b": 2}
    other = {"b": 2, "a": {"y": [1, 2], "x": 1}}
    assert identity(attributes=one) == identity(attributes=other)
    assert read(event_id=None, value=3, **one).event_id == read(**other, value=3.0, event_id="").event_id


@pytest.mark.parametrize(
    "change",
    [
        {"event_type": "Motion"},
        {"event_timestamp": TEN + timedelta(microseconds=1)},
        {"longitude": 47.970001},
        {"severity": 0.0},
        {"value": None},
        {"attributes": {"a": 1}},
        {"attributes": {"a": [2, 1]}},
    ],
)
def test_an_identity_depends_on_everything_else(change: dict[str, Any]) -> None:
    assert identity(**change) != identity()


def test_an_identity_is_the_same_on_every_box() -> None:
    assert identity() == "000660c66c7a2800-15db16dc8e4b84943de8"
    assert len(identity()) == 37


@given(st.lists(st.datetimes(datetime(1970, 1, 1), datetime(2199, 1, 1)), min_size=2, max_size=5))  # noqa: DTZ001
def test_identities_sort_by_time(times: list[datetime]) -> None:
    aware = sorted({time.replace(tzinfo=UTC) for time in times})
    ids = [identity(event_timestamp=time) for time in aware]
    assert ids == sorted(ids)


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)
names = (*EVENT, "severity", "value", "rev", "attributes")
near = st.fixed_dictionaries(
    {name: st.just(value) | leaves for name, value in EVENT.items()}, optional=dict.fromkeys(names[5:], values)
)


@settings(max_examples=examples(2_000))
@given(near | values)
def test_nothing_but_an_event_or_a_refusal_comes_of_any_value(raw: object) -> None:
    try:
        event = read_event(raw, source="moi/cam7", received_at=NOW)
    except Rejected as rejected:
        assert rejected.path.startswith("$") and rejected.reason
        return
    assert event.longitude is not None and event.latitude is not None
    assert -180 <= event.longitude <= 180 and -90 <= event.latitude <= 90
    assert event.event_id and event.event_type and event.rev >= 0
    assert event.severity is None or 0 <= event.severity <= 1
    assert event.value is None or math.isfinite(event.value)
    assert isinstance(msgspec.json.decode(msgspec.json.encode(event.attributes)), dict)
