"""Shapes as callers write them, and what is said of those that cannot be taken."""

import json

import pytest

from appliance.errors import Rejected
from appliance.spatial.extent import boxes
from appliance.spatial.shape import MAX_CORNERS, MAX_WAYPOINTS, Box, Corridor, Disc, area, corridor, disc


def written(*places: tuple[float, float]) -> str:
    """Places (lng, lat) as the API takes them."""
    return json.dumps([{"lat": lat, "lon": lng} for lng, lat in places])


def test_waypoints_and_corners_are_arrays_of_lat_and_lon() -> None:
    text = written((47.9, 29.3), (48.0, 29.4), (48.1, 29.3))
    assert corridor(text, 50).line == ((47.9, 29.3), (48.0, 29.4), (48.1, 29.3))
    assert area(text).ring == ((47.9, 29.3), (48.0, 29.4), (48.1, 29.3))


def test_a_ring_may_be_closed_or_not() -> None:
    ring = ((47.9, 29.3), (48.0, 29.4), (48.1, 29.3))
    assert area(written(*ring, ring[0])) == area(written(*ring))


def test_an_area_over_the_antimeridian_is_two_polygons_that_meet_there() -> None:
    found = area(written((179, -18), (-179, -18), (-179, -16), (179, -16)))
    assert found.ring == ((179, -18), (181, -18), (181, -16), (179, -16))
    west, east = sorted(found.parts, key=min, reverse=True)
    assert {lng for lng, _ in west} == {179, 180} and {lng for lng, _ in east} == {-180, -179}
    assert [(w, e) for w, _, e, _ in boxes(found)] == [
        (pytest.approx(-180), pytest.approx(-179)),
        (pytest.approx(179), pytest.approx(180)),
    ]


@pytest.mark.parametrize(("lat", "pole"), [(80, 90), (-80, -90)])
def test_a_ring_around_a_pole_holds_it(lat: float, pole: float) -> None:
    found = area(written((-120, lat), (0, lat), (120, lat)))
    assert found.ring[-2:] == ((240, pole), (-120, pole))
    assert {y for part in found.parts for _, y in part} == {lat, pole}
    assert min(x for part in found.parts for x, _ in part) == -180
    assert max(x for part in found.parts for x, _ in part) == 180


def test_a_disc_over_the_antimeridian_has_two_boxes_and_one_around_a_pole_goes_around_the_earth() -> None:
    assert len(boxes(Disc(lng=179.9999, lat=0, radius_m=100))) == 2
    ((west, _, east, north),) = boxes(Disc(lng=10, lat=89.9999, radius_m=100))
    assert (west, east, north) == (-180, 180, 90)


def test_the_box_of_a_long_leg_holds_its_bulge_towards_the_pole() -> None:
    ((_, _, _, north),) = boxes(Corridor(line=((-5.0, 60.0), (5.0, 60.0)), buffer_m=1))
    assert north > 60.09  # the middle of the great circle: atan(tan 60 / cos 5)


def test_a_box_over_the_antimeridian_has_two_spans() -> None:
    box = Box(bounds=(170.0, -10.0, -170.0, 10.0))
    assert box.spans == [(170.0, 180.0), (-180.0, -170.0)]
    assert box.ring == ((170.0, -10.0), (190.0, -10.0), (190.0, 10.0), (170.0, 10.0))


@pytest.mark.parametrize(
    ("given", "path", "says"),
    [
        ({"lng": 0, "lat": 90.1, "radius_m": 1}, "lat", "not between"),
        ({"lng": float("nan"), "lat": 0, "radius_m": 1}, "lon", "not between"),
        ({"lng": 0, "lat": 0, "radius_m": 0}, "radius", "not above 0"),
        ({"lng": 0, "lat": 0, "radius_m": float("nan")}, "radius", "not above 0"),
        ({"lng": 0, "lat": 0, "radius_m": 100_001}, "radius", "at most 100,000 m"),
    ],
)
def test_a_disc_that_cannot_be_is_refused(given: dict[str, float], path: str, says: str) -> None:
    with pytest.raises(Rejected, match=says) as refused:
        disc(**given)
    assert refused.value.path == path


@pytest.mark.parametrize(
    ("text", "path", "says"),
    [
        ("", "polygon", "JSON array of places"),
        ("[[47.9, 29.3]]", "polygon", "JSON array of places"),
        ('[{"lat": 1, "lon": 2, "alt": 3}]', "polygon", "alt"),
        (written((0, 0), (1, 1)), "polygon", "at least 3"),
        (written((0, 0), (1, 1), (0, 0), (1, 1)), "polygon", "at least 3 different"),
        (written(*[(0, 0)] * (MAX_CORNERS + 2)), "polygon", "too many"),
        (written((0, 0), (1, 91), (1, 0)), "polygon[1].lat", "not between -90 and 90"),
        (written((0, 0), (181, 1), (1, 0)), "polygon[1].lon", "not between -180 and 180"),
        (written(*[(-120, 10), (0, 11), (120, 12)] * 2), "polygon", "more than once"),
    ],
)
def test_a_polygon_that_cannot_be_is_refused(text: str, path: str, says: str) -> None:
    with pytest.raises(Rejected, match=says) as refused:
        area(text)
    assert refused.value.path == path


@pytest.mark.parametrize(
    ("text", "buffer_m", "path", "says"),
    [
        (written((0, 0)), 10, "waypoints", "at least 2"),
        (written(*[(0, 0)] * (MAX_WAYPOINTS + 1)), 10, "waypoints", "at most 200"),
        (written((0, 0), (10, 0)), 10, "waypoints", "from waypoint 0 to the next"),
        (written((0, 0), (1, 0)), 10_001, "buffer", "at most 10,000 m"),
        (written((0, 0), (1, 0)), -1, "buffer", "not above 0"),
    ],
)
def test_a_corridor_that_cannot_be_is_refused(text: str, buffer_m: float, path: str, says: str) -> None:
    with pytest.raises(Rejected, match=says) as refused:
        corridor(text, buffer_m)
    assert refused.value.path == path
