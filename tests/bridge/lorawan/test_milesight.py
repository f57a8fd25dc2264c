"""Milesight's bodies, model by model: numbers worked out by hand from the user guides."""

from typing import Any

import pytest

from firmware_bridge.lorawan.codec import Body, read_body
from firmware_bridge.lorawan.findings import Findings
from firmware_bridge.lorawan.milesight_alarm import ECHOES
from firmware_bridge.lorawan.milesight_table import TABLE
from firmware_bridge.lorawan.registry import CODECS
from tests.bridge.lorawan.test_codecs import humidity, read, temperature

Said = list[tuple[Any, ...]]


def a_fault(part: str, active: bool = True) -> tuple[Any, ...]:
    return "fault", part, active


def setpoint(value: float) -> tuple[Any, ...]:
    return "setpoint", "", value, "Cel"


def code(name: str, value: int) -> tuple[Any, ...]:
    return name, "", value, ""


CASES: list[tuple[str, str, Said]] = [
    # a current clamp: 0x07d0 hundredths of an ampere; nothing could be read
    ("0498d007", "CT101", [("current", "1", 20.0, "A"), a_fault("current 1", False)]),
    ("0498ffff", "CT101", [a_fault("current 1")]),
    ("0699e80308990a00", "CT310", [
        ("current", "2", 100.0, "A"), a_fault("current 2", False),
        ("current", "3", 1.0, "A"), a_fault("current 3", False),
    ]),
    # greatest, smallest, present; bit 0 over the threshold, bit 1 no more so, bit 2 over range, bit 3 no more so
    ("8498b80bd007c40901", "CT103", [("current", "1", 25.0, "A"), ("current_alarm", "", True)]),
    ("8498b80bd007c40902", "CT103", [("current", "1", 25.0, "A"), ("current_alarm", "", False)]),
    ("8699b80bd007c40908", "CT305", [("current", "2", 250.0, "A"), ("current_alarm", "2", False)]),
    ("106310270000137501", "CT105", [("energy", "1", 100.0, "kWh"), ("battery_low", "", True)]),
    # a thermostat: what it wants, how it works (0x72: mode 2, status 7), its fan (0x06: mode 2, status 1), running
    ("036711010467fa0005e77206e806088e01096844", "WT201", [
        temperature(27.3), setpoint(25.0), code("control_mode", 2), code("control_status", 7),
        code("fan_mode", 2), code("fan_status", 1), code("switch", 1), humidity(34.0),
    ]),
    ("8367fb0007", "WT201", [temperature(25.1), ("temperature_alarm", "", True)]),
    ("8367fb0008", "WT201", [temperature(25.1), ("temperature_alarm", "", False)]),
    ("b36701b96802", "WT201", [a_fault("temperature"), a_fault("humidity")]),
    ("03670a0104672c01059232070001060000", "WT101", [
        temperature(26.6), setpoint(30.0), ("valve_opening", "", 50, "%"), ("window", "", True),
    ]),
    # a controller: two counters, two levels, two relays
    ("03c80a00000004c814000000050001060000070101080100", "UC300-868M", [
        ("pulses", "1", 10, ""), ("pulses", "2", 20, ""), ("input", "3", 1, ""), ("input", "4", 0, ""),
        ("output", "1", 1, ""), ("output", "2", 0, ""),
    ]),
    ("096702010a67feff", "UC300", [temperature(25.8, "1"), temperature(-0.2, "2")]),
    # 0x0190 hundredths of a milliampere; 0x0148 hundredths of a volt
    ("0b02900100000d0248010000", "UC300", [("current", "1", 0.004, "A"), ("voltage", "1", 3.28, "V")]),
    # short floats 4.0, 3.0, 5.0 and 4.0; the least may come first or second
    ("0be20044004200450044", "UC300", [
        ("current", "1", 0.004, "A"), ("current", "1 min", 0.003, "A"), ("current", "1 max", 0.005, "A"),
        ("current", "1 mean", 0.004, "A"),
    ]),
    # registers: channel 1 a word 523 of two bytes, channel 4 -2 with a sign, channel 5 a float 1.5
    ("ff190002020b02ff19030282feffff190404050000c03f", "UC300", [
        ("modbus", "1", 523, ""), ("modbus", "4", -2, ""), ("modbus", "5", 1.5, ""),
    ]),
    ("ff0e092610270000ff1507", "UC501", [("modbus", "3", 10000, ""), a_fault("modbus 1")]),
    ("0502983a000000000000", "UC501", [
        ("analog_input", "1", 15.0, ""), ("analog_input", "1 min", 0, ""), ("analog_input", "1 max", 0, ""),
        ("analog_input", "1 mean", 0, ""),
    ]),
    ("08db02" + b"a+1.5-0.25+25.7\r\n".ljust(36, b"\0").hex(), "UC502", [
        ("sdi12", "3.0", 1.5, ""), ("sdi12", "3.1", -0.25, ""), ("sdi12", "3.2", 25.7, ""),
    ]),
    ("01c805000000020001090101", "UC1152", [("pulses", "1", 5, ""), ("input", "2", 1, ""), ("output", "1", 1, "")]),
    ("03f600320a7b1100b97b01", "UC521", [
        ("valve_opening", "1", 50, "%"), ("pipe_pressure", "2", 17, "kPa"), a_fault("pressure 1"),
    ]),
    # a screen that repeats the text it was told, and its button
    ("017564fb01000447617465ff2e00", "DS3604", [("button", "", True)]),
    # switches: the first and third on, all three changed; the second alone
    ("ff2975", "WS503", [("switch", "1", 1, ""), ("switch", "2", 0, ""), ("switch", "3", 1, "")]),
    ("082911", "WS501", [("switch", "1", 1, "")]),
    ("08310005", "WS558", [("switch", str(n), int(n in (1, 3)), "") for n in range(1, 9)]),
    ("ff34021150", "WS136", [("button", "2", True)]),
    # a weather station: 121.0 degrees, 1006.3 hPa, 5.0 m/s, 1.23 mm since it began
    ("0584ba0406734f270792320008ec7b00000001", "WTS506", [
        ("wind_direction", "", 121.0, "deg"), ("pressure", "", 1006.3, "hPa"), ("wind_speed", "", 5.0, "m/s"),
        ("rain_total", "", 1.23, "mm"),
    ]),
    ("8792960001", "WTS506", [("wind_speed", "", 15.0, "m/s"), ("wind_alarm", "", True)]),
    # a radar that watches beds: fallen, then the alarm of it and its end
    ("03f804020a003c00", "VS373", [("occupancy", "", 1.0, "1"), ("fall", "", True)]),
    ("06fb0100000200", "VS373", [("fall", "", False)]),
    ("04f901000101", "VS373", [("occupancy", f"region {n}", float(n == 2), "1") for n in range(1, 5)]),
    ("06fe05000400", "VS321", [("occupancy", "region 1", 0, "1"), ("occupancy", "region 3", 1, "1")]),
    ("09da0100020000000300", "VS121", [
        ("people", "A to A", 1, None, None, False), ("people", "A to B", 2, None, None, False),
        ("people", "A to C", 0, None, None, False), ("people", "A to D", 3, None, None, False),
    ]),
    ("94823b01080002", "EM410-RDL", [("distance", "", 0.315, "m"), ("distance_alarm", "", True)]),
    ("9468500402", "TS201", [humidity(40.0), ("humidity_alarm", "", True)]),
    ("83d70a01000001", "EM500-PT100", [temperature(26.6), ("temperature_alarm", "", True)]),
    # what evaporates: in ppb, as an index beside a level of light, as a mass
    ("087d4f00", "AM107", [("voc", "", 79, "[ppb]")]),
    ("087de300", "AM319", [("voc", "", 227, "1")]),
    ("06cb01087de300", "", [("light_level", "", 1, "1"), ("voc", "", 227, "1")]),
    ("08e64f00", "AM308", [("voc", "", 79, "ug/m3")]),
    ("067de803", "GS301", [("hydrogen_sulfide", "", 1.0, "[ppm]")]),
    # one byte of command: vaping index, PM2.5, temperature over its range, humidity, VOC, tampered with
    ("010c0502000a020b43020d30000f01", "GS601", [
        ("vaping_index", "", 12, "1"), ("pm2_5", "", 2, "ug/m3"), a_fault("temperature"), humidity(57.9),
        ("voc", "", 48, "[ppb]"), ("tamper", "", True),
    ]),
    ("0a11e600021132", "GS601", [
        temperature(23.0), ("temperature_alarm", "", True), ("vaping_index", "", 50, "1"), ("vaping", "", True),
    ]),
    ("0064016608043406c409", "WT102", [
        temperature(21.5), ("valve_opening", "", 52, "%"), setpoint(25.0),
    ]),
    ("04f6ffffff050f02", "TS601", [temperature(-0.1), humidity(52.7)]),
]  # fmt: skip


