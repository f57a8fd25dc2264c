"""The outlines of cells as vector tiles carry them, computed once per cell and zoom.

Corners are rounded on one grid for the whole zoom, EXTENT units to a tile, and not tile by tile. So a corner that
cells share is the same point in all of them, edges meet across tile borders, and all bytes of an outline after its
first point are the same in every tile: those are kept. A `CellFrames` is made by `serve`; `mvt` reads it.

An outline that rounding makes degenerate is mended by `ring.tidy`, and left out where no area remains: the cell is
then smaller than an eighth of a pixel.
"""

import itertools
import math
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import h3.api.basic_int as h3
import numpy as np
from numpy.typing import NDArray

from appliance.spatial.geometry import clip, outline
from appliance.spatial.ring import (
    CLOSE_PATH,
    SMALL,
    Ints,
    Points,
    box_of,
    columns_joined,
    commands,
    line_to,
    tidy,
    varint,
    varints,
    zigzag,
)

EXTENT = 4096
BUFFER = 64
"""Units around a tile in which cells are sent too, so that a line drawn on its edge is not cut (8 of 512 pixels)."""
WHOLE = EXTENT - BUFFER - 1
"""The size up to which a cell is sent whole: its points then lie within a tile's width around the tile.

Renderers keep points in 16 bits, two steps a unit (MapLibre GL JS, `load_geometry.ts`), and bend what lies beyond."""
SHEETS = 16  # kept at most, and of no more cells than there are entries

Bools = NDArray[np.bool_]


class Frame(NamedTuple):
    """One cell at one zoom, in units of the zoom's grid (x eastward from the antimeridian, y southward).

    x, y    the first point; west, north, east, south: the outline's box
    tail    every geometry command after the first point; empty where the cell is larger than WHOLE
    rings   the whole outline, of such a cell only
    """

    x: int
    y: int
    west: int
    north: int
    east: int
    south: int
    tail: bytes
    rings: Sequence[Points] = ()


class Sheet(NamedTuple):
    """The frames of many cells at one zoom as columns, n of them: those without area are left out.

    rows    (n,) which of the cells each is of
    places  (6, n) x, y, west, north, east, south
    tails   n
    rings   of each frame without a tail, by its place among the n
    """

    rows: Ints
    places: Ints
    tails: list[bytes]
    rings: dict[int, Sequence[Points]]


