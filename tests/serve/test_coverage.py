"""A cell with all of its cameras down, wherever the picture is asked for: risk, cell, tile, feed, stream, coverage."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import mapbox_vector_tile
import pytest

from appliance.job.covering import Covering
from appliance.model.device import State
from appliance.model.field import FieldNews, StateChange
from appliance.spatial.cells import cell_of, to_hex
from appliance.spatial.tile import tile_at
from appliance.store.device.field import write_field_news
from appliance.store.engine import Store, raw_connection
from tests.conftest import NOW, wait_for
from tests.serve.conftest import TODAY, Analyze, Client, instant, problem
from tests.serve.test_stream import listening, until
from tests.store.registry import change, hear

BUSY = {"longitude": 47.97, "latitude": 29.37}  # where the events of `fill` lie
QUIET = {"longitude": 47.93, "latitude": 29.33}  # where nothing ever happened
Z = 10
X, Y = tile_at(lat=29.35, lng=47.95, z=Z)
TILE = f"/v1/tiles/{Z}/{X}/{Y}.mvt?date=today"


def cell_at(place: dict[str, float]) -> str:
    return to_hex(cell_of(lng=place["longitude"], lat=place["latitude"], resolution=8))


BUSY_CELL, QUIET_CELL = cell_at(BUSY), cell_at(QUIET)


@pytest.fixture(autouse=True)
def site(store: Store, fill: Callable[[], None], analyze: Analyze) -> None:
    """Events at one place; two cameras there and one at a quiet place, up since yesterday."""
    fill()
    analyze()
    for source, place in (("frigate/a", BUSY), ("frigate/b", BUSY), ("frigate/quiet", QUIET)):
        hear(store, source, family="frigate")
        change(store, source, registration="approved", **place)
        tell(store, source, "online", NOW - timedelta(days=1))
    cover(store)


def tell(store: Store, source: str, state: State, at: datetime, cause: str = "") -> None:
    news = StateChange(source=source, state=state, cause=cause, at=at)
    with store.write() as connection:
        write_field_news(connection, FieldNews(changes=(news,)))


def cover(store: Store) -> None:
    """As the jobs process does."""
    Covering(store, resolutions=(7, 8), zone=ZoneInfo("UTC"), clock=lambda: NOW).compute()


def darken(store: Store, *sources: str) -> None:
    for source in sources:
        tell(store, source, "offline", NOW - timedelta(hours=1), "silence")
    cover(store)


def risk_of(client: Client) -> dict[str, dict[str, Any]]:
    return {item["h3_index"]: item for item in client.get("/v1/risk/today").json()["items"]}


def features_of(client: Client) -> dict[str, dict[str, Any]]:
    decoded = mapbox_vector_tile.decode(client.get(TILE).content)["risk"]
    return {feature["properties"]["h3"]: feature["properties"] for feature in decoded["features"]}


def feed_of(client: Client) -> dict[str, int]:
    cells = client.get("/v1/feed/cells").json()["cells"]
    feed = client.get("/v1/feed/risk/today").content
    return dict(zip(cells, feed, strict=True))


def test_while_a_camera_of_each_cell_is_up_the_picture_is_as_it_was(client: Client, store: Store) -> None:
    darken(store, "frigate/a")
    assert {item["coverage"] for item in risk_of(client).values()} == {"observed"}
    assert QUIET_CELL not in risk_of(client)
    assert QUIET_CELL not in feed_of(client)
    assert {properties["coverage"] for properties in features_of(client).values()} == {"observed"}


def test_a_scored_cell_with_all_cameras_down_is_unknown_and_keeps_its_numbers(client: Client, store: Store) -> None:
    before = risk_of(client)[BUSY_CELL]
    darken(store, "frigate/a", "frigate/b")
    rows = risk_of(client)
    assert rows[BUSY_CELL] == {**before, "coverage": "unknown"}
    assert {cell for cell, row in rows.items() if row["coverage"] == "unknown"} == {BUSY_CELL}
    assert {cell for cell, byte in feed_of(client).items() if byte == 254} == {BUSY_CELL}
    assert {cell for cell, told in features_of(client).items() if told["coverage"] == "unknown"} == {BUSY_CELL}


def test_a_cell_that_no_run_scored_is_there_while_it_is_unknown(client: Client, store: Store) -> None:
    others = risk_of(client)
    darken(store, "frigate/quiet")
    row = risk_of(client)[QUIET_CELL]
    assert row == {
        "h3_index": QUIET_CELL, "day": TODAY, "event_count": 0, "rolling_7d_avg": None, "growth_rate": None,
        "risk_score": None, "risk_level": None, "z_score": None, "flagged": False, "coverage": "unknown",
    }  # fmt: skip
    assert {cell: row for cell, row in risk_of(client).items() if cell != QUIET_CELL} == others
    assert feed_of(client)[QUIET_CELL] == 254
    assert features_of(client)[QUIET_CELL] == {key: value for key, value in rename(row).items() if value is not None}
    assert client.get(f"/v1/cells/{QUIET_CELL}").json()["day"] == row
    tell(store, "frigate/quiet", "online", NOW - timedelta(minutes=1))
    cover(store)
    assert QUIET_CELL not in risk_of(client)
    wait_for(lambda: feed_of(client)[QUIET_CELL] == 255, what="the feed of the new revision")
    assert client.get(f"/v1/cells/{QUIET_CELL}").json()["day"] is None


def rename(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the API as a tile tells it."""
    return {"h3" if key == "h3_index" else key: value for key, value in row.items()}


