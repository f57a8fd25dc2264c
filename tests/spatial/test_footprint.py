"""Footprints: what lies in them, in which cells they lie and how much of each, wherever on the Earth."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.errors import Rejected
from appliance.spatial.cells import EVENT_RESOLUTION, area_km2, cell_of
from appliance.spatial.cover import cells_touching, cover
from appliance.spatial.extent import boxes
from appliance.spatial.footprint import LEG_M, MAX_LEG_M, distances_beyond_m, footprint_of, share_of
from appliance.spatial.footprint_cells import MAX_CELLS, check_extent, find_cells
from appliance.spatial.shape import Footprint
from appliance.spatial.view import EARTH_RADIUS_M, destination, distance_m
from tests.conftest import examples

KUWAIT = (47.97, 29.37)
Position = tuple[float, float]


def point(lng: float, lat: float, radius_m: float) -> Footprint:
    return footprint_of({"type": "Point", "coordinates": [lng, lat]}, radius_m)


def square(west: float, south: float, size: float) -> list[list[float]]:
    east, north = west + size, south + size
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def polygon(*rings: list[list[float]], buffer_m: float = 0) -> Footprint:
    return footprint_of({"type": "Polygon", "coordinates": list(rings)}, buffer_m)


def beyond(footprint: Footprint, lng: float, lat: float) -> float:
    return float(distances_beyond_m(footprint, np.array([lng]), np.array([lat]))[0])


def area_in(footprint: Footprint, resolution: int) -> float:
    """Of all cells together, in square kilometres."""
    inside, across = cells_touching(footprint, resolution, 100_000)
    return sum(map(area_km2, inside)) + sum(share_of(footprint, cell) * area_km2(cell) for cell in across)


def test_a_place_lies_so_far_beyond_the_edge() -> None:
    around = point(*KUWAIT, 100)
    assert beyond(around, *KUWAIT) == pytest.approx(-100)
    assert beyond(around, *destination(*KUWAIT, 90, 150)) == pytest.approx(50, abs=0.5)
    assert beyond(around, *destination(*KUWAIT, 200, 60)) == pytest.approx(-40, abs=0.5)


def test_a_line_has_its_buffer_on_both_sides_and_around_its_ends() -> None:
    line = footprint_of({"type": "LineString", "coordinates": [[47.9, 29.3], [48.0, 29.3]]}, 200)
    south = 29.3 - 0.001  # 110.8 m
    assert beyond(line, 47.95, south) == pytest.approx(110.8 - 200, abs=1)
    assert beyond(line, 47.95, 29.301) == pytest.approx(110.9 - 200, abs=1)
    assert beyond(line, 48.001, 29.3) == pytest.approx(97.1 - 200, abs=1)


def test_a_polygon_holds_its_inside_but_not_its_hole_and_its_edge() -> None:
    whole, hole = square(47.9, 29.3, 0.03), square(47.91, 29.31, 0.01)
    ring = polygon(whole, hole)
    assert beyond(ring, 47.905, 29.305) < 0
    assert beyond(ring, 47.915, 29.315) > 0  # in the hole
    assert beyond(ring, 47.9, 29.31) == pytest.approx(0, abs=1e-3)
    assert beyond(ring, 47.899, 29.31) == pytest.approx(97.1, abs=1)
    assert beyond(polygon(whole, hole, buffer_m=600), 47.915, 29.315) < 0  # the hole is no wider than its buffer


@pytest.mark.parametrize("lng", [179.99, -179.99])
def test_the_antimeridian_is_no_edge(lng: float) -> None:
    ring = [[179.98, -17.02], [-179.98, -17.02], [-179.98, -16.98], [179.98, -16.98], [179.98, -17.02]]
    assert beyond(polygon(ring), lng, -17.0) < 0
    assert beyond(polygon(ring), 179.97, -17.0) > 0
    line = footprint_of({"type": "LineString", "coordinates": [[179.9, -17], [-179.9, -17]]}, 50)
    assert beyond(line, lng, -17.0) < 0
    assert all(distance_m(*a, *b) < LEG_M * 1.01 for a, b in pairwise(line.lines[0]))


def test_many_are_one_footprint() -> None:
    points = footprint_of({"type": "MultiPoint", "coordinates": [[47.9, 29.3], [48.0, 29.3]]}, 100)
    lines = footprint_of(
        {"type": "MultiLineString", "coordinates": [[[47.9, 29.3], [47.91, 29.3]], [[48.0, 29.3], [48.01, 29.3]]]}, 100
    )
    areas = footprint_of(
        {"type": "MultiPolygon", "coordinates": [[square(47.9, 29.3, 0.01)], [square(48.0, 29.3, 0.01)]]}, 0
    )
    for footprint in (points, lines, areas):
        assert beyond(footprint, 47.9003, 29.3003) <= 0
        assert beyond(footprint, 48.0003, 29.3003) <= 0
        assert beyond(footprint, 47.95, 29.3003) > 1_000


def test_an_edge_is_straight_on_a_map_of_longitude_and_latitude() -> None:
    line = footprint_of({"type": "LineString", "coordinates": [[10, 60], [12, 60]]}, 10)
    assert beyond(line, 11, 60) < 0  # the great circle passes 420 m to the north


@pytest.mark.parametrize(
    "geometry",
    [
        {"type": "LineString", "coordinates": [[0, 0], [0, math.degrees(MAX_LEG_M / EARTH_RADIUS_M) + 0.1]]},
        {"type": "Polygon", "coordinates": [[[0, 88], [120, 88], [-120, 88], [0, 88]]]},
    ],
    ids=["a leg", "around a pole"],
)
def test_what_nobody_means_is_refused(geometry: dict[str, Any]) -> None:
    with pytest.raises(Rejected):
        footprint_of(geometry, 10)


@pytest.mark.parametrize("resolution", [7, 8, 9, 10])
@pytest.mark.parametrize(("lng", "lat"), [KUWAIT, (180.0, -17.0), (25.0, 78.2)])
@pytest.mark.parametrize("radius_m", [60, 700])
def test_the_shares_of_the_cells_add_up_to_a_disc(lng: float, lat: float, radius_m: float, resolution: int) -> None:
    # H3's areas are those of a sphere; the disc's radius is measured on the ellipsoid, whose degrees differ by 0.9 % of
    # area at most.
    assert area_in(point(lng, lat, radius_m), resolution) == pytest.approx(math.pi * (radius_m / 1000) ** 2, rel=0.012)


def test_the_shares_add_up_to_a_rectangle_less_its_hole() -> None:
    def on_sphere(west: float, south: float, size: float) -> float:
        height = math.sin(math.radians(south + size)) - math.sin(math.radians(south))
        return (EARTH_RADIUS_M / 1000) ** 2 * math.radians(size) * height

    footprint = polygon(square(47.9, 29.3, 0.05), square(47.91, 29.31, 0.02))
    wanted = on_sphere(47.9, 29.3, 0.05) - on_sphere(47.91, 29.31, 0.02)
    for resolution in (7, 8, 9):
        assert area_in(footprint, resolution) == pytest.approx(wanted, rel=1e-3)


def test_cells_at_a_pole_have_their_share_too() -> None:
    assert area_in(point(12.0, 90.0, 3_000), 6) == pytest.approx(math.pi * 9, rel=0.012)


@settings(max_examples=examples(60))
@given(
    st.floats(-180, 180),
    st.floats(-85, 85),
    st.sampled_from([30.0, 400.0, 5_000.0]),
    st.lists(st.tuples(st.floats(0, 360), st.floats(0, 1.2)), min_size=1, max_size=20),
    st.integers(6, 9),
)
def test_no_place_of_a_footprint_is_outside_its_cells_its_cover_or_its_boxes(
    lng: float, lat: float, radius_m: float, spots: list[Position], resolution: int
) -> None:
    elsewhere = destination(lng, lat, 70, radius_m * 2)
    footprint = footprint_of({"type": "LineString", "coordinates": [[lng, lat], list(elsewhere)]}, radius_m)
    inside, across = cells_touching(footprint, resolution, 10_000)
    ranges = cover(footprint).ranges
    for bearing, far in spots:
        x, y = destination(lng, lat, bearing, far * radius_m)
        if beyond(footprint, x, y) <= 0:
            cell = cell_of(lat=y, lng=x, resolution=resolution)
            assert cell in inside or cell in across
            fine = cell_of(lat=y, lng=x, resolution=EVENT_RESOLUTION)
            assert any(low <= fine <= high for low, high in ranges)
            assert any(w <= x <= e and s <= y <= n for w, s, e, n in boxes(footprint))
    for cell in inside[:5]:
        assert share_of(footprint, cell) == pytest.approx(1)


def test_the_finest_resolution_that_is_not_too_fine_is_taken() -> None:
    small, large = find_cells(point(*KUWAIT, 100), (7, 8, 9)), find_cells(point(*KUWAIT, 10_000), (7, 8, 9))
    assert (small.resolution, large.resolution) == (9, 8)
    assert small.area_km2 == pytest.approx(math.pi * 0.01, rel=0.01)
    assert large.area_km2 == pytest.approx(math.pi * 100, rel=0.01)
    assert all(0 < share <= 1 for share in large.shares.values())
    assert list(large.shares) == sorted(large.shares)


def test_what_is_too_large_for_any_is_refused() -> None:
    huge = polygon(square(10.0, 50.0, 2.0))
    with pytest.raises(Rejected, match=f"more than {MAX_CELLS:,} cells of resolution 8"):
        check_extent(huge, (9, 8))
    with pytest.raises(Rejected):
        find_cells(huge, (8,))
    check_extent(polygon(square(10.0, 50.0, 0.5)), (7, 8))
