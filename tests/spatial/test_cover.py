"""Cells that cover a shape: none of its places is left out, wherever it lies, and the ranges stay few."""

import itertools
import math
import random

import h3.api.basic_int as h3
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.spatial.cells import EVENT_RESOLUTION, cell_of, children, descendants
from appliance.spatial.cover import CIRCUMRADIUS_M, MAX_RANGES, OVERHANG, Range, cover
from appliance.spatial.extent import boxes
from appliance.spatial.geodesic import distances_m
from appliance.spatial.shape import Area, Box, Corridor, Disc, Shape
from appliance.spatial.view import destination, distance_m
from tests.conftest import examples

lngs = st.floats(-180, 180) | st.floats(179.9, 180) | st.floats(-180, -179.9)
lats = st.floats(-90, 90) | st.floats(89.9, 90) | st.floats(-90, -89.9) | st.floats(-1, 1)
randoms = st.randoms(use_true_random=False)
TURN = 1 - 1 / 298.257223563  # a length on the ellipsoid is between this and its inverse of that on the sphere


def holds(ranges: list[Range], lng: float, lat: float) -> bool:
    cell = cell_of(lat=lat, lng=lng, resolution=EVENT_RESOLUTION)
    return any(low <= cell <= high for low, high in ranges)


def in_boxes(shape: Shape, lng: float, lat: float) -> bool:
    return any(w <= lng <= e and s <= lat <= n for w, s, e, n in boxes(shape))


def assert_holds(shape: Shape, places: list[tuple[float, float]]) -> None:
    ranges, inside = cover(shape)
    assert [place for place in places if not holds(ranges, *place)] == []
    assert [place for place in places if not in_boxes(shape, *place)] == []
    assert len(ranges) <= MAX_RANGES
    assert all(a[1] < b[0] for a, b in itertools.pairwise(ranges))
    assert all(any(low <= a and b <= high for low, high in ranges) for a, b in inside)


def places_around(lng: float, lat: float, reach_m: float, rng: random.Random) -> list[tuple[float, float]]:
    """Places within so many metres on the ellipsoid, more of them at the edge."""
    aways = [rng.random() ** 0.2 * reach_m * TURN * 0.9999 for _ in range(30)]
    return [destination(lng, lat, rng.uniform(0, 360), away) for away in aways]


@settings(max_examples=examples(400))
@given(lngs, lats, st.floats(0, 5).map(lambda power: 10**power), randoms)
def test_every_place_of_a_disc_lies_in_its_cells(lng: float, lat: float, radius_m: float, rng: random.Random) -> None:
    assert_holds(Disc(lng=lng, lat=lat, radius_m=radius_m), [(lng, lat), *places_around(lng, lat, radius_m, rng)])


@settings(max_examples=examples(200))
@given(lngs, lats, st.lists(st.tuples(st.floats(0, 360), st.floats(1, 500_000)), min_size=1, max_size=6),
       st.floats(1, 10_000), randoms)  # fmt: skip
def test_every_place_of_a_corridor_lies_in_its_cells(
    lng: float, lat: float, steps: list[tuple[float, float]], buffer_m: float, rng: random.Random
) -> None:
    line = [(lng, lat)]
    places = []
    for heading, length in steps:
        places += [
            place
            for _ in range(5)
            for place in places_around(*destination(*line[-1], heading, rng.random() * length), buffer_m, rng)[:5]
        ]
        line.append(destination(*line[-1], heading, length))
    assert_holds(Corridor(line=tuple(line), buffer_m=buffer_m), places)


@settings(max_examples=examples(300))
@given(lngs, lats, st.floats(1e-4, 170), st.floats(1e-4, 90), randoms)
def test_every_place_of_a_box_lies_in_its_cells(
    west: float, south: float, width: float, height: float, rng: random.Random
) -> None:
    north, east = min(90.0, south + height), (west + width + 180) % 360 - 180
    shape = Box(bounds=(west, south, east, north))
    inside = [(west + width * rng.random(), rng.uniform(south, north)) for _ in range(30)]
    assert_holds(shape, [((lng + 180) % 360 - 180, lat) for lng, lat in inside])


