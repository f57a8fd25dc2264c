"""What the bridge knows of its devices, by the real store: standings, outages, clocks, restarts."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from appliance.errors import Unavailable
from appliance.model.device_change import NewWindow, SettingsChange
from appliance.model.field import FieldNews
from appliance.store.device.field import StoreField
from appliance.store.device.maintenance import insert_window
from appliance.store.engine import Store, raw_connection
from firmware_bridge.canonical import Standing
from firmware_bridge.field import Field
from firmware_bridge.gather import Heard
from tests.conftest import NOW
from tests.store.registry import change, get, hear

CAMERAS = [f"frigate/cam{number:02}" for number in range(50)]
BEAT_S = 10  # each device speaks so often


class Shaky(StoreField):
    """The real store, which can be out of reach."""

    away = False

    def record(self, news: FieldNews) -> None:
        if self.away:
            raise Unavailable("the store is locked")
        super().record(news)

    def registry_rev(self) -> int:
        if self.away:
            raise Unavailable("the store is locked")
        return super().registry_rev()


class Box:
    """A bridge's field, its time and its link; `alerts` is what a person is told."""

    def __init__(self, store: Store) -> None:
        self.at = 1_000.0
        self.now = NOW
        self.trusted = True
        self.connected = True
        self.alerts: list[dict[str, Any]] = []
        self.raw = store
        self.store = Shaky(store, lambda: self.now)

    def boot(self, *, last_alive: datetime | None = None, moving: bool = False) -> Field:
        self.field = Field(
            self.store,
            clock=lambda: self.now,
            clock_trusted=lambda: self.trusted,
            monotonic=lambda: self.at,
            alert=lambda words: self.alerts.append(msgspec.json.decode(words)),
            last_alive=last_alive,
            moving=moving,
        )
        self.field.start()
        return self.field

    def run(self, seconds: int, *speaking: str, ahead_s: float = 0.0) -> None:
        """Let time pass; these devices speak every ten seconds, with clocks so far ahead."""
        for second in range(seconds):
            self.at += 1.0
            self.now += timedelta(seconds=1)
            if second % BEAT_S == 0 and self.connected:
                told_at = self.now + timedelta(seconds=ahead_s)
                self.field.take(Heard(source=one, received_at=self.now, observed_at=told_at) for one in speaking)
            self.field.tick(connected=self.connected)

    @property
    def sounded(self) -> list[tuple[str, str]]:
        return [(one["kind"], str(one.get("segment", one.get("device")))) for one in self.alerts]

    def outages(self) -> list[tuple[str, str, int, bool]]:
        with self.raw.read() as connection:
            rows = raw_connection(connection).execute(
                "SELECT kind, segment, device_count, ended_at IS NULL FROM outages ORDER BY outage_pk"
            )
            return [(kind, segment, count, bool(lasts)) for kind, segment, count, lasts in rows]

    def states(self, *sources: str) -> set[tuple[str, str]]:
        return {(one.state, one.cause) for one in (get(self.raw, source, self.now) for source in sources)}


@pytest.fixture
def box(store: Store) -> Box:
    return Box(store)


def register(store: Store, sources: Sequence[str], **members: Any) -> None:
    hear(store, *sources, family="frigate")
    settings = SettingsChange(heartbeat_s=BEAT_S)
    for source in sources:
        change(store, source, **{"registration": "approved", "settings": settings, **members})


