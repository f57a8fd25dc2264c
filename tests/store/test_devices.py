"""The registry: what a person sets stays and is inherited, a place brings its events, files bring fleets."""

from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from appliance.aggregate.hours import SiteHours
from appliance.errors import NotFound, Rejected
from appliance.ingest.registry import read_device_features, read_device_table, write_device_table
from appliance.ingest.text import decode_lines
from appliance.model.device import DeviceSettings, effective_settings
from appliance.model.device_change import DeviceChange, GroupChange, NewWindow, SettingsChange
from appliance.model.intake import Intake
from appliance.spatial.view import middle
from appliance.store.device import changes as device_changes
from appliance.store.device.changes import change_device, enter_device, import_devices, place_waiting_events
from appliance.store.device.maintenance import delete_window, insert_window
from appliance.store.device.registry import (
    DeviceFilter,
    count_unplaced,
    fetch_devices,
    fetch_effective,
    fetch_every_device,
    view_of_place,
)
from appliance.store.device.zones import (
    delete_group,
    delete_zone,
    put_group,
)
from appliance.store.engine import Store, raw_connection
from appliance.store.intake.batch import Recorder
from tests.conftest import NOW
from tests.store.checks import assert_sound, event_at
from tests.store.registry import bridge, change, get, hear, revision, sources, square, zone

HOURS = SiteHours(ZoneInfo("UTC"))
CAMERA = DeviceChange(longitude=47.97, latitude=29.37, heading_deg=90.0, view_angle_deg=60.0, range_m=100.0)


def test_a_device_unseen_before_is_pending_with_what_it_told(store: Store) -> None:
    hear(store, "zigbee2mqtt/Contact sensor", model="MCCGQ11LM", battery_percent=87)
    device = get(store, "zigbee2mqtt/Contact sensor")
    assert (device.registration, device.family) == ("pending", "zigbee2mqtt")
    assert device.facts == {"model": "MCCGQ11LM", "battery_percent": 87}
    assert get(store, str(device.id)) == device


def test_a_technician_approves_it_and_gives_it_a_place(store: Store) -> None:
    hear(store, "frigate/gate")
    changed = change(
        store, "frigate/gate", registration="approved", longitude=47.97, latitude=29.37, floor="2", name=""
    )
    assert (changed.registration, changed.place.point, changed.place.floor) == ("approved", (47.97, 29.37), "2")
    moved = change(store, "frigate/gate", longitude=None, latitude=None)
    assert (moved.registration, moved.place.point, moved.place.floor) == ("approved", None, "2")


@pytest.mark.parametrize(
    ("members", "path"),
    [({"longitude": 1.0}, "$.latitude"), ({"latitude": 1.0}, "$.longitude"), ({"zone": "nowhere"}, "$.zone")],
)
def test_a_change_that_cannot_be_changes_nothing(store: Store, members: dict[str, object], path: str) -> None:
    hear(store, "a/b")
    before = get(store, "a/b"), revision(store)
    with pytest.raises(Rejected) as refused:
        change(store, "a/b", name="new", **members)
    assert refused.value.path == path
    assert (get(store, "a/b"), revision(store)) == before


def test_who_is_not_there_is_not_found(store: Store) -> None:
    for name in ("a/b", "7", "9" * 30):
        with pytest.raises(NotFound, match="is not in the registry"):
            change(store, name, name="x")


def test_every_change_by_a_person_raises_the_revision_and_one_that_changes_nothing_does_not(store: Store) -> None:
    hear(store, "a/b")
    revisions = [revision(store)]

    def step(action: Callable[[], object], by: int = 1) -> None:
        action()
        assert revision(store) == revisions[-1] + by
        revisions.append(revision(store))

    step(lambda: change(store, "a/b", name="Gate"))
    assert get(store, "a/b").rev == revisions[-1]
    step(lambda: change(store, "a/b", name="Gate"), by=0)
    step(lambda: hear(store, "a/b", battery_percent=5), by=0)
    step(lambda: zone(store, "z", square(47, 29, 1)))
    with store.write() as connection:
        window = insert_window(connection, NewWindow(scope="site", to_time=NOW + timedelta(hours=1)), now=NOW)
    revisions.append(revision(store))
    assert revisions[-1] == revisions[-2] + 1
    with store.write() as connection:
        delete_window(connection, window.id)
        put_group(connection, "g", GroupChange())
        delete_group(connection, "g")
        delete_zone(connection, "z")
    assert revision(store) == revisions[-1] + 4


