"""A command in the words of each family of firmware, and the answers by which it will be known.

Pure: a command and what is known of its device in, messages out, or `Rejected` that says what the family does take.
`commander` publishes the messages; the store keeps `awaits` and matches the answers that the families' decoders bring
(`appliance.store.downlink.commands.insert_answers`). Sources: Tasmota, Commands and Upgrading; Shelly Gen2+, RPC
protocol, Shelly.Update, Sys events; Zigbee2MQTT, MQTT topics, OTA updates; Home Assistant, MQTT discovery (button,
update); ESPresense, MQTT (restart, update).
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from appliance.clock import rfc3339
from appliance.errors import Rejected
from appliance.model.command import Command, Target, Weight

RPC_SOURCE: Final = "hexpost"
"""Who asks, in Shelly's RPC: its answers come on `hexpost/rpc`, which the bridge has to subscribe to."""

ANSWER_FILTERS: Final = ("hexpost/v1/+/+/cmd/result", f"{RPC_SOURCE}/rpc", "+/bridge/response/#")
MIN_INTERVAL_S, MAX_INTERVAL_S = 10, 3_600  # TelePeriod takes 10 to 3600
_TASMOTA_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,31}", re.ASCII)
_NATIVE_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
_SET_CONFIG = re.compile(r"[A-Z][A-Za-z0-9_]{0,31}\.SetConfig", re.ASCII)
_SHELLY_LEAVES = ("/events/rpc", "/online", "/rpc")
_PLAIN = (str, int, float, bool)


class Outbound(msgspec.Struct, frozen=True, kw_only=True):
    """One message to publish; a command is never retained, or a device would do it again at each of its starts."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A command as messages, in their order.

    awaits  method of an answer -> whether it ends the command; '' stands for any answer that carries the command's id.
            Empty where the firmware answers nothing.
    """

    messages: tuple[Outbound, ...]
    awaits: Mapping[str, Weight] = {}


Writer = Callable[[Command, Target], Order]


def write_order(command: Command, target: Target) -> Order:
    """Put a command into the words of its device's family.

    raises  Rejected  the family does not take it, or not with these parameters; the reason says what it does take
    """
    commands = FAMILIES.get(target.family)
    if commands is None:
        raise Rejected(f"{target.family or 'an unknown family'} takes no commands; {', '.join(FAMILIES)} do", "command")
    writer = commands.get(command.command) or commands.get("*")
    if writer is None:
        raise Rejected(f"{target.family} does not take {command.command!r}; it takes {_listed(commands)}", "command")
    return writer(command, target)


def _listed(commands: Mapping[str, Writer]) -> str:
    return ", ".join(sorted(name for name in commands if name != "*"))


# --- native ---


def _native(command: Command, target: Target) -> Order:
    if not _NATIVE_NAME.fullmatch(command.command):
        raise Rejected("a command is 1 to 64 small letters, digits and _, as in reboot", "command")
    if command.command == "firmware_update":
        _text(command, "url")
        _text(command, "sha256")
    if command.command == "interval":
        _number(command, "interval_s", 1, 86_400)
    document = {
        "command_id": command.command_id,
        "command": command.command,
        "parameters": command.parameters,
        "expires_at": rfc3339(command.expires_at),
    }
    topic = f"hexpost/v1/{target.device}/cmd"
    return Order(messages=(Outbound(topic=topic, payload=msgspec.json.encode(document)),), awaits={"": "final"})


# --- Tasmota: cmnd/{topic}/{command}, answered on stat/{topic}/RESULT and stat/{topic}/UPGRADE ---


def _tasmota_interval(command: Command, target: Target) -> Order:
    seconds = _number(command, "interval_s", MIN_INTERVAL_S, MAX_INTERVAL_S)
    return _tasmota(target, {"TelePeriod": f"{seconds:g}"})


def _tasmota_config(command: Command, target: Target) -> Order:
    settings = {}
    for name, value in _some(command, "a setting and its value, as in SetOption65: 1").items():
        if not _TASMOTA_NAME.fullmatch(name) or name.lower().startswith("backlog"):
            raise Rejected(f"{name!r} is not the name of one Tasmota setting", "parameters")
        if not isinstance(value, _PLAIN):
            raise Rejected("a Tasmota setting is text, a number, true or false", f"parameters.{name}")
        settings[name] = str(int(value)) if isinstance(value, bool) else str(value)
    return _tasmota(target, settings)