class TestOutages:
    def test_fifty_cameras_of_one_switch_are_one_alarm_and_one_row(self, box: Box) -> None:
        register(box.raw, CAMERAS, segment="switch:north")
        register(box.raw, ["frigate/other"], segment="switch:south")
        box.boot()
        box.run(200, *CAMERAS, "frigate/other")
        assert box.alerts == [] and box.outages() == []
        box.run(300, "frigate/other")
        assert box.sounded == [("outage", "switch:north")]
        assert (box.alerts[0]["scope"], box.alerts[0]["device_count"]) == ("segment", 50)
        assert box.outages() == [("segment", "switch:north", 50, True)]
        assert box.states(*CAMERAS) == {("offline", "outage:switch:north")}
        box.run(60, *CAMERAS, "frigate/other")
        assert box.sounded[1:] == [("outage_ended", "switch:north")]
        assert box.outages() == [("segment", "switch:north", 50, False)]
        assert {state for state, _ in box.states(*CAMERAS)} == {"online"}

    def test_a_device_that_fails_by_itself_is_told_by_name_and_a_muted_one_is_not(self, box: Box) -> None:
        register(box.raw, CAMERAS[:4])
        change(box.raw, CAMERAS[1], settings=SettingsChange(muted=True))
        box.boot()
        box.run(200, *CAMERAS[:4])
        box.run(400, *CAMERAS[2:4])
        assert box.sounded == [("device_offline", CAMERAS[0])]
        assert box.states(*CAMERAS[:2]) == {("offline", "silence")}

    def test_a_lost_link_to_the_broker_is_one_outage_of_ours_and_blames_nobody(self, box: Box) -> None:
        register(box.raw, CAMERAS[:5], segment="switch:north")
        box.boot()
        box.run(200, *CAMERAS[:5])
        box.connected = False
        box.run(600)
        assert box.sounded == [("outage", "")]
        assert box.alerts[0]["scope"] == "broker"
        assert {state for state, _ in box.states(*CAMERAS[:5])} == {"online"}
        box.connected = True
        box.run(200, *CAMERAS[:5])
        assert [kind for kind, _ in box.sounded] == ["outage", "outage_ended"]
        assert box.outages() == [("broker", "", 0, False)]

    def test_a_gateway_told_by_the_device_replaces_the_one_that_the_registry_remembers(self, box: Box) -> None:
        hear(box.raw, *CAMERAS[:6], family="frigate", via="nvr/old")
        for source in CAMERAS[:6]:
            change(box.raw, source, registration="approved", settings=SettingsChange(heartbeat_s=BEAT_S))
        box.boot()
        box.field.take(Heard(source=one, received_at=box.now, via="nvr/new") for one in CAMERAS[:6])
        register(box.raw, CAMERAS[6:16])
        box.run(200, *CAMERAS[:16])
        box.run(300, *CAMERAS[6:16])
        assert box.sounded == [("outage", "via:nvr/new")]


class TestRestart:
    def test_a_restart_of_the_box_makes_no_alarm(self, box: Box) -> None:
        register(box.raw, CAMERAS, segment="switch:north")
        box.boot()
        box.run(200, *CAMERAS)
        stopped = box.now
        box.now += timedelta(hours=2)
        box.at = 5.0
        box.boot(last_alive=stopped)
        box.run(300, *CAMERAS)
        assert [one["kind"] for one in box.alerts] == ["outage_ended"]
        assert box.outages() == [("box", "", 0, False)]
        assert {state for state, _ in box.states(*CAMERAS)} == {"online"}

    def test_a_box_that_does_not_know_the_time_says_nothing_of_how_long_it_was_away(self, box: Box) -> None:
        register(box.raw, CAMERAS[:5])
        box.boot()
        box.run(100, *CAMERAS[:5])
        box.trusted = False
        box.boot(last_alive=box.now - timedelta(days=9_000))
        box.run(300, *CAMERAS[:5])
        assert (box.alerts, box.outages()) == ([], [])

    def test_an_outage_that_lasts_is_known_after_a_restart_and_ends_once(self, box: Box) -> None:
        register(box.raw, CAMERAS[:10], segment="switch:north")
        register(box.raw, ["frigate/other"])
        box.boot()
        box.run(200, *CAMERAS[:10], "frigate/other")
        box.run(300, "frigate/other")
        box.alerts.clear()
        box.boot()
        box.run(300, "frigate/other")
        assert box.alerts == []
        box.run(60, *CAMERAS[:10], "frigate/other")
        assert box.sounded == [("outage_ended", "switch:north")]
        assert box.outages() == [("segment", "switch:north", 10, False)]

    def test_a_window_that_closed_while_the_box_was_off_does_not_hide_its_device(self, box: Box) -> None:
        register(box.raw, CAMERAS[:2])
        with box.raw.write() as connection:
            window = NewWindow(scope="device", subject=CAMERAS[0], to_time=NOW + timedelta(hours=1))
            insert_window(connection, window, now=NOW)
        box.boot()
        box.run(60, *CAMERAS[:2])
        box.now += timedelta(hours=2)
        box.boot()
        box.run(60, *CAMERAS[:2])
        assert {state for state, _ in box.states(*CAMERAS[:2])} == {"online"}


