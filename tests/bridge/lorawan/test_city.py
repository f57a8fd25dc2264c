"""Devices that cities hang up: counters, bins and tanks, rooms, valves, trackers; numbers worked out by hand."""

import math
import struct
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.lorawan.codec import Body
from firmware_bridge.lorawan.findings import Findings
from firmware_bridge.lorawan.registry import CODECS
from tests.bridge.lorawan.test_codecs import humidity, read, temperature
from tests.conftest import examples

Said = list[tuple[Any, ...]]
Facts = dict[str, Any]


def counted(what: str, **ways: int) -> Said:
    return [(what, way, number, "1") for way, number in ways.items()]


def hexed(layout: str, *values: float) -> str:
    return struct.pack(layout, *values).hex()


CASES: list[tuple[str, int, str, Said, Facts]] = [
    # the device's own number, a status, 250 hundredths of a volt, 3 and 2, a status, 600 and 590, a count
    ("IMBUILDINGS PEOPLE COUNTER", 1, "0206 0004a30b00000001 08 00fa 0003 0002 00 0258 024e 61",
     [*counted("people_counted", a=3, b=2), *counted("people_counted_total", a=600, b=590)], {"voltage_v": 2.5}),
    ("IMBUILDINGS COMFORT", 1, "0103 0004a30b00000001 00 015e 0898 1194 0320 01",
     [temperature(22.0), humidity(45.0), ("co2", "", 800, "[ppm]"), ("occupancy", "", 1.0, "1")], {"voltage_v": 3.5}),
    ("HKT PEOPLE COUNTER", 1, "686b740007 07 0078 0096 000000c8 000000d2 0364",
     [*counted("people_counted", a=120, b=150), *counted("people_counted_total", a=200, b=210)],
     {"battery_percent": 100.0}),
    ("HKT DOOR SENSOR", 1, "686b740001 0801", [("contact", "", True)], {}),
    ("PARAMETRIC PCR2", 14, "be0104 0005 0006 0064 00c8 0000 0000 00fa",
     [*counted("people_counted", left_to_right=5, right_to_left=6),
      *counted("people_counted_total", left_to_right=100, right_to_left=200)], {}),
    ("PARAMETRIC PCR2", 14, "0a0005160006", counted("people_counted", left_to_right=5, right_to_left=6), {}),
    # 14:10; 1000 of them at 36 km/h, none the other way; 12.4 V
    ("PARAMETRIC TCR-LS", 14, "a2 0e0a 03e8 24 0000 00 7c",
     [("vehicles_counted", "1.left_to_right", 1000, "1"), ("speed", "1.left_to_right", 10.0, "m/s"),
      ("vehicles_counted", "1.right_to_left", 0, "1")], {"voltage_v": 12.4}),
    ("WILSEN.SONIC.LEVEL", 1,
     "040b01 0041 030b06 59 060201" + hexed(">f", 8.5) + "035101 23 065002" + hexed(">i", 8_200_568)
     + "065001" + hexed(">i", -49_398_751),
     [("distance", "", 0.65, "m"), ("fill_level", "", 89, "%"), temperature(8.5), ("position", -49.398751, 8.200568)],
     {"voltage_v": 3.5}),
    ("WILSEN.SONIC.LEVEL", 1, "040b01ffff 035101 23", [], {"voltage_v": 3.5}),
    # 00, 48 * 2 %, 71 - 40 degrees, 12 %, 00
    ("SMARTENDS BRIGHTERBINS", 1, "308e30", [("fill_level", "", 12, "%"), temperature(31)], {"battery_percent": 96.0}),
    ("SMARTENDS BRIGHTERBINS", 1, "308e31", [("distance", "", 3.96, "m"), temperature(-23)],
     {"battery_percent": 24.0}),
    ("ADNEXO AX-DIST", 100, hexed("<HhH", 2612, -15, 3210), [("distance", "", 2.612, "m"), temperature(-1.5)],
     {"voltage_v": 3.21}),
    ("VEGAPULS AIR 41", 1, "08" + hexed(">f", 1.25) + "2d 24 0104 20 09",
     [("distance", "", 1.25, "m"), temperature(26.0), ("inclination", "", 9, "deg")], {"battery_percent": 36.0}),
    # number 9 has a place; 100 inches
    ("VEGAPULS AIR 41", 1, "09" + hexed(">f", 100) + "2f 24" + hexed(">ff", 29.5, 47.75) + "0104 20 09",
     [("distance", "", 2.54, "m"), ("position", 29.5, 47.75), temperature(26.0), ("inclination", "", 9, "deg")],
     {"battery_percent": 36.0}),
    ("LAIIER SEVERN WLD", 99, "0004fd023f18030168",
     [("water_leak", "", True), ("fault", "self test", False), temperature(24)], {}),
    ("ENLESS TX T&H AMB", 1, "00006d041312 00e5 0120 0000 0000 0001 0004",
     [temperature(22.9), humidity(28.8), ("temperature_alarm", "", True)], {"battery_percent": 75.0}),
    ("ENLESS TX CO2", 1, "0000ea253611 ff70 0000 0032 03e8" + "00" * 12 + "0000 0000",
     [temperature(-14.4), humidity(5.0), ("co2", "", 1000, "[ppm]")], {"battery_percent": 100.0}),
    ("ENLESS TX TEMP CONT2", 1, "0000bd0c0a12 00ce ffca 0000 000c", [temperature(20.6, "1"), temperature(-5.4, "2")],
     {"battery_percent": 25.0}),
    ("COMTAC LPN CM-4", 3, "011204c6 03 090b 40", [temperature(23.15), humidity(64)], {"battery_percent": 99.0}),
    ("COMTAC LPN CM-4", 3, "011204c6 03 61a8 fa", [], {"battery_percent": 99.0}),  # neither could be measured
    ("COMTAC LPN CM-1", 3, "10f1f10000000f 0ab6 0a09 1379", [temperature(25.69), humidity(49.85)],
     {"voltage_v": 2.742}),
    # 0x441 - 800 tenths; 0x1ef - 250 tenths
    ("TALKPOOL OY1210", 2, "441e 1f 02b1", [temperature(28.9), humidity(24.5), ("co2", "", 689, "[ppm]")], {}),
    ("THERMOKON MCS LRW", 2, "5448 1000fc 112d 400140 4113 5001",
     [temperature(25.2), humidity(45), ("illuminance", "", 320, "lx"), ("occupancy", "", 1.0, "1"),
      ("motion_count", "", 9, "1"), ("contact", "", True)], {"voltage_v": 1.44}),
    # "3600", 0x31 open, "#", 0x5d17 and 0x8000 of 65536, "C00000A", "V03E8"
    ("STREGA SMART VALVE", 1, b"36001".hex() + "23 5d17 8000" + b"C00000AV03E8".hex(),
     [("valve", "", 1, ""), ("tamper", "", False), ("cable", "", 0, ""), ("input", "0", 0, ""), ("input", "1", 0, ""),
      ("water_leak", "", False), ("fraud", "", False), temperature(20.0), humidity(50.0), ("pulses", "", 10, "1"),
      ("voltage", "analog", 1.0, "V")], {"voltage_v": 3.6, "battery_percent": 100.0}),
    ("STREGA SMART VALVE", 1, b"p000R".hex(),
     [("valve", "", 0, ""), ("tamper", "", True), ("cable", "", 0, ""), ("input", "0", 0, ""), ("input", "1", 0, ""),
      ("water_leak", "", True), ("fraud", "", False)], {}),
    # -1250000 and 4531250 of 256 ten-millionths; north-east at 20 km/h; 20 steps from 3.5 V
    ("OYSTER3", 4, "30edec 322445 21 14 09",
     [("motion", True), ("position", -32.0, 116.0), ("speed", "", 5.555556, "m/s")], {"voltage_v": 4.14}),
    # binary parts of a turn; it moves; 76 steps from 3.5 V; 18 times 5 km/h
    ("OYSTER3", 33, "e825f49b9e872b6a992aab",
     [("motion", True), ("position", -8.333387, -169.285004), ("speed", "", 25.0, "m/s")], {"voltage_v": 5.932}),
    # 231 tenths, 51, a float, 12 hundredths, wet, millivolts
    ("SYNETICA ENLINK", 1, "0100e7 0233 51" + hexed(">f", 60.5) + "07000c 3101 420d02",
     [temperature(23.1), humidity(51), ("sound_level", "", 60.5, "dB"), ("co", "", 0.12, "[ppm]"),
      ("water_leak", "", True)], {"voltage_v": 3.33}),
    # type 3, a tenth, no address, two bytes; type 9 at address 2; type 6, hundredths of klx; type 1
    ("YOSENSI YO-H2O", 1, "02070000 0d 00 01 00e7 25 00 11 02 0056 1a 00 01 000b 04 00 00 01",
     [temperature(23.1), ("pm2_5", "", 8.6, "ug/m3"), ("illuminance", "", 110.0, "lx"), ("flood", "", True)], {}),
    ("YOSENSI YO-PULSE", 1, "02060000 08000112d4 5c0007 00000258 00d37669",
     [("pulses", "", 600, "1"), ("pulses_total", "", 13858409, "1")], {"voltage_v": 4.82}),
    # a battery, a door that is open and 21.5 degrees in one, half per cents, wet, presence
    ("SENSATIVE STRIPS", 1, "ffff 015b 520100d7 065a 0e01 1201",
     [("contact", "", True), temperature(21.5), humidity(45.0), ("flood", "", True), ("occupancy", "", 1.0, "1")],
     {"battery_percent": 91.0}),
    # 5342 l, a large leak, 1800 + 8 * 229 mV, 83 / 2 - 20 degrees
    ("QUANDIFY CUBICMETER", 1, "49fbdf01 0000 de140000" + "00" * 12 + "04 e2 e5 53 54 55",
     [("water_volume", "", 5.342, "m3"), ("water_leak", "", True), ("fault", "ultrasound", False),
      temperature(21.5, "water min"), temperature(22.0, "water max"), temperature(22.5)], {"voltage_v": 3.632}),
    ("DIGITAL MATTER GUPPY", 1, "c382", [("motion", True), temperature(25.0)], {"voltage_v": 3.358}),
    ("DIGITAL MATTER G62", 1, "aa26f5ec16a108450a12cac9330000171c",
     [("motion", True), ("ignition", "", 0, ""), ("position", -31.947811, 115.819342), ("speed", "", 5.0, "m/s"),
      ("voltage", "external", 13.257, "V"), temperature(23)], {"voltage_v": 4.04}),
]  # fmt: skip


