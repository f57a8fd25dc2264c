"""How long it takes to find events by place, against PostGIS with a GiST index on the same events in the same run.

    python -m benchmarks.queries [--events 10000 100000 1000000] [--queries 200] [--shuffled]

The events lie over 30 km x 30 km, a tenth of them at two hot spots, in the order of time with one in a hundred late by
up to ten days (`--shuffled`: in no order at all, as after an import of old files in pieces); the last 4,096 are not
indexed yet. Ours is `fetch_events_in`, from the connection to the finished structs; PostGIS has a `geography` column
with GiST and an index on time, ANALYZEd, everything cached, and gives the same columns as tuples. Queries of both take
turns. Milliseconds of one client: of CPU (this process and PostgreSQL's backend), which other work on the machine
changes little, and of the clock. `differ` counts the answers that were not the same ids in the same order.
"""

import argparse
import gc
import math
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

import psycopg

from appliance.spatial.cells import EVENT_RESOLUTION, cell_of
from appliance.spatial.geometry import point_blob
from appliance.spatial.shape import Area, Box, Corridor, Disc, Shape
from appliance.store.engine import FILE_NAME, Store, raw_connection
from appliance.store.event.near import fetch_events_in
from appliance.store.event.pages import EventFilter
from appliance.store.file.migrations import migrate
from appliance.store.settled.settle import settle_index
from tests.sync.postgres import running_server

WEST, SOUTH, SIZE_M = 47.8, 29.2, 30_000.0
DEGREE_LAT_M, DEGREE_LNG_M = 110_860.0, 97_000.0  # here
HOT, HOT_M = ((0.3, 0.4), (0.7, 0.6)), 200.0
TAIL = 4_096
START_US, STEP_US, LATE_US = 1_790_000_000_000_000, 20_000_000, 10 * 86_400_000_000
LIMIT = 1_000
COLUMNS = "event_id, source, event_type, event_timestamp, received_at, recorded_at, clock_quality, h3_index"
POSTGIS = f"""SELECT {COLUMNS}, ST_X(geog::geometry), ST_Y(geog::geometry), severity, value, attributes_json, rev,
{{distance}} FROM events WHERE {{where}} ORDER BY event_timestamp DESC, event_pk DESC LIMIT {LIMIT}"""


class Case(NamedTuple):
    """What is asked: of us, and of PostGIS with its values."""

    shape: Shape
    distance: str
    where: str
    values: dict[str, Any]


def rows(events: int, *, shuffled: bool) -> Iterator[tuple[Any, ...]]:
    """Events as the store keeps them, in the order in which they came."""
    draw = random.Random(1)
    order = list(range(events))
    if shuffled:
        draw.shuffle(order)
    for n, at in enumerate(order):
        x, y = draw.random(), draw.random()
        if n % 10 == 0:
            hot = HOT[n % 20 // 10]
            x, y = (c + draw.gauss(0, HOT_M) / SIZE_M for c in hot)
        lng, lat = place(x, y)
        us = START_US + at * STEP_US - (draw.randrange(LATE_US) if n % 100 == 7 else 0)
        yield (
            f"e{n:08d}", f"agency/cam{n % 50}", ("motion", "intrusion", "crowd")[n % 3], us, us, us, "good",
            cell_of(lat=lat, lng=lng, resolution=EVENT_RESOLUTION), 0.5, None, '{"zone":"gate"}', n + 1,
            point_blob(lng, lat), lng, lat,
        )  # fmt: skip


def place(x: float, y: float) -> tuple[float, float]:
    """(lng, lat) of a place by its share of the way across and up."""
    return WEST + x * SIZE_M / DEGREE_LNG_M, SOUTH + y * SIZE_M / DEGREE_LAT_M


def fill_store(folder: Path, events: int, *, shuffled: bool) -> Store:
    """Our store, settled but for the tail."""
    migrate(folder / FILE_NAME, timezone="UTC")
    store = Store(folder / FILE_NAME)
    source = rows(events, shuffled=shuffled)
    statement = (
        f"INSERT INTO events ({COLUMNS}, severity, value, attributes_json, rev, geom) VALUES ({', '.join('?' * 13)})"
    )
    for start in range(0, events, 8_192):
        with store.write() as connection:
            some = [next(source)[:13] for _ in range(min(8_192, events - start))]
            raw_connection(connection).executemany(statement, some)
    for start in range(0, events - TAIL, 8_192):
        with store.write() as connection:
            settle_index(connection, min(8_192, events - TAIL - start))
    return store


def fill_postgis(connection: psycopg.Connection[Any], events: int, *, shuffled: bool) -> None:
    """The same events in PostGIS."""
    connection.execute(
        "CREATE TABLE events (event_pk bigserial PRIMARY KEY, event_id text, source text, event_type text, "
        "event_timestamp timestamptz, received_at timestamptz, recorded_at timestamptz, clock_quality text, "
        "h3_index bigint, severity float8, value float8, attributes_json text, rev bigint, geog geography(Point, 4326))"
    )
    connection.execute("CREATE TEMP TABLE raw (LIKE events INCLUDING DEFAULTS)")
    columns = f"{COLUMNS}, severity, value, attributes_json, rev, geog"
    with connection.cursor().copy(f"COPY events ({columns}) FROM STDIN") as copy:
        for row in rows(events, shuffled=shuffled):
            stamp = f"{row[3] // 1_000_000}"
            times = [time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(int(stamp)))] * 3
            copy.write_row((*row[:3], *times, *row[6:12], f"SRID=4326;POINT({row[13]!r} {row[14]!r})"))
    connection.execute("CREATE INDEX ON events USING gist (geog)")
    connection.execute("CREATE INDEX ON events (event_timestamp DESC, event_pk DESC)")
    connection.execute("ANALYZE events")
    connection.commit()


