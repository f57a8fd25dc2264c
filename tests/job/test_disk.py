"""The keeper of the disk: what it lets go in which order, when it stops, and what it never touches."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from appliance.aggregate.bins import SiteBins
from appliance.errors import NoRoom
from appliance.job.disk import DiskKeeper
from appliance.model.intake import Intake, Reading
from appliance.model.space import HOLD_S, Step
from appliance.store.disk_watch import DiskWatch
from appliance.store.engine import FILE_NAME, Store
from appliance.store.file.disk import Ballast
from appliance.store.retention.letting_go import LetGo, let_go_readings
from tests.conftest import NOW, make_recorder, wait_for
from tests.empty_store import put_store
from tests.store.checks import assert_sound, totals
from tests.store.disks import MIB, eat, needs_mount, small_disk

pytestmark = needs_mount


class Kept:
    """A small disk with a store, its keeper, and what the keeper asked for."""

    def __init__(self, folder: Path) -> None:
        put_store(folder / FILE_NAME, counted=(7, 8))
        self.folder = folder
        self.ballast = Ballast(folder, 64 * MIB)
        self.store = Store(folder / FILE_NAME, ballast=self.ballast)
        self.at = 0.0
        self.trusted = True
        self.asked: list[tuple[str, float]] = []
        self.there = {"archive": 0, "quarantine": 0, "positions": 0, "events": 0}
        self.keeper = self.make_keeper({**{kind: self._fake(kind) for kind in self.there}, "readings": self._readings})

    def make_keeper(self, kinds: Mapping[str, LetGo]) -> DiskKeeper:
        return DiskKeeper(
            DiskWatch(self.store, self.ballast, lambda: self.at),
            self.ballast,
            kinds,
            clock=lambda: NOW,
            clock_trusted=lambda: self.trusted,
            monotonic=lambda: self.at,
        )

    def _fake(self, kind: str) -> Callable[[datetime], int]:
        def let_go(before: datetime) -> int:
            self._note(kind, before)
            gone, self.there[kind] = self.there[kind], 0
            return gone

        return let_go

    def _readings(self, before: datetime) -> int:
        self._note("readings", before)
        return let_go_readings(self.store, before, bins=SiteBins(ZoneInfo("UTC")))

    def _note(self, kind: str, before: datetime) -> None:
        self.asked.append((kind, (NOW - before) / timedelta(hours=1)))

    def round(self, later_s: float = 2.0) -> Step:
        self.at += later_s
        return self.keeper.round()


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    with small_disk(tmp_path / "disk", 64) as folder:
        made = Kept(folder)
        yield made
        made.store.close()


def test_with_room_it_makes_the_ballast_and_lets_nothing_go(kept: Kept) -> None:
    assert kept.round() is Step.NORMAL
    assert (kept.ballast.size(), kept.asked) == (4 * MIB, [])
    assert kept.keeper.state["disk"] == "normal"


def test_the_rules_of_the_lower_rungs_come_first(kept: Kept) -> None:
    kept.round()
    eat(kept.folder, leave=4 * MIB)
    kept.there["archive"] = 5
    assert kept.round() is Step.CRITICAL
    assert kept.asked == [
        ("archive", 168),
        ("archive", 168),
        ("archive", 72),
        ("quarantine", 168),
        ("readings", 168),
        ("positions", 168),
        ("archive", 24),
        ("quarantine", 24),
        ("readings", 24),
        ("positions", 24),
        ("events", 720),
    ]
    assert kept.keeper.state["disk_let_go"]["archive"] == 5


def test_it_stops_when_there_is_enough_and_the_newer_half_stays(kept: Kept) -> None:
    kept.round()
    recorder = make_recorder(kept.store, NOW)
    for day in range(20, 0, -1):
        at = NOW - timedelta(days=day)
        values = [
            Reading(device=f"d{n}", metric="m", observed_at=at + timedelta(seconds=s), received_at=at, value=s)
            for n in range(20)
            for s in range(500)
        ]
        recorder.record(Intake(readings=values))
    eat(kept.folder, leave=7 * MIB - kept.store.reusable_bytes())
    assert kept.round() is Step.SCARCE
    with kept.store.read() as connection:
        left = connection.exec_driver_sql("SELECT count(*) FROM readings").scalar_one()
    gone = totals(kept.store, "let_go")["readings"]
    assert left + gone == 200_000
    assert 0 < gone < 130_000  # what is younger than a week, and what need not go, stays
    assert kept.round(HOLD_S + 1) is Step.SCARCE
    assert kept.round(HOLD_S + 1) < Step.SCARCE
    assert_sound(kept.store)


def test_full_it_releases_the_ballast_and_with_room_makes_it_again(kept: Kept) -> None:
    kept.round()
    hog = eat(kept.folder)
    assert kept.round() is Step.FULL
    assert kept.ballast.size() == 0
    assert kept.round() is Step.FULL
    hog.unlink()
    kept.round()
    assert kept.ballast.size() == 4 * MIB
    assert kept.round(HOLD_S + 1) is Step.NORMAL


def test_while_the_time_is_not_known_nothing_goes_by_age(kept: Kept) -> None:
    kept.round()
    kept.trusted = False
    eat(kept.folder)
    assert kept.round() is Step.FULL
    assert kept.asked == []


def test_a_write_that_fails_is_tried_again_and_the_thread_lives(kept: Kept) -> None:
    failures = [NoRoom("full"), NoRoom("full")]

    def failing(before: datetime) -> int:
        if failures:
            raise failures.pop()
        kept.asked.append(("archive", 0.0))
        return 0

    keeper = kept.make_keeper({"archive": failing})
    eat(kept.folder)
    keeper.start()
    try:
        wait_for(lambda: kept.asked, what="another round")
    finally:
        keeper.stop()
