"""What a device said, in one language for all firmware: a tagged union of observations.

The decoders of `firmware_bridge` make them, `firmware_bridge.canonical` turns them into what the store keeps:
detections and alarms into events, measured values into readings, whereabouts into positions, states and health into
the device's own record.
"""

from datetime import datetime
from typing import Any, Literal

import msgspec

Phase = Literal["", "new", "update", "end"]
Outcome = Literal["accepted", "running", "done", "failed"]


class Observation(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", gc=False):
    """What all have in common. Not tracked by the collector, since nothing here can refer back.

    device           who observed: `family/id`, as in `zigbee2mqtt/Contact sensor`; native: `agency/device`
    observed_at      the device's own time, aware UTC; None where it told none, or none that can be read
    observation_id   the device's own name for this item; '' where it gives none
    longitude, latitude   degrees, both or neither; None: where the device stands
    attributes       what else is worth keeping, as JSON can hold it; never a number plate in clear
    """

    device: str
    observed_at: datetime | None = None
    observation_id: str = ""
    longitude: float | None = None
    latitude: float | None = None
    attributes: dict[str, Any] = {}


class Motion(Observation, frozen=True, kw_only=True, gc=False, tag="motion"):
    """Motion began (`active`) or ended; `score` is 0..1. Told again it is no news, unless it is `momentary`."""

    active: bool
    area: str = ""
    score: float | None = None
    momentary: bool = False


class ObjectDetection(Observation, frozen=True, kw_only=True, gc=False, tag="object_detection"):
    """Something was seen. Those with one `observation_id` are one incident that grows: a higher `rev` replaces."""

    label: str
    score: float | None = None
    count: int = 1
    area: str = ""
    phase: Phase = ""
    rev: int = 0
    ended_at: datetime | None = None


class CrowdDensity(Observation, frozen=True, kw_only=True, gc=False, tag="crowd_density"):
    """How many people are in an area now; `capacity` in people, `per_m2` people a square metre."""

    people: float | None = None
    per_m2: float | None = None
    capacity: float | None = None
    area: str = ""


class PeopleCount(Observation, frozen=True, kw_only=True, gc=False, tag="people_count"):
    """Who passed a line or entered a zone.

    `entered` and `left` count since `since`, or since the counter was reset where `cumulative`; `present` is how
    many are inside now. `subject` is what is counted: people, vehicles, bicycles.
    """

    entered: int | None = None
    left: int | None = None
    present: int | None = None
    line: str = ""
    subject: str = "people"
    since: datetime | None = None
    cumulative: bool = False


class PlateRead(Observation, frozen=True, kw_only=True, gc=False, tag="plate_read"):
    """A number plate. `plate` is clear text and leaves the bridge only as a keyed hash; `score` is 0..1."""

    plate: str
    score: float | None = None
    region: str = ""
    direction: str = ""
    vehicle: str = ""
    phase: Phase = ""
    rev: int = 0


class CameraStatus(Observation, frozen=True, kw_only=True, gc=False, tag="camera_status"):
    """Whether a camera delivers; None where the message does not say."""

    working: bool | None = None
    fps: float | None = None
    recording: bool | None = None
    reason: str = ""


class EnvironmentReading(Observation, frozen=True, kw_only=True, gc=False, tag="environment_reading"):
    """One measured value. `metric` is as in `firmware_bridge.notation.metrics`.

    `unit` is a UCUM code, '' for none or unknown; `channel` tells sensors of one device and metric apart.
    """

    metric: str
    value: float
    unit: str = ""
    channel: str = ""


class Position(Observation, frozen=True, kw_only=True, gc=False, tag="position"):
    """Where a device is; `transient` for subjects that must not enter the registry, as pseudonymous vehicles."""

    altitude_m: float | None = None
    accuracy_m: float | None = None
    speed_mps: float | None = None
    heading_deg: float | None = None
    transient: bool = False


class Alarm(Observation, frozen=True, kw_only=True, gc=False, tag="alarm"):
    """A contact or an alarm: `name` is what (contact, water_leak, smoke, tamper, vibration, button, line_crossing...).

    `active` is the state worth an event: open, wet, burning, pressed. `severity` is 0..1. A state told again is no
    news; what happens in a moment (a press, a crossing) is `momentary`, and each time is one.
    """

    name: str
    active: bool
    severity: float | None = None
    area: str = ""
    rev: int = 0
    momentary: bool = False


class Incident(Observation, frozen=True, kw_only=True, gc=False, tag="incident"):
    """Something happened, in the sender's own type."""

    event_type: str
    severity: float | None = None
    value: float | None = None
    rev: int = 0


class V2xMessage(Observation, frozen=True, kw_only=True, gc=False, tag="v2x_message"):
    """A message between vehicles and roads (SAE J2735) that is no position: signal phases, maps, requests.

    `items` is how many intersections, objects or requests it holds.
    """

    message_type: str
    items: int = 1


class DeviceHealth(Observation, frozen=True, kw_only=True, gc=False, tag="device_health"):
    """What a device, or its gateway, says of the device itself; None and '' where it does not say.

    state       its birth or last will, or what its gateway knows
    via         the gateway, bridge or coordinator it is heard through: a segment that can fail as one
    interval_s  how often it announces to report
    """

    state: Literal["online", "offline"] | None = None
    name: str = ""
    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""
    address: str = ""
    via: str = ""
    battery_percent: float | None = None
    voltage_v: float | None = None
    signal_dbm: float | None = None
    link_quality: float | None = None
    uptime_s: float | None = None
    interval_s: float | None = None


class CommandOutcome(Observation, frozen=True, kw_only=True, gc=False, tag="command_outcome"):
    """A device's answer to a command; `command_id` is '' where its firmware cannot carry one, then `method` tells."""

    outcome: Outcome
    command_id: str = ""
    method: str = ""
    message: str = ""
    progress_percent: float | None = None


AnyObservation = (
    Motion
    | ObjectDetection
    | CrowdDensity
    | PeopleCount
    | PlateRead
    | CameraStatus
    | EnvironmentReading
    | Position
    | Alarm
    | Incident
    | V2xMessage
    | DeviceHealth
    | CommandOutcome
)
