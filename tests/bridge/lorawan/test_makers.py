"""Makers of few kinds of bodies: sensors, stations, thermostats and trackers, numbers worked out by hand."""

from datetime import UTC, datetime
from typing import Any

import pytest

from firmware_bridge.lorawan.codec import Body, read_body
from firmware_bridge.lorawan.findings import Findings
from firmware_bridge.lorawan.registry import CODECS, find_codec
from tests.bridge.lorawan.test_codecs import humidity, read, temperature

Said = list[tuple[Any, ...]]
Facts = dict[str, Any]

CASES: list[tuple[str, int, str, str, Said, Facts]] = [
    # channel 1, number 0x1001: 26800 thousandths; 0x1002: 62600; a checksum
    ("", 2, "010110b068000001021088f400008cff", "seeed", [temperature(26.8), humidity(62.6)], {}),
    ("", 2, "0000000701020100070064001e0001090000001100014f10000000004019", "seeed", [],
     {"battery_percent": 100.0, "firmware": "1.2"}),
    # an error code instead of a temperature
    ("SENSECAP S2105", 1, "010610e897357701071048a30000010c10b4000000dd0a", "seeed",
     [("soil_moisture", "", 41.8, "%"), ("soil_conductivity", "", 180, "uS/cm")], {}),
    # 23.1 degrees, 66 %, 12000 lx, UV 3.5, 1.5 m/s; 270 degrees, 2 mm/h, 1010.2 hPa; 90 %
    ("SENSECAP S2120", 3, "0100e74200002ee023000f02010e000007d02776035a", "seeed",
     [temperature(23.1), humidity(66), ("illuminance", "", 12000, "lx"), ("uv_index", "", 3.5, "1"),
      ("wind_speed", "", 1.5, "m/s"), ("wind_direction", "", 270, "deg"), ("rain_rate", "", 2.0, "mm/h"),
      ("pressure", "", 1010.2, "hPa")], {"battery_percent": 90.0}),
    ("SENSECAP S2120", 3, "4c0032000003e8", "seeed",
     [("wind_gust", "", 5.0, "m/s"), ("rain_total", "", 1.0, "mm")], {}),
    ("SENSECAP T1000-A", 5, "06000040006502cf150082390e02d37bd400f200641f", "seeed",
     [("button", "sos", True), ("position", 47.414228, 8.534286), temperature(24.2), ("illuminance", "", 100, "%")],
     {"battery_percent": 31.0}),
    ("SENSECAP T1000-A", 5, "0260010a0105010002d0003c003c0001", "seeed", [],
     {"battery_percent": 96.0, "firmware": "1.10"}),
    # 86400 s, 27216 of whatever the meter counts; a sensor in a field says what none in a room does
    ("", 10, "00fe0001518000006a50000000", "tektelic",
     [("consumption_time", "", 86400, "s"), ("consumption", "", 27216, ""), ("meter_status", "", 0, "")], {}),
    ("", 10, "0074 0960 0075 0019 0076 0258 0080 ff9c 0180 001c 0001 ff", "tektelic",
     [("voltage", "", 240, "V"), ("current", "", 2.5, ""), ("frequency", "", 60, "Hz"), ("active_power", "", -10, "W"),
      ("apparent_power", "", 2.8, "VA"), ("switch", "", 1, "1")], {}),
    ("TEKTELIC", 10, "020001", "tektelic", [("light_detected", "", 1, "1")], {}),
    ("TEKTELIC KIWI", 10, "00baae01040579020202d5", "tektelic",
     [("battery_low", "", True), ("input_frequency", "1", 1401, "Hz"), ("input_voltage", "2", 0.725, "V"),
      ("soil_temperature", "", 22.6, "Cel")], {"voltage_v": 2.96}),
    ("", 10, "0b6700d80b685009657fff0900ff01040579", "tektelic",
     [temperature(21.6), humidity(40.0), ("illuminance", "", 32767, "lx"), ("light_detected", "", 1, "1"),
      ("input_frequency", "1", 1401, "Hz")], {}),
    ("TEKTELIC", 10, "00ba0f8c036700e1", "tektelic", [temperature(22.5)], {"voltage_v": 3.98}),
    # precise humidity and place, an index of what evaporates; a soil probe of a hub
    ("RAK WISBLOCK", 1, "0370020d04890085a8f600d6120a001f40058a0064", "cayenne_lpp",
     [("humidity", "3", 52.5, "%"), ("position", 8.759542, 14.029322), ("voc_index", "5", 100, "1")], {}),
    ("RAK SENSORHUB", 4, "01bc00fb02c001d801b85a01ba0194", "cayenne_lpp",
     [("soil_moisture", "1", 25.1, "%"), ("soil_conductivity", "2", 472, "uS/cm")],
     {"battery_percent": 90.0, "voltage_v": 4.04}),
    ("ELSYS ERS", 6, "3e060701081401", "elsys", [], {}),
    # 1000.5 hPa, 22.5 degrees, 40.25 %; mg, thousandths of a degree a second, tenths of a microtesla; 300 lx, 3.6 V
    ("SENSIEDGE", 1, "271508ca0fb9000a0000fff5ee17000003e8012c000000 64012c0168", "sensiedge",
     [("pressure", "", 1000.5, "hPa"), temperature(22.5), humidity(40.25), ("illuminance", "", 300, "lx"),
      ("acceleration", "x", 0.01, "[g]"), ("acceleration", "y", 0, "[g]"), ("acceleration", "z", -0.011, "[g]"),
      ("angular_velocity", "x", -4.585, "deg/s"), ("angular_velocity", "y", 0, "deg/s"),
      ("angular_velocity", "z", 1, "deg/s"), ("magnetic_field", "x", 30, "uT"), ("magnetic_field", "y", 0, "uT"),
      ("magnetic_field", "z", 10, "uT")], {"voltage_v": 3.6}),
    # 29 wanted, 0x5a * 165/256 - 40, 0x78/256; at 250 of 300
    ("MCLIMATE VICKI", 2, "011d5a78fa2c01f080", "mclimate",
     [("setpoint", "", 29, "Cel"), temperature(18.01), humidity(46.875), ("valve_opening", "", 17, "%"),
      ("window", "", False), ("fault", "sensor", False)], {"voltage_v": 3.5}),
    ("MCLIMATE VICKI", 2, "041042811db178fa2c01f880", "mclimate",
     [("setpoint", "", 29, "Cel"), temperature(26.24), humidity(46.875), ("valve_opening", "", 17, "%"),
      ("window", "", True), ("fault", "sensor", False)], {"voltage_v": 3.5}),
    ("MCLIMATE CO2", 2, "0102b9029f80de", "mclimate", [("co2", "", 697, "[ppm]"), temperature(27.1), humidity(50.0)],
     {"voltage_v": 3.376}),
    ("MCLIMATE HT-SENSOR", 2, "0102a180f600fa", "mclimate",
     [temperature(27.3), humidity(50.0), temperature(25.0, "external")], {"voltage_v": 3.568}),
    ("MCLIMATE HT-SENSOR", 2, "01028880ab", "mclimate", [temperature(24.8), humidity(50.0)], {"voltage_v": 2.968}),
    ("MCLIMATE WIRELESS THERMOSTAT", 2, "010267800c301b00029101", "mclimate",
     [temperature(21.5), humidity(50.0), ("setpoint", "", 27, "Cel"), ("illuminance", "", 657, "lx"),
      ("motion", True)], {"voltage_v": 3.12}),
    ("MCLIMATE FLOOD-SENSOR", 2, "42dc17", "mclimate",
     [("water_leak", "", True), ("tamper", "", False), temperature(23)], {"voltage_v": 3.52}),
    # 0x82 * 129/255 - 44; 0x1c572f and 0x054ffb without their lowest byte
    ("ABEEWAY MICRO TRACKER", 1, "03025c8200061c572f054ffb08", "abeeway",
     [temperature(21.8), ("position", 47.547571, 8.912768)], {"battery_percent": 92.0}),
    ("ABEEWAY", 1, "05105c820040020200000000", "abeeway", [temperature(21.8), ("button", "sos", True)],
     {"battery_percent": 92.0, "firmware": "2.2.0"}),
    ("DIGITAL MATTER OYSTER", 1, "0030edec003224450124de", "digital_matter",
     [("motion", True), ("position", -32.0, 116.0), ("speed", "", 10.0, "m/s")], {"voltage_v": 5.55}),
    ("OYSTER", 1, "0030edec003224450200de", "digital_matter", [("motion", False)], {"voltage_v": 5.55}),
    ("YABBY", 4, "30edec322445088e00", "digital_matter",
     [("motion", False), ("position", -32.0, 116.0), ("speed", "", 1.388889, "m/s")], {"voltage_v": 3.55}),
    # 47 degrees 24.848 minutes north, 8 degrees 32.06 minutes west
    ("ADEUNIS FTD", 1, "9e1a47248480008320611512100da1", "adeunis_ftd",
     [temperature(26), ("position", 47.414133, -8.534333)], {"voltage_v": 3.489}),
    ("ADEUNIS DRY CONTACTS", 1, "4040000100000005000201", "adeunis",
     [("pulses", "a", 1, "1"), ("input", "a", 1, ""), ("pulses", "b", 0, "1"), ("input", "b", 0, ""),
      ("pulses", "c", 5, "1"), ("input", "c", 0, ""), ("pulses", "d", 2, "1"), ("input", "d", 0, "")], {}),
    ("ADEUNIS TEMP", 1, "579201b3ff9c01f4ffff", "adeunis", [temperature(43.5, "1"), temperature(-10.0, "2")], {}),
    ("ADEUNIS PULSE", 1, "5a670000012700010002", "adeunis", [("pulses", "a", 295, "1")], {}),
    ("LAIRD RS1XX", 1, "0100213443160500000000", "laird", [humidity(52.33), temperature(22.67)],
     {"battery_percent": 90.0}),
    ("LAIRD RS1XX", 1, "010021349cfb0500000000", "laird", [humidity(52.33), temperature(-6.0)],
     {"battery_percent": 90.0}),
    ("LAIRD RS1XX", 1, "0a000a03", "laird", [], {"voltage_v": 3.1}),
    # tabs: a thermometer on the board, another that is not
    ("", 106, "010b362835", "browan",
     [temperature(21), temperature(22, "board"), ("water_leak", "", True), humidity(40)], {"voltage_v": 3.6}),
    ("", 104, "010b36102700", "browan", [temperature(22), ("illuminance", "", 100.0, "lx")], {"voltage_v": 3.6}),
    ("", 136, "010b36009bd302c05e8200", "browan",
     [temperature(22), ("button", "", True), ("position", 47.422208, 8.543936)], {"voltage_v": 3.6}),
    ("", 136, "080b36009bd302c05e8200", "browan", [temperature(22), ("button", "", False)], {"voltage_v": 3.6}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "port", "body", "codec", "said", "facts"), CASES, ids=[f"{case[0]} {case[2][:8]}" for case in CASES]
)
def test_what_a_body_says(model: str, port: int, body: str, codec: str, said: Said, facts: Facts) -> None:
    named, observations, found = read(body, port, model)
    assert (named, [rounded(one) for one in observations], found) == (codec, said, facts)


