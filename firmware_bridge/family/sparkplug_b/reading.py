"""The metrics of a Sparkplug B message as what they say: readings, where the device is, what it is.

Called by `family` once the metrics of data messages have the names of the birth.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from appliance.model.observation import DeviceHealth, EnvironmentReading, Observation, Position
from firmware_bridge.family.sparkplug_b.metric import (
    BAD,
    DATETIME,
    MAX_ELEMENTS,
    STALE,
    Metric,
    Payload,
    elements_of,
    may_be_negative,
    settled_value,
)
from firmware_bridge.family.sparkplug_b.names import ANY_UNIT, FACTS, SPELLINGS, read_name
from firmware_bridge.notation.instant import from_unix, read_instant
from firmware_bridge.notation.members import number_of, text_of
from firmware_bridge.notation.metrics import snake_case
from firmware_bridge.notation.units import apply, scale_to

MAX_OBSERVATIONS = 1_000
MAX_TEXTS = 16  # words of one message that are kept with the device

_NOT_GOOD = frozenset((BAD, STALE))


class _Told(msgspec.Struct):
    """What a message has told so far."""

    device: str
    when: datetime | None
    readings: list[EnvironmentReading] = []
    facts: dict[str, str] = {}
    attributes: dict[str, Any] = {}
    not_good: list[str] = []
    places: dict[str, dict[str, EnvironmentReading]] = {}


def instant_of(milliseconds: int | None) -> datetime | None:
    """A time of a payload or metric; None where none was told."""
    return None if milliseconds is None else from_unix(milliseconds)


def read_metrics(
    device: str, payload: Payload, when: datetime | None, known: Mapping[str, Sequence[Any]]
) -> tuple[DeviceHealth, list[Observation]]:
    """What the device is, and what it measured; `known` has datatype and unit by the metric's name."""
    told = _Told(device, when)
    for metric in payload.metrics:
        if metric.is_null or metric.value is None or (not metric.name and metric.alias is None):
            continue
        name = metric.name or f"alias_{metric.alias}{metric.member}"
        if name == "bdSeq" or name.startswith(("Node Control/", "Device Control/")):
            continue
        if metric.quality is not None and metric.quality in _NOT_GOOD:
            _pass_over(told, name)
            continue
        datatype, unit = known.get(name, (0, ""))
        metric.datatype = metric.datatype or datatype
        metric.unit = metric.unit or unit
        if metric.datatype == DATETIME:
            _tell_time(told, name, metric.value)
            continue
        value = settled_value(metric.value, metric.datatype)
        if type(value) is str:
            _tell(told, name, value)
        elif value is None:
            _read_array(told, name, metric)
        elif metric.datatype or payload.rendered or not may_be_negative(value):
            _read(told, name, value, metric)
    if len(payload.metrics) > MAX_OBSERVATIONS:
        told.attributes["metrics"] = len(payload.metrics)  # more than are kept
    if told.not_good:
        told.attributes["not_good"] = ", ".join(told.not_good)
    health = DeviceHealth(device=device, observed_at=when, attributes=told.attributes, **told.facts)  # type: ignore[arg-type]
    return health, [*told.readings, *_positions(told)]


def _pass_over(told: _Told, name: str) -> None:
    """What its sender calls bad or stale is no measurement; only which it was is kept."""
    if len(told.not_good) < MAX_TEXTS:
        told.not_good.append(name)


def _tell(told: _Told, name: str, value: str) -> None:
    """Words: what the device is, or one of a few further ones; a number plate has no place among them."""
    last = snake_case(name.rpartition("/")[2])
    fact = FACTS.get(last)
    if fact is not None:
        told.facts.setdefault(fact, text_of(value))
    elif len(told.attributes) < MAX_TEXTS and value and "plate" not in last:
        told.attributes[name] = text_of(value)


def _tell_time(told: _Told, name: str, value: object) -> None:
    """A time that is no measurement: when it was calibrated, or was last serviced."""
    when = read_instant(value, UTC)
    if when is not None:
        _tell(told, name, when.isoformat().replace("+00:00", "Z"))


def _read_array(told: _Told, name: str, metric: Metric) -> None:
    """A run of numbers, each in a channel of its own."""
    elements = elements_of(metric.value, metric.datatype)
    for at, element in enumerate(elements if elements and len(elements) <= MAX_ELEMENTS else ()):
        metric.channel = str(at)
        _read(told, name, element, metric)


def _read(told: _Told, name: str, value: object, metric: Metric) -> None:
    number = float(value) if type(value) is bool else number_of(value)
    if number is None or len(told.readings) >= MAX_OBSERVATIONS - 2:
        return
    named = read_name(name)
    unit = metric.unit or named.unit
    usual = named.usual if unit or named.metric not in ANY_UNIT else ""
    scale = scale_to(SPELLINGS.get(unit, unit), usual)
    reading = EnvironmentReading(
        device=told.device,
        observed_at=instant_of(metric.timestamp) or told.when,
        metric=named.metric,
        value=apply(scale, number),
        unit=scale.unit,
        channel=metric.channel,
        attributes={"historical": True} if metric.historical else {},
    )
    told.readings.append(reading)
    if named.coordinate:
        told.places.setdefault(named.whose, {})[named.coordinate] = reading


def _positions(told: _Told) -> list[Position]:
    """The first pair of coordinates that belong together, as `GPS/Latitude` and `GPS/Longitude`."""
    for place in told.places.values():
        latitude, longitude, altitude = place.get("latitude"), place.get("longitude"), place.get("altitude")
        if latitude and longitude and abs(latitude.value) <= 90 and abs(longitude.value) <= 180:
            return [
                Position(
                    device=told.device,
                    observed_at=latitude.observed_at,
                    longitude=longitude.value,
                    latitude=latitude.value,
                    altitude_m=altitude.value if altitude else None,
                )
            ]
    return []
