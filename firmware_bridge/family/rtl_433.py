"""rtl_433: weather stations, probes, contacts and meters of many makers, heard by a receiver on 433, 868 or 915 MHz.

A device is `rtl_433/<model>/<channel>/<id>`, as the topics of its single values have it; what of those it has not is
left out. Its messages come whole on `rtl_433/<host>/events`, value by value beneath `rtl_433/<host>/devices`, and by
other gateways that carry the same decoders. A value's name ends with its unit. Source: rtl_433, "Data format".
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Incident, Motion, Observation
from firmware_bridge.inbound import Context, Family, Handler, Inbound, Route
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, number_of, text_of
from firmware_bridge.notation.metrics import UNITS, read_metric
from firmware_bridge.notation.units import Scale, apply, scale_to

NAME = "rtl_433"
MAX_VALUES = 60  # of one message

_NAMING = ("type", "model", "subtype", "channel", "id")  # in the order of the topics of single values
_WRITTEN = {
    "C": "°C",
    "F": "°F",
    "hPa": "hPa",
    "kPa": "kPa",
    "PSI": "psi",
    "bar": "bar",
    "inHg": "inHg",
    "m_s": "m/s",
    "km_h": "km/h",
    "mi_h": "mph",
    "kn": "kn",
    "mm": "mm",
    "in": "in",
    "mm_h": "mm/h",
    "in_h": "in/h",
    "lux": "lx",
    "W_m2": "W/m²",
    "W": "W",
    "kW": "kW",
    "kWh": "kWh",
    "Wh": "Wh",
    "A": "A",
    "mA": "mA",
    "V": "V",
    "mV": "mV",
    "ppm": "ppm",
    "ppb": "ppb",
    "ug_m3": "µg/m³",
    "deg": "°",
    "cm": "cm",
    "m": "m",
    "km": "km",
    "dB": "dB",
    "Hz": "Hz",
    "kg": "kg",
    "m3": "m³",
    "L": "L",
    "gal": "gal",
}
"""How a value's name ends -> the unit as `units` has it; `klx` is of light alone."""

_UNIT = re.compile(rf"(.+?)_({'|'.join(sorted(_WRITTEN, key=len, reverse=True))})")
_METRICS = {
    "wind_avg": "wind_speed",
    "wind_max": "wind_gust",
    "wind_dir": "wind_direction",
    "setpoint": "target_temperature",
    "depth": "distance",
    "moisture": "soil_moisture",
    "uvi": "uv_index",
    "strike_count": "lightning_strikes",
    "storm_dist": "storm_distance",
    "strike_distance": "storm_distance",
}
_OF_METRIC = {"target_temperature": "Cel", "storm_distance": "m", "lightning_strikes": "1", "depth": "m"}
_ALARMS = {
    "leak_status": "water_leak",
    "detect_wet": "water_leak",
    "tamper": "tamper",
    "alarm": "alarm",
    "smoke": "smoke",
    "contact_open": "contact",
    "reed_open": "contact",
    "state": "contact",
    **{f"switch{number}": "contact" for number in range(1, 6)},
}
_OPEN = {"open": True, "opened": True, "closed": False, "close": False}
_PRESSED = ("button", "cmd", "code", "event")
_NO_VALUE = frozenset(
    "time model type subtype channel id mic mod freq freq1 freq2 rssi snr noise protocol battery_ok battery battery_V "
    "battery_mV flags raw_msg seq sequence sequence_num unit group status duration rolling_code len data count "
    "num_rows rows codes sensor_type startup transmit button cmd code event exception message_type msg_type".split()
)
_RADIO = frozenset(("mic", "time", "protocol", "mod"))


