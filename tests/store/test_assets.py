"""Critical assets in the store: made, changed, imported, found by place, removed with all that is theirs."""

from datetime import timedelta
from typing import Any

import pytest

from appliance.clock import to_us
from appliance.errors import Conflict, NotFound, Rejected
from appliance.model.asset import Asset, AssetChange, AssetSettings
from appliance.model.device_change import read_change
from appliance.model.intake import Intake
from appliance.spatial.footprint import footprint_of
from appliance.store.alerts import fetch_alerts, raise_alert
from appliance.store.asset import registry as assets
from appliance.store.asset.registry import (
    AssetFilter,
    AssetImportReport,
    delete_asset,
    fetch_asset,
    fetch_assets,
    import_asset_features,
    put_asset,
)
from appliance.store.asset.risk import fetch_observed, is_due, write_cells
from appliance.store.audit import fetch_audit
from appliance.store.engine import Store, raw_connection
from appliance.store.settled.settle import settle_index
from appliance.store.verify import verify_copy
from tests.conftest import NOW, make_event, make_recorder

TODAY = "2026-11-22"
POINT = {"type": "Point", "coordinates": [47.97, 29.37]}
LINE = {"type": "LineString", "coordinates": [[47.9, 29.3], [48.0, 29.3]]}
AREA = {"type": "Polygon", "coordinates": [[[47.9, 29.3], [47.91, 29.3], [47.91, 29.31], [47.9, 29.31], [47.9, 29.3]]]}


def put(store: Store, asset_id: str = "s1", **members: Any) -> bool:
    change = read_change(members, AssetChange)
    with store.write() as connection:
        return put_asset(connection, asset_id, change, resolutions=(7, 8))


def get(store: Store, asset_id: str = "s1") -> Asset:
    with store.read() as connection:
        return fetch_asset(connection, asset_id, today=TODAY)


def found(store: Store, **wanted: Any) -> list[str]:
    with store.read() as connection:
        items, _ = fetch_assets(connection, AssetFilter(**wanted), today=TODAY, after=None, limit=100)
    return [asset.asset_id for asset in items]


def bring(store: Store, *features: dict[str, Any]) -> AssetImportReport:
    document = {"type": "FeatureCollection", "features": list(features)}
    return import_asset_features(store, document, resolutions=(7, 8), who="amal", now=NOW)


def feature(key: str, geometry: object = POINT, **properties: object) -> dict[str, Any]:
    return {"type": "Feature", "id": key, "properties": properties, "geometry": geometry}


def test_a_new_one_is_named_by_its_key_and_of_middling_criticality(store: Store) -> None:
    assert put(store, geometry=POINT)
    asset = get(store)
    assert (asset.name, asset.kind, asset.criticality, asset.buffer_m) == ("s1", "", 3, 100)
    assert (asset.geometry, asset.settings) == (POINT, AssetSettings())
    assert (asset.cells, asset.today, asset.alerting) == (0, None, False)


def test_what_is_given_changes_and_the_rest_stays(store: Store) -> None:
    put(store, geometry=LINE, name="Ring road", kind="corridor", criticality=5, settings={"threshold": 60})
    before = get(store)
    assert not put(store, buffer_m=250, settings={"muted": True})
    after = get(store)
    assert (after.name, after.kind, after.criticality, after.geometry) == ("Ring road", "corridor", 5, LINE)
    assert (after.buffer_m, after.settings) == (250, AssetSettings(threshold=60, muted=True))
    assert after.rev > before.rev
    put(store, settings={"threshold": None})
    assert get(store).settings == AssetSettings(muted=True)


