"""Critical assets over HTTP: brought, found, changed, removed, and their risk by day."""

from typing import Any

import pytest

from appliance.forecast.scale import risk_score
from appliance.job.asset_risk import AssetRisks
from appliance.model.settings import Settings
from appliance.store.engine import Store
from tests.conftest import NOW
from tests.serve.conftest import TODAY, Analyze, Client, bearer_of, problem

POINT = {"type": "Point", "coordinates": [47.97, 29.37]}
LINE = {"type": "LineString", "coordinates": [[47.9, 29.3], [48.0, 29.3]]}
ROUTES = [
    ("GET", "/v1/assets"), ("GET", "/v1/assets/s1"), ("GET", "/v1/assets/s1/risk"), ("PUT", "/v1/assets/s1"),
    ("DELETE", "/v1/assets/s1"), ("POST", "/v1/assets/import"),
]  # fmt: skip


def put(client: Client, asset_id: str = "s1", **members: Any) -> dict[str, Any]:
    answer = client.put(f"/v1/assets/{asset_id}", json=members)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def compute(store: Store) -> None:
    settings = Settings()
    AssetRisks(store, risk=settings.risk, zone=settings.zone, clock=lambda: NOW, scale=risk_score).perform_due()


def test_an_asset_is_made_read_changed_and_removed(admin: Client) -> None:
    made = put(admin, geometry=POINT, name="North", kind="substation", criticality=4)
    assert made == admin.get("/v1/assets/s1").json()
    assert (made["asset_id"], made["buffer_m"], made["settings"]) == (
        "s1", 100, {"threshold": 75, "hysteresis": 5, "muted": False},
    )  # fmt: skip
    assert put(admin, criticality=2, settings={"threshold": 50})["settings"]["threshold"] == 50
    assert admin.delete("/v1/assets/s1").json() == {"removed": "s1"}
    problem(admin.get("/v1/assets/s1"), 404)
    problem(admin.delete("/v1/assets/s1"), 404)
    log = admin.get("/v1/audit?subject=asset/s1").json()["items"]
    assert [(entry["who"], entry["action"]) for entry in log] == [
        ("amal", "asset.remove"), ("amal", "asset.change"), ("amal", "asset.make"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({}, "$.geometry"),
        ({"geometry": {"type": "Point", "coordinates": [200, 0]}}, "$.geometry.coordinates"),
        ({"geometry": POINT, "buffer_m": 0}, "$.buffer_m"),
        ({"geometry": POINT, "criticality": 7}, None),
        ({"geometry": POINT, "colour": "red"}, None),
    ],
)
def test_what_can_be_no_asset_says_why(admin: Client, members: dict[str, Any], path: str | None) -> None:
    answer = problem(admin.put("/v1/assets/s1", json=members), 400)
    assert path is None or answer["path"] == path


def test_assets_come_by_geojson_and_again_by_the_same_key(admin: Client) -> None:
    features = [
        {"type": "Feature", "id": "a", "properties": {"name": "A"}, "geometry": POINT},
        {"type": "Feature", "id": "b", "properties": {"kind": "corridor"}, "geometry": LINE},
        {"type": "Feature", "id": "c", "properties": {}, "geometry": None},
    ]
    document = {"type": "FeatureCollection", "features": features}
    headers = {"Idempotency-Key": "k1"}
    report = admin.post("/v1/assets/import", json=document, headers=headers).json()
    assert (report["created"], report["changed"], report["rejected"]) == (2, 0, 1)
    assert report["rows"][2] == {
        "row": 3, "status": "rejected", "asset_id": None, "path": "$.features[2].geometry.type",
        "reason": "expected one of Point, LineString, Polygon, MultiPoint, MultiLineString, MultiPolygon, got none",
    }  # fmt: skip
    assert admin.post("/v1/assets/import", json=document, headers=headers).json() == report
    assert admin.post("/v1/assets/import", json=document).json()["changed"] == 2
    problem(admin.post("/v1/assets/import", json={"type": "Topology"}), 400)


def test_a_list_is_narrowed_and_turned_page_by_page(admin: Client) -> None:
    for key, geometry, kind in (("a", POINT, "x"), ("b", LINE, "y"), ("c", POINT, "x")):
        put(admin, key, geometry=geometry, kind=kind)
    page = admin.get("/v1/assets?limit=2").json()
    rest = admin.get(f"/v1/assets?limit=2&cursor={page['next_cursor']}").json()
    assert [item["asset_id"] for item in page["items"] + rest["items"]] == ["a", "b", "c"]
    assert rest["next_cursor"] is None
    assert [item["asset_id"] for item in admin.get("/v1/assets?kind=x").json()["items"]] == ["a", "c"]
    near = admin.get("/v1/assets?bbox=47.95,29.29,47.96,29.31").json()
    assert [item["asset_id"] for item in near["items"]] == ["b"]
    for query in ("bbox=1,2,3", "limit=0"):
        problem(admin.get(f"/v1/assets?{query}"), 400)


def test_its_risk_is_told_day_by_day_up_to_tomorrow(admin: Client, store: Store, fill: Any, analyze: Analyze) -> None:
    fill()
    put(admin, geometry=POINT, buffer_m=300)
    assert admin.get("/v1/assets/s1/risk").json() == {"asset_id": "s1", "items": [], "next_cursor": None}
    analyze()
    compute(store)
    rows = admin.get("/v1/assets/s1/risk").json()["items"]
    assert [rows[0]["day"], rows[-1]["day"]] == ["2026-10-26", "2026-11-23"]
    today = rows[-2]
    assert today["day"] == TODAY and today == admin.get("/v1/assets").json()["items"][0]["today"]
    assert (today["basis"], today["coverage"]) == ("counts_28d", "observed")
    assert 0 < today["probability"] < 1 and 0 < today["risk_score"] < 100
    assert rows[0]["risk_score"] is None and rows[0]["coverage"] == "unknown"
    asked = admin.get(f"/v1/assets/s1/risk?from=2026-11-20&to={TODAY}").json()["items"]
    assert [row["day"] for row in asked] == ["2026-11-20", "2026-11-21", TODAY]
    problem(admin.get("/v1/assets/none/risk"), 404)
    problem(admin.get("/v1/assets/s1/risk?from=2026-11-23&to=2026-11-22"), 400)


@pytest.mark.parametrize(("role", "status"), [(None, 401), ("public", 403)])
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_where_assets_are_is_for_admins(
    client: Client, store: Store, role: str | None, status: int, method: str, path: str
) -> None:
    headers = bearer_of(store, "sami", role) if role else {}
    problem(client.request(method, path, headers=headers, json={} if method in {"PUT", "POST"} else None), status)
