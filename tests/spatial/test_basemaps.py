"""Basemaps: files made by tippecanoe, read tile by tile, added, listed, removed."""

import gzip
import json
import os
import random
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mapbox_vector_tile
import pytest

from appliance.errors import Conflict, NotFound, Rejected
from appliance.spatial import pmtiles
from appliance.spatial.tile import tile_at
from appliance.store.basemaps import add_basemap, list_basemaps, open_basemap, remove_basemap

Tiles = dict[tuple[int, int, int], list[int]]
"""(z, x, y) -> the numbers of the points in a tile."""
WriteDirectory = Callable[[list[tuple[int, int, int, int]]], bytes]
FILES = ["points.pmtiles", "leafy.pmtiles", "points.mbtiles"]
TIPPECANOE = Path(sys.executable).parent / "tippecanoe"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, directory_bytes: WriteDirectory) -> Path:
    """A folder with the same points as PMTiles, as PMTiles with leaf directories, and as MBTiles."""
    folder = tmp_path_factory.mktemp("made")
    draw = random.Random(1)
    source = folder / "points.geojsonl"
    with source.open("w") as file:
        for n in range(300):
            place = [draw.uniform(-179, 179), draw.uniform(-80, 80)]
            feature = {"type": "Feature", "properties": {"n": n}, "geometry": {"type": "Point", "coordinates": place}}
            file.write(json.dumps(feature) + "\n")
    for target in ("points.pmtiles", "points.mbtiles"):
        command = [str(TIPPECANOE), "-q", "-z6", "-l", "points", "-r1", "-A", "made up", "-o", str(folder / target)]
        subprocess.run([*command, str(source)], check=True, timeout=100, capture_output=True)
    leafy = with_leaves((folder / "points.pmtiles").read_bytes(), directory_bytes)
    (folder / "leafy.pmtiles").write_bytes(leafy)
    return folder


def with_leaves(archive: bytes, directory_bytes: WriteDirectory) -> bytes:
    """The same archive with its directory spread over leaves of 20 entries; small archives have none of their own."""
    header = pmtiles.read_header(archive)
    old = pmtiles.read_directory(archive[header.root.offset :][: header.root.length], packed=True)
    columns = (old.tile_ids, old.run_lengths, old.lengths, old.offsets)
    entries = list(zip(*(column.tolist() for column in columns), strict=True))
    leaves, pointers = b"", []
    for start in range(0, len(entries), 20):
        leaf = gzip.compress(directory_bytes(entries[start : start + 20]))
        pointers.append((entries[start][0], 0, len(leaf), len(leaves)))
        leaves += leaf
    parts = [
        gzip.compress(directory_bytes(pointers)),
        archive[header.metadata.offset :][: header.metadata.length],
        leaves,
        archive[header.tiles.offset :],
    ]
    spans, at = [], pmtiles.HEADER_BYTES
    for part in parts:
        spans += [at, len(part)]
        at += len(part)
    return archive[:8] + struct.pack("<8Q", *spans) + archive[72 : pmtiles.HEADER_BYTES] + b"".join(parts)


@pytest.fixture(scope="module")
def stored(made: Path) -> Tiles:
    """Every tile, as SQL finds it in the MBTiles file."""
    connection = sqlite3.connect(made / "points.mbtiles")
    rows = connection.execute("SELECT zoom_level, tile_column, tile_row, tile_data FROM tiles").fetchall()
    connection.close()
    return {(z, x, (1 << z) - 1 - y): points_of(data) for z, x, y, data in rows}


def points_of(packed: bytes) -> list[int]:
    """The numbers of the points in a tile, as it is stored."""
    features = mapbox_vector_tile.decode(gzip.decompress(packed))["points"]["features"]
    return sorted(feature["properties"]["n"] for feature in features)


