"""Vector tiles of cells, read back by two decoders that know nothing of how they were written."""

import json
import math
import subprocess
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import h3.api.basic_int as h3
import mapbox_vector_tile
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Polygon

from appliance.errors import NotFound
from appliance.spatial.cells import boundary, cell_of, to_hex
from appliance.spatial.frames import BUFFER, EXTENT, CellFrames, build_frames
from appliance.spatial.mvt import encode_cells
from appliance.spatial.ring import columns_joined, varint, varints, zigzag
from appliance.spatial.tile import tile_at

KUWAIT = cell_of(lat=29.37, lng=47.97, resolution=8)
quick = settings(max_examples=60)


def decode(tile: bytes) -> dict[str, Any]:
    """The one layer of a tile, in tile coordinates (y southward)."""
    (layer,) = mapbox_vector_tile.decode(tile, default_options={"y_coord_down": True}).values()
    return layer


def rings_of(feature: dict[str, Any]) -> list[list[tuple[int, int]]]:
    geometry = feature["geometry"]
    polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    return [[(x, y) for x, y in ring] for polygon in polygons for ring in polygon]


def area(ring: list[tuple[int, int]]) -> float:
    """The surveyor's formula, which the specification asks to be positive in tile coordinates."""
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise([*ring, ring[0]])) / 2


def on_globe(cells: Sequence[int], z: int, x: int, y: int) -> dict[int, list[list[tuple[int, int]]]]:
    """id -> rings on the zoom's grid, of one tile."""
    tile = encode_cells(CellFrames(), "cells", z, x, y, cells, range(len(cells)))
    if not tile:
        return {}
    return {
        feature["id"]: [[(px + x * EXTENT, py + y * EXTENT) for px, py in ring] for ring in rings_of(feature)]
        for feature in decode(tile)["features"]
    }


def around(z: int, cell: int) -> tuple[int, int]:
    lat, lng = h3.cell_to_latlng(cell)
    return tile_at(lat=lat, lng=lng, z=z)


def on_grid(lat: float, lng: float, z: int) -> tuple[float, float]:
    """A place in units of the zoom's grid, not rounded."""
    down = 0.5 - math.atanh(math.sin(math.radians(lat))) / (2 * math.pi)
    return (lng / 360 + 0.5) * 2**z * EXTENT, down * 2**z * EXTENT


def holds(ring: list[tuple[int, int]], px: float, py: float) -> bool:
    """Whether a ray from the point to the east crosses the ring an odd number of times."""
    crossed = [
        a[0] + (py - a[1]) * (b[0] - a[0]) / (b[1] - a[1]) > px
        for a, b in pairwise([*ring, ring[0]])
        if (a[1] > py) != (b[1] > py)
    ]
    return sum(crossed) % 2 == 1


def test_ids_and_attributes_of_every_kind_come_back() -> None:
    cells = list(h3.grid_disk(KUWAIT, 2))
    n = len(cells)
    columns = {
        "h3": [to_hex(cell) for cell in cells],
        "risk_level": ["low", "مرتفع", "x" * 300, ""] * 4 + ["low"] * (n - 16),
        "risk_score": [i / 7 for i in range(n)],
        "event_count": [0, 1, 127, 128, 2**53, 2**64 - 1, -1, -(2**63)] + [5] * (n - 8),
        "flagged": [i % 3 == 0 for i in range(n)],
        "mixed": [1, 1.0, True, "1", None] + [0] * (n - 5),
    }
    layer = decode(encode_cells(CellFrames(), "cells", 9, *around(9, KUWAIT), cells, range(7, 7 + n), columns))
    assert (layer["version"], layer["extent"]) == (2, EXTENT)
    assert [feature["id"] for feature in layer["features"]] == list(range(7, 7 + n))
    for row, feature in enumerate(layer["features"]):
        expected = {name: column[row] for name, column in columns.items() if column[row] is not None}
        assert feature["properties"] == expected
        assert {k: type(v) for k, v in feature["properties"].items()} == {k: type(v) for k, v in expected.items()}


@quick
@given(
    st.lists(
        st.one_of(st.none(), st.text(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False), st.booleans())
    )
)
def test_any_column_of_plain_values_comes_back(values: list[Any]) -> None:
    cells = h3.grid_disk(KUWAIT, 12)[: len(values)]
    tile = encode_cells(CellFrames(), "cells", 6, *around(6, KUWAIT), cells, None, {"value": values[: len(cells)]})
    read = [feature["properties"].get("value") for feature in decode(tile)["features"]] if tile else []
    assert read == values[: len(cells)]
    assert list(map(type, read)) == list(map(type, values[: len(cells)]))


def properties_of(columns: dict[str, Any], cells: Sequence[int]) -> list[dict[str, Any]]:
    """What a tile with all of some cells near Kuwait says of each."""
    tile = encode_cells(CellFrames(), "cells", 6, *around(6, KUWAIT), cells, None, columns)
    return [feature["properties"] for feature in decode(tile)["features"]]


