"""GeoJSON of the answers, and bbox as text."""

import itertools
import json

import pytest

from appliance.errors import Rejected
from appliance.spatial.cells import cell_of
from appliance.spatial.geojson import feature, feature_collection, multipolygon, parse_bbox, point
from appliance.spatial.geometry import cell_polygons


def test_an_event_is_a_feature_with_longitude_first() -> None:
    answer = feature_collection([feature(point(47.97, 29.37), {"event_type": "motion"}, "cam7-000123")])
    assert json.loads(json.dumps(answer)) == {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "id": "cam7-000123",
                "geometry": {"type": "Point", "coordinates": [47.97, 29.37]},
                "properties": {"event_type": "motion"},
            }
        ],
    }


def test_a_feature_without_an_id_has_no_such_member() -> None:
    assert "id" not in feature(None, {})
    assert feature(None, {}, 0)["id"] == 0


def test_a_cell_is_a_multipolygon_of_closed_counterclockwise_rings() -> None:
    geometry = multipolygon(cell_polygons(cell_of(lat=0.0, lng=180.0, resolution=4)))
    assert geometry["type"] == "MultiPolygon"
    assert len(geometry["coordinates"]) == 2
    for (ring,) in geometry["coordinates"]:
        assert ring[0] == ring[-1]
        assert sum(a[0] * b[1] - b[0] * a[1] for a, b in itertools.pairwise(ring)) > 0


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("47.9,29.2,48.1,29.4", (47.9, 29.2, 48.1, 29.4)),
        (" -180, -90, 180, 90 ", (-180.0, -90.0, 180.0, 90.0)),
        ("179,-10,-179,10", (179.0, -10.0, -179.0, 10.0)),
        ("1,2,1,2", (1.0, 2.0, 1.0, 2.0)),
    ],
)
def test_a_bbox_is_west_south_east_north_and_may_cross_the_antimeridian(text: str, bounds: tuple[float, ...]) -> None:
    assert parse_bbox(text) == bounds


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("", "write west,south,east,north"),
        ("1,2,3", "write west,south,east,north"),
        ("1,2,3,4,5,6", "write west,south,east,north"),
        ("a,2,3,4", "write west,south,east,north"),
        ("nan,2,3,4", "finite"),
        ("1,2,inf,4", "finite"),
        ("29.2,147.9,29.4,148.1", "the order is west,south,east,north"),
        ("181,0,190,1", "within 180"),
        ("1,4,3,2", "south 4 lies above north 2"),
    ],
)
def test_a_bbox_that_cannot_be_read_is_refused_with_the_remedy(text: str, remedy: str) -> None:
    with pytest.raises(Rejected, match=remedy):
        parse_bbox(text)
