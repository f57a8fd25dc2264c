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

from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Incident, Observation
from firmware_bridge.family.rtl_433.states import STATES, happened, read_state, states_of
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
    "l": "L",
    "gal": "gal",
    "VA": "VA",
    "pct": "%",
    "s": "s",
    "psi": "psi",
}
"""How a value's name ends -> the unit as `units` has it; `klx` is of light alone."""

_UNIT = re.compile(rf"(.+?)_({'|'.join(sorted(_WRITTEN, key=len, reverse=True))})")
_METRICS = {
    "wind_avg": "wind_speed",
    "wind_max": "wind_gust",
    "wind_dir": "wind_direction",
    "wind_spd": "wind_speed",
    "setpoint": "target_temperature",
    "depth": "distance",
    "moisture": "soil_moisture",
    "uvi": "uv_index",
    "is_raining": "raining",
    "exposure_mins": "exposure_minutes",
    "strike_count": "lightning_strikes",
    "storm_dist": "storm_distance",
    "strike_distance": "storm_distance",
}
_OF_METRIC = {"target_temperature": "Cel", "storm_distance": "m", "lightning_strikes": "1", "depth": "m"}
_PRESSED = ("button", "cmd", "code", "event", "state", "command", "button_str", "button_code")
_NO_PRESS = frozenset(("battery report", "heartbeat", "telemetry", "status", "periodic update", "pairing"))
_NO_VALUE = frozenset(
    "time model type channel id mic mod freq freq1 freq2 rssi snr noise protocol battery_ok battery battery_V "
    "battery_mV battery_pct group unit status duration rolling_code len data count num_rows rows codes "
    "sensor_type startup transmit button cmd code command exception mac crc version firmware mode learn pairing "
    "interval node src dst from to retry repeat test token address serial network zone signal brand family nouse pin "
    "pulses_per_kWh impulse_kWh impulse_constant cmac seed ERTType ERTSerialNumber MeterIdCRC housecode "
    "timestamp gateway_time esn xactivity xtamper1 xtamper2".split()
)
_OF_THE_RADIO = re.compile(
    r"(?:maybe|unknown|unkn|flags?|msg_|message|frame|packet|seq|raw|sync|hops|ack|frag|cmd|button_).*"
    r"|.*(?:_raw|_flags|_counter|_id|_type|_number|_num)|counter|ctr|id\d|raw_.*",
    re.IGNORECASE,
)
"""Names that only the radio's protocol has a use for."""

_COUNTS = frozenset(("strike_count", "rain_count", "impulses_total"))
_SURE = frozenset(("humidity", "soil_moisture", "uv_index", "lightning_strikes", "temperature"))
"""Metrics whose unit is known where a name tells none: rain is then tips, and a storm's distance a step of a scale."""
_ENERGY = ("kWh", "Wh")
_TYRES = "TPMS"
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
            battery_percent=_percent_of(said),
            signal_dbm=number_of(said.get("rssi")) if "noise" not in said else None,  # beside a noise it is no dBm
        )
    ]
    found += states_of(said, device, at)
    tyre = said.get("type") == _TYRES
    for member, value in list(said.items())[:MAX_VALUES]:
        if member not in STATES:
            _read_value(found, device, at, member, value, tyre=tyre)
    found += happened(said, device, at)
    pressed = {member: text for member in _PRESSED if (text := text_of(said.get(member)))}
    if pressed and len(found) == 1 and pressed.get("event", "").lower() not in _NO_PRESS:  # sensors tell values too
        found.append(Incident(device=device, observed_at=at, event_type="rf_received", attributes=pressed))
    return found


