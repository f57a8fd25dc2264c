"""The registry as files: each row read or refused with its path, and what was written read as nothing new."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from appliance.errors import Rejected
from appliance.ingest.registry import (
    COLUMNS,
    read_device_features,
    read_device_table,
    write_device_features,
    write_device_table,
)
from appliance.ingest.text import decode_lines
from appliance.ingest.zone_features import ZoneRow, read_zone_features
from appliance.model.device import Device, DeviceSettings, Place
from appliance.model.device_change import DeviceChange, DeviceRow, SettingsChange, merge_place, merge_settings
from appliance.model.device_change import given as told
from tests.conftest import examples

BEGUN = datetime(2026, 11, 22, tzinfo=UTC)
HEADER = ",".join(COLUMNS)
SQUARE = {"type": "Polygon", "coordinates": [[[47, 29], [48, 29], [48, 30], [47, 30], [47, 29]]]}


def table(text: str) -> list[tuple[int, DeviceRow | Rejected]]:
    return list(read_device_table(decode_lines([text.encode()])))


def settings_of(row: DeviceRow) -> dict[str, Any]:
    assert isinstance(row.change.settings, SettingsChange)
    return told(row.change.settings)


def change_of(text: str) -> dict[str, Any]:
    ((_, row),) = table(text)
    assert isinstance(row, DeviceRow), row
    return told(row.change)


def test_a_row_is_a_device_and_what_is_to_be_different_about_it() -> None:
    rows = table(
        "source,name,longitude,latitude,height_m,heading_deg,view_angle_deg,range_m,settings_json\r\n"
        '"zigbee2mqtt/Contact sensor",Door,47.97,29.37,3.5,90,70,40,"{""heartbeat_s"": 120}"\r\n'
    )
    ((line, row),) = rows
    assert isinstance(row, DeviceRow)
    assert (line, row.source, row.change.name) == (2, "zigbee2mqtt/Contact sensor", "Door")
    assert (row.change.longitude, row.change.latitude, row.change.height_m) == (47.97, 29.37, 3.5)
    assert (row.change.heading_deg, row.change.view_angle_deg, row.change.range_m) == (90, 70, 40)
    assert settings_of(row) == {"heartbeat_s": 120, "min_score": None, "muted": None}


def test_a_column_that_is_not_there_leaves_its_member_alone_and_an_empty_one_empties_it() -> None:
    assert change_of("source,name\na/b,\n") == {"name": ""}
    assert change_of("source,longitude,latitude\na/b,,\n") == {"longitude": None, "latitude": None}
    assert change_of("source,registration\na/b,\n") == {}


@pytest.mark.parametrize(
    ("header", "row", "path", "reason"),
    [
        ("source,name", ",Door", "source", "required, and missing"),
        ("source,longitude", "a/b,east", "longitude", "'east' is not a number"),
        ("source,longitude", "a/b,nan", "longitude", "not a finite number"),
        ("source,latitude", "a/b,90.1", "latitude", "<= 90"),
        ("source,heading_deg", "a/b,361", "heading_deg", "<= 360"),
        ("source,view_angle_deg", "a/b,0", "view_angle_deg", "> 0"),
        ("source,range_m", "a/b,-3", "range_m", "> 0"),
        (
            "source,registration",
            "a/b,yes",
            "registration",
            "Invalid enum value 'yes'; there are approved, ignored, pending",
        ),
        ("source,settings_json", "a/b,5", "settings_json", "is not a JSON object"),
        ("source,settings_json", 'a/b,"{""heartbeet"": 5}"', "settings_json", "unknown field heartbeet; there are"),
        ("source,settings_json", 'a/b,"{""heartbeat_s"": -1}"', "settings_json.heartbeat_s", "> 0"),
        ("source,name", "a/b", "$", "1 fields, the header 2"),
        ("source,name", "a/b," + "x" * 201, "name", "length <= 200"),
        ("source,name", 'a/b,"x\x01"', "name", "matching regex"),
    ],
)
def test_a_row_that_cannot_be_is_refused_with_its_column_and_the_next_is_read(
    header: str, row: str, path: str, reason: str
) -> None:
    empty = "," * header.count(",")
    rows = table(f"{header}\n{row}\n\nc/d{empty}\n")
    refused, following = rows[0][1], rows[1]
    assert isinstance(refused, Rejected)
    assert (rows[0][0], refused.path) == (2, path)
    assert reason in refused.reason
    assert following[0] == 4
    assert isinstance(following[1], DeviceRow)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "expected a header row"),
        ("name\nx\n", "no column source"),
        ("source,colour\na,b\n", "no column 'colour' is known"),
        ("source,name,name\na,b,c\n", "names 'name' 2 times"),
    ],
)
def test_a_header_that_says_too_little_or_too_much_is_refused_whole(text: str, reason: str) -> None:
    with pytest.raises(Rejected, match=reason):
        table(text)


def test_a_broken_quote_is_one_bad_row() -> None:
    rows = table('source,name\n"a"b,x\nc/d,y\n')
    assert [(line, type(row)) for line, row in rows] == [(2, Rejected), (3, DeviceRow)]


def test_a_feature_is_a_device_at_its_point_and_null_is_no_place() -> None:
    features = [
        {"type": "Feature", "id": "a/b", "geometry": {"type": "Point", "coordinates": [47.97, 29.37, 3]},
         "properties": {"group": "cameras", "colour": "red", "settings": {"muted": True}}},
        {"type": "Feature", "geometry": None, "properties": {"source": "c/d", "floor": None}},
    ]  # fmt: skip
    first, second = (row for _, row in read_device_features({"type": "FeatureCollection", "features": features}))
    assert isinstance(first, DeviceRow) and isinstance(second, DeviceRow)
    assert (first.source, first.change.longitude, first.change.group) == ("a/b", 47.97, "cameras")
    assert settings_of(first) == {"heartbeat_s": None, "min_score": None, "muted": True}
    assert (second.source, second.change.longitude, second.change.floor) == ("c/d", None, "")
    assert second.change.name is UNSET


@pytest.mark.parametrize(
    ("feature", "path"),
    [
        ("no feature", "$.type"),
        ({"type": "Feature", "geometry": None, "properties": {}}, "$.properties.source"),
        ({"type": "Feature", "id": "a", "geometry": {"type": "LineString"}, "properties": {}}, "$.geometry"),
        ({"type": "Feature", "id": "a", "geometry": {"type": "Point", "coordinates": [1]}}, "$.geometry.coordinates"),
        ({"type": "Feature", "id": "a", "geometry": {"type": "Point", "coordinates": [1, "x"]}},
         "$.geometry.coordinates"),
        ({"type": "Feature", "id": "a", "properties": {"height_m": "high"}}, "$.properties.height_m"),
        ({"type": "Feature", "id": "a", "properties": {"settings": {"muted": 3}}}, "$.properties.settings.muted"),
        ({"type": "Feature", "id": "a", "properties": []}, None),
        ({"type": "Feature", "id": "a", "properties": [1]}, "$.properties"),
    ],
)  # fmt: skip
def test_a_feature_that_cannot_be_is_refused_with_its_path(feature: object, path: str | None) -> None:
    ((place, row),) = read_device_features({"type": "FeatureCollection", "features": [feature]})
    assert place == 1
    assert (row.path if isinstance(row, Rejected) else None) == path


@pytest.mark.parametrize("document", [None, [], {"type": "Point"}, {"type": "FeatureCollection"}])
def test_what_is_no_collection_is_refused_whole(document: object) -> None:
    with pytest.raises(Rejected, match="expected a GeoJSON"):
        list(read_device_features(document))
    with pytest.raises(Rejected, match="expected a GeoJSON"):
        list(read_zone_features(document))


texts = st.text(st.characters(blacklist_categories=["Cc", "Cs"]), max_size=20)


def optional(low: float, high: float) -> st.SearchStrategy[float | None]:
    return st.none() | st.floats(low, high)


devices = st.builds(
    Device,
    id=st.just(1),
    source=texts.filter(bool),
    name=texts,
    family=st.just("f"),
    registration=st.sampled_from(["pending", "approved", "ignored"]),
    state=st.just("online"),
    cause=st.just(""),
    state_at=st.just(BEGUN),
    first_seen=st.just(BEGUN),
    last_seen=st.none(),
    place=st.builds(
        lambda point, **others: Place(longitude=point[0], latitude=point[1], **others),
        st.just((None, None)) | st.tuples(st.floats(-180, 180), st.floats(-90, 90)),
        height_m=optional(-500, 10_000),
        heading_deg=optional(0, 359.99),
        view_angle_deg=optional(0.1, 360),
        range_m=optional(0.1, 20_000),
        floor=texts,
        room=texts,
    ),
    zone=texts,
    in_zone=st.just(""),
    group=texts,
    segment=texts,
    settings=st.builds(
        DeviceSettings, heartbeat_s=optional(1, 86_400), min_score=optional(0, 1), muted=st.none() | st.booleans()
    ),
    facts=st.just({}),
    topics=st.just([]),
    learned_interval_s=st.none(),
    skew_ms=st.none(),
    fix=st.none(),
    rev=st.just(0),
)
BLANK = Place()


def as_table(device: Device) -> Iterator[tuple[int, DeviceRow | Rejected]]:
    return read_device_table(decode_lines([piece.encode() for piece in write_device_table([device])]))


def as_features(device: Device) -> Iterator[tuple[int, DeviceRow | Rejected]]:
    return read_device_features(json.loads("".join(write_device_features([device]))))


@pytest.mark.parametrize("through", [as_table, as_features])
@settings(max_examples=examples(300))
@given(device=devices)
def test_what_is_written_is_read_back_as_the_same_device(
    through: Callable[[Device], Iterator[tuple[int, DeviceRow | Rejected]]], device: Device
) -> None:
    ((_, row),) = through(device)
    assert isinstance(row, DeviceRow), row
    assert row.source == device.source
    assert merge_place(BLANK, row.change) == device.place
    assert merge_settings(DeviceSettings(muted=True, min_score=0.1), row.change.settings) == device.settings
    for name in ("name", "registration", "zone", "group", "segment"):
        assert getattr(row.change, name) == getattr(device, name)


def test_the_written_table_has_every_column_in_its_order() -> None:
    assert next(csv.reader(io.StringIO("".join(write_device_table([]))))) == list(COLUMNS)
    assert json.loads("".join(write_device_features([]))) == {"type": "FeatureCollection", "features": []}


def test_half_a_place_is_refused() -> None:
    with pytest.raises(Rejected, match="longitude and latitude, or neither") as refused:
        merge_place(Place(), DeviceChange(longitude=1.0))
    assert refused.value.path == "$.latitude"


def test_north_is_written_in_one_way() -> None:
    assert merge_place(Place(), DeviceChange(heading_deg=360.0)).heading_deg == 0.0


def zone_rows(geometry: object, **properties: object) -> ZoneRow | Rejected:
    feature = {"type": "Feature", "id": "harbour", "geometry": geometry, "properties": properties}
    ((_, row),) = read_zone_features(feature)
    return row


def test_a_feature_is_a_zone_with_its_capacity_and_settings() -> None:
    row = zone_rows(SQUARE, name="Harbour", capacity=400, settings={"min_score": 0.5}, colour="blue")
    assert isinstance(row, ZoneRow)
    assert (row.zone, row.change.name, row.change.capacity) == ("harbour", "Harbour", 400)
    assert row.change.geometry == SQUARE


@pytest.mark.parametrize(
    ("geometry", "path", "reason"),
    [
        (None, "$.geometry.type", "got none"),
        ({"type": "Point", "coordinates": [1, 2]}, "$.geometry.type", "got Point"),
        ({"type": "Polygon", "coordinates": []}, "$.geometry.coordinates", "not empty"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [0, 0]]]}, "$.geometry.coordinates[0]", "at least four"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}, "$.geometry.coordinates[0]",
         "not closed"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 91], [0, 0]]]}, "$.geometry.coordinates[0][2]",
         "not in the world"),
        ({"type": "MultiPolygon", "coordinates": [SQUARE["coordinates"], [[[0, 0], "x", [1, 1], [0, 0]]]]},
         "$.geometry.coordinates[1][0][1]", "expected [longitude, latitude]"),
    ],
)  # fmt: skip
def test_a_zone_that_is_no_polygon_of_the_world_is_refused_with_its_path(
    geometry: object, path: str, reason: str
) -> None:
    row = zone_rows(geometry)
    assert isinstance(row, Rejected)
    assert (row.path, reason in row.reason) == (path, True)


def test_a_zone_needs_a_key() -> None:
    ((_, row),) = read_zone_features({"type": "Feature", "geometry": SQUARE, "properties": {}})
    assert isinstance(row, Rejected)
    assert row.path == "$.id"
