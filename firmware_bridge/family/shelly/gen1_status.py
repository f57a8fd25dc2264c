"""What a Shelly of the first generation says of itself in one object: its `announce`, `info` and `status`.

`info` is the answer to `/status` of its HTTP interface; `status` is the shorter one of those that sleep. Source: Shelly
Gen1 API, MQTT, and `/status` of each device. Called by `gen1`.
"""

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Motion, Observation
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, list_of, number_of, object_of, text_of
from firmware_bridge.notation.units import apply, scale_to

WATT_MINUTES = 1 / 60_000  # to kWh
MAX_CHANNELS = 8

Value = tuple[str, str, str, float]

_CHANNELS: dict[str, tuple[Value, ...]] = {
    "relays": (("ison", "switch", "1", 1.0),),
    "lights": (("ison", "light", "1", 1.0), ("brightness", "brightness", "%", 1.0)),
    "inputs": (("input", "input", "1", 1.0),),
    "rollers": (("current_pos", "position", "%", 1.0), ("power", "power", "W", 1.0)),
    "meters": (("power", "power", "W", 1.0), ("total", "energy", "kWh", WATT_MINUTES)),
    "emeters": (
        ("power", "power", "W", 1.0),
        ("pf", "power_factor", "1", 1.0),
        ("current", "current", "A", 1.0),
        ("voltage", "voltage", "V", 1.0),
        ("total", "energy_total", "kWh", 0.001),
        ("total_returned", "returned_energy_total", "kWh", 0.001),
    ),
    "thermostats": (("pos", "position", "%", 1.0),),
    "adcs": (("voltage", "voltage", "V", 1.0),),
}
"""Member, an array with an object for each channel -> (member, metric, unit, factor)."""

_METERS = frozenset(("meters", "emeters"))
_OUTPUTS = frozenset(("relays", "lights", "rollers"))
_FAULTS = ("overtemperature", "overpower", "overload", "loaderror", "sensor_error")
_GAS = {"mild": True, "heavy": True, "none": False}
_ALARMS = (("flood", "water_leak"), ("smoke", "smoke"), ("vibration", "vibration"))


def read_status(said: Mapping[str, Any], device: str, zone: tzinfo) -> list[Observation]:
    """Who it is, how it is, and all that it measures and switches."""
    wifi, battery = object_of(said.get("wifi_sta")), said.get("bat")
    charge = number_of(battery.get("value") if type(battery) is dict else battery)
    found: list[Observation] = [
        DeviceHealth(
            device=device,
            observed_at=read_instant(said.get("unixtime") or said.get("timestamp"), zone),
            model=text_of(said.get("model")),
            firmware=text_of(said.get("fw_ver")),
            serial=text_of(said.get("mac")),
            address=text_of(said.get("ip")) or text_of(wifi.get("ip")),
            battery_percent=charge if charge is not None and 0 <= charge <= 100 else None,
            voltage_v=number_of(battery.get("voltage")) if type(battery) is dict else None,
            signal_dbm=number_of(wifi.get("rssi")),
            uptime_s=number_of(said.get("uptime")),
            attributes=_told(said),
        )
    ]
    _read_states(found, device, said)
    _read_faults(found, device, said)
    _read_climate(found, device, said)
    for member, values in _CHANNELS.items():
        for number, one in enumerate(list_of(said.get(member))[:MAX_CHANNELS]):
            if type(one) is dict and not (member in _METERS and _is_invalid(one)):
                read_values(found, device, one, values, str(number))
    read_values(found, device, said, (("voltage", "voltage", "V", 1.0),), "")
    read_values(found, device, _valid(said.get("emeter_n")), (("current", "current", "A", 1.0),), "n")
    return found


def _is_invalid(said: Mapping[str, Any]) -> bool:
    """A sensor's or meter's own word for it that what it tells is nothing; some write it as text."""
    return flag_of(said.get("is_valid")) is False


def _valid(told: object) -> Mapping[str, Any]:
    said = object_of(told)
    return {} if _is_invalid(said) else said


def _told(said: Mapping[str, Any]) -> dict[str, Any]:
    """How shutters and valves stand, how a gas detector feels, and whether a charger is plugged in."""
    told: dict[str, Any] = {}
    for member, name in (("rollers", "roller"), ("valves", "valve")):
        for number, one in enumerate(list_of(said.get(member))[:MAX_CHANNELS]):
            if state := text_of(object_of(one).get("state")):
                told[f"{name}.{number}"] = state
    if state := text_of(object_of(said.get("gas_sensor")).get("sensor_state")):
        told["gas_sensor"] = state
    charger = flag_of(said.get("charger"))
    return told if charger is None else {**told, "external_power": charger}


