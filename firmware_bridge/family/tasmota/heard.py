"""What a Tasmota bridge hears by Zigbee and LoRaWAN: `ZbReceived`, `LwReceived`, an object for each device.

A device is `tasmota/<bridge>/<name or short address>`, via the bridge. What an endpoint of Matter was told to do is a
state of the Tasmota itself. Called by `family` for each message.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Motion, Observation
from firmware_bridge.lorawan.findings import Findings
from firmware_bridge.lorawan.sweep import sweep
from firmware_bridge.notation.instant import from_unix
from firmware_bridge.notation.members import flag_of, number_of, text_of
from firmware_bridge.notation.metrics import read_metric, snake_case

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
    "BatteryVoltage": ("battery_voltage", "V"),
    "OccupiedHeatingSetpoint": ("target_temperature", "Cel"),
    "ThSetpoint": ("target_temperature", "Cel"),
    "TuyaTempTarget": ("target_temperature", "Cel"),
    "PIHeatingDemand": ("heating_demand", "%"),
}
_ALARMS = {
    **dict.fromkeys(("DoorOpen", "Contact", "ContactOpen"), "contact"),  # 1 is open, as the bit of the zone's status
    "Water": "water_leak",
    "WaterLeak": "water_leak",
    "Leak": "water_leak",
    "Smoke": "smoke",
    "Fire": "smoke",
    "CO": "carbon_monoxide",
    "Tamper": "tamper",
    "Vibration": "vibration",
    "Alarm": "alarm",
    "Panic": "panic",
    "PersonalAlarm": "panic",
    "GlassBreak": "glass_break",
}
_MOTION = frozenset(("Occupancy", "Motion", "Presence", "Movement"))
_TYPED = _ALARMS.keys() | _MOTION
_ZONE_ALARMS, _ZONE_TAMPER = 3, 4  # bits of a zone's status: either of its two alarms, its case was opened
_CLICKS = ("Click", "click", "action", "AqaraCube")  # the second and third: before version 9
_ORDERS = (
    *("Power", "ArrowClick", "ArrowHold", "ArrowRelease", "RecallScene"),
    *("DimmerUp", "DimmerDown", "DimmerStop", "DimmerMove", "DimmerStep", "DimmerStepUp", "DimmerStepDown"),
    *("ShutterOpen", "ShutterClose", "ShutterStop"),
)
_POWER = {"0": "off", "1": "on", "2": "toggle"}
_SHAKES = frozenset(("vibrate", "vibration", "tilt", "drop"))
_RAW = frozenset("/<>!?")  # in the name of an attribute that the bridge did not understand
_FACTS = frozenset(
    "Device Name Node Endpoint LinkQuality BatteryPercentage BatteryVoltage Battery RSSI SNR ModelId Manufacturer "
    "IEEEAddr Group Events LastEvent LastSeen LastSeenEpoch FPort Cluster ZoneStatusChange ZoneStatusChangeZone "
    "GetGroupCapacity GetGroupCount AddGroup AddGroupStatus RemoveGroup RemoveGroupStatus".split()
)
_HEARD = frozenset("ZbReceived LwReceived ZbInfo LwDecoded MtrReceived MtrInfo".split())
_LEAVES = frozenset(("ZbReceived", "LwReceived"))


def read_heard(document: Mapping[str, Any], bridge: str, leaf: str) -> list[Observation]:
    """What a bridge heard; nothing where the message is of another kind.

    A name or an address may be the last level of the topic; then the object may leave it out (SetOption119), and the
    word `ZbReceived` may be the topic's instead (SetOption118).
    """
    if document.keys().isdisjoint(_HEARD) and leaf not in _LEAVES:
        return []
    bridge = bridge.removesuffix("/SENSOR")  # the node's own level may stand behind it
    for word, read in (("ZbInfo", _read_known), ("LwDecoded", _read_decoded), ("MtrReceived", _read_matter)):
        told = document.get(word)
        if type(told) is dict and told:
            return read(told, bridge)
    matter = document.get("MtrInfo")
    if type(matter) is dict:
        return _read_matter({"": matter}, bridge)
    heard = document.get("ZbReceived") or document.get("LwReceived")
    if heard is None and leaf in _LEAVES:
        heard = document
    return _read_received(heard, bridge, volts="LwReceived" in document) if type(heard) is dict else []


def _read_received(heard: Mapping[str, Any], bridge: str, *, volts: bool) -> list[Observation]:
    head, _, last = bridge.rpartition("/")
    devices = heard if all(type(value) is dict for value in heard.values()) else {last: heard}
    found: list[Observation] = []
    for address, said in list(devices.items())[:MAX_HEARD]:
        name, short = text_of(said.get("Name")), text_of(said.get("Device")) or address[:40]
        if head and last in (name, address, short, address.removeprefix("0x"), short.removeprefix("0x")):
            bridge = head
        device = f"tasmota/{bridge}/{name or address[:100]}"
        _read_device(found, device, "tasmota/" + bridge, short, said, volts=volts)
    return found


def _read_matter(told: Mapping[str, Any], bridge: str) -> list[Observation]:
    """`MtrReceived`: by the endpoint's number or its name, or the name within."""
    found: list[Observation] = []
    endpoints = told if all(type(value) is dict for value in told.values()) else {"": told}
    for endpoint, said in list(endpoints.items())[:MAX_HEARD]:
        name = text_of(said.get("Name")) or endpoint
        channel = snake_case(name) if name else ""
        for member, value in list(said.items())[:MAX_VALUES]:
            if member not in ("Name", "Ep"):
                _read_value(found, f"tasmota/{bridge}", None, member, value, channel)
    return found or [DeviceHealth(device="tasmota/" + bridge)]


