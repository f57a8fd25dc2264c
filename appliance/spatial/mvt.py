"""Vector tiles of H3 cells, written by hand: columns in, the bytes of one layer out.

`serve` asks for a tile with the cells that may touch it and one column of values per attribute. What is the same in
every tile of a zoom comes from `CellFrames`; here the first point of each outline, the ids and the attributes are
added. Cells smaller than a tile are not clipped: each goes whole into every tile that it touches.

What precedes the second point of an outline is written for all features at once, as a table of bytes with a column
for each: a few calls of Python for every cell and attribute took longer than all the rest together.
Source: Mapbox Vector Tile specification 2.1; the tags below are those of its `vector_tile.proto`.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from appliance.spatial.cells import Ring
from appliance.spatial.frames import BUFFER, EXTENT, CellFrames, Sheet
from appliance.spatial.geometry import clip
from appliance.spatial.ring import (
    MOVE_TO,
    Digits,
    Ints,
    Points,
    columns_joined,
    commands,
    tidy,
    varint,
    varints,
    zigzag,
)
from appliance.spatial.tile import check_tile

Value = str | int | float | bool | None
"""An attribute; None leaves it out of that feature, for the format has no null."""
Numbers = NDArray[np.float64] | NDArray[np.int64] | NDArray[np.bool_] | NDArray[np.uint64]
Column = Value | Sequence[Value] | Numbers
"""One value for all cells, or one a cell; arrays are faster than lists. An array of uint64 holds cells, told in hex."""

_LAYER, _VERSION_2 = b"\x1a", b"\x78\x02"
_NAME, _FEATURE, _KEY, _VALUE, _EXTENT = b"\x0a", b"\x12", b"\x1a", b"\x22", b"\x28"
_ID, _TAGS, _POLYGON = b"\x08", b"\x12", b"\x18\x03\x22"  # the last: type 3, then the tag of the geometry
_DOUBLE = _VALUE + b"\x09\x19"  # what precedes the eight bytes of a double
_HEX = _VALUE + b"\x11\x0a\x0f"  # what precedes the 15 hex digits of a cell
_HEX_DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8)


class _Outlines(NamedTuple):
    """What of some cells a tile shows: which of them, the first point of each, and all that follows it."""

    rows: Ints
    x: Ints
    y: Ints
    tails: list[bytes]


def encode_cells(
    frames: CellFrames,
    layer: str,
    z: int,
    x: int,
    y: int,
    cells: Sequence[int],
    ids: Sequence[int] | None = None,
    columns: Mapping[str, Column] | None = None,
) -> bytes:
    """One tile with one layer of cells as polygons; empty where none of them touches the tile.

    frames   the memory of outlines, shared by all tiles
    cells    more than touch the tile may be given; the others, and those without area at this zoom, are left out
    ids      from 0, below 2**53 for readers in JavaScript, one a cell; None leaves them out
    columns  by name; values are text, whole numbers, floats (as doubles), booleans, None
    raises   NotFound    the tile is not in the pyramid
             ValueError  ids or a column are not as many as the cells
             TypeError   a column holds something else
    """
    check_tile(z, x, y)
    columns = columns or {}
    for name, column in [("ids", ids), *columns.items()]:
        if not isinstance(column, Value) and len(column) != len(cells):
            raise ValueError(f"tile {z}/{x}/{y}: {name} has {len(column)} values for {len(cells)} cells")
    outlines = _touching(frames.sheet(z, cells), z, x, y)
    rows = outlines.rows
    if not rows.size:
        return b""
    values = _Values()
    indexes = {
        name: np.broadcast_to(values.add(name, _shown(column, rows)), len(rows))
        for name, column in sorted(columns.items(), key=_are_many)
    }
    shown_ids = None if ids is None else np.array(ids, np.int64)[rows]
    heads = _heads(shown_ids, [indexes[name] for name in columns], outlines)
    parts = [_NAME, _sized(layer.encode()), _VERSION_2, _EXTENT, varint(EXTENT)]
    for head, tail in zip(heads, outlines.tails, strict=True):
        parts += (head, tail)
    parts += [_KEY + _sized(name.encode()) for name in columns]
    return _LAYER + _sized(b"".join(parts + values.parts))


def _touching(sheet: Sheet, z: int, x: int, y: int) -> _Outlines:
    """What of a sheet touches a tile or its buffer, over the antimeridian too."""
    first_x, first_y, west, north, east, south = sheet.places
    left, top = x * EXTENT, y * EXTENT
    near, far = -BUFFER, EXTENT + BUFFER
    world, last = EXTENT << z, (1 << z) - 1
    around = 0 if z == 0 else -world if x == 0 else world if x == last else 0
    here = (west < left + far) & (east > left + near)
    there = (west + around < left + far) & (east + around > left + near)
    chosen = np.flatnonzero((here | there) & (north < top + far) & (south > top + near))
    shift = left - np.where(here[chosen], 0, around)
    rows, x_in, y_in = sheet.rows[chosen], first_x[chosen] - shift, first_y[chosen] - top
    tails = [sheet.tails[place] for place in chosen.tolist()]
    if not all(tails):
        for at, place in enumerate(chosen.tolist()):
            if not tails[at]:
                x_in[at], y_in[at], tails[at] = _clipped(sheet.rings[place], int(shift[at]), top)
        with_area = [at for at, tail in enumerate(tails) if tail]
        rows, x_in, y_in, tails = rows[with_area], x_in[with_area], y_in[with_area], list(filter(None, tails))
    return _Outlines(rows, x_in, y_in, tails)


def _clipped(outline: Sequence[Points], left: int, top: int) -> tuple[int, int, bytes]:
    """First point and tail of a cell too large to be sent whole: what lies within a tile's width around the tile."""
    rings: list[Ring] = [[(x - left, y - top) for x, y in ring] for ring in outline]
    for axis in (0, 1):
        for limit, side in ((-EXTENT, 1), (2 * EXTENT - 1, -1)):
            rings = [part for ring in rings for part in clip(ring, axis, limit, side)]
    kept = [part for part in map(tidy, rings) if part]
    return (*kept[0][0], commands(kept)) if kept else (0, 0, b"")


