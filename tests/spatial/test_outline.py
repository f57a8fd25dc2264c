"""Outlines of cells: each cell's own, whole globes, holes, and areas over the antimeridian and around a pole."""

import itertools
import math

import h3.api.basic_int as h3
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.spatial.cells import cell_of
from appliance.spatial.geometry import cell_polygons
from appliance.spatial.hull import convex_hull, middle_of
from appliance.spatial.outline import Polygon, cells_area_km2, outline
from tests.conftest import examples

Places = list[tuple[float, float]]


def area_of(ring: Places) -> float:
    """In square degrees, positive where the ring runs counterclockwise."""
    x0, y0 = ring[0]
    return sum((a[0] - x0) * (b[1] - y0) - (b[0] - x0) * (a[1] - y0) for a, b in itertools.pairwise(ring)) / 2


def flat_area(polygons: list[Polygon]) -> float:
    return sum(area_of(ring) for polygon in polygons for ring in polygon)


def check(polygons: list[Polygon]) -> None:
    """Closed rings within the world: the first of each polygon counterclockwise, its holes clockwise."""
    for exterior, *holes in polygons:
        assert area_of(exterior) > 0 and all(area_of(hole) < 0 for hole in holes)
        for ring in (exterior, *holes):
            assert ring[0] == ring[-1] and len(ring) > 3
            assert len(set(ring)) == len(ring) - 1  # no corner is met twice
            assert all(abs(lng) <= 180 and abs(lat) <= 90 for lng, lat in ring)


def holds(polygon: Polygon, lng: float, lat: float) -> bool:
    """Whether a place lies in a polygon and in none of its holes (even-odd rule)."""
    crossings = 0
    for ring in polygon:
        for (ax, ay), (bx, by) in itertools.pairwise(ring):
            if (ay > lat) != (by > lat) and lng < ax + (bx - ax) * (lat - ay) / (by - ay):
                crossings += 1
    return crossings % 2 == 1


@pytest.mark.parametrize("resolution", [0, 1, 2])
def test_every_cell_of_the_globe_has_its_own_outline(resolution: int) -> None:
    cells = [child for base in h3.get_res0_cells() for child in h3.cell_to_children(base, resolution)]
    for cell in cells:
        found, known = outline([cell]), cell_polygons(cell)
        check(found)
        assert len(found) == len(known)
        assert flat_area(found) == pytest.approx(sum(area_of(ring) for ring in known), rel=1e-9)


@pytest.mark.parametrize("resolution", [0, 1, 2])
def test_all_cells_together_are_the_globe_without_a_seam(resolution: int) -> None:
    cells = [child for base in h3.get_res0_cells() for child in h3.cell_to_children(base, resolution)]
    ((exterior,),) = outline(cells)
    assert area_of(exterior) == pytest.approx(360 * 180)
    assert cells_area_km2(cells) == pytest.approx(510_065_622, rel=1e-6)


def test_a_ring_of_cells_has_a_hole_and_parts_that_do_not_touch_are_polygons_of_their_own() -> None:
    centre = cell_of(lat=43.7, lng=-79.4, resolution=8)
    ring, far = h3.grid_ring(centre, 1), cell_of(lat=43.9, lng=-79.4, resolution=8)
    polygons = outline([*ring, far, far])
    check(polygons)
    assert sorted(len(polygon) for polygon in polygons) == [1, 2]
    (exterior, hole) = next(polygon for polygon in polygons if len(polygon) == 2)
    assert (len(exterior) - 1, len(hole) - 1) == (18, 6)
    assert area_of(hole) == pytest.approx(-area_of(cell_polygons(centre)[0]))
    assert outline([]) == []


def test_a_hole_on_the_antimeridian_becomes_a_bay_of_either_side() -> None:
    centre = cell_of(lat=-17.0, lng=180.0, resolution=6)
    west_east = {len(cell_polygons(cell)) for cell in h3.grid_disk(centre, 1)}
    assert 2 in west_east and len(cell_polygons(centre)) == 2
    whole, holed = outline(h3.grid_disk(centre, 1)), outline(h3.grid_ring(centre, 1))
    check(whole)
    check(holed)
    assert [len(polygon) for polygon in whole] == [1, 1]
    assert [len(polygon) for polygon in holed] == [1, 1]  # cut through, the hole is no hole on either side
    assert flat_area(whole) - flat_area(holed) == pytest.approx(flat_area(outline([centre])), rel=1e-9)
    assert {max(lng for lng, _ in polygon[0]) for polygon in whole} >= {180.0}
    assert {min(lng for lng, _ in polygon[0]) for polygon in whole} >= {-180.0}


@pytest.mark.parametrize("lat", [90.0, -90.0])
def test_cells_around_a_pole_reach_up_to_it(lat: float) -> None:
    polygons = outline(h3.grid_disk(cell_of(lat=lat, lng=0.0, resolution=4), 2))
    check(polygons)
    ((exterior,),) = polygons
    assert {lng for lng, at in exterior if at == lat} == {-180.0, 180.0}


@settings(max_examples=examples(80))
@given(
    st.sampled_from([(43.7, -79.4), (-17.0, 180.0), (0.0, 0.0), (65.0, -179.99), (50.1, -143.5)]),
    st.sets(st.integers(0, 60), min_size=1),
)
def test_an_outline_holds_the_middle_of_its_cells_and_of_no_others(where: tuple[float, float], some: set[int]) -> None:
    disk = sorted(h3.grid_disk(cell_of(lat=where[0], lng=where[1], resolution=7), 4))
    cells = [disk[n] for n in some]
    polygons = outline(cells)
    check(polygons)
    for cell in disk:
        lat, lng = h3.cell_to_latlng(cell)
        assert sum(holds(polygon, lng, lat) for polygon in polygons) == (cell in cells)
    alone = sum(area_of(ring) for cell in cells for ring in cell_polygons(cell))
    assert flat_area(polygons) == pytest.approx(alone, rel=1e-9)


def test_the_hull_of_a_square_kilometre_on_the_equator() -> None:
    side = math.degrees(1_000 / 6_371_008.8)
    lng = np.array([0.0, side, side, 0.0, side / 2]) + 180.0
    rings, area = convex_hull((lng + 180) % 360 - 180, np.array([0.0, 0.0, side, side, side / 2]))
    assert area == pytest.approx(1.0, rel=1e-6)
    assert sum(area_of(ring) for ring in rings) == pytest.approx(side * side)
    assert all(abs(x) <= 180 for ring in rings for x, _ in ring)
    assert middle_of(np.array([179.0, -179.0]), np.zeros(2)) == pytest.approx((180.0, 0.0))


def test_places_on_one_line_have_no_hull() -> None:
    assert convex_hull(np.array([1.0]), np.array([2.0])) == ([], 0.0)
    assert convex_hull(np.array([1.0, 1.0]), np.array([2.0, 2.0])) == ([], 0.0)
    assert convex_hull(np.array([1.0, 1.0, 1.0]), np.array([2.0, 2.1, 2.2])) == ([], 0.0)