class TestStanding:
    def test_what_the_registry_says_is_known_and_a_change_by_a_person_within_seconds(self, box: Box) -> None:
        register(box.raw, CAMERAS[:1], longitude=47.9, latitude=29.3)
        field = box.boot()
        assert field.standing(CAMERAS[0]) == Standing(place=(47.9, 29.3))
        assert field.standing("frigate/nobody") is None
        change(box.raw, CAMERAS[0], registration="ignored", settings=SettingsChange(min_score=0.7))
        box.run(3)
        assert field.standing(CAMERAS[0]) == Standing(place=(47.9, 29.3), ignored=True, min_score=0.7)

    def test_a_window_opens_and_closes_by_the_clock(self, box: Box) -> None:
        register(box.raw, CAMERAS[:1])
        with box.raw.write() as connection:
            opens, closes = NOW + timedelta(seconds=10), NOW + timedelta(seconds=50)
            insert_window(connection, NewWindow(scope="site", from_time=opens, to_time=closes), now=NOW)
        field = box.boot()
        holds = []
        for _ in range(4):
            standing = field.standing(CAMERAS[0])
            holds.append(standing is not None and standing.maintenance)
            box.run(20, *CAMERAS[:1])
        assert holds == [False, True, True, False]

    def test_on_a_moving_box_a_device_without_a_place_is_where_the_box_is(self, box: Box) -> None:
        register(box.raw, CAMERAS[:2])
        change(box.raw, CAMERAS[0], longitude=1.0, latitude=2.0)
        field = box.boot(moving=True)
        assert field.standing("frigate/nobody") is None
        field.set_place(47.9, 29.3)
        for source, place in ((CAMERAS[0], (1.0, 2.0)), (CAMERAS[1], (47.9, 29.3)), ("frigate/nobody", (47.9, 29.3))):
            standing = field.standing(source)
            assert standing is not None and standing.place == place

    def test_a_box_that_stands_does_not_lend_its_place(self, box: Box) -> None:
        field = box.boot()
        field.set_place(47.9, 29.3)
        assert field.standing("frigate/nobody") is None


class TestClocks:
    def test_a_clock_that_is_wrong_is_found_out_written_down_and_judged(self, box: Box) -> None:
        register(box.raw, CAMERAS[:1])
        field = box.boot()
        box.run(200, *CAMERAS[:1], ahead_s=3_600)
        assert get(box.raw, CAMERAS[0]).skew_ms == pytest.approx(3_600_000, abs=1_000)
        soon = box.now + timedelta(seconds=3_600)
        assert field.judge(CAMERAS[0], soon, box.now, True) == "future"
        assert field.judge("frigate/nobody", box.now, box.now, True) == "good"
        assert field.judge(CAMERAS[0], None, box.now, True) == "missing"

    def test_it_is_known_after_a_restart(self, box: Box) -> None:
        register(box.raw, CAMERAS[:1])
        box.boot()
        box.run(200, *CAMERAS[:1], ahead_s=-7_200)
        field = box.boot()
        held_back = box.now - timedelta(seconds=7_200)
        assert field.judge(CAMERAS[0], held_back, box.now, True) == "ancient"
        assert field.judge(CAMERAS[0], held_back, box.now, False) == "good"

    def test_nothing_is_learned_by_a_box_that_does_not_know_the_time_nor_from_what_is_retained(self, box: Box) -> None:
        register(box.raw, CAMERAS[:1])
        field = box.boot()
        box.trusted = False
        box.run(200, *CAMERAS[:1], ahead_s=3_600)
        assert field.judge(CAMERAS[0], box.now, box.now, True) == "untrusted"
        box.trusted = True
        stale = box.now - timedelta(days=3)
        field.take([Heard(source=CAMERAS[0], received_at=box.now, observed_at=stale, retain=True)] * 50)
        box.run(20)
        assert get(box.raw, CAMERAS[0]).skew_ms is None


class TestStoreAway:
    def test_what_is_found_out_meanwhile_is_told_at_once_and_written_when_the_store_is_back(self, box: Box) -> None:
        register(box.raw, CAMERAS[:10], segment="switch:north")
        register(box.raw, ["frigate/other"])
        box.boot()
        box.run(200, *CAMERAS[:10], "frigate/other")
        box.store.away = True
        box.run(300, "frigate/other")
        assert box.sounded == [("outage", "switch:north")]
        assert box.outages() == []
        box.run(60, *CAMERAS[:10], "frigate/other")
        box.store.away = False
        box.run(2, *CAMERAS[:10], "frigate/other")
        assert box.outages() == [("segment", "switch:north", 10, False)]
        assert {state for state, _ in box.states(*CAMERAS[:10])} == {"online"}

    def test_what_waits_is_bounded_and_what_is_dropped_is_counted(
        self, box: Box, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("firmware_bridge.field.MAX_UNWRITTEN", 3)
        field = box.boot()
        box.store.away = True
        for number in range(5):
            field.take([Heard(source=f"frigate/new{number}", received_at=box.now)])
            box.run(1)
        assert field.shed == 2

    def test_a_store_that_cannot_be_read_at_the_start_is_said(self, box: Box) -> None:
        box.store.away = True
        with pytest.raises(Unavailable):
            box.boot()


def test_a_device_that_was_removed_is_forgotten(box: Box) -> None:
    register(box.raw, CAMERAS[:3])
    field = box.boot()
    box.run(60, *CAMERAS[:3])
    assert field.devices == 3
    with box.raw.write() as connection:
        raw = raw_connection(connection)
        raw.execute("DELETE FROM devices WHERE source = ?", (CAMERAS[0],))
    change(box.raw, CAMERAS[1], name="still here")
    box.run(400, *CAMERAS[1:3])
    assert (field.devices, field.standing(CAMERAS[0]), box.alerts) == (2, None, [])