def _shown(column: Column, rows: Ints) -> Column:
    """The values of some cells; floats as an array."""
    if isinstance(column, Value):
        return column
    if isinstance(column, np.ndarray):
        return column[rows]
    shown = [column[row] for row in rows.tolist()]
    return np.array(shown) if set(map(type, shown)) == {float} else shown


def _heads(ids: Ints | None, indexes: Sequence[Ints], outlines: _Outlines) -> list[bytes]:
    """What precedes the second point of each feature: its length, id, tags, and the first point.

    indexes  for each column, those of the features' values, -1 for none
    """
    n = len(outlines.rows)
    rest = np.fromiter(map(len, outlines.tails), np.int64, n)
    first = np.concatenate([_same(MOVE_TO, n), varints(zigzag(outlines.x)), varints(zigzag(outlines.y))])
    body = np.concatenate([_same(_POLYGON, n), varints(_lengths(first) + rest), first])
    if indexes:
        tags = np.concatenate([_tag(varint(key), column) for key, column in enumerate(indexes)])
        body = np.concatenate([_same(_TAGS, n), varints(_lengths(tags)), tags, body])
    if ids is not None:
        body = np.concatenate([_same(_ID, n), varints(ids), body])
    return columns_joined(np.concatenate([_same(_FEATURE, n), varints(_lengths(body) + rest), body]))


def _tag(key: bytes, indexes: Ints) -> Digits:
    """A key's index and those of its values; nothing where there is no value."""
    tag = np.concatenate([_same(key, len(indexes)), varints(indexes)])
    tag[:, indexes < 0] = -1
    return tag


def _same(data: bytes, features: int) -> Digits:
    """The same bytes for each feature."""
    return np.repeat(np.frombuffer(data, np.uint8).astype(np.int16)[:, None], features, axis=1)


