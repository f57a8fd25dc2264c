"""Zones, groups and windows: where a device belongs, and when it is left alone; and outages read back."""

from datetime import UTC, datetime, timedelta

import pytest

from appliance.clock import to_us
from appliance.errors import Conflict, NotFound, Rejected
from appliance.model.device_change import NewWindow, SettingsChange, ZoneChange
from appliance.store.device import maintenance
from appliance.store.device.maintenance import delete_window, fetch_outages, fetch_windows, insert_window
from appliance.store.device.zones import (
    delete_group,
    delete_zone,
    fetch_groups,
    fetch_zone,
    fetch_zones,
    import_zone_features,
    put_zone,
)
from appliance.store.engine import Store, raw_connection
from tests.conftest import NOW
from tests.store.registry import bridge, change, get, hear, sources, square, zone


def test_a_device_is_in_the_smallest_zone_that_holds_its_place_unless_it_was_put_elsewhere(store: Store) -> None:
    hear(store, "a/b")
    zone(store, "city", square(47, 29, 1))
    zone(store, "quay", square(47.4, 29.4, 0.2))
    zone(store, "far", square(10, 10, 1))
    assert get(store, "a/b").in_zone == ""
    assert change(store, "a/b", longitude=47.5, latitude=29.5).in_zone == "quay"
    assert change(store, "a/b", longitude=47.1, latitude=29.1).in_zone == "city"
    assert change(store, "a/b", longitude=1.0, latitude=1.0).in_zone == ""
    by_hand = change(store, "a/b", zone="far")
    assert (by_hand.zone, by_hand.in_zone) == ("far", "far")
    with store.write() as connection:
        assert delete_zone(connection, "far") == 1
    assert get(store, "a/b").in_zone == ""


def test_a_hole_in_a_zone_is_not_the_zone_and_its_polygon_comes_back_as_it_went_in(store: Store) -> None:
    hear(store, "a/b")
    outer, hole = square(0, 0, 4)["coordinates"][0], square(1, 1, 1)["coordinates"][0]
    zone(store, "ring", {"type": "Polygon", "coordinates": [outer, hole[::-1]]})
    assert change(store, "a/b", longitude=1.5, latitude=1.5).in_zone == ""
    assert change(store, "a/b", longitude=3.0, latitude=3.0).in_zone == "ring"
    with store.read() as connection:
        found = fetch_zone(connection, "ring")
    assert found.geometry["type"] == "MultiPolygon"
    assert [len(ring) for ring in found.geometry["coordinates"][0]] == [5, 5]
    assert found.devices == 1
    with store.write() as connection:
        put_zone(connection, "ring", ZoneChange(geometry=found.geometry))
        assert fetch_zone(connection, "ring").geometry == found.geometry


def test_a_polygon_that_crosses_itself_is_refused_and_the_others_of_its_document_are_kept(store: Store) -> None:
    bow = {"type": "Polygon", "coordinates": [[[0, 0], [4, 4], [4, 0], [0, 4], [0, 0]]]}
    features = [
        {"type": "Feature", "id": name, "geometry": geometry, "properties": {"name": name.title()}}
        for name, geometry in (("bow", bow), ("quay", square(47, 29, 1)))
    ]
    with store.write() as connection:
        report = import_zone_features(connection, {"type": "FeatureCollection", "features": features})
        assert [found.zone for found in fetch_zones(connection)] == ["quay"]
    assert [(row.zone, row.status, row.path) for row in report.rows] == [
        ("bow", "rejected", "$.geometry"),
        ("quay", "created", None),
    ]
    assert "not a valid polygon" in str(report.rows[0].reason)


def test_a_zone_is_changed_without_its_geometry_and_not_made_without_one(store: Store) -> None:
    zone(store, "quay", square(47, 29, 1), name="Quay", capacity=400.0)
    zone(store, "quay", settings=SettingsChange(muted=True))
    with store.read() as connection:
        found = fetch_zone(connection, "quay")
    assert (found.name, found.capacity, found.settings.muted) == ("Quay", 400.0, True)
    with pytest.raises(Rejected, match="needs a geometry"):
        zone(store, "new", name="New")