@settings(max_examples=examples(300))
@given(lngs, st.floats(-85, 85), st.integers(3, 12), st.floats(-3, 0.6), randoms)
def test_every_place_of_an_area_lies_in_its_cells(
    lng: float, lat: float, corners: int, power: float, rng: random.Random
) -> None:
    size = 10**power  # degrees, to about 4
    turns = [math.tau * (n + rng.random() * 0.4) / corners for n in range(corners)]
    star = [(math.cos(turn), math.sin(turn)) for turn in turns]
    aways = [size * rng.uniform(0.3, 1) for _ in star]
    ring = tuple((lng + x * away, lat + y * away) for (x, y), away in zip(star, aways, strict=True))
    inside = []
    for a, b in zip(ring, ring[1:] + ring[:1], strict=True):
        if math.remainder(turns[(ring.index(b))] - turns[ring.index(a)], math.tau) > 0:  # the middle sees this edge
            for _ in range(8):
                share, out = rng.random(), rng.random() ** 0.3
                x, y = (a[n] + (b[n] - a[n]) * share for n in (0, 1))
                inside.append((lng + (x - lng) * out, lat + (y - lat) * out))
    assert_holds(Area(ring=ring), [((x + 180) % 360 - 180, y) for x, y in inside])


@settings(max_examples=examples(300))
@given(lngs, lats, st.floats(1, 5).map(lambda power: 10**power), randoms)
def test_every_place_of_a_cell_that_lies_in_a_disc_lies_in_the_disc(
    lng: float, lat: float, radius_m: float, rng: random.Random
) -> None:
    places = places_inside(cover(Disc(lng=lng, lat=lat, radius_m=radius_m)).inside, rng)
    if places:
        lngs, lats = np.array(places).T
        assert distances_m(lngs, lats, np.array(lng), np.array(lat)).max() <= radius_m


def test_every_place_of_a_cell_that_lies_in_a_box_lies_in_the_box() -> None:
    rng, seen = random.Random(2), 0
    for _ in range(200):
        (west, south), size = (rng.uniform(-180, 180), rng.uniform(-80, 79)), 10 ** rng.uniform(-2, 0)
        places = places_inside(
            cover(Box(bounds=(west, south, (west + size + 180) % 360 - 180, south + size))).inside, rng
        )
        assert all((lng - west) % 360 <= size and south <= lat <= south + size for lng, lat in places)
        seen += len(places)
    assert seen > 1_000


def test_every_place_of_a_cell_that_lies_in_an_area_lies_in_the_area() -> None:
    rng, seen = random.Random(3), 0
    for _ in range(100):
        lng, lat, size = rng.uniform(-170, 170), rng.uniform(-75, 75), 10 ** rng.uniform(-2, 0.5)
        turns = sorted(rng.uniform(0, math.tau) for _ in range(rng.randint(3, 12)))
        ring = tuple((lng + size * rng.random() * math.cos(a), lat + size * rng.random() * math.sin(a)) for a in turns)
        places = places_inside(cover(Area(ring=ring)).inside, rng)
        assert [place for place in places if not is_within(ring, *place)] == []
        seen += len(places)
    assert seen > 1_000


def is_within(ring: tuple[tuple[float, float], ...], lng: float, lat: float) -> bool:
    """By the edges that a ray to the east crosses."""
    crossed = 0
    for (x1, y1), (x2, y2) in zip(ring, ring[1:] + ring[:1], strict=True):
        if (y1 > lat) != (y2 > lat):
            crossed += lng < x1 + (lat - y1) * (x2 - x1) / (y2 - y1)
    return crossed % 2 == 1


