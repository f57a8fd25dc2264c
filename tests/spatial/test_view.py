"""A camera's view: its outline, its middle, its cells; worked by hand, and at the edges of the map."""

import itertools
import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from appliance.errors import Rejected
from appliance.spatial import cells as h3_cells
from appliance.spatial.view import (
    MAX_CELLS,
    View,
    cells,
    destination,
    distance_m,
    finest_resolution,
    holds,
    middle,
    polygons,
    ring,
    view_of,
)
from tests.conftest import examples

DEGREE_M = 111_195.08  # of a great circle: 2 pi 6,371,008.8 m / 360

views = st.builds(
    View,
    lng=st.floats(-180, 180),
    lat=st.floats(-80, 80),
    heading_deg=st.floats(0, 359.9),
    angle_deg=st.floats(5, 360),
    range_m=st.floats(10, 5_000),
)


def camera(**members: float) -> View:
    """A camera on the equator that looks north, 90 degrees wide, one degree far."""
    whole = {"lng": 0.0, "lat": 0.0, "heading_deg": 0.0, "angle_deg": 90.0, "range_m": DEGREE_M, **members}
    return View(**whole)


def area(points: list[tuple[float, float]]) -> float:
    """Twice the signed area of an open ring; positive where it runs counterclockwise.

    Taken from its first point: products of whole longitudes and latitudes would round off a view of ten metres.
    """
    east, north = points[0]
    near = [(x - east, y - north) for x, y in [*points, points[0]]]
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in itertools.pairwise(near))


@pytest.mark.parametrize(
    ("heading_deg", "lng", "lat"), [(0, 0.0, 1.0), (90, 1.0, 0.0), (180, 0.0, -1.0), (270, -1.0, 0.0)]
)
def test_a_degree_along_a_great_circle_is_a_degree(heading_deg: float, lng: float, lat: float) -> None:
    assert destination(0.0, 0.0, heading_deg, DEGREE_M) == pytest.approx((lng, lat), abs=1e-6)


def test_a_quarter_view_goes_from_the_camera_along_its_right_side_over_the_arc_and_back_along_its_left() -> None:
    outline = ring(camera())
    side = math.sqrt(0.5)
    assert outline[0] == (0.0, 0.0)
    assert outline[1] == pytest.approx((side, side), abs=1e-4)
    assert outline[10] == pytest.approx((0.0, 1.0), abs=1e-6)  # 18 steps of 5 degrees: the middle of the arc
    assert outline[-1] == pytest.approx((-side, side), abs=1e-4)
    assert len(outline) == 20


def test_a_view_all_around_is_a_circle_without_its_middle() -> None:
    outline = ring(camera(angle_deg=360))
    assert len(outline) == 72
    assert all(distance_m(0.0, 0.0, lng, lat) == pytest.approx(DEGREE_M) for lng, lat in outline)


@pytest.mark.parametrize(
    ("angle_deg", "away"),
    [(180, 4 / (3 * math.pi)), (90, 4 * math.sqrt(2) / (3 * math.pi)), (360, 0.0)],  # centroids of sectors of radius 1
)
def test_the_middle_is_the_centroid_of_the_sector(angle_deg: float, away: float) -> None:
    assert middle(camera(angle_deg=angle_deg)) == pytest.approx((0.0, away), abs=1e-6)


@settings(max_examples=examples(200))
@given(views)
def test_the_middle_lies_in_the_view_and_its_cell_is_one_of_the_views(view: View) -> None:
    lng, lat = middle(view)
    assert holds(view, lng, lat) or distance_m(view.lng, view.lat, lng, lat) < 1e-3
    assert h3_cells.cell_of(lat=lat, lng=lng, resolution=8) in cells(view, 8)


@settings(max_examples=examples(200))
@given(views)
@example(View(lng=179.99999, lat=-79.5, heading_deg=0.0, angle_deg=5.0, range_m=10.0))
def test_an_outline_runs_counterclockwise_and_its_polygons_stay_on_the_map(view: View) -> None:
    outline = ring(view)
    assert area(outline) > 0
    parts = polygons(view)
    assert all(part[0] == part[-1] and len(part) >= 4 for part in parts)
    assert all(-180 <= lng <= 180 and -90 <= lat <= 90 for part in parts for lng, lat in part)
    assert sum(area(part[:-1]) for part in parts) == pytest.approx(area(outline), rel=1e-6)