def discs(radius_m: float, *, hot: bool) -> Callable[[random.Random], Case]:
    """Discs in the spread, or at the hot spots."""

    def draw(rng: random.Random) -> Case:
        x, y = rng.choice(HOT) if hot else (rng.uniform(0.05, 0.95), rng.uniform(0.05, 0.95))
        lng, lat = place(x + rng.gauss(0, 0.001), y + rng.gauss(0, 0.001))
        point = "ST_MakePoint(%(lng)s, %(lat)s)::geography"
        return Case(
            Disc(lng=lng, lat=lat, radius_m=radius_m),
            f"ST_Distance(geog, {point})",
            f"ST_DWithin(geog, {point}, %(radius)s)",
            {"lng": lng, "lat": lat, "radius": radius_m},
        )

    return draw


def corridors(rng: random.Random) -> Case:
    """Five legs of about a kilometre, 100 m to either side."""
    x, y = rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8)
    line = tuple(place(x + 0.03 * n, y + rng.uniform(-0.03, 0.03)) for n in range(6))
    text = f"SRID=4326;LINESTRING({', '.join(f'{lng!r} {lat!r}' for lng, lat in line)})"
    return Case(
        Corridor(line=line, buffer_m=100),
        "ST_Distance(geog, %(line)s::geography)",
        "ST_DWithin(geog, %(line)s::geography, 100)",
        {"line": text},
    )


def areas(rng: random.Random) -> Case:
    """Twelve corners around a place, 300 to 700 m away."""
    x, y = rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.9)
    ring = tuple(
        place(x + math.cos(n / 12 * math.tau) * away / SIZE_M, y + math.sin(n / 12 * math.tau) * away / SIZE_M)
        for n in range(12)
        for away in (rng.uniform(300, 700),)
    )
    text = ", ".join(f"{lng!r} {lat!r}" for lng, lat in (*ring, ring[0]))
    return Case(
        Area(ring=ring),
        "NULL",
        "geog && %(area)s::geography AND ST_Intersects(geog::geometry, %(area)s::geometry)",
        {"area": f"SRID=4326;POLYGON(({text}))"},
    )


def boxes(rng: random.Random) -> Case:
    """A map of 5 km x 5 km."""
    x, y = rng.uniform(0.0, 0.8), rng.uniform(0.0, 0.8)
    (west, south), (east, north) = place(x, y), place(x + 1 / 6, y + 1 / 6)
    envelope = "ST_MakeEnvelope(%(w)s, %(s)s, %(e)s, %(n)s, 4326)"
    return Case(
        Box(bounds=(west, south, east, north)),
        "NULL",
        f"geog && {envelope}::geography AND ST_Intersects(geog::geometry, {envelope})",
        {"w": west, "s": south, "e": east, "n": north},
    )


