"""GeoJSON points to events: collections, features and sequences of them."""

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import Rejected
from appliance.ingest.files import Row
from appliance.model.event import Event

Read = Callable[..., list[Row]]
Told = Callable[[list[Row]], list[tuple[int, str]]]


def feature(
    event_type: str = "a", geometry: str = '{"type": "Point", "coordinates": [1, 2, 30]}', more: str = ""
) -> str:
    properties = f'{{"event_type": "{event_type}", "event_timestamp": "2026-11-21T10:00:00Z", "k": null{more}}}'
    return f'{{"type": "Feature", "id": 7, "geometry": {geometry}, "properties": {properties}}}'


def test_a_point_is_the_place_and_the_id_the_event_id(read: Read) -> None:
    ((line, event),) = read("geojson", feature(more=', "severity": 0.5, "zone": "gate", "latitude": 80'))
    assert line == 1
    assert isinstance(event, Event), event
    assert (event.event_id, event.longitude, event.latitude, event.severity) == ("7", 1.0, 2.0, 0.5)
    assert event.event_timestamp == datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert event.attributes == {"zone": "gate"}
    ((_, named),) = read("geojson", feature(more=', "event_id": "own"'))
    assert isinstance(named, Event)
    assert named.event_id == "own"


A, B = feature("a"), feature("b")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (f'{{"type": "FeatureCollection", "features": [{A}, {B}]}}', [1, 1]),
        (f'{{"type": "FeatureCollection", "name": "x",\n"features": [\n{A},\n\n{B}\n]\n}}\n', [3, 5]),
        (f'\n{{"features": [{A},\n{B.replace(", ", f",{chr(10)}")}], "type": "FeatureCollection"}}', [2, 3]),
        (f"{A}\n\n{B}\n", [1, 3]),
        (f"\x1e{A}\n\x1e{B}\n", [1, 2]),
        (f"\x1e{A.replace(', ', f',{chr(10)}', 2)}\n\x1e\n{B}\n", [1, 4]),
        (f'{{"type": "FeatureCollection", "features": [{A}]}}\n{B}\n', [1, 2]),
    ],
)
def test_features_are_found_on_their_lines(read: Read, told: Told, text: str, lines: list[int]) -> None:
    assert told(read("geojson", text)) == list(zip(lines, "ab", strict=True))


def test_a_feature_alone_may_spread_over_lines(read: Read, told: Told) -> None:
    assert told(read("geojson", A.replace(", ", ",\n"))) == [(1, "a")]


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (
            feature(geometry='{"type": "LineString", "coordinates": [[1, 2], [3, 4]]}'),
            "expected a Point, got LineString",
        ),
        (feature(geometry="null"), r"\$\.geometry: expected a Point, got none"),
        (feature(geometry='{"type": "Point", "coordinates": []}'), r"coordinates: expected \[longitude, latitude\]"),
        (feature(geometry='{"type": "Point", "coordinates": ["1", "2"]}'), "longitude: expected a number, got text"),
        (feature(geometry='{"type": "Point", "coordinates": [1000, 2]}'), "longitude: 1000 is not between"),
        ('{"type": "Feature", "properties": [], "geometry": null}', "expected a Point"),
        ('{"type": "Feature", "properties": [1]}', r"\$\.properties: expected an object"),
        ('{"type": "Point", "coordinates": [1, 2]}', r"\$\.type: expected a Feature"),
        ("{}", "expected a Feature"),
        ("7", "not GeoJSON: Expected `object`"),
        ('{"type": "FeatureCollection"}', r"\$\.features: a FeatureCollection without features"),
        ('{"type": "FeatureCollection", "features": 7}', "not GeoJSON: Expected `array"),
        ("{" * 100_000, "not GeoJSON"),
        (feature(more=', "x": ' + "[" * 50 + "]" * 50), "nested deeper than 32"),
        (feature(more=', "x": ' + "[" * 50_000 + "]" * 50_000), "nested deeper|nested too deep"),
    ],
)
def test_what_is_no_point_feature_costs_only_itself(read: Read, bad: str, says: str) -> None:
    rows = read("geojson", f"{A}\n{bad}\n{B}\n")
    assert [line for line, _ in rows] == [1, 2, 3]
    assert isinstance(rows[1][1], Rejected)
    assert isinstance(rows[2][1], Event)
    with pytest.raises(Rejected, match=says):
        raise rows[1][1]


def test_a_document_cut_short_is_refused_as_a_whole(read: Read, told: Told) -> None:
    ((line, complaint),) = told(read("geojson", f'{{"type": "FeatureCollection",\n"features": [\n{A},\n'))
    assert line == 1
    assert complaint.startswith("not GeoJSON: ")


def test_the_same_map_as_for_a_table(read: Read) -> None:
    text = '{"type": "Feature", "properties": {"MCI": "Assault", "d": "12/31/2018", "X": "-79.4", "Y": 43.7, "id": 9}}'
    maps = ["event_type=MCI", "longitude=X", "latitude=Y", "event_timestamp=d", "event_id=id"]
    ((_, event),) = read("geojson", text, *maps, formats=("%m/%d/%Y",), tz="America/Toronto")
    assert isinstance(event, Event), event
    assert (event.event_id, event.event_type, event.longitude, event.latitude) == ("9", "Assault", -79.4, 43.7)
    assert event.event_timestamp == datetime(2018, 12, 31, 5, tzinfo=UTC)
    assert event.attributes == {}


places = st.tuples(st.floats(-180, 180), st.floats(-90, 90)).filter(any)  # 0, 0 is none


@given(st.lists(places, max_size=5), st.sampled_from([0, 1, 4]), st.booleans())
def test_points_that_were_written_are_read_back(
    read: Read, points: list[tuple[float, float]], indent: int, as_sequence: bool
) -> None:
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": point},
            "properties": {"event_type": "x", "event_timestamp": 0},
        }
        for point in points
    ]
    whole = msgspec.json.encode({"type": "FeatureCollection", "features": features})
    text = msgspec.json.format(whole, indent=indent)
    if as_sequence:
        text = b"".join(
            b"\x1e" + msgspec.json.format(msgspec.json.encode(one), indent=indent) + b"\n" for one in features
        )
    rows = read("geojson", text)
    assert [(event.longitude, event.latitude) for _, event in rows if isinstance(event, Event)] == points
