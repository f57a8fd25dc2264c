"""Shelly of the second and later generations: notifications, statuses, birth and will, answers to commands.

A device is `shelly_gen2/<topic prefix>`; the prefix is its id unless a technician changed it, and may hold slashes.
Answers come on the asker's topic and name the device by its id, so the prefix of an id that has another is remembered.
Channels are component numbers: `switch.0` is 1 or 0, `power.0` watts, `energy.0` kWh.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from appliance.errors import Rejected
from appliance.model.observation import (
    Alarm,
    CommandOutcome,
    DeviceHealth,
    EnvironmentReading,
    Motion,
    Observation,
)
from firmware_bridge.family.shelly.component import COMPONENTS, Said, read_component, read_components
from firmware_bridge.family.shelly.unnamed import component_of, holds_components
from firmware_bridge.inbound import Context, Family, Handler, Inbound, Memory, Route
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, list_of, number_of, text_of
from firmware_bridge.notation.metrics import read_metric

NAME = "shelly_gen2"
MAX_EVENTS = 100  # of one message
_NEVER_SET = 1970  # where seconds since a start lie; the stamps of a clock set wrong tell messages apart

Outcome = Literal["accepted", "running", "done", "failed"]

_NOTIFICATIONS = frozenset(("NotifyStatus", "NotifyFullStatus", "NotifyEvent"))
_PUSHES = frozenset("single_push double_push triple_push long_push hold_press triple_press".split())
_OTA: dict[str, Outcome] = {
    "ota_begin": "running",
    "ota_progress": "running",
    "ota_success": "done",
    "ota_error": "failed",
}
_ALARMS = {
    ("smoke", "alarm"): ("smoke", True, False),
    ("smoke", "alarm_off"): ("smoke", False, False),
    ("flood", "alarm"): ("water_leak", True, False),
    ("flood", "flood"): ("water_leak", True, False),
    ("flood", "alarm_off"): ("water_leak", False, False),
    ("flood", "cable_unplugged"): ("tamper", True, True),
    ("motion", "tamper"): ("tamper", True, True),
    ("motion", "vibration"): ("vibration", True, True),
}
"""(component type, event) -> (alarm, whether it begins, whether nothing tells its end)."""

_FLAGS = {"window": "contact", "vibration": "vibration", "flood": "water_leak", "smoke": "smoke", "tamper": "tamper"}
_NO_READING = frozenset(("encryption", "BTHome_version", "pid", "address", "button", "motion", "rssi", "battery"))


def _on_notification(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """`{prefix}/events/rpc`."""
    prefix, document = inbound.parts["prefix"], inbound.document
    if type(document) is not dict or "method" not in document:
        raise Rejected("expected an object with method and params", "$.method")
    source = document.get("src")
    if source != prefix and type(source) is str and source:
        context.memory.put(NAME, "src/" + source[:200], prefix)
    return _read(document, prefix, context)


def _read(document: Mapping[str, Any], prefix: str, context: Context) -> Sequence[Observation]:
    params, source = document.get("params"), document.get("src")
    if type(params) is not dict:
        raise Rejected("expected an object", "$.params")
    at = _time_of(params.get("ts"), context)
    model = source.partition("-")[0][:60] if type(source) is str and "-" in source else ""
    said = Said("shelly_gen2/" + prefix, at, [], {"model": model} if model else {}, {})
    if document["method"] == "NotifyEvent":
        for event in list_of(params.get("events"))[:MAX_EVENTS]:
            if type(event) is dict:
                _read_event(said, event, context)
    else:
        read_components(said, params)
    said.found.insert(0, said.health())
    return said.found[:1_000]


def _read_event(said: Said, event: Mapping[str, Any], context: Context) -> None:
    name, component = text_of(event.get("event")), text_of(event.get("component"))
    kind, _, channel = component.partition(":")
    at = _time_of(event.get("ts"), context) or said.at
    if name in _PUSHES:
        area, action = channel if kind == "input" else component, {"action": name.removesuffix("_push")}
        if (button := number_of(event.get("idx"))) is not None:  # which one of a Bluetooth remote control
            action["button"] = f"{button:.0f}"[:4]
        said.found.append(
            Alarm(
                device=said.device,
                observed_at=at,
                name="button",
                active=True,
                area=area,
                attributes=action,
                momentary=True,
            )
        )
    elif name in ("btn_down", "btn_up"):
        said.found.append(
            EnvironmentReading(
                device=said.device,
                observed_at=at,
                metric="input",
                value=float(name == "btn_down"),
                unit="1",
                channel=channel,
            )
        )
    elif name in _OTA:
        said.found.append(
            CommandOutcome(
                device=said.device,
                observed_at=at,
                outcome=_OTA[name],
                method=name,
                message=text_of(event.get("msg")),
                progress_percent=number_of(event.get("progress_percent")),
            )
        )
    else:
        _read_other(said, event, kind, name, channel, at)


def _read_other(said: Said, event: Mapping[str, Any], kind: str, name: str, channel: str, at: datetime | None) -> None:
    alarm, data = _ALARMS.get((kind, name)), event.get("data")
    if alarm is not None:
        said.found.append(
            Alarm(
                device=said.device,
                observed_at=at,
                name=alarm[0],
                active=alarm[1],
                area=channel,
                momentary=alarm[2],
            )
        )
    elif name in ("motion", "no_motion"):
        said.found.append(Motion(device=said.device, observed_at=at, active=name == "motion", area=channel))
    elif type(data) is dict and type(data.get("address")) is str and data["address"]:
        _read_bluetooth(said, data, at)
    elif kind == "input" and (percent := number_of(event.get("percent"))) is not None:
        said.found.append(
            EnvironmentReading(
                device=said.device, observed_at=at, metric="analog", value=percent, unit="%", channel=channel
            )
        )
    elif name:
        said.told["event"] = name
        if target := text_of(event.get("target")):
            said.told["target"] = target


def _read_bluetooth(said: Said, data: Mapping[str, Any], at: datetime | None) -> None:
    """What Shelly's own script tells of a BLU sensor: a device of its own, heard through this one."""
    device, percent = f"shelly_gen2/{data['address'][:40].lower()}", number_of(data.get("battery"))
    said.found.append(
        DeviceHealth(
            device=device,
            observed_at=at,
            via=said.device,
            battery_percent=percent if percent is not None and 0 <= percent <= 100 else None,
            signal_dbm=number_of(data.get("rssi")),
        )
    )
    moved, buttons = flag_of(data.get("motion")), data.get("button")
    if moved is not None:
        said.found.append(Motion(device=device, observed_at=at, active=moved))
    several = type(buttons) is list
    for place, button in enumerate(buttons[:16] if type(buttons) is list else [buttons], start=1):
        pressed = number_of(button)
        if pressed:
            said.found.append(
                Alarm(
                    device=device,
                    observed_at=at,
                    name="button",
                    active=True,
                    area=str(place) if several else "",
                    attributes={"presses": pressed},
                    momentary=True,
                )
            )
    for member, value in list(data.items())[:40]:
        number, state = number_of(value), flag_of(value)
        if member in _FLAGS and state is not None:
            said.found.append(Alarm(device=device, observed_at=at, name=_FLAGS[member], active=state))
        elif number is not None and member not in _NO_READING:
            metric, unit = read_metric(member)
            said.found.append(EnvironmentReading(device=device, observed_at=at, metric=metric, value=number, unit=unit))


