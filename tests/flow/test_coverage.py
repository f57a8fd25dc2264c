"""Blind is not low, and whose fault it is: cameras over a real broker that is killed, and cameras that die alone."""

import csv
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import pytest

from appliance.iot.cameras import OfflineShare
from appliance.spatial.cells import cell_of, to_hex
from appliance.spatial.tile import tile_at
from appliance.store.device.registry import DeviceFilter, fetch_devices
from appliance.store.engine import FILE_NAME, Store
from appliance.store.iot.offline_shares import fetch_offline_shares
from tests.conftest import wait_for
from tests.flow.box import RunningBox

pytestmark = [pytest.mark.flow, pytest.mark.deep, pytest.mark.timeout(900)]

NORTH, SOUTH = (47.97, 29.40), (47.97, 29.30)
CAMERAS = {"city/north-1": NORTH, "city/north-2": NORTH, "city/south-1": SOUTH, "city/south-2": SOUTH}
BEAT_S = 5.0


def cell_at(place: tuple[float, float]) -> str:
    return to_hex(cell_of(lng=place[0], lat=place[1], resolution=8))


NORTH_CELL, SOUTH_CELL = cell_at(NORTH), cell_at(SOUTH)


class Broker:
    """A Mosquitto of its own, so that it can stay down."""

    def __init__(self, folder: Path, port: int) -> None:
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\npersistence false\n"
        )

    def start(self) -> None:
        self._process = subprocess.Popen(["mosquitto", "-c", str(self._config)], stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)


class Cameras:
    """Say every few seconds that they are there, but for those that are silent; a broker that is down is no matter."""

    def __init__(self, port: int) -> None:
        self.silent: set[str] = set()
        self._command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), "-q", "1", "-m", "online", "-t"]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Cameras":
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        self._thread.join(60)

    def _run(self) -> None:
        while True:
            for source in CAMERAS.keys() - self.silent:
                topic = f"hexpost/v1/{source}/status"
                subprocess.run([*self._command, topic], check=False, timeout=20, stderr=subprocess.DEVNULL)
            if self._stop.wait(BEAT_S):
                return


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[tuple[RunningBox, Broker]]:
    """A box beside its broker, both up."""
    with pytest.MonkeyPatch.context() as environment:
        box = RunningBox(tmp_path)
        environment.setenv("HEXPOST__MQTT__URL", f"mqtt://127.0.0.1:{box.mqtt_port}")
        own = Broker(tmp_path, box.mqtt_port)
        own.start()
        try:
            box.start()
            box.log_in()
            yield box, own
        finally:
            box.stop()
            own.kill()


def register(box: RunningBox) -> None:
    """Four cameras, two over each of two places, that report every few seconds."""
    registry = box.data.parent / "registry.csv"
    with registry.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(
            ["source", "registration", "longitude", "latitude", "heading_deg", "view_angle_deg", "range_m",
             "settings_json"]
        )  # fmt: skip
        for source, (lng, lat) in CAMERAS.items():
            table.writerow([source, "approved", lng, lat, 0, 90, 150, '{"heartbeat_s": 5}'])
    box.hexpost("device", "import", str(registry))


def publish_events(box: RunningBox) -> None:
    """Events in both cells, so that both are scored."""
    for number, (source, (lng, lat)) in enumerate(CAMERAS.items()):
        event = {
            "event_id": f"e{number}",
            "event_type": "motion",
            "event_timestamp": datetime.now(UTC).isoformat(),
            "longitude": lng,
            "latitude": lat,
        }
        box.publish(f"hexpost/v1/{source}/event", event)


def risk_of(box: RunningBox) -> dict[str, dict[str, Any]]:
    return {row["h3_index"]: row for row in box.public.get("/v1/risk/today").json()["items"]}


def coverage_of(box: RunningBox) -> dict[str, tuple[str, str]]:
    """Cell -> (coverage, cause)."""
    items = box.public.get("/v1/coverage/today").json()["items"]
    return {item["h3_index"]: (item["coverage"], item["cause"]) for item in items}


def tile_coverage(box: RunningBox) -> dict[str, str]:
    found: dict[str, str] = {}
    for x, y in {tile_at(lat=lat, lng=lng, z=10) for lng, lat in (NORTH, SOUTH)}:
        content = box.public.get(f"/v1/tiles/10/{x}/{y}.mvt?date=today&resolution=8").content
        for feature in mapbox_vector_tile.decode(content)["risk"]["features"]:
            found[feature["properties"]["h3"]] = feature["properties"]["coverage"]
    return found


