"""Sparkplug B as different encoders write it: types, arrays, data sets, compression, qualities, renderings in JSON."""

import gzip
import struct
import zlib
from typing import Any

import pytest

from appliance.errors import Rejected
from appliance.model.observation import DeviceHealth, EnvironmentReading, Position
from firmware_bridge.family.sparkplug_b.family import FAMILY
from firmware_bridge.family.sparkplug_b.metric import MAX_ELEMENTS
from firmware_bridge.inbound import Memory
from tests.bridge.family.hearing import hear
from tests.bridge.family.sparkplug_wire import BIRTH, DATA, DEATH, MS, NODE, WHEN, field, metric, payload, unit
from tests.bridge.samples import RECEIVED, make_decoder

MINUS_87 = 0xFFFF_FFFF_FFFF_FFA9  # sign-extended


def read(*metrics: bytes, memory: Memory | None = None, topic: str = DATA, seq: int = 1) -> list[tuple[Any, ...]]:
    """(metric, value, unit, channel) of each reading."""
    return told(hear(FAMILY, payload(*metrics, seq=seq), topic, memory=memory))


def told(heard: Any) -> list[tuple[Any, ...]]:
    readings = [one for one in heard if isinstance(one, EnvironmentReading)]
    return [(one.metric, one.value, one.unit, one.channel) for one in readings]


def fixed32(number: int, value: float) -> bytes:
    return bytes([number << 3 | 5]) + struct.pack("<f", value)


def properties(**values: bytes) -> bytes:
    return field(9, b"".join(field(1, key) for key in values) + b"".join(field(2, one) for one in values.values()))


@pytest.mark.parametrize(
    ("kind", "sent", "meant"),
    [
        (1, field(10, 0xFFFF_FFFF), -1),
        (2, field(10, 0xFFFF_FFA9), -87),
        (2, field(10, 0xFFA9), -87),
        (3, field(10, MINUS_87), -87),
        (4, field(11, MINUS_87), -87),
        (5, field(10, MINUS_87), 0xA9),
        (7, field(10, 0xFFFF_FFF6), 0xFFFF_FFF6),
        (7, field(11, 0xFFFF_FFF6), 0xFFFF_FFF6),
        (8, field(11, 2**53), 2**53),
        (9, fixed32(12, 0.5), 0.5),
        (10, field(13, -2.25), -2.25),
        (11, field(14, 1), 1),
        (11, field(10, 1), 1),
    ],
)
def test_a_number_is_what_its_type_says(kind: int, sent: bytes, meant: float) -> None:
    assert read(metric("x", kind=kind, more=sent)) == [("x", meant, "", "")]


@pytest.mark.parametrize("sent", [field(10, 0xFFFF_FFF6), field(11, MINUS_87)])
def test_a_number_that_may_be_negative_waits_for_the_birth_to_tell(sent: bytes) -> None:
    assert read(metric(alias=4, more=sent)) == []
    assert read(metric(alias=4, more=field(10, 70))) == [("alias_4", 70.0, "", "")]


@pytest.mark.parametrize(
    ("kind", "packed", "numbers"),
    [
        (22, b"\xe9\x7b", [-23, 123]),
        (23, struct.pack("<2h", -30000, 30000), [-30000, 30000]),
        (24, struct.pack("<2i", -1, 315338746), [-1, 315338746]),
        (25, struct.pack("<q", -4), [-4]),
        (26, b"\x17\xfa", [23, 250]),
        (29, struct.pack("<Q", 2**40), [2**40]),
        (30, struct.pack("<2f", 1.5, -2.0), [1.5, -2.0]),
        (31, struct.pack("<d", 12.25), [12.25]),
        (32, b"\x0c\x00\x00\x00\x34\xd0", [0, 0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1]),
        (30, b"\x00\x00\x00", []),
        (32, b"\xff\xff\xff\xff\x00", []),
        (33, b"ABC\x00hello\x00", []),
        (17, b"\x01\x02", []),
        (31, struct.pack(f"<{MAX_ELEMENTS + 1}d", *range(MAX_ELEMENTS + 1)), []),
    ],
)
def test_each_number_of_an_array_has_its_channel(kind: int, packed: bytes, numbers: list[float]) -> None:
    expected = [("levels", float(number), "", str(at)) for at, number in enumerate(numbers)]
    assert read(metric("Levels", kind=kind, more=field(16, packed))) == expected