def test_the_first_place_is_given_to_the_events_that_waited_for_it(store: Store, recorder: Recorder) -> None:
    waiting = [event_at(None, event_id=f"e{n}", source="frigate/gate") for n in range(5)]
    recorder.record(Intake(events=[*waiting, event_at((1.0, 2.0), event_id="far", source="frigate/gate")]))
    with store.write() as connection:
        enter_device(connection, "frigate/gate", DeviceChange(), now=NOW)
    assert place_waiting_events(store, "frigate/gate", hours=HOURS, resolutions=(7, 8)) == 0
    with store.write() as connection:
        placed = change_device(connection, "frigate/gate", CAMERA, now=NOW)
    assert place_waiting_events(store, "frigate/gate", hours=HOURS, resolutions=(7, 8)) == 5
    with store.read() as connection:
        raw = raw_connection(connection)
        places = raw.execute("SELECT ST_X(geom), ST_Y(geom), count(*) FROM events GROUP BY 1, 2 ORDER BY 3").fetchall()
        assert count_unplaced(connection, "frigate/gate") == 0
    view = view_of_place(placed.place)
    assert view is not None
    assert places == [(1.0, 2.0, 1), (*middle(view), 5)]
    assert_sound(store)


def test_many_waiting_events_are_placed_in_bounded_transactions(
    store: Store, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_changes, "PLACE_ROWS", 2)
    recorder.record(Intake(events=[event_at(None, event_id=f"e{n}", source="a/b") for n in range(4)]))
    with store.write() as connection:
        enter_device(connection, "a/b", CAMERA, now=NOW)
    assert place_waiting_events(store, "a/b", hours=HOURS, resolutions=(7, 8)) == 4
    assert_sound(store)


@pytest.mark.parametrize(
    ("change_", "longitude", "latitude"),
    [
        (DeviceChange(longitude=47.97, latitude=29.37), 47.97, 29.37),
        (DeviceChange(longitude=47.97, latitude=29.37, heading_deg=0.0, range_m=100.0), 47.97, 29.37),
        (DeviceChange(heading_deg=0.0, view_angle_deg=90.0, range_m=100.0), None, None),
        # 2/3 * 100 m * sin(45 deg)/(pi/4) = 60.0 m north, 60.0/111,195 degrees
        (DeviceChange(longitude=47.97, latitude=29.37, heading_deg=0.0, view_angle_deg=90.0, range_m=100.0),
         47.97, 29.37 + 60.02 / 111_195.08),
    ],
)  # fmt: skip
def test_the_bridge_is_told_the_middle_of_a_view_else_the_place(
    store: Store, change_: DeviceChange, longitude: float | None, latitude: float | None
) -> None:
    with store.write() as connection:
        enter_device(connection, "a/b", change_, now=NOW)
    told = bridge(store, "a/b")
    assert told.longitude == (pytest.approx(longitude) if longitude else None)
    assert told.latitude == (pytest.approx(latitude, abs=1e-7) if latitude else None)


def test_settings_come_from_the_device_over_its_group_over_its_zone_over_the_defaults() -> None:
    nothing = DeviceSettings()
    group, area = DeviceSettings(heartbeat_s=60.0, min_score=0.5), DeviceSettings(heartbeat_s=30.0, muted=True)
    inherited = effective_settings(DeviceSettings(heartbeat_s=5.0), group, area)
    assert (inherited.heartbeat_s, inherited.min_score, inherited.muted) == (5.0, 0.5, True)
    assert inherited.origins == {"heartbeat_s": "device", "min_score": "group", "muted": "zone"}
    bare = effective_settings(nothing, nothing, nothing)
    assert (bare.heartbeat_s, bare.min_score, bare.muted) == (None, 0.0, False)
    assert set(bare.origins.values()) == {"default"}
    assert effective_settings(DeviceSettings(muted=False), nothing, area).muted is False


def test_a_device_inherits_from_the_zone_it_stands_in_and_the_group_it_is_put_into(store: Store) -> None:
    hear(store, "a/b")
    zone(store, "harbour", square(47, 29, 1), settings=SettingsChange(min_score=0.4, heartbeat_s=30.0))
    with store.write() as connection:
        put_group(connection, "cameras", GroupChange(settings=SettingsChange(heartbeat_s=60.0)))
    device = change(store, "a/b", longitude=47.5, latitude=29.5, group="cameras")
    with store.read() as connection:
        effective = fetch_effective(connection, device)
    told = bridge(store, "a/b")
    assert (effective.heartbeat_s, effective.min_score) == (told.heartbeat_s, told.min_score) == (60.0, 0.4)
    taken_back = change(store, "a/b", settings=SettingsChange(min_score=0.9))
    assert (taken_back.settings.min_score, bridge(store, "a/b").min_score) == (0.9, 0.9)
    assert change(store, "a/b", settings=SettingsChange(min_score=None)).settings == DeviceSettings()


def test_devices_are_listed_by_what_is_asked_for(store: Store) -> None:
    hear(store, "z/1", "z/2", family="zigbee2mqtt", via="coordinator")
    hear(store, "f/1", family="frigate")
    zone(store, "quay", square(47, 29, 1))
    change(store, "z/2", registration="approved", group="doors", segment="switch:north")
    change(store, "f/1", longitude=47.5, latitude=29.5)
    assert sources(store) == ["z/1", "z/2", "f/1"]
    assert sources(store, family="frigate") == sources(store, zone="quay") == ["f/1"]
    assert sources(store, registration="approved") == sources(store, group="doors") == ["z/2"]
    assert sources(store, segment="via:coordinator") == ["z/1"]
    assert sources(store, segment="switch:north") == ["z/2"]
    assert sources(store, state="online") == ["z/1", "z/2", "f/1"]
    assert sources(store, state="offline") == []