def test_arrays_and_single_values_are_columns_too() -> None:
    cells = h3.grid_disk(KUWAIT, 1)
    columns = {
        "h3": np.array(cells, np.uint64),
        "day": "2026-11-21",
        "count": np.array([0, 300, -1, 0, 2**40, 300, 1]),
        "score": np.array([0.0, -0.0, 1 / 3, 1.0, 1e-310, np.inf, 1 / 3]),
        "flagged": np.array([True, False, False, True, False, False, False]),
        "nothing": None,
    }
    read = properties_of(columns, cells)
    assert [sorted(properties) for properties in read] == [["count", "day", "flagged", "h3", "score"]] * 7
    for name, kind in [("count", int), ("score", float), ("flagged", bool)]:
        assert [properties[name] for properties in read] == columns[name].tolist()
        assert {type(properties[name]) for properties in read} == {kind}
    assert [properties["h3"] for properties in read] == [to_hex(cell) for cell in cells]
    assert {properties["day"] for properties in read} == {"2026-11-21"}


@quick
@given(st.lists(st.tuples(st.floats(), st.floats()), min_size=1, max_size=19))
def test_doubles_come_back_bit_by_bit(pairs: list[tuple[float, float]]) -> None:
    columns = {"list": [one for one, _ in pairs], "array": np.array([two for _, two in pairs])}
    read = properties_of(columns, h3.grid_disk(KUWAIT, 2)[: len(pairs)])
    for name, column in columns.items():
        assert np.array([properties[name] for properties in read]).tobytes() == np.array(column).tobytes()


def test_an_array_of_which_a_tile_shows_a_part_keeps_its_rows() -> None:
    near, far = KUWAIT, cell_of(lat=-33.9, lng=18.4, resolution=8)
    cells = [far, near, far]
    columns = {"h3": np.array(cells, np.uint64), "score": np.array([0.5, 1.5, 2.5]), "n": np.array([1, 2, 3])}
    assert properties_of(columns, cells) == [{"h3": to_hex(near), "score": 1.5, "n": 2}]


@quick
@given(st.lists(st.integers(0, 2**62), max_size=30))
def test_many_varints_at_once_are_those_written_one_by_one(numbers: list[int]) -> None:
    assert columns_joined(varints(np.array(numbers, np.int64))) == [varint(number) for number in numbers]


@given(st.integers(-(2**62), 2**62 - 1))
def test_zigzag_interleaves_the_signs(number: int) -> None:
    expected = 2 * number if number >= 0 else -2 * number - 1
    assert zigzag(number) == zigzag(np.array([number]))[0] == expected


def test_a_value_is_written_once_however_often_it_occurs() -> None:
    cells = h3.grid_disk(KUWAIT, 5)
    tile = encode_cells(
        CellFrames(), "cells", 8, *around(8, KUWAIT), cells, None, {"a": ["plenty"] * 91, "b": ["plenty"] * 91}
    )
    assert tile.count(b"plenty") == 1


@pytest.mark.parametrize("z", [7, 9, 12])
def test_every_outline_is_the_cell_rounded_to_the_grid_with_positive_area(z: int) -> None:
    cells = h3.grid_disk(KUWAIT, 4)
    found = {}
    for x in range(around(z, KUWAIT)[0] - 4, around(z, KUWAIT)[0] + 5):
        for y in range(around(z, KUWAIT)[1] - 4, around(z, KUWAIT)[1] + 5):
            found.update(on_globe(cells, z, x, y))
    assert set(found) == set(range(len(cells)))
    for row, (ring,) in found.items():
        assert area(ring) > 0
        assert Polygon(ring).is_valid
        for lng, lat in boundary(cells[row]):
            px, py = on_grid(lat, lng, z)
            assert min(max(abs(px - qx), abs(py - qy)) for qx, qy in ring) <= (0.51 if z > 7 else 1.01)


def test_neighbouring_cells_share_their_corners_exactly() -> None:
    for z in (9, 14, 15):
        (middle,) = build_frames(z, [KUWAIT])
        assert middle is not None
        corners = ring_points(KUWAIT, z)
        for neighbour in h3.grid_ring(KUWAIT, 1):
            assert len(corners & ring_points(neighbour, z)) == 2


def ring_points(cell: int, z: int) -> set[tuple[int, int]]:
    x, y = around(z, cell)
    (rings,) = on_globe([cell], z, x, y).values()
    return {point for ring in rings for point in ring}


