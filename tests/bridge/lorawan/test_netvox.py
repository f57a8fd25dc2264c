"""Netvox's reports: eleven bytes each, several in one body; and what a device answers to a setting."""

import struct
from typing import Any

import pytest

from firmware_bridge.lorawan.codec import Body, read_body
from firmware_bridge.lorawan.findings import Findings
from firmware_bridge.lorawan.registry import CODECS
from tests.bridge.lorawan.test_codecs import read, temperature

Said = list[tuple[Any, ...]]
FIRST = "014a019f03e800c81b5801"  # 1000 mA once, 200 and 7000 by what another report tells
FACTORS = "014a029f030a0000000000"


def halves(*values: float) -> str:
    """The upper halves of floats, the lower byte first."""
    return "".join(struct.pack("<f", value)[2:].hex() for value in values)


CASES: list[tuple[str, str, Said, dict[str, Any]]] = [
    ("three phases in one report", "014a032405dd05d41b5836",
     [("current", "1", 15.01, "A"), ("current", "2", 7.46, "A"), ("current", "3", 700.0, "A")], {"voltage_v": 3.6}),
    ("three phases in two", FIRST + FACTORS,
     [("current", "1", 1.0, "A"), ("current", "2", 0.6, "A"), ("current", "3", 70.0, "A")], {"voltage_v": 3.1}),
    ("the first alone", FIRST, [("current", "1", 1.0, "A")], {"voltage_v": 3.1}),
    # 0b001001: the first is too low, the second too high
    ("limits", "014a049f09000000000000",
     [("low_current", "1", True), ("high_current", "1", False), ("low_current", "2", False),
      ("high_current", "2", True), ("low_current", "3", False), ("high_current", "3", False)], {"voltage_v": 3.1}),
    ("of itself", "014a000b02202007060000", [], {"firmware": "1.1"}),
    ("one phase, ten times", "0149012401f40a00000000", [("current", "", 5.0, "A")], {"voltage_v": 3.6}),
    ("two leaks", "0106012400010000000000", [("water_leak", "1", False), ("water_leak", "2", True)],
     {"voltage_v": 3.6}),
    ("a button", "0155012401000000000000", [("button", "", True)], {"voltage_v": 3.6}),
    # a socket has no battery: its third byte says whether it is on
    ("a socket", "010e0101000007d0000001",
     [("switch", "", 1, ""), ("energy", "", 2.0, "kWh"), ("overcurrent", "", False), ("dash_current", "", False),
      ("power_outage", "", True)], {}),
    ("what it draws", "010e0200e6006400170000",
     [("voltage", "", 230, "V"), ("current", "", 0.1, "A"), ("power", "", 23, "W")], {}),
    ("a bin", "0134012401009bff381e05", [("distance", "", 0.155, "m"), temperature(-20.0), ("level", "", 30, "%")],
     {"voltage_v": 3.6}),
    ("acceleration", "011c0124" + halves(1.5, -2.0, 0.25) + "00",
     [("acceleration", "x", 1.5, "m/s2"), ("acceleration", "y", -2.0, "m/s2"), ("acceleration", "z", 0.25, "m/s2")],
     {"voltage_v": 3.6}),
    ("gases; none is fitted for the last", "01050624000a0014ffff00",
     [("no2", "", 1.0, "[ppm]"), ("so2", "", 2.0, "[ppm]")], {"voltage_v": 3.6}),
    ("wind and air", "01050d24005a00018b7f00", [("wind_direction", "", 90, "deg"), ("pressure", "", 1012.47, "hPa")],
     {"voltage_v": 3.6}),
    ("a probe", "0191012400fa0000000000", [temperature(25.0)], {"voltage_v": 3.6}),
    ("only here", "0126012400000000000000", [], {"voltage_v": 3.6}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "said", "facts"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_a_report_says(body: str, said: Said, facts: dict[str, Any]) -> None:
    assert read(body, 6) == ("netvox", said, facts)


@pytest.mark.parametrize(("body", "port"), [("820b003c003c0100640064", 7), ("82010000010001fc180000", 14)])
def test_what_is_answered_to_a_setting_measures_nothing(body: str, port: int) -> None:
    reading = read_body(Body(data=bytes.fromhex(body), f_port=port), None, CODECS, Findings("x/1", None, ""))
    assert (reading.codec, reading.complete, reading.findings.observations) == ("netvox", True, [])


def test_an_answer_all_devices_may_give_is_theirs_where_they_are_named() -> None:
    assert read("810000000000", 20)[0] == ""
    assert read("810000000000", 20, "NETVOX R716S")[0] == "netvox"


def test_a_named_device_may_report_on_a_port_of_the_site() -> None:
    assert read("0101011d08790a7a000000", 1)[0] == ""
    assert read("0101011d08790a7a000000", 1, "NETVOX R711")[1][0] == temperature(21.69)
