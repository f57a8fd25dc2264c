"""A wave of firmware: some at a time, judged by what devices report, stopped when too many fail."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.model.command import Progress, Wave, WaveDevice
from firmware_bridge.downlink.wave import advance, same_version

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DONE = Progress(command_state="done", firmware="2.0")
FAILED = Progress(command_state="failed", command_message="bad image", firmware="1.0")


def make_wave(devices: int, *, size: int = 5, stop_after: int = 2) -> Wave:
    """A wave that has not begun, to devices `f/0`, `f/1`, ..."""
    return Wave(
        wave_id="w",
        image_id="i",
        family="f",
        version="2.0",
        state="running",
        size=size,
        stop_after=stop_after,
        timeout_s=600,
        url="http://box/fw.bin",
        created_by="amal",
        created_at=NOW,
        devices=tuple(WaveDevice(device=f"f/{n}", state="waiting") for n in range(devices)),
    )


def states(wave: Wave) -> list[str]:
    """The state of each device."""
    return [one.state for one in wave.devices]


def test_a_wave_orders_so_many_at_a_time_and_waits_for_all_of_them() -> None:
    first = advance(make_wave(5, size=2), {}, NOW)
    assert first.orders == ("f/0", "f/1")
    half = advance(first.wave, {"f/0": DONE}, NOW)
    assert (half.orders, states(half.wave)) == ((), ["updated", "ordered", "waiting", "waiting", "waiting"])
    assert advance(half.wave, {"f/0": DONE, "f/1": DONE}, NOW).orders == ("f/2", "f/3")


def test_a_device_that_has_the_version_is_not_ordered() -> None:
    step = advance(make_wave(3, size=2), {"f/0": Progress(firmware="2.0(tasmota)")}, NOW)
    assert step.orders == ("f/1", "f/2")
    assert step.wave.devices[0].message == "had this version already"


@pytest.mark.parametrize(
    ("progress", "after_s", "state", "message"),
    [
        (Progress(command_state="running", firmware="2.0"), 1, "updated", "reports 2.0"),
        (Progress(command_state="done"), 1, "updated", "says done; it does not report its version"),
        (Progress(command_state="done", firmware="1.0"), 599, "ordered", ""),
        (Progress(command_state="done", firmware="1.0"), 600, "failed", "says done, and after 600 s still reports 1.0"),
        (Progress(command_state="running"), 600, "failed", "no new version, and after 600 s reports none"),
        (FAILED, 1, "failed", "failed: bad image"),
        (Progress(command_state="expired"), 1, "failed", "expired: no reason given"),
        (Progress(command_state="cancelled"), 1, "failed", "cancelled: no reason given"),
        (Progress(command_state="sent", firmware="1.0"), 1, "ordered", ""),
        (Progress(command_state="expired", firmware="2.0"), 1, "updated", "reports 2.0"),
    ],
)
def test_a_device_is_judged_by_its_answer_its_version_and_its_time(
    progress: Progress, after_s: int, state: str, message: str
) -> None:
    ordered = advance(make_wave(1, stop_after=9), {}, NOW).wave
    (device,) = advance(ordered, {"f/0": progress}, NOW + timedelta(seconds=after_s)).wave.devices
    assert (device.state, device.message) == (state, message)


def test_at_the_limit_nobody_else_is_ordered_and_those_under_way_are_watched_to_their_end() -> None:
    wave = advance(make_wave(8, size=4), {}, NOW).wave
    queued = Progress(command_state="queued")
    running = Progress(command_state="running", firmware="1.0")
    step = advance(wave, {"f/0": FAILED, "f/1": FAILED, "f/2": running, "f/3": queued}, NOW)
    assert (step.orders, step.wave.state, step.wave.finished_at) == ((), "stopped", None)
    assert states(step.wave) == ["failed", "failed", "ordered", "left", "left", "left", "left", "left"]
    end = advance(step.wave, {"f/2": DONE}, NOW + timedelta(seconds=5)).wave
    assert (end.state, end.finished_at) == ("stopped", NOW + timedelta(seconds=5))
    assert end.message == (
        "stopped at the limit of 2 failed: 1 updated, 2 failed, 5 left; "
        "failed: f/0 (failed: bad image), f/1 (failed: bad image)"
    )


def test_failures_below_the_limit_do_not_stop_a_wave_and_are_named_at_its_end() -> None:
    wave = advance(make_wave(2, stop_after=2), {}, NOW).wave
    end = advance(wave, {"f/0": FAILED, "f/1": DONE}, NOW).wave
    assert (end.state, end.finished_at) == ("done", NOW)
    assert end.message == "1 updated, 1 failed; failed: f/0 (failed: bad image)"


@pytest.mark.parametrize(
    ("reported", "wanted", "same"),
    [
        ("14.2.0", "14.2.0", True),
        ("14.2.0(tasmota)", "14.2.0", True),
        ("2024.6.0 (Jun 20 2024, 10:00:00)", "2024.6.0", True),
        ("v1.4.2", "1.4.2", True),
        ("1.4.2-g6d2a586", "1.4.2", True),
        ("1.4.2-beta1", "1.4.2", False),
        ("14.2.0.1", "14.2.0", False),
        ("14.2", "14.2.0", False),
        ("", "14.2.0", False),
    ],
)
def test_a_version_is_the_same_whatever_the_build_adds(reported: str, wanted: str, same: bool) -> None:
    assert same_version(reported, wanted) is same


@given(
    st.integers(1, 30),
    st.integers(1, 8),
    st.integers(1, 5),
    st.lists(st.booleans(), min_size=30, max_size=30),
)
def test_a_wave_always_ends_and_never_goes_on_past_its_limit(
    devices: int, size: int, stop_after: int, good: list[bool]
) -> None:
    wave, ordered = make_wave(devices, size=size, stop_after=stop_after), 0
    for _ in range(2 * devices + 2):
        failed_before = states(wave).count("failed")
        outcomes = {f"f/{n}": DONE if good[n] else FAILED for n in range(devices) if states(wave)[n] == "ordered"}
        step = advance(wave, outcomes, NOW)
        assert len(step.orders) <= size
        assert not (step.orders and states(step.wave).count("failed") >= stop_after)
        wave, ordered = step.wave, ordered + len(step.orders)
        assert states(wave).count("failed") - failed_before <= size
        if wave.finished_at:
            break
    assert wave.finished_at is not None
    assert ordered == states(wave).count("updated") + states(wave).count("failed")
    assert (wave.state == "stopped") == (states(wave).count("failed") >= stop_after)
