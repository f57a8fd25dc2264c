"""Devices as the box commands them: written by the product's downlink, obeyed, and understood by its decoder."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from appliance.model.command import Command, Target
from appliance.model.observation import CommandOutcome, DeviceHealth
from firmware_bridge.downlink.orders import write_order
from firmware_bridge.simulation.faults import Silence
from firmware_bridge.simulation.schedule import Due, Schedule
from tests.bridge.samples import make_decoder
from tests.simulate.run import BEGAN, fleet_of, schedule_of

UPDATABLE = ("native", "tasmota", "shelly_gen2", "zigbee2mqtt")
IMAGE = {"url": "http://10.0.0.2:8080/v1/firmware/i1/image/image-9.8.7.bin", "version": "9.8.7", "sha256": "0" * 64}


def quiet(family: str, **plan: Any) -> Schedule:
    """Devices that say nothing by themselves; past their births."""
    run = schedule_of(fleet_of(4, family), rate_per_s=0.0, **plan)
    run.due(10.0)
    return run


def command(run: Schedule, source: str, name: str, parameters: Mapping[str, Any]) -> None:
    """Hand a command in as the product's downlink writes it."""
    family = run.states[source].unit.family
    order = write_order(
        Command(
            command_id="c-1",
            device=source,
            family=family,
            command=name,
            parameters=dict(parameters),
            state="queued",
            created_at=BEGAN,
            changed_at=BEGAN,
            requested_by="test",
            expires_at=BEGAN + timedelta(hours=1),
        ),
        Target(device=source, family=family, topics=()),
    )
    for message in order.messages:
        run.order(message.topic, message.payload)


def observed(dues: Sequence[Due]) -> list[Any]:
    """What the product's decoder makes of what was said."""
    decoder = make_decoder()
    found: list[Any] = []
    for due in dues:
        if due.message is not None:
            decoded = decoder.decode(due.message.topic, due.message.payload, received_at=BEGAN)
            assert list(decoded.rejections) == []
            found += decoded.observations
    return found


def first(run: Schedule) -> str:
    """The first device that is no gateway."""
    return next(source for source, state in run.states.items() if not state.behind)


@pytest.mark.parametrize("family", UPDATABLE)
def test_an_update_is_done_and_the_device_has_the_new_firmware(family: str) -> None:
    run = quiet(family)
    source = first(run)
    command(run, source, "firmware_update", IMAGE)
    found = observed(run.due(60.0))
    outcomes = [seen for seen in found if isinstance(seen, CommandOutcome)]
    assert {seen.device for seen in outcomes} == {source}
    assert outcomes[-1].outcome == "done"
    assert not [seen for seen in outcomes if seen.outcome == "failed"]
    assert run.states[source].firmware == "9.8.7"
    assert run.tally.orders >= 1


@pytest.mark.parametrize("family", UPDATABLE)
def test_the_chosen_devices_fail_their_update_and_keep_their_firmware(family: str) -> None:
    run = quiet(family, fails_updates=2)
    before = {source: state.firmware for source, state in run.states.items()}
    sources = [source for source, state in run.states.items() if not state.behind]
    for source in sources:
        command(run, source, "firmware_update", IMAGE)
    outcomes = [seen for seen in observed(run.due(60.0)) if isinstance(seen, CommandOutcome)]
    failed = [seen.device for seen in outcomes if seen.outcome == "failed"]
    named = ["zigbee2mqtt/bridge"] * 2 if family == "zigbee2mqtt" else run.failing  # its errors name only the request
    assert sorted(failed) == named
    assert len(run.failing) == 2
    changed = {source for source in sources if run.states[source].firmware != before[source]}
    assert changed == set(sources) - set(run.failing)


def test_three_of_twenty_fail() -> None:
    run = schedule_of(fleet_of(20, "tasmota"), rate_per_s=0.0, fails_updates=3)
    run.due(10.0)
    for source in run.states:
        command(run, source, "firmware_update", IMAGE)
    last = {seen.device: seen.outcome for seen in observed(run.due(60.0)) if isinstance(seen, CommandOutcome)}
    assert sorted(last.values()) == ["done"] * 17 + ["failed"] * 3


def test_after_its_update_a_device_says_which_firmware_it_has() -> None:
    run = quiet("tasmota")
    command(run, first(run), "firmware_update", IMAGE)
    told = [seen.firmware for seen in observed(run.due(60.0)) if isinstance(seen, DeviceHealth) and seen.firmware]
    assert told == ["9.8.7(release-tasmota)"]


@pytest.mark.parametrize(("family", "seconds"), [("native", 30.0), ("tasmota", 30.0)])
def test_an_interval_that_is_set_is_kept_to(family: str, seconds: float) -> None:
    run = quiet(family)
    source = first(run)
    command(run, source, "interval", {"interval_s": seconds})
    run.due(20.0)
    times = sorted({round(due.at_s) for due in run.due(320.0)})
    assert len(times) == 10
    assert all(later - earlier == pytest.approx(seconds, abs=3) for earlier, later in pairwise(times))


@pytest.mark.parametrize("family", ["native", "tasmota", "shelly_gen2"])
def test_a_device_that_is_restarted_says_that_it_is_there_again(family: str) -> None:
    run = quiet(family)
    source = first(run)
    command(run, source, "reboot", {})
    found = observed(run.due(60.0))
    assert [seen.state for seen in found if isinstance(seen, DeviceHealth) and seen.state][-1] == "online"
    assert [seen.outcome for seen in found if isinstance(seen, CommandOutcome)][-1] == "done"
    assert run.states[source].booted_s > 10.0


def test_a_device_that_is_cut_off_hears_nothing() -> None:
    run = schedule_of(
        fleet_of(2, "tasmota", segments=(("north", 2),)), rate_per_s=0.0, silences=(Silence(segment="north", from_s=5),)
    )
    run.due(10.0)
    command(run, first(run), "reboot", {})
    assert observed(run.due(30.0)) == []
    assert run.tally.orders == 0


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("cmnd/nobody/Restart", b"1"),
        ("shellyplus1-000000000000/rpc", b"{}"),
        ("hexpost/rpc", b'{"id":"c-1","src":"shelly","result":null}'),
        ("hexpost/v1/sim/nobody/cmd", b"not JSON"),
        ("zigbee2mqtt/nobody/set", b"[" * 5_000),
    ],
)
def test_what_is_for_nobody_here_is_left_alone(topic: str, payload: bytes) -> None:
    run = schedule_of(fleet_of(14), rate_per_s=0.0)
    run.due(10.0)
    run.order(topic, payload)
    assert run.tally.orders == 0
