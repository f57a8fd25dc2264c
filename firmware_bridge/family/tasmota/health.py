"""What a Tasmota says of itself: `STATE`, and the facts of `Status…` and `Info…`. Called by `family`."""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from appliance.model.observation import DeviceHealth
from firmware_bridge.family.tasmota.sensor import time_of
from firmware_bridge.notation.members import number_of, object_of, text_of

_TOLD = ("RestartReason", "Gesture", "BootCount", "Hardware", "Sleep", "MqttCount", "LoadAvg", "Heap", "LinkCount")
FACTS = frozenset((*_TOLD, *"DeviceName Version IPAddress Mac Module FriendlyName TelePeriod DeepSleep".split()))
_NO_ADDRESS = "0.0.0.0"  # of the interface that is not connected


def health_of(document: Mapping[str, Any], device: str, zone: tzinfo) -> DeviceHealth:
    """`STATE`: how long it runs, on what voltage, and how well it hears its access point."""
    wifi = document.get("Wifi")
    wifi = wifi if type(wifi) is dict else {}
    uptime, volts, signal = document.get("UptimeSec"), document.get("Vcc"), wifi.get("Signal")
    percent, battery, address = wifi.get("RSSI"), document.get("BatteryPercentage"), document.get("IPAddress")
    charge = number_of(battery) if battery is not None else None
    return DeviceHealth(
        device=device,
        observed_at=time_of(document, zone),
        address=text_of(address) if address is not None and address != _NO_ADDRESS else "",
        voltage_v=number_of(volts) if volts is not None else None,
        signal_dbm=number_of(signal) if signal is not None else None,
        link_quality=number_of(percent) if percent is not None else None,
        battery_percent=charge if charge is not None and 0 <= charge <= 100 else None,
        uptime_s=number_of(uptime) if uptime is not None else _duration(document.get("Uptime")),
        attributes={
            word.lower(): told
            for word in ("Heap", "MqttCount")
            if (told := document.get(word)) is not None and type(told) is int
        },
    )


def tell_facts(said: Mapping[str, Any], facts: dict[str, Any], told: dict[str, Any]) -> None:
    """What `Status…` and `Info…` say of the device itself."""
    for member, fact in (
        ("DeviceName", "name"),
        ("Version", "firmware"),
        ("IPAddress", "address"),
        ("Mac", "serial"),
    ):
        if (text := text_of(said.get(member))) and text != _NO_ADDRESS:
            facts[fact] = text
    wired = text_of(object_of(said.get("Ethernet")).get("IPAddress"))
    if wired and wired != _NO_ADDRESS:
        facts["address"] = wired
    model = said.get("Module")
    if type(model) is str:
        facts["model"] = text_of(model)
    names = said.get("FriendlyName")
    if "name" not in facts and type(names) is list and names and (name := text_of(names[0])):
        facts["name"] = name
    interval = number_of(said.get("TelePeriod"))
    if interval is not None and interval >= 10:
        facts["interval_s"] = interval
    for member in _TOLD:
        value = said.get(member)
        if type(value) is int or type(value) is str:
            told[member.lower()] = value if type(value) is int and abs(value) < 2**53 else text_of(value)
    sleep = said.get("DeepSleep")
    if type(sleep) is dict and (wakes := text_of(sleep.get("Time"))):
        told["wakes_at"] = wakes


def _duration(value: object) -> float | None:
    """`3T05:05:17`, days and the time, in seconds; before version 5.13 `3 05:05:17`."""
    if type(value) is not str:
        return None
    days, _, clock = value.replace(" ", "T").partition("T")
    numbers = [number_of(part) for part in (days, *clock.split(":"))]
    if len(numbers) != 4 or any(number is None for number in numbers):
        return None
    d, h, m, s = (number or 0.0 for number in numbers)
    return d * 86_400 + h * 3_600 + m * 60 + s
