"""How long a tile of 2,000 cells takes over HTTP, cold and warm, beside a route that answers as many bytes at once.

    python benchmarks/api_tiles.py [--repeat 60]

The real server on a port of the loopback, one client that keeps its connection. Cold is a day that nobody has asked
for since the process began: its rows are read from the store and its tile encoded; outlines are known from the first
day on, as they are on a box after a map has been opened. Warm is the same tile again. Times are what the client sees,
in milliseconds. The bars: cold p95 below 30 ms, warm p95 below 5 ms.
"""

import argparse
import http.client
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import h3.api.basic_int as h3
import uvicorn
from litestar import Litestar, Response, get

from appliance.aggregate.hours import SiteHours
from appliance.clock import rfc3339
from appliance.job.risk_run import perform_run
from appliance.model.intake import Intake
from appliance.model.native import read_event
from appliance.model.settings_text import read_settings
from appliance.serve.context import Context, SharedRecorder
from appliance.serve.server import serve
from appliance.serve.tiles import MVT
from appliance.spatial.cells import cell_of, centre
from appliance.spatial.frames import CellFrames
from appliance.spatial.mvt import encode_cells
from appliance.spatial.tile import tile_at
from appliance.store.clock.box_clock import BoxClock
from appliance.store.engine import FILE_NAME, Store
from appliance.store.file.migrations import migrate
from appliance.store.intake.batch import Recorder
from appliance.store.risk.picture import fetch_day_picture
from appliance.store.risk.runs import insert_run
from appliance.store.settled.counts import ensure_counts

LAT, LNG, RESOLUTION, ZOOM, CELLS = 29.37, 47.97, 9, 9, 2_000
T = TypeVar("T")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


PORT, BARE_PORT = free_port(), free_port()


