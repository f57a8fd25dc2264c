"""The topics beside its state that an announced entity speaks or listens on: positions, set values, modes, orders.

Their names are those of the configuration: `<what>_state_topic`, with `<what>_state_template` or
`<what>_value_template`. Called by `config`. Source: the MQTT integration of each component.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from firmware_bridge.family.homeassistant.entity import Entity, after_sums, reading
from firmware_bridge.family.homeassistant.template import path_of, sum_of
from firmware_bridge.family.homeassistant.words import worded
from firmware_bridge.notation.members import number_of, text_of

_MEASURED = (
    ("current_temperature_topic", "temperature", ""),
    ("current_humidity_topic", "humidity", ""),
    ("temperature_state_topic", "target_temperature", ""),
    ("temperature_low_state_topic", "target_temperature", "low"),
    ("temperature_high_state_topic", "target_temperature", "high"),
    ("target_humidity_state_topic", "target_humidity", ""),
    ("position_topic", "position", ""),
    ("tilt_status_topic", "slat_position", ""),
    ("percentage_state_topic", "percentage", ""),
    ("brightness_state_topic", "brightness", ""),
)
"""(member, metric, channel); a temperature is in the unit that the entity names, else in °C, the others in percent."""

_WORDS = ("action_topic", "latest_version_topic")  # and all that end in `_state_topic`
_ORDERS = ("command_topic", "set_position_topic", "set_fan_speed_topic", "send_command_topic")


def other_topics(config: Mapping[str, Any], label: str, device: str, state: str) -> Iterator[tuple[str, Entity]]:
    """(topic, entity) of each.

    state  the topic of the entity's state, where it takes no orders
    """
    measured = set()
    for member, metric, channel in _MEASURED:
        topic, template = text_of(config.get(member)), _template_of(config, member)
        path = path_of(template)
        sums = (path, 1.0, 0.0) if path is not None else sum_of(template)
        if topic and sums is not None:
            measured.add(member)
            unit = "°" + (text_of(config.get("temperature_unit")) or "C") if "temperature" in metric else "%"
            entity = _scaled(reading(metric, unit, channel), config)
            yield topic, {"device": device, **after_sums(entity, sums)}
    for member, value in config.items():
        if type(value) is not str or not value or member in measured:
            continue
        if member.endswith("_state_topic") or member in _WORDS:
            template, name = _template_of(config, member), member.removesuffix("_topic").removesuffix("_state")
            path, wording = worded(template) or (None, {})
            kind = {"kind": "text", "name": f"{label} {name}".strip()} if path is not None else {"kind": "heard"}
            yield text_of(value), {"device": device, "path": path or [], **wording, **kind}
        elif member.endswith(_ORDERS) and value != state:
            yield text_of(value), {"device": device, "path": [], "kind": "command"}
        elif member in ("json_attributes_topic", "topic") and value != state:
            yield text_of(value), {"device": device, "path": [], "kind": "heard"}


def brightness_of(config: Mapping[str, Any]) -> Entity:
    """The brightness in the JSON of a light."""
    return {"path": ["brightness"], **_scaled(reading("brightness", "%", ""), config)}


def _template_of(config: Mapping[str, Any], member: str) -> str:
    """The template of such a topic; '' where it has none."""
    what = member.removesuffix("_topic")
    names = (what + "_template", what.removesuffix("_state") + "_value_template")
    template = next((config[name] for name in names if name in config), "")
    return template if type(template) is str else ""


def _scaled(entity: Entity, config: Mapping[str, Any]) -> Entity:
    """In percent, where the entity counts otherwise: brightness to 255, positions and speeds as it says."""
    low, high = {
        "position": (_number(config, "position_closed", 0), _number(config, "position_open", 100)),
        "brightness": (0.0, _number(config, "brightness_scale", 255)),
        "percentage": (_number(config, "speed_range_min", 1) - 1, _number(config, "speed_range_max", 100)),
    }.get(entity["metric"], (0.0, 100.0))
    if high == low or (low, high) == (0.0, 100.0):
        return entity
    factor = 100 / (high - low)
    return {**entity, "factor": factor, "offset": -low * factor}


def _number(config: Mapping[str, Any], member: str, usual: float) -> float:
    number = number_of(config.get(member))
    return usual if number is None else number
