"""Vector tiles of H3 cells, written by hand: columns in, the bytes of one layer out.

`serve` asks for a tile with the cells that may touch it and one column of values per attribute. What is the same in
every tile of a zoom comes from `CellFrames`; here the first point of each outline, the ids and the attributes are
added. Cells smaller than a tile are not clipped: each goes whole into every tile that it touches.
Source: Mapbox Vector Tile specification 2.1; the tags below are those of its `vector_tile.proto`.
"""

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from appliance.spatial.cells import Ring
from appliance.spatial.frames import BUFFER, EXTENT, CellFrames, Frame
from appliance.spatial.geometry import clip
from appliance.spatial.ring import MOVE_TO, Points, commands, tidy, varint, zigzag
from appliance.spatial.tile import check_tile

Value = str | int | float | bool | None
"""An attribute; None leaves it out of that feature, for the format has no null."""

_LAYER, _VERSION_2 = b"\x1a", b"\x78\x02"
_NAME, _FEATURE, _KEY, _VALUE, _EXTENT = b"\x0a", b"\x12", b"\x1a", b"\x22", b"\x28"
_ID, _TAGS, _POLYGON = b"\x08", b"\x12", b"\x18\x03\x22"  # the last: type 3, then the tag of the geometry

_SIGNED = [varint(zigzag(number)) for number in (*range(1 << 13), *range(-1 << 13, 0))]
"""Zigzag varints of -8,192 to 8,191: a negative index counts from the end, where the negative numbers are."""


def encode_cells(
    frames: CellFrames,
    layer: str,
    z: int,
    x: int,
    y: int,
    cells: Sequence[int],
    ids: Sequence[int] | None = None,
    columns: Mapping[str, Sequence[Value]] | None = None,
) -> bytes:
    """One tile with one layer of cells as polygons; empty where none of them touches the tile.

    frames   the memory of outlines, shared by all tiles
    cells    more than touch the tile may be given; the others, and those without area at this zoom, are left out
    ids      from 0, below 2**53 for readers in JavaScript, one a cell; None leaves them out
    columns  name -> one value a cell, of plain Python types: text, whole numbers, floats (as doubles), booleans, None
    raises   NotFound    the tile is not in the pyramid
             ValueError  ids or a column are not as many as the cells
             TypeError   a column holds something else
    """
    check_tile(z, x, y)
    columns = columns or {}
    for name, column in [("ids", ids), *columns.items()]:
        if column is not None and len(column) != len(cells):
            raise ValueError(f"tile {z}/{x}/{y}: {name} has {len(column)} values for {len(cells)} cells")
    rows, geometries = _touching(frames.get(z, cells), z, x, y)
    if not rows:
        return b""
    heads, dictionary = _heads(rows, ids, columns)
    parts = [_NAME, _sized(layer.encode()), _VERSION_2, _EXTENT, varint(EXTENT)]
    for head, geometry in zip(heads, geometries, strict=True):
        body = head + _POLYGON + varint(len(geometry)) + geometry
        parts += (_FEATURE, varint(len(body)), body)
    return _LAYER + _sized(b"".join(parts + dictionary))


def _touching(found: Sequence[Frame | None], z: int, x: int, y: int) -> tuple[list[int], list[bytes]]:
    """Rows and geometries of the frames that touch a tile or its buffer, over the antimeridian too."""
    left, top = x * EXTENT, y * EXTENT
    west, east = left - BUFFER, left + EXTENT + BUFFER
    north, south = top - BUFFER, top + EXTENT + BUFFER
    world, last = EXTENT << z, (1 << z) - 1
    around = 0 if z == 0 else -world if x == 0 else world if x == last else 0
    rows: list[int] = []
    geometries: list[bytes] = []
    for row, frame in enumerate(found):
        if frame is None:
            continue
        cell_x, cell_y, cell_west, cell_north, cell_east, cell_south, tail, rings = frame
        if cell_north >= south or cell_south <= north:
            continue
        shift = left
        if cell_west >= east or cell_east <= west:
            shift = left - around
            if not around or cell_west + around >= east or cell_east + around <= west:
                continue
        geometry = (
            MOVE_TO + _SIGNED[cell_x - shift] + _SIGNED[cell_y - top] + tail if tail else _clipped(rings, shift, top)
        )
        if geometry:
            rows.append(row)
            geometries.append(geometry)
    return rows, geometries


