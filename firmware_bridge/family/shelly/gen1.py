"""Shelly of the first generation: `shellies/<device>/…`, a value on each topic, mostly plain text.

A device is `shelly_gen1/<device>`. It speaks no RPC, so it is a family of its own. Names as of Gen2: `switch.0`,
`input.0`, `power.0`; energy comes in watt-minutes from relays and in watt-hours from meters.
"""

from collections.abc import Sequence
from typing import Any

from appliance.errors import Rejected
from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Motion, Observation
from firmware_bridge.family.shelly.family import read_info
from firmware_bridge.family.shelly.gen1_status import WATT_MINUTES, read_status, read_values
from firmware_bridge.inbound import Context, Family, Handler, Inbound, Memory, Route
from firmware_bridge.notation.members import flag_of, number_of, object_of, text_of
from firmware_bridge.notation.units import apply, scale_to

NAME = "shelly_gen1"

_OUTPUTS = frozenset(("relay", "light", "color", "white", "roller"))
_VALUES: dict[str, tuple[str, str, float]] = {
    "power": ("power", "W", 1.0),
    "reactive_power": ("reactive_power", "var", 1.0),
    "voltage": ("voltage", "V", 1.0),
    "current": ("current", "A", 1.0),
    "pf": ("power_factor", "1", 1.0),
    "energy": ("energy", "kWh", WATT_MINUTES),
    "returned_energy": ("returned_energy", "kWh", WATT_MINUTES),
    "total": ("energy_total", "kWh", 0.001),
    "total_returned": ("returned_energy_total", "kWh", 0.001),
    "pos": ("position", "%", 1.0),
    "temperature": ("temperature", "Cel", 1.0),
    "humidity": ("humidity", "%", 1.0),
    "lux": ("illuminance", "lx", 1.0),
    "concentration": ("gas", "[ppm]", 1.0),
    "tilt": ("tilt", "deg", 1.0),
    "ext_temperature": ("temperature", "Cel", 1.0),
    "ext_humidity": ("humidity", "%", 1.0),
    "adc": ("voltage", "V", 1.0),
}
"""Last word of a topic -> (metric, unit, factor). Source: Shelly Gen1 API, MQTT."""

_ALARMS = {
    "flood": "water_leak",
    "smoke": "smoke",
    "vibration": "vibration",
    "tamper": "tamper",
    "state": "contact",
    "gas": "gas",
}
_WORDS = frozenset(("stop_reason", "temperature_status", "illumination", "self_test"))
_RELAY = (("ison", "switch", "1", 1.0),)
_LIGHT = (("ison", "light", "1", 1.0), ("brightness", "brightness", "%", 1.0), ("power", "power", "W", 1.0))
_GAS = {"mild": True, "heavy": True, "test": False, "none": False, "unknown": False}


