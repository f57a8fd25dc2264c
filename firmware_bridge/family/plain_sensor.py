"""A sensor of nobody's family that says plainly what it measures: `{"temperature": 21.5, "humidity": 45}`.

Boards that people build themselves publish so. Asked last of all, after the technician's own mappings: at least two
members must have names whose metric and unit nobody doubts. A member's name says its unit, or it has none. A device is
`plain_sensor/` and what the message calls itself, else its topic. Source: the names in `lorawan.names`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from appliance.model.observation import DeviceHealth, Observation
from firmware_bridge.family.sender import sender_of
from firmware_bridge.inbound import Context, Family, Handler, Inbound
from firmware_bridge.lorawan.findings import Findings
from firmware_bridge.lorawan.sweep import sweep
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import number_of, object_of, text_of
from firmware_bridge.notation.metrics import read_metric

NAME = "plain_sensor"
MAX_MEMBERS = 60  # of one message; a longer one is no plain sensor's

_OWN_NAMES = (
    "device_id",
    "deviceId",
    "device",
    "sensor_id",
    "sensorId",
    "sensor",
    "node",
    "mac",
    "serial",
    "name",
)
_OWN_TIMES = ("timestamp", "time", "ts", "datetime", "date", "created_at", "measured_at")
_MEASURED = frozenset(
    "temperature humidity pressure co2 pm1 pm2_5 pm4 pm10 illuminance sound_level dew_point soil_moisture".split()
)
_OHMS = "gas"  # of a BME680 it is a resistance, of others a share of the air
_PASSED = frozenset(("id", *_OWN_NAMES, *_OWN_TIMES, _OHMS, "rssi"))
_FEWEST = 2
_UUID_LENGTH = 36
_UNDOUBTED: Mapping[str, tuple[float, float]] = {
    "temperature": (-60.0, 60.0),  # degrees Celsius of the air; more may be Fahrenheit
    "humidity": (1.01, 110.0),  # percent; less may be a share of 1
    "pressure": (300.0, 110_000.0),  # hPa or Pa; less may be kPa or inches of mercury
}


def _on_message(inbound: Inbound, context: Context) -> Sequence[Observation]:
    said: Mapping[str, Any] = inbound.document
    own = next((text for name in _OWN_NAMES if (text := text_of(said.get(name)))), "") or _read_id(said.get("id"))
    at = next((when for name in _OWN_TIMES if (when := read_instant(said.get(name), context.zone))), None)
    device = f"{NAME}/{own or sender_of(inbound)}"[:200]
    findings = Findings(device, at, "")
    rssi = number_of(said.get("rssi"))
    sweep({name: told for name, told in said.items() if name not in _PASSED}, findings)
    if (gas := number_of(said.get(_OHMS))) is not None:
        findings.measure(_OHMS, gas)
    facts = findings.facts
    return [
        *findings.observations,
        DeviceHealth(
            device=device,
            observed_at=at,
            firmware=str(facts.get("firmware", "")),
            battery_percent=facts.get("battery_percent"),
            voltage_v=facts.get("voltage_v"),
            signal_dbm=rssi if rssi is not None and rssi < 0 else None,
        ),
    ]


def _read_id(told: Any) -> str:
    """A bare `id` that is a number or a UUID may be the message's own: each would be a new device."""
    return told if isinstance(told, str) and not told.isdecimal() and len(told) != _UUID_LENGTH else ""


def _recognise(document: Any) -> Handler | None:
    if type(document) is not dict or not _FEWEST <= len(document) <= MAX_MEMBERS:
        return None
    named = set[str]()
    for name, told in object_of(document).items():
        metric = read_metric(name)[0] if len(name) < 40 else ""
        number = number_of(told) if metric in _MEASURED else None
        if number is not None:
            least, most = _UNDOUBTED.get(metric, (number, number))
            if not least <= number <= most:
                return None
            named.add(metric)
    return _on_message if len(named) >= _FEWEST else None


FAMILY = Family(
    name=NAME,
    title="Plain sensors (names that tell what they measure)",
    source="firmware_bridge/lorawan/names.py",
    routes=(),
    recognise=_recognise,
)