def _read_faults(found: list[Observation], device: str, said: Mapping[str, Any]) -> None:
    """What is too hot or takes too much: the device, or one of its channels, of which relay and meter both tell."""
    whole: dict[str, list[Mapping[str, Any]]] = {
        "" if name == "overtemperature" else name: [{name: said[name]}] for name in _FAULTS if name in said
    }  # as on topics of their own
    for member in ("relays", "lights", "rollers", "meters"):
        for number, one in enumerate(list_of(said.get(member))[:MAX_CHANNELS]):
            whole.setdefault(str(number), []).append(object_of(one))
    for area, parts in whole.items():
        flags = [(name, flag_of(part[name])) for part in parts for name in _FAULTS if name in part]
        errors = [name for name, state in flags if state]
        if any(state is not None for _, state in flags):
            found.append(
                Alarm(
                    device=device,
                    observed_at=found[0].observed_at,
                    name="problem",
                    active=bool(errors),
                    area=area,
                    attributes={"errors": errors} if errors else {},
                )
            )


def read_values(
    found: list[Observation], device: str, said: Mapping[str, Any], values: Sequence[Value], channel: str
) -> None:
    """The values of one channel; a roller shutter that was never calibrated says -1 or 101."""
    for member, metric, unit, factor in values:
        told = said.get(member)
        number = float(told) if type(told) is bool else number_of(told)
        if number is None or (metric == "position" and not 0 <= number <= 100):
            continue
        _reading(found, device, metric, round(number * factor, 9), unit, channel)


def _read_states(found: list[Observation], device: str, said: Mapping[str, Any]) -> None:
    at, sensor, accelerometer = found[0].observed_at, _valid(said.get("sensor")), object_of(said.get("accel"))
    moved = flag_of(said.get("motion", sensor.get("motion")))
    if moved is not None:
        found.append(Motion(device=device, observed_at=at, active=moved))
    opened = flag_of(sensor.get("state"))
    if opened is not None:
        found.append(Alarm(device=device, observed_at=at, name="contact", active=opened))
    for member, name in _ALARMS:
        active = flag_of(said.get(member, sensor.get(member, accelerometer.get(member))))
        if active is not None:
            found.append(Alarm(device=device, observed_at=at, name=name, active=active))
    valve = next(filter(None, map(object_of, list_of(said.get("thermostats")))), said)
    window = flag_of(valve.get("window_open"))
    if window is not None:
        found.append(Alarm(device=device, observed_at=at, name="window", active=window))
    if valve is said and "target_t" in said:  # a radiator valve's `status`
        read_values(found, device, said, _CHANNELS["thermostats"], "0")
    gas = _GAS.get(text_of(object_of(said.get("gas_sensor")).get("alarm_state")))
    if gas is not None:
        found.append(Alarm(device=device, observed_at=at, name="gas", active=gas))
    tilt = number_of(accelerometer.get("tilt"))
    if tilt is not None and tilt >= 0:  # -1: not known
        _reading(found, device, "tilt", tilt, "deg")


def _read_climate(found: list[Observation], device: str, said: Mapping[str, Any]) -> None:
    """Of the room, but of a device with relays its own temperature, which it tells twice."""
    own = number_of(said.get("temperature"))
    if own is not None:
        _reading(found, device, "device_temperature", own, "Cel")
    else:
        warm = "temperature" if _OUTPUTS.isdisjoint(said) else "device_temperature"  # a dimmer has but this one
        _read_temperature(found, device, warm, said.get("tmp"))
    valve = next(filter(None, map(object_of, list_of(said.get("thermostats")))), said)
    _read_temperature(found, device, "target_temperature", valve.get("target_t"))
    if valve is not said:
        _read_temperature(found, device, "temperature", valve.get("tmp"))
    for member, metric, unit in (("hum", "humidity", "%"), ("lux", "illuminance", "lx")):
        told = said.get(member)
        number = number_of(_valid(told).get("value") if type(told) is dict else told)
        if number is not None and number >= 0:
            _reading(found, device, metric, number, unit)
    gas = number_of(_valid(said.get("concentration")).get("ppm"))
    if gas is not None:
        _reading(found, device, "gas", gas, "[ppm]")
    for channel, probe in list(object_of(said.get("ext_temperature")).items())[:MAX_CHANNELS]:
        _read_temperature(found, device, "temperature", probe, channel[:4])
    for channel, probe in list(object_of(said.get("ext_humidity")).items())[:MAX_CHANNELS]:
        read_values(found, device, object_of(probe), (("hum", "humidity", "%", 1.0),), channel[:4])


def _read_temperature(found: list[Observation], device: str, metric: str, told: object, channel: str = "") -> None:
    """`{value, units}`, or `{tC, tF}`; 999 is a sensor that is not there."""
    said = object_of(told)
    celsius, value = number_of(said.get("tC")), number_of(said.get("value"))
    if celsius is None and value is not None:
        celsius = apply(scale_to(text_of(said.get("units")), "Cel"), value)
    if celsius is not None and celsius != 999 and said.get("is_valid") is not False:
        _reading(found, device, metric, celsius, "Cel", channel)


def _reading(found: list[Observation], device: str, metric: str, value: float, unit: str, channel: str = "") -> None:
    at = found[0].observed_at if found else None
    found.append(
        EnvironmentReading(device=device, observed_at=at, metric=metric, value=value, unit=unit, channel=channel)
    )