def test_an_array_by_alias_has_the_type_of_the_birth() -> None:
    memory = Memory()
    packed = field(16, struct.pack("<2h", -5, 5))
    born = metric("Levels", 3, kind=23, more=packed + unit("mm"))
    read(born, memory=memory, topic=BIRTH, seq=0)
    assert read(metric(alias=3, more=packed), memory=memory) == [
        ("levels", -5.0, "mm", "0"),
        ("levels", 5.0, "mm", "1"),
    ]


def data_set(*rows: bytes, types: bytes) -> bytes:
    return field(17, field(1, 2) + field(2, "Zone") + field(2, "Offset") + types + b"".join(rows))


def row(zone: str, offset: int) -> bytes:
    return field(4, field(1, field(6, zone)) + field(1, field(1, offset)))


@pytest.mark.parametrize("types", [field(3, 12) + field(3, 2), field(3, b"\x0c\x02")])
def test_the_cells_of_a_data_set_are_read_by_column_and_row(types: bytes) -> None:
    one = metric("Set", kind=16, more=data_set(row("a", 0xFFFF_FFA9), types=types))
    two = metric("Set", kind=16, more=data_set(row("a", 1), row("b", 2), types=types))
    assert read(one) == [("set.offset", -87.0, "", "")]
    assert read(two) == [("set.offset", 1.0, "", "0"), ("set.offset", 2.0, "", "1")]


def test_the_parts_of_what_came_by_alias_are_called_after_it() -> None:
    memory = Memory()
    rate = field(2, field(1, "Rate") + field(4, 3) + field(10, 0xFFFF_FFFF))
    changed = field(2, field(1, "Rate") + field(10, 0xFFFF_FFFE))
    read(metric("Flow", 7, kind=19, more=field(18, rate)), memory=memory, topic=BIRTH, seq=0)
    assert read(metric(alias=7, more=field(18, changed)), memory=memory) == [("flow.rate", -2.0, "", "")]
    assert read(metric(alias=8, more=field(18, rate)), memory=memory, seq=2) == [("alias_8.rate", -1.0, "", "")]


@pytest.mark.parametrize("quality", [field(1, 3) + field(3, 0), field(1, 3) + field(3, 500), field(8, "Bad_Stale")])
def test_what_its_sender_calls_bad_or_stale_is_no_measurement(quality: bytes) -> None:
    good = metric("Flow", kind=10, more=field(13, 4.0) + properties(Quality=field(1, 3) + field(3, 192)))
    bad = metric("Level", kind=10, more=field(13, 0.0) + properties(engUnit=field(8, "m"), Quality=quality))
    heard = hear(FAMILY, payload(good, bad, seq=1), DATA)
    assert told(heard) == [("flow", 4.0, "", "")]
    assert heard[0].attributes == {"not_good": "Level"}


@pytest.mark.parametrize(
    ("body", "envelope"),
    [
        (zlib.compress, field(4, "SPBV1.0_COMPRESSED")),
        (gzip.compress, metric("algorithm", kind=12, more=field(15, "GZIP")) + field(4, "SPBV1.0_COMPRESSED")),
        (gzip.compress, metric("algorithm", kind=12, more=field(15, "GZIP"))),
        (lambda data: zlib.compress(data, wbits=-15), field(4, "SPBV1.0_COMPRESSED")),
    ],
)
def test_a_compressed_payload_is_the_one_within(body: Any, envelope: bytes) -> None:
    inner = payload(metric("Flow", kind=10, more=field(13, 4.0)), seq=1)
    heard = hear(FAMILY, envelope + field(5, body(inner)), DATA)
    assert heard[0] == DeviceHealth(device=NODE, observed_at=WHEN)
    assert told(heard) == [("flow", 4.0, "", "")]


