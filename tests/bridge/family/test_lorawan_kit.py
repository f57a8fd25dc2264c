"""Real LoRaWAN messages, where the field kit is at hand: none is refused, and bodies say what their origin expects."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from appliance.model.observation import (
    Alarm,
    DeviceHealth,
    EnvironmentReading,
    Motion,
    Observation,
    PeopleCount,
    Position,
)
from firmware_bridge.decode import Decoder
from firmware_bridge.family.chirpstack.family import FAMILY as CHIRPSTACK
from firmware_bridge.family.the_things_stack.family import FAMILY as THE_THINGS_STACK
from tests.bridge.family.hearing import KIT, NOW
from tests.conftest import TORONTO

pytestmark = pytest.mark.skipif(not KIT, reason="HEXPOST_FIELDKIT is not set")

FILES = ("chirpstack_v4", "tts_v3", "environment", "people_counting")
LINK = ("lora_", "fPort", "fCnt", "confirmed", "dr")  # of the link, not of the body
MEASURED: dict[str, tuple[str, str, float]] = {
    "air_temperature": ("temperature", "", 1),
    "ambient_temperature": ("temperature", "", 1),
    "air_humidity": ("humidity", "", 1),
    "relative_humidity": ("humidity", "", 1),
    "barometric_pressure": ("pressure", "", 0.01),
    "distance": ("distance", "", 0.001),
    "water_level": ("water_level", "", 0.01),
    "hcho": ("formaldehyde", "", 1),
    "tvoc": ("voc", "", 1),
    "total_voc": ("voc", "", 1),
    "light": ("illuminance", "", 1),
    "pir": ("motion_count", "", 1),
    "soundPeak": ("sound_level", "peak", 1),
    "soundAvg": ("sound_level", "", 1),
    "LAF": ("sound_level", "", 1),
    "LAeq": ("sound_level", "equivalent", 1),
    "LAFmax": ("sound_level", "max", 1),
    "nh3": ("ammonia", "", 1),
    "h2s": ("hydrogen_sulfide", "", 1),
    "pm1_0_mass_concentration": ("pm1", "", 1),
    "pm2_5_mass_concentration": ("pm2_5", "", 1),
    "pm4_mass_concentration": ("pm4", "", 1),
    "pm10_mass_concentration": ("pm10", "", 1),
    "typical_particle_size": ("particle_size", "", 1),
    "pm0_5_number_concentration": ("particles", "pm0_5", 1),
    "pm1_0_number_concentration": ("particles", "pm1", 1),
    "pm2_5_number_concentration": ("particles", "pm2_5", 1),
    "pm4_number_concentration": ("particles", "pm4", 1),
    "pm10_number_concentration": ("particles", "pm10", 1),
    "ambient_light_visible_infrared": ("visible_infrared", "", 1),
    "ambient_light_infrared": ("infrared", "", 1),
    "co2_concentration": ("co2", "", 1),
    "co2_sensor_status": ("co2_status", "", 1),
    "activity_counter": ("activity", "", 1),
    "sensor_temperature": ("temperature", "sensor", 1),
    "rem_batt_days": ("battery_days", "", 1),
}
"""The origin's name -> metric, channel, factor; any other name is the metric's own."""

WORDS: dict[tuple[str, Any], Any] = {
    ("magnet_status", "open"): ("contact", True),
    ("leakage_status", "normal"): ("water_leak", False),
    ("water_leak", "leak"): ("water_leak", True),
    ("position", "tilt"): ("tilt", True),
    ("pir", "trigger"): ("motion", True),
    ("total_count_alarm", "threshold alarm"): ("people_alarm", True),
    ("period_count_alarm", "threshold alarm"): ("period_people_alarm", True),
    ("occupancy", "occupied"): ("occupancy", 1.0),
}
"""The origin's word for a state -> what is told of it."""

NO_MODEL = "the message names no model, and the body fits several: `state` is told, or nothing"
SETTING = "a setting of the device, or of its hardware"
DIFFERENT: dict[tuple[str, str], str] = {
    ("Milesight/WS202", "pir"): NO_MODEL,
    ("Milesight/WS202", "daylight"): NO_MODEL,
    ("Milesight/WS301", "magnet_status"): NO_MODEL,
    ("Milesight/WS301", "tamper_status"): NO_MODEL,
    ("Milesight/VS34x", "occupancy"): NO_MODEL,
    ("Milesight/EM300-SLD-ZLD", "leakage_status"): NO_MODEL,
    ("Milesight/EM300-SLD-ZLD", "humidity"): "0x5d is 46.5 % by the maker's table; the origin reads another byte",
    ("Bosch/Parking_Lot_Sensor", "type"): NO_MODEL,
    ("Bosch/Parking_Lot_Sensor", "occupied"): NO_MODEL,
    ("Bosch/Parking_Lot_Sensor", "temperature"): NO_MODEL,
    ("Nwave/G4_NCC_FM", "type"): NO_MODEL,
    ("Nwave/G4_NCC_FM", "hw_health_status"): NO_MODEL,
    ("Nwave/G4_NCC_FM", "battery_voltage"): NO_MODEL,
    ("Nwave/G4_NCC_FM", "battery_voltage_mean_24h"): NO_MODEL,
    ("Milesight/AM319", "beep"): SETTING,
    ("Milesight/AT101", "motion_status"): "how the tracker moved when it reported, beside its position",
    ("Milesight/AT101", "geofence_status"): "a fence in the tracker, `unset`",
    ("Milesight/VS330", "calibration"): SETTING,
    ("Milesight/CT101-CT103", "power"): SETTING,
    ("Milesight/CT101-CT103", "ipso_version"): SETTING,
    ("Milesight/CT101-CT103", "hardware_version"): SETTING,
    ("Decentlab/DL-IAM", "raw_ir_reading"): "raw counts beside the CO2 they become",
    ("Yobiiq/SD1001", "hardwareVersion"): SETTING,
    ("Yobiiq/SD1001", "deviceClass"): SETTING,
    ("Yobiiq/SD1001", "powerEvent"): SETTING,
}
"""(device, the origin's name) -> why this is not told."""


