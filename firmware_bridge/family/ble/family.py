"""Bluetooth sensors as gateways publish them: OpenMQTTGateway and Theengs, and Ruuvi's own gateway.

A sensor is `ble/<its address>`, whichever gateway hears it. Phones, watches and trackers that people carry are left
out: their addresses change, and whose they are is nobody's business here. OpenMQTTGateway's topics are read only where
no device announced them to Home Assistant. Source: Theengs, "Decoder devices and properties"; OpenMQTTGateway,
"BLE gateway", "Gateway commands".
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Incident, Motion, Observation
from firmware_bridge.family.ble.ruuvi import ROUTES as RUUVI_ROUTES
from firmware_bridge.family.ble.ruuvi import recognise as recognise_ruuvi
from firmware_bridge.inbound import Context, Family, Handler, Inbound, Memory, Route, read_form
from firmware_bridge.notation.members import flag_of, number_of, object_of, text_of

NAME = "ble"
GATEWAY = "openmqttgateway"

_VALUES: dict[str, tuple[str, float, str, str]] = {
    "tempc": ("temperature", 1, "Cel", ""),
    **{f"tempc{n}": ("temperature", 1, "Cel", str(n)) for n in range(1, 7)},
    "tempc2_dp": ("dew_point", 1, "Cel", ""),
    "hum": ("humidity", 1, "%", ""),
    "pres": ("pressure", 1, "hPa", ""),
    "lux": ("illuminance", 1, "lx", ""),
    "moi": ("soil_moisture", 1, "%", ""),
    "fer": ("soil_conductivity", 1, "uS/cm", ""),
    "co2": ("co2", 1, "[ppm]", ""),
    "for": ("formaldehyde", 1, "mg/m3", ""),
    "pm25": ("pm2_5", 1, "ug/m3", ""),
    "pm10": ("pm10", 1, "ug/m3", ""),
    "lvl_cm": ("level", 0.01, "m", ""),
    "level": ("level", 1, "%", ""),
    "litres": ("water_volume", 0.001, "m3", ""),
    "position": ("position", 1, "%", ""),
    "energy": ("energy", 1, "kWh", ""),
    "gravity": ("specific_gravity", 1, "1", ""),
    **{f"acc{axis}": ("acceleration", 1, "m/s2", axis) for axis in "xyz"},
    **{f"{axis}_axis": ("acceleration", 1, "m/s2", axis) for axis in "xyz"},
    "mov": ("motion_count", 1, "1", ""),
    "rot": ("angle", 1, "deg", ""),
    "darkness": ("illuminance", 1, "lx", ""),
    **{f"{what}_ct": ("contact_count", 1, "1", what) for what in ("in", "out", "push")},
}
"""Theengs' name -> (metric, factor, unit, channel)."""

_TYRES, _TYRE = "TPMS", ("tyre_pressure", 1000.0, "hPa", "")  # a kind of device whose pressure is in bar
_WATER, _LEVEL = "HOBO", ("water_level", 0.01, "m", "")  # of water, and not of gas in a bottle
_METERED = {"kWh": ("energy", 1.0, "kWh"), "m³": ("volume", 1.0, "m3"), "kW": ("power", 1000.0, "W")}
"""The unit of a meter's sum or mean -> (metric, factor, unit)."""
_CARRIED = frozenset(("RMAC", "BODY", "SCALE", "TRACK"))
_PEOPLES_OWN = frozenset(("APPLEDEVICE", "APPLEWATCH", "APPLE_CONT", "APPLE_CONTAT", "GAEN", "MS-CDP"))
_BUTTON = re.compile(r"button(\d*)")
_OPEN = {"open": True, "closed": False, "timeout not closed": True}
_MAC = re.compile(r"[0-9A-Fa-f]{12}")