def test_a_compressed_payload_that_is_cut_short_or_swells_is_refused() -> None:
    whole = zlib.compress(bytes(8_000_000))
    for body, reason in ((whole[:50], "cut short"), (whole, "more than"), (b"plain", "neither GZIP")):
        with pytest.raises(Rejected, match=reason):
            hear(FAMILY, field(4, "SPBV1.0_COMPRESSED") + field(5, body), DATA)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Temperature (°F)", ("temperature", 100.0, "Cel", "")),
        ("temperature_F", ("temperature", 100.0, "Cel", "")),
        ("Temperature [C]", ("temperature", 212.0, "Cel", "")),
        ("Tanks/Level (ft)", ("tanks.level", 64.6176, "m", "")),
        ("Motor (A)", ("motor_a", 212.0, "", "")),
        ("Speed (max)", ("speed_max", 212.0, "", "")),
        ("Inputs/A", ("inputs.a", 212.0, "", "")),
        ("Pressure", ("pressure", 212.0, "", "")),  # bar, psi or kPa: it does not say
        ("Pressure (bar)", ("pressure", 212_000.0, "hPa", "")),
        ("Speed", ("speed", 212.0, "", "")),
        ("Speed (km/h)", ("speed", pytest.approx(58.8889, abs=1e-4), "m/s", "")),
    ],
)
def test_a_unit_in_the_name_is_the_unit(name: str, expected: tuple[Any, ...]) -> None:
    assert read(metric(name, kind=10, more=field(13, 212.0))) == [expected]


def test_coordinates_in_a_folder_are_a_position() -> None:
    where = (metric("GPS/Lat", kind=10, more=field(13, 43.65)), metric("GPS/Lng", kind=10, more=field(13, -79.38)))
    heard = hear(FAMILY, payload(*where, metric("Home/Lat", kind=10, more=field(13, 1.0)), seq=1), DATA)
    assert heard[-1] == Position(device=NODE, observed_at=WHEN, latitude=43.65, longitude=-79.38)


def test_an_empty_payload_is_no_birth() -> None:
    assert hear(FAMILY, b"", BIRTH) == []
    assert hear(FAMILY, b"", DEATH) == [DeviceHealth(device=NODE, state="offline")]


def test_a_host_that_is_gone_left_its_will_when_it_came() -> None:
    heard = hear(FAMILY, {"online": False, "timestamp": MS}, "spBv1.0/STATE/scada")
    assert heard == [DeviceHealth(device="sparkplug_b/host/scada", state="offline")]


