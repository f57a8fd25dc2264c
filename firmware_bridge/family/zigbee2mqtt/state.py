"""What a Zigbee device says through Zigbee2MQTT: one object that repeats all that is known of it.

Names and units are in `values`; a device's own units and further measured values are remembered
from `bridge/devices`. A device on battery speaks when it has something to say, so none has a rhythm. Called by
`family`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from appliance.model.observation import (
    Alarm,
    CommandOutcome,
    DeviceHealth,
    EnvironmentReading,
    Motion,
    Observation,
    PeopleCount,
)
from firmware_bridge.family.zigbee2mqtt.values import (
    ALARMS,
    METRICS,
    MOTION,
    MOTION_WORDS,
    QUIET,
    REPEATS,
    VOLTS,
    WORDED,
    alarm_of_action,
    flag_of_words,
    metric_of_endpoint,
    state_of_flag,
)
from firmware_bridge.inbound import Context
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import number_of, text_of, whole_of

BRIDGE = "zigbee2mqtt/bridge"
MAX_OBSERVATIONS = 200  # of one message
MAX_STATES = 20  # switches of one device in its attributes

_IN_HEALTH = frozenset("battery linkquality voltage last_seen update device".split())
_TOLD = frozenset(
    "lock_state air_quality battery_low battery_state system_mode running_state power_outage_count handle_position "
    "charging is_charging ac_connected mains_power_connected ac_status battery_level "
    "energy_flow energy_flow_a energy_flow_b energy_flow_c".split()
)


def read_state(document: Mapping[str, Any], name: str, context: Context) -> list[Observation]:
    """A device's health first, then what it measured, felt and was told."""
    device, told = "zigbee2mqtt/" + name, dict[str, Any]()
    seen = document.get("last_seen")
    at = read_instant(seen, context.zone) if seen is not None else None
    known = context.memory.get("zigbee2mqtt", "device/" + name)
    own: Mapping[str, Any] | None = known.get("values") if known else None
    health = _health(document, device, at, known, told)
    found: list[Observation] = [health]
    repeats = "illuminance_lux" in document or "consumption" in document
    for member, value in document.items():
        if member in _IN_HEALTH:
            continue
        kind = type(value)
        if kind is float or kind is int:
            metric: Sequence[Any] | None = (
                (own and own.get(member)) or METRICS.get(member) or metric_of_endpoint(member)
            )
            if metric is None:
                if member in _TOLD:
                    told[member] = number_of(value)
            elif repeats and REPEATS.get(member) in document:
                continue
            elif (number := number_of(value)) is not None:
                found.append(_reading(device, at, metric, number))
        elif kind is bool:
            said = _flag(device, at, member, value, document)
            if said is not None:
                found.append(said)
            elif member in _TOLD:
                told[member] = value
        elif kind is str:
            _read_text(found, told, device, at, member, value, document)
    if "voltage" in document and health.voltage_v is None and (volts := number_of(document["voltage"])) is not None:
        found.append(_reading(device, at, VOLTS, volts))
    _add_rare(found, document, device, at)
    return _united(found)[:MAX_OBSERVATIONS]


def _add_rare(found: list[Observation], document: Mapping[str, Any], device: str, at: datetime | None) -> None:
    """What few devices tell: how many people they see, and how far an update is."""
    if "people" in document and (present := whole_of(document["people"])) is not None and present >= 0:
        found.append(PeopleCount(device=device, observed_at=at, present=present))
    if "update" in document:
        _add_progress(found, document["update"], device, at)


def _health(
    document: Mapping[str, Any], device: str, at: datetime | None, known: Mapping[str, Any] | None, told: dict[str, Any]
) -> DeviceHealth:
    battery, link, volts = document.get("battery"), document.get("linkquality"), document.get("voltage")
    percent = number_of(battery) if battery is not None else None
    update, facts = document.get("update"), document.get("device")
    firmware = _update(update, known, told) if type(update) is dict else ""
    health = DeviceHealth(
        device=device,
        observed_at=at,
        firmware=firmware,
        via=BRIDGE,
        battery_percent=percent if percent is not None and 0 <= percent <= 100 else None,
        link_quality=number_of(link) if link is not None else None,
        voltage_v=_battery_volts(document, volts) if volts is not None else None,
        attributes=told,
    )
    return _with_facts(health, facts) if type(facts) is dict else health


def _update(update: Mapping[str, Any], known: Mapping[str, Any] | None, told: dict[str, Any]) -> str:
    """The installed file version, where the device's own name for its firmware is not known."""
    for key in ("state", "installed_version", "latest_version"):
        if text := text_of(update.get(key)):
            told["update_" + key] = text
    installed = whole_of(update.get("installed_version"))
    return str(installed) if installed is not None and installed >= 0 and not (known and known.get("firmware")) else ""