def places_inside(ranges: list[Range], rng: random.Random) -> list[tuple[float, float]]:
    """Corners of cells of the ranges, the lowest and the highest of each and some between."""
    numbers = [number for low, high in ranges for number in (low, high, *(rng.randint(low, high) for _ in range(20)))]
    return [(lng, lat) for cell in numbers if h3.is_valid_cell(cell) for lat, lng in h3.cell_to_boundary(cell)]


def test_an_area_around_a_pole_and_the_whole_world_are_covered() -> None:
    cap = Area(ring=((-180.0, 80.0), (-60.0, 82.0), (60.0, 80.0), (180.0, 80.0), (180.0, 90.0), (-180.0, 90.0)))
    rng = random.Random(1)
    assert_holds(cap, [(rng.uniform(-180, 180), rng.uniform(82, 90)) for _ in range(500)])
    world = Box(bounds=(-180.0, -90.0, 180.0, 90.0))
    assert_holds(world, [(rng.uniform(-180, 180), rng.uniform(-90, 90)) for _ in range(2_000)])


def test_a_disc_of_500_m_takes_cells_of_little_more_than_its_own_extent() -> None:
    ranges = cover(Disc(lng=47.97, lat=29.37, radius_m=500)).ranges
    around = h3.grid_disk(cell_of(lat=29.37, lng=47.97, resolution=EVENT_RESOLUTION), 12)
    taken = [cell for cell in around if any(low <= cell <= high for low, high in ranges)]
    assert sum(h3.cell_area(cell, "m^2") for cell in taken) < 1.8 * math.pi * 500**2


def test_fewer_ranges_are_a_coarser_cover_and_not_a_smaller_one() -> None:
    shape = Disc(lng=47.97, lat=29.37, radius_m=5_000)
    few, many = cover(shape, max_ranges=8).ranges, cover(shape, max_ranges=64).ranges
    assert len(few) <= 8 < len(many)
    assert all(any(low <= a and b <= high for low, high in few) for a, b in many)


@pytest.mark.parametrize("resolution", range(8))
def test_descendants_lie_in_one_range_and_within_the_reach_that_the_cover_takes_for_theirs(resolution: int) -> None:
    rng = random.Random(resolution)
    places = [(rng.uniform(-180, 180), math.degrees(math.asin(rng.uniform(-1, 1)))) for _ in range(25)]
    cells = [cell_of(lat=lat, lng=lng, resolution=resolution) for lng, lat in places]
    cells += [ring for pentagon in h3.get_pentagons(resolution)[:3] for ring in h3.grid_disk(pentagon, 1)]
    reach_m = CIRCUMRADIUS_M / math.sqrt(7) ** resolution
    for cell in cells:
        lat0, lng0 = h3.cell_to_latlng(cell)
        assert max(distance_m(lng0, lat0, lng, lat) for lat, lng in h3.cell_to_boundary(cell)) < reach_m
        low, high = descendants(cell, resolution + 2)
        below = [grandchild for child in children(cell) for grandchild in children(child)]
        assert low <= min(below) and max(below) <= high
        for grandchild in below:
            for lat, lng in h3.cell_to_boundary(grandchild):
                assert distance_m(lng0, lat0, lng, lat) < reach_m * OVERHANG


def test_ranges_of_neighbours_in_number_meet_and_hold_nobody_elses_cells() -> None:
    parent = cell_of(lat=29.37, lng=47.97, resolution=7)
    ranges = sorted(descendants(child, 10) for child in children(parent))
    assert all(a[1] + 1 == b[0] for a, b in itertools.pairwise(ranges))
    assert (ranges[0][0], ranges[-1][1]) == descendants(parent, 10)
    for cell in h3.grid_disk(parent, 1):
        for child in h3.cell_to_children(cell, 10):
            low, high = descendants(parent, 10)
            assert (low <= child <= high) == (cell == parent)
