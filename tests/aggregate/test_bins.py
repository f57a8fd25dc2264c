"""The site's hours and days as intervals: without gap or overlap, each in one day and one offset."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.aggregate.bins import MINUTE_US, SiteBins
from appliance.clock import HOUR_US, from_us, rfc3339, site_day, to_us
from tests.conftest import examples

ZONES = (
    "UTC", "America/Toronto", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Chatham", "America/St_Johns",
    "Africa/Casablanca", "Pacific/Apia", "America/Sao_Paulo", "Asia/Kolkata",
)  # fmt: skip
FROM, TO = to_us(datetime(1990, 1, 1, tzinfo=UTC)), to_us(datetime(2040, 1, 1, tzinfo=UTC))


def minutes(zone: str, start: str, how_many: int) -> list[int]:
    """Lengths of the hours from an instant on, in minutes."""
    bins, at = SiteBins(ZoneInfo(zone)), to_us(datetime.fromisoformat(start))
    return [(hour.end - hour.start) // MINUTE_US for hour in list(bins.hours(at, at + 9 * HOUR_US))[:how_many]]


@pytest.mark.parametrize(
    ("zone", "start", "expected"),
    [
        ("America/Toronto", "2026-11-01T04:00Z", [60, 60, 60, 60]),  # the repeated hour is two
        ("America/Toronto", "2026-03-08T06:00Z", [60, 60]),
        ("Asia/Kathmandu", "2026-11-21T10:15Z", [60, 60]),
        ("Australia/Lord_Howe", "2026-10-03T14:30Z", [60, 30, 60]),  # 01:00 to 02:00, then 02:30 to 03:00
        ("Australia/Lord_Howe", "2026-04-04T14:00Z", [60, 30, 60]),  # 01:00 to 02:00, then 01:30 to 02:00 again
        ("America/St_Johns", "2010-11-07T01:30Z", [60, 1, 59, 60]),  # a minute past midnight back to 23:01
    ],
)
def test_an_hour_ends_at_the_full_hour_and_where_the_offset_changes(zone: str, start: str, expected: list[int]) -> None:
    assert minutes(zone, start, len(expected)) == expected


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/Toronto", "2026-11-01", 25.0),
        ("America/Toronto", "2026-03-08", 23.0),
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("America/St_Johns", "2010-11-06", 25.0 - 1 / 60),  # of its 24 hours the last 59 minutes come twice
        ("America/St_Johns", "2010-11-07", 24.0 + 1 / 60),
        ("Pacific/Apia", "2011-12-30", 0.0),  # the day that Samoa left out
    ],
)
def test_the_hours_of_a_day_are_as_long_as_it(zone: str, day: str, hours: float) -> None:
    found = SiteBins(ZoneInfo(zone)).hours_of_day(day)
    assert sum(hour.end - hour.start for hour in found) == round(hours * HOUR_US)


@settings(max_examples=examples(500))
@given(st.sampled_from(ZONES), st.integers(FROM, TO))
def test_each_instant_lies_in_one_hour_and_that_in_one_day(zone: str, us: int) -> None:
    bins, at = SiteBins(ZoneInfo(zone)), ZoneInfo(zone)
    hour = bins.hour_of(us)
    assert hour.start <= us < hour.end <= hour.start + HOUR_US
    assert (bins.hour_of(hour.start), bins.hour_of(hour.end - 1)) == (hour, hour)
    assert bins.hour_of(hour.end).start == hour.end
    local = {
        from_us(one).astimezone(at).replace(minute=0, second=0, microsecond=0) for one in (hour.start, us, hour.end - 1)
    }
    assert len(local) == 1, rfc3339(from_us(us))
    assert site_day(us, at).isoformat() == hour.day
    assert hour in bins.hours_of_day(hour.day)


def test_hours_are_remembered_and_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.aggregate.bins.CACHE_HOURS", 10)
    bins = SiteBins(ZoneInfo("Europe/Berlin"))
    start = to_us(datetime(2026, 10, 24, tzinfo=UTC))
    found = list(bins.hours(start, start + 48 * HOUR_US))
    assert len(found) == 48
    assert found[0].start == start and found[-1].end == start + 48 * HOUR_US
    assert timedelta(microseconds=found[5].end - found[5].start) == timedelta(hours=1)
