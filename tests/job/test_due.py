"""When a chore is due: in the site's time, over both nights of the year that change the clock, after any absence."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from appliance.aggregate.bins import SiteBins
from appliance.clock import from_us, rfc3339, to_us
from appliance.job.due import Rule, is_due, last_due

HOURLY, MIDNIGHT, TWO = Rule(minute=5), Rule(hour=0, minute=5), Rule(hour=2, minute=0)


def at(text: str) -> int:
    return to_us(datetime.fromisoformat(text))


@pytest.mark.parametrize(
    ("rule", "zone", "now", "expected"),
    [
        (HOURLY, "UTC", "2026-11-21T10:05:00Z", "2026-11-21T10:05:00Z"),
        (HOURLY, "UTC", "2026-11-21T10:04:59Z", "2026-11-21T09:05:00Z"),
        (HOURLY, "Asia/Kathmandu", "2026-11-21T10:19:59Z", "2026-11-21T09:20:00Z"),
        (HOURLY, "America/Toronto", "2026-11-01T06:04:00Z", "2026-11-01T05:05:00Z"),  # in the repeated hour
        (HOURLY, "America/Toronto", "2026-11-01T06:06:00Z", "2026-11-01T06:05:00Z"),
        (MIDNIGHT, "America/Toronto", "2026-11-21T05:05:00Z", "2026-11-21T05:05:00Z"),
        (MIDNIGHT, "America/Toronto", "2026-11-21T05:04:59Z", "2026-11-20T05:05:00Z"),
        (MIDNIGHT, "Asia/Kathmandu", "2026-11-20T18:20:00Z", "2026-11-20T18:20:00Z"),
        (TWO, "America/Toronto", "2026-03-08T07:00:00Z", "2026-03-08T07:00:00Z"),  # 02:00 is left out: at 03:00 EDT
        (TWO, "America/Toronto", "2026-03-08T06:59:59Z", "2026-03-07T07:00:00Z"),
        (Rule(hour=1, minute=30), "America/Toronto", "2026-11-01T06:45:00Z", "2026-11-01T05:30:00Z"),  # the first time
    ],
)
def test_the_last_time_at_which_it_was_due(rule: Rule, zone: str, now: str, expected: str) -> None:
    assert rfc3339(from_us(last_due(rule, at(now), SiteBins(ZoneInfo(zone))))) == expected


@pytest.mark.parametrize(
    ("done_at", "now", "due"),
    [
        (None, "2026-11-21T10:00:00Z", True),
        ("2026-11-21T02:00:00Z", "2026-11-21T10:00:00Z", False),
        ("2026-11-21T02:00:00Z", "2026-11-22T01:59:00Z", False),
        ("2026-11-21T02:00:00Z", "2026-11-22T02:00:00Z", True),
        ("2026-11-21T01:00:00Z", "2026-11-21T10:00:00Z", True),
        ("2026-01-01T02:00:00Z", "2026-11-21T10:00:00Z", True),  # the box was off
        ("2036-11-21T02:00:00Z", "2026-11-21T10:00:00Z", True),  # the clock was ten years ahead
        ("2016-11-21T02:00:00Z", "2026-11-21T10:00:00Z", True),  # and ten years behind
    ],
)
def test_it_is_due_once_after_each_time(done_at: str | None, now: str, due: bool) -> None:
    done = at(done_at) if done_at else None
    assert is_due(TWO, done_at=done, now=at(now), bins=SiteBins(ZoneInfo("UTC"))) == due
