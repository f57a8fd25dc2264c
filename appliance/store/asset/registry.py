"""Critical assets: made, changed, imported, found and removed. Their risk is `risk`'s.

A geometry is read, checked and written back as GeoJSON by SpatiaLite, in two dimensions. Whatever a person changes
gives the asset a `rev`, by which the jobs process sees that its cells and risk are to be computed anew.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from appliance.errors import Conflict, NotFound, Rejected
from appliance.ingest.asset_features import check_asset_geometry, read_asset_features
from appliance.model.asset import ALERT_KIND, DEFAULT_BUFFER_M, Asset, AssetChange, AssetRisk, AssetRow, AssetSettings
from appliance.model.device_change import given
from appliance.spatial.cells import area_km2, resolution_of
from appliance.spatial.footprint import footprint_of
from appliance.spatial.footprint_cells import check_extent
from appliance.spatial.geojson import Bounds
from appliance.spatial.shape import Footprint
from appliance.store.alerts import close_alert
from appliance.store.audit import insert_audit
from appliance.store.engine import Store, raw_connection

MAX_ASSETS = 1_000
IMPORTED_AT_ONCE = 20
DIGITS = 9  # of a degree: a tenth of a millimetre

_GEOM = "SetSRID(GeomFromGeoJSON(:geometry), 4326)"
_ASSETS = (
    "SELECT a.asset_id, a.name, a.kind, a.criticality, a.buffer_m, a.settings_json, "
    f"AsGeoJSON(a.geom, {DIGITS}), a.rev, a.alerting FROM assets AS a"
)
RISK_COLUMNS = (
    "day, expected_events, probability, risk_score, risk_level, basis, basis_days, observed_events, observed_whole, "
    "coverage, watched"
)
_KEPT = ("name", "kind", "criticality", "buffer_m", "settings_json")


class AssetImportRow(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one feature; `row` is its place from 1."""

    row: int
    status: Literal["created", "changed", "rejected"]
    asset_id: str | None = None
    path: str | None = None
    reason: str | None = None


class AssetImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an import of assets."""

    created: int
    changed: int
    rejected: int
    rows: list[AssetImportRow]


class AssetFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which assets; None is all. `bbox` keeps those whose geometry, without its buffer, touches it."""

    kind: str | None = None
    bbox: Bounds | None = None


def put_asset(connection: sa.Connection, asset_id: str, change: AssetChange, *, resolutions: Sequence[int]) -> bool:
    """Make an asset, or change it; whether it was made. A new one is named by its key and of criticality 3, until told.

    resolutions  at which the site counts: what is too large for the coarsest is refused
    raises  Rejected  the key could stand in no path; the geometry is not valid, too large, missing where the asset is
                      new, or has no extent
    raises  Conflict  there are `MAX_ASSETS` already
    """
    raw = raw_connection(connection)
    if "/" in asset_id or not asset_id.isprintable() or asset_id == "import":
        raise Rejected("an asset's key is printable, holds no slash and is not the word import", "$.asset_id")
    row = raw.execute(
        f"SELECT {', '.join(_KEPT)}, AsGeoJSON(geom, {DIGITS}) FROM assets WHERE asset_id = ?", (asset_id,)
    ).fetchone()
    told = given(change)
    if row is None and "geometry" not in told:
        raise Rejected("a new asset needs a geometry", "$.geometry")
    if row is None and raw.execute("SELECT count(*) FROM assets").fetchone()[0] >= MAX_ASSETS:
        raise Conflict(f"there are {MAX_ASSETS} assets; remove some first")
    geometry = _checked(raw, told["geometry"]) if "geometry" in told else msgspec.json.decode(row[-1])
    before = dict(zip(_KEPT, row, strict=False)) if row else _fresh(asset_id, geometry)
    values: dict[str, Any] = {**before, **{name: value for name, value in told.items() if name in before}}
    values["settings_json"] = _merged(before["settings_json"], change)
    _check_footprint(geometry, values["buffer_m"], resolutions)
    values |= {
        "asset_id": asset_id,
        "geometry": msgspec.json.encode(geometry).decode(),
        "rev": raw.execute("UPDATE site SET rev = rev + 1 RETURNING rev").fetchone()[0],
    }
    if row is None:
        raw.execute(
            f"INSERT INTO assets (asset_id, {', '.join(_KEPT)}, rev, geom) "
            f"VALUES (:asset_id, {', '.join(f':{name}' for name in _KEPT)}, :rev, {_GEOM})",
            values,
        )
    else:
        geom = f", geom = {_GEOM}" if "geometry" in told else ""
        kept = ", ".join(f"{name} = :{name}" for name in _KEPT)
        raw.execute(f"UPDATE assets SET {kept}, rev = :rev{geom} WHERE asset_id = :asset_id", values)
    return row is None