def rounded(one: tuple[Any, ...]) -> tuple[Any, ...]:
    return ("position", *(round(part, 6) for part in one[1:])) if one[0] == "position" else one


@pytest.mark.parametrize(
    ("model", "port", "body", "said", "facts"), CASES, ids=[f"{case[0]} {case[2][:8]}" for case in CASES]
)
def test_what_a_body_says(model: str, port: int, body: str, said: Said, facts: Facts) -> None:
    named, observations, found = read(body, port, model)
    assert named
    assert ([rounded(one) for one in observations], found) == (said, facts)


def test_answers_and_settings_are_known_and_measure_nothing() -> None:
    for model, port, body in (
        ("ADNEXO AX-DIST", 5, "04580200"),
        ("PARAMETRIC PCR2", 190, "be0104"),
        ("COMTAC LPN CM-4", 101, "0112"),
        ("STREGA SMART VALVE", 1, b"@0901".hex()),
        ("TALKPOOL OY1110", 1, "012000"),
        ("OYSTER3", 2, "d3010262010a"),
    ):
        assert read(body, port, model)[1:] == ([], {}), model


NAMES = ("imbuildings", "hkt", "parametric", "wilsen", "brighter_bins", "adnexo", "vega", "laiier", "enless", "comtac",
         "talkpool", "thermokon", "strega", "digital_matter", "enlink", "yosensi",
         "sensative", "quandify")  # fmt: skip
