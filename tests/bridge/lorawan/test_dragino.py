"""Dragino's models: numbers worked out by hand from the user manuals."""

from typing import Any

import pytest

from firmware_bridge.lorawan.codec import Body, read_body
from firmware_bridge.lorawan.findings import Findings
from firmware_bridge.lorawan.registry import CODECS, find_codec
from tests.bridge.lorawan.test_codecs import humidity, read, temperature

Said = list[tuple[Any, ...]]


def volts(value: float, channel: str) -> tuple[Any, ...]:
    return "voltage", channel, value, "V"


CASES: list[tuple[str, str, Said, float | None]] = [
    # 0x08cd hundredths, 0x0220 tenths, 0xf5c6 hundredths, an outer sensor, the time; no battery
    ("LHT52", "08cd0220f5c60161cd4edd", [temperature(22.53), humidity(54.4), temperature(-26.18, "external")], None),
    ("LHT65N", "cbf60ac501850205dc7fff",
     [temperature(27.57), humidity(38.9), temperature(15.0, "external")], 3.062),
    # the outer sensor is not connected
    ("LHT65N", "cbf60ac5018581ffff7fff", [temperature(27.57), humidity(38.9)], 3.062),
    # what two of count, climate and minutes follow: 2 of them, with the climate in the second place
    ("LHT65N-VIB", "0bc60a000000000b220212",
     [("vibration_count", "", 0, "1"), temperature(28.5), humidity(53.0), ("vibration", "", False)], 3.014),
    ("LHT65N-VIB", "0bc605000000050000000a",
     [("vibration_count", "", 5, "1"), ("vibration_minutes", "", 10, "min"), ("vibration", "", True)], 3.014),
    # its thermometer is none
    ("DDS20-LB", "0d020018000ccc01", [("distance", "", 0.024, "m")], 3.33),
    ("LDDS04", "0d4a03160000031a031501",
     [("distance", "1", 0.79, "m"), ("distance", "3", 0.794, "m"), ("distance", "4", 0.789, "m")], 3.402),
    ("LLDS12", "0ce400fa0b050101001801", [temperature(25.0), ("distance", "", 2.821, "m"), temperature(24, "lidar")],
     3.3),
    ("DS20L", "0ce400012c0000000000", [("distance", "", 0.3, "m")], 3.3),
    ("LSE01", "0ce4000007a5099b01f400",
     [("soil_moisture", "", 19.57, "%"), ("soil_temperature", "", 24.59, "Cel"),
      ("soil_conductivity", "", 500, "uS/cm")], 3.3),
    ("SE01-LB", "0ce40000005a1a2b1c2d80", [("permittivity", "", 9.0, "1")], 3.3),
    ("LSNPK01", "0ce400fa00140028003c00",
     [temperature(25.0), ("soil_nitrogen", "", 20, "mg/kg"), ("soil_phosphorus", "", 40, "mg/kg"),
      ("soil_potassium", "", 60, "mg/kg")], 3.3),
    ("LDS03A", "0100000500000363bfe921",
     [("contact", "", True), ("contact_count", "", 5, "1"), ("contact_minutes", "", 3, "min")], None),
    ("LWL03A", "0000000200000163bfe921",
     [("water_leak", "", False), ("water_leak_count", "", 2, "1"), ("water_leak_minutes", "", 1, "min")], None),
    ("CPL01", "010000c300000063bfe921", [("pulses", "", 195, "1")], None),
    # modes 0, 1, 2, 3, 5 and 8 in bits 2 to 6 of byte 6
    ("SN50V3-LB", "0ce400fa03e80000d70191", [temperature(25.0, "probe"), volts(1.0, "0"), temperature(21.5),
                                             humidity(40.1)], 3.3),
    ("SN50V3-LB", "0ce400fa03e80000d70000", [temperature(25.0, "probe"), volts(1.0, "0"),
                                             ("illuminance", "", 215, "lx")], 3.3),
    ("LSN50V2", "0ce47fff03e80403e8ffff", [volts(1.0, "0"), ("distance", "", 1.0, "m")], 3.3),
    ("SN50V3", "03e807d00bb80800d7019121",
     [volts(1.0, "0"), volts(2.0, "1"), volts(3.0, "2"), temperature(21.5), humidity(40.1)], 3.3),
    ("LSN50V2-D23", "0e41008200000c0034fffd",
     [temperature(13.0, "probe"), volts(0, "0"), temperature(5.2, "probe 2"), temperature(-0.3, "probe 3")], 3.649),
    ("SN50V3", "0ce47fff03e8140000002a", [volts(1.0, "0"), ("pulses", "", 42, "1")], 3.3),
    ("SN50V3", "0ce400fa00fb2000fc0000000500000007",
     [temperature(25.0, "probe"), temperature(25.1, "probe 2"), temperature(25.2, "probe 3"), ("pulses", "1", 5, "1"),
      ("pulses", "2", 7, "1")], 3.3),
    ("D22-LB", "0ce400fa00000cffce7fff", [temperature(25.0, "1"), temperature(-5.0, "2")], 3.3),
    ("S31-LB", "0e1c68a2ef9b0001130191", [temperature(27.5), humidity(40.1)], 3.612),
    ("LTC2", "0ce40109c4fe0c", [temperature(25.0, "1"), temperature(-5.0, "2")], 3.3),
    ("LTC2-LB", "0ce40100faffce63bfe921", [temperature(25.0, "1"), temperature(-5.0, "2")], 3.3),
    # half way from 4 to 20 mA of a probe of 10 m; of one that goes to 1 MPa
    ("PS-LB", "0ce4000a2ee0000000",
     [("current", "", 0.012, "A"), volts(0.0, ""), ("water_level", "", 5.0, "m")], 3.3),
    ("PS-LB", "0ce401022ee0000000",
     [("current", "", 0.012, "A"), volts(0.0, ""), ("pipe_pressure", "", 500.0, "kPa")], 3.3),
    ("TRACKERD", "02863d6806c9e1980f204001f400fa",
     [("position", 42.351976, 113.893784), ("button", "", False), temperature(25.0), humidity(50.0)], 3.872),
    ("LGT92", "02863d68fac29bafcb4560000000",
     [("position", 42.351976, -87.909457), ("button", "", True)], 2.885),
    ("AQS01-L", "0ce400fa01f4277402d001", [temperature(25.0), humidity(50.0), ("pressure", "", 1010.0, "hPa"),
                                           ("co2", "", 720, "[ppm]")], 3.3),
    # 0x88: the first relay and the first input
    ("LT-22222-L", "03e8f8300fa01388880041",
     [("relay", "1", True, ""), ("relay", "2", False, ""), volts(1.0, "1"), volts(-2.0, "2"),
      ("current", "1", 0.004, "A"), ("current", "2", 0.005, "A"), ("input", "1", True, ""), ("input", "2", False, "")],
     None),
    ("LT-22222-L", "0000000500000007000042",
     [("relay", "1", False, ""), ("relay", "2", False, ""), ("pulses", "1", 5, "1"), ("pulses", "2", 7, "1")], None),
    # 5.0 m/s and gusts of 8.0, 90 degrees, -1.5 degrees, 1010 hPa, 1.2 mm
    ("WSC1-L", "00020ce4" "010700320050003203" "0203038404" "0602fff1" "08022774" "0902000c",
     [("wind_speed", "", 5.0, "m/s"), ("wind_gust", "", 8.0, "m/s"), ("wind_direction", "", 90.0, "deg"),
      temperature(-1.5), ("pressure", "", 1010.0, "hPa"), ("rain", "", 1.2, "mm")], 3.3),
    ("T68DL", "0cbf0afe02671f024a", [temperature(28.14), ("temperature_alarm", "", True)], 3.263),
]  # fmt: skip


