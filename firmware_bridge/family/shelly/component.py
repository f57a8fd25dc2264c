"""The components of a Shelly of the second and later generations: what each says of itself, by its type.

`NotifyStatus` tells those that changed, `NotifyFullStatus` and `Shelly.GetStatus` all, `status/<component>` one. A
component is `<type>:<number>`; the number is the channel of its readings. Called by `family`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Motion, Observation
from firmware_bridge.notation.instant import from_unix
from firmware_bridge.notation.members import flag_of, number_of, text_of

MAX_COMPONENTS = 200  # of one message
MAX_TOLD = 20


class Said(msgspec.Struct, gc=False):
    """What a message tells, while it is gone through: observations, and facts for the one health they come with."""

    device: str
    at: datetime | None
    found: list[Observation]
    facts: dict[str, Any]
    told: dict[str, Any]

    def reading(self, metric: str, value: object, unit: str, channel: str) -> None:
        """A reading, unless the value is none."""
        number = value if type(value) is float else number_of(value)
        if number is not None:
            self.found.append(
                EnvironmentReading(
                    device=self.device, observed_at=self.at, metric=metric, value=number, unit=unit, channel=channel
                )
            )

    def health(self) -> DeviceHealth:
        """What is told of the device itself."""
        return DeviceHealth(device=self.device, observed_at=self.at, attributes=self.told, **self.facts)


Reader = Callable[[Said, str, Mapping[str, Any]], None]

_METERED = {
    "apower": ("power", "W"),
    "act_power": ("power", "W"),
    "aprtpower": ("apparent_power", "VA"),
    "aprt_power": ("apparent_power", "VA"),
    "voltage": ("voltage", "V"),
    "current": ("current", "A"),
    "pf": ("power_factor", "1"),
    "freq": ("frequency", "Hz"),
}
_PHASES = {
    f"{phase}_{member}": (metric, unit, phase)
    for phase in ("a", "b", "c", "n", "total")
    for member, (metric, unit) in _METERED.items()
}
_PHASE_ERRORS = tuple((f"{phase}_errors", phase) for phase in "abcn")
_ENERGY = {"total_act_energy": "", "total_act_ret_energy": "returned", "total_act": "", "total_act_ret": "returned"}
_PHASE_ENERGY = {
    **{f"{phase}_{member}": (phase, kind) for phase in "abc" for member, kind in _ENERGY.items()},
    "total_act": ("total", ""),
    "total_act_ret": ("total", "returned"),
}


def read_components(said: Said, components: Mapping[str, Any]) -> None:
    """All components of an object; what is no component, or not told, is passed over."""
    for name, value in components.items():
        if type(value) is dict:
            read_component(said, name, value)


def read_component(said: Said, name: str, value: Mapping[str, Any]) -> None:
    """One component, as `switch:0`."""
    kind, _, channel = name.partition(":")
    read = _READERS.get(kind)
    if read is not None:
        read(said, channel, value)
        errors = value.get("errors")
        if type(errors) is list and kind not in ("bthome", "script"):
            _read_errors(said, name, errors)


def _metered(said: Said, channel: str, value: Mapping[str, Any]) -> None:
    """Power, its meter and the temperature of whatever switches or measures it."""
    for member, (metric, unit) in _METERED.items():
        if (number := value.get(member)) is not None:
            said.reading(metric, number, unit, channel)
    for member, kind in (("aenergy", ""), ("ret_aenergy", "returned")):
        meter = value.get(member)
        if type(meter) is dict:
            _watt_hours(said, meter.get("total"), _joined(channel, kind))
    temperature = value.get("temperature")
    if type(temperature) is dict:
        said.reading("device_temperature", temperature.get("tC"), "Cel", channel)


def _switch(said: Said, channel: str, value: Mapping[str, Any]) -> None:
    output = value.get("output")
    if output is not None and (state := flag_of(output)) is not None:
        said.reading("switch", float(state), "1", channel)
    if len(value) > 3 or output is None or "source" not in value:  # more than id, output and source
        _metered(said, channel, value)


def _breaker(said: Said, channel: str, value: Mapping[str, Any]) -> None:
    """`cb`, a circuit breaker, and how often it has switched."""
    _switch(said, channel, value)
    said.reading("switch_cycles", value.get("total_cycles"), "1", channel)


def _light(said: Said, channel: str, value: Mapping[str, Any]) -> None:
    state = flag_of(value.get("output"))
    if state is not None:
        said.reading("light", float(state), "1", channel)
    said.reading("brightness", value.get("brightness"), "%", channel)
    said.reading("color_temperature", value.get("ct"), "K", channel)
    _metered(said, channel, value)


def _input(said: Said, channel: str, value: Mapping[str, Any]) -> None:
    """A contact, an analogue value in percent, or a counter of pulses; `x…` is that after the owner's own formula."""
    state = flag_of(value.get("state"))
    if state is not None:
        said.reading("input", float(state), "1", channel)
    if len(value) < 3 and state is not None:  # nearly all have an id and a state
        return
    said.reading("analog", value.get("percent"), "%", channel)
    said.reading("analog_scaled", value.get("xpercent"), "", channel)
    counts = value.get("counts")
    if type(counts) is dict:
        said.reading("counter", counts.get("total"), "1", channel)
        said.reading("counter_scaled", counts.get("xtotal"), "", channel)
    said.reading("frequency", value.get("freq"), "Hz", channel)
    said.reading("frequency_scaled", value.get("xfreq"), "", channel)