def read_valve(said: Mapping[str, Any]) -> list[Observation]:
    """`stat/EQ3/…`: a radiator valve that a Tasmota asks by Bluetooth; `temp` is what it was set to, not what it is."""
    via, stamp = f"tasmota/{text_of(said.get('tas'))[:100]}", number_of(said.get("stattime"))
    device, at = f"{via}/{text_of(said.get('MAC'))[:40]}", from_unix(stamp) if stamp is not None else None
    told = {word: text for word in ("mode", "window", "battery", "boost") if (text := text_of(said.get(word)))}
    signal = number_of(said.get("RSSI"))
    found: list[Observation] = [
        DeviceHealth(device=device, observed_at=at, via=via, signal_dbm=signal, attributes=told)
    ]
    for member, metric, unit in (("temp", "target_temperature", "Cel"), ("posn", "position", "%")):
        number = number_of(said.get(member))
        if number is not None:
            found.append(EnvironmentReading(device=device, observed_at=at, metric=metric, value=number, unit=unit))
    return found


def _read_known(told: Mapping[str, Any], bridge: str) -> list[Observation]:
    """`ZbInfo`: what the bridge knows of a device, from when it last heard it."""
    found: list[Observation] = []
    for address, said in list(told.items())[:MAX_HEARD]:
        if type(said) is not dict:
            continue
        last, percent = number_of(said.get("LastSeenEpoch")), number_of(said.get("BatteryPercentage"))
        device = f"tasmota/{bridge}/{text_of(said.get('Name')) or address[:100]}"
        at = from_unix(last) if last is not None else None
        found.append(
            DeviceHealth(
                device=device,
                observed_at=at,
                state="offline" if said.get("Reachable") is False else None,
                name=text_of(said.get("Name")),
                manufacturer=text_of(said.get("Manufacturer")),
                model=text_of(said.get("ModelId")),
                serial=text_of(said.get("IEEEAddr")),
                address=text_of(said.get("Device")) or address[:40],
                via="tasmota/" + bridge,
                battery_percent=percent if percent is not None and 0 <= percent <= 100 else None,
                link_quality=number_of(said.get("LinkQuality")),
            )
        )
        for member, value in list(said.items())[:MAX_VALUES]:
            if member in _METRICS and value is not None:  # its alarms are not of that time
                _read_value(found, device, at, member, value)
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
    elif percent is None and not volts:  # before version 8.3
        percent = number_of(said.get("Battery"))
    found.append(
        DeviceHealth(
            device=device,
            name=text_of(said.get("Name")),
            manufacturer=text_of(said.get("Manufacturer")),
            model=text_of(said.get("ModelId")),
            serial=text_of(said.get("IEEEAddr")) or text_of(said.get("DevEUIh")) + text_of(said.get("DevEUIl")),
            address=address,
            via=via,
            battery_percent=percent if percent is not None and 0 <= percent <= 100 else None,
            voltage_v=battery,
            signal_dbm=number_of(said.get("RSSI")),
            link_quality=number_of(said.get("LinkQuality")),
        )
    )
    ordered = any("!" in member for member in said)  # a command of its own, as `0006!02`: a remote control
    action = _action_of(said, ordered=ordered)
    if action:
        found.append(
            Alarm(device=device, name="button", active=True, momentary=True, attributes={"action": action[:40]})
        )
    zone = said.get("ZoneStatusChange")
    if type(zone) is int:
        if said.keys().isdisjoint(_TYPED):
            found.append(Alarm(device=device, name="zone_status", active=zone & _ZONE_ALARMS != 0))
        found.append(Alarm(device=device, name="tamper", active=zone & _ZONE_TAMPER != 0))
    for member, value in list(said.items())[:MAX_VALUES]:
        if member in _FACTS or value is None or not _RAW.isdisjoint(member) or (ordered and member in _ORDERS):
            continue
        _read_value(found, device, None, member, value)


def _action_of(said: Mapping[str, Any], *, ordered: bool) -> str:
    """What was done with a button or a remote control; '' where nothing was."""
    for member in _CLICKS:
        if click := text_of(said.get(member)):
            return click.lower()
    order = next((member for member in _ORDERS if member in said), "") if ordered else ""
    if order == "Power":
        power = said[order]
        word = str(int(power)) if type(power) is bool else text_of(power).lower()
        return _POWER.get(word, word)
    return snake_case(order) if order else ""


def _read_value(
    found: list[Observation], device: str, at: datetime | None, member: str, value: object, channel: str = ""
) -> None:
    """One attribute; behind the name of one that several endpoints have stands the endpoint, as in `Power2`."""
    if member not in _METRICS and member not in _TYPED and member[-1:].isdecimal():
        word = member.rstrip("0123456789")
        if word in _METRICS or word in _TYPED:
            member, channel = word, member[len(word) :][:3]
    if member in _ALARMS or member in _MOTION:
        state = flag_of(value)
        if state is not None and member in _MOTION:
            found.append(Motion(device=device, observed_at=at, active=state, area=channel))
        elif state is not None:
            found.append(Alarm(device=device, observed_at=at, name=_ALARMS[member], active=state, area=channel))
        return
    if member == "AqaraVibrationMode":
        if type(value) is str and value in _SHAKES:
            found.append(Alarm(device=device, observed_at=at, name="vibration", active=True, momentary=True))
        return
    number = float(value) if type(value) is bool and member in _METRICS else number_of(value)
    if number is not None and not (member == "Power" and number not in (0, 1)):
        metric, unit = _METRICS.get(member) or read_metric(member)
        found.append(
            EnvironmentReading(device=device, observed_at=at, metric=metric, value=number, unit=unit, channel=channel)
        )