@pytest.mark.parametrize(("body", "model", "said"), CASES, ids=[f"{model} {body[:8]}" for body, model, _ in CASES])
def test_what_a_model_says(body: str, model: str, said: Said) -> None:
    assert read(body, 85, model)[:2] == ("milesight", said)


RECORDS: list[tuple[str, str, Said]] = [
    # eleven bits of tenths from -100, five of what it did; 0x9ed0 >> 5 = 1270, 0x91c0 >> 5 = 1166
    ("20ce5c470a65d09ec091", "", [temperature(27.0), setpoint(16.6)]),
    ("20ceae5ba6640301240165", "WS203", [("occupancy", "", 1.0, "1"), temperature(29.2), humidity(50.5)]),
    ("21cec79afa641205000000", "UC511", [("valve", "2", 0, ""), ("pulses", "2", 5, "")]),
    ("21cec79afa647800", "UC511", [("pipe_pressure", "", 120, "kPa")]),
    ("20cec79afa6402f1006401", "TS201", [temperature(24.1), humidity(50.0)]),
    ("20cec79afa6440f1000000", "TS301", [temperature(24.1)]),
    ("20cec79afa644af401f100", "TS301", [temperature(24.1), humidity(50.0)]),
    # 4: a thermometer; 5: a contact, stored since it was opened
    ("20cec79afa6445f1000100", "TS302", [temperature(24.1, "1"), ("contact", "2", True)]),
    ("20cec79afa6404e8030000", "VS133", [("people", "1", None, 1000, None, True)]),
    ("20cec79afa64e803f100000000", "EM410", [("distance", "", 1.0, "m"), temperature(24.1)]),
    ("21cedff40b65f100640001010a000a0000803b45", "EM300-DI", [
        temperature(24.1), humidity(50.0), ("input", "", 1, ""),
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("body", "model", "said"), RECORDS, ids=[f"{model} {body[:4]}" for body, model, _ in RECORDS])
def test_what_was_stored_while_nobody_listened(body: str, model: str, said: Said) -> None:
    assert read(body, 85, model)[:2] == ("milesight", said)


def test_what_one_channel_means_is_told_by_its_company_where_nobody_names_the_model() -> None:
    assert read("036711010467fa0005e772", 85)[1][1] == setpoint(25.0)
    assert read("01756404670101", 85)[1] == [temperature(25.7, "2")]
    assert read("030001050001070101080100", 85)[1] == [
        ("input", "1", 1, ""),
        ("input", "3", 1, ""),
        ("output", "1", 1, ""),
        ("output", "2", 0, ""),
    ]


@pytest.mark.parametrize("body", ["ffcb0d1101ffca158004", "fff600", "ff030005fe1001", "04ee01"])
def test_settings_said_back_are_understood_and_measure_nothing(body: str) -> None:
    reading = read_body(Body(data=bytes.fromhex(body), f_port=85), None, CODECS, Findings("x/1", None, ""))
    assert (reading.codec, reading.complete, reading.findings.observations) == ("milesight", True, [])


def test_echoes_have_channels_of_their_own() -> None:
    assert all(len(TABLE[key]) == 1 for key in ECHOES)


def test_a_body_is_told_up_to_the_first_command_nobody_knows() -> None:
    assert read("050200" + "99" + "070200", 85, "GS601") == ("milesight", [("pm2_5", "", 2, "ug/m3")], {})