def test_a_group_comes_into_being_with_its_first_device_and_ends_without_harm(store: Store) -> None:
    hear(store, "a/b", "a/c")
    change(store, "a/b", group="cameras")
    with store.write() as connection:
        assert [(found.group, found.devices) for found in fetch_groups(connection)] == [("cameras", 1)]
        assert delete_group(connection, "cameras") == 1
        with pytest.raises(NotFound):
            delete_group(connection, "cameras")
    assert get(store, "a/b").group == ""


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("scope", "subject", "muted"),
    [
        ("site", "", ["a/b", "a/c"]),
        ("device", "a/b", ["a/b"]),
        ("group", "cameras", ["a/c"]),
        ("zone", "quay", ["a/b"]),
    ],
)
def test_a_window_leaves_its_devices_alone_while_it_holds(
    store: Store, scope: str, subject: str, muted: list[str]
) -> None:
    hear(store, "a/b", "a/c")
    zone(store, "quay", square(47, 29, 1))
    change(store, "a/b", longitude=47.5, latitude=29.5)
    change(store, "a/c", group="cameras")
    window = NewWindow(scope=scope, subject=subject, from_time=NOW + HOUR, to_time=NOW + 2 * HOUR)  # type: ignore[arg-type]
    with store.write() as connection:
        insert_window(connection, window, now=NOW)
    for at, found in ((NOW, []), (NOW + HOUR, muted), (NOW + 2 * HOUR, [])):
        assert sources(store, now=at, state="maintenance") == found
        assert [source for source in ("a/b", "a/c") if get(store, source, now=at).state == "maintenance"] == found
    told = [bridge(store, source) for source in ("a/b", "a/c")]  # loaded once, before it begins
    for at, found in ((NOW, []), (NOW + HOUR, muted), (NOW + 2 * HOUR, [])):
        assert [one.source for one in told if one.in_maintenance(at)] == found


@pytest.mark.parametrize(
    ("members", "error", "reason"),
    [
        ({"scope": "site", "to_time": NOW}, Rejected, "not after it begins or is past"),
        ({"scope": "site", "from_time": NOW + 2 * HOUR, "to_time": NOW + HOUR}, Rejected, "not after it begins"),
        ({"scope": "site", "from_time": NOW - 2 * HOUR, "to_time": NOW - HOUR}, Rejected, "is past"),
        ({"scope": "site", "subject": "x", "to_time": NOW + HOUR}, Rejected, "the site is not"),
        ({"scope": "zone", "to_time": NOW + HOUR}, Rejected, "is named"),
        ({"scope": "zone", "subject": "x", "to_time": NOW + HOUR}, NotFound, "no zone 'x'"),
        ({"scope": "device", "subject": "x", "to_time": NOW + HOUR}, NotFound, "no device 'x'"),
    ],
)
def test_a_window_that_cannot_be_is_refused(
    store: Store, members: dict[str, object], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason), store.write() as connection:
        insert_window(connection, NewWindow(**members), now=NOW)  # type: ignore[arg-type]


def test_windows_are_listed_until_they_are_over_and_bounded_in_number(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "MAX_OPEN", 2)
    with store.write() as connection:
        for n in (1, 2):
            insert_window(connection, NewWindow(scope="site", to_time=NOW + n * HOUR), now=NOW)
        with pytest.raises(Conflict, match="there are 2"):
            insert_window(connection, NewWindow(scope="site", to_time=NOW + HOUR), now=NOW)
        later = NOW + 1.5 * HOUR
        assert [window.id for window in fetch_windows(connection, now=later).items] == [2]
        assert [window.active for window in fetch_windows(connection, now=later, past=True).items] == [True, False]
        insert_window(connection, NewWindow(scope="site", to_time=later + timedelta(days=500)), now=later)
        much_later = NOW + timedelta(days=410)
        insert_window(connection, NewWindow(scope="site", to_time=much_later + HOUR), now=much_later)
        assert len(fetch_windows(connection, now=much_later, past=True).items) == 2
        with pytest.raises(NotFound):
            delete_window(connection, 1)


def test_outages_are_listed_with_those_that_last(store: Store) -> None:
    began = to_us(datetime(2026, 11, 22, 11, tzinfo=UTC))
    with store.write() as connection:
        raw_connection(connection).executemany(
            "INSERT INTO outages (kind, segment, devices_json, device_count, began_at, ended_at) VALUES (?,?,?,?,?,?)",
            [("segment", "switch:north", '["a/b","a/c"]', 2, began, None), ("broker", "", "[]", 9, began, began + 1)],
        )
        both = fetch_outages(connection, limit=1)
        assert ([one.kind for one in both.items], both.next_cursor) == (["broker"], "2")
        (lasting,) = fetch_outages(connection, lasting=True).items
    assert (lasting.segment, lasting.devices, lasting.ended_at) == ("switch:north", ["a/b", "a/c"], None)
