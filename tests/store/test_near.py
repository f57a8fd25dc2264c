"""Events and places in a shape: as a look at every row finds them, whatever is indexed, late, deleted or moved."""

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from appliance.clock import from_us, to_us
from appliance.errors import Rejected
from appliance.model.intake import Intake
from appliance.spatial.cells import EVENT_RESOLUTION, cell_of
from appliance.spatial.geodesic import distances_m
from appliance.spatial.geometry import multipolygon_blob, point_blob
from appliance.spatial.shape import Area, Box, Corridor, Disc, Shape, area
from appliance.spatial.view import destination
from appliance.store.engine import FILE_NAME, Store, raw_connection
from appliance.store.event.near import NearEventPage, fetch_events_in
from appliance.store.event.pages import EventFilter, StoredEvent, fetch_events
from appliance.store.intake.batch import Recorder
from appliance.store.near import search as near
from appliance.store.near.search import DEVICES, check_area, find_places
from appliance.store.near.segments import FOREVER, fetch_segments
from appliance.store.settled.settle import Spot, delete_events, follow_change, settle_index
from appliance.store.settled.tally import Tally
from appliance.store.verify import verify_store
from tests.conftest import make_event
from tests.empty_store import put_store
from tests.spatial.test_shape import written
from tests.store.checks import assert_sound
from tests.store.test_settle import UTC_HOURS

HERE = (47.97, 29.37)
DISC = Disc(lng=47.97, lat=29.37, radius_m=500)
PK_STEP = 25_000
PLACES = [(47.97, 29.37), (179.9995, -16.8), (-179.9995, -16.8), (180.0, -16.8), (12.0, 89.999), (0.0, -90.0)]
START_US = 1_790_000_000_000_000


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Store]:
    """A store into which events are put as they stand."""
    made = Store(put_store(tmp_path / FILE_NAME))
    yield made
    made.close()


def put(store: Store, events: Sequence[tuple[float | None, float | None, int]], **members: str) -> None:
    """Append events at (lng, lat, microseconds after a start), two or three to a segment; None is nowhere."""
    with store.write() as connection:
        raw = raw_connection(connection)
        last = raw.execute("SELECT coalesce(max(event_pk), 0) FROM events").fetchone()[0]
        for n, (lng, lat, us) in enumerate(events, start=1):
            placed = lng is not None and lat is not None
            raw.execute(
                "INSERT INTO events (event_pk, event_id, source, event_type, event_timestamp, received_at, "
                "recorded_at, clock_quality, h3_index, attributes_json, rev, geom) "
                "VALUES (?, hex(randomblob(8)), ?, ?, ?, 0, 0, 'good', ?, '{}', 1, ?)",
                (
                    last + n * PK_STEP,
                    members.get("source", "cam"),
                    members.get("event_type", "motion"),
                    START_US + us,
                    cell_of(lat=lat, lng=lng, resolution=EVENT_RESOLUTION) if placed else None,
                    point_blob(lng, lat) if placed else None,
                ),
            )


def index(store: Store, limit: int = 100_000) -> None:
    with store.write() as connection:
        settle_index(connection, limit)


def find(store: Store, shape: Shape, *, limit: int = 1_000, cursor: str | None = None, **wanted: Any) -> NearEventPage:
    with store.read() as connection:
        return fetch_events_in(connection, shape, EventFilter(**wanted), cursor=cursor, limit=limit)


