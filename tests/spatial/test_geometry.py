"""Geometry as bytes: the same that SpatiaLite makes, valid, and the whole world covered once."""

import apsw
import h3.api.basic_int as h3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.errors import Corrupt
from appliance.spatial.cells import Ring, cell_of
from appliance.spatial.geometry import (
    cell_polygons,
    multipolygon_blob,
    multipolygon_ewkb,
    point_blob,
    polygons_from_blob,
    read_point,
    read_points,
)

anywhere = st.tuples(st.floats(-180, 180), st.floats(-90, 90))
anything = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def text_of(polygons: list[Ring]) -> str:
    rings = (", ".join(f"{lng!r} {lat!r}" for lng, lat in ring) for ring in polygons)
    return "MULTIPOLYGON(" + ", ".join(f"(({ring}))" for ring in rings) + ")"


def assert_valid(spatialite: apsw.Connection, cell: int) -> float:
    """The polygons of a cell please SpatiaLite in every way; returns their area in square degrees."""
    polygons = cell_polygons(cell)
    blob = multipolygon_blob(polygons)
    valid, kind, srid, area = spatialite.execute(
        "SELECT ST_IsValid(?1), GeometryType(?1), SRID(?1), ST_Area(?1)", (blob,)
    ).fetchone()
    assert (valid, kind, srid) == (1, "MULTIPOLYGON", 4326), f"{cell:x} {polygons}"
    assert all(abs(lng) <= 180 and abs(lat) <= 90 for ring in polygons for lng, lat in ring)
    assert all(ring[0] == ring[-1] for ring in polygons)
    return float(area)


@anything
@given(place=anywhere)
def test_a_point_is_byte_for_byte_what_make_point_gives(
    spatialite: apsw.Connection, place: tuple[float, float]
) -> None:
    theirs = spatialite.execute("SELECT MakePoint(?, ?, 4326)", place).fetchone()[0]
    assert point_blob(*place) == theirs
    assert read_point(theirs) == place


@anything
@given(place=anywhere, resolution=st.integers(0, 15))
def test_a_cell_is_byte_for_byte_what_spatialite_gives_and_comes_back(
    spatialite: apsw.Connection, place: tuple[float, float], resolution: int
) -> None:
    polygons = cell_polygons(cell_of(lng=place[0], lat=place[1], resolution=resolution))
    blob = multipolygon_blob(polygons)
    theirs, ewkb = spatialite.execute("SELECT GeomFromText(?, 4326), AsEWKB(?)", (text_of(polygons), blob)).fetchone()
    assert blob == theirs
    assert multipolygon_ewkb(polygons) == bytes.fromhex(ewkb)
    assert polygons_from_blob(theirs) == polygons


@pytest.mark.parametrize("resolution", [0, 1, 2])
def test_all_cells_of_a_resolution_are_valid_and_cover_the_world_once(
    spatialite: apsw.Connection, resolution: int
) -> None:
    world = [cell for base in h3.get_res0_cells() for cell in h3.cell_to_children(base, resolution)]
    assert sum(assert_valid(spatialite, cell) for cell in world) == pytest.approx(360 * 180, rel=1e-12)


@pytest.mark.parametrize("resolution", range(16))
@pytest.mark.parametrize("lat", [90.0, -90.0, 60.0, 0.5, -45.0])
def test_cells_at_the_poles_and_on_the_antimeridian_are_valid_at_every_resolution(
    spatialite: apsw.Connection, lat: float, resolution: int
) -> None:
    around = h3.grid_disk(cell_of(lat=lat, lng=180.0, resolution=resolution), 4)
    areas = [assert_valid(spatialite, cell) for cell in around]
    assert min(areas) > 0


@pytest.mark.parametrize("resolution", [1, 4, 7])
def test_a_cell_on_the_antimeridian_has_a_part_on_either_side(resolution: int) -> None:
    parts = cell_polygons(cell_of(lat=10.0, lng=180.0, resolution=resolution))
    assert len(parts) == 2
    sides = sorted((min(lng for lng, _ in ring), max(lng for lng, _ in ring)) for ring in parts)
    assert sides[0][0] == -180.0
    assert sides[1][1] == 180.0
    assert sides[0][1] < 0 < sides[1][0]


@pytest.mark.parametrize(("lat", "resolution"), [(90.0, 0), (90.0, 9), (-90.0, 3), (-90.0, 15)])
def test_a_polar_cell_reaches_from_side_to_side_and_up_to_the_pole(lat: float, resolution: int) -> None:
    (ring,) = cell_polygons(cell_of(lat=lat, lng=0.0, resolution=resolution))
    assert {(-180.0, lat), (180.0, lat)} <= set(ring)


GOOD = multipolygon_blob(cell_polygons(cell_of(lat=29.37, lng=47.97, resolution=7)))


@pytest.mark.parametrize(
    "blob",
    [b"", GOOD[:20], GOOD[:-1], GOOD + b"\xfe", GOOD[:-1] + b"\x00", point_blob(1.0, 2.0), b"\x00\x00" + GOOD[2:]],
    ids="empty head cut long unended point big-endian".split(),
)
def test_bytes_that_are_no_multipolygon_are_called_corrupt(blob: bytes) -> None:
    with pytest.raises(Corrupt):
        polygons_from_blob(blob)


@given(st.binary(max_size=200), st.integers(0, len(GOOD)))
def test_damaged_bytes_never_crash_the_reader(noise: bytes, at: int) -> None:
    damaged = GOOD[:at] + noise + GOOD[at + len(noise) :]
    try:
        rings = polygons_from_blob(damaged)
    except Corrupt:
        return
    assert isinstance(rings, list)


@pytest.mark.parametrize("blob", [b"", point_blob(1.0, 2.0)[:-1], bytes(60), GOOD])
def test_bytes_that_are_no_point_are_called_corrupt(blob: bytes) -> None:
    with pytest.raises(Corrupt):
        read_point(blob)


def test_many_points_are_read_as_one_by_one() -> None:
    blobs = [point_blob(lng, lat) for lng, lat in ((47.97, 29.37), (-180.0, 90.0), (0.1, -0.2))]
    lng, lat = read_points(blobs)
    assert list(zip(lng.tolist(), lat.tolist(), strict=True)) == [read_point(blob) for blob in blobs]
    assert [array.size for array in read_points([])] == [0, 0]


@pytest.mark.parametrize("at", [0, 1, 2, 38, 39, 59])
def test_one_of_many_that_is_no_point_is_noticed(at: int) -> None:
    good = point_blob(47.97, 29.37)
    bad = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
    for blobs in ([bad], [good, bad], [good, GOOD]):
        with pytest.raises(Corrupt, match="hexpost verify"):
            read_points(blobs)
    with pytest.raises(Corrupt, match="hexpost verify"):
        read_point(bad)