def _cover(said: Said, channel: str, value: Mapping[str, Any]) -> None:
    said.reading("position", value.get("current_pos"), "%", channel)
    said.reading("slat_position", value.get("slat_pos"), "%", channel)
    if state := text_of(value.get("state")):
        said.told[f"cover.{channel}"] = state
    _metered(said, channel, value)


def _temperature(said: Said, channel: str, value: Mapping[str, Any]) -> None:
    said.reading("temperature", value.get("tC"), "Cel", channel)


def _humidity(said: Said, channel: str, value: Mapping[str, Any]) -> None:
    said.reading("humidity", value.get("rh"), "%", channel)


def _voltmeter(said: Said, channel: str, value: Mapping[str, Any]) -> None:
    said.reading("voltage", value.get("voltage"), "V", channel)
    said.reading("voltage_scaled", value.get("xvoltage"), "", channel)


def _illuminance(said: Said, channel: str, value: Mapping[str, Any]) -> None:
    said.reading("illuminance", value.get("lux"), "lx", channel)


def _phases(said: Said, channel: str, value: Mapping[str, Any]) -> None:
    """`em`, a meter of three phases: channel `0.a`."""
    for member, number in value.items():
        metric = _PHASES.get(member)
        if metric is not None:
            said.reading(metric[0], number, metric[1], _joined(channel, metric[2]))
    for member, phase in _PHASE_ERRORS:
        if type(errors := value.get(member)) is list:
            _read_errors(said, f"em:{_joined(channel, phase)}", errors)


def _phase_energy(said: Said, channel: str, value: Mapping[str, Any]) -> None:
    for member, number in value.items():
        kept = _PHASE_ENERGY.get(member)
        if kept is not None:
            _watt_hours(said, number, _joined(_joined(channel, kept[0]), kept[1]))


def _energy(said: Said, channel: str, value: Mapping[str, Any]) -> None:
    for member, kind in _ENERGY.items():
        _watt_hours(said, value.get(member), _joined(channel, kind))


def _alarm(name: str) -> Reader:
    def read(said: Said, channel: str, value: Mapping[str, Any]) -> None:
        state = flag_of(value.get("alarm"))
        if state is not None:
            said.found.append(
                Alarm(device=said.device, observed_at=said.at, name=name, active=state, area=channel[:40])
            )

    return read


def _motion(said: Said, channel: str, value: Mapping[str, Any]) -> None:
    """`motion`, `occupancy`, and the zones of a presence sensor, which count."""
    told = next((value[member] for member in ("motion", "occupancy", "presence", "value") if member in value), None)
    state = flag_of(told)
    if state is not None:
        said.found.append(Motion(device=said.device, observed_at=said.at, active=state, area=channel[:40]))
    said.reading("occupancy", value.get("num_objects"), "1", channel)


def _power(said: Said, _channel: str, value: Mapping[str, Any]) -> None:
    """`devicepower`: the battery, or whether it is powered from outside."""
    battery, external = value.get("battery"), value.get("external")
    if type(battery) is dict:
        percent = number_of(battery.get("percent"))
        if percent is not None and 0 <= percent <= 100:
            said.facts["battery_percent"] = percent
        if (volts := number_of(battery.get("V"))) is not None and volts >= 0:  # -1: it has none
            said.facts["voltage_v"] = volts
    if type(external) is dict and type(external.get("present")) is bool:
        said.told["external_power"] = external["present"]


def _system(said: Said, _channel: str, value: Mapping[str, Any]) -> None:
    if (uptime := number_of(value.get("uptime"))) is not None:
        said.facts["uptime_s"] = uptime
    if mac := text_of(value.get("mac")):
        said.facts["serial"] = mac
    period = number_of(value.get("wakeup_period"))
    if period is not None and period > 0:
        said.facts["interval_s"] = period
    for member in ("ram_free", "reset_reason", "restart_required"):
        told = value.get(member)
        if type(told) is bool or (type(told) is int and abs(told) < 2**53):
            said.told[member] = told
    updates = value.get("available_updates")
    stable = updates.get("stable") if type(updates) is dict else None
    if type(stable) is dict and (version := text_of(stable.get("version"))):
        said.told["available_firmware"] = version


def _wifi(said: Said, _channel: str, value: Mapping[str, Any]) -> None:
    if (signal := number_of(value.get("rssi"))) is not None and signal < 0:  # 0: not connected
        said.facts["signal_dbm"] = signal
    if address := text_of(value.get("sta_ip")):
        said.facts["address"] = address


def _ethernet(said: Said, _channel: str, value: Mapping[str, Any]) -> None:
    if address := text_of(value.get("ip")):
        said.facts["address"] = address