def main() -> None:
    """Measure and print a small table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeat", type=int, default=60, help="how many days are asked for (default 60)")
    repeat = parser.parse_args().repeat
    x, y = tile_at(lat=LAT, lng=LNG, z=ZOOM)
    days = [(NOW - timedelta(days=n)).date() for n in range(repeat + 1)]
    with tempfile.TemporaryDirectory() as folder:
        store = fill(Path(folder), cells_of_tile(x, y), repeat + 1)
        with serving(store):
            paths = [f"/v1/tiles/{ZOOM}/{x}/{y}.mvt?date={day}&resolution={RESOLUTION}" for day in days]
            report(store, paths, days, (x, y))
        store.close()


def report(store: Store, paths: list[str], days: list[date], tile: tuple[int, int]) -> None:
    """Every line of the table."""
    tile_size = len(ask(PORT, [paths[0]], gzip=False)[1])  # the first day warms the outlines
    packed_size = len(ask(PORT, [paths[0]], gzip=True)[1])
    half = len(paths) // 2 + 1
    print(f"{CELLS} cells on tile {ZOOM}/{tile[0]}/{tile[1]}: {tile_size:,} bytes, {packed_size:,} compressed")
    print(f"{'':34}{'p50 ms':>9}{'p95 ms':>9}{'p50 to bare':>13}")
    for name, packed, cold, size in (
        ("plain", False, paths[1:half], tile_size), ("gzip", True, paths[half:], packed_size),
    ):  # fmt: skip
        with bare(bytes(size)):
            floor = ask(BARE_PORT, ["/"] * len(paths) * 2, gzip=False)[0]
        row(f"bare route, {size:,} bytes", floor, floor)
        row(f"cold, {name}", ask(PORT, cold, gzip=packed)[0], floor)
        row(f"warm, {name}", ask(PORT, [paths[0]] * len(paths) * 2, gzip=packed)[0], floor)
    frames = CellFrames()
    fetched, encoded = [], []
    for day in days:
        with store.read() as connection:
            picture, fetch_ms = timed(partial(fetch_day_picture, connection, day=day, resolution=RESOLUTION))
        shown = range(len(picture.cells))
        _, encode_ms = timed(partial(encode_cells, frames, "risk", ZOOM, *tile, picture.cells, shown, picture.columns))
        fetched.append(fetch_ms)
        encoded.append(encode_ms)
    row("of cold: reading the day", fetched)
    row("of cold: encoding, outlines known", encoded[1:])


def cells_of_tile(x: int, y: int) -> list[int]:
    """The cells nearest to the middle of the tile."""
    middle = cell_of(lat=LAT, lng=LNG, resolution=RESOLUTION)
    inside = [
        cell for cell in h3.grid_disk(middle, 60) if tile_at(lat=centre(cell)[1], lng=centre(cell)[0], z=ZOOM) == (x, y)
    ]
    return inside[:CELLS]


def fill(folder: Path, cells: list[int], days: int) -> Store:
    """A store in which every cell had events, analysed over the days."""
    migrate(folder / FILE_NAME, timezone="UTC")
    store, hours = Store(folder / FILE_NAME), SiteHours(ZoneInfo("UTC"))
    with store.write() as connection:
        ensure_counts(connection, hours, (RESOLUTION,))
    recorder = Recorder(store, hours=hours, resolutions=(RESOLUTION,), quarantine_rows=10, clock=lambda: NOW)
    events = []
    for n, cell in enumerate(cells):
        for again in range(1 + n % 5):
            lng, lat = centre(cell)
            raw = {
                "event_type": "motion",
                "event_timestamp": rfc3339(NOW - timedelta(days=(n * 7 + again * 11) % days)),
                "longitude": lng,
                "latitude": lat,
                "value": again,
            }
            events.append(read_event(raw, source="bench", received_at=NOW))
    recorder.record(Intake(events=events))
    first, last = (NOW - timedelta(days=days - 1)).date(), NOW.date()
    with store.write() as connection:
        run = insert_run(connection, resolution=RESOLUTION, from_day=first, to_day=last, now=NOW)
    perform_run(store, run, hours=hours, types=(), clock=lambda: NOW)
    return store


@contextmanager
def serving(store: Store) -> Iterator[None]:
    """The real server over the store."""
    context = Context(
        settings=read_settings(f"[http]\nport = {PORT}\n[risk]\nresolutions = [{RESOLUTION}]", {}),
        store=store,
        recorder=SharedRecorder(
            Recorder(store, hours=SiteHours(ZoneInfo("UTC")), resolutions=(), quarantine_rows=1, clock=lambda: NOW)
        ),
        basemaps={},
        map_folder=store.path.parent / "none",
        archive_folder=store.path.parent / "archive",
        secret=b"x" * 32,
        plate_key=b"x" * 32,
        clock=lambda: NOW,
        clock_trusted=lambda: True,
        clock_state=BoxClock().state,
        pulses=dict,
    )
    stop, ready = threading.Event(), threading.Event()
    given = {"stop": stop, "ready": lambda _: ready.set(), "report": lambda _: None}
    thread = threading.Thread(target=serve, args=(context,), kwargs=given)
    thread.start()
    ready.wait(30)
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def bare(body: bytes) -> Iterator[None]:
    """A server with one route that answers these bytes."""

    @get("/")
    async def answer() -> Response[bytes]:
        return Response(body, media_type=MVT)

    config = uvicorn.Config(
        Litestar([answer], openapi_config=None), port=BARE_PORT, log_level="error", access_log=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


def ask(port: int, paths: list[str], *, gzip: bool) -> tuple[list[float], bytes]:
    """Milliseconds of each request on one connection, and the last body."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/v1/health/live")  # opens it
    connection.getresponse().read()
    taken, body = [], b""
    for path in paths:
        start = time.perf_counter()
        connection.request("GET", path, headers={"Accept-Encoding": "gzip" if gzip else "identity"})
        response = connection.getresponse()
        body = response.read()
        taken.append((time.perf_counter() - start) * 1e3)
        assert response.status == 200, body
    connection.close()
    return taken, body


def timed(call: Callable[[], T]) -> tuple[T, float]:
    """What a call gives, and its milliseconds."""
    start = time.perf_counter()
    found = call()
    return found, (time.perf_counter() - start) * 1e3


def row(name: str, taken: list[float], floor: list[float] | None = None) -> None:
    """One line of the table."""
    ratio = f"{statistics.median(taken) / statistics.median(floor):12.1f}x" if floor else ""
    print(f"{name:34}{statistics.median(taken):9.2f}{statistics.quantiles(taken, n=20)[-1]:9.2f}{ratio}")


if __name__ == "__main__":
    main()