def _on_single(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """`rtl_433/{host}/devices/<model>/<channel>/<id>/<value>`."""
    device, member = f"{NAME}/{inbound.parts['device']}", inbound.parts["member"]
    found: list[Observation] = []
    if not read_state(found, device, None, member, inbound.document):
        _read_value(found, device, None, member, inbound.document)
    volts = _volts_of({member: inbound.document})
    return found or [DeviceHealth(device=device, via=f"{NAME}/{inbound.parts['host']}", voltage_v=volts)]


def _on_availability(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """`rtl_433/{host}/availability`: birth and last will of the receiver."""
    online = flag_of(inbound.document)
    if online is None:
        return []
    return [DeviceHealth(device=f"{NAME}/{inbound.parts['host']}", state="online" if online else "offline")]


def _read_value(
    found: list[Observation], device: str, at: datetime | None, member: str, value: object, *, tyre: bool = False
) -> None:
    """A battery's state, or a number by the name it has; the pressure of a tyre is not the weather's."""
    if member in ("battery_ok", "battery"):
        level = number_of(value) if member == "battery_ok" else {"ok": 1.0, "low": 0.0}.get(text_of(value).lower())
        if level is not None:
            found.append(Alarm(device=device, observed_at=at, name="battery_low", active=level <= 0))
        return
    number = number_of(value) if _measures_something(member) else None
    if number is None:
        return
    metric, scale, channel = _metric_of(member[:80])
    found.append(
        EnvironmentReading(
            device=device,
            observed_at=at,
            metric="tyre_pressure" if tyre and metric == "pressure" else metric,
            value=apply(scale, number),
            unit=scale.unit,
            channel=channel,
        )
    )


@lru_cache(maxsize=4_096)
def _measures_something(member: str) -> bool:
    name = member[:80]
    return member not in _NO_VALUE and (name in _COUNTS or _OF_THE_RADIO.fullmatch(name) is None)


@lru_cache(maxsize=1_024)
def _metric_of(member: str) -> tuple[str, Scale, str]:
    """(metric, scale to its unit, channel) of a value by its name: `temperature_2_F`, `wind_avg_km_h`, `uvi`."""
    if member == "light_klx":
        return "illuminance", Scale("lx", 1000.0), ""
    with_unit = _UNIT.fullmatch(member)
    name, written = (with_unit[1], _WRITTEN[with_unit[2]]) if with_unit else (member, "")
    name, channel = _numbered(name.replace("_C_ext", "_ext"))
    if written in _ENERGY and name not in ("energy", "pulses_per", "impulse"):
        return "energy", scale_to(written, UNITS["energy"]), name
    if name == "light":
        metric = "solar_irradiance" if written == "W/m²" else "illuminance"
    else:
        metric = _METRICS.get(name) or _particles_of(member) or read_metric(name)[0]
        channel = "" if _particles_of(member) else channel
    wanted = UNITS.get(metric) or _OF_METRIC.get(metric, "")
    known = written or metric in _SURE or (metric == "illuminance" and name == "lux")
    return metric, scale_to(written, wanted) if known else Scale(""), channel


def _numbered(name: str) -> tuple[str, str]:
    """(what it is, its number) of `temperature_2`, `temp1` and `power1`; `pm10` is no tenth of a kind."""
    word = name.rstrip("0123456789")
    number = name[len(word) :]
    if number and word.endswith("_"):
        return word[:-1], number
    if number and word in ("temp", "temperature", "power", "humidity", "current"):
        return word, number
    return name, ""


def _particles_of(member: str) -> str:
    """`pm2_5_ug_m3` is a size and no second sensor; `pm10_0` is written so too."""
    name = member.removesuffix("_ug_m3").removesuffix("_0")
    return name if name in ("pm1", "pm2_5", "pm4", "pm10") else ""


def _percent_of(said: Mapping[str, Any]) -> float | None:
    """Per cent as they are told, or of a level between empty and full; 0 and 1 tell no more than low and good."""
    percent, level = number_of(said.get("battery_pct")), number_of(said.get("battery_ok"))
    if percent is not None:
        return percent
    return round(level * 100, 1) if level is not None and 0 < level < 1 else None


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
    return member in ("battery_ok", "humidity") or (_measures_something(member) and _UNIT.fullmatch(member) is not None)


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
