"""What a wave of firmware does next: a state machine without I/O, asked once a second by `commander`.

A wave brings one image to its devices `size` at a time, and goes on to the next when every one of the last is settled.
A device is settled when it reports the new version, or when its command failed or its time is over. When
`stop_after` have failed nobody else is ordered: the rest is left as it is, while those already under way are still
watched to their end.

    waiting -> ordered -> updated | failed
    waiting -> updated                         it has the version already
    waiting, ordered -> left                   stopped before its turn, or before its command had gone out
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from appliance.model.command import Progress, Step, Wave, WaveDevice, WaveState

MAX_NAMED = 20  # failed devices named in a wave's own message; its list has them all

# What builds add to a version: "14.2.0(tasmota)", "2024.6.0 (Jun 20 2024)", "1.4.2-g6d2a586".
_BUILD = re.compile(r"\s*\(.*\)|[-+]g[0-9a-f]{5,40}", re.ASCII)


def advance(wave: Wave, progress: Mapping[str, Progress], now: datetime) -> Step:
    """The next step of a wave that is not finished; `progress` by device."""
    unknown = Progress()
    devices = [_judge(wave, one, progress.get(one.device, unknown), now) for one in wave.devices]
    failed = sum(one.state == "failed" for one in devices)
    state: WaveState = "stopped" if wave.state == "stopped" or failed >= wave.stop_after else "running"
    orders: Sequence[str] = ()
    if state == "stopped":
        devices = [_leave(one, progress.get(one.device, unknown)) for one in devices]
    elif not any(one.state == "ordered" for one in devices):
        orders = [one.device for one in devices if one.state == "waiting"][: wave.size]
        devices = [
            msgspec.structs.replace(one, state="ordered", ordered_at=now) if one.device in orders else one
            for one in devices
        ]
    settled = not any(one.state in ("waiting", "ordered") for one in devices)
    if settled and state == "running":
        state = "done"
    following = msgspec.structs.replace(
        wave,
        state=state,
        devices=tuple(devices),
        finished_at=now if settled else None,
        message=_because(state, failed, wave) + summary(devices),
    )
    return Step(wave=following, orders=tuple(orders))


def summary(devices: Sequence[WaveDevice]) -> str:
    """`17 updated, 3 failed, 5 left; failed: a/b (why), ...`."""
    counts = Counter(one.state for one in devices)
    said = ", ".join(
        f"{counts[state]} {state}" for state in ("updated", "failed", "ordered", "waiting", "left") if counts[state]
    )
    failed = [f"{one.device} ({one.message})" for one in devices if one.state == "failed"]
    more = f" and {len(failed) - MAX_NAMED} more" if len(failed) > MAX_NAMED else ""
    return f"{said}; failed: {', '.join(failed[:MAX_NAMED])}{more}" if failed else said


def same_version(reported: str, wanted: str) -> bool:
    """Whether a device's own word for its version means the image's: case, a leading v and the build set aside."""
    told, asked = (text.strip().lower().removeprefix("v") for text in (reported, wanted))
    return bool(told) and told.startswith(asked) and (told == asked or bool(_BUILD.fullmatch(told[len(asked) :])))


def _because(state: WaveState, failed: int, wave: Wave) -> str:
    if state != "stopped":
        return ""
    return f"stopped at the limit of {wave.stop_after} failed: " if failed >= wave.stop_after else "stopped by hand: "


def _judge(wave: Wave, one: WaveDevice, known: Progress, now: datetime) -> WaveDevice:
    if one.state == "waiting" and same_version(known.firmware, wave.version):
        return msgspec.structs.replace(one, state="updated", message="had this version already")
    if one.state != "ordered" or one.ordered_at is None:
        return one
    if same_version(known.firmware, wave.version):
        return msgspec.structs.replace(one, state="updated", message=f"reports {known.firmware}")
    if known.command_state == "done" and not known.firmware:
        return msgspec.structs.replace(one, state="updated", message="says done; it does not report its version")
    why = ""
    if known.command_state in ("failed", "expired", "cancelled"):
        why = f"{known.command_state}: {known.command_message or 'no reason given'}"
    elif now >= one.ordered_at + timedelta(seconds=wave.timeout_s):
        said = "says done" if known.command_state == "done" else "no new version"
        still = f"still reports {known.firmware}" if known.firmware else "reports none"
        why = f"{said}, and after {wave.timeout_s} s {still}"
    return msgspec.structs.replace(one, state="failed", message=why) if why else one


def _leave(one: WaveDevice, known: Progress) -> WaveDevice:
    """A device that nothing has been sent to when its wave stops; the store takes the queued command back."""
    if one.state == "waiting" or (one.state == "ordered" and known.command_state == "queued"):
        return msgspec.structs.replace(one, state="left", message="the wave stopped before its turn")
    return one
