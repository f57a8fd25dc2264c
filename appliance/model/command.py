"""What is asked of devices: a command and its outcome, an image of firmware, a wave that brings it to many.

`appliance.store` keeps them, `firmware_bridge.downlink.orders` puts a command into the words of a family, and
`firmware_bridge.downlink.wave` decides what a wave does next.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

CommandState = Literal["queued", "sent", "accepted", "running", "done", "failed", "expired", "cancelled"]
OPEN: tuple[CommandState, ...] = ("queued", "sent", "accepted", "running")
"""States in which something may still happen; the others are final."""

Weight = Literal["interim", "final"]
"""Whether an answer ends its command, or only says that the device took it: then its `done` means `accepted`."""

WaveState = Literal["running", "stopped", "done"]
WaveDeviceState = Literal["waiting", "ordered", "updated", "failed", "left"]
"""Of one device in a wave; `left`: the wave was stopped before its turn."""

MAX_TTL_S = 7 * 86_400  # a command older than a week would surprise whoever meets the device
DEFAULT_TTL_S = 300
FIRMWARE_TTL_S = 1_800  # until a device must have begun; a battery sensor wakes every few minutes


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One order to one device.

    command_id  random, and the device's own handle on it where its firmware can carry one
    device      the source, `family/id`; native `agency/device`
    command     interval, config, reboot, firmware_update; a native device may know more
    expires_at  when it must no longer go out; sent and unanswered it expires then
    message     what the device, or the box, last said about it
    """

    command_id: str
    device: str
    family: str
    command: str
    parameters: dict[str, Any]
    state: CommandState
    created_at: datetime
    expires_at: datetime
    requested_by: str
    sent_at: datetime | None = None
    changed_at: datetime
    progress_percent: float | None = None
    message: str = ""
    wave_id: str | None = None


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What the box knows of the device that a command goes to.

    topics     those it publishes on
    facts      what it told of itself, as in `DeviceReport.facts`
    announced  what it told that it listens to: update, restart, identify -> {topic, payload}
    """

    device: str
    family: str
    topics: tuple[str, ...] = ()
    facts: Mapping[str, Any] = {}
    announced: Mapping[str, Any] = {}


class FirmwareImage(msgspec.Struct, frozen=True, kw_only=True):
    """A file of firmware; `image_id` is random and is what its URL is kept secret by.

    signed_by  the name of the key whose signature holds; '' where an admin took it unsigned
    """

    image_id: str
    family: str
    version: str
    file_name: str
    size_bytes: int
    sha256: str
    md5: str
    signed_by: str
    added_by: str
    added_at: datetime


class WaveDevice(msgspec.Struct, frozen=True, kw_only=True):
    """One device of a wave; `message` says why it failed, or what it reports."""

    device: str
    state: WaveDeviceState
    command_id: str | None = None
    ordered_at: datetime | None = None
    message: str = ""


class Wave(msgspec.Struct, frozen=True, kw_only=True):
    """An image on its way to devices, `size` at a time; it stops when `stop_after` have failed."""

    wave_id: str
    image_id: str
    family: str
    version: str
    state: WaveState
    size: int
    stop_after: int
    timeout_s: int
    url: str
    created_by: str
    created_at: datetime
    finished_at: datetime | None = None
    message: str = ""
    devices: tuple[WaveDevice, ...]


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one device of a wave: how its command stands, and the version it reports ('' for none)."""

    command_state: CommandState | None = None
    command_message: str = ""
    firmware: str = ""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What a wave does next: the wave as it is then, and the devices that are to be ordered to update."""

    wave: Wave
    orders: tuple[str, ...] = ()


Judge = Callable[[Wave, Mapping[str, Progress], datetime], Step]
"""Decides a wave's next step; the real one is `firmware_bridge.downlink.wave.advance`."""


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what to what, and when."""

    audit_id: int
    at: datetime
    who: str
    action: str
    subject: str
    detail: dict[str, Any] = {}
