"""Web Mercator tiles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import NotFound, Rejected
from appliance.spatial.tile import MAX_LATITUDE, check_tile, tile_at, tile_bounds, tiles_covering

tiles = st.integers(0, 22).flatmap(lambda z: st.tuples(st.just(z), st.integers(0, 2**z - 1), st.integers(0, 2**z - 1)))


@given(tiles)
def test_the_middle_of_a_tile_lies_in_it(tile: tuple[int, int, int]) -> None:
    check_tile(*tile)
    west, south, east, north = tile_bounds(*tile)
    assert west < east
    assert south < north
    assert tile_at(lat=(south + north) / 2, lng=(west + east) / 2, z=tile[0]) == tile[1:]


@pytest.mark.parametrize(
    "tile", [(-1, 0, 0), (23, 0, 0), (0, 1, 0), (0, 0, 1), (5, 32, 0), (5, 0, 32), (5, -1, 0), (5, 0, -1)]
)
def test_a_tile_outside_the_pyramid_is_not_found(tile: tuple[int, int, int]) -> None:
    with pytest.raises(NotFound, match=r"tile .* 0 to"):
        check_tile(*tile)


@pytest.mark.parametrize(
    ("tile", "buffer", "bounds"),
    [
        ((0, 0, 0), 0.0, (-180, -MAX_LATITUDE, 180, MAX_LATITUDE)),
        ((0, 0, 0), 0.5, (-180, -MAX_LATITUDE, 180, MAX_LATITUDE)),
        ((1, 1, 1), 0.0, (0, -MAX_LATITUDE, 180, 0)),
        ((1, 1, 1), 0.5, (-180, -MAX_LATITUDE, 180, 66.51326044311186)),
        ((2, 0, 1), 0.0, (-180, 0, -90, 66.51326044311186)),
        ((2, 0, 1), 0.1, (171, -8.96, -81, 69.85)),
        ((2, 3, 1), 0.1, (81, -8.96, -171, 69.85)),
    ],
)
def test_the_bounds_of_a_tile(tile: tuple[int, int, int], buffer: float, bounds: tuple[float, ...]) -> None:
    assert tile_bounds(*tile, buffer) == pytest.approx(bounds, abs=0.05)


@pytest.mark.parametrize(
    ("bounds", "z", "covering"),
    [
        ((-180, -90, 180, 90), 0, [(0, 0)]),
        ((-180, -90, 180, 90), 1, [(0, 0), (1, 0), (0, 1), (1, 1)]),
        ((47.9, 29.2, 48.1, 29.4), 5, [(20, 13)]),
        ((170, 1, -170, 2), 3, [(7, 3), (0, 3)]),
        ((10, 1, 9, 2), 3, [(4, 3), (5, 3), (6, 3), (7, 3), (0, 3), (1, 3), (2, 3), (3, 3)]),
        ((0, 0, 0, 0), 1, [(1, 1)]),
    ],
)
def test_the_tiles_that_cover_bounds(bounds: tuple[float, ...], z: int, covering: list[tuple[int, int]]) -> None:
    assert tiles_covering(bounds, z, limit=8) == covering


def test_too_many_tiles_are_refused_before_they_are_listed() -> None:
    with pytest.raises(Rejected, match="lower the zoom or the area"):
        tiles_covering((-180, -90, 180, 90), 22, limit=1000)