def _lengths(table: Digits) -> Ints:
    """How many bytes each feature has in a table."""
    lengths: Ints = np.count_nonzero(table >= 0, axis=0)
    return lengths


class _Values:
    """The values of one layer; in `parts` as they are written.

    What is told apart is what is written, so 1, 1.0 and True are three, and 0.0 and -0.0 two. Each is written once,
    but for a double that several columns have.
    """

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self._count = 0
        self._known: dict[bytes, int] = {}

    def add(self, name: str, column: Column) -> Ints:
        """The index of each value of a column, -1 for None; a single index where one value is for all."""
        if isinstance(column, np.ndarray) and column.dtype == np.float64:
            bits, places = np.unique(column.view(np.uint64), return_inverse=True)
            return places + self._append(len(bits), _doubles(bits))
        if isinstance(column, np.ndarray) and column.dtype == np.uint64:
            return np.arange(len(column)) + self._append(len(column), _hex(column.astype(np.uint64)))
        distinct, places = _distinct(column)
        learnt = np.array([self._learn(name, value) for value in distinct])
        return learnt[places]

    def _learn(self, name: str, value: Value) -> int:
        if value is None:
            return -1
        if type(value) not in _ENCODE:
            raise TypeError(f"attribute {name} holds {type(value).__name__}: make it text, int, float or bool")
        data = _VALUE + _sized(_ENCODE[type(value)](value))
        if data not in self._known:
            self._known[data] = self._append(1, data)
        return self._known[data]

    def _append(self, count: int, data: bytes) -> int:
        """Write so many values; the index of the first."""
        self.parts.append(data)
        self._count += count
        return self._count - count


def _are_many(named: tuple[str, Column]) -> bool:
    """Whether a column may have a value of its own for each cell: these come last, where indexes take more bytes."""
    return isinstance(named[1], np.ndarray) and named[1].dtype in (np.float64, np.uint64)


def _distinct(column: Column) -> tuple[Sequence[Value], Ints]:
    """Values that hold all those of a column, and for each of these its place among them."""
    if isinstance(column, Value):
        return [column], np.zeros(1, np.int64)
    if isinstance(column, np.ndarray):
        distinct, places = np.unique(column, return_inverse=True)
        return distinct.tolist(), places
    if len(set(map(type, column))) > 1:  # equal values may be of different types
        return column, np.arange(len(column))
    order = {value: place for place, value in enumerate(dict.fromkeys(column))}
    return list(order), np.fromiter(map(order.__getitem__, column), np.int64, len(column))


def _doubles(bits: NDArray[np.uint64]) -> bytes:
    entries = np.empty((len(bits), len(_DOUBLE) + 8), np.uint8)
    entries[:, : len(_DOUBLE)] = tuple(_DOUBLE)
    entries[:, len(_DOUBLE) :] = bits.astype("<u8").view(np.uint8).reshape(-1, 8)
    return entries.tobytes()


def _hex(cells: NDArray[np.uint64]) -> bytes:
    entries = np.empty((len(cells), len(_HEX) + 15), np.uint8)
    entries[:, : len(_HEX)] = tuple(_HEX)
    entries[:, len(_HEX) :] = _HEX_DIGITS[cells[:, None] >> np.arange(56, -1, -4, dtype=np.uint64) & np.uint64(15)]
    return entries.tobytes()


def _whole(value: int) -> bytes:
    """Unsigned, or signed where it is negative."""
    if not -(1 << 63) <= value < 1 << 64:
        raise ValueError(f"{value} does not fit the 64 bits of an attribute: send it as text")
    return b"\x28" + varint(value) if value >= 0 else b"\x30" + varint(zigzag(value))


def _sized(data: bytes) -> bytes:
    return varint(len(data)) + data


_ENCODE: dict[type, Callable[[Any], bytes]] = {
    str: lambda value: b"\x0a" + _sized(value.encode()),
    float: lambda value: b"\x19" + struct.pack("<d", value),
    int: _whole,
    bool: lambda value: b"\x38\x01" if value else b"\x38\x00",
}