def every_page(store: Store, shape: Shape, limit: int, **wanted: Any) -> list[str]:
    """The ids over all pages."""
    ids: list[str] = []
    cursor = None
    while True:
        page = find(store, shape, limit=limit, cursor=cursor, **wanted)
        assert len(page.items) == limit or page.next_cursor is None
        ids += [event.event_id for event in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return ids


def scan(store: Store, condition: str, *values: object) -> list[str]:
    """The ids that SpatiaLite finds by looking at every event, newest first."""
    with store.read() as connection:
        rows = raw_connection(connection).execute(
            f"SELECT event_id FROM events WHERE geom IS NOT NULL AND {condition} "
            "ORDER BY event_timestamp DESC, event_pk DESC",
            values,
        )
        return [row[0] for row in rows]


def scan_shape(store: Store, shape: Shape) -> list[str]:
    match shape:
        case Disc():
            return scan(store, "ST_Distance(geom, MakePoint(?, ?, 4326), 1) <= ?", shape.lng, shape.lat, shape.radius_m)
        case Area():
            return scan(store, "ST_Covers(?, geom)", multipolygon_blob(shape.parts))
        case Box(bounds=(west, south, east, north)):
            across = "OR" if west > east else "AND"
            condition = f"ST_Y(geom) BETWEEN ? AND ? AND (ST_X(geom) >= ? {across} ST_X(geom) <= ?)"
            return scan(store, condition, south, north, west, east)
        case Corridor():
            return scan_corridor(store, shape)


def scan_corridor(store: Store, shape: Corridor) -> list[str]:
    """By SpatiaLite's distance to many places of each leg."""
    steps = []
    for (lng1, lat1), (lng2, lat2) in itertools.pairwise(shape.line):
        ends = np.radians([[lng1, lat1], [lng2, lat2]])
        a, b = np.stack([np.cos(ends[:, 1]) * np.cos(ends[:, 0]), np.cos(ends[:, 1]) * np.sin(ends[:, 0]),
                         np.sin(ends[:, 1])], axis=1)  # fmt: skip
        for share in np.linspace(0, 1, 400):
            x, y, z = a + (b - a) * share
            steps.append((math.degrees(math.atan2(y, x)), math.degrees(math.atan2(z, math.hypot(x, y)))))
    lng, lat = np.array(steps).T
    with store.read() as connection:
        rows = raw_connection(connection).execute(
            "SELECT event_id, ST_X(geom), ST_Y(geom) FROM events WHERE geom IS NOT NULL "
            "ORDER BY event_timestamp DESC, event_pk DESC"
        )
        return [row[0] for row in rows if distances_m(lng, lat, *np.array(row[1:])).min() <= shape.buffer_m]


def shapes_around(lng: float, lat: float, rng: random.Random) -> list[Shape]:
    """One of each kind within some hundred metres of a place."""
    step = 300 / 111_000
    wide = step / max(math.cos(math.radians(lat)), 0.01)
    far = destination(lng, lat, rng.uniform(0, 360), 900)
    corners = [(lng + wide * x, lat + step * y) for x, y in ((-1, -1), (0.4, -0.8), (1, 1), (0.1, 0.2), (-0.5, 1))]
    ring = tuple((x, min(max(y, -90.0), 90.0)) for x, y in corners)
    west, east = ((x + 180) % 360 - 180 for x in (lng - wide, lng + wide))
    return [
        Disc(lng=lng, lat=lat, radius_m=rng.uniform(50, 600)),
        Corridor(line=((lng, lat), far), buffer_m=rng.uniform(30, 300)),
        Area(ring=ring),
        Box(bounds=(west, max(lat - step, -90.0), east, min(lat + step, 90.0))),
    ]


def scattered(rng: random.Random, how_many: int) -> list[tuple[float | None, float | None, int]]:
    """Events around the places, some at the same place, some at the same time, some nowhere."""
    events: list[tuple[float | None, float | None, int]] = []
    for _ in range(how_many):
        lng, lat = rng.choice(PLACES)
        kind = rng.random()
        if kind < 0.8:
            lng, lat = destination(lng, lat, rng.uniform(0, 360), rng.uniform(0, 1_000))
        us = rng.randrange(40)
        events.append((None, None, us) if kind > 0.95 else (lng, lat, us))
    return events


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("indexed", [0.0, 0.7, 1.0], ids=["tail only", "mixed", "indexed only"])
def test_what_is_found_is_what_a_look_at_every_event_finds(bare: Store, indexed: float, seed: int) -> None:
    rng = random.Random(seed)
    put(bare, scattered(rng, 300))
    if indexed:
        index(bare, int(300 * indexed))
    hits = 0
    for lng, lat in PLACES:
        for shape in shapes_around(lng, lat, rng):
            expected = scan_shape(bare, shape)
            assert [event.event_id for event in find(bare, shape).items] == expected
            assert every_page(bare, shape, 7) == expected
            hits += len(expected)
    assert hits > 200


def test_late_events_stand_at_their_own_time_whichever_segment_they_are_in(bare: Store) -> None:
    put(bare, [(*HERE, us) for us in (50, 10, 40, 20, 60, 30)])
    index(bare, 4)
    assert [us_of(event) for event in find(bare, DISC).items] == [60, 50, 40, 30, 20, 10]
    assert [us_of(event) for event in find(bare, DISC, from_time=time(20), to_time=time(50)).items] == [40, 30, 20]


def test_a_segment_is_left_alone_where_its_times_cannot_matter(bare: Store) -> None:
    put(bare, [(*HERE, us) for us in range(100)])
    index(bare)
    with bare.read() as connection:
        asked: list[str] = []
        raw_connection(connection).set_trace_callback(asked.append)
        fetch_events_in(connection, DISC, EventFilter(), cursor=None, limit=3)
        raw_connection(connection).set_trace_callback(None)
        kept = fetch_segments(raw_connection(connection), START_US + 40, START_US + 40)
        every = fetch_segments(raw_connection(connection), -FOREVER, FOREVER)
    assert len(kept) == 1
    assert 0 < sum("FROM span" in statement for statement in asked) < 4 < len(every)


@pytest.mark.parametrize("looked_at", [4_096, 5], ids=["all at once", "more than that"])
def test_segments_that_hold_little_are_read_together(
    bare: Store, monkeypatch: pytest.MonkeyPatch, looked_at: int
) -> None:
    monkeypatch.setattr(near, "LOOKED_AT", looked_at)
    put(bare, [(*HERE, us) for us in (9, 1, 8, 2, 7, 3, 6, 4, 5, 9, 9, 9)])
    index(bare)
    with bare.read() as connection:
        asked: list[str] = []
        raw_connection(connection).set_trace_callback(asked.append)
        page = fetch_events_in(connection, DISC, EventFilter(), cursor=None, limit=100)
        raw_connection(connection).set_trace_callback(None)
    assert [us_of(event) for event in page.items] == [9, 9, 9, 9, 8, 7, 6, 5, 4, 3, 2, 1]
    together = sum("FROM span" in statement or "CROSS JOIN span" in statement for statement in asked)
    assert together == 2 if looked_at > 12 else together > 4


def test_deleted_events_are_not_found_though_their_entries_stay(bare: Store) -> None:
    put(bare, [(*HERE, us) for us in range(40)])
    index(bare, 30)
    gone = [PK_STEP * n for n in range(1, 40, 2)]
    with bare.write() as connection:
        tally = Tally(UTC_HOURS, (7,))
        delete_events(connection, tally, gone, uncount=True)
    assert every_page(bare, DISC, 6) == scan_shape(bare, DISC)
    assert len(every_page(bare, DISC, 6)) == 20


def test_an_event_that_moved_is_found_where_and_when_it_is_now(bare: Store) -> None:
    put(bare, [(*HERE, 5), (None, None, 6), (*HERE, 7)])
    index(bare, 3)
    there = (48.4, 29.9)
    before = [Spot(START_US + 5, "motion", cell(HERE), point_blob(*HERE)), Spot(START_US + 6, "motion", None, None)]
    after = [Spot(START_US + 900, "motion", cell(HERE), point_blob(*HERE)),
             Spot(START_US + 6, "motion", cell(there), point_blob(*there))]  # fmt: skip
    with bare.write() as connection:
        raw, tally = raw_connection(connection), Tally(UTC_HOURS, (7,))
        for n, (was, now) in enumerate(zip(before, after, strict=True), start=1):
            raw.execute("UPDATE events SET event_timestamp = ?, h3_index = ?, geom = ? WHERE event_pk = ?",
                        (now.us, now.cell, now.point, n * PK_STEP))  # fmt: skip
            follow_change(connection, tally, n * PK_STEP, was, now)
    assert [us_of(event) for event in find(bare, DISC, from_time=time(7)).items] == [900, 7]
    assert [us_of(event) for event in find(bare, Disc(lng=48.4, lat=29.9, radius_m=10)).items] == [6]


def test_a_segment_of_unknown_times_is_read(bare: Store) -> None:
    put(bare, [(*HERE, 1)])
    index(bare)
    with bare.write() as connection:
        connection.exec_driver_sql("DELETE FROM event_segments")
    assert len(find(bare, DISC).items) == 1


def test_type_and_source_are_looked_for_behind_many_others(bare: Store) -> None:
    put(bare, [(*HERE, 1)], event_type="fire", source="tower")
    put(bare, [(*HERE, 1_000 + us) for us in range(500)])
    index(bare, 400)
    assert [us_of(event) for event in find(bare, DISC, event_type="fire", limit=1).items] == [1]
    assert [us_of(event) for event in find(bare, DISC, source="tower", limit=5).items] == [1]
    assert find(bare, DISC, source="tower", event_type="motion").items == []


def test_distances_are_to_the_middle_of_a_disc_and_to_the_line_of_a_route(bare: Store) -> None:
    put(bare, [(*destination(*HERE, 90, 100), 1)])
    (near_point,) = find(bare, DISC).items
    assert near_point.distance_m == pytest.approx(100, rel=0.01)
    north_south = Corridor(line=(destination(*HERE, 0, 500), destination(*HERE, 180, 500)), buffer_m=120)
    (near_line,) = find(bare, north_south).items
    assert near_line.distance_m == pytest.approx(near_point.distance_m, abs=0.01)
    assert find(bare, Corridor(line=north_south.line, buffer_m=90)).items == []
    (within,) = find(bare, Box(bounds=(47.0, 29.0, 49.0, 30.0))).items
    assert within.distance_m is None


def test_a_page_by_box_is_that_of_the_list_of_events(bare: Store) -> None:
    put(bare, scattered(random.Random(5), 200))
    index(bare, 150)
    bounds = (179.0, -17.5, -179.0, -16.0)
    expected = scan_shape(bare, Box(bounds=bounds))
    with bare.read() as connection:
        first = fetch_events(connection, EventFilter(bbox=bounds), cursor=None, limit=30)
        second = fetch_events(connection, EventFilter(bbox=bounds), cursor=first.next_cursor, limit=1_000)
    assert [event.event_id for event in (*first.items, *second.items)] == expected
    assert len(expected) > 60


def test_an_area_around_a_pole_holds_what_is_north_of_it(bare: Store) -> None:
    put(bare, [(lng, lat, 1) for lng in range(-180, 180, 15) for lat in (79.0, 81.0, 90.0)])
    index(bare, 40)
    cap = area(written((-120, 80), (0, 80), (120, 80)))
    found = find(bare, cap).items
    assert len(found) == 48
    assert {event.latitude for event in found} == {81.0, 90.0}


@pytest.mark.parametrize(
    "corners",
    [
        ((0, 0), (1, 1), (1, 0), (0, 1)),
        ((0, 0), (1, 0), (2, 0)),
        ((179, 0), (-179, 1), (-179, 0), (179, 1)),
    ],
    ids=["bow tie", "no extent", "bow tie over the antimeridian"],
)
def test_an_area_whose_edges_cross_is_refused(store: Store, corners: tuple[tuple[float, float], ...]) -> None:
    with store.read() as connection, pytest.raises(Rejected, match="not a simple polygon") as refused:
        check_area(connection, area(written(*corners)))
    assert refused.value.path == "polygon"


def test_settling_writes_the_times_of_its_segments_down(store: Store, recorder: Recorder) -> None:
    recorder.record(Intake(events=[make_event(event_id=f"e{n}") for n in range(5)]))
    index(store)
    with store.read() as connection:
        ((_, first, last),) = raw_connection(connection).execute("SELECT * FROM event_segments").fetchall()
    assert first == last == to_us(make_event().event_timestamp)
    assert_sound(store)


def test_times_that_leave_entries_out_are_found_by_verify(store: Store, recorder: Recorder) -> None:
    recorder.record(Intake(events=[make_event()]))
    index(store)
    with store.write() as connection:
        connection.exec_driver_sql("UPDATE event_segments SET first_time = first_time + 1, last_time = last_time + 1")
    findings = {finding.name: finding for finding in verify_store(store, hours=UTC_HOURS)}
    assert not findings["cells"].holds
    assert "1 outside the times of their segment" in findings["cells"].detail


@pytest.mark.parametrize("seed", range(3))
def test_devices_in_a_shape_are_those_that_a_look_at_each_finds(store: Store, seed: int) -> None:
    rng = random.Random(seed)
    with store.write() as connection:
        for n, (lng, lat, _) in enumerate(scattered(rng, 150)):
            raw_connection(connection).execute(
                "INSERT INTO devices (source, state, state_at, first_seen, last_seen, geom) VALUES (?, '', 0, 0, 0, ?)",
                (f"d{n}", point_blob(lng, lat) if lng is not None and lat is not None else None),
            )
    for lng, lat in PLACES:
        for shape in shapes_around(lng, lat, rng):
            with store.read() as connection:
                found = find_places(connection, shape, DEVICES)
            assert found == sorted(found)
            assert sorted(key for _, key in found) == scan_devices(store, shape)


def scan_devices(store: Store, shape: Shape) -> list[int]:
    """The keys of devices in a shape, by putting events where they are."""
    with store.write() as connection:
        raw = raw_connection(connection)
        raw.execute("DELETE FROM events")
        raw.execute(
            "INSERT INTO events (event_id, source, event_type, event_timestamp, received_at, recorded_at, "
            "clock_quality, attributes_json, rev, geom) "
            "SELECT device_pk, source, '', 0, 0, 0, '', '{}', 1, geom FROM devices"
        )
    return sorted(int(event_id) for event_id in scan_shape(store, shape))


def us_of(event: StoredEvent) -> int:
    return to_us(event.event_timestamp) - START_US


def time(us: int) -> datetime:
    return from_us(START_US + us)


def cell(place: tuple[float, float]) -> int:
    return cell_of(lat=place[1], lng=place[0], resolution=EVENT_RESOLUTION)
