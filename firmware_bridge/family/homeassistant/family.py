"""Home Assistant's MQTT discovery: devices announce themselves, where they speak and where they listen.

What is announced is remembered, since the topics of the states are anyone's choice: `announced` tells whether a topic
is one of them. Devices are `homeassistant/<first identifier>`; those of Zigbee2MQTT keep that family's name.

Kept in the memory: `topic/<topic>` the entities that speak there, `config/<topic>` the topics an announcement taught,
`pattern/<last level>` those of them with a `+`,
`command/<device>` the topics a downlink can use, `state/<topic>` what an availability topic last said where several
count. An announcement is taken back by an empty one.
"""

from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from appliance.errors import Rejected
from appliance.model.observation import DeviceHealth, Observation
from firmware_bridge.family.homeassistant.config import (
    availability_of,
    commands_of,
    device_of,
    entities_of,
    expand,
    facts_of,
    place_of,
    zigbee2mqtt_base,
)
from firmware_bridge.family.homeassistant.entity import Entity
from firmware_bridge.family.homeassistant.state import read_announced, spoken_of
from firmware_bridge.inbound import Context, Family, Handler, Inbound, Memory, Route, read_form
from firmware_bridge.notation.members import text_of

MAX_COMPONENTS = 200  # of one device message
MAX_PATTERNS = 20  # that end with one level
MAX_SHARING = 500  # entities that speak on one topic; later ones are not read


def announced(topic: str, memory: Memory) -> Handler | None:
    """The handler of a topic that an entity was announced to speak or listen on; two look-ups in dictionaries."""
    return _on_announced if spoken_of(topic, memory) is not None else None