def _on_heard(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """What a gateway heard of one sensor."""
    said = object_of(read_form(inbound.payload, "any") if inbound.document is None else inbound.document)
    if _is_of_a_person(said) or not (text_of(said.get("model_id")) or _measures(said)):
        return []
    gateway, _, last = inbound.topic.partition("/BTtoMQTT")
    device = f"{NAME}/{_address_of(text_of(said.get('id')) or last.strip('/'))}"
    found: list[Observation] = [
        DeviceHealth(
            device=device,
            name=text_of(said.get("name")),
            manufacturer=text_of(said.get("brand")),
            model=text_of(said.get("model_id")) or text_of(said.get("model")),
            address=text_of(said.get("mac")) or text_of(said.get("id")),
            via=f"{GATEWAY}/{gateway.rpartition('/')[2]}" if last else "",
            battery_percent=number_of(said.get("batt")),
            voltage_v=number_of(said.get("volt")),
            signal_dbm=number_of(said.get("rssi")),
        )
    ]
    _read_values(found, device, said)
    _read_states(found, device, said)
    return found


def _read_values(found: list[Observation], device: str, said: Mapping[str, Any]) -> None:
    kinds = {"pres": _TYRE} if said.get("type") == _TYRES else {}
    if text_of(said.get("model_id")).startswith(_WATER):
        kinds = {"lvl_cm": _LEVEL}
    for name, usual in _VALUES.items():
        number = number_of(said[name]) if name in said else None
        if number is not None:
            metric, factor, unit, channel = kinds.get(name, usual)
            value = number if factor == 1 else float(f"{number * factor:.9g}")
            found.append(EnvironmentReading(device=device, metric=metric, value=value, unit=unit, channel=channel))
    if "tempc" not in said and (fahrenheit := number_of(said.get("tempf"))) is not None:
        value = round((fahrenheit - 32) / 1.8, 3)
        found.append(EnvironmentReading(device=device, metric="temperature", value=value, unit="Cel"))
    for name, beside in (("sum", "sumu"), ("avg", "avgu")):
        number, known = number_of(said.get(name)), _METERED.get(text_of(said.get(beside)))
        if number is not None and known is not None:
            metric, factor, unit = known
            found.append(EnvironmentReading(device=device, metric=metric, value=number * factor, unit=unit))


def _read_states(found: list[Observation], device: str, said: Mapping[str, Any]) -> None:
    """Contacts, motion, locks and what was pressed."""
    moved = flag_of(said.get("motion", said.get("moving")))
    if moved is not None:
        found.append(Motion(device=device, active=moved))
    contact = said.get("open", said.get("contact"))
    opened = _OPEN.get(contact) if type(contact) is str else contact if type(contact) is bool else None
    if opened is not None:
        found.append(Alarm(device=device, name="contact", active=opened))
    elif (share := number_of(contact)) is not None:  # of blinds
        found.append(EnvironmentReading(device=device, metric="position", value=share, unit="%"))
    for name, alarm in (("lowbatt", "battery_low"), ("alarm", "alarm"), ("leak", "water_leak"), ("smoke", "smoke")):
        active = flag_of(said.get(name))
        if active is not None:
            found.append(Alarm(device=device, name=alarm, active=active))
    for name, told in said.items():
        button = _BUTTON.fullmatch(name)
        if button and (number_of(told) or 0) > 0:
            found.append(
                Alarm(
                    device=device,
                    observation_id=text_of(said.get("packet")),
                    name="button",
                    active=True,
                    area=button[1],
                    momentary=True,
                    attributes={"press": told},
                )
            )


def _on_system(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """How the gateway is; its modules and settings are no news."""
    said = object_of(inbound.document)
    return [
        DeviceHealth(
            device=f"{GATEWAY}/{inbound.parts['gateway']}",
            firmware=text_of(said.get("version")),
            model=text_of(said.get("env")),
            address=text_of(said.get("mac")),
            uptime_s=number_of(said.get("uptime")),
            signal_dbm=number_of(said.get("rssi")),
        )
    ]


def _on_will(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    online = flag_of(inbound.document)
    state = None if online is None else "online" if online else "offline"
    return [DeviceHealth(device=f"{GATEWAY}/{inbound.parts['gateway']}", state=state)]  # type: ignore[arg-type]


def _on_radio(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """A code of 433 MHz, or of a remote control in infrared."""
    said = object_of(inbound.document)
    device = f"{GATEWAY}/{inbound.parts['gateway']}"
    kept = ("value", "protocol", "length", "hex", "protocol_name")
    code = {name: text for name in kept if (text := text_of(said.get(name)))}
    if "value" not in code and "hex" not in code:
        return [DeviceHealth(device=device)]
    return [Incident(device=device, event_type="rf_received", attributes=code)]


def _is_of_a_person(said: Mapping[str, Any]) -> bool:
    carried = text_of(said.get("type")) in _CARRIED or text_of(said.get("model_id")) in _PEOPLES_OWN
    return carried or said.get("prmac") is True


def _measures(said: Mapping[str, Any]) -> bool:
    return any(name in said for name in _VALUES) or "tempf" in said


def _address_of(text: str) -> str:
    """`A4C138AABBCC` as `A4:C1:38:AA:BB:CC`; any other name as it is."""
    if _MAC.fullmatch(text):
        return ":".join(text[n : n + 2] for n in range(0, 12, 2)).upper()
    return text.upper()[:100] if text.count(":") == 5 else text[:100]


def _announced(topic: str, _memory: Memory) -> Handler | None:
    return _on_heard if "/BTtoMQTT" in topic else None


def _recognise(document: Any) -> Handler | None:
    """Theengs' own words for a model and a temperature, with the address."""
    if type(document) is not dict:
        return None
    if "model_id" in document and "id" in document and "rssi" in document:
        return _on_heard
    return recognise_ruuvi(document)


FAMILY = Family(
    name=NAME,
    title="Bluetooth sensors (OpenMQTTGateway, Theengs, Ruuvi Gateway)",
    source="https://decoder.theengs.io/devices/devices.html; https://docs.ruuvi.com/gw-data-formats",
    routes=(
        Route(template="home/{gateway}/SYStoMQTT", handle=_on_system),
        Route(template="home/{gateway}/LWT", handle=_on_will, form="text"),
        *(
            Route(template=f"home/{{gateway}}/{what}", handle=_on_radio)
            for what in ("433toMQTT", "IRtoMQTT", "SRFBtoMQTT", "PilighttoMQTT")
        ),
        *RUUVI_ROUTES,
    ),
    recognise=_recognise,
    announced=_announced,
)
