"""States of announced entities, on topics that only their announcement knows. Called by `family`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from appliance.model.observation import (
    Alarm,
    CommandOutcome,
    DeviceHealth,
    EnvironmentReading,
    Incident,
    Motion,
    Observation,
    Position,
)
from firmware_bridge.family.homeassistant.entity import Entity, word_of
from firmware_bridge.family.homeassistant.template import value_at
from firmware_bridge.family.homeassistant.words import said_by
from firmware_bridge.inbound import Context, Inbound, Memory
from firmware_bridge.notation.members import number_of, object_of, text_of

MAX_OBSERVATIONS = 1_000
MAX_TEXTS = 20  # states in words of one device in its attributes

_UNKNOWN = frozenset(("", "unknown", "unavailable", "none", "null", "nan"))
_HEALTH_FIELDS = {
    "battery": "battery_percent",
    "signal": "signal_dbm",
    "link": "link_quality",
    "uptime": "uptime_s",
}

Facts = dict[str, Any]
"""Fields of the one DeviceHealth that a device gets from a message."""

Reader = Callable[[Entity, Any, Facts], Observation | None]


def read_announced(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """A message on a topic that an entity was announced to speak on; several may share it."""
    entities = spoken_of(inbound.topic, context.memory) or ()
    document, found, health = inbound.document, list[Observation](), dict[str, Facts]()
    if type(document) is not dict and type(document) is not list:
        document = inbound.payload.decode("utf-8", "replace").strip()  # as written: a version `1.30` is no number
    for entity in entities:
        kind, device = entity["kind"], entity["device"]
        if kind == "command":
            continue
        facts = health.get(device)
        if facts is None:
            facts = health[device] = {}
        value = value_at(document, entity["path"])
        if value is None or (type(value) is str and value.lower() in _UNKNOWN):
            continue
        if kind == "reading":  # most are; spelled out for speed
            number = value if type(value) is float else number_of(value)
            if number is not None:
                found.append(_reading(entity, number))
        elif kind == "availability":
            _note_availability(entity, value, facts, inbound.topic, context.memory)
        else:
            reader = _READERS.get(kind)
            one = reader(entity, value, facts) if reader else None
            if one is not None:
                found.append(one)
    found += [_health(device, facts) for device, facts in health.items()]
    return found[:MAX_OBSERVATIONS]


def spoken_of(topic: str, memory: Memory) -> Sequence[Entity] | None:
    """The entities that were announced to speak on a topic, by its name or by a pattern that ends as it does."""
    known: Sequence[Entity] | None = memory.get("homeassistant", "topic/" + topic)
    if known is None:
        levels = topic.split("/")
        for pattern in memory.get("homeassistant", "pattern/" + levels[-1]) or ():
            if _fits(pattern.split("/"), levels):
                return memory.get("homeassistant", "topic/" + pattern)  # type: ignore[no-any-return]
    return known


def _fits(pattern: Sequence[str], levels: Sequence[str]) -> bool:
    return len(pattern) == len(levels) and all(
        wanted in ("+", level) for wanted, level in zip(pattern, levels, strict=True)
    )


def _reading(entity: Entity, number: float) -> EnvironmentReading:
    factor, offset = entity["factor"], entity["offset"]
    if factor != 1.0 or offset:
        number = float(f"{number * factor + offset:.9g}")
    return EnvironmentReading(
        device=entity["device"],
        metric=entity["metric"],
        value=number,
        unit=entity["unit"],
        channel=entity["channel"],
    )


def _motion(entity: Entity, value: Any, _facts: Facts) -> Motion | None:
    active = _is_on(entity, value)
    if active is None:
        return None
    momentary = "momentary" in entity
    return Motion(device=entity["device"], active=active, area=entity["area"], momentary=momentary)


def _alarm(entity: Entity, value: Any, _facts: Facts) -> Alarm | None:
    active = _is_on(entity, value)
    if active is None:
        return None
    momentary = "momentary" in entity
    return Alarm(device=entity["device"], name=entity["name"], active=active, area=entity["area"], momentary=momentary)


def _onoff(entity: Entity, value: Any, _facts: Facts) -> EnvironmentReading | None:
    active = _is_on(entity, value)
    if active is None:
        return None
    return EnvironmentReading(
        device=entity["device"], metric=entity["metric"], value=float(active), unit="1", channel=entity["channel"]
    )


def _tag(entity: Entity, _value: Any, _facts: Facts) -> Incident:
    """A card was held to the reader. Whose it is, the value would tell: that is not kept."""
    return Incident(device=entity["device"], event_type="tag_read")


def _trigger(entity: Entity, value: Any, _facts: Facts) -> Alarm | None:
    if entity["on"] and word_of(value) != entity["on"].lower():
        return None
    return _press(entity, entity["name"])


def _event(entity: Entity, value: Any, _facts: Facts) -> Alarm | None:
    action = text_of(object_of(value).get("event_type")) or text_of(value)
    return _press(entity, action) if action else None


def _press(entity: Entity, action: str) -> Alarm:
    return Alarm(device=entity["device"], name="button", active=True, momentary=True, attributes={"action": action})


def _firmware(entity: Entity, value: Any, facts: Facts) -> CommandOutcome | None:
    """An update entity tells its installed version as text, or as an object with the latest and the progress."""
    said = object_of(value)
    installed = text_of(said.get("installed_version") if said else value)
    if installed:
        facts["firmware"] = installed
    if latest := text_of(said.get("latest_version")):
        facts.setdefault("attributes", {})["latest_version"] = latest
    if said.get("in_progress") is not True:
        return None
    progress = number_of(said.get("update_percentage"))
    return CommandOutcome(device=entity["device"], outcome="running", method="update", progress_percent=progress)


def _position(entity: Entity, value: Any, facts: Facts) -> Position | None:
    said = object_of(value)
    battery = number_of(said.get("battery_level"))
    if battery is not None and 0 <= battery <= 100:
        facts["battery_percent"] = battery
    latitude, longitude = number_of(said.get("latitude")), number_of(said.get("longitude"))
    if latitude is None or longitude is None or not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return None
    return Position(
        device=entity["device"],
        latitude=latitude,
        longitude=longitude,
        accuracy_m=number_of(said.get("gps_accuracy")),
        altitude_m=number_of(said.get("altitude")),
    )


def _fact(entity: Entity, value: Any, facts: Facts) -> None:
    fact = entity["fact"]
    if fact == "address":
        facts["address"] = text_of(value)
        return
    number = number_of(value)
    if number is None or (fact == "battery" and not 0 <= number <= 100):
        return
    facts[_HEALTH_FIELDS[fact]] = number * entity["factor"] + entity["offset"]


def _connectivity(entity: Entity, value: Any, facts: Facts) -> None:
    connected = _is_on(entity, value)
    if connected is not None:
        facts["state"] = "online" if connected else "offline"


def _text(entity: Entity, value: Any, facts: Facts) -> None:
    texts, value = facts.setdefault("attributes", {}), said_by(entity, value)
    word = text_of(value) if type(value) is not bool else value
    if word != "" and len(texts) < MAX_TEXTS and "plate" not in entity["name"].lower():
        texts[entity["name"]] = word


def _opaque(entity: Entity, _value: Any, facts: Facts) -> None:
    """A template that computes: the technician sees which values are not read."""
    facts.setdefault("attributes", {}).setdefault("not_read", []).append(entity["name"])


def _note_availability(entity: Entity, value: Any, facts: Facts, topic: str, memory: Memory) -> None:
    """By `availability_mode`: the latest word counts, or all topics must say so, or any."""
    word = word_of(said_by(entity, value))
    state = "online" if word == entity["on"].lower() else "offline" if word == entity["off"].lower() else ""
    if not state:
        return
    mode = entity["mode"]
    if mode != "latest":
        memory.put("homeassistant", "state/" + topic, state)
        states = [memory.get("homeassistant", "state/" + other) for other in entity["topics"]]
        if mode == "all":
            state = "offline" if "offline" in states else "online" if all(states) else ""
        else:
            state = "online" if "online" in states else "offline" if all(states) else ""
    if state:
        facts["state"] = state


def _is_on(entity: Entity, value: Any) -> bool | None:
    word, off = word_of(said_by(entity, value)), entity["off"]
    if word == entity["on"]:
        return True
    return False if word == off or not off else None


def _health(device: str, facts: Facts) -> DeviceHealth:
    not_read = facts.get("attributes", {}).get("not_read")
    if not_read:
        del not_read[MAX_TEXTS:]
    return DeviceHealth(device=device, **facts)


_READERS: Mapping[str, Callable[[Entity, Any, Facts], Observation | None]] = {
    "motion": _motion,
    "onoff": _onoff,
    "tag": _tag,
    "alarm": _alarm,
    "trigger": _trigger,
    "event": _event,
    "firmware": _firmware,
    "position": _position,
    "health": _fact,
    "connectivity": _connectivity,
    "text": _text,
    "opaque": _opaque,
}