def feed_of(box: RunningBox) -> dict[str, int]:
    cells = box.public.get("/v1/feed/cells").json()["cells"]
    return dict(zip(cells, box.public.get("/v1/feed/risk/today").content, strict=True))


def states(box: RunningBox) -> dict[str, tuple[str, str]]:
    items = box.client.get("/v1/devices").json()["items"]
    return {item["source"]: (item["state"], item["cause"]) for item in items}


def shares(box: RunningBox) -> OfflineShare:
    store = Store(box.data / FILE_NAME, read_only=True)
    try:
        with store.read() as connection:
            page = fetch_devices(connection, DeviceFilter(), cursor=None, limit=100, now=datetime.now(UTC))
            found = fetch_offline_shares(connection, {"all": page.items})["all"]
    finally:
        store.close()
    assert found is not None
    return found


def scores(box: RunningBox) -> dict[str, tuple[Any, ...]]:
    names = ("event_count", "risk_score", "risk_level", "z_score", "flagged")
    return {cell: tuple(row[name] for name in names) for cell, row in risk_of(box).items()}


def test_our_broker_is_nobody_s_fault_and_dead_cameras_blind_their_cell_alone(
    broker: tuple[RunningBox, Broker],
) -> None:
    box, own = broker
    register(box)
    with Cameras(box.mqtt_port) as cameras:
        wait_for(lambda: {state for state, _ in states(box).values()} == {"online"}, what="the cameras to be online")
        publish_events(box)
        wait_for(lambda: {NORTH_CELL, SOUTH_CELL} <= set(risk_of(box)), what="both cells to be scored")
        wait_for(
            lambda: {coverage_of(box).get(cell) for cell in (NORTH_CELL, SOUTH_CELL)} == {("observed", "")},
            deadline_s=90,
            what="both cells to be watched",
        )
        before = scores(box)

        own.kill()
        wait_for(
            lambda: {coverage for coverage, _ in coverage_of(box).values()} == {"unknown"},
            deadline_s=200,
            what="all cells to be unknown",
        )
        assert {cause for _, cause in coverage_of(box).values()} == {"ours"}
        assert {state for state, _ in states(box).values()} == {"online"}
        assert {row["coverage"] for row in risk_of(box).values()} == {"unknown"}
        assert set(tile_coverage(box).values()) == {"unknown"}
        assert set(feed_of(box).values()) == {254}
        assert (shares(box).cameras, shares(box).own_fault, len(shares(box).ours)) == (4, [], 4)
        assert scores(box) == before

        own.start()
        wait_for(lambda: (box.health() or {}).get("broker") == "up", deadline_s=90, what="the link to the broker")
        wait_for(
            lambda: {coverage_of(box)[cell][0] for cell in (NORTH_CELL, SOUTH_CELL)} == {"observed"},
            deadline_s=120,
            what="both cells to be watched again",
        )
        assert (shares(box).own_fault, shares(box).ours) == ([], [])
        assert {state for state, _ in states(box).values()} == {"online"}

        cameras.silent = {"city/north-1", "city/north-2"}
        box.publish("hexpost/v1/city/north-1/status", "offline")  # the last will of one; the other is silent
        wait_for(
            lambda: coverage_of(box)[NORTH_CELL] == ("unknown", "own"), deadline_s=400, what="the cell to be unknown"
        )
        assert states(box)["city/north-1"] == ("offline", "will")
        assert states(box)["city/north-2"] == ("offline", "silence")
        wait_for(lambda: feed_of(box)[NORTH_CELL] == 254, what="the feed to say so")
        assert coverage_of(box)[SOUTH_CELL][0] == "observed"
        assert (risk_of(box)[NORTH_CELL]["coverage"], risk_of(box)[SOUTH_CELL]["coverage"]) == ("unknown", "observed")
        assert (tile_coverage(box)[NORTH_CELL], tile_coverage(box)[SOUTH_CELL]) == ("unknown", "observed")
        assert feed_of(box)[SOUTH_CELL] <= 200
        assert (shares(box).cameras, len(shares(box).own_fault), shares(box).ours) == (4, 2, [])
        devices = box.client.get(f"/v1/cells/{NORTH_CELL}").json()["coverage"]["watched_by"]
        assert {one["standing"] for one in devices} == {"own"}
        assert scores(box) == before
    assert "Traceback" not in box.log.read_text(errors="replace")
