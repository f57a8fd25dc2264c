"""What one transaction of ingest takes in, and what became of it.

The bridge, an upload and an import all fill an `Intake`; the store writes it whole or not at all. Items are
counted after arrays are split, and every one ends in exactly one term of the balance:
received = stored + folded + duplicate + quarantined + shed.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from appliance.model.event import ClockQuality, Event

Outcome = Literal["stored", "corrected", "duplicate"]
DeviceState = Literal["online", "offline"]
TERMS = ("received", "stored", "folded", "duplicate", "quarantined", "shed")


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """An item nobody understood, as it came, with the reason and the path inside it.

    `sealed`: it may hold a number plate, and is kept under the key of its day. `received_at`: when its message came;
    None where that is now.
    """

    topic: str
    payload: bytes
    reason: str
    sealed: bool = False
    received_at: datetime | None = None


class RawMessage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A message or a file's rows as they came, for the archive.

    `topic` is that of the broker; of an upload or a file it is the source, and the payload a JSON array of native
    events with their ids.
    """

    topic: str
    payload: bytes
    received_at: datetime
    origin: Literal["mqtt", "http", "file"] = "mqtt"
    retain: bool = False
    redelivered: bool = False
    clock_quality: ClockQuality = "good"


class Reading(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One measured value of one device; the same (device, metric, observed_at, value) again is a duplicate.

    `metric` names a channel after a dot where a device has several, as in `temperature.outdoor`; `unit` is a UCUM code.
    """

    device: str
    metric: str
    observed_at: datetime
    received_at: datetime
    value: float
    unit: str = ""
    clock_quality: ClockQuality = "good"


class Fix(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where a device was; the same (device, observed_at) again is a duplicate."""

    device: str
    observed_at: datetime
    received_at: datetime
    longitude: float
    latitude: float
    altitude_m: float | None = None
    accuracy_m: float | None = None
    speed_mps: float | None = None
    heading_deg: float | None = None
    transient: bool = False
    clock_quality: ClockQuality = "good"


class DeviceReport(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a batch of messages taught about one device.

    items   how many observations were folded into this; they count in the balance
    state   its birth or last will; None: it was heard
    facts   name, manufacturer, model, firmware, serial, address, via, battery_percent, voltage_v, signal_dbm,
            link_quality, uptime_s, interval_s, camera, skew_ms: only those that were told; `told`: what has no name
            of its own here, as a switch's state
    """

    source: str
    family: str
    seen_at: datetime
    items: int = 0
    state: DeviceState | None = None
    facts: Mapping[str, Any] = {}
    topics: tuple[str, ...] = ()


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """Something a family remembers between messages; a value of None is to be forgotten."""

    family: str
    key: str
    value: Any


class CommandAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a device said to a command; `command_id` is '' where its firmware cannot carry one."""

    device: str
    outcome: Literal["accepted", "running", "done", "failed"]
    received_at: datetime
    command_id: str = ""
    method: str = ""
    message: str = ""
    progress_percent: float | None = None


class Intake(msgspec.Struct, frozen=True, kw_only=True):
    """One transaction's worth of items.

    `rejections` go to quarantine, since their sender cannot be told. `refused` counts items whose sender is told
    row by row (upload, import) and keeps them: they are shed here, not stored. `folded` and `duplicates` count items
    of which nothing but the count is kept, by reason. `digests` (8 bytes each) are those of this batch's messages that
    carry neither time nor id, so that a redelivery after a crash is known.

    `retried` names the entries of quarantine (id -> how often their message came) that the items were made from: they
    leave it, and each message beyond the first is a duplicate.

    `shed` counts items that are not taken, by reason. `raw` is what came, for the archive.
    """

    events: list[Event] = []
    readings: list[Reading] = []
    fixes: list[Fix] = []
    reports: list[DeviceReport] = []
    answers: list[CommandAnswer] = []
    rejections: list[Rejection] = []
    learned: list[Learned] = []
    refused: int = 0
    folded: Mapping[str, int] = {}
    duplicates: int = 0
    digests: bytes = b""
    retried: Mapping[int, int] = {}
    shed: Mapping[str, int] = {}
    raw: Sequence[RawMessage] = ()

    @property
    def items(self) -> int:
        """How many items this holds."""
        return (
            len(self.events)
            + len(self.readings)
            + len(self.fixes)
            + sum(report.items for report in self.reports)
            + len(self.answers)
            + len(self.rejections)
            + self.refused
            + sum(self.folded.values())
            + self.duplicates
            + sum(self.shed.values())
        )

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.items or self.reports or self.learned or self.digests or self.retried)


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an intake: of its events in their order, of readings and fixes how many.

    differing  duplicate events that tell something else than what is stored under their identity, by the same revision
    """

    outcomes: list[Outcome]
    differing: int = 0
    readings_stored: int = 0
    readings_duplicate: int = 0
    fixes_stored: int = 0
    fixes_duplicate: int = 0


class StillRefused(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of quarantine that was tried again and stays, and why."""

    id: int
    topic: str
    reason: str


class RetryReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of entries of quarantine that were tried again.

    retried   entries that were understood and have left
    stored    events, readings and positions that they became
    refused   entries that stay; `refusals` names the first of them
    """

    retried: int
    stored: int
    refused: int
    refusals: list[StillRefused]