def _tasmota_reboot(_command: Command, target: Target) -> Order:
    return _tasmota(target, {"Restart": "1"})


def _tasmota_update(command: Command, target: Target) -> Order:
    return _tasmota(target, {"OtaUrl": _text(command, "url"), "Upgrade": "1"})


def _tasmota(target: Target, settings: Mapping[str, str]) -> Order:
    """A message for each setting; the answer to the last ends the command."""
    topics = [_tasmota_topic(target, name) for name in settings]
    messages = [
        Outbound(topic=topic, payload=value.encode()) for topic, value in zip(topics, settings.values(), strict=True)
    ]
    *first, last = settings
    return Order(messages=tuple(messages), awaits={**dict.fromkeys(first, "interim"), last: "final"})


def _tasmota_topic(target: Target, name: str) -> str:
    """The command's topic as the device's own FullTopic has it: its `tele` or `stat` level is `cmnd`."""
    for topic in target.topics:
        levels = topic.split("/")[:-1]
        for prefix in ("tele", "stat"):
            if prefix in levels:
                return "/".join(["cmnd" if level == prefix else level for level in levels] + [name])
    return f"cmnd/{target.device.partition('/')[2]}/{name}"  # %prefix%/%topic%/, the default


# --- Shelly Gen2 and later: JSON-RPC on {prefix}/rpc, answered on {src}/rpc with the same id ---


def _shelly_config(command: Command, target: Target) -> Order:
    method, parameters = _text(command, "method"), command.parameters.get("params")
    if not _SET_CONFIG.fullmatch(method) or not isinstance(parameters, dict):
        raise Rejected("expected {method: 'Sys.SetConfig', params: {config: {...}}}, any component's", "parameters")
    return _shelly(command, target, method, parameters, {"": "final"})


def _shelly_reboot(command: Command, target: Target) -> Order:
    return _shelly(command, target, "Shelly.Reboot", {}, {"": "final"})


def _shelly_update(command: Command, target: Target) -> Order:
    """The answer only says that it began; the events of `sys` tell the rest."""
    awaits: dict[str, Weight] = {"": "interim", "Shelly.Update": "interim"}
    events = ("ota_begin", "ota_progress", "ota_success", "ota_error")
    return _shelly(
        command,
        target,
        "Shelly.Update",
        {"url": _text(command, "url")},
        {**awaits, **dict.fromkeys(events, "final")},
    )


def _shelly(
    command: Command, target: Target, method: str, parameters: Mapping[str, Any], awaits: Mapping[str, Weight]
) -> Order:
    request = {"id": command.command_id, "src": RPC_SOURCE, "method": method, "params": parameters}
    payload = msgspec.json.encode(request)
    return Order(messages=(Outbound(topic=f"{_shelly_prefix(target)}/rpc", payload=payload),), awaits=awaits)


def _shelly_prefix(target: Target) -> str:
    """Its own topic prefix, which a technician may have changed; by default its id."""
    for topic in target.topics:
        for leaf in _SHELLY_LEAVES:
            if topic.endswith(leaf):
                return topic.removesuffix(leaf)
        if "/status/" in topic:
            return topic.partition("/status/")[0]
    return target.device.partition("/")[2]


# --- Zigbee2MQTT: the bridge's requests, answered on {base}/bridge/response/... with the same transaction ---


def _zigbee_interval(command: Command, target: Target) -> Order:
    """Reporting is a matter of one attribute; Zigbee knows no interval of a whole device."""
    seconds = _number(command, "interval_s", 1, 65_534)
    request: dict[str, Any] = {
        "cluster": _text(command, "cluster"),
        "attribute": _text(command, "attribute"),
        "endpoint": int(_number(command, "endpoint", 1, 254)),
        "minimum_report_interval": int(_number(command, "minimum_s", 0, seconds)),
        "maximum_report_interval": int(seconds),
        "reportable_change": _number(command, "reportable_change", 0, 2**48),
    }
    return _zigbee(command, target, "configure_reporting", request)


