"""The bodies of LoRaWAN uplinks: what each maker's bytes say, and what of those that several could have sent."""

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.model.observation import Alarm, EnvironmentReading, Motion, Observation, PeopleCount, Position
from firmware_bridge.lorawan import dragino_models
from firmware_bridge.lorawan.codec import Body, read_body
from firmware_bridge.lorawan.findings import Findings
from firmware_bridge.lorawan.milesight_command import COMMANDED
from firmware_bridge.lorawan.registry import CODECS, find_codec
from firmware_bridge.lorawan.yobiiq import YOBIIQ
from tests.conftest import examples


def said(observation: Observation) -> tuple[Any, ...]:
    """An observation in short."""
    if isinstance(observation, EnvironmentReading):
        return observation.metric, observation.channel, observation.value, observation.unit
    if isinstance(observation, Alarm):
        return observation.name, observation.area, observation.active
    if isinstance(observation, Motion):
        return "motion", observation.active
    if isinstance(observation, PeopleCount):
        present = (observation.entered, observation.left, observation.present)
        return "people", observation.line, *present, observation.cumulative
    assert isinstance(observation, Position)
    return "position", observation.latitude, observation.longitude


def read(body: str, f_port: int = 0, model: str = "") -> tuple[str, list[tuple[Any, ...]], dict[str, Any]]:
    """Codec, observations and facts of a body in hexadecimal digits."""
    named = find_codec(model, "")
    reading = read_body(
        Body(data=bytes.fromhex(body), f_port=f_port, model=model), named, CODECS, Findings("x/1", None, "")
    )
    return reading.codec, [said(one) for one in reading.findings.observations], reading.findings.facts


def temperature(value: float, channel: str = "") -> tuple[Any, ...]:
    return "temperature", channel, value, "Cel"


def humidity(value: float) -> tuple[Any, ...]:
    return "humidity", "", value, "%"


OF_THEMSELVES = [
    # channel 1 type 0x75: 92 %; 3/0x67: 0x0134 = 308 tenths; 4/0x68: 0x65 = 101 halves
    ("01755c03673401046865", 85, "milesight", [temperature(30.8), humidity(50.5)], {"battery_percent": 92.0}),
    # 0xffdd = -35 tenths of a degree
    ("0367ddff04685e", 85, "milesight", [temperature(-3.5), humidity(47.0)], {}),
    ("017564039450000000", 85, "milesight", [("illuminance", "", 80, "lx")], {"battery_percent": 100.0}),
    (
        "03d2be00000004d23101000005cc00000000",
        85,
        "milesight",
        [("people", "1", 190, 305, None, True), ("people", "", 0, 0, None, False)],
        {},
    ),
    # a window that is open: 6/0x00 is the contact of an EM300-MCS
    ("0367340104686506 0001", 85, "milesight", [temperature(30.8), humidity(50.5), ("contact", "", True)], {}),
    # pir of an AM300, told by the light level beside it
    ("05000106cb02", 85, "milesight", [("motion", True), ("light_level", "", 2, "1")], {}),
    # 0x0177bcde and 0x0708ff08 millionths of a degree; tilted
    ("0500010488debc770108ff080720", 85, "milesight", [("tilt", "", True), ("position", 24.62435, 118.030088)], {}),
    # 01 temperature 226, 02 humidity 41, 04 light 39, 05 motion 6, 06 CO2 776, 07 supply 3426 mV
    (
        "0100e202290400270506060308070d62",
        5,
        "elsys",
        [
            temperature(22.6),
            humidity(41),
            ("illuminance", "", 39, "lx"),
            ("motion_count", "", 6, "1"),
            ("co2", "", 776, "[ppm]"),
        ],
        {"voltage_v": 3.426},
    ),
    # version 2, device 0x1b50, flags 1101: battery 3109 mV, SHT21 words 0x67bd and 0x618d, 48400 * 2 Pa
    (
        "021b50000f0c25002500270027002701f50107012c012d012d012d67bd618dbd10",
        1,
        "decentlab",
        [
            ("pm1", "", 3.7, "ug/m3"),
            ("pm2_5", "", 3.9, "ug/m3"),
            ("pm4", "", 3.9, "ug/m3"),
            ("pm10", "", 3.9, "ug/m3"),
            ("particle_size", "", 501, "nm"),
            ("particles", "pm0_5", 26.3, "/cm3"),
            ("particles", "pm1", 30.0, "/cm3"),
            ("particles", "pm2_5", 30.1, "/cm3"),
            ("particles", "pm4", 30.1, "/cm3"),
            ("particles", "pm10", 30.1, "/cm3"),
            temperature(24.356605),
            humidity(41.632217),
            ("pressure", "", 968.0, "hPa"),
        ],
        {"voltage_v": 3.109},
    ),
    # 0x24 = 36 tenths of a volt; 0x0670 and 0x1a9e hundredths
    ("010b012406701a9e000000", 6, "netvox", [temperature(16.48), humidity(68.14)], {"voltage_v": 3.6}),
    ("0112012401000000000000", 6, "netvox", [("water_leak", "", True)], {"voltage_v": 3.6}),
    ("010507002134ffffffff00", 6, "netvox", [("co2", "", 850.0, "[ppm]")], {}),
    ("036700e104684d00ba0b9e", 10, "tektelic", [temperature(22.5), humidity(38.5)], {"voltage_v": 2.974}),
    # Cayenne's own example: 3/0x67 272 tenths, 5/0x67 255 tenths
    ("03670110056700ff", 1, "cayenne_lpp", [temperature(27.2, "3"), temperature(25.5, "5")], {}),
    ("0188 06765f f2960a 0003e8", 1, "cayenne_lpp", [("position", 42.3519, -87.9094)], {}),
    (
        "017510020b010300010400000500010600000700 00",
        8,
        "yobiiq",
        [
            ("mains", "", 1, "1"),
            ("battery_low", "", True),
            ("fault", "", False),
            ("smoke", "", True),
            ("smoke_interconnected", "", False),
            ("test_button", "", False),
        ],
        {"battery_percent": 16.0},
    ),
    ("010b352f", 105, "browan", [temperature(21), ("sound_level", "", 47, "dB")], {"voltage_v": 3.6}),
]


