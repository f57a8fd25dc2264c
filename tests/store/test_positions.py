"""Positions: a device is at one place at one instant, and the last of them is one that can be believed."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from appliance.errors import Rejected
from appliance.model.intake import DeviceReport, Fix, Intake
from appliance.store.engine import Store
from appliance.store.intake.batch import Recorder
from appliance.store.measured.positions import FixPage, fetch_positions
from tests.conftest import NOW, make_recorder
from tests.store.checks import totals


def fix(seconds: float = 0.0, **members: Any) -> Fix:
    """A fix so many seconds after `NOW`."""
    at = NOW + timedelta(seconds=seconds)
    return Fix(
        **{"device": "gps/1", "observed_at": at, "received_at": NOW, "longitude": 1.5, "latitude": 2.5, **members}
    )


def record(store: Store, *fixes: Fix, now: datetime = NOW) -> None:
    heard = DeviceReport(source="gps/1", family="gps", seen_at=now)
    make_recorder(store, now).record(Intake(fixes=list(fixes), reports=[heard]))


def fetch(store: Store, **wanted: Any) -> FixPage:
    with store.read() as connection:
        return fetch_positions(connection, **{"limit": 100, **wanted})


def last_fix(store: Store) -> tuple[float, float, float] | None:
    """(seconds after `NOW`, lng, lat) of the device's last believable fix."""
    with store.read() as connection:
        us, lng, lat = connection.exec_driver_sql("SELECT fix_at, fix_longitude, fix_latitude FROM devices").one()
    return None if us is None else (us / 1e6 - NOW.timestamp(), lng, lat)


def test_a_fix_comes_back_as_it_went_in(store: Store, recorder: Recorder) -> None:
    told = fix(altitude_m=12.0, accuracy_m=3.5, speed_mps=0.0, heading_deg=359.5, clock_quality="missing")
    recorder.record(Intake(fixes=[told]))
    (item,) = fetch(store).items
    assert all(getattr(item, name) == getattr(told, name) for name in item.__struct_fields__)


def test_the_same_instant_of_the_same_device_is_a_duplicate(store: Store, recorder: Recorder) -> None:
    fixes = [fix(), fix(), fix(1), fix(device="gps/2")]
    receipt = recorder.record(Intake(fixes=fixes))
    assert (receipt.fixes_stored, receipt.fixes_duplicate) == (3, 1)
    assert recorder.record(Intake(fixes=fixes)).fixes_duplicate == 4
    assert totals(store) == {"received": 8, "stored": 3, "duplicate": 5}


def test_positions_are_told_newest_first_by_device_and_time_a_page_at_a_time(store: Store, recorder: Recorder) -> None:
    recorder.record(Intake(fixes=[fix(n, device=device) for n in range(5) for device in ("gps/1", "gps/2")]))
    of_one = fetch(store, device="gps/1", from_time=NOW + timedelta(seconds=1), to_time=NOW + timedelta(seconds=3))
    assert [item.observed_at for item in of_one.items] == [NOW + timedelta(seconds=2), NOW + timedelta(seconds=1)]
    seen, cursor = [], None
    while not seen or cursor:
        page = fetch(store, limit=3, cursor=cursor)
        seen += [(item.observed_at, item.device) for item in page.items]
        cursor = page.next_cursor
    assert len(seen) == 10 and seen == sorted(seen, reverse=True)


@pytest.mark.parametrize("cursor", ["", "x.gps/1", f"{2**63}.gps/1"])
def test_a_cursor_that_no_page_gave_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(Rejected, match="not a cursor"):
        fetch(store, cursor=cursor)


def test_a_device_is_where_its_newest_fix_says(store: Store) -> None:
    record(store, fix(-10, longitude=1.0), fix(-5, longitude=2.0), fix(-7, longitude=3.0))
    assert last_fix(store) == (-5, 2.0, 2.5)
    record(store, fix(-6, longitude=4.0))  # late
    assert last_fix(store) == (-5, 2.0, 2.5)
    record(store, fix(-5, longitude=4.0))  # the same instant again
    assert last_fix(store) == (-5, 2.0, 2.5)


@pytest.mark.parametrize(
    ("doubtful", "believed"),
    [
        (fix(300), True),
        (fix(301), False),
        (fix(86_400, clock_quality="future"), False),
        (fix(-1, clock_quality="untrusted"), False),
        (fix(-1, clock_quality="ancient"), False),
        (fix(-1, clock_quality="missing"), True),
        (fix(-1, transient=True), False),
    ],
)
def test_only_a_fix_that_can_be_believed_is_a_devices_last(store: Store, doubtful: Fix, believed: bool) -> None:
    record(store, doubtful)
    assert (last_fix(store) is not None) == believed
    assert len(fetch(store).items) == 1  # kept all the same


def test_a_fix_dated_into_the_future_does_not_freeze_the_last_position(store: Store) -> None:
    record(store, fix(0, longitude=1.0), fix(3_600, longitude=99.0, clock_quality="future"))
    record(store, fix(10, longitude=2.0))
    assert last_fix(store) == (10, 2.0, 2.5)


def test_a_fix_kept_while_the_box_itself_was_ahead_gives_way(store: Store) -> None:
    ahead = NOW + timedelta(days=365)
    record(store, fix(longitude=99.0, observed_at=ahead, received_at=ahead), now=ahead)
    record(store, fix(0, longitude=2.0))
    assert last_fix(store) == (0, 2.0, 2.5)
