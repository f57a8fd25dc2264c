"""GeoJSON to critical assets: what is read of a feature, and where a wrong one is wrong."""

from typing import Any

import pytest

from appliance.errors import Rejected
from appliance.ingest import asset_features
from appliance.ingest.asset_features import KINDS, read_asset_features
from appliance.model.asset import AssetChange, AssetRow, AssetSettingsChange

POINT = {"type": "Point", "coordinates": [47.97, 29.37]}
RING = [[47.9, 29.3], [47.91, 29.3], [47.91, 29.31], [47.9, 29.3]]
SHAPES: dict[str, Any] = {
    "Point": [47.97, 29.37],
    "MultiPoint": [[47.97, 29.37], [47.98, 29.37]],
    "LineString": [[47.97, 29.37], [47.98, 29.37]],
    "MultiLineString": [[[47.97, 29.37], [47.98, 29.37]]],
    "Polygon": [RING],
    "MultiPolygon": [[RING]],
}


def feature(geometry: object = POINT, key: object = "s1", **properties: object) -> dict[str, Any]:
    return {"type": "Feature", "id": key, "properties": properties, "geometry": geometry}


def read(*features: object) -> list[Any]:
    return [item for _, item in read_asset_features({"type": "FeatureCollection", "features": list(features)})]


def test_a_feature_says_what_an_asset_is_to_be() -> None:
    (row,) = read(
        feature(name="North", kind="substation", criticality=5, buffer_m=250, settings={"threshold": 60}, colour="red")
    )
    assert row == AssetRow(
        asset_id="s1",
        change=AssetChange(
            name="North", kind="substation", criticality=5, buffer_m=250,
            settings=AssetSettingsChange(threshold=60), geometry=POINT,
        ),
    )  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_points_lines_and_polygons_are_taken_single_and_many(kind: str) -> None:
    (row,) = read(feature({"type": kind, "coordinates": SHAPES[kind]}))
    assert isinstance(row, AssetRow)


def test_a_key_may_be_a_number_or_a_property() -> None:
    numbered, named = read(feature(key=7), {**feature(asset_id="p"), "id": "s2"})
    assert (numbered.asset_id, named.asset_id) == ("7", "s2")
    without = {"type": "Feature", "properties": {"asset_id": "p"}, "geometry": POINT}
    assert read(without)[0].asset_id == "p"


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"type": "Point"}, "type"),
        (feature(key=""), "id"),
        (feature(key="a/b"), "id"),
        (feature(None), "geometry.type"),
        (feature({"type": "Circle", "coordinates": []}), "geometry.type"),
        (feature({"type": "Point", "coordinates": [181, 0]}), "geometry.coordinates"),
        (feature({"type": "MultiPoint", "coordinates": [[0, 0], [0, 91]]}), "geometry.coordinates[1]"),
        (feature({"type": "MultiPoint", "coordinates": []}), "geometry.coordinates"),
        (feature({"type": "LineString", "coordinates": [[0, 0]]}), "geometry.coordinates"),
        (feature({"type": "LineString", "coordinates": [[0, 0], [0, 0]]}), "geometry.coordinates"),
        (feature({"type": "LineString", "coordinates": [[0, 0], [0, "x"]]}), "geometry.coordinates[1]"),
        (feature({"type": "MultiLineString", "coordinates": [[[0, 0], [0, 1]], [[0, 0]]]}), "geometry.coordinates[1]"),
        (feature({"type": "Polygon", "coordinates": [RING[:-1]]}), "geometry.coordinates[0]"),
        (feature({"type": "Polygon"}), "geometry.coordinates"),
        (feature(criticality=6), "properties.criticality"),
        (feature(criticality="high"), "properties.criticality"),
        (feature(buffer_m=-1), "properties.buffer_m"),
        (feature(buffer_m=20_000), "properties.buffer_m"),
        (feature(settings={"treshold": 1}), "properties.settings"),
        (feature(settings={"threshold": 101}), "properties.settings.threshold"),
    ],
)
def test_a_wrong_feature_says_where_it_is_wrong_and_the_next_is_read(wrong: object, path: str) -> None:
    refused, taken = read(wrong, feature())
    assert isinstance(refused, Rejected)
    assert refused.path == f"$.features[0].{path}"
    assert isinstance(taken, AssetRow)


def test_what_is_no_geojson_is_refused_whole() -> None:
    for document in ([], {}, {"type": "FeatureCollection"}, {"type": "Point", "coordinates": [0, 0]}):
        with pytest.raises(Rejected, match="expected a GeoJSON"):
            list(read_asset_features(document))


def test_more_than_anybody_draws_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asset_features, "MAX_POSITIONS", 3)
    monkeypatch.setattr(asset_features, "MAX_PARTS", 2)
    line = [[0, 0], [0, 1], [0, 2], [0, 3]]
    long, many = read(
        feature({"type": "LineString", "coordinates": line}), feature({"type": "MultiPoint", "coordinates": line[:3]})
    )
    assert "more than 3 positions" in long.reason and "more than 2 parts" in many.reason
