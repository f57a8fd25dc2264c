"""What one transaction of ingest takes in, and what became of it.

The bridge, an upload and an import all fill an `Intake`; the store writes it whole or not at all. Items are
counted after arrays are split, and every one ends in exactly one term of the balance:
received = stored + folded + duplicate + quarantined + shed.
"""

from typing import Literal

import msgspec

from appliance.model.event import Event

Outcome = Literal["stored", "corrected", "duplicate"]
DeviceState = Literal["online", "offline"]
TERMS = ("received", "stored", "folded", "duplicate", "quarantined", "shed")


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """An item nobody understood, as it came, with the reason and the path inside it."""

    topic: str
    payload: bytes
    reason: str


class StateReport(msgspec.Struct, frozen=True, kw_only=True):
    """A device saying (or its last will saying for it) that it is there or gone."""

    source: str
    state: DeviceState


class Intake(msgspec.Struct, frozen=True, kw_only=True):
    """One transaction's worth of items.

    `rejections` go to quarantine, since their sender cannot be told. `refused` counts items whose sender is told
    row by row (upload, import) and keeps them: they are shed here, not stored.
    """

    events: list[Event] = []
    states: list[StateReport] = []
    rejections: list[Rejection] = []
    refused: int = 0

    @property
    def items(self) -> int:
        """How many items this holds."""
        return len(self.events) + len(self.states) + len(self.rejections) + self.refused


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an intake's events, in their order."""

    outcomes: list[Outcome]