def test_heights_are_left_out_and_holes_kept(store: Store) -> None:
    hole = [[47.902, 29.302], [47.904, 29.302], [47.904, 29.304], [47.902, 29.302]]
    high = {"type": "Polygon", "coordinates": [[[*place, 12.5] for place in AREA["coordinates"][0]], hole]}
    put(store, geometry=high)
    assert get(store).geometry == {"type": "Polygon", "coordinates": [AREA["coordinates"][0], hole]}
    assert get(store).buffer_m == 0  # it has an extent of its own


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({"name": "x"}, "$.geometry"),
        ({"geometry": POINT, "buffer_m": 0}, "$.buffer_m"),
        ({"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}}, "$.geometry"),
        ({"geometry": {"type": "LineString", "coordinates": [[0, 0], [9, 9]]}}, "$.geometry"),
        ({"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [3, 0], [3, 3], [0, 0]]]}}, "$.geometry"),
    ],
    ids=["no geometry", "no extent", "crosses itself", "a leg too long", "too large"],
)
def test_what_can_be_none_is_refused(store: Store, members: dict[str, Any], path: str) -> None:
    with pytest.raises(Rejected) as caught:
        put(store, **members)
    assert caught.value.path == path
    assert found(store) == []


@pytest.mark.parametrize("key", ["a/b", "a\x00b", "line\nbreak", "import"])
def test_a_key_that_could_stand_in_no_path_is_refused(store: Store, key: str) -> None:
    with pytest.raises(Rejected, match="key"):
        put(store, key, geometry=POINT)


def test_a_buffer_taken_from_a_line_is_refused_too(store: Store) -> None:
    put(store, geometry=AREA)
    with pytest.raises(Rejected, match="no extent"):
        put(store, geometry=LINE)
    put(store, geometry=LINE, buffer_m=5)


def test_there_is_a_bound(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "MAX_ASSETS", 2)
    put(store, "a", geometry=POINT)
    put(store, "b", geometry=POINT)
    with pytest.raises(Conflict):
        put(store, "c", geometry=POINT)
    assert not put(store, "b", name="still to be changed")


def test_an_import_says_of_each_feature_what_became_of_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "IMPORTED_AT_ONCE", 2)
    put(store, "s1", geometry=POINT)
    report = bring(
        store, feature("s1", name="North"), feature("s2", LINE, buffer_m=0), feature("s3", AREA, criticality=9),
        feature("s4", AREA), feature("s5", {"type": "Polygon", "coordinates": [[[0, 0], [3, 0], [3, 3], [0, 0]]]}),
    )  # fmt: skip
    assert (report.created, report.changed, report.rejected) == (1, 1, 3)
    assert [row.status for row in report.rows] == ["changed", "rejected", "rejected", "created", "rejected"]
    assert [row.path for row in report.rows if row.path] == [
        "$.features[1].properties.buffer_m", "$.features[2].properties.criticality", "$.features[4].geometry",
    ]  # fmt: skip
    assert found(store) == ["s1", "s4"]
    with store.read() as connection:
        log = fetch_audit(connection, subject="asset")
    assert [entry.who for entry in log] == ["amal"] * 3
    with pytest.raises(Rejected, match="more than"):
        monkeypatch.setattr(assets, "MAX_ASSETS", 1)
        bring(store, feature("a"), feature("b"))


def test_assets_are_found_by_kind_and_by_place_page_by_page(store: Store) -> None:
    put(store, "a", geometry=POINT, kind="substation")
    put(store, "b", geometry=LINE, kind="corridor")
    put(store, "c", geometry=AREA, kind="plant")
    put(store, "d", geometry={"type": "LineString", "coordinates": [[179.9, 0], [180, 0]]}, kind="corridor")
    assert found(store, kind="corridor") == ["b", "d"]
    assert found(store, bbox=(47.96, 29.36, 47.98, 29.38)) == ["a"]
    assert found(store, bbox=(47.95, 29.29, 47.96, 29.31)) == ["b"]
    assert found(store, bbox=(179.0, -1.0, -179.0, 1.0)) == ["d"]
    with store.read() as connection:
        first, cursor = fetch_assets(connection, AssetFilter(), today=TODAY, after=None, limit=3)
        rest, last = fetch_assets(connection, AssetFilter(), today=TODAY, after=cursor, limit=3)
    assert [asset.asset_id for asset in (*first, *rest)] == ["a", "b", "c", "d"]
    assert (cursor, last) == ("c", None)


def test_a_triangle_does_not_lie_in_a_corner_of_its_box(store: Store) -> None:
    put(store, "t", geometry={"type": "Polygon", "coordinates": [[[0, 0], [0.1, 0], [0, 0.1], [0, 0]]]})
    assert found(store, bbox=(0.08, 0.08, 0.09, 0.09)) == []
    assert found(store, bbox=(0.01, 0.01, 0.02, 0.02)) == ["t"]


def test_one_that_goes_takes_everything_along(store: Store) -> None:
    put(store, geometry=POINT)
    with store.write() as connection:
        write_cells(connection, "s1", {1: 0.5})
        raise_alert(connection, kind="asset_risk", subject="s1", severity="info", title="", detail={}, now=NOW)
        delete_asset(connection, "s1", who="amal", now=NOW)
    with store.read() as connection:
        assert raw_connection(connection).execute("SELECT count(*) FROM asset_cells").fetchone()[0] == 0
        assert fetch_alerts(connection)[0][0].state == "closed"
        assert fetch_audit(connection, subject="asset/s1")[0].action == "asset.remove"
    with pytest.raises(NotFound):
        get(store)
    with store.write() as connection, pytest.raises(NotFound):
        delete_asset(connection, "s1", who="amal", now=NOW)


def test_the_index_agrees_with_the_table(store: Store) -> None:
    put(store, "a", geometry=POINT)
    put(store, "a", geometry=AREA)
    put(store, "b", geometry=LINE)
    assert [finding.name for finding in verify_copy(store) if not finding.holds] == []


def test_what_a_person_changed_is_due(store: Store) -> None:
    with store.read() as connection:
        assert not is_due(connection)
    put(store, geometry=POINT)
    with store.read() as connection:
        assert is_due(connection)


@pytest.mark.parametrize("settled", [True, False])
def test_events_are_looked_for_in_the_very_footprint(store: Store, settled: bool) -> None:
    places = {"in": 47.9705, "edge": 47.97102, "out": 47.97106, "far": 48.2}  # 100 m are 0.00103 degrees here
    events = [make_event(event_id=name, longitude=lng, event_type=name) for name, lng in places.items()]
    make_recorder(store, NOW).record(Intake(events=events))
    if settled:
        with store.write() as connection:
            settle_index(connection)
    day = to_us(events[0].event_timestamp)
    span = {"from_us": day - 1, "to_us": day + 1}
    with store.read() as connection:
        footprint = footprint_of(POINT, 100)
        assert fetch_observed(connection, footprint, **span, types=()) == ([day, day], True)
        assert fetch_observed(connection, footprint, **span, types=("edge", "far")) == ([day], True)
        assert fetch_observed(connection, footprint, from_us=day + 1, to_us=day + 9, types=()) == ([], True)
        assert fetch_observed(connection, footprint, from_us=day - 9, to_us=day, types=()) == ([], True)
    assert NOW - timedelta(days=2) < events[0].event_timestamp