def _with_facts(health: DeviceHealth, facts: Mapping[str, Any]) -> DeviceHealth:
    """With what `include_device_information` adds to each message."""
    return msgspec.structs.replace(
        health,
        name=text_of(facts.get("friendlyName")),
        manufacturer=text_of(facts.get("manufacturerName")) or text_of(facts.get("manufName")),
        model=text_of(facts.get("model")) or text_of(facts.get("modelId")),
        firmware=text_of(facts.get("softwareBuildID")) or health.firmware,
        serial=text_of(facts.get("ieeeAddr")),
    )


def _reading(device: str, at: datetime | None, metric: Sequence[Any], value: float) -> EnvironmentReading:
    """`metric` is (metric, unit, channel), with (factor, offset) where the device measures in another unit."""
    if len(metric) > 3:  # told of the device itself
        value = float(f"{value * metric[3] + metric[4]:.9g}")
    elif metric[0] == "power_factor" and not -1 <= value <= 1:
        value = float(f"{value / 100:.9g}")  # some meters tell it in percent
    return EnvironmentReading(
        device=device, observed_at=at, metric=metric[0], value=value, unit=metric[1], channel=metric[2]
    )


def _flag(
    device: str, at: datetime | None, member: str, value: bool, document: Mapping[str, Any]
) -> Motion | Alarm | None:
    state = state_of_flag(member)
    if state is None:
        return None
    name, active, area = state
    if not name:
        return Motion(device=device, observed_at=at, active=value, area=area)
    test = {"test": True} if document.get("test") is True else {}
    return Alarm(device=device, observed_at=at, name=name, active=value is active, area=area, attributes=test)


def _read_text(
    found: list[Observation],
    told: dict[str, Any],
    device: str,
    at: datetime | None,
    member: str,
    value: str,
    document: Mapping[str, Any],
) -> None:
    if member == "state":  # most are
        told[member] = text_of(value)
    elif member == "action" or (member == "click" and "action" not in document):  # as it was called before
        _read_action(found, told, device, at, text_of(value), document)
    elif member in MOTION_WORDS:
        told[member] = text_of(value)
        flag = None if type(document.get("presence")) is bool else flag_of_words(value)
        if flag is not None:
            found.append(Motion(device=device, observed_at=at, active=flag))
    elif member.startswith("state") or member in _TOLD:
        if len(told) < MAX_STATES:
            told[member] = text_of(value)
    elif member in METRICS:
        number = number_of(value)
        if number is not None:
            found.append(_reading(device, at, METRICS[member], number))
    elif member in WORDED:
        _read_worded(found, device, at, WORDED[member], text_of(value))
    elif member in ALARMS or (member in MOTION and member != "moving"):  # a cover is `moving` UP, DOWN or STOP
        flag = flag_of_words(value)
        said = None if flag is None else _flag(device, at, member, flag, document)
        if said is not None:
            found.append(said)


def _read_worded(found: list[Observation], device: str, at: datetime | None, name: str, word: str) -> None:
    if word and word.lower() != "unknown":
        active = word.lower() not in QUIET
        more = {"state": word} if active else {}
        found.append(Alarm(device=device, observed_at=at, name=name, active=active, attributes=more))


def _united(found: list[Observation]) -> list[Observation]:
    """An alarm that several members tell, as `smoke` and `smoke_state` do, is on while any of them says so."""
    if len(found) < 3 or [type(seen) for seen in found].count(Alarm) < 2:
        return found
    once: dict[object, Observation] = {}
    for seen in found:
        lasting = isinstance(seen, Alarm) and not seen.momentary
        key = (seen.name, seen.area) if lasting else id(seen)  # type: ignore[attr-defined]
        if key not in once or (lasting and seen.active):  # type: ignore[attr-defined]
            once[key] = seen
    return list(once.values())


def _read_action(
    found: list[Observation],
    told: dict[str, Any],
    device: str,
    at: datetime | None,
    action: str,
    document: Mapping[str, Any],
) -> None:
    """What happens in a moment; '' takes it back. What is told as a state too happens once, and there."""
    if not action:
        return
    name, more = alarm_of_action(action), {"action": action}
    if document.get(name) is True:
        told["action"] = action
        return
    if name == "lock":
        more |= {
            short: text
            for member, short in (("action_source_name", "source"), ("action_user", "user"))
            if (text := text_of(document.get(member))) not in ("", "65535")  # nobody's number
        }
    found.append(Alarm(device=device, observed_at=at, name=name, active=True, momentary=True, attributes=more))


def _add_progress(found: list[Observation], update: object, device: str, at: datetime | None) -> None:
    if type(update) is dict and update.get("state") == "updating":
        found.append(
            CommandOutcome(
                device=device,
                observed_at=at,
                outcome="running",
                method="device/ota_update/update",
                progress_percent=number_of(update.get("progress")),
            )
        )


def _battery_volts(document: Mapping[str, Any], value: object) -> float | None:
    """The battery's voltage; None where it is that of the mains. A battery's is told in millivolts."""
    volts = number_of(value)
    if volts is None or volts < 0:
        return None
    if volts > 1000:
        return volts / 1000
    return volts if "battery" in document and volts < 60 else None