def lorawan_lines() -> list[tuple[str, dict[str, Any]]]:
    """The messages that one of both network servers wrote, named by file and line."""
    lines = []
    for name in FILES:
        for number, line in enumerate(Path(KIT, "payloads", f"{name}.jsonl").read_text("utf-8").splitlines()):
            message = msgspec.json.decode(line)
            body = message["payload"]
            if name in FILES[:2] or "deviceInfo" in body or "uplink_message" in body:
                lines.append((f"{name}:{number}", message))
    return lines


def told_by(message: dict[str, Any]) -> list[Observation]:
    """The observations of a message, through the decoder itself."""
    decoder = Decoder([CHIRPSTACK, THE_THINGS_STACK], zone=TORONTO)
    payload = msgspec.json.encode(message["payload"])
    decoded = decoder.decode(message["topic"] or "some/hook", payload, received_at=NOW)
    assert not decoded.rejections, decoded.rejections[0].reason
    return list(decoded.observations)


def numbers_of(observations: list[Observation]) -> dict[Any, Any]:
    """Everything told, by metric and channel, by alarm, by fact."""
    told: dict[Any, Any] = {}
    for one in observations:
        if isinstance(one, EnvironmentReading):
            told[one.metric, one.channel] = one.value
        elif isinstance(one, Alarm):
            told[one.name] = one.active
        elif isinstance(one, Motion):
            told["motion"] = one.active
        elif isinstance(one, Position):
            told["latitude"], told["longitude"] = one.latitude, one.longitude
        elif isinstance(one, PeopleCount):
            total = "total" if one.cumulative else "period"
            told[f"{total}_in", one.line], told[f"{total}_out", one.line] = one.entered, one.left
            told["present", one.line] = one.present
        elif isinstance(one, DeviceHealth) and not one.device.startswith("lorawan/"):
            told["battery"], told["battery_voltage"] = one.battery_percent, one.voltage_v
            told["firmware"], told["serial"] = one.firmware, one.serial
    return told


def expected_of(name: str, value: Any, told: dict[Any, Any]) -> tuple[Any, Any]:
    """(what the origin expects, what is told), as far as their names can be brought together."""
    if (name, value) in WORDS:
        key, expected = WORDS[name, value]
        return expected, told.get(key, told.get((key, "")))
    if name in ("sn", "deviceSerialNumber"):
        return str(value).lower(), told["serial"]
    if name in ("firmware_version", "firmwareVersion"):
        return value.lower().removeprefix("v"), told["firmware"]
    if name in ("battery", "battery_voltage", "latitude", "longitude", "rem_batt_capacity", "vdd"):
        key = {"rem_batt_capacity": "battery", "vdd": "battery_voltage"}.get(name, name)
        return value / 1000 if name == "vdd" else value, told.get(key)
    return _counted(name, value, told) or _measured(name, value, told)


def _counted(name: str, value: Any, told: dict[Any, Any]) -> tuple[Any, Any] | None:
    words = name.replace("periodic", "period").split("_")
    way = words[-1]
    if name.startswith("region_"):
        return value, told.get(("present", f"region {words[1]}"))
    if name.startswith("line_"):
        return value, told.get((f"total_{way}", words[1].partition(".")[0]))
    if way in ("in", "out") and words[0] in ("total", "period"):
        key = f"{words[0]}_{way}"
        return value, told.get((key, ""), told.get((key, "1")))
    return None


def _measured(name: str, value: Any, told: dict[Any, Any]) -> tuple[Any, Any]:
    metric, channel, factor = MEASURED.get(name, (name, "", 1.0))
    found = told.get((metric, channel))
    return pytest.approx(value * factor if isinstance(value, int | float) else value, abs=1e-5), found


def test_nothing_real_is_refused_and_every_message_is_of_a_device() -> None:
    silent = []
    for name, message in lorawan_lines():
        observations = told_by(message)
        if not any(one.device.split("/")[0] in (CHIRPSTACK.name, THE_THINGS_STACK.name) for one in observations):
            silent.append(name)
    assert silent == ["tts_v3:10"]  # downlinks on their way


def test_bodies_say_what_their_origin_expects() -> None:
    differ, compared = {}, 0
    for name, message in lorawan_lines():
        references = message.get("decoded_reference") or []
        told = numbers_of(told_by(message))
        for reference in references if isinstance(references, list) else [references]:
            for member, value in reference["values"].items():
                if member.startswith(LINK) or (message["device"], member) in DIFFERENT:
                    continue
                expected, found = expected_of(member, value, told)
                compared += 1
                if expected != found:
                    differ[name, member] = (expected, found)
    assert not differ
    assert compared > 120


def test_what_differs_from_the_origin_is_known_and_still_does() -> None:
    never = set(DIFFERENT)
    for _, message in lorawan_lines():
        references = message.get("decoded_reference") or []
        for reference in references if isinstance(references, list) else [references]:
            never -= {(message["device"], member) for member in reference["values"]}
    assert never == set()