@pytest.mark.parametrize(("body", "port", "codec", "observations", "facts"), OF_THEMSELVES)
def test_a_body_tells_who_wrote_it_where_one_grammar_alone_fits(
    body: str, port: int, codec: str, observations: list[tuple[Any, ...]], facts: dict[str, Any]
) -> None:
    assert read(body, port) == (codec, observations, facts)


NAMED = [
    ("017564030001", 85, "MILESIGHT WS202", [("motion", True)]),
    ("017564030001", 85, "MILESIGHT WS301", [("contact", "", True)]),
    ("017564030001", 85, "VS341-868M", [("occupancy", "", 1.0, "1")]),
    ("017564030001", 85, "WS303", [("water_leak", "", True)]),
    ("03673401046865050001", 85, "EM300-SLD", [temperature(30.8), humidity(50.5), ("water_leak", "", True)]),
    ("03673401046865050001", 85, "EM300-DI", [temperature(30.8), humidity(50.5), ("input", "", 1, "")]),
    # LHT65: 0xcbf6 & 0x3fff = 3062 mV, 2757 hundredths, 0x0185 = 389 tenths, an outer probe at 0x0a3f = 2623
    (
        "cbf60ac50185010a3f7fff",
        2,
        "DRAGINO LHT65",
        [temperature(27.57), humidity(38.9), temperature(26.23, "external")],
    ),
    ("0b4505dc00ff0101", 2, "LDDS75", [("distance", "", 1.5, "m"), temperature(-25.5)]),
    ("01", 1, "BOSCH TPS110", [("occupancy", "", 1.0, "1")]),
    ("0112", 2, "PARKING LOT SENSOR", [("occupancy", "", 1.0, "1"), temperature(18)]),
    ("00d3d800590b", 2, "NWAVE G4_NPS_FM", [("occupancy", "", 0.0, "1"), temperature(-10.0)]),
    ("37660115660 1".replace(" ", ""), 1, "PNI PLACEPOD", [("occupancy", "", 1.0, "1"), ("occupancy", "", 1.0, "1")]),
    ("00000010000000080 0".replace(" ", ""), 1, "TERABEE", [("people", "", 16, 8, None, True)]),
    # DL-MBX: 1234 mm, one valid sample
    ("02012f000304d200010bb1", 1, "DECENTLAB DL-MBX", [("distance", "", 1.234, "m"), ("valid_samples", "", 1, "1")]),
    ("02016700033e8060170c7f", 1, "DL-PR26", [("liquid_pressure", "", -0.011719, "bar"), temperature(25.671875)]),
    (
        "0202f8000300040258409a00000c54",
        1,
        "DL-TBRG",
        [("rain", "", 0.4, "mm"), ("rain_interval", "", 600, "s"), ("rain_total", "", 1653.8, "mm")],
    ),
    # 0x9000 - 0x8000 = 4096 of 32768, of 3 V across twice 10 Ohm
    ("020001000390000c80", 1, "DL-DLR2-004", [("current", "", 0.01875, "A")]),
    # 0x00800000 + 0x00400000 of 2^23: half the way
    ("0200010003000000c00c80", 1, "DL-DLR2-006", [("potentiometer", "", 0.5, "1")]),
    # 13/256 of the bridge are 106.996 Ohm of platinum, 0.350312 of it 1078.40 Ohm with the other curve
    ("02000100030000008d0c80", 1, "DL-DLR2-008", [temperature(17.951937)]),
    ("0200010003d70a00ac0c80", 1, "DL-DLR2-009", [temperature(20.106972)]),
    ("0200010003000000810c80", 1, "DL-DLR2-012", [("strain", "", 241.723391, "um/m")]),
    # 16384 counts in 32768 ticks
    ("020001000340008000000 00c80".replace(" ", ""), 1, "DL-DWS", [("frequency", "", 16384, "Hz")]),
    ("020001000315180c80", 1, "DL-IFD", [("fruit_size", "", 54.0, "mm")]),
    ("020001000388ca0c80", 1, "DL-ILT", [("leaf_temperature", "", 22.5, "Cel")]),
    ("020001000309c40c80", 1, "DL-ISD", [("stem_size", "", 2.5, "mm")]),
    ("0200010003500059800c80", 1, "DL-PR21", [temperature(20.4)]),
    (
        "02000100030000008800000084 0c80".replace(" ", ""),
        1,
        "DL-ZN2",
        [("dendrometer", "a", 1250, "um"), ("dendrometer", "b", 625, "um")],
    ),
    # permittivity 10: 0.0043 - 0.055 + 0.292 - 0.053
    (
        "020001000301f402580c80",
        1,
        "DL-5TM",
        [("permittivity", "", 10, "1"), ("soil_moisture", "", 18.83, "%"), ("soil_temperature", "", 20.0, "Cel")],
    ),
]


