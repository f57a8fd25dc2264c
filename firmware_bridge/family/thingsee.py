"""Haltian's Thingsee tags and ENTRYWAY behind a gateway, one message or a list of them, and Haltian IoT's measurements.

`tsmId` is the kind of message, `tsmTuid` the tag. A tag is `environment/<tag>`. What a client asks of a tag is no news
of it. Source: Haltian, "Thingsee message profiles" 1 (common), 2, 12, 13, 16, 17, 18 and 24; "Haltian IoT real-time
data streaming".
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from appliance.errors import Rejected
from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Motion, Observation, PeopleCount
from firmware_bridge.inbound import Context, Handler, Inbound, Route
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, number_of, object_of, text_of, whole_of
from firmware_bridge.notation.metrics import read_metric

PREFIX = "environment"
SOURCE = "https://developer.haltian.io/thingsee-iot/apis/message-profiles"
MAX_MESSAGES = 100  # of one list

_VALUES: dict[str, tuple[str, float, str, str]] = {
    "temp": ("temperature", 1, "Cel", ""),
    "humd": ("humidity", 1, "%", ""),
    "airp": ("pressure", 0.01, "hPa", ""),  # pascals
    "lght": ("illuminance", 1, "lx", ""),
    "lux": ("illuminance", 1, "lx", ""),
    "co2": ("co2", 1, "[ppm]", ""),
    "carbonDioxide": ("co2", 1, "[ppm]", ""),
    "tvoc": ("voc", 1, "[ppb]", ""),
    "iaq": ("iaq", 1, "", ""),
    "accx": ("acceleration", 1, "m[g]", "x"),
    "accy": ("acceleration", 1, "m[g]", "y"),
    "accz": ("acceleration", 1, "m[g]", "z"),
    "moveCount": ("motion_count", 1, "1", ""),
    "hallCount": ("contact_count", 1, "1", ""),
    "activityLevel": ("activity_level", 1, "%", ""),
    "energyLevel": ("energy_level", 1, "", ""),
    "dist": ("distance", 0.001, "m", ""),
    "angle": ("angle", 1, "deg", ""),
}
"""Their name -> (metric, factor, unit, channel), in whichever kind of message."""

_OCCUPANCY, _OCCUPANCIES, _PASSED, _HALL, _CO2 = 2100, 13102, 13103, 12101, 24100
_ASKED = frozenset((30, 32, 35))  # kinds of event: what a client sends
_FAILED = -1  # the status of a carbon dioxide measurement


def _on_messages(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """All that a gateway brings at once."""
    document = inbound.document
    found: list[Observation] = []
    for said in (document if type(document) is list else [document])[:MAX_MESSAGES]:
        found += _read_message(object_of(said))
    return found


def _read_message(said: Mapping[str, Any]) -> list[Observation]:
    kind, tag = whole_of(said.get("tsmId")), text_of(said.get("tsmTuid")) or text_of(said.get("tsmId"))
    if kind is None or whole_of(said.get("tsmEv")) in _ASKED:
        return []
    device, at = f"{PREFIX}/{tag}", read_instant(said.get("tsmTs"), UTC)
    gateway = text_of(said.get("tsmGw"))
    health = DeviceHealth(
        device=device,
        observed_at=at,
        manufacturer="Haltian",
        model=text_of(said.get("modelCode")),
        firmware=text_of(said.get("swVersion")),
        serial=tag,
        via=f"{PREFIX}/{gateway}" if gateway else "",
        battery_percent=number_of(said.get("batl")),
        signal_dbm=number_of(said.get("rssiDbm")),
    )
    return [*_values(kind, said, device, at), *_states(kind, said, device, at), health]


def _values(kind: int, said: Mapping[str, Any], device: str, at: datetime | None) -> list[Observation]:
    if kind == _CO2 and whole_of(said.get("status")) == _FAILED:
        return []
    found: list[Observation] = []
    for name, told in said.items():
        known, number = _VALUES.get(name), number_of(told)
        if known is not None and number is not None:
            metric, factor, unit, channel = known
            value = number if factor == 1 else float(f"{number * factor:.9g}")
            found.append(_reading(device, at, metric, value, unit, channel))
    return found


def _states(kind: int, said: Mapping[str, Any], device: str, at: datetime | None) -> list[Observation]:
    """Whether somebody is there, how often and who passed, and whether a door is open."""
    if kind == _PASSED:
        entered, left = whole_of(said.get("in")), whole_of(said.get("out"))
        return [PeopleCount(device=device, observed_at=at, entered=entered, left=left)]
    if kind == _OCCUPANCIES:
        told = (("occupancies", said.get("count"), "1"), ("occupied_time", said.get("duration"), "s"))
        return [
            _reading(device, at, metric, number, unit)
            for metric, value, unit in told
            if (number := number_of(value)) is not None
        ]
    active = flag_of(said.get("state" if kind == _OCCUPANCY else "hall"))
    if active is None or kind not in (_OCCUPANCY, _HALL):
        return []
    if kind == _OCCUPANCY:
        return [Motion(device=device, observed_at=at, active=active)]
    return [Alarm(device=device, observed_at=at, name="contact", active=active)]


def _on_measurement(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """`haltian-iot/events/…/measurements/{type}/{device}`: one value with its time, under the type's own name."""
    said = object_of(inbound.document)
    device, at = f"{PREFIX}/{inbound.parts['device']}", read_instant(said.get("measured_at"), UTC)
    if at is None:
        raise Rejected("expected a measurement of Haltian IoT: measured_at and a value")
    found: list[Observation] = []
    percent = number_of(said.get("batteryPercentage"))
    for name, told in said.items():
        number = number_of(told)
        if name == "isOccupied" and type(told) is bool:
            found.append(Motion(device=device, observed_at=at, active=told))
        elif number is not None and name not in ("measured_at", "batteryPercentage"):
            metric, unit = ("motion_count", "1") if name == "movementDetections" else read_metric(name)
            found.append(_reading(device, at, metric, number, unit))
    return [*found, DeviceHealth(device=device, observed_at=at, manufacturer="Haltian", battery_percent=percent)]


def _reading(
    device: str, at: datetime | None, metric: str, value: float, unit: str, channel: str = ""
) -> EnvironmentReading:
    return EnvironmentReading(device=device, observed_at=at, metric=metric, value=value, unit=unit, channel=channel)


def recognise(document: Any) -> Handler | None:
    """By the number of its kind and its time, or a list of such messages."""
    first = document[0] if type(document) is list and document else document
    return _on_messages if type(first) is dict and "tsmId" in first and "tsmTs" in first else None


ROUTES = (
    Route(template="haltian-iot/events/{integration}/{key}/measurements/{kind}/{device}", handle=_on_measurement),
)