def test_pages_have_neither_gap_nor_repeat_where_unscored_cells_lie_between(client: Client, store: Store) -> None:
    darken(store, "frigate/quiet", "frigate/a", "frigate/b")
    whole, found, cursor = client.get("/v1/risk/today").json()["items"], [], ""
    while cursor is not None:
        page = client.get(f"/v1/risk/today?limit=1{cursor and f'&cursor={cursor}'}").json()
        found += page["items"]
        cursor = page["next_cursor"]
    assert found == whole and QUIET_CELL in {row["h3_index"] for row in whole}
    inside = client.get("/v1/risk/today?bbox=47.92,29.32,47.94,29.34").json()["items"]
    assert [row["h3_index"] for row in inside] == [QUIET_CELL]


def test_cameras_up_on_a_day_without_any_event_say_that_it_was_calm(client: Client, store: Store) -> None:
    with store.write() as connection:
        raw_connection(connection).execute("DELETE FROM event_counts WHERE day = ?", (TODAY,))
    rows = risk_of(client)
    assert rows[BUSY_CELL]["coverage"] == "observed"
    assert {row["coverage"] for cell, row in rows.items() if cell != BUSY_CELL} == {"unknown"}
    feed = feed_of(client)
    assert feed[BUSY_CELL] != 254 and all(feed[cell] == 254 for cell in rows if cell != BUSY_CELL)


@pytest.mark.parametrize("path", [TILE, "/v1/feed/risk/today", f"/v1/feed/risk?from=2026-11-20&to={TODAY}"])
def test_what_was_kept_is_void_when_coverage_changes(client: Client, store: Store, path: str) -> None:
    old = client.get(path)
    darken(store, "frigate/a", "frigate/b")
    fresh = wait_for(lambda: (new := client.get(path)).headers["etag"] != old.headers["etag"] and new)
    assert fresh.content != old.content


def test_a_stream_is_told_that_coverage_changed(live: Callable[..., str], store: Store) -> None:
    with listening(live()) as stream:
        until(stream, "health")
        darken(store, "frigate/quiet")
        assert until(stream, "coverage")["data"]["revision"] > 0


def coverage(client: Client, query: str = "") -> dict[str, dict[str, Any]]:
    answer = client.get(f"/v1/coverage/today{query}")
    assert answer.status_code == 200, answer.text
    return {item["h3_index"]: item for item in answer.json()["items"]}


def test_coverage_of_a_day_names_what_was_watched_and_why_not(client: Client, store: Store) -> None:
    darken(store, "frigate/quiet", "frigate/a")
    found = coverage(client)
    assert set(found) == {BUSY_CELL, QUIET_CELL}
    assert found[BUSY_CELL] == {
        "h3_index": BUSY_CELL, "day": TODAY, "coverage": "observed", "state": "observed", "watched": 1.0, "cause": "",
        "devices": 2, "down": 1, "watched_by": None,
    }  # fmt: skip
    quiet = found[QUIET_CELL]
    assert (quiet["coverage"], quiet["state"], quiet["watched"], quiet["cause"]) == ("unknown", "unknown", 0.91, "own")
    assert set(coverage(client, "?state=unknown")) == {QUIET_CELL}
    assert set(coverage(client, "?state=observed")) == {BUSY_CELL}
    assert coverage(client, "?state=partial") == {}
    assert len(coverage(client, "?resolution=7")) == 2
    first = client.get("/v1/coverage/today?limit=1").json()
    second = client.get(f"/v1/coverage/today?limit=1&cursor={first['next_cursor']}").json()
    assert [first["items"][0]["h3_index"], second["items"][0]["h3_index"]] == sorted(found)
    assert second["next_cursor"] is None


def test_who_is_logged_in_sees_the_devices_and_when_they_were_down(admin: Client, store: Store) -> None:
    tell(store, "frigate/a", "offline", NOW - timedelta(hours=6), "outage:switch")
    tell(store, "frigate/a", "online", NOW - timedelta(hours=3))
    darken(store, "frigate/b")
    a, b = coverage(admin)[BUSY_CELL]["watched_by"]
    assert (a["device"], a["standing"], a["watched"]) == ("frigate/a", "up", 0.75)
    (down,) = a["down"]
    assert (down["cause"], instant(down["from"]), instant(down["to"])) == (
        "segment",
        NOW - timedelta(hours=6),
        NOW - timedelta(hours=3),
    )
    assert (b["standing"], b["down"][0]["to"], b["down"][0]["cause"]) == ("own", None, "own")
    explained = admin.get(f"/v1/cells/{BUSY_CELL}").json()["coverage"]
    assert explained["watched_by"] == [a, b]


def test_a_cell_explained_to_the_public_names_no_device(client: Client) -> None:
    assert client.get(f"/v1/cells/{BUSY_CELL}").json()["coverage"]["watched_by"] is None
    unwatched = next(cell for cell in risk_of(client) if cell != BUSY_CELL)
    assert client.get(f"/v1/cells/{unwatched}").json()["coverage"] is None


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/coverage/someday", 400),
        ("/v1/coverage/today?resolution=3", 400),
        ("/v1/coverage/today?state=dark", 400),
        ("/v1/coverage/today?cursor=x", 400),
        ("/v1/coverage/today?limit=0", 400),
        ("/v1/cells/882c018a01fffff", 404),
    ],
)
def test_what_cannot_be_asked_is_a_problem(client: Client, path: str, status: int) -> None:
    problem(client.get(path), status)


def test_a_day_without_devices_is_an_empty_list(admin: Client) -> None:
    assert admin.get("/v1/coverage/2026-01-01").json() == {"items": [], "next_cursor": None}
    assert admin.get("/v1/coverage/2027-01-01").json() == {"items": [], "next_cursor": None}
