"""What an announced entity's states mean: its component, device class and unit, as a kind of observation.

An `Entity` is a plain object, as JSON can hold it and the memory keeps it. Called by `config`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from firmware_bridge.notation.members import number_of, object_of, text_of
from firmware_bridge.notation.metrics import UNITS, read_metric, snake_case
from firmware_bridge.notation.units import scale_to

Entity = dict[str, Any]
"""`kind`, `device`, `path`, and by kind:

reading       metric, unit, factor, offset, channel
motion, alarm name, area, on, off; momentary, where it never tells that it ended
onoff         metric, channel, on, off
health        fact, factor, offset: battery, signal, link, uptime, address
connectivity  on, off
text          name
availability  on, off, mode, topics
trigger       name, on: the payload that is a press
opaque        name
event, firmware, position, tag, heard, command: nothing

Where a template makes words of what it finds, `choice` or `words` are as the module `words` has them.
"""

CHOOSING = frozenset(("motion", "alarm", "onoff", "connectivity", "text"))
"""Kinds that know what to make of a template that makes words of what it finds."""

_SWITCHED = frozenset(("switch", "light", "fan", "siren", "humidifier"))
_MOTION = frozenset(("motion", "occupancy", "presence", "moving"))
_ALARMS = {
    "door": "contact",
    "window": "contact",
    "opening": "contact",
    "garage_door": "contact",
    "moisture": "water_leak",
    "battery": "battery_low",
    **{name: name for name in "smoke gas carbon_monoxide tamper vibration safety problem lock heat cold sound".split()},
}
"""Device class of a binary sensor -> alarm. Source: https://www.home-assistant.io/integrations/binary_sensor."""

_METRICS = {
    "atmospheric_pressure": "pressure",
    "carbon_dioxide": "co2",
    "carbon_monoxide": "co",
    "nitrogen_dioxide": "no2",
    "volatile_organic_compounds": "voc",
    "volatile_organic_compounds_parts": "voc",
    "pm25": "pm2_5",
    "moisture": "soil_moisture",
    "sound_pressure": "sound_level",
    "precipitation": "rain",
    "precipitation_intensity": "rain_rate",
    "irradiance": "solar_irradiance",
    "volume_flow_rate": "water_flow",
    "water": "water_consumed",
    "gas": "gas_consumed",
}
"""Device class of a sensor -> metric, where they differ. Source: https://www.home-assistant.io/integrations/sensor."""

_SIMPLE: dict[str, Entity] = {
    "update": {"kind": "firmware"},
    "event": {"kind": "event"},
    "alarm_control_panel": {"kind": "alarm", "name": "alarm", "area": "", "on": "triggered", "off": ""},
    "camera": {"kind": "heard"},
    "image": {"kind": "heard"},
    "tag": {"kind": "tag"},
}
"""Components whose states mean one thing."""

_NO_NUMBER = frozenset(("date", "enum", "timestamp"))
_FACTS = {
    "ip": "address",
    "ip_address": "address",
    "uptime": "uptime",
    "linkquality": "link",
    "rssi": "signal",
    "wifi_signal": "signal",
}


def classify(config: Mapping[str, Any], component: str, name: str, *, understood: bool) -> Entity:
    """Kind of an entity and what its states need to be read.

    name        its object id, for entities without a name
    understood  whether the place of its state in the message is known
    """
    label = text_of(config.get("name")) or name
    if not understood:
        return {"kind": "opaque", "name": label}
    read = _BY_COMPONENT.get(component)
    if read is not None:
        return read(config, label)
    if component in _SWITCHED:
        return {"kind": "onoff", "metric": component, "channel": _channel(config, label, component), **_words(config)}
    return dict(_SIMPLE.get(component) or {"kind": "text", "name": label})


def reading(metric: str, written: str, channel: str) -> Entity:
    """An entity that measures, in a unit as the firmware writes it."""
    scale = scale_to(written, UNITS.get(metric, ""))
    return {
        "kind": "reading",
        "metric": metric,
        "unit": scale.unit,
        "factor": scale.factor,
        "offset": scale.offset,
        "channel": channel,
    }


def after_sums(entity: Entity, sums: tuple[list[str | int], float, float]) -> Entity:
    """An entity that measures what stands at a place, times a factor and plus an offset."""
    path, by, more = sums
    return {
        **entity,
        "path": path,
        "factor": by * entity["factor"],
        "offset": more * entity["factor"] + entity["offset"],
    }


