"""The registry's nouns: a device, where it stands, what it belongs to, what is set for it, when it is left alone.

Read by `store`, `serve` and `cli`; `BridgeDevice` is what the bridge needs of each. What a person changes is in
`model.device_change`.
"""

from datetime import datetime
from typing import Any, Literal

import msgspec

Registration = Literal["pending", "approved", "ignored"]
State = Literal["pending", "online", "stale", "offline", "maintenance"]
Scope = Literal["device", "group", "zone", "site"]


class DeviceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What can be set for a device, a group or a zone; None where this one says nothing.

    heartbeat_s  silence longer than this is an outage; without it the device's own rhythm is learned
    min_score    0..1: detections of a lower score are not worth an event
    muted        its silence raises no alert
    """

    heartbeat_s: float | None = None
    min_score: float | None = None
    muted: bool | None = None


SETTINGS = tuple(field.name for field in msgspec.structs.fields(DeviceSettings))
DEFAULTS = DeviceSettings(min_score=0.0, muted=False)


class EffectiveSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for a device, and in `origins` who said so: device, group, zone or default.

    `heartbeat_s` is None where nobody set one: then the device's own rhythm is learned.
    """

    heartbeat_s: float | None
    min_score: float
    muted: bool
    origins: dict[str, str]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a device stands and where it looks; None and '' where nobody has said.

    longitude, latitude  degrees, both or neither
    height_m             above ground
    heading_deg          where it looks, clockwise from north, 0..360 exclusive
    view_angle_deg       the whole opening of its view, up to 360
    range_m              how far it sees
    """

    longitude: float | None = None
    latitude: float | None = None
    height_m: float | None = None
    heading_deg: float | None = None
    view_angle_deg: float | None = None
    range_m: float | None = None
    floor: str = ""
    room: str = ""

    @property
    def point(self) -> tuple[float, float] | None:
        """(lng, lat), or None for a device without a place."""
        if self.longitude is None or self.latitude is None:
            return None
        return self.longitude, self.latitude


class LastFix(msgspec.Struct, frozen=True, kw_only=True):
    """The last position of a device that can be believed."""

    observed_at: datetime
    longitude: float
    latitude: float


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One device as the registry knows it.

    state         `maintenance` while a window holds, else what the bridge last found; `cause` says why
    first_seen    when it was first heard, or entered by hand; `last_seen` is None until it has spoken
    facts         what it told of itself: model, firmware, battery_percent, ...; `via` is whom it is heard through,
                  `told` its states by name
    zone          set by hand; `in_zone` is that one, else the smallest that holds its place, else ''
    segment       what it hangs on, set by hand; '' where `facts.via` says it
    rev           the registry's revision at the last change by a person
    """

    id: int
    source: str
    name: str
    family: str
    registration: Registration
    state: State
    cause: str
    state_at: datetime
    first_seen: datetime
    last_seen: datetime | None
    place: Place
    zone: str
    in_zone: str
    group: str
    segment: str
    settings: DeviceSettings
    facts: dict[str, Any]
    topics: list[str]
    learned_interval_s: float | None
    skew_ms: float | None
    fix: LastFix | None
    rev: int

    @property
    def hangs_on(self) -> str:
        """The segment that fails as one: set by hand, else `via:` whom it is heard through, else ''."""
        return segment_of(self.segment, self.facts.get("via"))


class Zone(msgspec.Struct, frozen=True, kw_only=True):
    """An area. `geometry` is a GeoJSON MultiPolygon, `capacity` in people; `devices` are those that are in it."""

    zone: str
    name: str
    capacity: float | None
    settings: DeviceSettings
    geometry: dict[str, Any]
    devices: int = 0


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A list of devices that share settings."""

    group: str
    name: str
    settings: DeviceSettings
    devices: int = 0


class MaintenanceWindow(msgspec.Struct, frozen=True, kw_only=True):
    """A time, half-open, in which a device, a group, a zone or the whole site is muted and left out of outages.

    `subject` is the name of the device, group or zone; '' for the site.
    """

    id: int
    scope: Scope
    subject: str
    from_time: datetime = msgspec.field(name="from")
    to_time: datetime = msgspec.field(name="to")
    reason: str
    active: bool


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """Devices that fell silent together, or because of us; `ended_at` is None while it lasts.

    kind     segment, broker, box
    devices  at most a hundred names of `device_count`
    """

    id: int
    kind: str
    segment: str
    devices: list[str]
    device_count: int
    began_at: datetime
    ended_at: datetime | None


class BridgeDevice(msgspec.Struct, frozen=True, kw_only=True):
    """What the bridge has to know of a device, inheritance worked out.

    longitude, latitude  where its events lie that bring no place: the middle of its view where that is known
    segment              what it hangs on: set by hand, else `via:` whom it is heard through, else ''
    heartbeat_s          None: learn its rhythm
    maintenance          windows, [from, to), that hold now or will, the earliest first; at most `MAX_WINDOWS`
    facts_digest         of its facts and topics: another digest than the last one written is worth a write
    """

    source: str
    family: str
    registration: Registration
    longitude: float | None
    latitude: float | None
    zone: str
    group: str
    segment: str
    heartbeat_s: float | None
    min_score: float
    muted: bool
    maintenance: tuple[tuple[datetime, datetime], ...]
    state: State
    cause: str = ""
    state_at: datetime
    last_seen: datetime | None
    learned_interval_s: float | None
    skew_ms: float | None
    facts_digest: bytes

    def in_maintenance(self, at: datetime) -> bool:
        """Whether a window holds at an instant."""
        return any(start <= at < end for start, end in self.maintenance)


MAX_WINDOWS = 16
"""Windows that the bridge is told for one device."""


def effective_settings(device: DeviceSettings, group: DeviceSettings, zone: DeviceSettings) -> EffectiveSettings:
    """A device's own setting, else its group's, else its zone's, else the default."""
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name in SETTINGS:
        for origin, given in (("device", device), ("group", group), ("zone", zone), ("default", DEFAULTS)):
            values[name], origins[name] = getattr(given, name), origin
            if values[name] is not None:
                break
    return EffectiveSettings(**values, origins=origins)


def segment_of(by_hand: str, via: object) -> str:
    """What a device hangs on: as set by hand, else whom it said it is heard through, else ''."""
    return by_hand or (f"via:{via}" if isinstance(via, str) and via else "")
