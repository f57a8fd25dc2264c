"""Yobiiq's meters, relays and detectors: each told from the others by port, channel and a complete reading."""

from typing import Any

import pytest

from firmware_bridge.lorawan.codec import Body, read_body
from firmware_bridge.lorawan.findings import Findings
from firmware_bridge.lorawan.registry import CODECS
from tests.bridge.lorawan.test_codecs import read

Said = list[tuple[Any, ...]]

CASES: list[tuple[str, int, str, Said, dict[str, Any]]] = [
    ("meter of itself", 50, "ff090200 ff0a2301 ff1601ed0333 ff0f02 ff0b01 ff0001 ff28454d32313031",
     [("relay", "", 1, "")], {"firmware": "35.1", "serial": "32310067"}),
    ("energy in two tariffs, in Wh", 1, "0101673c2924 0203673c25dc 030400001388 04050000e9d0 0b0a00",
     [("energy_imported", "tariff 1", 5.0, "kWh"), ("energy_imported", "tariff 2", 59.856, "kWh")], {}),
    ("phases", 2, "fe036735fedc fe0c00000906 fe0e00000902 fe100000555d fe0fffffff38 fe1d5f fe231383",
     [("voltage", "L1", 231.0, "V"), ("voltage", "L3", 230.6, "V"), ("current", "L1", 21.853, "A"),
      ("current", "total", -0.2, "A"), ("power_factor", "L1", 0.95, "1"), ("frequency", "", 49.95, "Hz")], {}),
    # apparent power in VA, of which the active power in W is a part
    ("the system", 3, "fe0365d77304 fe24000881e1 fe2500009b35 fe2600088262",
     [("power", "system", 557537, "W"), ("reactive_power", "system", 39733, "var"),
      ("apparent_power", "system", 557666, "VA")], {}),
    ("a meter's relay and input", 11, "010101 020200", [("relay", "", 1, ""), ("input", "1", 0, "")], {}),
    ("why a relay opened", 60, "fd0101 fd0202 fd0801", [("overcurrent", "", True)], {}),
    ("relays", 1, "ddfd6735d060 dd9501 dd9700000005 dd9802 dd710753 dd7238",
     [("relay", "1", 1, ""), ("relay_count", "1", 5, "1"), ("relay", "2", 0, ""),
      ("temperature", "internal", 18.75, "Cel"), ("humidity", "internal", 56, "%")], {}),
    ("relays that changed", 11, "aafe6735d830 aa0203 aa0001", [("relay", "2", 1, ""), ("overheat", "", True)], {}),
    ("relays of themselves", 50, "ff050200 ff040201 ff038f3c1740 ff0252 ff0159 ff0764 ff0824",
     [], {"firmware": "2.1", "serial": "2403080000", "battery_percent": 100.0, "voltage_v": 3.6}),
    ("a detector of itself", 50, "ff090100 ff0a0105 ff162401640000 ff0f00 ff0b00",
     [], {"firmware": "1.5", "serial": "2401640000"}),
    ("settings", 100, "ff1201 ff1502d0 ff6700", [], {}),
    ("limits", 50, "ff3c0064 ff3d00fa ff4403", [], {}),
]  # fmt: skip


@pytest.mark.parametrize(("port", "body", "said", "facts"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_what_a_message_says(port: int, body: str, said: Said, facts: dict[str, Any]) -> None:
    assert read(body, port) == ("yobiiq", said, facts)
    assert read(body, port, "YOBIIQ EM2101") == ("yobiiq", said, facts)


def test_values_are_of_the_time_they_were_logged_at() -> None:
    body = Body(data=bytes.fromhex("0101673c2924 0203673c25dc 030400001388 0405 0000e9d0 0b0a00"), f_port=1)
    seen = read_body(body, None, CODECS, Findings("x/1", None, "up-1")).findings.observations
    assert {one.observed_at.timestamp() for one in seen if one.observed_at} == {0x673C25DC}


@pytest.mark.parametrize(
    ("body", "port"),
    [
        ("0101000029240203000025dc", 1),  # clocks of 1970
        ("0101673c2924 02990000", 1),  # an unknown register
        ("ddfd6735d060 dd97000000", 1),  # cut off
        ("010101 020200", 12),  # no port of theirs
        ("0301673c2924 0103673c25dc", 1),  # channels do not go back
    ],
)
def test_what_is_not_complete_is_not_theirs(body: str, port: int) -> None:
    assert read(body, port)[0] != "yobiiq"
