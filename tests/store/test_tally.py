"""Tallied together is tallied one by one: any places, times and types, in zones whose hours are crooked too."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.aggregate.hours import SiteHours
from appliance.clock import HOUR_US
from appliance.errors import Corrupt
from appliance.spatial.geometry import point_blob
from appliance.store.settled import tally as tally_module
from appliance.store.settled.tally import Tally

ZONES = ("UTC", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe")
NIGHT = 1_761_971_400_000_000  # of 1 November 2025, in which New York sets its clocks back

lngs, lats = st.floats(-180, 180), st.floats(-90, 90)
places = st.one_of(st.tuples(lngs, lats), st.sampled_from([(47.97, 29.37), (180.0, 0.0), (0.0, 90.0)]))
times = st.one_of(st.integers(NIGHT - 48 * HOUR_US, NIGHT + 48 * HOUR_US), st.integers(-(2**50), 2**50))
events = st.lists(st.tuples(times, st.sampled_from(["motion", "crowd", ""]), places), max_size=60)


@given(events=events, zone=st.sampled_from(ZONES), resolutions=st.sets(st.integers(0, 15), max_size=3))
def test_tallied_together_is_tallied_one_by_one(
    events: list[tuple[int, str, tuple[float, float]]], zone: str, resolutions: set[int]
) -> None:
    together = Tally(SiteHours(ZoneInfo(zone)), list(resolutions))
    singly = Tally(SiteHours(ZoneInfo(zone)), list(resolutions))
    together.add_points((us, event_type, point_blob(*place)) for us, event_type, place in events)
    for us, event_type, (lng, lat) in events:
        singly.add(us=us, lng=lng, lat=lat, event_type=event_type)
    assert together.counts == singly.counts
    assert sum(together.counts.values()) == len(events) * len(resolutions)


def test_more_than_are_tallied_at_once_are_all_tallied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally_module, "POINTS", 3)
    tally = Tally(SiteHours(ZoneInfo("UTC")), (7,))
    tally.add_points((NIGHT, "motion", point_blob(47.97, 29.37)) for _ in range(10))
    assert list(tally.counts.values()) == [10]


def test_a_point_that_cannot_be_read_is_told() -> None:
    tally = Tally(SiteHours(ZoneInfo("UTC")), (7,))
    with pytest.raises(Corrupt, match="hexpost verify"):
        tally.add_points([(NIGHT, "motion", point_blob(47.97, 29.37)), (NIGHT, "motion", b"\x01" * 60)])
