"""What a Tasmota bridge hears by Zigbee and LoRaWAN: `ZbReceived`, `LwReceived`, an object for each device.

A device is `tasmota/<bridge>/<name or short address>`, via the bridge. Called by `tasmota` for each message.
"""

from collections.abc import Mapping
from typing import Any

from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Motion, Observation
from firmware_bridge.lorawan.findings import Findings
from firmware_bridge.lorawan.sweep import sweep
from firmware_bridge.notation.instant import from_unix
from firmware_bridge.notation.members import flag_of, number_of, text_of
from firmware_bridge.notation.metrics import read_metric

MAX_HEARD = 100  # devices of one message
MAX_VALUES = 60  # members of one device

_METRICS: dict[str, tuple[str, str]] = {
    "Temperature": ("temperature", "Cel"),
    "LocalTemperature": ("temperature", "Cel"),
    "Humidity": ("humidity", "%"),
    "Pressure": ("pressure", "hPa"),
    "SeaPressure": ("sea_level_pressure", "hPa"),
    "Illuminance": ("illuminance", ""),  # Zigbee's logarithmic scale
    "RMSVoltage": ("voltage", "V"),
    "RMSCurrent": ("current", "A"),
    "ActivePower": ("power", "W"),
    "Dimmer": ("brightness_level", "1"),
    "Power": ("switch", "1"),
    "CO2": ("co2", "[ppm]"),
}
_CONTACTS = {"DoorOpen": "contact", "Contact": "contact", "ContactOpen": "contact"}
_ALARMS = {
    **_CONTACTS,
    "Water": "water_leak",
    "WaterLeak": "water_leak",
    "Leak": "water_leak",
    "Smoke": "smoke",
    "Fire": "smoke",
    "CO": "co",
    "Tamper": "tamper",
    "Vibration": "vibration",
    "Alarm": "alarm",
    "ZoneStatusChange": "zone_status",
}
_SHAKES = frozenset(("vibrate", "vibration", "tilt", "drop"))
_RAW = frozenset("/<>!?")  # in the name of an attribute that the bridge did not understand
_FACTS = frozenset(
    "Device Name Node Endpoint LinkQuality BatteryPercentage BatteryVoltage Battery RSSI SNR ModelId Manufacturer "
    "IEEEAddr Group Events LastEvent LastSeen LastSeenEpoch".split()
)


def read_heard(document: Mapping[str, Any], bridge: str, leaf: str) -> list[Observation]:
    """What a bridge heard; nothing where the message is of another kind.

    A name or an address may be the last level of the topic; then the object may leave it out (SetOption119), and the
    word `ZbReceived` may be the topic's instead (SetOption118).
    """
    for word, read in (("ZbInfo", _read_known), ("LwDecoded", _read_decoded)):
        told = document.get(word)
        if type(told) is dict and told:
            return read(told, bridge)
    heard = document.get("ZbReceived") or document.get("LwReceived")
    if heard is None and leaf in ("ZbReceived", "LwReceived"):
        heard = document
    if type(heard) is not dict or not heard:
        return []
    head, _, last = bridge.rpartition("/")
    devices = heard if all(type(value) is dict for value in heard.values()) else {last: heard}
    found: list[Observation] = []
    for address, said in list(devices.items())[:MAX_HEARD]:
        name = text_of(said.get("Name"))
        if head and (name == last or address.removeprefix("0x") == last or address == last):
            bridge = head
        device = f"tasmota/{bridge}/{name or address[:100]}"
        _read_device(found, device, "tasmota/" + bridge, address, said, volts="LwReceived" in document)
    return found


def _read_known(told: Mapping[str, Any], bridge: str) -> list[Observation]:
    """`ZbInfo`: what the bridge knows of a device, from when it last heard it."""
    found: list[Observation] = []
    for address, said in list(told.items())[:MAX_HEARD]:
        if type(said) is not dict:
            continue
        last = number_of(said.get("LastSeenEpoch"))
        found.append(
            DeviceHealth(
                device=f"tasmota/{bridge}/{text_of(said.get('Name')) or address[:100]}",
                observed_at=from_unix(last) if last is not None else None,
                state="offline" if said.get("Reachable") is False else None,
                name=text_of(said.get("Name")),
                manufacturer=text_of(said.get("Manufacturer")),
                model=text_of(said.get("ModelId")),
                serial=text_of(said.get("IEEEAddr")),
                address=address[:40],
                via="tasmota/" + bridge,
                link_quality=number_of(said.get("LinkQuality")),
            )
        )
    return found or [DeviceHealth(device="tasmota/" + bridge)]


def _read_decoded(told: Mapping[str, Any], bridge: str) -> list[Observation]:
    """`LwDecoded`: what a script on the bridge made of LoRaWAN bodies."""
    found: list[Observation] = []
    for address, said in list(told.items())[:MAX_HEARD]:
        if type(said) is dict:
            findings = Findings(f"tasmota/{bridge}/{address[:100]}", None, "")
            sweep(said, findings)
            facts = {name: findings.facts[name] for name in ("battery_percent", "voltage_v") if name in findings.facts}
            found.append(
                DeviceHealth(
                    device=findings.device,
                    address=address[:40],
                    model=text_of(said.get("Device")),
                    via="tasmota/" + bridge,
                    **facts,
                )
            )
            found += findings.observations
    return found


def _read_device(
    found: list[Observation], device: str, via: str, address: str, said: Mapping[str, Any], *, volts: bool
) -> None:
    percent, battery = number_of(said.get("BatteryPercentage")), number_of(said.get("BatteryVoltage"))
    if battery is None and volts:  # a LoRaWAN node tells its battery in volts
        battery = number_of(said.get("Battery"))
    found.append(
        DeviceHealth(
            device=device,
            name=text_of(said.get("Name")),
            manufacturer=text_of(said.get("Manufacturer")),
            model=text_of(said.get("ModelId")),
            serial=text_of(said.get("IEEEAddr")),
            address=address[:40],
            via=via,
            battery_percent=percent if percent is not None and 0 <= percent <= 100 else None,
            voltage_v=battery,
            signal_dbm=number_of(said.get("RSSI")),
            link_quality=number_of(said.get("LinkQuality")),
        )
    )
    for member, value in list(said.items())[:MAX_VALUES]:
        if member in _FACTS or value is None or not _RAW.isdisjoint(member):
            continue
        _read_value(found, device, member, value)


def _read_value(found: list[Observation], device: str, member: str, value: object) -> None:
    alarm = _ALARMS.get(member)
    if alarm is not None:
        state = value != 0 if alarm == "zone_status" and type(value) is int else flag_of(value)
        if state is not None:
            active = not state if member == "Contact" else state
            found.append(Alarm(device=device, name=alarm, active=active))
        return
    if member in ("Occupancy", "Motion", "Presence"):
        state = flag_of(value)
        if state is not None:
            found.append(Motion(device=device, active=state))
        return
    if member == "AqaraVibrationMode":
        if value in _SHAKES:
            found.append(Alarm(device=device, name="vibration", active=True, momentary=True))
        return
    number = float(value) if type(value) is bool and member in _METRICS else number_of(value)
    if number is not None:
        metric, unit = _METRICS.get(member) or read_metric(member)
        found.append(EnvironmentReading(device=device, metric=metric, value=number, unit=unit))