@pytest.mark.parametrize(("model", "body", "said", "supply"), CASES, ids=[f"{case[0]} {case[1][:8]}" for case in CASES])
def test_what_a_model_says(model: str, body: str, said: Said, supply: float | None) -> None:
    codec, observations, facts = read(body, 2, f"DRAGINO {model}")
    assert (codec, observations, facts.get("voltage_v")) == ("dragino", said, supply)


def test_current_clamps_are_multiplied_as_the_port_tells() -> None:
    assert read("0ce4006400c8012c019000", 0x42, "CS01-LB")[1] == [
        ("current", "1", 3.0, "A"),
        ("current", "2", 6.0, "A"),
        ("current", "3", 3.0, "A"),
        ("current", "4", 4.0, "A"),
    ]


def test_what_a_device_says_of_itself() -> None:
    assert read("29011001000d12", 5, "DRAGINO DDS20-LB") == ("dragino", [], {"firmware": "1.1.0", "voltage_v": 3.346})
    assert read("0b0150 01ff0ce4", 5, "DRAGINO")[2] == {"firmware": "1.5.0", "voltage_v": 3.3}


def test_what_was_stored_brings_its_own_time() -> None:
    record = "7fff09c401f44064ccc6a4"
    body = Body(data=bytes.fromhex(record * 2), f_port=3, model="DRAGINO LHT65N")
    seen = read_body(body, find_codec(body.model, ""), CODECS, Findings("x/1", None, "")).findings.observations
    assert [getattr(one, "value", None) for one in seen] == [25.0, 50.0, 25.0, 50.0]
    assert {one.observed_at.timestamp() for one in seen if one.observed_at} == {0x64CCC6A4}


def test_settings_and_logs_of_other_models_are_left_alone() -> None:
    assert read("4301bb0bed0bfe64ccc6a4", 3, "DRAGINO D20-LB")[1] == []