@settings(max_examples=examples(100))
@given(views, st.floats(0, 1), st.floats(0, 1))
def test_whatever_the_view_holds_lies_in_one_of_its_cells_or_just_beside_one(
    view: View, across: float, along: float
) -> None:
    heading = view.heading_deg + (across - 0.5) * view.angle_deg
    lng, lat = destination(view.lng, view.lat, heading, along * view.range_m)
    found = set(cells(view, 8))
    cell = h3_cells.cell_of(lat=lat, lng=lng, resolution=8)
    corner_m = 0.25 * 1_000  # a quarter of the longest edge of resolution 8, rounded up
    near = {h3_cells.cell_of(lat=y, lng=x, resolution=8) for x, y in _around(lng, lat, corner_m)}
    assert cell in found or near & found


def _around(lng: float, lat: float, away_m: float) -> list[tuple[float, float]]:
    return [destination(lng, lat, heading, away_m) for heading in range(0, 360, 30)]


def test_a_short_view_lies_in_its_own_cell_and_a_long_one_in_those_before_it_only() -> None:
    short = cells(View(lng=47.97, lat=29.37, heading_deg=0, angle_deg=60, range_m=20), 8)
    assert short == [h3_cells.cell_of(lat=29.37, lng=47.97, resolution=8)]
    north = View(lng=47.97, lat=29.37, heading_deg=0, angle_deg=60, range_m=2_000)
    middles = [h3_cells.centre(cell) for cell in cells(north, 8)]
    assert len(middles) > 3
    assert max(lat for _, lat in middles) > 29.37 + 1_500 / DEGREE_M
    assert min(lat for _, lat in middles) > 29.37 - 600 / DEGREE_M  # at most the cell it stands in


def test_a_view_over_the_antimeridian_is_two_polygons_and_one_set_of_cells() -> None:
    view = View(lng=179.999, lat=-17.0, heading_deg=90, angle_deg=60, range_m=2_000)
    parts = polygons(view)
    assert len(parts) == 2
    assert {round(lng) for part in parts for lng, _ in part} == {180, -180}
    assert middle(view)[0] < -179
    assert {math.copysign(1, h3_cells.centre(cell)[0]) for cell in cells(view, 9)} == {1.0, -1.0}


@pytest.mark.parametrize("side", [1, -1])
def test_a_view_around_a_pole_reaches_it_on_the_map(side: int) -> None:
    view = View(lng=20.0, lat=89.99 * side, heading_deg=0, angle_deg=360, range_m=5_000)
    parts = polygons(view)
    assert all(abs(lng) <= 180 for part in parts for lng, _ in part)
    assert any(lat == 90.0 * side for part in parts for _, lat in part)
    assert sum(abs(area(part[:-1])) / 2 for part in parts) == pytest.approx(360 * 5_000 / DEGREE_M, rel=0.05)
    assert h3_cells.cell_of(lat=90.0 * side, lng=0.0, resolution=8) in cells(view, 8)


def test_too_fine_a_resolution_is_refused_with_the_finest_that_serves() -> None:
    view = View(lng=47.97, lat=29.37, heading_deg=0, angle_deg=360, range_m=20_000)
    assert finest_resolution(view) == 8  # 1,257 km2: 1,705 cells of resolution 8 (0.737 km2), 11,931 of resolution 9
    assert 1_600 < len(cells(view, 8)) < MAX_CELLS
    with pytest.raises(Rejected, match="ask for 8 or coarser"):
        cells(view, 9)


@pytest.mark.parametrize(
    ("heading_deg", "angle_deg", "range_m", "known"),
    [(0.0, 60.0, 50.0, True), (None, 360.0, 50.0, True), (None, 60.0, 50.0, False), (0.0, None, 50.0, False),
     (0.0, 60.0, None, False)],
)  # fmt: skip
def test_a_view_takes_a_heading_an_opening_and_a_range(
    heading_deg: float | None, angle_deg: float | None, range_m: float | None, known: bool
) -> None:
    view = view_of(lng=1.0, lat=2.0, heading_deg=heading_deg, angle_deg=angle_deg, range_m=range_m)
    assert (view is not None) == known
    assert view_of(lng=None, lat=None, heading_deg=0.0, angle_deg=60.0, range_m=50.0) is None
