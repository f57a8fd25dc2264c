"""PMTiles: the Hilbert curve, directories, headers."""

import gzip
import itertools
import struct
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import Rejected
from appliance.spatial import pmtiles
from appliance.spatial.ring import varint

Entries = list[tuple[int, int, int, int]]
WriteDirectory = Callable[[Entries], bytes]


def header_bytes(
    *, version: int = 3, internal: int = 2, packed: int = 2, kind: int = 1, zooms: bytes = b"\x00\x05"
) -> bytes:
    """A header whose other fields are 0."""
    head = b"PMTiles" + bytes([version]) + bytes(88) + bytes([1, internal, packed, kind]) + zooms
    return head + struct.pack("<4iB2i", -1800000000, -850000000, 1800000000, 850000000, 0, 0, 0)


def build_entries(rows: list[tuple[int, int, int, bool]]) -> Entries:
    """Entries in order, some right behind the one before, some elsewhere, runs not overlapping."""
    made: Entries = []
    tile_id = offset = 0
    for gap, run, length, jump in rows:
        tile_id += gap
        offset += 1000 if jump else 0
        made.append((tile_id, run, length, offset))
        tile_id, offset = tile_id + run, offset + length
    return made


entries = st.lists(st.tuples(*[st.integers(1, 40)] * 3, st.booleans()), max_size=60).map(build_entries)


@pytest.mark.parametrize(
    ("tile", "tile_id"),
    [
        ((0, 0, 0), 0),
        ((1, 0, 0), 1), ((1, 0, 1), 2), ((1, 1, 1), 3), ((1, 1, 0), 4),
        ((2, 0, 0), 5), ((2, 1, 0), 6), ((2, 3, 0), 20),
        ((12, 3423, 1763), 19078479),
    ],
)  # fmt: skip
def test_tiles_are_numbered_along_the_curve(tile: tuple[int, int, int], tile_id: int) -> None:
    assert pmtiles.tile_id_of(*tile) == tile_id


@pytest.mark.parametrize("z", range(7))
def test_the_curve_passes_every_tile_once_and_steps_to_a_neighbour(z: int) -> None:
    order = sorted((pmtiles.tile_id_of(z, x, y), x, y) for x in range(2**z) for y in range(2**z))
    first = (4**z - 1) // 3
    assert [tile_id for tile_id, _, _ in order] == list(range(first, first + 4**z))
    assert all(abs(a[1] - b[1]) + abs(a[2] - b[2]) == 1 for a, b in itertools.pairwise(order))


@given(made=entries)
def test_every_tile_of_a_directory_is_found_and_no_other(directory_bytes: WriteDirectory, made: Entries) -> None:
    directory = pmtiles.read_directory(gzip.compress(directory_bytes(made)), packed=True)
    expected = {first + i: (length, offset) for first, run, length, offset in made for i in range(run)}
    for tile_id in range((made[-1][0] + made[-1][1] + 3) if made else 3):
        entry = pmtiles.find_entry(directory, tile_id)
        found = (entry.span.length, entry.span.offset) if entry else None
        assert found == expected.get(tile_id)


def test_an_entry_without_a_run_leads_to_a_leaf(directory_bytes: WriteDirectory) -> None:
    directory = pmtiles.read_directory(directory_bytes([(0, 1, 5, 0), (10, 0, 7, 300)]), packed=False)
    assert pmtiles.find_entry(directory, 5) is None
    leaf = pmtiles.find_entry(directory, 123456)
    assert leaf is not None
    assert leaf.is_leaf
    assert (leaf.span.offset, leaf.span.length) == (300, 7)


@given(st.lists(st.integers(0, 2**62), min_size=1, max_size=50))
def test_numbers_of_any_size_are_read(lengths: list[int]) -> None:
    made = [(row, 1, length, 1 << 40) for row, length in enumerate(lengths)]
    data = varint(len(made)) + b"".join(
        [b"\x00" + b"\x01" * (len(made) - 1), b"\x01" * len(made)]
        + [varint(length) for length in lengths]
        + [varint((1 << 40) + 1)] * len(made)
    )
    directory = pmtiles.read_directory(data, packed=False)
    assert directory.lengths.tolist() == lengths
    assert directory.offsets.tolist() == [1 << 40] * len(made)


@given(st.binary(max_size=80), st.booleans())
def test_bytes_that_are_no_directory_are_refused_or_read_never_worse(data: bytes, packed: bool) -> None:
    try:
        directory = pmtiles.read_directory(data, packed=packed)
    except Rejected:
        return
    assert bool(np.all(np.diff(directory.tile_ids) > 0))


def test_a_directory_that_unpacks_without_end_is_refused() -> None:
    with pytest.raises(Rejected, match="unpacks to more than 8 MiB"):
        pmtiles.read_directory(gzip.compress(bytes(20 << 20)), packed=True)


def test_a_header_says_what_the_archive_holds() -> None:
    header = pmtiles.read_header(header_bytes())
    assert (header.minzoom, header.maxzoom, header.content_encoding) == (0, 5, "gzip")
    assert header.bounds == (-180.0, -85.0, 180.0, 85.0)
    assert pmtiles.read_header(header_bytes(packed=1, kind=2)).content_encoding is None
    assert pmtiles.read_header(header_bytes(packed=1, kind=2)).media_type == "image/png"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not a PMTiles archive"),
        (header_bytes()[:100], "not a PMTiles archive"),
        (b"SQLite format 3\x00" + bytes(200), "not a PMTiles archive"),
        (header_bytes(version=2), "version 2: convert it"),
        (header_bytes(packed=3), "compressed with brotli: write it again with gzip"),
        (header_bytes(internal=4), "compressed with zstd: write it again with gzip"),
        (header_bytes(kind=9), "the file is damaged"),
        (header_bytes(zooms=b"\x05\x02"), "the file is damaged"),
    ],
)
def test_a_file_that_cannot_be_served_is_refused_with_the_remedy(data: bytes, why: str) -> None:
    with pytest.raises(Rejected, match=why):
        pmtiles.read_header(data)


@pytest.mark.parametrize("data", [b"", b"[1]", b"{", b"\xff"])
def test_metadata_that_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(Rejected, match="not a JSON object"):
        pmtiles.read_metadata(data, packed=False)
