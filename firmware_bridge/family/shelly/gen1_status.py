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

_OUTPUTS = frozenset(("relays", "lights", "rollers"))
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
        )
    ]
    _read_states(found, device, said)
    _read_climate(found, device, said)
    for member, values in _CHANNELS.items():
        for number, one in enumerate(list_of(said.get(member))[:MAX_CHANNELS]):
            if type(one) is dict:
                read_values(found, device, one, values, str(number))
    return found


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
    at, sensor, accelerometer = found[0].observed_at, object_of(said.get("sensor")), object_of(said.get("accel"))
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
        number = number_of(told.get("value") if type(told) is dict else told)
        if number is not None and number >= 0:
            _reading(found, device, metric, number, unit)
    gas = number_of(object_of(said.get("concentration")).get("ppm"))
    if gas is not None:
        _reading(found, device, "gas", gas, "[ppm]")
    for channel, probe in list(object_of(said.get("ext_temperature")).items())[:MAX_CHANNELS]:
        _read_temperature(found, device, "temperature", probe, channel[:4])


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