def import_asset_features(
    store: Store, document: object, *, resolutions: Sequence[int], who: str, now: datetime
) -> AssetImportReport:
    """Write the assets of a GeoJSON document; a feature that cannot be one is reported, and the others are written.

    They are written a few at a time, since looking at how far each reaches takes a while and others want to write too.
    raises  Rejected  the document is no GeoJSON, or has more than `MAX_ASSETS` features
    """
    rows = list(read_asset_features(document))
    if len(rows) > MAX_ASSETS:
        raise Rejected(f"more than {MAX_ASSETS} assets in one document", "$.features")
    single = isinstance(document, dict) and document.get("type") == "Feature"
    report: list[AssetImportRow] = []
    for start in range(0, len(rows), IMPORTED_AT_ONCE):
        with store.write() as connection:
            some = [
                _import_row(connection, place, item, "$" if single else f"$.features[{place - 1}]", resolutions)
                for place, item in rows[start : start + IMPORTED_AT_ONCE]
            ]
            insert_audit(connection, who=who, action="asset.import", subject="asset", at=now, detail=_counts(some))
        report += some
    return AssetImportReport(rows=report, **_counts(report))


def fetch_assets(
    connection: sa.Connection, wanted: AssetFilter, *, today: str, after: str | None, limit: int
) -> tuple[list[Asset], str | None]:
    """A page of assets by their key, with their risk of today, and the cursor of the next page or None.

    after  the last key of the page before
    """
    clauses, values = ["a.asset_id > ?"], [after or ""]
    if wanted.kind is not None:
        clauses.append("a.kind = ?")
        values.append(wanted.kind)
    if wanted.bbox is not None:
        clause, numbers = _box_clause(wanted.bbox)
        clauses.append(clause)
        values += numbers
    rows = (
        raw_connection(connection)
        .execute(f"{_ASSETS} WHERE {' AND '.join(clauses)} ORDER BY a.asset_id LIMIT ?", (*values, limit + 1))
        .fetchall()
    )
    return _assets(connection, rows[:limit], today), rows[limit - 1][0] if len(rows) > limit else None


def fetch_asset(connection: sa.Connection, asset_id: str, *, today: str) -> Asset:
    """One asset.

    raises  NotFound
    """
    row = raw_connection(connection).execute(f"{_ASSETS} WHERE a.asset_id = ?", (asset_id,)).fetchone()
    if row is None:
        raise no_asset(asset_id)
    return _assets(connection, [row], today)[0]


def delete_asset(connection: sa.Connection, asset_id: str, *, who: str, now: datetime) -> None:
    """Remove an asset with its risk; its alert is closed.

    raises  NotFound
    """
    raw = raw_connection(connection)
    if not raw.execute("DELETE FROM assets WHERE asset_id = ?", (asset_id,)).rowcount:
        raise no_asset(asset_id)
    for table in ("asset_cells", "asset_risk"):
        raw.execute(f"DELETE FROM {table} WHERE asset_id = ?", (asset_id,))
    raw.execute("UPDATE site SET rev = rev + 1")
    close_alert(connection, kind=ALERT_KIND, subject=asset_id, now=now)
    insert_audit(connection, who=who, action="asset.remove", subject=f"asset/{asset_id}", at=now)


def no_asset(asset_id: str) -> NotFound:
    """What to say of one that is not there."""
    return NotFound(f"no asset {asset_id[:200]!r}; `hexpost asset list` shows those there are")


def risk_of(row: Sequence[Any]) -> AssetRisk:
    """A row of `RISK_COLUMNS`."""
    named = dict(zip(AssetRisk.__struct_fields__, row, strict=True))
    return msgspec.convert({**named, "observed_whole": bool(named["observed_whole"])}, AssetRisk, strict=False)


def _fresh(asset_id: str, geometry: Mapping[str, Any]) -> dict[str, Any]:
    area = geometry["type"].endswith("Polygon")
    return {
        "name": asset_id,
        "kind": "",
        "criticality": 3,
        "buffer_m": 0.0 if area else DEFAULT_BUFFER_M,
        "settings_json": "{}",
    }


def _merged(settings_json: str, change: AssetChange) -> str:
    """Only what differs from the default is kept, so that another default holds for who never chose."""
    settings: dict[str, Any] = msgspec.json.decode(settings_json)
    if not isinstance(change.settings, msgspec.UnsetType):
        settings |= given(change.settings)
    return msgspec.json.encode({name: value for name, value in settings.items() if value is not None}).decode()


