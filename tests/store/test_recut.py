"""A change of the site's time zone: hours and days are cut anew as far back as can be; no value is lost or doubled."""

from zoneinfo import ZoneInfo

import pytest

from appliance.aggregate.bins import MINUTE_US
from appliance.clock import HOUR_US
from appliance.model.tier import READINGS
from appliance.store.anew.recut import ensure_zone
from appliance.store.engine import Store
from tests.store.test_history import assert_history_is_told
from tests.store.test_tiers import Site, Told, at, from_scratch, local, quick

__all__ = ["quick"]  # a fixture

TORONTO, BERLIN, KATHMANDU = (ZoneInfo(name) for name in ("America/Toronto", "Europe/Berlin", "Asia/Kathmandu"))
START = at("2026-11-01T00:00:00Z")
END = START + 240 * HOUR_US


def told() -> list[Told]:
    return [(START + n * 17 * MINUTE_US, "shelly/1", float(n % 11)) for n in range(240 * 60 // 17)]


@pytest.mark.parametrize("zone", [BERLIN, KATHMANDU], ids=str)
@pytest.mark.parametrize(
    ("rows_h", "hours_h"), [(36, 96), (36, 40), (100, 200), (34, 34)], ids=["usual", "near", "far", "as early as rows"]
)
def test_each_value_stays_in_one_bin_of_each_tier(quick: Store, zone: ZoneInfo, rows_h: int, hours_h: int) -> None:
    """Where only hours are left, and the new zone's midnight lies within one, that hour goes with its beginning."""
    old = Site(quick, TORONTO)
    assert not ensure_zone(quick, READINGS, old.bins)
    old.record(told())
    old.roll_up(END)
    old.purge(rows=END - rows_h * HOUR_US, minutes=END - 48 * HOUR_US, hours=END - hours_h * HOUR_US)
    new = Site(quick, zone)
    assert ensure_zone(quick, READINGS, new.bins)
    new.roll_up(END + 48 * HOUR_US)
    assert sum(one.count for one in new.kept("day").values()) == len(told())
    horizon = new.horizon("reading_hours")
    exact_from = horizon if zone is BERLIN else new.horizon("reading_values")
    days = from_scratch(
        [one for one in told() if new.bins.hours_of_day(new.bins.day_of(one[0]))[0].start >= exact_from],
        lambda us: local(us, zone).date().isoformat(),
    )
    kept = new.kept("day")
    assert days and {key: kept[key] for key in days} == days
    hours = from_scratch(
        [one for one in told() if one[0] >= max(horizon, new.horizon("reading_values"))],
        lambda us: new.bins.hour_of(us).start,
    )
    found = new.kept("hour")
    assert hours and {key: found[key] for key in hours} == hours
    if zone is BERLIN:  # whose hours begin when Toronto's do
        by_hour = sum(one.count for (start, _), one in found.items() if start >= horizon)
        assert by_hour == sum(one[0] >= horizon for one in told())
    assert not ensure_zone(quick, READINGS, new.bins)


def test_with_every_row_there_everything_is_cut_anew(quick: Store) -> None:
    ensure_zone(quick, READINGS, Site(quick, TORONTO).bins)
    old = Site(quick, TORONTO)
    old.record(told())
    old.roll_up(END)
    new = Site(quick, KATHMANDU)
    ensure_zone(quick, READINGS, new.bins)
    assert_history_is_told(new, told(), START, END)
    new.roll_up(END + 48 * HOUR_US)
    assert_history_is_told(new, told(), START, END)