def _zigbee_config(command: Command, target: Target) -> Order:
    """What the device exposes as settable. The firmware answers by its state alone, which may change by itself."""
    base, name = _zigbee_name(target)
    payload = msgspec.json.encode(_some(command, "an exposed property and its value"))
    return Order(messages=(Outbound(topic=f"{base}/{name}/set", payload=payload),))


def _zigbee_update(command: Command, target: Target) -> Order:
    return _zigbee(command, target, "ota_update/update", {"url": _text(command, "url")})


def _zigbee(command: Command, target: Target, request: str, members: Mapping[str, Any]) -> Order:
    base, name = _zigbee_name(target)
    payload = msgspec.json.encode({"id": name, **members, "transaction": command.command_id})
    topic = f"{base}/bridge/request/device/{request}"
    return Order(messages=(Outbound(topic=topic, payload=payload),), awaits={"": "final", f"device/{request}": "final"})


def _zigbee_name(target: Target) -> tuple[str, str]:
    """(base topic, friendly name); both may hold slashes."""
    name = target.device.partition("/")[2]
    for topic in target.topics:
        device = topic.removesuffix("/availability")
        if device.endswith(f"/{name}"):
            return device.removesuffix(f"/{name}"), name
    return "zigbee2mqtt", name


# --- Home Assistant discovery (ESPHome and others): the buttons and the update entity that the device announced ---


def _announced(command: Command, target: Target) -> Order:
    """It says what its entity wants to hear, and answers nothing. An update fetches what the device's own configuration
    names: the entity takes no address, only the word to install."""
    what = {"reboot": "restart", "firmware_update": "update"}.get(command.command, command.command)
    entity = target.announced.get(what)
    if not isinstance(entity, Mapping) or not entity.get("topic"):
        said = ", ".join(sorted(target.announced)) or "none"
        raise Rejected(f"{target.device} announced no entity for {what}; those it announced: {said}", "command")
    return Order(messages=(Outbound(topic=str(entity["topic"]), payload=str(entity.get("payload", "")).encode()),))


# --- ESPresense: a topic for each setting, beneath the room's; it answers nothing, but is offline and then online ---


def _espresense_reboot(_command: Command, target: Target) -> Order:
    return _espresense(target, "restart", "PRESS")


def _espresense_update(command: Command, target: Target) -> Order:
    """It restarts, and fetches the image from there."""
    return _espresense(target, "update", _text(command, "url"))


def _espresense(target: Target, setting: str, value: str) -> Order:
    room = target.device.removeprefix("espresense/")
    return Order(messages=(Outbound(topic=f"espresense/rooms/{room}/{setting}/set", payload=value.encode()),))


# --- parameters ---


def _text(command: Command, name: str) -> str:
    value = command.parameters.get(name)
    if not isinstance(value, str) or not value or not value.isprintable():
        raise Rejected(f"{command.command} needs {name} as text", f"parameters.{name}")
    return value


def _number(command: Command, name: str, low: float, high: float) -> float:
    value = command.parameters.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise Rejected(f"{command.command} needs {name} between {low:g} and {high:g}", f"parameters.{name}")
    return value


def _some(command: Command, what: str) -> Mapping[str, Any]:
    if not command.parameters:
        raise Rejected(f"{command.command} needs {what}", "parameters")
    return command.parameters


FAMILIES: Mapping[str, Mapping[str, Writer]] = {
    "native": dict.fromkeys(("interval", "config", "reboot", "firmware_update", "*"), _native),
    "tasmota": {
        "interval": _tasmota_interval,
        "config": _tasmota_config,
        "reboot": _tasmota_reboot,
        "firmware_update": _tasmota_update,
    },
    "shelly_gen2": {"config": _shelly_config, "reboot": _shelly_reboot, "firmware_update": _shelly_update},
    "zigbee2mqtt": {"interval": _zigbee_interval, "config": _zigbee_config, "firmware_update": _zigbee_update},
    "homeassistant": dict.fromkeys(("reboot", "firmware_update", "identify"), _announced),
    "espresense": {"reboot": _espresense_reboot, "firmware_update": _espresense_update},
}
"""What each family takes; `*` is any other command."""
