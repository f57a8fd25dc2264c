"""Coverage as the jobs process keeps it: only cells that devices look at, only what changed, and days re-opened."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from appliance.clock import to_us
from appliance.job.covering import DAYS_A_STEP, EVERY_S, Covering
from appliance.model.device import State
from appliance.model.field import FieldNews, OutageNews, StateChange
from appliance.spatial.cells import cell_of
from appliance.store.clock.boots import insert_boot, learn_time
from appliance.store.coverage.rows import fetch_state, purge_coverage
from appliance.store.device.field import write_field_news
from appliance.store.engine import Store, raw_connection
from appliance.timekeeping import Glance
from tests.conftest import NOW
from tests.store.registry import change, hear

CAM, OTHER = "frigate/a", "frigate/b"
PLACE = {"longitude": 47.97, "latitude": 29.37}
CELL = cell_of(lng=47.97, lat=29.37, resolution=8)
Row = tuple[str, float, str, int, int]


class Site:
    """A store, a clock that a test turns, and the covering of a jobs process."""

    def __init__(self, store: Store, zone: str = "UTC") -> None:
        self.store, self.zone = store, ZoneInfo(zone)
        self.now = NOW
        self.heard_to: Callable[[], int | None] = lambda: to_us(self.now)
        self.covering = self.restarted()

    def restarted(self) -> Covering:
        return Covering(
            self.store,
            resolutions=(7, 8),
            zone=self.zone,
            clock=lambda: self.now,
            heard_to=self.bridge_heard_to,
            monotonic=self.seconds,
        )

    def bridge_heard_to(self) -> int | None:
        return self.heard_to()

    def seconds(self) -> float:
        return self.now.timestamp()

    def place(self, *sources: str, **members: Any) -> None:
        hear(self.store, *sources, family="frigate")
        for source in sources:
            change(self.store, source, registration="approved", **{**PLACE, **members})
            self.tell(source, "online")

    def tell(self, source: str, state: State, cause: str = "", at: datetime | None = None) -> None:
        news = StateChange(source=source, state=state, cause=cause, at=at or self.now)
        with self.store.write() as connection:
            write_field_news(connection, FieldNews(changes=(news,)))

    def outage(self, kind: str, began: datetime, ended: datetime | None = None) -> None:
        news = OutageNews(kind=kind, segment="", devices=(), device_count=0, began_at=began, ended_at=ended)
        with self.store.write() as connection:
            write_field_news(connection, FieldNews(outages=(news,)))

    def later(self, **ahead: float) -> None:
        self.now += timedelta(**ahead)

    def rows(self, resolution: int = 8) -> dict[str, dict[int, Row]]:
        found: dict[str, dict[int, Row]] = {}
        with self.store.read() as connection:
            for day, cell, *row in raw_connection(connection).execute(
                "SELECT day, h3_index, coverage, watched, cause, devices, down FROM cell_coverage "
                "WHERE resolution = ? ORDER BY day",
                (resolution,),
            ):
                found.setdefault(day, {})[cell] = tuple(row)
        return found

    def row(self, day: str = "2026-11-22") -> Row:
        return self.rows()[day][CELL]

    def revision(self) -> tuple[int, int]:
        with self.store.read() as connection:
            row = raw_connection(connection).execute("SELECT s.rev, c.rev FROM site AS s, coverage_state AS c")
            site, coverage = row.fetchone()
        return site, coverage


@pytest.fixture
def site(store: Store) -> Site:
    return Site(store)


def test_only_cells_that_devices_look_at_have_rows(site: Site) -> None:
    site.place(CAM)
    hear(site.store, "frigate/nowhere")
    site.later(minutes=5)
    site.covering.compute()
    assert site.rows() == {"2026-11-22": {CELL: ("observed", 1.0, "", 1, 0)}}
    assert len(site.rows(7)["2026-11-22"]) == 1


def test_a_view_counts_for_all_of_its_cells_and_one_camera_of_two_is_enough(site: Site) -> None:
    site.place(CAM, heading_deg=90, view_angle_deg=70, range_m=2_000)
    site.place(OTHER)
    site.later(minutes=60)
    site.tell(CAM, "offline", "silence")
    site.later(minutes=1)
    site.covering.compute()
    cells = site.rows()["2026-11-22"]
    assert len(cells) > 2
    assert cells.pop(CELL) == ("observed", 1.0, "", 2, 1)
    assert {row[0] for row in cells.values()} == {"unknown"}


def test_an_ignored_device_looks_at_nothing(site: Site) -> None:
    site.place(CAM)
    change(site.store, CAM, registration="ignored")
    site.later(minutes=1)
    site.covering.compute()
    assert site.rows() == {}


def test_a_cell_is_unknown_while_its_cameras_are_down_and_gets_a_place_in_the_grid(site: Site) -> None:
    site.place(CAM)
    site.later(minutes=60)
    site.covering.compute()
    before = site.revision()
    site.tell(CAM, "offline", "silence")
    site.later(minutes=2)
    site.covering.compute()
    assert site.row() == ("unknown", 0.96, "own", 1, 1)
    assert site.revision() > before and site.revision()[0] >= site.revision()[1]
    with site.store.read() as connection:
        assert raw_connection(connection).execute("SELECT h3_index FROM h3_cells WHERE resolution = 8").fetchall() == [
            (CELL,)
        ]
    site.tell(CAM, "online", "birth")
    site.later(minutes=1)
    site.covering.compute()
    assert site.row()[:3] == ("observed", 0.96, "own")


def test_while_nothing_changes_nothing_is_written(site: Site) -> None:
    site.place(CAM)
    site.later(minutes=60)
    site.covering.compute()
    with site.store.read() as connection:
        before = fetch_state(connection)
    version, revision = site.store.data_version(), site.revision()
    for _ in range(5):
        site.later(minutes=1)
        site.covering.compute()
    assert (site.store.data_version(), site.revision()) == (version, revision)
    with site.store.read() as connection:
        assert fetch_state(connection) == before


def test_it_is_due_each_minute_and_at_once_when_a_state_changed(site: Site) -> None:
    site.place(CAM)
    site.covering.tend()
    site.later(seconds=EVERY_S / 2)
    site.tell(CAM, "offline", "silence")
    site.later(seconds=1)
    site.covering.tend()
    assert site.row()[0] == "unknown"
    site.tell(CAM, "online")
    site.later(seconds=1)
    site.covering.tend()
    assert site.row()[0] == "observed"
    change(site.store, CAM, longitude=None, latitude=None)
    site.covering.tend()
    assert site.rows() == {}


def test_our_broker_is_nobody_s_fault_and_still_blinds_the_cell(site: Site) -> None:
    site.place(CAM, OTHER)
    site.later(minutes=30)
    site.outage("broker", site.now)
    site.later(minutes=5)
    site.covering.compute()
    assert site.row() == ("unknown", 0.85, "ours", 2, 2)
    site.outage("broker", site.now - timedelta(minutes=5), site.now)
    site.later(minutes=5)
    site.covering.compute()
    assert site.row() == ("observed", 0.87, "ours", 2, 0)


def test_a_bridge_that_is_not_heard_of_is_ours_too_and_a_restart_of_it_is_not(site: Site) -> None:
    site.place(CAM)
    site.later(minutes=30)
    last = to_us(site.now)
    site.heard_to = lambda: last
    site.later(seconds=30)
    site.covering.compute()
    assert site.row()[0] == "observed"
    site.later(seconds=60)
    site.covering.compute()
    assert site.row()[0::2] == ("unknown", "ours", 1)
    site.heard_to = lambda: to_us(site.now)
    site.covering.compute()
    assert site.row()[0] == "observed"


def test_a_box_that_was_off_finds_the_days_it_missed(site: Site) -> None:
    site.place(CAM)
    site.later(hours=6)
    site.covering.compute()
    off = site.now
    site.later(days=2)
    site.outage("box", off, site.now)
    site.later(hours=1)
    site.restarted().compute()
    assert {day: cells[CELL] for day, cells in site.rows().items()} == {
        "2026-11-22": ("observed", 0.5, "ours", 1, 1),
        "2026-11-23": ("unknown", 0.0, "ours", 1, 1),
        "2026-11-24": ("unknown", 0.05, "ours", 1, 0),
    }


def test_a_long_absence_is_made_up_for_some_days_at_a_time(site: Site) -> None:
    site.place(CAM)
    site.covering.compute()
    off = site.now
    site.later(days=30)
    site.outage("box", off, site.now)
    restarted = site.restarted()
    restarted.compute()
    assert len(site.rows()) == DAYS_A_STEP
    after_a_kill = site.restarted()
    for _ in range(3):
        after_a_kill.tend()
    assert len(site.rows()) == 31


def test_a_verdict_that_reaches_back_over_midnight_re_opens_the_day(site: Site) -> None:
    site.now = NOW.replace(hour=23)
    site.place(CAM)
    site.later(minutes=10)
    site.covering.compute()
    site.tell(CAM, "stale", "silence")
    site.later(minutes=50)
    site.covering.compute()
    site.later(minutes=1)
    site.covering.compute()
    assert site.row("2026-11-22") == ("observed", 1.0, "", 1, 0)
    site.tell(CAM, "offline", "silence")
    site.later(minutes=1)
    site.covering.compute()
    assert site.row("2026-11-22") == ("unknown", 0.16, "own", 1, 1)
    assert site.row("2026-11-23") == ("unknown", 0.0, "own", 1, 1)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-08", 23), ("2026-11-01", 25)])
def test_a_day_of_the_site_has_as_many_hours_as_its_clock_shows(store: Store, day: str, hours: int) -> None:
    site = Site(store, "America/Toronto")
    start = datetime.fromisoformat(f"{day}T00:00:00").replace(tzinfo=site.zone)
    site.now = start - timedelta(days=1)
    site.place(CAM)
    site.covering.compute()
    site.tell(CAM, "offline", "silence", at=start + timedelta(days=1) - timedelta(hours=1))
    site.now = start + timedelta(days=1, hours=2)
    site.covering.compute()
    assert site.row(day)[1] == (hours - 1) * 100 // hours / 100


def test_a_device_that_is_entered_and_never_heard_blinds_nobody(site: Site) -> None:
    site.place(CAM)
    site.tell(CAM, "pending", "never heard")
    site.later(minutes=5)
    site.covering.compute()
    assert site.rows() == {}


def test_maintenance_does_not_watch(site: Site) -> None:
    site.place(CAM)
    site.later(minutes=5)
    site.tell(CAM, "maintenance", "maintenance")
    site.later(minutes=5)
    site.covering.compute()
    assert site.row()[:3] == ("unknown", 0.5, "maintenance")


def test_when_the_time_becomes_known_the_days_move_with_what_was_stamped(site: Site) -> None:
    """A box without a battery woke on the day it was last used; two months later somebody told it the time."""
    woke = Glance(boot_id="b", boottime_us=100_000_000, wall_us=to_us(NOW))
    with site.store.write() as connection:
        boot = insert_boot(connection, woke)
    assert (boot.known, boot.stamps_from_us) == (False, to_us(NOW))
    site.place(CAM)
    site.later(hours=1)
    site.covering.compute()
    assert list(site.rows()) == ["2026-11-22"]
    told = Glance(boot_id="b", boottime_us=3_700_000_000, wall_us=to_us(site.now + timedelta(days=60)))
    with site.store.write() as connection:
        learn_time(connection, told, told.offset_us, "person")
    site.later(days=60)
    for _ in range(4):  # the days between are looked at some at a time
        site.covering.tend()
    assert {day: cells[CELL] for day, cells in site.rows().items()} == {"2027-01-21": ("observed", 1.0, "", 1, 0)}


def test_what_was_computed_for_days_to_come_goes_when_the_clock_is_set_back(site: Site) -> None:
    site.later(days=3)
    site.place(CAM)
    site.later(minutes=5)
    site.covering.compute()
    assert list(site.rows()) == ["2026-11-25"]
    site.now = NOW
    site.tell(CAM, "online", "birth")
    site.later(minutes=5)
    site.covering.compute()
    assert list(site.rows()) == ["2026-11-22"]


def test_old_days_go_one_at_a_time(site: Site) -> None:
    site.place(CAM)
    for _ in range(3):
        site.covering.compute()
        site.later(days=1)
    with site.store.write() as connection:
        assert purge_coverage(connection, before_day="2026-11-24").more
    assert list(site.rows()) == ["2026-11-23", "2026-11-24"]