def _connected(name: str) -> Reader:
    def read(said: Said, _channel: str, value: Mapping[str, Any]) -> None:
        connected = value.get("connected")
        if type(connected) is bool:
            said.told[name] = connected

    return read


def _script(said: Said, channel: str, value: Mapping[str, Any]) -> None:
    running, errors = value.get("running"), value.get("errors")
    if len(said.told) >= MAX_TOLD:
        return
    if type(running) is bool:
        said.told[f"script.{channel[:4]}"] = running
    if type(errors) is list and errors:
        said.told[f"script.{channel[:4]}.error"] = text_of(errors[0])


def _value(metric: str) -> Reader:
    """Virtual components and sensors heard by Bluetooth: one value; what it is, only the configuration knows."""

    def read(said: Said, channel: str, value: Mapping[str, Any]) -> None:
        told = value.get("value")
        said.reading(metric, float(told) if type(told) is bool else told, "", channel)

    return _at_its_time(read)


def _at_its_time(read: Reader) -> Reader:
    """What was last heard of it may be older than the message: `last_updated_ts`, of virtual ones `last_update_ts`."""

    def read_then(said: Said, channel: str, value: Mapping[str, Any]) -> None:
        stamp = number_of(value.get("last_updated_ts", value.get("last_update_ts")))
        now, said.at = said.at, (from_unix(stamp) if stamp is not None else None) or said.at
        read(said, channel, value)
        said.at = now

    return read_then


def _word(name: str) -> Reader:
    """`enum` and `text`, virtual components whose value is a word."""

    def read(said: Said, channel: str, value: Mapping[str, Any]) -> None:
        word = text_of(value.get("value"))
        if word and len(said.told) < MAX_TOLD:
            said.told[f"{name}.{channel[:4]}"] = word

    return read


def _bluetooth(said: Said, channel: str, value: Mapping[str, Any]) -> None:
    """`bthomedevice`, `blutrv`: a device heard by Bluetooth, of which only its number here is told."""
    said.reading("battery", value.get("battery"), "%", channel)
    said.reading("signal", value.get("rssi"), "dBm", channel)
    said.reading("position", value.get("pos"), "%", channel)
    said.reading("temperature", value.get("current_C"), "Cel", channel)
    said.reading("target_temperature", value.get("target_C"), "Cel", channel)


def _thermostat(said: Said, channel: str, value: Mapping[str, Any]) -> None:
    _bluetooth(said, channel, value)
    heating = flag_of(value.get("output"))
    if heating is not None:
        said.reading("heating", float(heating), "1", channel)


def _read_errors(said: Said, name: str, errors: list[Any]) -> None:
    """`overtemp`, `overpower`, `read`: there are some, or the list is empty again."""
    told = [text for error in errors[:5] if (text := text_of(error))]
    said.found.append(
        Alarm(
            device=said.device,
            observed_at=said.at,
            name="problem",
            active=bool(told),
            area=name[:40],
            attributes={"errors": told} if told else {},
        )
    )


def _watt_hours(said: Said, value: object, channel: str) -> None:
    number = number_of(value)
    if number is not None:
        said.reading("energy", round(number / 1000, 6), "kWh", channel)


def _joined(channel: str, kind: str) -> str:
    return f"{channel}.{kind}" if channel and kind else channel or kind


_READERS: dict[str, Reader] = {
    "switch": _switch,
    "cb": _breaker,
    "light": _light,
    "rgb": _light,
    "rgbw": _light,
    "rgbcct": _light,
    "cct": _light,
    "input": _input,
    "cover": _cover,
    "temperature": _temperature,
    "humidity": _humidity,
    "voltmeter": _voltmeter,
    "illuminance": _illuminance,
    "em": _phases,
    "emdata": _phase_energy,
    "em1": _metered,
    "em1data": _energy,
    "pm1": _metered,
    "smoke": _alarm("smoke"),
    "flood": _alarm("water_leak"),
    "motion": _motion,
    "occupancy": _motion,
    "presence": _motion,
    "presencezone": _motion,
    "devicepower": _power,
    "sys": _system,
    "wifi": _wifi,
    "eth": _ethernet,
    "cloud": _connected("cloud"),
    "mqtt": _connected("mqtt"),
    "ws": _connected("ws"),
    "script": _script,
    "thermostat": _thermostat,
    "blutrv": _at_its_time(_bluetooth),
    "bthomedevice": _at_its_time(_bluetooth),
    "bthomesensor": _value("bthome"),
    "number": _value("number"),
    "boolean": _value("boolean"),
    "enum": _word("enum"),
    "text": _word("text"),
}
"""Component type -> reader. Source: Shelly Gen2+ API, Components and Services."""

COMPONENTS = frozenset(_READERS) | frozenset(
    "ble bthome knx matter modbus ui plugs_ui ht_ui group object button service schedule webhook kvs "
    "zigbee dali media cury lora blugw plusrgbwpm".split()
)
"""All component types, those that tell nothing worth keeping included."""