def _on_value(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """`shellies/{device}/{leaf...}`."""
    device, levels, said = "shelly_gen1/" + inbound.parts["device"], inbound.parts["leaf"].split("/"), inbound.document
    first, last = levels[0], levels[-1]
    if said == "" or last == "command" or first == "command":
        return []
    if type(said) is dict:
        return _read_object(said, device, levels, context)
    if first == "online":
        online = flag_of(said)
        if online is None:
            raise Rejected("expected true or false")
        return [DeviceHealth(device=device, state="online" if online else "offline")]
    if last == "temperature" and first == "sensor" and context.memory.get(NAME, "unit/" + device):
        told = number_of(said)
        said = None if told is None else apply(scale_to("°F", "Cel"), told)
    return [_read_value(device, first, last, levels, said) or DeviceHealth(device=device)]


def _read_value(device: str, first: str, last: str, levels: Sequence[str], said: Any) -> Observation | None:
    """One value: a sensor's, a relay's, or what a relay's meter says."""
    if last in _WORDS or (first == "valve" and last == "state"):
        return _in_words(device, first, last, levels, said)
    if first == "sensor":
        return _read_sensor(device, last, said)
    channel = levels[1] if len(levels) > 1 and levels[1].isdecimal() else "n" if first == "emeter_n" else ""
    if last in ("overtemperature", "overpower", "overload", "loaderror"):
        active = flag_of(said)
        area = last if last in ("overload", "loaderror") else channel
        return None if active is None else Alarm(device=device, name="problem", active=active, area=area)
    value = _VALUES.get(first if last.isdecimal() else last)
    if value is not None:
        return _reading(device, value, said, channel, own=len(levels) == 1)
    if last == channel and (first in _OUTPUTS or first in ("input", "longpush", "ext_switch")):
        return _read_state(device, first, channel, said)
    return None


def _in_words(device: str, first: str, last: str, levels: Sequence[str], said: Any) -> DeviceHealth:
    """A word that is told of the device: `valve.0`, `roller.0.stop_reason`, `temperature_status`."""
    channel = [levels[1][:4]] if len(levels) > 2 else []
    name = ".".join([first, *channel] + ([] if last == "state" else [last])) if channel else last
    return DeviceHealth(device=device, attributes={name: text_of(said)})


def _read_sensor(device: str, last: str, said: Any) -> Observation | None:
    """`sensor/…`: of those on battery."""
    state = _GAS.get(text_of(said)) if last == "gas" else flag_of(said)
    if last == "battery":
        percent = number_of(said)
        return DeviceHealth(
            device=device, battery_percent=percent if percent is not None and 0 <= percent <= 100 else None
        )
    if last in ("ext_power", "charger"):
        return None if state is None else DeviceHealth(device=device, attributes={"external_power": state})
    if last in ("error", "operation"):
        return _working(device, last, said)
    if last == "motion":
        return None if state is None else Motion(device=device, active=state)
    if last in _ALARMS:
        return None if state is None else Alarm(device=device, name=_ALARMS[last], active=state)
    value = _VALUES.get(last)
    return None if value is None else _reading(device, value, said, "", own=False)


def _working(device: str, last: str, said: Any) -> Observation | None:
    """Whether its sensor works: an error's number, 0 for none; of a gas detector a word, as it warms up."""
    word, number = text_of(said), number_of(said)
    if last == "operation" and word not in ("fault", "normal"):
        return DeviceHealth(device=device, attributes={"gas_sensor": word} if word else {})
    if last == "error" and number is None:
        return None
    return Alarm(device=device, name="problem", active=word == "fault" or bool(number), area="sensor")


def _read_state(device: str, first: str, channel: str, said: Any) -> Observation | None:
    """What is on or off; `overpower` is off, and `stop` of a roller shutter is neither."""
    if said == "overpower":
        return Alarm(device=device, name="overpower", active=True, area=channel, momentary=True)
    if first == "roller":
        return DeviceHealth(device=device, attributes={f"roller.{channel[:4]}": text_of(said)})
    state = flag_of(said)
    if state is None:
        return None
    if first == "longpush":
        action = "long" if state else "short"
        return _button(device, channel, action)
    metric = "input" if first in ("input", "ext_switch") else "switch" if first == "relay" else "light"
    return EnvironmentReading(device=device, metric=metric, value=float(state), unit="1", channel=channel)


def _button(device: str, number: str, action: str) -> Alarm:
    return Alarm(device=device, name="button", active=True, area=number, attributes={"action": action}, momentary=True)


def _reading(
    device: str, value: tuple[str, str, float], said: Any, channel: str, *, own: bool
) -> EnvironmentReading | None:
    metric, unit, factor = value
    number = number_of(said)
    if number is None or (number == 999 and metric in ("temperature", "humidity")):  # a probe that is not there
        return None
    if metric == "position" and not 0 <= number <= 100:  # -1: a roller shutter that was never calibrated
        return None
    if metric in ("tilt", "illuminance") and number < 0:  # -1: not known
        return None
    name = "device_temperature" if own and metric == "temperature" else metric
    return EnvironmentReading(
        device=device,
        metric=name,
        value=number if factor == 1.0 else round(number * factor, 9),
        unit=unit,
        channel=channel,
    )


def _read_object(said: dict[str, Any], device: str, levels: Sequence[str], context: Context) -> Sequence[Observation]:
    """Those topics that carry JSON: announcements, `info`, `status`, events of buttons."""
    first = levels[0]
    if first in ("announce", "info", "status"):
        _learn_unit(said, device, context.memory)
        return read_status(said, device, context.zone)
    if first == "input_event":
        action = text_of(said.get("event"))
        if not action:
            return [DeviceHealth(device=device)]
        number = levels[1][:4] if len(levels) > 1 else ""
        return [_button(device, number, action)]
    found: list[Observation] = []
    if first in _OUTPUTS:
        read_values(found, device, said, _RELAY if first == "relay" else _LIGHT, levels[1][:4] if levels[1:] else "")
    elif first in ("ext_temperatures", "ext_humidities"):
        for number, probe in list(said.items())[:8]:
            value = _VALUES["ext_temperature" if first == "ext_temperatures" else "ext_humidity"]
            told = object_of(probe)
            one = _reading(device, value, told.get("tC", told.get("hum")), number[:4], own=False)
            found += [one] if one is not None else []
    return found or [DeviceHealth(device=device)]


def _learn_unit(said: dict[str, Any], device: str, memory: Memory) -> None:
    """Remember of a device that is set to Fahrenheit: its topics give numbers alone."""
    unit = text_of(object_of(said.get("tmp")).get("units"))
    if unit == "F" or (unit and memory.get(NAME, "unit/" + device)):
        memory.put(NAME, "unit/" + device, "F" if unit == "F" else None)


def _on_announce(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """`shellies/announce`: all devices on one topic, each by its id."""
    document = inbound.document
    name = text_of(document.get("id")) if type(document) is dict else ""
    if not name:
        raise Rejected("expected an object with the device's id", "$.id")
    if "gen" in document:  # one of a later generation, which answers there too
        return read_info(document, context.memory)
    return read_status(document, "shelly_gen1/" + name, context.zone)


def _nothing(_inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """`shellies/command`: a question to all."""
    return []


def _recognise(document: Any) -> Handler | None:
    announces = type(document) is dict and "fw_ver" in document and "model" in document and "new_fw" in document
    return _on_announce if announces and "id" in document else None


def _named(document: Any) -> Handler | None:
    return _on_own_status if type(document) is dict and ("wifi_sta" in document or "bat" in document) else None


def _on_own_status(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """What `/status` of its HTTP interface answers."""
    return read_status(inbound.document, "shelly_gen1/" + inbound.parts["device"], context.zone)


FAMILY = Family(
    name=NAME,
    title="Shelly (Gen1)",
    source="https://shelly-api-docs.shelly.cloud/gen1/#mqtt-support",
    routes=(
        Route(template="shellies/announce", handle=_on_announce),
        Route(template="shellies/command", handle=_nothing, form="bytes"),
        Route(template="shellies/{device}/{leaf...}", handle=_on_value, form="any"),
    ),
    recognise=_recognise,
    named=_named,
)