def _on_heard(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """What Shelly's script for any BLU device publishes on the device's own address: `addr`, `rssi`, `service_data`."""
    document = inbound.document
    gateway = text_of(document.get("src"))  # only where the script is told to name it
    said = Said("shelly_gen2/" + gateway if gateway else "", None, [], {}, {})
    heard = document["service_data"]
    _read_bluetooth(said, {**heard, "address": document["addr"], "rssi": document.get("rssi")}, None)
    return said.found[:100]


def _on_status(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """`{prefix}/status/{component}`."""
    name, value = inbound.parts["component"], inbound.document
    kind = name.partition(":")[0]
    if kind not in COMPONENTS and not kind.endswith("_ui") and inbound.parts["prefix"][:6].lower() != "shelly":
        raise Rejected(f"{name[:40]!r} is no component of a Shelly, and no other family knows this topic")
    said = Said("shelly_gen2/" + inbound.parts["prefix"], None, [], {}, {})
    if type(value) is dict:
        read_component(said, name, value)
    elif value is not None:
        raise Rejected("expected an object with the component's status")
    if said.facts or said.told or not said.found:
        said.found.insert(0, said.health())
    return said.found


def _on_online(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """`{prefix}/online`: birth and last will."""
    if not inbound.document:
        return []  # cleared
    online = flag_of(inbound.document)
    if online is None:
        raise Rejected("expected true or false")
    return [DeviceHealth(device="shelly_gen2/" + inbound.parts["prefix"], state="online" if online else "offline")]


def _on_rpc(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """`{asker}/rpc`: an answer. On `{prefix}/rpc` it is a question, which says nothing of the device."""
    document = inbound.document
    if type(document) is not dict:
        raise Rejected("expected an object: an answer with result or error, or a request with method")
    source = text_of(document.get("src"))
    if text_of(document.get("method")) in _NOTIFICATIONS and source:
        return _read(document, _prefix_of(source, context.memory), context)
    if "result" not in document and "error" not in document:
        return []
    if not source:
        raise Rejected("an answer names the device that gives it", "$.src")
    return _read_answer(document, _prefix_of(source, context.memory))


def _read_answer(document: Mapping[str, Any], prefix: str) -> Sequence[Observation]:
    error, result = document.get("error"), document.get("result")
    failed = type(error) is dict
    said = Said("shelly_gen2/" + prefix, None, [], {}, {})
    if type(result) is dict:
        for member, fact in (("ver", "firmware"), ("mac", "serial"), ("model", "model"), ("name", "name")):
            if "fw_id" in result and (text := text_of(result.get(member))):
                said.facts[fact] = text
        if "sys" in result:
            read_components(said, result)
        if result.get("restart_required") is True:
            said.told["restart_required"] = True
    outcome = CommandOutcome(
        device=said.device,
        outcome="failed" if failed else "done",
        command_id=text_of(document.get("id")),
        message=text_of(error.get("message")) if type(error) is dict else "",
    )
    return [said.health(), outcome, *said.found]


def read_info(said: Mapping[str, Any], memory: Memory) -> Sequence[Observation]:
    """What a device answers to the command `announce`, on `{prefix}/announce` and on `shellies/announce`."""
    return [
        DeviceHealth(
            device="shelly_gen2/" + _prefix_of(text_of(said.get("id"))[:200], memory),
            name=text_of(said.get("name")),
            model=text_of(said.get("model")) or text_of(said.get("app")),
            firmware=text_of(said.get("ver")),
            serial=text_of(said.get("mac")),
        )
    ]


def _on_info(inbound: Inbound, context: Context) -> Sequence[Observation]:
    return read_info(inbound.document, context.memory)


def _listens(topic: str, _memory: Memory) -> Handler | None:
    """`{prefix}/command` and `{prefix}/command/{component}`, where a Shelly takes orders."""
    return _nothing if topic[:6] == "shelly" and topic.split("/", 2)[1:2] == ["command"] else None


def _time_of(stamp: object, context: Context) -> datetime | None:
    """A device without the time of day counts from its start: that is no time."""
    at = read_instant(stamp, context.zone) if stamp is not None else None
    return at if at is None or at.year > _NEVER_SET else None


def _nothing(_inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """Logs, and commands on their way to devices."""
    return []


def _prefix_of(source: str, memory: Memory) -> str:
    known = memory.get(NAME, "src/" + source)
    return known if type(known) is str else source


def _recognise(document: Any) -> Handler | None:
    if type(document) is dict and type(document.get("service_data")) is dict and text_of(document.get("addr")):
        return _on_heard
    if type(document) is not dict:
        return None
    if "gen" in document and "mac" in document and "ver" in document and text_of(document.get("id")):
        return _on_info
    if type(document.get("src")) is not str:
        return None
    if text_of(document.get("method")) in _NOTIFICATIONS and "params" in document:
        return _on_rpc
    answers = "id" in document and ("result" in document or "error" in document)
    return _on_rpc if answers and "dst" in document else None


def _named(document: Any) -> Handler | None:
    """What a gateway calls ours: components, one of them without its name, an answer without its asker."""
    if type(document) is not dict:
        return None
    if holds_components(document):
        return _on_components
    if text_of(document.get("src")) and ("result" in document or "error" in document):
        return _on_rpc
    return _on_component if component_of(document) else None


def _on_components(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """What `Shelly.GetStatus` answers, or the parameters of a notification."""
    said = Said("shelly_gen2/" + inbound.parts["device"], _time_of(inbound.document.get("ts"), context), [], {}, {})
    read_components(said, inbound.document)
    return [said.health(), *said.found][:1_000]


def _on_component(inbound: Inbound, context: Context) -> Sequence[Observation]:
    inbound.parts = {"prefix": inbound.parts["device"], "component": component_of(inbound.document)}
    return _on_status(inbound, context)


FAMILY = Family(
    name=NAME,
    title="Shelly (Gen2 and later)",
    source="https://shelly-api-docs.shelly.cloud/gen2/",
    routes=(
        Route(template="{prefix...}/events/rpc", handle=_on_notification),
        Route(template="{prefix...}/status/{component}", handle=_on_status),
        Route(template="{prefix...}/online", handle=_on_online, form="text"),
        Route(template="{prefix...}/rpc", handle=_on_rpc),
        Route(template="{prefix...}/debug/log", handle=_nothing, form="bytes"),
    ),
    recognise=_recognise,
    named=_named,
    announced=_listens,
)
