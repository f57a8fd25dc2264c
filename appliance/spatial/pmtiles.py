"""PMTiles version 3: where in an archive a tile lies, from the bytes of its header and directories.

Pure; `store.basemaps` reads the bytes. A directory lists runs of tiles by their id along a Hilbert curve; an entry
without a run points to a further directory (a leaf).
Source: PMTiles specification version 3.
"""

import struct
import zlib
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from appliance.errors import Rejected

HEADER_BYTES = 127
MAX_DIRECTORY_BYTES = 8 << 20
"""Of one directory, unpacked. Writers keep them in the kilobytes; more is a damaged file or a trap."""
MAX_METADATA_BYTES = 8 << 20
MAX_DEPTH = 4
"""Directories from the root to a tile, at most; writers use two."""
_HEADER = struct.Struct("<7sB11QBBBBBB4iB2i")
_MAGIC = b"PMTiles"
_NONE, _GZIP = 1, 2
_COMPRESSIONS = {0: "unknown", 1: "none", 2: "gzip", 3: "brotli", 4: "zstd"}
_MEDIA_TYPES = {
    1: "application/vnd.mapbox-vector-tile", 2: "image/png", 3: "image/jpeg", 4: "image/webp", 5: "image/avif",
}  # fmt: skip

Ints = NDArray[np.int64]


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of the archive."""

    offset: int
    length: int


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What the reader needs of the first 127 bytes; bounds are (west, south, east, north) in degrees."""

    root: Span
    metadata: Span
    leaves: Span
    tiles: Span
    packed: bool
    content_encoding: str | None
    media_type: str
    minzoom: int
    maxzoom: int
    bounds: tuple[float, float, float, float]


