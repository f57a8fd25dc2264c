"""What a person changes of the registry, read strictly: every member with its bounds, absent members left alone.

The same for a PATCH, a row of an import and a command, so that a bound stands once. `UNSET` is a member that was not
given; None (null, an empty column) empties it.
"""

import math
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
import msgspec.inspect
from msgspec import UNSET, Meta, UnsetType

from appliance.errors import Rejected
from appliance.model.device import SETTINGS, DeviceSettings, Place, Registration, Scope

MAX_NAME = 200  # characters
MAX_SOURCE = 1_000  # characters of a source, which may hold most of a topic
MAX_RANGE_M = 20_000.0  # a thermal camera on a mast; what sees farther has no view that cells could describe

_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
Text = Annotated[str, Meta(max_length=MAX_NAME, pattern=_PRINTABLE)]
Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME, pattern=_PRINTABLE)]
Longitude = Annotated[float, Meta(ge=-180, le=180)]
Latitude = Annotated[float, Meta(ge=-90, le=90)]
Height = Annotated[float, Meta(ge=-500, le=10_000)]
Degrees = Annotated[float, Meta(ge=0, le=360)]
Opening = Annotated[float, Meta(gt=0, le=360)]
Range = Annotated[float, Meta(gt=0, le=MAX_RANGE_M)]
Heartbeat = Annotated[float, Meta(gt=0, le=31_536_000)]  # seconds, up to a year
Score = Annotated[float, Meta(ge=0, le=1)]
T = TypeVar("T")


class SettingsChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings to set; None takes a setting back, so that it is inherited again."""

    heartbeat_s: Heartbeat | UnsetType | None = UNSET
    min_score: Score | UnsetType | None = UNSET
    muted: bool | UnsetType | None = UNSET


class DeviceChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be different about a device; the members of `model.device.Device` and its place, flat."""

    name: Text | UnsetType = UNSET
    registration: Registration | UnsetType = UNSET
    longitude: Longitude | UnsetType | None = UNSET
    latitude: Latitude | UnsetType | None = UNSET
    height_m: Height | UnsetType | None = UNSET
    heading_deg: Degrees | UnsetType | None = UNSET
    view_angle_deg: Opening | UnsetType | None = UNSET
    range_m: Range | UnsetType | None = UNSET
    floor: Text | UnsetType = UNSET
    room: Text | UnsetType = UNSET
    zone: Text | UnsetType = UNSET
    group: Text | UnsetType = UNSET
    segment: Text | UnsetType = UNSET
    settings: SettingsChange | UnsetType = UNSET


class DeviceRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of an import: whose, and what."""

    source: Annotated[str, Meta(min_length=1, max_length=MAX_SOURCE, pattern=_PRINTABLE)]
    change: DeviceChange


class ZoneChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a zone is to be; without a geometry the zone has to be there, and keeps its own.

    geometry  a GeoJSON Polygon or MultiPolygon
    """

    name: Text | UnsetType = UNSET
    capacity: Annotated[float, Meta(gt=0, le=1e9)] | UnsetType | None = UNSET
    settings: SettingsChange | UnsetType = UNSET
    geometry: dict[str, Any] | UnsetType = UNSET


class GroupChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a group is to be."""

    name: Text | UnsetType = UNSET
    settings: SettingsChange | UnsetType = UNSET


class NewWindow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A maintenance window to be; `from` defaults to now. `subject` is '' for the site alone."""

    scope: Scope
    to_time: Annotated[datetime, Meta(tz=True)] = msgspec.field(name="to")
    from_time: Annotated[datetime, Meta(tz=True)] | None = msgspec.field(name="from", default=None)
    subject: Text = ""
    reason: Text = ""


def read_change(raw: object, kind: type[T]) -> T:
    """A change from what JSON or columns hold.

    raises  Rejected  an unknown member, a wrong type or a value out of bounds, with its path
    """
    _refuse_unbounded(raw)
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `")
        if "unknown field" in reason:
            known = kind.__struct_fields__ if not path else SETTINGS  # type: ignore[attr-defined]
            reason += f"; there are {', '.join(known)}"
        if "enum value" in reason:
            reason += f"; there are {', '.join(_choices(kind, path.rstrip('`').removeprefix('$.')))}"
        raise Rejected(reason.replace("`", ""), path.rstrip("`") or "$") from None


def _choices(kind: Any, path: str) -> list[str]:
    """What the member at a dotted path, which takes one of a few words, may be."""
    types: list[Any] = [msgspec.inspect.type_info(kind)]
    for name in path.split("."):
        fields = [field.type for one in types for field in getattr(one, "fields", ()) if field.name == name]
        types = [one for field in fields for one in getattr(field, "types", (field,))]
    return sorted(str(value) for one in types for value in getattr(one, "values", ()))


def merge_settings(settings: DeviceSettings, change: SettingsChange | UnsetType) -> DeviceSettings:
    """Settings after a change."""
    return settings if change is UNSET else msgspec.structs.replace(settings, **given(change))


def merge_place(place: Place, change: DeviceChange) -> Place:
    """A place after a change.

    raises  Rejected  a longitude without a latitude, or the reverse
    """
    told = {name: value for name, value in given(change).items() if name in Place.__struct_fields__}
    if told.get("heading_deg") == 360:
        told["heading_deg"] = 0.0
    merged = msgspec.structs.replace(place, **told)
    if (merged.longitude is None) != (merged.latitude is None):
        missing = "longitude" if merged.longitude is None else "latitude"
        raise Rejected("a place needs longitude and latitude, or neither", f"$.{missing}")
    return merged


def given(change: msgspec.Struct) -> dict[str, Any]:
    """The members that were given, by name."""
    return {name: value for name, value in msgspec.structs.asdict(change).items() if value is not UNSET}


def _refuse_unbounded(raw: object, path: str = "$") -> None:
    """NaN passes every comparison of a bound; JSON cannot hold one, columns can."""
    if isinstance(raw, dict):
        for name, value in raw.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise Rejected(f"{value} is not a finite number", f"{path}.{name}")
            _refuse_unbounded(value, f"{path}.{name}")
