"""How long a vector tile of 2,000 cells takes, against `mapbox_vector_tile` encoding the same one in the same run.

    python benchmarks/tiles.py [--repeat 30]

Cold is a new `CellFrames` each time, so it includes asking H3 for the outlines; warm has them. The reference gets its
polygons ready in tile coordinates, and so does less. Times are CPU time of this process, in milliseconds.
"""

import argparse
import gc
import random
import time
from collections.abc import Callable
from functools import partial
from statistics import median, quantiles

import h3.api.basic_int as h3
import mapbox_vector_tile
import numpy as np

from appliance.spatial.cells import cell_of, to_hex
from appliance.spatial.frames import BUFFER, EXTENT, CellFrames
from appliance.spatial.mvt import Column, Value, encode_cells
from appliance.spatial.tile import tile_at

LAT, LNG, RESOLUTION, ZOOM, CELLS = 29.37, 47.97, 9, 9, 2_000
Columns = dict[str, list[Value]]


def main() -> None:
    """Measure and print a small table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeat", type=int, default=30, help="how often each is measured (default 30)")
    repeat = parser.parse_args().repeat
    cells, (x, y) = cells_of_one_tile()
    ids, columns = range(len(cells)), attributes(cells)
    served = as_served(cells, columns)
    warm = CellFrames()

    def ours(frames: CellFrames, with_columns: dict[str, Column] | None) -> bytes:
        return encode_cells(frames, "cells", ZOOM, x, y, cells, ids, with_columns)

    def cold(with_columns: dict[str, Column] | None) -> bytes:
        return ours(CellFrames(), with_columns)

    size, bare = len(ours(warm, served)), len(ours(warm, None))
    reference = features(mapbox_vector_tile.decode(ours(warm, served)), columns)
    plain = [{**feature, "properties": {}} for feature in reference]
    print(f"{len(cells)} cells of resolution {RESOLUTION} on tile {ZOOM}/{x}/{y}: "
          f"{size:,} bytes with {len(columns)} attributes, {bare:,} without")  # fmt: skip
    print(f"{'':34}{'p50 ms':>9}{'p95 ms':>9}{'reference / ours':>19}")
    gc.collect()
    gc.freeze()  # the reference's features are many objects, which would slow every collection of ours
    for name, given, ready in ((f"{len(columns)} attributes", served, reference), ("geometry and id", None, plain)):
        slow = times(partial(mapbox_vector_tile.encode, [{"name": "cells", "features": ready}]), 3)
        row(f"{name}, mapbox_vector_tile", slow, slow)
        row(f"{name}, cold", times(partial(cold, given), repeat), slow)
        row(f"{name}, warm", times(partial(ours, warm, given), repeat), slow)


def cells_of_one_tile() -> tuple[list[int], tuple[int, int]]:
    """The cells nearest to the middle of the tile, all of them within it."""
    x, y = tile_at(lat=LAT, lng=LNG, z=ZOOM)
    around = h3.grid_disk(cell_of(lat=LAT, lng=LNG, resolution=RESOLUTION), 90)
    frames = CellFrames().get(ZOOM, around)
    box = (x * EXTENT - BUFFER, y * EXTENT - BUFFER, (x + 1) * EXTENT + BUFFER, (y + 1) * EXTENT + BUFFER)
    inside = [
        cell
        for cell, frame in zip(around, frames, strict=True)
        if frame and frame.west > box[0] and frame.north > box[1] and frame.east < box[2] and frame.south < box[3]
    ]
    return inside[:CELLS], (x, y)


def attributes(cells: list[int]) -> Columns:
    """Ten columns like those of the map: texts, doubles all different, small counts, flags."""
    draw = random.Random(1)
    return {
        "h3_index": [to_hex(cell) for cell in cells],
        "day": ["2026-11-21"] * len(cells),
        "risk_score": [draw.uniform(0, 100) for _ in cells],
        "risk_level": [draw.choice(["low", "medium", "high", "critical"]) for _ in cells],
        "event_count": [int(draw.expovariate(0.3)) for _ in cells],
        "rolling_7d_avg": [draw.randrange(140) / 7 for _ in cells],
        "growth_rate": [draw.randrange(-20, 60) / 12 for _ in cells],
        "z_score": [draw.gauss(0, 1) for _ in cells],
        "flagged": [draw.random() < 0.05 for _ in cells],
        "coverage": [draw.choice(["full", "partial"]) for _ in cells],
    }


def as_served(cells: list[int], columns: Columns) -> dict[str, Column]:
    """The same as a day comes from the store: numbers as arrays, cells in one of their own, the day once for all."""
    kinds: dict[type, type] = {float: np.float64, int: np.int64, bool: np.bool_}
    arrays: dict[str, Column] = {
        name: np.array(column, kinds[type(column[0])]) for name, column in columns.items() if type(column[0]) in kinds
    }
    return {**columns, **arrays, "h3_index": np.array(cells, np.uint64), "day": columns["day"][0]}


def features(tile: dict[str, dict[str, list[dict[str, object]]]], columns: Columns) -> list[dict[str, object]]:
    """The features of a decoded tile as the reference encoder takes them."""
    return [
        {
            "geometry": feature["geometry"],
            "properties": {name: column[row] for name, column in columns.items()},
            "id": feature["id"],
        }
        for row, feature in enumerate(tile["cells"]["features"])
    ]


def times(call: Callable[[], object], repeat: int) -> list[float]:
    """Milliseconds of CPU time of each of some calls, after one that is not counted."""
    call()
    taken = []
    for _ in range(repeat):
        start = time.process_time()
        call()
        taken.append((time.process_time() - start) * 1e3)
    return taken


def row(name: str, taken: list[float], slow: list[float]) -> None:
    """One line of the table."""
    ratio = median(slow) / median(taken)
    print(f"{name:34}{median(taken):9.2f}{quantiles(taken, n=20)[-1]:9.2f}{ratio:18.1f}x")


if __name__ == "__main__":
    main()
