"""Cells: numbers, hex strings, corners."""

import itertools

import h3.api.basic_int as h3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import Rejected
from appliance.spatial import cells

places = st.tuples(st.floats(-90, 90), st.floats(-180, 180))
resolutions = st.integers(0, 15)


@given(places, resolutions)
def test_a_cell_survives_being_written_and_fits_a_signed_64_bit_column(
    place: tuple[float, float], resolution: int
) -> None:
    cell = cells.cell_of(lat=place[0], lng=place[1], resolution=resolution)
    assert 0 < cell < 2**63
    assert cells.resolution_of(cell) == resolution
    assert cells.from_hex(cells.to_hex(cell)) == cell == cells.from_hex(cells.to_hex(cell).upper())


def test_a_known_place_lies_in_its_known_cell() -> None:
    assert cells.to_hex(cells.cell_of(lat=37.3615593, lng=-122.0553238, resolution=5)) == "85283473fffffff"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "15 hex digits"),
        ("85283473ffffff", "15 hex digits"),
        ("0x85283473fffffff", "15 hex digits"),
        ("85283473fffffff\n", "15 hex digits"),
        ("٨5283473fffffff", "15 hex digits"),
        ("85283473ffffffg", "15 hex digits"),
        ("85283473ffffff0", "names no cell"),
        ("fffffffffffffff", "names no cell"),
    ],
)
def test_text_that_names_no_cell_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(Rejected, match=why):
        cells.from_hex(text)


@given(places, resolutions)
def test_the_corners_go_once_around_the_centre_counterclockwise(place: tuple[float, float], resolution: int) -> None:
    cell = cells.cell_of(lat=place[0], lng=place[1], resolution=resolution)
    ring = cells.boundary(cell)
    assert 5 <= len(ring) <= 10
    assert len(set(ring)) == len(ring)
    assert all(abs(b[0] - a[0]) <= 180 for a, b in itertools.pairwise(ring))
    if abs(ring[-1][0] - ring[0][0]) <= 180 and abs(place[0]) < 89:
        # the shoelace formula about the first corner, where small cells keep their digits
        x0, y0 = ring[0]
        local = [(x - x0, y - y0) for x, y in ring]
        assert sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(local, [*local[1:], local[0]], strict=True)) > 0


def test_longitudes_run_on_over_the_antimeridian() -> None:
    ring = cells.boundary(cells.cell_of(lat=0.0, lng=180.0, resolution=3))
    longitudes = [lng for lng, _ in ring]
    assert max(longitudes) - min(longitudes) < 2
    assert max(map(abs, longitudes)) > 180


def test_the_corners_of_a_polar_cell_run_once_around_the_globe() -> None:
    north = cells.boundary(cells.cell_of(lat=90.0, lng=0.0, resolution=4))
    south = cells.boundary(cells.cell_of(lat=-90.0, lng=0.0, resolution=4))
    assert 180 < north[-1][0] - north[0][0] < 360
    assert -360 < south[-1][0] - south[0][0] < -180


@given(places, st.integers(1, 15))
def test_a_parent_holds_the_centre_of_its_child(place: tuple[float, float], resolution: int) -> None:
    cell = cells.cell_of(lat=place[0], lng=place[1], resolution=resolution)
    above = cells.parent(cell, resolution - 1)
    assert cells.resolution_of(above) == resolution - 1
    assert cell in h3.cell_to_children(above, resolution)


@given(places, resolutions)
def test_the_centre_of_a_cell_lies_in_it(place: tuple[float, float], resolution: int) -> None:
    cell = cells.cell_of(lat=place[0], lng=place[1], resolution=resolution)
    lng, lat = cells.centre(cell)
    assert cells.cell_of(lat=lat, lng=lng, resolution=resolution) == cell
