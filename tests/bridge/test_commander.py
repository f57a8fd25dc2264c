"""The downlink's part of the bridge's loop, over a real store: reconnects, restarts, and a wave on twenty devices."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from appliance.clock import to_us
from appliance.model.command import Wave
from appliance.model.intake import CommandAnswer
from appliance.store.audit import fetch_audit
from appliance.store.downlink import commands
from appliance.store.downlink.firmware import Described, open_draft
from appliance.store.downlink.waves import StoreDownlink, fetch_wave, insert_wave, stop_wave
from appliance.store.engine import Store
from firmware_bridge.commander import Commander
from firmware_bridge.downlink.orders import Outbound
from tests.conftest import NOW
from tests.store.test_commands import enter, look, queue

BAD = ("agency/d03", "agency/d06", "agency/d08")
FLEET = [f"agency/d{n:02}" for n in range(20)]


class Broker:
    """Where the commander publishes; `up` says whether there is a connection."""

    def __init__(self, *, up: bool = True) -> None:
        self.up = up
        self.sent: list[tuple[Outbound, int]] = []

    def __call__(self, message: Outbound, *, expiry_s: int) -> bool:
        """Take a message."""
        if self.up:
            self.sent.append((message, expiry_s))
        return self.up


class Fleet:
    """Simulated native devices: each takes the image it is told of and reports its version, but for the bad ones."""

    def __init__(self, store: Store, broker: Broker) -> None:
        self.updated: list[str] = []
        self._store, self._broker, self._heard = store, broker, 0

    def act(self, now: datetime) -> None:
        """Do what was told since the last time, and say so."""
        told, self._heard = self._broker.sent[self._heard :], len(self._broker.sent)
        with self._store.write() as connection:
            for message, _ in told:
                device = "/".join(message.topic.split("/")[2:4])
                command = json.loads(message.payload)
                outcome: Any = "failed" if device in BAD else "done"
                said = CommandAnswer(
                    device=device,
                    outcome=outcome,
                    received_at=now,
                    command_id=command["command_id"],
                    message="hash differs" if device in BAD else "",
                )
                commands.insert_answers(connection, [said], to_us(now))
                if outcome == "done":
                    self.updated.append(device)
                    connection.exec_driver_sql(
                        "UPDATE devices SET facts_json = ? WHERE source = ?",
                        (json.dumps({"firmware": command["parameters"]["version"]}), device),
                    )


def begin(store: Store, devices: list[str] = FLEET, *, size: int = 5, stop_after: int = 2) -> Wave:
    """A wave of version 2.0 to a fleet that reports 1.0."""
    for device in devices:
        enter(store, device, facts_json='{"firmware": "1.0"}')
    with open_draft(store) as draft:
        draft.write(b"firmware")
        described = Described(family="native", version="2.0", file_name="fw.bin", signature=None)
        image = draft.keep(store, described, who="amal", now=NOW)
    with store.write() as connection:
        return insert_wave(
            connection,
            image_id=image.image_id,
            devices=devices,
            size=size,
            stop_after=stop_after,
            timeout_s=600,
            base_url="http://10.0.0.2:8080",
            created_by="amal",
            now=NOW,
        )


def see(store: Store, wave: Wave) -> Wave:
    """The wave as the store has it now."""
    with store.read() as connection:
        return fetch_wave(connection, wave.wave_id)


def named(wave: Wave, state: str) -> list[str]:
    """Devices in a state."""
    return [one.device for one in wave.devices if one.state == state]


def drive(store: Store, wave: Wave, fleet: Fleet, commander: Callable[[], Commander], *, ticks: int = 20) -> Wave:
    """A second at a time: the bridge, then the devices, until the wave is over."""
    for second in range(ticks):
        now = NOW + timedelta(seconds=second)
        commander().tick(now)
        fleet.act(now)
        if see(store, wave).finished_at:
            break
    return see(store, wave)


def test_a_wave_on_twenty_devices_of_which_three_fail_stops_at_the_limit_and_says_which(store: Store) -> None:
    wave, broker = begin(store, size=5, stop_after=3), Broker()
    fleet = Fleet(store, broker)
    commander = Commander(StoreDownlink(store), broker)
    end = drive(store, wave, fleet, lambda: commander)
    assert end.state == "stopped"
    assert named(end, "failed") == list(BAD)
    assert named(end, "updated") == [device for device in FLEET[:10] if device not in BAD] == fleet.updated
    assert named(end, "left") == FLEET[10:]
    assert end.message == (
        "stopped at the limit of 3 failed: 7 updated, 3 failed, 10 left; failed: agency/d03 (failed: hash differs), "
        "agency/d06 (failed: hash differs), agency/d08 (failed: hash differs)"
    )
    assert len(broker.sent) == 10


def test_a_limit_of_two_stops_earlier_only_by_whole_batches(store: Store) -> None:
    wave, broker = begin(store, size=2, stop_after=2), Broker()
    commander = Commander(StoreDownlink(store), broker)
    end = drive(store, wave, Fleet(store, broker), lambda: commander)
    assert (end.state, named(end, "failed"), named(end, "left")) == ("stopped", list(BAD[:2]), FLEET[8:])


def test_a_wave_below_its_limit_reaches_everybody_and_names_the_failed(store: Store) -> None:
    wave, broker = begin(store, size=5, stop_after=4), Broker()
    commander = Commander(StoreDownlink(store), broker)
    end = drive(store, wave, Fleet(store, broker), lambda: commander)
    assert (end.state, named(end, "failed"), len(named(end, "updated"))) == ("done", list(BAD), 17)


def test_a_wave_goes_on_after_a_restart_and_orders_nobody_twice(store: Store) -> None:
    wave, broker = begin(store, size=5, stop_after=4), Broker()
    end = drive(store, wave, Fleet(store, broker), lambda: Commander(StoreDownlink(Store(store.path)), broker))
    assert (end.state, len(named(end, "updated"))) == ("done", 17)
    topics = [message.topic for message, _ in broker.sent]
    assert sorted(topics) == [f"hexpost/v1/{device}/cmd" for device in FLEET]


def test_a_bridge_killed_between_marking_and_publishing_does_not_send_twice(store: Store) -> None:
    enter(store, "agency/cam7")
    command = queue(store)
    with store.write() as connection:
        commands.mark_sent(connection, command.command_id, {"": "final"}, NOW)
    broker = Broker()
    commander = Commander(StoreDownlink(store), broker)
    assert commander.tick(NOW + timedelta(seconds=1)) == 0
    commander.tick(NOW + timedelta(seconds=60))
    assert (broker.sent, look(store, command)) == ([], ("expired", "sent, and never answered"))


def test_after_an_absence_of_the_broker_only_what_is_still_valid_goes_out(store: Store) -> None:
    enter(store, "agency/cam7")
    stale, valid = queue(store, ttl_s=60), queue(store, ttl_s=600)
    broker = Broker(up=False)
    commander = Commander(StoreDownlink(store), broker)
    assert commander.tick(NOW) == 0
    assert look(store, stale)[0] == "queued"
    broker.up = True
    assert commander.tick(NOW + timedelta(seconds=100)) == 1
    ((message, expiry_s),) = broker.sent
    assert json.loads(message.payload)["command_id"] == valid.command_id
    assert expiry_s == 500  # a broker that speaks MQTT 5 lets it expire, too
    assert look(store, stale) == ("expired", "its time was over before it could go out")


def test_a_broker_that_goes_away_in_the_middle_of_a_command_ends_it(store: Store) -> None:
    enter(store, "tasmota/plug", "tasmota")
    command = queue(store, "tasmota/plug", "config", Sleep=50, PowerOnState=1)
    broker = Broker()

    def once(message: Outbound, *, expiry_s: int) -> bool:
        taken = broker(message, expiry_s=expiry_s)
        broker.up = False
        return taken

    Commander(StoreDownlink(store), once).tick(NOW)
    assert look(store, command) == ("failed", "the broker went away after 1 of the command's messages")


def test_a_command_that_the_family_does_not_take_fails_and_says_what_it_takes(store: Store) -> None:
    enter(store, "frigate/yard", "frigate")
    command = queue(store, "frigate/yard")
    broker = Broker()
    Commander(StoreDownlink(store), broker).tick(NOW)
    state, message = look(store, command)
    assert (state, broker.sent) == ("failed", [])
    assert "frigate takes no commands" in message


def test_an_idle_tick_writes_nothing(store: Store) -> None:
    before = store.data_version()
    Commander(StoreDownlink(store), Broker()).tick(NOW)
    assert store.data_version() == before


def test_a_wave_that_only_waits_writes_nothing(store: Store) -> None:
    wave, broker = begin(store), Broker()
    commander = Commander(StoreDownlink(store), broker)
    commander.tick(NOW)
    before = see(store, wave)
    totals = store.data_version()
    commander.tick(NOW + timedelta(seconds=1))
    assert (see(store, wave), store.data_version()) == (before, totals)


def test_a_stop_by_hand_takes_back_what_has_not_gone_out(store: Store) -> None:
    wave, broker = begin(store, FLEET[:3], size=2), Broker(up=False)
    commander = Commander(StoreDownlink(store), broker)
    commander.tick(NOW)
    with store.write() as connection:
        stop_wave(connection, wave.wave_id, who="amal", now=NOW)
    broker.up = True
    commander.tick(NOW + timedelta(seconds=1))
    end = see(store, wave)
    assert (end.state, named(end, "left"), broker.sent) == ("stopped", FLEET[:3], [])
    assert end.message == "stopped by hand: 3 left"
    with store.read() as connection:
        actions = [entry.action for entry in fetch_audit(connection, subject=wave.wave_id)]
    assert actions == ["firmware.wave_stop", "firmware.wave"]


def test_a_device_that_falls_silent_fails_by_its_time(store: Store) -> None:
    wave, broker = begin(store, FLEET[:1], stop_after=1), Broker()
    commander = Commander(StoreDownlink(store), broker)
    commander.tick(NOW)
    commander.tick(NOW + timedelta(seconds=600))
    commander.tick(NOW + timedelta(seconds=601))
    (device,) = see(store, wave).devices
    assert device.state == "failed"
    assert device.message == "no new version, and after 600 s still reports 1.0"
