"""What a discovery message announces: a device, its entities, where they speak and where they listen.

Abbreviated names, the `~` of a base topic and both forms, one entity or a whole device, come down to one list of
`Entity`, as it is remembered and as `state` reads it. Called by `family`.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from appliance.model.observation import DeviceHealth
from firmware_bridge.family.homeassistant.entity import CHOOSING, Entity, after_sums, classify, reading
from firmware_bridge.family.homeassistant.template import Path, path_of, sum_of
from firmware_bridge.family.homeassistant.topics import brightness_of, other_topics
from firmware_bridge.family.homeassistant.words import worded, wording_of
from firmware_bridge.inbound import Memory
from firmware_bridge.notation.members import list_of, object_of, text_of

MAX_AVAILABILITY = 10  # topics of one entity

COMPONENTS = frozenset(
    "alarm_control_panel binary_sensor button camera climate cover device device_automation device_tracker event fan "
    "humidifier image lawn_mower light lock notify number scene select sensor siren switch tag text update vacuum "
    "valve water_heater".split()
)

_ABBREVIATIONS = {
    "avty": "availability",
    "avty_mode": "availability_mode",
    "avty_t": "availability_topic",
    "avty_tpl": "availability_template",
    "cmd_t": "command_topic",
    "cmp": "components",
    "cmps": "components",
    "dev": "device",
    "dev_cla": "device_class",
    "img_t": "image_topic",
    "json_attr_t": "json_attributes_topic",
    "json_attr_tpl": "json_attributes_template",
    "json_attr": "json_attributes_topic",
    "off_dly": "off_delay",
    "p": "platform",
    "pl": "payload",
    "pl_avail": "payload_available",
    "pl_inst": "payload_install",
    "pl_not_avail": "payload_not_available",
    "pl_off": "payload_off",
    "pl_on": "payload_on",
    "pl_prs": "payload_press",
    "bri_scl": "brightness_scale",
    "pos_clsd": "position_closed",
    "pos_open": "position_open",
    "spd_rng_max": "speed_range_max",
    "spd_rng_min": "speed_range_min",
    "stat_locked": "state_locked",
    "stat_off": "state_off",
    "stat_on": "state_on",
    "stat_t": "state_topic",
    "stat_tpl": "state_template",
    "stat_unlocked": "state_unlocked",
    "stat_val_tpl": "state_value_template",
    "stype": "subtype",
    "t": "topic",
    "temp_unit": "temperature_unit",
    "unit_of_meas": "unit_of_measurement",
    "uniq_id": "unique_id",
    "val_tpl": "value_template",
    # of the device
    "cns": "connections",
    "hw": "hw_version",
    "ids": "identifiers",
    "mdl": "model",
    "mf": "manufacturer",
    "o": "origin",
    "sn": "serial_number",
    "sw": "sw_version",
}
"""Those that are read here. Source: https://www.home-assistant.io/integrations/mqtt, "Supported abbreviations"."""


_ENDINGS = (
    ("_cmd_t", "_command_topic"),
    ("_cmd_tpl", "_command_template"),
    ("_stat_t", "_state_topic"),
    ("_stat_tpl", "_state_template"),
    ("_val_tpl", "_value_template"),
    ("_tpl", "_template"),
    ("_t", "_topic"),
)
_STEMS = {
    "act": "action",
    "activity": "activity",
    "bri": "brightness",
    "clr_temp": "color_temp",
    "curr_hum": "current_humidity",
    "curr_temp": "current_temperature",
    "dir": "direction",
    "fx": "effect",
    "hum": "target_humidity",
    "l_ver": "latest_version",
    "osc": "oscillation",
    "pct": "percentage",
    "pos": "position",
    "pr_mode": "preset_mode",
    "set_pos": "set_position",
    "temp": "temperature",
    "temp_hi": "temperature_high",
    "temp_lo": "temperature_low",
}
"""What the abbreviated names of topics and templates begin and end with, where the table above has not the whole."""

_OF_RTL_433 = re.compile(r"rtl_433/[^/]+/devices/(.+)/[^/]+")
_OF_TASMOTA = re.compile(r"(?:tele|stat)/(.+)/[^/]+|(.+)/(?:tele|stat)/[^/]+")
_OF_ESPRESENSE = re.compile(r"espresense/rooms/([^/]+)/[^/]+(?:/set)?")

_CHIP = re.compile(r"[0-9A-F]{6}_")  # older Tasmota told no maker, but wrote its chip's id in front


@lru_cache(maxsize=4_096)
def _full_name(name: str) -> str:
    known = _ABBREVIATIONS.get(name)
    if known is not None:
        return known
    for short, full in _ENDINGS:
        if name.endswith(short):
            stem = name.removesuffix(short)
            return _STEMS.get(stem, stem) + full
    return name