@quick
@given(st.floats(-60, 60), st.floats(-179, 179), st.integers(4, 9), st.integers(1, 6))
def test_neighbouring_tiles_agree_on_the_cells_they_share(lat: float, lng: float, resolution: int, extra: int) -> None:
    cells = h3.grid_disk(cell_of(lat=lat, lng=lng, resolution=resolution), 3)
    z = resolution + extra // 2
    x, y = tile_at(lat=lat, lng=lng, z=z)
    here = on_globe(cells, z, x, y)
    assert here
    for dx, dy in [(1, 0), (0, 1), (1, 1)]:
        if x + dx < 2**z and y + dy < 2**z:
            there = on_globe(cells, z, x + dx, y + dy)
            assert all(here[row] == there[row] for row in here.keys() & there.keys())


@quick
@given(st.floats(-90, 90), st.floats(-180, 180), st.integers(0, 12), st.integers(0, 22))
def test_every_tile_of_every_place_is_valid(lat: float, lng: float, resolution: int, z: int) -> None:
    cells = h3.grid_disk(cell_of(lat=lat, lng=lng, resolution=resolution), 2)
    x, y = tile_at(lat=lat, lng=lng, z=z)
    tile = encode_cells(CellFrames(), "cells", z, x, y, cells, range(len(cells)))
    for feature in decode(tile)["features"] if tile else []:
        for ring in rings_of(feature):
            assert area(ring) > 0
            assert Polygon(ring).is_valid
            assert all(-2 * EXTENT <= value < 2 * EXTENT for point in ring for value in point)


@pytest.mark.parametrize("z", [11, 14, 15, 18, 22])
def test_a_place_lies_in_its_cell_on_its_tile_at_every_zoom(z: int) -> None:
    lat, lng = 29.3712, 47.9734
    cells = h3.grid_disk(KUWAIT, 3)
    px, py = on_grid(lat, lng, z)
    found = on_globe(cells, z, *tile_at(lat=lat, lng=lng, z=z))
    assert [row for row, (ring,) in found.items() if holds(ring, px, py)] == [
        cells.index(cell_of(lat=lat, lng=lng, resolution=8))
    ]


@pytest.mark.parametrize("z", [1, 2, 5, 9])
def test_a_cell_over_the_antimeridian_is_on_both_sides(z: int) -> None:
    cell = cell_of(lat=-17.0, lng=180.0, resolution=min(z, 6))
    _, y = tile_at(lat=-17.0, lng=180.0, z=z)
    (east,), (west,) = (on_globe([cell], z, x, y)[0] for x in (2**z - 1, 0))
    assert [(px - EXTENT * 2**z, py) for px, py in east] == west


def test_on_the_one_tile_of_zoom_0_such_a_cell_is_drawn_twice() -> None:
    cell = cell_of(lat=-17.0, lng=180.0, resolution=2)
    one, two = on_globe([cell], 0, 0, 0)[0]
    shift = one[0][0] - two[0][0]
    assert abs(shift) == EXTENT
    assert [(px - shift, py) for px, py in one] == two


@pytest.mark.parametrize("lat", [84.95, -84.95])
@pytest.mark.parametrize("z", [0, 1, 3])
def test_a_polar_cell_covers_its_places_along_the_edge_of_the_map(lat: float, z: int) -> None:
    polar = cell_of(lat=90.0 if lat > 0 else -90.0, lng=0.0, resolution=0)
    places = [lng for lng in range(-179, 180, 2) if cell_of(lat=lat, lng=lng, resolution=0) == polar]
    assert len(places) > 60
    for lng in places:
        x, y = tile_at(lat=lat, lng=lng, z=z)
        px, py = on_grid(lat, lng, z)
        rings = on_globe([polar], z, x, y)[0]
        assert any(holds(ring, px, py) for ring in rings)


def test_a_small_cell_at_the_pole_is_beyond_the_map_and_left_out() -> None:
    assert (
        encode_cells(CellFrames(), "cells", 3, 0, 0, h3.grid_disk(cell_of(lat=90.0, lng=0.0, resolution=6), 3)) == b""
    )


def test_all_base_cells_cover_the_map_without_overlap() -> None:
    shapes = [Polygon(ring) for rings in on_globe(h3.get_res0_cells(), 0, 0, 0).values() for ring in rings]
    inside = Polygon([(0, 0), (EXTENT, 0), (EXTENT, EXTENT), (0, EXTENT)])
    # rounding and the straight edges of the map leave slivers, on a grid of 16.8 million square units
    assert sum(shape.intersection(inside).area for shape in shapes) == pytest.approx(EXTENT**2, rel=2e-3)


def test_cells_that_do_not_touch_the_tile_are_left_out() -> None:
    near, far = KUWAIT, cell_of(lat=-33.9, lng=18.4, resolution=8)
    tile = encode_cells(CellFrames(), "cells", 10, *around(10, near), [far, near, far], [1, 2, 3], {"n": [1, 2, 3]})
    (feature,) = decode(tile)["features"]
    assert (feature["id"], feature["properties"]) == (2, {"n": 2})
    assert encode_cells(CellFrames(), "cells", 10, *around(10, near), [far], [1]) == b""
    assert encode_cells(CellFrames(), "cells", 10, *around(10, near), [], []) == b""