@pytest.mark.parametrize("file", FILES)
def test_every_tile_is_found_and_no_other(made: Path, stored: Tiles, file: str) -> None:
    basemap = open_basemap(made / file)
    assert (basemap.name, basemap.kind, basemap.minzoom, basemap.maxzoom) == (Path(file).stem, "streets", 0, 6)
    assert (basemap.layers, basemap.attribution) == (["points"], "made up")
    assert (basemap.content_encoding, basemap.media_type) == ("gzip", "application/vnd.mapbox-vector-tile")
    assert basemap.bounds == pytest.approx((-179, -80, 179, 80), abs=3)
    found = {}
    for z in range(7):
        for x in range(2**z):
            for y in range(2**z):
                data = basemap.tile(z, x, y)
                if data is not None:
                    found[z, x, y] = points_of(data)
    assert found == stored
    assert 500 < len(found) < 4000
    basemap.close()


@pytest.mark.parametrize("address", [(-1, 0, 0), (7, 0, 0), (3, 8, 0), (3, 0, 8), (3, -1, 0), (3, 0, -1)])
@pytest.mark.parametrize("file", FILES)
def test_an_address_outside_the_basemap_has_no_tile(made: Path, file: str, address: tuple[int, int, int]) -> None:
    basemap = open_basemap(made / file)
    assert basemap.tile(*address) is None
    basemap.close()


@pytest.mark.parametrize("file", FILES)
def test_many_threads_read_the_same_tiles(made: Path, stored: Tiles, file: str) -> None:
    basemap = open_basemap(made / file)
    addresses = random.Random(2).sample(sorted(stored), 500)
    alone = [basemap.tile(*address) for address in addresses]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(4):
            assert list(pool.map(lambda address: basemap.tile(*address), addresses)) == alone
    basemap.close()


@pytest.fixture
def shelf(made: Path, tmp_path: Path) -> Iterator[Path]:
    """A directory of basemaps with one in it."""
    directory = tmp_path / "basemaps"
    add_basemap(directory, made / "points.pmtiles")
    yield directory
    assert not list(directory.glob(".*")), "nothing half-written stays"


def test_an_added_basemap_is_listed_and_a_removed_one_is_not(shelf: Path, made: Path) -> None:
    found, faults = list_basemaps(shelf)
    assert (list(found), faults) == (["points"], {})
    assert found["points"].tile(0, 0, 0)
    remove_basemap(shelf, "points")
    assert list_basemaps(shelf) == ({}, {})
    assert found["points"].tile(0, 0, 0), "a reader keeps what it has open"
    with pytest.raises(NotFound, match="basemap list"):
        remove_basemap(shelf, "points")


def test_adding_one_of_the_same_name_replaces_it_whatever_its_format(shelf: Path, made: Path) -> None:
    add_basemap(shelf, made / "points.mbtiles")
    assert [path.name for path in shelf.iterdir()] == ["points.mbtiles"]
    add_basemap(shelf, made / "points.pmtiles")
    assert [path.name for path in shelf.iterdir()] == ["points.pmtiles"]
    with pytest.raises(Conflict, match="already in"):
        add_basemap(shelf, shelf / "points.pmtiles")


def test_the_builtin_basemap_is_listed_unless_the_directory_has_its_name(
    shelf: Path, made: Path, tmp_path: Path
) -> None:
    builtin = tmp_path / "world.pmtiles"
    builtin.write_bytes((made / "points.pmtiles").read_bytes())
    found, faults = list_basemaps(shelf, builtin)
    assert faults == {}
    assert {name: basemap.kind for name, basemap in found.items()} == {"points": "streets", "world": "world"}
    add_basemap(shelf, builtin)
    found, faults = list_basemaps(shelf, builtin)
    assert faults == {}
    assert found["world"].path.parent == shelf
    assert list_basemaps(tmp_path / "none", tmp_path / "gone.pmtiles")[1].keys() == {"gone.pmtiles"}


