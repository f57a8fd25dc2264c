"""IoT nouns: thresholds of measured values, the plate watch list and its hits; and what a person may say of them."""

import math
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from appliance.errors import Rejected
from appliance.model.device_change import MAX_NAME, Text

Severity = Literal["info", "warning", "critical"]
MAX_HOLD_S = 7 * 86_400.0
MAX_PLATE = 32  # characters, as typed
Metric = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-z0-9_]+$")]
Limit = Annotated[float, Meta(ge=-1e12, le=1e12)]
Hold = Annotated[float, Meta(ge=0, le=MAX_HOLD_S)]
PlateHash = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")]


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """When a measured value is beyond what is harmless.

    zone      '' for every zone that has none of its own
    unit      UCUM, in which both values are; series in another unit are not judged
    clear_at  below `raise_at`: too much is the danger; above it: too little
    hold_s    for so long beyond, or back, before it counts
    origin    `default`: brought by the program; `site`: set by a person
    source    whose limit it is, or what the person noted
    """

    metric: str
    zone: str = ""
    unit: str
    raise_at: float
    clear_at: float
    hold_s: float
    severity: Severity = "warning"
    enabled: bool = True
    origin: Literal["default", "site"] = "default"
    source: str = ""


class ThresholdChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A threshold as a person sets it, in the metric's canonical unit. `enabled` false: none holds there."""

    raise_at: Limit
    clear_at: Limit
    hold_s: Hold = 600.0
    severity: Severity = "warning"
    enabled: bool = True
    note: Text = ""


class NewWatchEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A plate to look for: in clear, which is hashed at once and kept nowhere, or as the hash that a read has.

    expires_at  None: until it is taken off
    """

    label: Annotated[str, Meta(min_length=1, max_length=MAX_NAME, pattern=r"^[^\x00-\x1f\x7f]*$")]
    plate: Annotated[str, Meta(max_length=MAX_PLATE)] = ""
    plate_hash: PlateHash | None = None
    reason: Text = ""
    expires_at: datetime | None = None


class WatchEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A plate that is looked for; what it is nobody can tell from this.

    expired  it is over, and nothing is matched with it any more
    hits     how many reads have matched, of those that are kept
    """

    id: int
    label: str
    reason: str
    added_by: str
    added_at: datetime
    expires_at: datetime | None
    expired: bool
    hits: int
    last_hit_at: datetime | None


class WatchHit(msgspec.Struct, frozen=True, kw_only=True):
    """A read of a plate that is looked for: `source` and `event_id` name it, `zone` is where it was, '' for none."""

    id: int
    entry_id: int
    label: str
    source: str
    event_id: str
    observed_at: datetime
    zone: str
    h3_index: str | None
    score: float | None


def check_threshold(change: ThresholdChange) -> None:
    """
    raises  Rejected  the values make no hysteresis
    """
    for name in ("raise_at", "clear_at", "hold_s"):
        if not math.isfinite(getattr(change, name)):
            raise Rejected("is a finite number", f"$.{name}")
    if change.raise_at == change.clear_at:
        raise Rejected(
            "differs from raise_at: below it where too much is the danger, above it where too little is", "$.clear_at"
        )


def read_watch_entry(data: Any) -> NewWatchEntry:
    """A new entry of the watch list from JSON.

    raises  Rejected  naming the member; never with what was given for the plate
    """
    try:
        return msgspec.convert(data, NewWatchEntry)
    except msgspec.ValidationError as error:
        text, _, path = str(error).rpartition(" - at `")
        raise Rejected(text or str(error), path.removesuffix("`") or "$") from None