def _checked(raw: Any, geometry: dict[str, Any]) -> dict[str, Any]:
    """A geometry that SpatiaLite can read and finds valid, in two dimensions."""
    check_asset_geometry(geometry)
    text = msgspec.json.encode({"type": geometry["type"], "coordinates": _flat(geometry["coordinates"])}).decode()
    valid, reason, flat = raw.execute(
        f"SELECT ST_IsValid({_GEOM}), ST_IsValidReason({_GEOM}), AsGeoJSON({_GEOM}, {DIGITS})", {"geometry": text}
    ).fetchone()
    if valid != 1 or flat is None:
        raise Rejected(f"not a valid geometry: {reason or 'SpatiaLite cannot read it'}", "$.geometry")
    kept: dict[str, Any] = msgspec.json.decode(flat)
    return {"type": kept["type"], "coordinates": kept["coordinates"]}


def _flat(coordinates: list[Any]) -> list[Any]:
    """Coordinates without heights; SpatiaLite reads no geometry of which only some positions have one."""
    return coordinates[:2] if not isinstance(coordinates[0], list) else [_flat(one) for one in coordinates]


def _check_footprint(geometry: Mapping[str, Any], buffer_m: float, resolutions: Sequence[int]) -> Footprint:
    if buffer_m <= 0 and not geometry["type"].endswith("Polygon"):
        raise Rejected(f"a {geometry['type']} has no extent of its own; give it a buffer above 0 m", "$.buffer_m")
    footprint = footprint_of(geometry, buffer_m)
    try:
        check_extent(footprint, resolutions)
    except Rejected as rejected:
        raise Rejected(rejected.reason, "$.geometry") from None
    return footprint


def _import_row(
    connection: sa.Connection, place: int, item: AssetRow | Rejected, path: str, resolutions: Sequence[int]
) -> AssetImportRow:
    if isinstance(item, Rejected):
        return AssetImportRow(row=place, status="rejected", path=item.path, reason=item.reason)
    try:
        made = put_asset(connection, item.asset_id, item.change, resolutions=resolutions)
    except Conflict as conflict:
        return AssetImportRow(row=place, status="rejected", asset_id=item.asset_id, path=path, reason=str(conflict))
    except Rejected as rejected:
        geometry = rejected.path.startswith("$.geometry")
        where = rejected.path.replace("$", path if geometry else f"{path}.properties", 1)
        return AssetImportRow(row=place, status="rejected", asset_id=item.asset_id, path=where, reason=rejected.reason)
    return AssetImportRow(row=place, status="created" if made else "changed", asset_id=item.asset_id)


def _counts(rows: Sequence[AssetImportRow]) -> dict[str, int]:
    return {name: sum(row.status == name for row in rows) for name in ("created", "changed", "rejected")}


def _assets(connection: sa.Connection, rows: Sequence[tuple[Any, ...]], today: str) -> list[Asset]:
    raw, keys = raw_connection(connection), msgspec.json.encode([row[0] for row in rows]).decode()
    cells: dict[str, list[tuple[int, float]]] = {row[0]: [] for row in rows}
    wanted = "FROM json_each(?) AS j CROSS JOIN {0} AS t ON t.asset_id = j.value"
    for key, cell, share in raw.execute(
        f"SELECT t.asset_id, t.h3_index, t.share {wanted.format('asset_cells')}", (keys,)
    ):
        cells[key].append((cell, share))
    columns = ", ".join(f"t.{name}" for name in RISK_COLUMNS.split(", "))
    risks = {
        row[0]: risk_of(row[1:])
        for row in raw.execute(
            f"SELECT t.asset_id, {columns} {wanted.format('asset_risk')} AND t.day = ?", (keys, today)
        )
    }
    return [_asset(row, cells[row[0]], risks.get(row[0])) for row in rows]


def _asset(row: tuple[Any, ...], cells: Sequence[tuple[int, float]], today: AssetRisk | None) -> Asset:
    return Asset(
        asset_id=row[0],
        name=row[1],
        kind=row[2],
        criticality=row[3],
        buffer_m=row[4],
        settings=msgspec.json.decode(row[5], type=AssetSettings),
        geometry=msgspec.json.decode(row[6]),
        rev=row[7],
        alerting=bool(row[8]),
        cells=len(cells),
        resolution=resolution_of(cells[0][0]) if cells else None,
        area_km2=round(_area(cells), 6) if cells else None,
        today=today,
    )


def _area(cells: Iterable[tuple[int, float]]) -> float:
    return sum(share * area_km2(cell) for cell, share in cells)


def _box_clause(bbox: Bounds) -> tuple[str, list[Any]]:
    """Geometries that touch a box, by the index first; a box over the antimeridian is two."""
    west, south, east, north = bbox
    boxes = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    one = (
        "(a.asset_pk IN (SELECT pkid FROM idx_assets_geom WHERE xmax >= ? AND xmin <= ? AND ymax >= ? AND ymin <= ?) "
        "AND ST_Intersects(a.geom, BuildMbr(?, ?, ?, ?, 4326)))"
    )
    values = [value for w, e in boxes for value in (w, e, south, north, w, south, e, north)]
    return f"({' OR '.join([one] * len(boxes))})", values