OURS = [codec for codec in CODECS if codec.name in NAMES]


@settings(max_examples=examples(300))
@given(st.sampled_from(OURS), st.binary(max_size=40), st.sampled_from([1, 2, 3, 4, 14, 31, 33, 99, 100]))
def test_any_body_is_read_or_is_not(codec: Any, data: bytes, port: int) -> None:
    head = {
        "hkt": b"hkt\x00\x01",
        "parametric": b"\xa2",
        "strega": b"36001",
        "enless": b"\x00\x00\x01\x06\x01\x01",
        "yosensi": b"\x02\x01\x00\x00",
    }
    for body in (data, head.get(codec.name, b"") + data):
        for model in (codec.words[0], "GUPPY", "G62", "CM-1", "CM-2"):
            found = Findings("x/1", None, "")
            codec.read(Body(data=body, f_port=port, model=model), found)
            assert all(math.isfinite(getattr(seen, "value", 0.0)) for seen in found.observations)


def test_what_a_yosensi_measured_a_while_ago_has_its_time() -> None:
    heard = datetime(2026, 11, 23, 12, tzinfo=UTC)
    found = Findings("x/1", heard, "up-1")
    body = bytes.fromhex("0207" + "0e10" + "0d3c01" + "00e7")  # an hour before, and a minute after that
    assert next(codec for codec in CODECS if codec.name == "yosensi").read(Body(data=body, model="YOSENSI"), found)
    assert [one.observed_at for one in found.observations] == [heard - timedelta(minutes=59)]


def test_what_a_strip_kept_has_its_time() -> None:
    heard = datetime(2026, 11, 23, 12, tzinfo=UTC)
    found = Findings("x/1", heard, "up-1")
    body = Body(data=bytes.fromhex("0001" + "0000003c" + "0901" + "00000078" + "0900"), f_port=2, model="SENSATIVE")
    assert next(codec for codec in CODECS if codec.name == "sensative").read(body, found)
    assert [(one.observed_at, getattr(one, "active", None)) for one in found.observations] == [
        (heard - timedelta(minutes=1), True),
        (heard - timedelta(minutes=2), False),
    ]