CASES: dict[str, Callable[[random.Random], Case]] = {
    "500 m, spread": discs(500, hot=False),
    "500 m, hot spot": discs(500, hot=True),
    "50 m, spread": discs(50, hot=False),
    "5 km, spread": discs(5_000, hot=False),
    "route, 100 m": corridors,
    "area": areas,
    "box, 5 km": boxes,
}


def ask_us(store: Store, case: Case) -> list[str]:
    """The ids of the newest events."""
    with store.read() as connection:
        page = fetch_events_in(connection, case.shape, EventFilter(), cursor=None, limit=LIMIT)
    return [event.event_id for event in page.items]


def ask_postgis(connection: psycopg.Connection[Any], case: Case) -> list[str]:
    """The same of PostGIS."""
    statement = POSTGIS.format(distance=case.distance, where=case.where)
    return [row[0] for row in connection.execute(statement, case.values).fetchall()]


class Spent(NamedTuple):
    """Milliseconds of one query: of the clock, and of the CPU in this process and in PostgreSQL's."""

    wall: float
    cpu: float


def spent(pid: int | None, ask: Callable[[], list[str]]) -> tuple[list[str], Spent]:
    """What a query answers, and what it took; `pid` is the process that works for it beside this one."""
    begun = time.perf_counter(), time.process_time(), cpu_of(pid)
    answer = ask()
    end = time.perf_counter(), time.process_time(), cpu_of(pid)
    wall, own, other = ((after - before) * 1e3 for before, after in zip(begun, end, strict=True))
    return answer, Spent(wall, own + other)


def cpu_of(pid: int | None) -> float:
    """Seconds that a process has been on a CPU."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9 if pid else 0.0


def measure(store: Store, connection: psycopg.Connection[Any], queries: int) -> None:
    """Ask both the same and print a line for each case."""
    heads = ("ours, CPU", "PostGIS, CPU", "ratio", "ours, wall", "PostGIS, wall")
    print(f"{'':22}{''.join(f'{head:>17}' for head in heads)}")
    print(f"{'':16}{'hits':>6}{'      p50      p95' * 5}  differ")
    backend = connection.info.backend_pid
    for name, draw in CASES.items():
        rng, taken, hits, differ = random.Random(name), [], [], 0
        for n in range(queries + 10):
            case = draw(rng)
            mine, ours = spent(None, partial(ask_us, store, case))
            other, theirs = spent(backend, partial(ask_postgis, connection, case))
            if n >= 10:  # the first fill caches
                taken.append((ours.cpu, theirs.cpu, ours.wall, theirs.wall))
                hits.append(len(mine))
                differ += mine != other
        a, b, c, d = ((median(one), quantiles(one, n=20)[-1]) for one in zip(*taken, strict=True))
        figures = (*a, *b, a[0] / b[0], a[1] / b[1], *c, *d)
        print(f"{name:16}{median(hits):6.0f}{''.join(f'{figure:8.2f} ' for figure in figures)}{differ:7}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--queries", type=int, default=200, help="of each kind (default 200)")
    parser.add_argument("--shuffled", action="store_true", help="events come in no order of time")
    options = parser.parse_args()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)  # as in the web part, which answers these
    with running_server() as server:
        for events in options.events:
            folder = Path(tempfile.mkdtemp(prefix="hexpost-bench-"))
            try:
                begun = time.monotonic()
                store = fill_store(folder, events, shuffled=options.shuffled)
                filled = time.monotonic()
                with psycopg.connect(server.url(server.create())) as connection:
                    fill_postgis(connection, events, shuffled=options.shuffled)
                    print(f"{events:,} events; stored in {filled - begun:.0f} s, {time.monotonic() - filled:.0f} s")
                    measure(store, connection, options.queries)
                store.close()
            finally:
                shutil.rmtree(folder)


if __name__ == "__main__":
    main()