def rounded(one: tuple[Any, ...]) -> tuple[Any, ...]:
    """Places to the metre's tenth."""
    return ("position", *(round(part, 6) for part in one[1:])) if one[0] == "position" else one


def test_a_checksum_that_does_not_fit_is_nobody_s() -> None:
    assert read("010110b068000001021088f400008cfe", 2)[0] == ""


def test_records_bring_their_own_time() -> None:
    record = "e040f62ac40b4c6e8a01"
    body = Body(data=bytes.fromhex("04" + record + "62"), f_port=2, model="ENGINKO MCF-LW12TER")
    reading = read_body(body, find_codec(body.model, ""), CODECS, Findings("x/1", None, "up-1"))
    assert [getattr(one, "value", None) for one in reading.findings.observations] == [30.12, 38.0, 1009.74]
    assert {one.observed_at for one in reading.findings.observations} == {datetime(2021, 7, 22, 8, 7, tzinfo=UTC)}
    assert reading.findings.facts == {"battery_percent": 98.0}


def test_a_backlog_of_a_laird_is_counted_from_2000() -> None:
    body = Body(data=bytes.fromhex("0300" + "30000000" + "2a3d4c15"), f_port=1, model="LAIRD RS1XX")
    seen = read_body(body, find_codec(body.model, ""), CODECS, Findings("x/1", None, "")).findings.observations
    assert {one.observed_at for one in seen} == {datetime(2025, 7, 8, 16, 12, 48, tzinfo=UTC)}