def _clipped(outline: Sequence[Points], left: int, top: int) -> bytes:
    """The geometry of a cell too large to be sent whole: what lies within a tile's width around the tile."""
    rings: list[Ring] = [[(x - left, y - top) for x, y in ring] for ring in outline]
    for axis in (0, 1):
        for limit, side in ((-EXTENT, 1), (2 * EXTENT - 1, -1)):
            rings = [part for ring in rings for part in clip(ring, axis, limit, side)]
    kept = [part for part in map(tidy, rings) if part]
    if not kept:
        return b""
    (x, y), *_ = kept[0]
    return MOVE_TO + _SIGNED[x] + _SIGNED[y] + commands(kept)


def _heads(
    rows: Sequence[int], ids: Sequence[int] | None, columns: Mapping[str, Sequence[Value]]
) -> tuple[list[bytes], list[bytes]]:
    """What precedes each feature's geometry (id and tags), and the layer's keys and values."""
    values = _Values()
    keys: list[bytes] = []
    tags: list[list[bytes]] = []
    same = b""  # the tags that every feature has: the day, and whatever else does not vary
    for name, column in columns.items():
        key = varint(len(keys))
        keys.append(_KEY + _sized(name.encode()))
        shown = column if len(rows) == len(column) else [column[row] for row in rows]
        if _is_one_value(shown):
            same += values.tags(key, name, shown[:1])[0]
        else:
            tags.append(values.tags(key, name, shown))
    heads = [b""] * len(rows) if ids is None else [_ID + varint(ids[row]) for row in rows]
    if tags:
        joined: Iterable[bytes] = map(b"".join, zip(*tags, strict=True))
        heads = [
            head + _TAGS + varint(len(same) + len(pairs)) + same + pairs
            for head, pairs in zip(heads, joined, strict=True)
        ]
    elif same:
        heads = [head + _TAGS + varint(len(same)) + same for head in heads]
    return heads, keys + values.encoded


def _is_one_value(column: Sequence[Value]) -> bool:
    """Whether all are the same value of the same type: 1, 1.0 and True are equal, and three values."""
    first = column[0]
    return column.count(first) == len(column) and len(set(map(type, column))) == 1


class _Values:
    """The values of one layer, each written once; 1, 1.0 and True are three."""

    def __init__(self) -> None:
        self.encoded: list[bytes] = []
        self._indexes: dict[type, dict[Value, bytes]] = {}

    def tags(self, key: bytes, name: str, column: Sequence[Value]) -> list[bytes]:
        """For each value of a column: the key's index and the value's, as varints; nothing for None."""
        kinds = dict.fromkeys(map(type, column))
        pairs: dict[type, dict[Value, bytes]] = {}
        for kind in kinds:
            if kind is type(None):
                pairs[kind] = {None: b""}
                continue
            distinct = dict.fromkeys(column if len(kinds) == 1 else (v for v in column if type(v) is kind))
            indexes = self._learn(kind, name, distinct)
            pairs[kind] = {value: key + indexes[value] for value in distinct}
        if len(kinds) == 1:
            return list(map(pairs.popitem()[1].__getitem__, column))
        return [pairs[type(value)][value] for value in column]

    def _learn(self, kind: type, name: str, distinct: Iterable[Value]) -> dict[Value, bytes]:
        if kind not in _ENCODE:
            raise TypeError(
                f"attribute {name} holds {kind.__name__}: make it text, int, float or bool (array.tolist())"
            )
        indexes = self._indexes.setdefault(kind, {})
        new = [value for value in distinct if value not in indexes]
        first = len(self.encoded)
        indexes.update(zip(new, map(varint, range(first, first + len(new))), strict=True))
        self.encoded += map(_ENCODE[kind], new)
        return indexes


def _sized(data: bytes) -> bytes:
    return varint(len(data)) + data


def _text(value: str) -> bytes:
    data = value.encode()
    if len(data) < len(_SHORT_TEXT):
        return _SHORT_TEXT[len(data)] + data
    return _VALUE + _sized(b"\x0a" + _sized(data))


def _double(value: float) -> bytes:
    return _VALUE + b"\x09\x19" + _pack_double(value)


def _whole(value: int) -> bytes:
    """Unsigned, or signed where it is negative."""
    if not -(1 << 63) <= value < 1 << 64:
        raise ValueError(f"{value} does not fit the 64 bits of an attribute: send it as text")
    return _VALUE + _sized(b"\x28" + varint(value) if value >= 0 else b"\x30" + varint(zigzag(value)))


def _flag(value: bool) -> bytes:
    return _VALUE + (b"\x02\x38\x01" if value else b"\x02\x38\x00")


_SHORT_TEXT = [_VALUE + bytes([size + 2, 0x0A, size]) for size in range(126)]  # what precedes text of so many bytes
_pack_double = struct.Struct("<d").pack
_ENCODE: dict[type, Callable[[Any], bytes]] = {str: _text, float: _double, int: _whole, bool: _flag}