def _on_event(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """A message as the receiver decoded it."""
    said = inbound.document
    if type(said) is not dict or not text_of(said.get("model")):
        return []  # statistics and states of the receiver itself
    name = "/".join(filter(None, (text_of(said.get(part)).replace("/", "_")[:60] for part in _NAMING)))
    device, at = f"{NAME}/{name}", read_instant(said.get("time"), context.zone)
    volts, host = _volts_of(said), inbound.parts.get("host", "")
    found: list[Observation] = [
        DeviceHealth(
            device=device,
            observed_at=at,
            model=text_of(said.get("model")),
            via=f"{NAME}/{host}" if host else "",
            voltage_v=volts,
            signal_dbm=number_of(said.get("rssi")) if "noise" not in said else None,  # beside a noise it is no dBm
        )
    ]
    for member, value in list(said.items())[:MAX_VALUES]:
        _read_value(found, device, at, member, value)
    pressed = {member: text for member in _PRESSED if (text := text_of(said.get(member)))}
    if pressed and len(found) == 1:  # of a remote control: sensors tell values too
        found.append(Incident(device=device, observed_at=at, event_type="rf_received", attributes=pressed))
    return found


def _on_single(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """`rtl_433/{host}/devices/<model>/<channel>/<id>/<value>`."""
    device, member = f"{NAME}/{inbound.parts['device']}", inbound.parts["member"]
    found: list[Observation] = []
    _read_value(found, device, None, member, inbound.document)
    volts = _volts_of({member: inbound.document})
    return found or [DeviceHealth(device=device, via=f"{NAME}/{inbound.parts['host']}", voltage_v=volts)]


def _on_availability(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """`rtl_433/{host}/availability`: birth and last will of the receiver."""
    online = flag_of(inbound.document)
    if online is None:
        return []
    return [DeviceHealth(device=f"{NAME}/{inbound.parts['host']}", state="online" if online else "offline")]


def _read_value(found: list[Observation], device: str, at: datetime | None, member: str, value: object) -> None:
    if member in ("battery_ok", "battery"):
        level = number_of(value) if member == "battery_ok" else {"ok": 1.0, "low": 0.0}.get(text_of(value).lower())
        if level is not None:
            found.append(Alarm(device=device, observed_at=at, name="battery_low", active=level <= 0))
        return
    alarm = _ALARMS.get(member)
    if alarm is not None or member == "motion":
        word = text_of(value).lower()
        active = _OPEN.get(word) if word in _OPEN else flag_of(value)
        if active is not None and alarm is None:
            found.append(Motion(device=device, observed_at=at, active=active))
        elif active is not None and alarm is not None:
            area = member if member[:6] == "switch" else ""
            found.append(Alarm(device=device, observed_at=at, name=alarm, active=active, area=area))
        return
    number = number_of(value) if member not in _NO_VALUE and member[:5] != "maybe" else None
    if number is not None:
        metric, scale, channel = _metric_of(member[:80])
        found.append(
            EnvironmentReading(
                device=device,
                observed_at=at,
                metric=metric,
                value=apply(scale, number),
                unit=scale.unit,
                channel=channel,
            )
        )


@lru_cache(maxsize=1_024)
def _metric_of(member: str) -> tuple[str, Scale, str]:
    """(metric, scale to its unit, channel) of a value by its name: `temperature_2_F`, `wind_avg_km_h`, `uvi`."""
    if member == "light_klx":
        return "illuminance", Scale("lx", 1000.0), ""
    with_unit = _UNIT.fullmatch(member)
    name, written = (with_unit[1], _WRITTEN[with_unit[2]]) if with_unit else (member, "")
    word = name.rstrip("0123456789")
    channel = name[len(word) :] if word.endswith("_") else ""  # `pm10` is no tenth of a kind
    name = word[:-1] if channel else name
    if name == "light":
        metric = "solar_irradiance" if written == "W/m²" else "illuminance"
    else:
        metric = _METRICS.get(name) or _particles_of(member) or read_metric(name)[0]
        channel = "" if _particles_of(member) else channel
    return metric, scale_to(written, UNITS.get(metric) or _OF_METRIC.get(metric, "")), channel


def _particles_of(member: str) -> str:
    """`pm2_5_ug_m3` is a size and no second sensor; `pm10_0` is written so too."""
    name = member.removesuffix("_ug_m3").removesuffix("_0")
    return name if name in ("pm1", "pm2_5", "pm4", "pm10") else ""


def _volts_of(said: Mapping[str, Any]) -> float | None:
    volts, millivolts = number_of(said.get("battery_V")), number_of(said.get("battery_mV"))
    return volts if volts is not None else millivolts / 1000 if millivolts is not None else None


def _recognise(document: Any) -> Handler | None:
    """A model by name, an id or a channel, and what only a receiver tells."""
    if type(document) is not dict or type(document.get("model")) is not str or _RADIO.isdisjoint(document):
        return None
    named = "id" in document or "channel" in document
    return _on_event if named and any(_measures(member) for member in document) else None


@lru_cache(maxsize=4_096)
def _measures(member: str) -> bool:
    return member in ("battery_ok", "humidity") or (member not in _NO_VALUE and _UNIT.fullmatch(member) is not None)


FAMILY = Family(
    name=NAME,
    title="rtl_433 (sensors heard by radio)",
    source="https://github.com/merbanan/rtl_433/blob/master/docs/DATA_FORMAT.md",
    routes=(
        Route(template="rtl_433/{host}/events", handle=_on_event),
        Route(template="rtl_433/{host}/states", handle=_on_event),
        Route(template="rtl_433/{host}/availability", handle=_on_availability, form="text"),
        Route(template="rtl_433/{host}/devices/{device...}/{member}", handle=_on_single, form="any"),
    ),
    recognise=_recognise,
)