@pytest.mark.parametrize(
    ("bbox", "found"),
    [
        ((47.0, 29.0, 48.0, 30.0), ["east"]),
        ((170.0, -20.0, -170.0, 0.0), ["fiji", "samoa"]),
        ((0.0, 0.0, 1.0, 1.0), []),
    ],
)
def test_a_box_may_cross_the_antimeridian(
    store: Store, bbox: tuple[float, float, float, float], found: list[str]
) -> None:
    places = {"east": (47.5, 29.5), "fiji": (178.0, -17.0), "samoa": (-172.0, -13.0), "nowhere": (None, None)}
    with store.write() as connection:
        for source, (lng, lat) in places.items():
            enter_device(connection, source, DeviceChange(longitude=lng, latitude=lat), now=NOW)
    assert sources(store, bbox=bbox) == found


def test_pages_hold_every_device_once(store: Store) -> None:
    with store.write() as connection:
        for n in range(7):
            enter_device(connection, f"a/{n}", DeviceChange(), now=NOW)
    found: list[str] = []
    cursor: str | None = None
    with store.read() as connection:
        while True:
            page = fetch_devices(connection, DeviceFilter(), now=NOW, cursor=cursor, limit=3)
            found += [device.source for device in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        with pytest.raises(Rejected, match="not a cursor"):
            fetch_devices(connection, DeviceFilter(), now=NOW, cursor="x", limit=3)
    assert found == [f"a/{n}" for n in range(7)]


def test_a_fleet_is_entered_before_it_speaks_and_keeps_what_was_set_when_it_does(store: Store) -> None:
    text = b"source,name,longitude,latitude,group\na/b,Gate,47.97,29.37,cameras\n,x,,,\na/c,,91,999,\n"
    report = import_devices(store, read_device_table(decode_lines([text])), now=NOW, hours=HOURS, resolutions=(7, 8))
    assert (report.created, report.changed, report.unchanged, report.rejected) == (1, 0, 0, 2)
    assert [(row.row, row.status, row.path) for row in report.rows] == [
        (2, "created", None),
        (3, "rejected", "source"),
        (4, "rejected", "latitude"),
    ]
    entered = get(store, "a/b")
    assert (entered.registration, entered.state, entered.last_seen) == ("approved", "pending", None)
    hear(store, "a/b", name="its own name", model="X1")
    spoken = get(store, "a/b")
    assert (spoken.registration, spoken.state, spoken.last_seen, spoken.name) == ("approved", "online", NOW, "Gate")
    assert (spoken.place.point, spoken.facts["model"]) == ((47.97, 29.37), "X1")


def test_an_export_imported_again_changes_nothing_and_makes_the_same_registry_elsewhere(store: Store) -> None:
    hear(store, "zigbee2mqtt/Contact sensor", "a/b")
    zone(store, "quay", square(47, 29, 1))
    with store.write() as connection:
        change_device(connection, "a/b", CAMERA, now=NOW)
    change(store, "a/b", zone="quay", settings=SettingsChange(heartbeat_s=60.0), name='a "quoted", name')
    with store.read() as connection:
        text = "".join(write_device_table(fetch_every_device(connection, now=NOW)))
    before = [get(store, source) for source in sources(store)]

    def again() -> device_changes.ImportReport:
        rows = read_device_table(decode_lines([text.encode()]))
        return import_devices(store, rows, now=NOW, hours=HOURS, resolutions=(7, 8))

    assert again().unchanged == 2
    assert [get(store, source) for source in sources(store)] == before
    with store.write() as connection:
        raw_connection(connection).execute("DELETE FROM devices")
    assert again().created == 2
    with store.read() as connection:
        assert "".join(write_device_table(fetch_every_device(connection, now=NOW))) == text


def test_an_import_places_the_events_that_waited(store: Store, recorder: Recorder) -> None:
    recorder.record(Intake(events=[event_at(None, event_id="e1", source="a/b")]))
    feature = {"type": "Feature", "id": "a/b", "geometry": {"type": "Point", "coordinates": [47.97, 29.37]}}
    report = import_devices(store, read_device_features(feature), now=NOW, hours=HOURS, resolutions=(7, 8))
    assert (report.placed, report.rejected) == (1, 0)
    assert_sound(store)


def test_the_bridge_is_told_what_a_device_hangs_on_and_whether_its_facts_are_new(store: Store) -> None:
    hear(store, "a/b", via="coordinator")
    first = bridge(store, "a/b")
    assert first.segment == "via:coordinator"
    hear(store, "a/b", battery_percent=50)
    assert bridge(store, "a/b").facts_digest != first.facts_digest
    change(store, "a/b", segment="switch:north", settings=SettingsChange(muted=True))
    told = bridge(store, "a/b")
    assert (told.segment, told.muted, told.last_seen) == ("switch:north", True, NOW)