class Directory(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Runs of tiles, ascending by id: four arrays of one length; offsets count from the tiles or the leaves."""

    tile_ids: Ints
    run_lengths: Ints
    lengths: Ints
    offsets: Ints


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Where to go on: a tile's bytes within `tiles`, or a leaf's within `leaves`."""

    span: Span
    is_leaf: bool


def read_header(data: bytes) -> Header:
    """The header from the first bytes of an archive.

    raises  Rejected  not a PMTiles archive of version 3, or one whose tiles no browser could read
    """
    if len(data) < HEADER_BYTES or not data.startswith(_MAGIC):
        raise Rejected("is not a PMTiles archive: its first bytes say otherwise; give a .pmtiles file of version 3")
    fields = _HEADER.unpack(data[:HEADER_BYTES])
    version, spans, corners = fields[1], fields[2:10], fields[19:23]
    internal, tile_compression, tile_type, minzoom, maxzoom = fields[14:19]
    if version != 3:
        raise Rejected(f"is a PMTiles archive of version {version}: convert it to version 3 with `pmtiles convert`")
    if internal not in (_NONE, _GZIP) or tile_compression > _GZIP:
        other = _COMPRESSIONS.get(max(internal, tile_compression), "an unknown method")
        raise Rejected(f"is compressed with {other}: write it again with gzip, which every browser reads")
    if tile_type not in _MEDIA_TYPES or not minzoom <= maxzoom <= 30:
        raise Rejected(f"has tiles of type {tile_type} at zooms {minzoom} to {maxzoom}: the file is damaged")
    west, south, east, north = (corner / 1e7 for corner in corners)
    root, metadata, leaves, tiles = (Span(offset=spans[i], length=spans[i + 1]) for i in (0, 2, 4, 6))
    return Header(
        root=root,
        metadata=metadata,
        leaves=leaves,
        tiles=tiles,
        packed=internal == _GZIP,
        content_encoding="gzip" if tile_compression == _GZIP else None,
        media_type=_MEDIA_TYPES[tile_type],
        minzoom=minzoom,
        maxzoom=maxzoom,
        bounds=(west, south, east, north),
    )


def read_metadata(data: bytes, *, packed: bool) -> dict[str, Any]:
    """The archive's JSON metadata: `vector_layers`, `attribution` and others.

    raises  Rejected  it is not a JSON object
    """
    try:
        return msgspec.json.decode(_unpack(data, MAX_METADATA_BYTES) if packed else data, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise Rejected(f"has metadata that is not a JSON object ({error}): the file is damaged") from None


def read_directory(data: bytes, *, packed: bool) -> Directory:
    """A directory from its bytes.

    raises  Rejected  the bytes are not one
    """
    values = _varints(_unpack(data, MAX_DIRECTORY_BYTES) if packed else data[:MAX_DIRECTORY_BYTES])
    count = int(values[0]) if len(values) else 0
    if len(values) != 4 * count + 1:
        raise Rejected(f"has a directory of {count} entries in {len(values)} numbers: the file is damaged")
    steps, run_lengths, lengths, given = values[1:].reshape(4, count)
    tile_ids = np.cumsum(steps)
    if count and (tile_ids[0] < 0 or (steps[1:] <= 0).any() or given[0] == 0):
        raise Rejected("has a directory out of order: the file is damaged")
    return Directory(tile_ids=tile_ids, run_lengths=run_lengths, lengths=lengths, offsets=_offsets(given, lengths))


def find_entry(directory: Directory, tile_id: int) -> Entry | None:
    """The entry that holds a tile, or leads to it; None where the archive has no such tile."""
    row = int(np.searchsorted(directory.tile_ids, tile_id, side="right")) - 1
    if row < 0:
        return None
    run = int(directory.run_lengths[row])
    if run and tile_id - int(directory.tile_ids[row]) >= run:
        return None
    span = Span(offset=int(directory.offsets[row]), length=int(directory.lengths[row]))
    return Entry(span=span, is_leaf=run == 0)


def tile_id_of(z: int, x: int, y: int) -> int:
    """The position of a tile along the Hilbert curves of all zooms, one after the other."""
    number = ((1 << (2 * z)) - 1) // 3  # the tiles of all zooms before
    side = 1 << z
    half = side >> 1
    while half:
        right, lower = int(x & half > 0), int(y & half > 0)
        number += half * half * ((3 * right) ^ lower)
        if not lower:  # turn the quarter so that the curve enters and leaves it at its corners
            if right:
                x, y = side - 1 - x, side - 1 - y
            x, y = y, x
        half >>= 1
    return number


def _offsets(given: Ints, lengths: Ints) -> Ints:
    """Offsets as written: one more than the offset, or 0 for "right behind the entry before"."""
    rows = np.maximum.accumulate(np.where(given > 0, np.arange(len(given)), 0))
    before = np.cumsum(lengths) - lengths
    offsets: Ints = given[rows] - 1 + before - before[rows]
    return offsets


def _varints(data: bytes) -> Ints:
    """Every number of a sequence in base 128, lowest digit first, as protobuf writes them."""
    digits = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(digits < 0x80)
    if not len(ends):
        return np.zeros(0, np.int64)
    starts = np.concatenate([[0], ends[:-1] + 1])
    sizes = ends - starts + 1
    if sizes.max() > 9:
        raise Rejected("has a directory with a number beyond 63 bits: the file is damaged")
    places = np.arange(ends[-1] + 1) - np.repeat(starts, sizes)
    numbers: Ints = np.add.reduceat((digits[: ends[-1] + 1] & 0x7F).astype(np.int64) << (7 * places), starts)
    return numbers


def _unpack(data: bytes, limit: int) -> bytes:
    """The bytes that gzip packed, at most `limit` of them."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(data, limit)
    except zlib.error as error:
        raise Rejected(f"cannot be unpacked ({error}): the file is damaged") from None
    if not unpacker.eof:
        raise Rejected(f"has a part that is cut short or unpacks to more than {limit >> 20} MiB: the file is damaged")
    return plain