@pytest.mark.parametrize(("body", "port", "model", "observations"), NAMED)
def test_the_model_decides_what_bytes_mean(
    body: str, port: int, model: str, observations: list[tuple[Any, ...]]
) -> None:
    assert read(body, port, model)[1] == observations


def test_a_channel_that_means_different_things_is_a_state_and_no_alarm() -> None:
    assert read("017564030001", 85) == ("milesight", [("state", "3", 1, "")], {"battery_percent": 100.0})


def test_models_with_the_same_shape_tell_only_what_they_all_say() -> None:
    # two words and a battery: distance, pressure, climate or soil; 2993 mV in any case
    assert read("02012f000304d200010bb1", 1) == ("decentlab", [], {"voltage_v": 2.993})


@pytest.mark.parametrize("body", ["02023b00020c60", "02016700040c60"])
def test_a_battery_alone_is_a_battery_whichever_model_has_it(body: str) -> None:
    assert read(body, 1) == ("decentlab", [], {"voltage_v": 3.168})


def test_two_codecs_that_fit_leave_what_both_say() -> None:
    twin = msgspec.structs.replace(YOBIIQ, name="twin")
    reading = read_body(Body(data=bytes.fromhex("017564"), f_port=8), None, (YOBIIQ, twin), Findings("x/1", None, ""))
    assert (reading.codec, reading.fits) == ("", ("yobiiq", "twin"))
    assert (reading.findings.observations, reading.findings.facts) == ([], {"battery_percent": 100.0})