def test_a_cell_in_the_buffer_is_sent_so_that_its_line_is_not_cut() -> None:
    z = 9
    x, y = around(z, KUWAIT)
    for cell in h3.grid_disk(KUWAIT, 90)[::15]:
        (frame,) = build_frames(z, [cell])
        assert frame is not None
        gap = max(frame.west - (x + 1) * EXTENT, x * EXTENT - frame.east)
        gap = max(gap, frame.north - (y + 1) * EXTENT, y * EXTENT - frame.south)
        assert bool(encode_cells(CellFrames(), "cells", z, x, y, [cell])) == (gap < BUFFER)


def test_cells_too_small_for_the_zoom_are_left_out_and_the_others_stay_valid() -> None:
    cells = h3.grid_disk(KUWAIT, 20)
    shown = {z: len(on_globe(cells, z, *around(z, KUWAIT))) for z in (0, 2, 4, 6)}
    assert shown[0] < shown[4]
    assert shown[6] == len(cells)


def test_the_memory_of_outlines_is_bounded_and_forgets_nothing_that_matters() -> None:
    frames = CellFrames(entries=200)
    cells = h3.grid_disk(KUWAIT, 12)
    fresh = build_frames(9, cells)
    for start in (0, 50, 20, 300, 0):
        assert frames.get(9, cells[start : start + 90]) == fresh[start : start + 90]
        assert len(frames) <= 200
    assert frames.get(9, cells) == fresh
    assert len(frames) <= 200


def test_a_tile_is_the_same_from_a_cold_and_a_warm_memory() -> None:
    warm = CellFrames()
    cells = h3.grid_disk(KUWAIT, 6)
    for z in (0, 3, 7, 12, 16):
        first = encode_cells(warm, "cells", z, *around(z, KUWAIT), cells, range(len(cells)))
        assert encode_cells(warm, "cells", z, *around(z, KUWAIT), cells, range(len(cells))) == first


def test_cells_that_come_again_after_many_others_are_drawn_the_same() -> None:
    frames = CellFrames(entries=100)
    grids = [h3.grid_disk(KUWAIT, size) for size in range(8)]
    for z in (7, 9, 7):
        for cells in grids:
            fresh = encode_cells(CellFrames(), "cells", z, *around(z, KUWAIT), cells)
            assert encode_cells(frames, "cells", z, *around(z, KUWAIT), cells) == fresh


@pytest.mark.parametrize(
    ("ids", "columns"), [([1], {}), (None, {"n": [1]}), ([1, 2, 3], {"n": [1, 2]})], ids="ids column both".split()
)
def test_columns_of_another_length_are_a_mistake_of_the_caller(ids: Any, columns: Any) -> None:
    with pytest.raises(ValueError, match="values for 2 cells"):
        encode_cells(CellFrames(), "cells", 9, *around(9, KUWAIT), [KUWAIT, KUWAIT], ids, columns)


@pytest.mark.parametrize(("value", "error"), [(np.float64(1), TypeError), (b"1", TypeError), (2**64, ValueError)])
def test_values_the_format_cannot_carry_are_a_mistake_of_the_caller(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"attribute"):
        encode_cells(CellFrames(), "cells", 9, *around(9, KUWAIT), [KUWAIT], None, {"n": [value]})


def test_a_tile_outside_the_pyramid_is_not_found() -> None:
    with pytest.raises(NotFound):
        encode_cells(CellFrames(), "cells", 3, 8, 0, [KUWAIT])


def test_gdal_reads_the_tile(tmp_path: Path) -> None:
    cells = h3.grid_disk(KUWAIT, 8)
    z = 9
    x, y = around(z, KUWAIT)
    columns = {"risk_score": [i / 3 for i in range(len(cells))], "event_count": list(range(len(cells)))}
    folder = tmp_path / str(z) / str(x)
    folder.mkdir(parents=True)
    (folder / f"{y}.mvt").write_bytes(encode_cells(CellFrames(), "cells", z, x, y, cells, range(len(cells)), columns))
    command = ["ogr2ogr", "-f", "GeoJSON", "/vsistdout/", f"MVT:{folder / f'{y}.mvt'}", "-t_srs", "EPSG:4326"]
    features = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)["features"]
    assert len(features) == len(cells)
    for feature in features:
        row = feature["properties"]["event_count"]
        assert feature["properties"]["risk_score"] == row / 3
        lng, lat = feature["geometry"]["coordinates"][0][0]
        lat0, lng0 = h3.cell_to_latlng(cells[row])
        assert abs(lng - lng0) < 0.02
        assert abs(lat - lat0) < 0.02
