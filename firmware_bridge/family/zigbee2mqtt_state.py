"""What a Zigbee device says through Zigbee2MQTT: one object that repeats all that is known of it.

Names and units are those of zigbee-herdsman-converters; a device's own units and further measured values are remembered
from `bridge/devices`. A device on battery speaks when it has something to say, so none has a rhythm. Called by
`zigbee2mqtt`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
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
from firmware_bridge.inbound import Context
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, number_of, text_of, whole_of

BRIDGE = "zigbee2mqtt/bridge"
MAX_OBSERVATIONS = 200  # of one message
MAX_STATES = 20  # switches of one device in its attributes

METRICS: dict[str, tuple[str, str, str]] = {
    "temperature": ("temperature", "Cel", ""),
    "local_temperature": ("temperature", "Cel", ""),
    "device_temperature": ("device_temperature", "Cel", ""),
    "cpu_temperature": ("device_temperature", "Cel", "cpu"),
    "internalTemperature": ("device_temperature", "Cel", ""),
    "external_temperature": ("temperature", "Cel", "external"),
    "temperature_probe": ("temperature", "Cel", "probe"),
    "temperature_sensor": ("temperature", "Cel", ""),
    "probe_temperature": ("temperature", "Cel", "probe"),
    "outdoor_temperature": ("temperature", "Cel", "outdoor"),
    "floor_temperature": ("temperature", "Cel", "floor"),
    "water_temperature": ("temperature", "Cel", "water"),
    "soil_temperature": ("temperature", "Cel", "soil"),
    "dew_point": ("dew_point", "Cel", ""),
    "wind_chill": ("wind_chill", "Cel", ""),
    "humidex": ("humidex", "Cel", ""),
    "apparent_temperature": ("apparent_temperature", "Cel", ""),
    "heat_stress": ("heat_stress", "", ""),
    "humidity": ("humidity", "%", ""),
    "external_humidity": ("humidity", "%", "external"),
    "soil_moisture": ("soil_moisture", "%", ""),
    "moisture": ("soil_moisture", "%", ""),
    "soil_fertility": ("conductivity", "uS/cm", "soil"),
    "conductivity": ("conductivity", "uS/cm", ""),
    "ec": ("conductivity", "uS/cm", ""),
    "ph": ("ph", "[pH]", ""),
    "orp": ("redox_potential", "mV", ""),
    "tds": ("tds", "[ppm]", ""),
    "salinity": ("salinity", "[ppm]", ""),
    "turbidity": ("turbidity", "", ""),
    "pressure": ("pressure", "hPa", ""),
    "co2": ("co2", "[ppm]", ""),
    "eco2": ("co2", "[ppm]", ""),
    "co": ("co", "[ppm]", ""),
    "co_ppm": ("co", "[ppm]", ""),
    "smoke_concentration": ("smoke_concentration", "[ppm]", ""),
    "voc": ("voc", "ug/m3", ""),
    "voc_parts": ("voc", "[ppb]", "parts"),
    "voc_index": ("voc_index", "1", ""),
    "formaldehyd": ("formaldehyde", "mg/m3", ""),
    "hcho": ("formaldehyde", "mg/m3", ""),
    "pm1": ("pm1", "ug/m3", ""),
    "pm25": ("pm2_5", "ug/m3", ""),
    "pm10": ("pm10", "ug/m3", ""),
    "aqi": ("aqi", "1", ""),
    "smoke_density": ("smoke_density", "", ""),
    "smoke_density_dbm": ("smoke_density", "dB/m", "dbm"),
    "gas_density": ("gas_density", "", ""),
    "gas_value": ("gas", "", ""),
    "illuminance": ("illuminance", "lx", ""),
    "illuminance_lux": ("illuminance", "lx", ""),
    "noise": ("sound_level", "dB", ""),
    "wind_speed": ("wind_speed", "m/s", ""),
    "gust_speed": ("wind_gust", "m/s", ""),
    "wind_direction": ("wind_direction", "deg", ""),
    "precipitation": ("rain", "mm", ""),
    "rain_rate": ("rain_rate", "mm/h", ""),
    "uv_index": ("uv_index", "1", ""),
    "water_consumed": ("water_consumed", "m3", ""),
    "flow": ("water_flow", "m3/h", ""),
    "liquid_depth": ("water_level", "m", ""),
    "liquid_level_percent": ("water_level_percent", "%", ""),
    "distance": ("distance", "m", ""),
    "target_distance": ("distance", "m", ""),
    "occupancy_level": ("occupancy_level", "1", ""),
    "strength": ("vibration_strength", "", ""),
    "angle": ("angle", "deg", ""),
    "angle_x": ("angle", "deg", "x"),
    "angle_y": ("angle", "deg", "y"),
    "angle_z": ("angle", "deg", "z"),
    "power": ("power", "W", ""),
    "power_apparent": ("apparent_power", "VA", ""),
    "power_reactive": ("reactive_power", "var", ""),
    "power_factor": ("power_factor", "1", ""),
    "current": ("current", "A", ""),
    "current_neutral": ("current", "A", "neutral"),
    "energy": ("energy", "kWh", ""),
    "produced_energy": ("energy", "kWh", "produced"),
    "energy_produced": ("energy", "kWh", "produced"),
    "total_power": ("power", "W", "total"),
    "battery2": ("battery", "%", "2"),
    "ac_frequency": ("frequency", "Hz", ""),
    "position": ("position", "%", ""),
    "pi_heating_demand": ("heating_demand", "%", ""),
}
"""Measured values: name -> (metric, unit, channel). Source: the `exposes` of zigbee-herdsman-converters."""

_VOLTS = ("voltage", "V", "")
_ENDPOINTS = frozenset(
    "l1 l2 l3 l4 l5 l6 l7 l8 1 2 3 4 5 6 7 8 a b c left right center top bottom internal external in out".split()
)
_ALARMS: dict[str, tuple[str, bool]] = {
    "contact": ("contact", False),  # true says closed
    "garage_door_contact": ("contact", False),
    "rain_status": ("rain", True),
    "window_open": ("window", True),
    "valve_alarm": ("problem", True),
    "device_fault": ("problem", True),
    "noise_detected": ("noise", True),
    "sos_alarm": ("sos", True),
    "door_state": ("contact", True),
    "open_window_detected": ("window", True),
    **{
        name: (name, True)
        for name in "water_leak smoke gas carbon_monoxide tamper vibration tilt alarm sos panic emergency rain fall "
        "window glass_break problem fault".split()
    },
}
"""Name -> (alarm, the value that is worth an event)."""

_MOTION = {"occupancy": "", "presence": "", "motion": "", "moving": ""}
_MOTION |= {f"area{n}Occupancy": f"area{n}" for n in range(1, 9)}
_ACTIONS = {"emergency": "panic", "panic": "panic", "sos": "panic", "vibration": "vibration", "tilt": "vibration"}
_IN_HEALTH = frozenset("battery linkquality voltage last_seen update device".split())
_TOLD = frozenset(
    "lock_state air_quality battery_low battery_state motion_state system_mode power_outage_count".split()
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
    lux = "illuminance_lux" in document  # then `illuminance` is the raw value
    for member, value in document.items():
        if member in _IN_HEALTH:
            continue
        kind = type(value)
        if kind is float or kind is int:
            metric: Sequence[Any] | None = (own and own.get(member)) or METRICS.get(member) or _of_endpoint(member)
            if metric is None or (lux and member == "illuminance"):
                if member in _TOLD:
                    told[member] = number_of(value)
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
        found.append(_reading(device, at, _VOLTS, volts))
    _add_rare(found, document, device, at)
    return found[:MAX_OBSERVATIONS]


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
        manufacturer=text_of(facts.get("manufacturerName")),
        model=text_of(facts.get("model")),
        firmware=text_of(facts.get("softwareBuildID")) or health.firmware,
        serial=text_of(facts.get("ieeeAddr")),
    )


def _reading(device: str, at: datetime | None, metric: Sequence[Any], value: float) -> EnvironmentReading:
    """`metric` is (metric, unit, channel), with (factor, offset) where the device measures in another unit."""
    if len(metric) > 3:  # told of the device itself
        value = float(f"{value * metric[3] + metric[4]:.9g}")
    return EnvironmentReading(
        device=device, observed_at=at, metric=metric[0], value=value, unit=metric[1], channel=metric[2]
    )


@lru_cache(maxsize=2_048)
def _of_endpoint(member: str) -> tuple[str, str, str] | None:
    """`temperature_l1`, `power_phase_b`: a metric of one of several channels."""
    head, _, end = member.rpartition("_")
    if end not in _ENDPOINTS:
        return None
    head = head.removesuffix("_phase")
    metric = _VOLTS if head == "voltage" else METRICS.get(head)
    return None if metric is None else (metric[0], metric[1], end)


def _flag(
    device: str, at: datetime | None, member: str, value: bool, document: Mapping[str, Any]
) -> Motion | Alarm | None:
    state = _state_of(member)
    if state is None:
        return None
    name, active, area = state
    if not name:
        return Motion(device=device, observed_at=at, active=value, area=area)
    test = {"test": True} if document.get("test") is True else {}
    return Alarm(device=device, observed_at=at, name=name, active=value is active, area=area, attributes=test)


@lru_cache(maxsize=2_048)
def _state_of(member: str) -> tuple[str, bool, str] | None:
    """(alarm, the value worth an event, area) of a flag, the alarm '' for motion; of one of several channels too."""
    if member in _MOTION:
        return "", True, _MOTION[member]
    head, area = member, ""
    if member not in _ALARMS:
        head, _, area = member.rpartition("_")
        if area not in _ENDPOINTS:
            return None
    if head in _MOTION:
        return "", True, area
    return (*_ALARMS[head], area) if head in _ALARMS else None


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
    elif member == "action":
        action = text_of(value)
        if action:
            name = _ACTIONS.get(action, "button")
            told_too = {"action": action}
            found.append(
                Alarm(device=device, observed_at=at, name=name, active=True, momentary=True, attributes=told_too)
            )
    elif member.startswith("state") or member in _TOLD:
        if len(told) < MAX_STATES:
            told[member] = text_of(value)
    elif member in METRICS:
        number = number_of(value)
        if number is not None:
            found.append(_reading(device, at, METRICS[member], number))
    elif member in _ALARMS or (member in _MOTION and member != "moving"):  # a cover is `moving` UP, DOWN or STOP
        flag = flag_of(value)
        said = None if flag is None else _flag(device, at, member, flag, document)
        if said is not None:
            found.append(said)


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