def test_a_milesight_nobody_names_is_known_on_another_port_only_where_nobody_else_fits() -> None:
    assert read("017564", 85)[0] == "milesight"
    assert read("017564", 8)[0] == "yobiiq"
    assert read("0367ddff04685e", 12) == ("milesight", [temperature(-3.5), humidity(47.0)], {})


def test_stored_records_bring_their_own_time() -> None:
    body = Body(data=bytes.fromhex("20ce781a4165df006e"), f_port=85)
    seen = read_body(body, None, CODECS, Findings("x/1", None, "up-1")).findings.observations
    assert [said(one) for one in seen] == [temperature(22.3), humidity(55.0)]
    assert {one.observed_at.timestamp() for one in seen if one.observed_at} == {0x65411A78}
    assert {one.observation_id for one in seen} == {""}


def test_a_stored_record_of_an_am308_has_humidity_in_two_bytes() -> None:
    # 225 tenths, 110 halves, still, light 2, 450 ppm, an index of 227, 10136 tenths, 25 and 50 ug/m3
    record = "20ce781a4165" + "e100" + "6e00" + "00" + "02" + "c201" + "e300" + "9827" + "1900" + "3200"
    assert read(record, 85)[1] == [
        temperature(22.5),
        humidity(55.0),
        ("motion", False),
        ("light_level", "", 2, "1"),
        ("co2", "", 450, "[ppm]"),
        ("voc", "", 227, "1"),
        ("pressure", "", 1013.6, "hPa"),
        ("pm2_5", "", 25, "ug/m3"),
        ("pm10", "", 50, "ug/m3"),
    ]


def test_a_stored_record_that_makes_no_sense_leaves_the_rest_of_the_body() -> None:
    body = "01755503 67ee0004687c20ce6535ca0c00e1006e016401c2000a279700190032"
    assert read(body, 85) == ("milesight", [temperature(23.8), humidity(62.0)], {"battery_percent": 85.0})


@pytest.mark.parametrize("body", ["", "aa", "54656d7065726174757265203d20302e30", "ff" * 40, "00" * 11])
def test_what_nobody_wrote_says_nothing(body: str) -> None:
    assert read(body, 1) == ("", [], {})


@pytest.mark.parametrize(
    ("model", "dev_eui", "codec"),
    [
        ("MILESIGHT EM300-TH", "", "milesight"),
        ("CHIRPSTACK DEFAULT DEVICE PROFILE | GATE 3 | PARKS", "24e124136b3e0001", "milesight"),
        ("", "a84041000181c0de", "dragino"),
        ("DRAGINO | MILESIGHT PILOT", "24e124136b3e0001", "dragino"),
        ("SENSOR", "70b3d57ba0000bce", "decentlab"),
        ("TEAM500 ROOM", "1000000000000001", None),
    ],
)
def test_a_device_is_named_by_words_before_its_number(model: str, dev_eui: str, codec: str | None) -> None:
    found = find_codec(model, dev_eui)
    assert (found.name if found else None) == codec


def assert_sound(findings: Findings) -> None:
    """Whatever was read, its numbers are finite and it can be written down."""
    for seen in findings.observations:
        assert math.isfinite(getattr(seen, "value", 0.0)), seen
        assert msgspec.json.encode(seen)


MODELS = sorted({*dragino_models.MODELS, *COMMANDED, "VICKI", "THERMOSTAT", "CO2", "BUTTON", "HT-SENSOR", "FLOOD"})
"""Which name a layout of their own within a maker's codec."""


@settings(max_examples=examples(600))
@given(
    st.binary(max_size=60),
    st.sampled_from([1, 2, 3, 5, 6, 8, 9, 10, 50, 85, 102, 103, 105, 106]),
    st.sampled_from(CODECS),
    st.sampled_from(MODELS),
)
def test_any_bytes_are_read_without_an_error(data: bytes, port: int, named: Any, own: str) -> None:
    for codec, model in ((None, ""), (named, " ".join(named.words)), (named, f"{named.words[:1]} {own}")):
        findings = Findings("x/1", None, "")
        read_body(Body(data=data, f_port=port, model=model), codec, CODECS, findings)
        assert_sound(findings)