def word_of(value: object) -> str:
    """A payload as it is compared: lower case, a JSON true as `true`, 1.0 as `1`."""
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is float and value.is_integer():
        return str(int(value))
    return text_of(value).lower()


def _binary(config: Mapping[str, Any], label: str) -> Entity:
    kind = text_of(config.get("device_class"))
    words = _words(config)
    if kind == "connectivity":
        return {"kind": "connectivity", **words}
    if number_of(config.get("off_delay")):  # the device only tells that it began, and each time anew
        words["momentary"] = True
    if kind in _MOTION:
        return {"kind": "motion", "area": _part(config, label, kind), **words}
    if kind in _ALARMS:
        return {"kind": "alarm", "name": _ALARMS[kind], "area": _part(config, label, kind, _ALARMS[kind]), **words}
    metric = kind or _without_device(config, label)
    return {"kind": "onoff", "metric": metric, "channel": _channel(config, label, kind) if kind else "", **words}


def _sensor(config: Mapping[str, Any], label: str) -> Entity:
    kind, unit = text_of(config.get("device_class")), text_of(config.get("unit_of_measurement"))
    fact = _FACTS.get(_without_device(config, label)) or ("link" if unit == "lqi" else "")
    if kind in ("battery", "signal_strength") and unit in ("%", "dBm"):
        fact = "battery" if unit == "%" and kind == "battery" else "signal" if unit == "dBm" else ""
    if fact and not (fact == "signal" and unit != "dBm"):
        scale = scale_to(unit, "s" if fact == "uptime" else "")
        return {"kind": "health", "fact": fact, "factor": scale.factor, "offset": scale.offset}
    if kind in _NO_NUMBER or (not kind and not unit and not config.get("state_class")):
        return {"kind": "text", "name": label}
    if kind:
        metric = _METRICS.get(kind, kind)
        return reading(metric, unit, snake_case(part) if (part := _part(config, label, kind, metric)) else "")
    metric, _ = read_metric(_without_device(config, label))
    return reading(metric, unit, "")


def _number(config: Mapping[str, Any], label: str) -> Entity:
    """What can be set to a number, as it stands now."""
    entity = _sensor(config, label)
    return entity if entity["kind"] != "text" else reading(read_metric(_without_device(config, label))[0], "", "")


def _lock(config: Mapping[str, Any], label: str) -> Entity:
    on, off = _word(config.get("state_unlocked"), "UNLOCKED"), _word(config.get("state_locked"), "LOCKED")
    return {"kind": "alarm", "name": "lock", "area": _part(config, label, "lock"), "on": on, "off": off}


def _trigger(config: Mapping[str, Any], label: str) -> Entity:
    subtype = " ".join(filter(None, (text_of(config.get("type")), text_of(config.get("subtype")))))
    return {"kind": "trigger", "name": subtype or label, "on": text_of(config.get("payload"))}


def _words(config: Mapping[str, Any]) -> Entity:
    """The payloads of on and off; a switch may tell its state in others than it is ordered with."""
    on, off = config.get("state_on", config.get("payload_on")), config.get("state_off", config.get("payload_off"))
    return {"on": _word(on, "ON"), "off": _word(off, "OFF")}


def _channel(config: Mapping[str, Any], label: str, *same: str) -> str:
    part = _part(config, label, *same)
    return snake_case(part) if part else ""


def _part(config: Mapping[str, Any], label: str, *same: str) -> str:
    """What tells an entity from its device's others; '' where the name only says what it is."""
    if not config.get("device") or _without_device(config, label) in same:
        return ""
    return label


def _without_device(config: Mapping[str, Any], label: str) -> str:
    """A name in snake case, without its device's in front."""
    name, device = snake_case(label), text_of(object_of(config.get("device")).get("name"))
    return (name.removeprefix(snake_case(device) + "_") if device else name) or name


def _word(value: object, usual: str) -> str:
    """A payload as it is compared, or the usual one."""
    return word_of(value) or usual.lower()


_BY_COMPONENT: Mapping[str, Callable[[Mapping[str, Any], str], Entity]] = {
    "binary_sensor": _binary,
    "sensor": _sensor,
    "number": _number,
    "lock": _lock,
    "device_automation": _trigger,
}
