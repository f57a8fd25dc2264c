"""What an announced entity's states mean: its component, device class and unit, as a kind of observation.

An `Entity` is a plain object, as JSON can hold it and the memory keeps it. Called by `homeassistant_config`.
"""

from collections.abc import Mapping
from typing import Any

from firmware_bridge.notation.members import number_of, object_of, text_of
from firmware_bridge.notation.metrics import UNITS, read_metric, snake_case
from firmware_bridge.notation.units import scale_to

Entity = dict[str, Any]
"""`kind`, `device`, `path`, and by kind:

reading       metric, unit, factor, offset, channel
motion, alarm name, area, on, off; momentary, where it never tells that it ended
health        fact, factor, offset: battery, signal, link, uptime, address
connectivity  on, off
text          name
availability  on, off, mode, topics
trigger       name, on: the payload that is a press
opaque        name
event, firmware, position, heard, command: nothing
"""

_MOTION = frozenset(("motion", "occupancy", "presence", "moving"))
_ALARMS = {
    "door": "contact",
    "window": "contact",
    "opening": "contact",
    "garage_door": "contact",
    "moisture": "water_leak",
    "sound": "noise",
    **{name: name for name in "smoke gas carbon_monoxide tamper vibration safety problem lock heat cold".split()},
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
    "tag": {"kind": "heard"},
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
    match component:
        case "binary_sensor":
            return _binary(config, label)
        case "sensor":
            return _sensor(config, label)
        case "device_automation":
            subtype = " ".join(filter(None, (text_of(config.get("type")), text_of(config.get("subtype")))))
            return {"kind": "trigger", "name": subtype or label, "on": text_of(config.get("payload"))}
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


def word_of(value: object) -> str:
    """A payload as it is compared: lower case, a JSON true as `true`, 1.0 as `1`."""
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is float and value.is_integer():
        return str(int(value))
    return text_of(value).lower()


def _binary(config: Mapping[str, Any], label: str) -> Entity:
    kind = text_of(config.get("device_class"))
    words: Entity = {"on": _word(config.get("payload_on"), "ON"), "off": _word(config.get("payload_off"), "OFF")}
    if kind == "connectivity":
        return {"kind": "connectivity", **words}
    if number_of(config.get("off_delay")):  # the device only tells that it began, and each time anew
        words["momentary"] = True
    if kind in _MOTION:
        return {"kind": "motion", "area": _part(config, label, kind), **words}
    if kind in _ALARMS:
        return {"kind": "alarm", "name": _ALARMS[kind], "area": _part(config, label, kind, _ALARMS[kind]), **words}
    return {"kind": "text", "name": label}


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