LONG = {"low": -87, "high": -1, "unsigned": False}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"name": "x", "dataType": "Int32", "value": "50"}, ("x", 50.0, "", "")),
        ({"name": "x", "dataType": "Boolean", "value": "true"}, ("x", 1.0, "", "")),
        ({"name": "x", "type": "FLOAT", "value": 28.5}, ("x", 28.5, "", "")),
        ({"name": "x", "datatype": 3, "intValue": 4294967209}, ("x", -87.0, "", "")),
        ({"name": "x", "datatype": 4, "longValue": "18446744073709551529"}, ("x", -87.0, "", "")),
        ({"name": "x", "datatype": 8, "long_value": "7"}, ("x", 7.0, "", "")),
        ({"name": "x", "datatype": 10, "double_value": 2.5}, ("x", 2.5, "", "")),
        ({"name": "x", "datatype": 11, "booleanValue": False}, ("x", 0.0, "", "")),
        ({"name": "x", "type": "Int64", "value": LONG}, ("x", -87.0, "", "")),
        ({"name": "x", "dataType": "Int64", "longValue": LONG}, ("x", -87.0, "", "")),
        ({"name": "x", "dataType": "integer", "value": 12}, ("x", 12.0, "", "")),
        ({"alias": "0c574252", "dataType": "float", "value": 123}, ("alias_0c574252", 123.0, "", "")),
        (
            {
                "name": "x",
                "datatype": 9,
                "floatValue": 1.5,
                "properties": {"keys": ["Eng_Unit"], "values": [{"type": 12, "stringValue": "bar"}]},
            },
            ("x", 1500.0, "hPa", ""),
        ),
        (
            {"name": "T", "type": "Template", "value": {"metrics": [{"name": "Rate", "type": "Int8", "value": 255}]}},
            ("t.rate", -1.0, "", ""),
        ),
        (
            {"name": "D", "dataType": "DataSet", "value": {"columns": ["a"], "types": ["Int8"], "rows": [[255]]}},
            ("d.a", -1.0, "", ""),
        ),
        (
            {
                "name": "D",
                "datatype": 16,
                "datasetValue": {"columns": ["a"], "rows": [{"elements": [{"intValue": 2}]}]},
            },
            ("d.a", 2.0, "", ""),
        ),
        ({"name": "A", "dataType": "Int32Array", "value": [3]}, ("a", 3.0, "", "0")),
    ],
)
def test_every_rendering_says_the_same(item: dict[str, Any], expected: tuple[Any, ...]) -> None:
    document = {"timestamp": "2023-11-14T22:13:20.000Z", "metrics": [item], "seq": {"low": 1, "high": 0}}
    heard = hear(FAMILY, document, DATA)
    assert heard[0] == DeviceHealth(device=NODE, observed_at=WHEN)
    assert told(heard) == [expected]
    assert told(hear(FAMILY, document)) == [expected]  # and by its shape


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"type": "DateTime", "value": MS}, "2023-11-14T22:13:20Z"),
        ({"datatype": 13, "longValue": str(MS + 500)}, "2023-11-14T22:13:20.500000Z"),
        ({"type": "DateTime", "value": "2023-11-14T22:13:20.000Z"}, "2023-11-14T22:13:20Z"),
        ({"type": "DateTime", "value": 0}, None),
    ],
)
def test_a_time_is_no_measurement_and_is_kept_with_the_device(value: dict[str, Any], said: str | None) -> None:
    document = {"timestamp": MS, "metrics": [{"name": "Last Calibration", **value}], "seq": 1}
    attributes = {"Last Calibration": said} if said else {}
    assert hear(FAMILY, document, DATA) == [DeviceHealth(device=NODE, observed_at=WHEN, attributes=attributes)]


def test_a_definition_and_a_null_tell_nothing() -> None:
    definition = {"isDefinition": True, "metrics": [{"name": "Rate", "type": "Int8", "value": 0}]}
    items = [
        {"name": "_types_/Pump", "type": "Template", "value": definition},
        {"name": "x", "datatype": 10, "is_null": True, "double_value": 0.0},
    ]
    assert told(hear(FAMILY, {"timestamp": MS, "metrics": items}, DATA)) == []


@pytest.mark.parametrize("namespace", ["site/north/spBv1.0", "spJv1.0", "site/spJv1.0"])
def test_a_topic_of_sparkplug_within_another_tells_who_and_what(namespace: str) -> None:
    raw = payload(metric("Flow", kind=10, more=field(13, 4.0)), seq=1)
    decoded = make_decoder().decode(f"{namespace}/Plant/DBIRTH/Edge 1/Press", raw, received_at=RECEIVED)
    assert decoded.observations[0] == DeviceHealth(device=f"{NODE}/Press", observed_at=WHEN, state="online", via=NODE)


def test_without_a_topic_a_birth_need_not_offer_a_rebirth_and_a_will_need_not_tell_the_time() -> None:
    number = metric("bdSeq", kind=8, more=field(11, 1))
    flow = metric("Flow", kind=10, more=field(13, 4.0))
    for document, state in ((payload(number, flow), "online"), (number, "offline")):
        text = document.decode() if document is number else document  # as the decoder hands it over
        health = hear(FAMILY, text)[0]
        assert isinstance(health, DeviceHealth)
        assert health.state == state