def _on_announced(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """What an announced entity says; of a camera, whose picture is not looked at, that it is there."""
    try:
        inbound.document = read_form(inbound.payload, "any")
    except Rejected:
        if any(entity["kind"] != "heard" for entity in spoken_of(inbound.topic, context.memory) or ()):
            raise
        inbound.document = ""
    return read_announced(inbound, context)


def _config(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """`<prefix>/<component>/[<node>/]<object>/config`: one entity, or with `components` a whole device."""
    document, memory = inbound.document, context.memory
    if document in ("", None):
        _remember(inbound.topic, (), memory)
        return []
    if type(document) is not dict:
        raise Rejected("expected a JSON object, as a discovery message is")
    if document.get("migrate_discovery") is True:
        return []  # it is about to be announced anew; until then it stands as it is
    config = expand(document)
    component, node, name = place_of(inbound.topic)
    base = zigbee2mqtt_base(config)
    device = device_of(config, node, name, base, memory)
    taught: list[tuple[str, Entity]] = []
    for kind, label, one in _components(config, component, name):
        _remember_commands(one, kind, device, memory)
        if base != "zigbee2mqtt":  # that family reads its own topics
            taught += entities_of(one, kind, label, device)
            taught += availability_of(one, device)
    _remember(inbound.topic, taught, memory)
    return [facts_of(config, device)]


def _components(config: dict[str, Any], component: str, name: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(component, name, configuration) of each entity; in a device's message they share what stands at its root."""
    components = config.get("components")
    if type(components) is not dict:
        yield text_of(config.get("platform")) or component, name, config
        return
    shared = {key: value for key, value in config.items() if key not in ("components", "name", "unique_id")}
    for key, one in list(components.items())[:MAX_COMPONENTS]:
        if type(one) is dict and len(one) > 1:  # with its platform alone it takes the entity back
            full = {**shared, **expand({"~": config["~"], **one} if "~" in config else one)}
            yield text_of(full.get("platform")), key, full


def _remember_commands(config: Mapping[str, Any], component: str, device: str, memory: Memory) -> None:
    command = commands_of(config, component)
    if command is not None:
        what, order = command
        known = memory.get("homeassistant", "command/" + device) or {}
        if known.get(what) != order:
            memory.put("homeassistant", "command/" + device, {**known, what: order})


def _remember(source: str, taught: Sequence[tuple[str, Entity]], memory: Memory) -> None:
    """Put what an announcement teaches in the place of what it taught before; with nothing it is taken back."""
    topics: dict[str, list[Entity]] = {}
    for topic, entity in taught:
        topics.setdefault(topic, []).append({"source": source, **entity})
    before = memory.get("homeassistant", "config/" + source) or ()
    for topic in dict.fromkeys((*before, *topics)):
        others = [one for one in memory.get("homeassistant", "topic/" + topic) or () if one["source"] != source]
        # By source, so that a device that announces the same again changes nothing.
        entities = sorted([*others, *topics.get(topic, ())], key=itemgetter("source"))
        memory.put("homeassistant", "topic/" + topic, _without_twins(entities)[:MAX_SHARING] or None)
        if "+" in topic:
            _remember_pattern(topic, memory, known=bool(entities))
    memory.put("homeassistant", "config/" + source, list(topics) or None)


def _remember_pattern(topic: str, memory: Memory, *, known: bool) -> None:
    """A topic of any gateway, as `+/+/BTtoMQTT/4C33A6000000`, under its last level, by which it is looked for."""
    key = "pattern/" + topic.rpartition("/")[2]
    others = [one for one in memory.get("homeassistant", key) or () if one != topic]
    memory.put("homeassistant", key, [*others, topic][-MAX_PATTERNS:] if known else others or None)


def _without_twins(entities: list[Entity]) -> list[Entity]:
    """Every entity of a device repeats its availability: one of them will do."""
    kept: list[Entity] = []
    seen: set[str] = set()
    for entity in entities:
        if entity["kind"] in ("availability", "command"):
            twin = f"{entity['kind']} {entity['device']}"
            if twin in seen:
                continue
            seen.add(twin)
        kept.append(entity)
    return kept


def _status(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """`homeassistant/status`: birth and last will of Home Assistant itself."""
    said = text_of(inbound.document).lower()
    if said not in ("online", "offline"):
        raise Rejected("expected online or offline")
    return [DeviceHealth(device="homeassistant/server", state="online" if said == "online" else "offline")]


def _beneath(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """Other topics beneath the prefix: states of announced entities; of others (MQTT Statestream) that they live."""
    if announced(inbound.topic, context.memory) is not None:
        return read_announced(inbound, context)
    leaf, said = inbound.parts["leaf"], inbound.document
    if leaf == "set" or leaf.endswith("command"):
        return []
    kept = {leaf: text} if (text := text_of(said)) and leaf in ("state", "unit_of_measurement") else {}
    return [DeviceHealth(device="homeassistant/" + inbound.parts["object"], attributes=kept)]


def _recognise(document: Any) -> Handler | None:
    """An announcement under another prefix: it says where it speaks and who it is."""
    if type(document) is not dict:
        return None
    device = document.get("dev") or document.get("device")
    if type(device) is dict and ("cmps" in document or "components" in document or "cmp" in document):
        return _config
    speaks = "state_topic" in document or "stat_t" in document or "command_topic" in document or "cmd_t" in document
    named = "unique_id" in document or "uniq_id" in document or type(device) is dict
    return _config if speaks and named else None


FAMILY = Family(
    name="homeassistant",
    title="Home Assistant MQTT discovery",
    source="https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery",
    routes=(
        Route(template="homeassistant/status", handle=_status, form="text"),
        Route(template="homeassistant/{component}/{object}/config", handle=_config, form="any"),
        Route(template="homeassistant/{component}/{node}/{object}/config", handle=_config, form="any"),
        Route(template="homeassistant/{component}/{object}/{leaf}", handle=_beneath, form="any"),
        Route(template="homeassistant/{component}/{node}/{object}/{leaf}", handle=_beneath, form="any"),
    ),
    recognise=_recognise,
    announced=announced,
)
