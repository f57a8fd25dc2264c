"""Times as firmware writes them."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.notation.instant import FIRST_YEAR, LAST_YEAR, read_instant
from tests.conftest import examples

KUWAIT = ZoneInfo("Asia/Kuwait")
TEN = datetime(2026, 11, 21, 10, tzinfo=UTC)
EARLIEST, LATEST = datetime(1901, 1, 1), datetime(2199, 1, 1)  # noqa: DTZ001 - hypothesis adds the zone
UNIX = 1_795_255_200  # the same instant


@pytest.mark.parametrize(
    "spelling",
    [
        "2026-11-21T10:00:00Z",
        "2026-11-21t10:00:00z",
        "2026-11-21T13:00:00+03:00",
        "2026-11-21T13:00:00+0300",
        "2026-11-21T13:00:00+3:00",
        "2026-11-21T10:00:00.000000000Z",
        "2026-11-21T10:00:00,000Z",
        "2026-11-21 10:00:00 UTC",
        "2026/11/21T10:00:00z",
        "2026/11/21 13:00:00",
        "2026.11.21 13:00:00",
        " 2026-11-21T10:00:00Z ",
        "20261121T100000Z",
        "2026-11-21T13:00:00",  # the site's time, three hours ahead
        "2026-11-21 13:00:00.000",
        UNIX,
        float(UNIX),
        str(UNIX),
        f" {UNIX}.0 ",
        UNIX * 1_000,
        str(UNIX * 1_000),
        UNIX * 1_000_000,
        UNIX * 1_000_000_000,
    ],
)
def test_one_instant_in_every_spelling(spelling: object) -> None:
    assert read_instant(spelling, KUWAIT) == TEN


@pytest.mark.parametrize(
    ("spelling", "instant"),
    [
        ("2026-11-21T10:00:00.123456789Z", TEN.replace(microsecond=123_456)),
        ("2026-11-21T10:00:00,5Z", TEN.replace(microsecond=500_000)),
        (1_795_255_200_250, TEN.replace(microsecond=250_000)),
        ("1712110110000.5", datetime(2024, 4, 3, 2, 8, 30, 500, tzinfo=UTC)),  # not the year 1712
        ("1910120110", datetime(2030, 7, 12, 20, 55, 10, tzinfo=UTC)),  # not the first of December 1910
        ("2026-12-31T23:59:60Z", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2026-12-31T23:59:60.5+00:00", datetime(2027, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-11-21", datetime(2026, 11, 20, 21, tzinfo=UTC)),
        ("2026-11-21T10-18:15", datetime(2026, 11, 22, 4, 15, tzinfo=UTC)),  # an hour, 18 hours behind UTC
        ("20261121T130000.250", TEN.replace(microsecond=250_000)),
        ("2026-12-31T23:59:60", datetime(2026, 12, 31, 21, tzinfo=UTC)),
    ],
)
def test_what_is_easily_taken_for_something_else(spelling: object, instant: datetime) -> None:
    assert read_instant(spelling, KUWAIT) == instant


@pytest.mark.parametrize(
    "nothing",
    [
        None, True, False, "", " ", "now", "10:00", "2026-13-45", "2026-11-21T25:00:00Z", [], {}, b"2026", 0, -5, "0",
        1e30, float("nan"), float("inf"), 10**400, "9" * 5_000, "1e9", "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00+14:00", "1899-12-31T00:00:00Z", "2200-01-01T00:00:00Z",
    ],
)  # fmt: skip
def test_what_is_no_time_is_none_and_no_error(nothing: Any) -> None:
    assert read_instant(nothing, KUWAIT) is None


def check(value: object, hours: int) -> None:
    instant = read_instant(value, timezone(timedelta(hours=hours)))
    assert instant is None or (instant.tzinfo is UTC and FIRST_YEAR <= instant.year <= LAST_YEAR)


@given(value=st.text() | st.text("0123456789-:.,TZ+ ") | st.integers() | st.floats(), hours=st.integers(-14, 14))
@settings(max_examples=examples(1_000))
def test_nothing_raises_and_what_comes_out_is_utc(value: object, hours: int) -> None:
    check(value, hours)


@given(when=st.datetimes(EARLIEST, LATEST, timezones=st.just(UTC)))
@settings(max_examples=examples(300))
def test_what_python_writes_is_read_back(when: datetime) -> None:
    assert read_instant(when.isoformat(), KUWAIT) == when


@given(ms=st.integers(100_000_000_000, 4_000_000_000_000))
@settings(max_examples=examples(300))
def test_digits_as_text_are_the_number_they_say(ms: int) -> None:
    for number in (ms, ms + 0.5, ms // 1_000):
        assert read_instant(str(number), KUWAIT) == read_instant(number, KUWAIT)


@given(
    when=st.datetimes(EARLIEST, LATEST).map(lambda when: when.replace(microsecond=0)),
    zone=st.sampled_from(["Europe/Berlin", "Asia/Kolkata", "Africa/Monrovia", "Australia/Lord_Howe", "UTC"]).map(
        ZoneInfo
    ),
)
@settings(max_examples=examples(300))
def test_local_text_is_what_the_zone_says_of_it(when: datetime, zone: ZoneInfo) -> None:
    assert read_instant(when.isoformat(), zone) == when.replace(tzinfo=zone).astimezone(UTC)


def test_local_text_has_the_offset_of_its_own_minute() -> None:
    berlin = ZoneInfo("Europe/Berlin")  # its clocks went back at 03:00 on 25 October 2026
    for local, hour in (("02:59:59", 0), ("03:00:00", 2), ("02:59:59.25", 0), ("01:00:00", 23)):
        when = read_instant(f"2026-10-25T{local}", berlin)
        assert when is not None
        assert when.hour == hour
    assert read_instant("2026-11-21T13:00:00", KUWAIT) == read_instant("2026-11-21T11:00:00", berlin) == TEN