def test_bad_files_are_reported_and_the_others_still_served(shelf: Path, made: Path) -> None:
    whole = (made / "points.pmtiles").read_bytes()
    (shelf / "cut.pmtiles").write_bytes(whole[: len(whole) // 2])
    (shelf / "text.mbtiles").write_text("hello")
    (shelf / "empty.pmtiles").write_bytes(b"")
    (shelf / "points.mbtiles").write_bytes((made / "points.mbtiles").read_bytes())
    (shelf / "a b.pmtiles").write_bytes(whole)
    (shelf / "notes.txt").write_text("not looked at")
    found, faults = list_basemaps(shelf)
    assert list(found) == ["points"]
    assert faults["cut.pmtiles"] == "basemap cut.pmtiles ends before its contents do: copy it again"
    assert "not an MBTiles file" in faults["text.mbtiles"]
    assert "not a PMTiles archive" in faults["empty.pmtiles"]
    assert "has the same name" in faults["points.pmtiles"]
    assert "rename it" in faults["a b.pmtiles"]
    assert len(faults) == 5


def sqlite_file(path: Path, script: str) -> Path:
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    return path


TABLES = "CREATE TABLE metadata (name, value); CREATE TABLE tiles (zoom_level, tile_column, tile_row, tile_data);"
ONE_TILE = TABLES + "INSERT INTO tiles VALUES (0, 0, 0, x'00');"


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("CREATE TABLE other (x)", "no such table"),
        (TABLES, "has no tiles"),
        (ONE_TILE + "INSERT INTO metadata VALUES ('format', 'bmp')", "format 'bmp'"),
        (ONE_TILE + "INSERT INTO metadata VALUES ('json', '{')", "metadata that cannot be read"),
        (ONE_TILE + "INSERT INTO metadata VALUES ('bounds', '1,2,3')", "metadata that cannot be read"),
        (ONE_TILE + "INSERT INTO metadata VALUES ('bounds', 'a,b,c,d')", "metadata that cannot be read"),
    ],
)
def test_an_mbtiles_file_that_cannot_be_served_says_why(tmp_path: Path, script: str, why: str) -> None:
    path = sqlite_file(tmp_path / "odd.mbtiles", script)
    with pytest.raises(Rejected, match=f"basemap odd.mbtiles .*{why}"):
        open_basemap(path)


def test_pictures_are_a_basemap_too(tmp_path: Path) -> None:
    script = ONE_TILE + "INSERT INTO metadata VALUES ('format', 'png')"
    basemap = open_basemap(sqlite_file(tmp_path / "aerial.mbtiles", script))
    assert (basemap.media_type, basemap.content_encoding, basemap.layers) == ("image/png", None, [])
    assert basemap.tile(0, 0, 0) == b"\x00"
    basemap.close()


def test_a_refused_file_leaves_the_directory_as_it_was(shelf: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.pmtiles"
    bad.write_bytes(b"PMTiles")
    with pytest.raises(Rejected):
        add_basemap(shelf, bad)
    with pytest.raises(NotFound):
        add_basemap(shelf, tmp_path / "none.pmtiles")
    with pytest.raises(Rejected, match=r"\.pmtiles or \.mbtiles"):
        add_basemap(shelf, tmp_path / "roads.geojson")
    assert [path.name for path in shelf.iterdir()] == ["points.pmtiles"]


@pytest.mark.parametrize("name", ["../points", "", ".", "points.pmtiles", "x" * 100])
def test_a_name_cannot_reach_outside_the_directory(shelf: Path, name: str) -> None:
    with pytest.raises(NotFound):
        remove_basemap(shelf, name)
    assert (shelf / "points.pmtiles").exists()


@pytest.mark.skipif("HEXPOST_FIELDKIT" not in os.environ, reason="HEXPOST_FIELDKIT names no folder of field data")
def test_a_street_map_of_a_city_is_read() -> None:
    for path in (Path(os.environ["HEXPOST_FIELDKIT"]) / "basemaps").glob("*.pmtiles"):
        basemap = open_basemap(path)
        west, south, east, north = basemap.bounds
        assert basemap.layers
        z = basemap.maxzoom
        x, y = tile_at(lat=(south + north) / 2, lng=(west + east) / 2, z=z)
        tile = basemap.tile(z, x, y)
        assert tile is not None
        assert set(mapbox_vector_tile.decode(gzip.decompress(tile))) <= set(basemap.layers)
        basemap.close()
