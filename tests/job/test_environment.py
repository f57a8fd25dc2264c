"""Readings against their thresholds, as the jobs process follows them: alarms once, none for history, none lost."""

from datetime import timedelta

import pytest

from appliance.job import environment
from appliance.job.environment import ReadingFollower
from appliance.model.intake import Intake, Reading
from appliance.model.iot import ThresholdChange
from appliance.store.alerts import change_alert, fetch_alerts
from appliance.store.engine import Store
from appliance.store.iot.thresholds import delete_threshold, fetch_standings, put_threshold
from tests.conftest import NOW, make_recorder
from tests.store.registry import change, hear, square, zone

DEVICE = "zigbee2mqtt/Kitchen"


class Desk:
    """A follower whose clock is told, and readings that are measured at it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = NOW
        self.follower = self.fresh()

    def fresh(self) -> ReadingFollower:
        """As a process that has just started has it."""
        return ReadingFollower(self.store, clock=lambda: self.now)

    def restart(self) -> None:
        """Killed, and started again."""
        self.follower = self.fresh()

    def measure(self, value: float, *, ago_s: float = 0.0, metric: str = "temperature", quality: str = "good") -> None:
        reading = Reading(
            device=DEVICE,
            metric=metric,
            observed_at=self.now - timedelta(seconds=ago_s),
            received_at=self.now,
            value=value,
            unit="Cel" if metric.startswith("temperature") else "",
            clock_quality=quality,  # type: ignore[arg-type]
        )
        make_recorder(self.store, self.now).record(Intake(readings=[reading]))

    def tell(self, *values: float, every_s: float = 60.0) -> None:
        """Measure and look, again and again."""
        for value in values:
            self.measure(value)
            self.look()
            self.now += timedelta(seconds=every_s)

    def look(self) -> None:
        while self.follower.step():
            pass

    def alerts(self) -> list[tuple[str, str]]:
        """(title, state), the last raised first."""
        with self.store.read() as connection:
            return [(one.title, one.state) for one in fetch_alerts(connection)[0]]

    def phase(self) -> str:
        with self.store.read() as connection:
            return fetch_standings(connection)[0].state.phase


@pytest.fixture
def desk(store: Store, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """With a threshold of 41 and 39 after two minutes."""
    monkeypatch.setattr(environment, "SERIES_S", 0.0)
    hear(store, DEVICE)
    with store.write() as connection:
        put_threshold(
            connection, "temperature", "", ThresholdChange(raise_at=41, clear_at=39, hold_s=120), who="amal", now=NOW
        )
    return Desk(store)


RAISED = f"temperature above 41 Cel at {DEVICE}"


def test_beyond_for_long_enough_is_one_alarm_and_back_for_long_enough_its_end(desk: Desk) -> None:
    desk.tell(40, 42, 42)
    assert desk.alerts() == []
    desk.tell(42, 42, 43, 40, 42)
    assert desk.alerts() == [(RAISED, "open")]
    desk.tell(38, 38, 38)
    assert desk.alerts() == [(RAISED, "closed")]


def test_the_state_survives_a_kill_at_any_point(desk: Desk) -> None:
    for value in (42, 42, 42, 42, 40, 38, 42, 38, 38, 38):
        desk.tell(value)
        desk.restart()
    assert desk.alerts() == [(RAISED, "closed")]


def test_an_alarm_that_a_person_closed_does_not_sound_again_by_a_restart(desk: Desk) -> None:
    desk.tell(42, 42, 42)
    with desk.store.write() as connection:
        change_alert(connection, 1, state="closed", note=None, who="amal", now=desk.now)
    desk.restart()
    desk.tell(42, 42)
    assert desk.alerts() == [(RAISED, "closed")]


def test_a_kill_within_the_transaction_loses_neither_state_nor_alarm(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.tell(42, 42)
    desk.measure(42)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(environment, "raise_alert", die)
        desk.look()
    desk.restart()
    desk.look()
    assert desk.alerts() == [(RAISED, "open")]


def test_history_raises_no_alarm_and_what_lasts_does(desk: Desk) -> None:
    for ago_s in (10_800, 10_680, 10_560):
        desk.measure(45, ago_s=ago_s)
    desk.look()
    assert (desk.phase(), desk.alerts()) == ("raised", [])
    desk.tell(45)
    assert desk.alerts() == [(RAISED, "open")]


def test_values_that_come_out_of_order_are_judged_by_their_own_time(desk: Desk) -> None:
    desk.measure(42, ago_s=240)
    desk.measure(38, ago_s=120)
    desk.look()
    desk.measure(42, ago_s=180)  # older than the last: history
    desk.measure(42)
    desk.look()
    assert desk.alerts() == []


def test_a_device_whose_clock_is_ahead_hides_no_other(desk: Desk) -> None:
    hear(desk.store, "zigbee2mqtt/Cellar")
    ahead = Reading(
        device="zigbee2mqtt/Cellar",
        metric="temperature",
        observed_at=NOW + timedelta(minutes=4),
        received_at=NOW,
        value=20.0,
        unit="Cel",
        clock_quality="good",
    )
    make_recorder(desk.store, NOW).record(Intake(readings=[ahead]))
    desk.look()
    desk.tell(42, 42, 42)
    assert desk.alerts() == [(RAISED, "open")]


@pytest.mark.parametrize("quality", ["future", "ancient"])
def test_a_time_that_cannot_be_believed_turns_nothing(desk: Desk, quality: str) -> None:
    for ago_s in (240, 120, 0):
        desk.measure(42, ago_s=ago_s, quality=quality)
    desk.look()
    assert desk.alerts() == []


def test_a_zone_has_a_threshold_of_its_own(desk: Desk) -> None:
    zone(desk.store, "kitchen", square(47.9, 29.3, 0.2))
    change(desk.store, DEVICE, longitude=47.97, latitude=29.37)
    with desk.store.write() as connection:
        put_threshold(
            connection, "temperature", "kitchen", ThresholdChange(raise_at=60, clear_at=55), who="amal", now=NOW
        )
    desk.tell(42, 42, 42, 42)
    assert desk.alerts() == []


def test_a_threshold_that_is_put_out_of_force_closes_what_it_raised(desk: Desk) -> None:
    desk.tell(42, 42, 42)
    with desk.store.write() as connection:
        off = ThresholdChange(raise_at=41, clear_at=39, enabled=False)
        put_threshold(connection, "temperature", "", off, who="amal", now=desk.now)
    desk.look()
    assert desk.alerts() == [(RAISED, "closed")]


def test_without_one_of_its_own_the_site_has_the_published_limit(desk: Desk) -> None:
    with desk.store.write() as connection:
        delete_threshold(connection, "temperature", "", who="amal", now=NOW)
    desk.tell(42, 42, 42, 42)
    assert desk.alerts() == []
    desk.tell(*[42.0] * 30)
    assert desk.alerts() == [(RAISED, "open")]


def test_channels_of_one_metric_are_judged_each_for_itself(desk: Desk) -> None:
    for value in (42, 42, 42):
        desk.measure(value, metric="temperature.2")
        desk.tell(30)
    assert desk.alerts() == [(f"temperature.2 above 41 Cel at {DEVICE}", "open")]


def test_a_clock_that_is_set_back_does_not_freeze_a_series(desk: Desk) -> None:
    desk.now = NOW + timedelta(days=400)
    desk.tell(30)
    desk.now = NOW
    desk.restart()
    desk.tell(42, 42, 42)
    assert desk.alerts() == [(RAISED, "open")]


def test_a_quiet_series_is_written_seldom(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.tell(30)
    desk.measure(31)
    version = desk.store.data_version()
    desk.look()
    assert desk.store.data_version() == version
    monkeypatch.setattr(environment, "FLUSH_S", 0.0)
    desk.look()
    assert desk.store.data_version() != version


def test_time_of_a_first_look_goes_back_a_day_at_most(desk: Desk) -> None:
    desk.measure(45, ago_s=2 * 86_400)
    desk.look()
    with desk.store.read() as connection:
        assert fetch_standings(connection) == []