def expand(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with its names in full and the base topic put where `~` stands."""
    full = {_full_name(name): value for name, value in config.items()}
    base = text_of(full.get("~"))
    if base:
        for name, value in full.items():
            if name.endswith("topic") and type(value) is str and "~" in (value[:1], value[-1:]):
                full[name] = base + value[1:] if value[0] == "~" else value[:-1] + base
    where = full.get("availability")
    if type(where) is dict:
        where = [where]
    if type(where) is list:
        full["availability"] = [
            expand({"~": base, **one} if base else one) for one in where[:MAX_AVAILABILITY] if type(one) is dict
        ]
    for name in ("device", "origin"):
        if type(full.get(name)) is dict:
            full[name] = {_ABBREVIATIONS.get(key, key): value for key, value in full[name].items()}
    return full


def place_of(topic: str) -> tuple[str, str, str]:
    """(component, node, object) of `<prefix>/<component>/[<node>/]<object>/config`; the prefix may have levels."""
    levels = topic.split("/")[:-1]
    at = next((n for n, level in enumerate(levels) if n and level in COMPONENTS), 1)
    rest = levels[at + 1 :]
    component = levels[at] if at < len(levels) else ""
    return component, rest[0] if len(rest) > 1 else "", rest[-1] if rest else ""


def device_of(config: Mapping[str, Any], node: str, name: str, base: str, memory: Memory) -> str:
    """The device an entity belongs to. One that another family reads is called as there, so that it is not known twice.

    base  `zigbee2mqtt_base` of the configuration
    """
    device = object_of(config.get("device"))
    ids = device.get("identifiers")
    own = text_of(ids) or next(filter(None, map(text_of, list_of(ids))), "")
    if base and own.startswith("zigbee2mqtt_"):
        return "zigbee2mqtt/" + _friendly_name(config, own.removeprefix("zigbee2mqtt_"), base, memory)
    if other := _named_elsewhere(config, device):
        return other
    if not own:
        pairs = [list_of(pair) for pair in list_of(device.get("connections"))]
        own = next((text_of(pair[1]) for pair in pairs if len(pair) > 1 and text_of(pair[1])), "")
    return "homeassistant/" + (own or node or name)


def _named_elsewhere(config: Mapping[str, Any], device: Mapping[str, Any]) -> str:
    """The device of rtl_433, ESPresense or Tasmota whose topic a state stands on: those families read it, and name it
    by it. A button has a topic for commands alone."""
    topic = text_of(config.get("state_topic"))
    if room := _OF_ESPRESENSE.fullmatch(topic or text_of(config.get("command_topic"))):
        return "espresense/" + room[1]
    if heard := _OF_RTL_433.fullmatch(topic):
        return "rtl_433/" + heard[1]
    theirs = device.get("manufacturer") == "Tasmota" or _CHIP.match(text_of(config.get("unique_id")))
    own = _OF_TASMOTA.fullmatch(topic) if theirs else None
    return f"tasmota/{own[1] or own[2]}" if own else ""


def zigbee2mqtt_base(config: Mapping[str, Any]) -> str:
    """The base topic of the Zigbee2MQTT that announced this, '' where another did."""
    if text_of(object_of(config.get("origin")).get("name")) == "Zigbee2MQTT":
        for one in list_of(config.get("availability")):
            topic = text_of(object_of(one).get("topic"))
            if topic.endswith("/bridge/state"):
                return topic.removesuffix("/bridge/state")
    return ""


def facts_of(config: Mapping[str, Any], device: str) -> DeviceHealth:
    """What the announcement says of the device itself."""
    said = object_of(config.get("device"))
    manufacturer, model = text_of(said.get("manufacturer")), text_of(said.get("model"))
    if device.startswith("zigbee2mqtt/"):  # its bridge tells name and firmware better
        model = text_of(said.get("model_id") or said.get("mdl_id")) or model
        via = "" if device == "zigbee2mqtt/bridge" else "zigbee2mqtt/bridge"
        return DeviceHealth(device=device, manufacturer=manufacturer, model=model, via=via)
    gateway = text_of(said.get("via_device"))
    area, hardware = text_of(said.get("suggested_area") or said.get("sa")), text_of(said.get("hw_version"))
    return DeviceHealth(
        device=device,
        name=text_of((said or config).get("name")),  # of several entities none is called as the device
        manufacturer=manufacturer,
        model=model,
        firmware=text_of(said.get("sw_version")),
        serial=text_of(said.get("serial_number")),
        via="homeassistant/" + gateway if gateway else "",
        attributes={key: text for key, text in (("suggested_area", area), ("hardware", hardware)) if text},
    )


def entities_of(config: Mapping[str, Any], component: str, name: str, device: str) -> Iterator[tuple[str, Entity]]:
    """(topic, entity) for every topic an entity speaks on; kind `opaque` where its template computes."""
    state = text_of(config.get("state_topic") or config.get("topic") or config.get("image_topic"))
    if state:
        entity = _state_of(config, component, name)
        yield state, {"device": device, **entity}
        for more in _more_of(config, component, entity):
            yield state, {"device": device, **more}
    attributes = text_of(config.get("json_attributes_topic"))
    if component == "device_tracker" and attributes:
        yield attributes, {"device": device, "path": [], "kind": "position"}
    yield from other_topics(config, text_of(config.get("name")) or name, device, state)


def _state_of(config: Mapping[str, Any], component: str, name: str) -> Entity:
    """What the state means, and where in its message it stands."""
    template = config.get("value_template") or config.get("state_value_template")
    if template is None and config.get("schema") == "template":
        template = config.get("state_template")
    path = _path(template)
    if template is None and (config.get("schema") == "json" or component == "vacuum"):
        path = ["state"]
    sums = sum_of(template) if path is None and type(template) is str else None
    wording = wording_of(template) if path is None and type(template) is str else None
    entity = classify(config, component, name, understood=path is not None or sums is not None or wording is not None)
    if wording is not None and entity["kind"] in CHOOSING:
        return {**entity, "path": wording[0], **wording[1]}
    if sums is not None and "factor" in entity:
        return after_sums(entity, sums)
    if path is None:
        return {**classify(config, component, name, understood=False), "path": []}
    return {**entity, "path": path}


def _more_of(config: Mapping[str, Any], component: str, state: Entity) -> Iterator[Entity]:
    """What else the message of a state holds where it is an object."""
    if component == "light" and config.get("schema") == "json":
        yield brightness_of(config)
    elif component == "vacuum" and state["path"] == ["state"]:
        yield {"kind": "health", "fact": "battery", "factor": 1.0, "offset": 0.0, "path": ["battery_level"]}
    elif component == "valve" and state["path"] == []:
        yield {**state, "path": ["state"]}
        yield {"path": ["position"], **reading("position", "%", "")}


def availability_of(config: Mapping[str, Any], device: str) -> Iterator[tuple[str, Entity]]:
    """(topic, entity) for every topic that tells whether the device can be reached."""
    said = [object_of(one) for one in list_of(config.get("availability"))]
    if not said and config.get("availability_topic"):
        said = [
            {**config, "topic": config["availability_topic"], "value_template": config.get("availability_template")}
        ]
    read = [
        (topic, one, place)
        for one in said
        if (topic := text_of(one.get("topic"))) and (place := worded(one.get("value_template"))) is not None
    ]
    topics = [
        topic for topic, _, _ in read
    ]  # one that asks for more than a word, as whether a value is there, has no say
    mode = text_of(config.get("availability_mode")) or "latest"
    for topic, one, (path, wording) in read:
        yield (
            topic,
            {
                "kind": "availability",
                "device": device,
                "path": path,
                **wording,
                "on": text_of(one.get("payload_available")) or "online",
                "off": text_of(one.get("payload_not_available")) or "offline",
                "mode": mode if len(topics) > 1 else "latest",
                "topics": topics,
            },
        )


def commands_of(config: Mapping[str, Any], component: str) -> tuple[str, dict[str, str]] | None:
    """(what, {topic, payload}) of an entity that takes orders a downlink can give: `update`, `restart`, `identify`."""
    topic, kind = text_of(config.get("command_topic")), text_of(config.get("device_class"))
    if not topic:
        return None
    if component == "update" and text_of(config.get("payload_install")):
        return "update", {"topic": topic, "payload": text_of(config.get("payload_install"))}
    if component == "button" and kind in ("restart", "identify", "update"):
        return kind, {"topic": topic, "payload": text_of(config.get("payload_press")) or "PRESS"}
    return None


def _path(template: object) -> Path | None:
    return path_of(template) if type(template) is str else [] if template is None else None


def _friendly_name(config: Mapping[str, Any], ieee: str, base: str, memory: Memory) -> str:
    """By the topic of its states, else by its address where the bridge told it, else by its name, often the same."""
    if ieee.startswith("bridge_"):
        return "bridge"
    for member in ("state_topic", "mode_state_topic", "current_temperature_topic", "position_topic"):
        topic = text_of(config.get(member))
        if topic.startswith(base + "/"):
            return topic[len(base) + 1 :]
    known = text_of(memory.get("zigbee2mqtt", "ieee/" + ieee))
    return known or text_of(object_of(config.get("device")).get("name")) or ieee