class CellFrames:
    """A bounded memory of frames, for any number of threads; some 500 bytes an entry.

    Two generations of at most half the entries each: when the young one is full it becomes the old one, and what
    of the old is asked for moves to the young. That is nearly least-recently-used, at the price of a dict look-up.
    The sheets asked for last are kept too: the same cells come again with every tile and every day.
    """

    def __init__(self, entries: int = 40_000) -> None:
        self._entries = entries
        self._half = max(entries // 2, 1)
        self._young: dict[int, Frame | None] = {}
        self._old: dict[int, Frame | None] = {}
        self._sheets: OrderedDict[tuple[int, bytes], Sheet] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many outlines are kept; never more than `entries`."""
        return len(self._young) + len(self._old)

    def get(self, z: int, cells: Sequence[int]) -> list[Frame | None]:
        """The frames of cells at a zoom, in their order; None for a cell that has no area there."""
        level = z << 60  # above the bits of a cell, so that one int names both
        keys = [cell + level for cell in cells]
        with self._lock:
            missing = [key for key in keys if key not in self._young]
            if len(self._young) + len(missing) > self._half:
                self._old, self._young, missing = self._young, {}, keys
            young, old = self._young, self._old
            young.update({key: old.pop(key) for key in dict.fromkeys(missing) if key in old})
            fresh = [key for key in dict.fromkeys(missing) if key not in young]
            young.update(zip(fresh, build_frames(z, [key - level for key in fresh]), strict=True))
            if len(young) > self._half:
                self._young = {}
            return [young[key] for key in keys]

    def sheet(self, z: int, cells: Sequence[int]) -> Sheet:
        """The frames of cells at a zoom as columns."""
        key = (z, np.array(cells, np.uint64).tobytes())
        with self._lock:
            known = self._sheets.get(key)
        sheet = known or _sheet_of(self.get(z, cells))
        with self._lock:
            self._sheets[key] = sheet
            self._sheets.move_to_end(key)
            while len(self._sheets) > SHEETS or sum(len(kept.rows) for kept in self._sheets.values()) > self._entries:
                self._sheets.popitem(last=False)
        return sheet


def build_frames(z: int, cells: Sequence[int]) -> list[Frame | None]:
    """Frames computed anew; those of cells with equally many corners together, as arrays."""
    corners = [h3.cell_to_boundary(cell) for cell in cells]
    frames: dict[int, Frame | None] = {}
    for count in set(map(len, corners)):
        rows = [row for row, ring in enumerate(corners) if len(ring) == count]
        flat = itertools.chain.from_iterable(itertools.chain.from_iterable(corners[row] for row in rows))
        degrees = np.fromiter(flat, np.float64, 2 * count * len(rows)).reshape(len(rows), count, 2)
        alike = _frames_of_alike(z, [cells[row] for row in rows], degrees[:, ::-1])
        frames.update(zip(rows, alike, strict=True))
    return [frames[row] for row in range(len(cells))]


def _sheet_of(frames: Sequence[Frame | None]) -> Sheet:
    shown = [(row, frame) for row, frame in enumerate(frames) if frame]
    return Sheet(
        rows=np.array([row for row, _ in shown], np.int64),
        places=np.array([frame[:6] for _, frame in shown], np.int64).reshape(-1, 6).T.copy(),
        tails=[frame.tail for _, frame in shown],
        rings={place: frame.rings for place, (_, frame) in enumerate(shown) if not frame.tail},
    )


def _frames_of_alike(z: int, cells: Sequence[int], degrees: NDArray[np.float64]) -> list[Frame | None]:
    """Frames of n cells with k corners each; degrees is (n, k, 2), lat before lng, clockwise."""
    size = EXTENT << z
    x, y = _on_grid(degrees[..., 0], degrees[..., 1], size)
    x[:, 1:] -= size * np.cumsum(np.rint(np.diff(x) / size).astype(np.int64), axis=1)  # no leap at the antimeridian
    box = np.stack([x.min(1), y.min(1), x.max(1), y.max(1)], axis=1)
    span = box[:, 2:] - box[:, :2]
    polar = np.abs(x[:, -1] - x[:, 0]) * 2 > size
    simple = ~polar & (box[:, 1] >= 0) & (box[:, 3] <= size) & (span.max(1) <= WHOLE)
    if z == 0:
        simple &= (box[:, 0] >= 0) & (box[:, 2] <= size)
    plain = simple & _convex(x, y)
    small = simple & ~plain & (span.min(1) < SMALL)
    frames: list[Frame | None] = [None] * len(cells)
    for row, frame in zip(_rows(plain), _plain_frames(x[plain], y[plain], box[plain]), strict=True):
        frames[row] = frame
    for row, mended in zip(_rows(small), _small_frames(z, x[small], y[small], box[small]), strict=True):
        frames[row] = mended
    for row in _rows(~(plain | small)):
        ring = _polar_points(cells[row], size) if polar[row] else _points(x[row], y[row])
        frames[row] = _odd_frame(z, ring)
    return frames


def _rows(chosen: Bools) -> list[int]:
    rows: list[int] = np.flatnonzero(chosen).tolist()
    return rows


def _on_grid(lat: NDArray[np.float64], lng: NDArray[np.float64], size: int) -> tuple[Ints, Ints]:
    """Degrees to units of a grid `size` units wide; latitudes short of the pole, where Mercator is infinite."""
    sine = np.sin(np.radians(np.clip(lat, -89.9999, 89.9999)))
    down = 0.5 - np.arctanh(sine) / (2 * math.pi)
    return np.rint((lng / 360 + 0.5) * size).astype(np.int64), np.rint(down * size).astype(np.int64)


def _convex(x: Ints, y: Ints) -> Bools:
    """Which of n rings of k points turn the same way at every point and double nowhere; (n,)."""
    dx, dy = np.roll(x, -1, axis=1) - x, np.roll(y, -1, axis=1) - y
    next_dx, next_dy = np.roll(dx, -1, axis=1), np.roll(dy, -1, axis=1)
    turn = dx * next_dy - dy * next_dx
    ahead = dx * next_dx + dy * next_dy
    convex: Bools = ((turn > 0) | ((turn == 0) & (ahead > 0))).all(axis=1)
    return convex


def _plain_frames(x: Ints, y: Ints, box: Ints) -> Iterator[Frame]:
    """Frames of n rings of k points that are valid as they are, their steps below 8,192 units."""
    steps = np.stack([np.diff(x), np.diff(y)], axis=2).reshape(len(x), 2 * (x.shape[1] - 1))
    bodies = columns_joined(np.concatenate([varints(zigzag(column)) for column in steps.T]))
    head = varint(line_to(x.shape[1] - 1))
    tails = [head + body + CLOSE_PATH for body in bodies]
    return map(Frame, x[:, 0].tolist(), y[:, 0].tolist(), *box.T.tolist(), tails)


def _small_frames(z: int, x: Ints, y: Ints, box: Ints) -> Iterator[Frame | None]:
    """Frames of n rings of a few units; there are few shapes of that size, so each is mended once."""
    shapes: dict[bytes, Frame | None] = {}
    west, north = box[:, 0], box[:, 1]
    rings = np.stack([x - west[:, None], y - north[:, None]], axis=2)
    for ring, left, top in zip(rings, west.tolist(), north.tolist(), strict=True):
        key = ring.tobytes()
        if key not in shapes:
            shapes[key] = _odd_frame(z, _points(ring[:, 0], ring[:, 1]))
        shape = shapes[key]
        yield shape and Frame(
            shape.x + left, shape.y + top, shape.west + left, shape.north + top, shape.east + left, shape.south + top,
            shape.tail,
        )  # fmt: skip


def _odd_frame(z: int, ring: Points) -> Frame | None:
    """Any other ring: cut at the map's edge, made valid, doubled on the tile of zoom 0, or kept as points."""
    size = EXTENT << z
    parts = [tidy(part) for above in clip(ring, 1, 0, 1) for part in clip(above, 1, size, -1)]
    rings = [part for part in parts if part]
    if not rings:
        return None
    west, north, east, south = box_of(list(itertools.chain.from_iterable(rings)))
    (x, y), *_ = rings[0]
    if z > 0 and max(east - west, south - north) > WHOLE:
        return Frame(x, y, west, north, east, south, b"", rings)
    if z == 0 and (west < 0 or east > size):  # the one tile shows both ends of the world
        turn = size if west < 0 else -size
        rings += [[(px + turn, py) for px, py in part] for part in rings]
    return Frame(x, y, west, north, east, south, commands(rings))


def _polar_points(cell: int, size: int) -> Points:
    lng, lat = np.array(outline(cell)[::-1]).T
    return _points(*_on_grid(lat, lng, size))


def _points(x: Ints, y: Ints) -> Points:
    return list(zip(x.tolist(), y.tolist(), strict=True))
