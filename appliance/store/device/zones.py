"""Zones and groups: areas and lists of devices that hand settings down.

A zone's polygon is read, checked and written back as GeoJSON by SpatiaLite, holes included. A group comes into being
when it is made, or when a device is put into it. Both end without harm: their devices are then in none.
"""

from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from appliance.errors import Conflict, NotFound, Rejected
from appliance.ingest.zone_features import ZoneRow, check_geometry, read_zone_features
from appliance.model.device import DeviceSettings, Group, Zone
from appliance.model.device_change import GroupChange, ZoneChange, given, merge_settings
from appliance.store.device.maintenance import raise_registry_rev
from appliance.store.engine import raw_connection

MAX_ZONES = 2_000
MAX_GROUPS = 2_000
DIGITS = 9  # of a degree: a tenth of a millimetre

_GEOM = "CastToMultiPolygon(CastToXY(SetSRID(GeomFromGeoJSON(:geometry), 4326)))"
_ZONES = f"SELECT zone, name, capacity, settings_json, AsGeoJSON(geom, {DIGITS}) FROM zones"
ZONE_OF_DEVICE = """
CASE WHEN d.zone <> '' THEN d.zone ELSE (
    SELECT z.zone FROM zones AS z WHERE z.zone_pk IN (
        SELECT pkid FROM idx_zones_geom WHERE xmin <= ST_X(d.geom) AND xmax >= ST_X(d.geom)
            AND ymin <= ST_Y(d.geom) AND ymax >= ST_Y(d.geom))
    AND ST_Intersects(z.geom, d.geom) ORDER BY ST_Area(z.geom), z.zone LIMIT 1) END
"""
"""Of a row `d` of devices: the zone set by hand, else the smallest that holds its place, else NULL."""
_POPULATION = f"SELECT in_zone, count(*) FROM (SELECT {ZONE_OF_DEVICE} AS in_zone FROM devices AS d) GROUP BY in_zone"


class ZoneImportRow(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one feature; `row` is its place from 1."""

    row: int
    status: Literal["created", "changed", "rejected"]
    zone: str | None = None
    path: str | None = None
    reason: str | None = None


class ZoneImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an import of zones."""

    created: int
    changed: int
    rejected: int
    rows: list[ZoneImportRow]


def put_zone(connection: sa.Connection, zone: str, change: ZoneChange) -> bool:
    """Make a zone, or change it; whether it was made. A new one is named by its key until it is given a name.

    raises  Rejected  the geometry is no valid polygon, or missing where the zone is new
    raises  Conflict  there are `MAX_ZONES` already
    """
    raw = raw_connection(connection)
    row = raw.execute("SELECT name, capacity, settings_json FROM zones WHERE zone = ?", (zone,)).fetchone()
    told = given(change)
    if row is None and "geometry" not in told:
        raise Rejected("a new zone needs a geometry", "$.geometry")
    if row is None and raw.execute("SELECT count(*) FROM zones").fetchone()[0] >= MAX_ZONES:
        raise Conflict(f"there are {MAX_ZONES} zones; remove some first")
    name, capacity, settings = row or (zone, None, "{}")
    values: dict[str, Any] = {
        "zone": zone,
        "name": told.get("name", name),
        "capacity": told.get("capacity", capacity),
        "settings": _merged(settings, change),
        "geometry": _checked(raw, told["geometry"]) if "geometry" in told else None,
    }
    if row is None:
        raw.execute(
            "INSERT INTO zones (zone, name, capacity, settings_json, geom) "
            f"VALUES (:zone, :name, :capacity, :settings, {_GEOM})",
            values,
        )
    else:
        geom = f", geom = {_GEOM}" if "geometry" in told else ""
        raw.execute(
            f"UPDATE zones SET name = :name, capacity = :capacity, settings_json = :settings{geom} WHERE zone = :zone",
            values,
        )
    raise_registry_rev(connection)
    return row is None


def import_zone_features(connection: sa.Connection, document: object) -> ZoneImportReport:
    """Write the zones of a GeoJSON document; a feature that cannot be one is reported, and the others are written.

    raises  Rejected  the document is no GeoJSON, or has more than `MAX_ZONES` features
    raises  Conflict  there would be more than `MAX_ZONES`
    """
    rows = list(read_zone_features(document))
    if len(rows) > MAX_ZONES:
        raise Rejected(f"more than {MAX_ZONES} zones in one document", "$.features")
    report = [_import_row(connection, place, item) for place, item in rows]
    counts = {name: sum(row.status == name for row in report) for name in ("created", "changed", "rejected")}
    return ZoneImportReport(rows=report, **counts)


def fetch_zones(connection: sa.Connection) -> list[Zone]:
    """Every zone, by its key."""
    raw = raw_connection(connection)
    population = dict(raw.execute(_POPULATION).fetchall())
    return [_zone(row, population.get(row[0], 0)) for row in raw.execute(f"{_ZONES} ORDER BY zone")]


def fetch_zone(connection: sa.Connection, zone: str) -> Zone:
    """One zone.

    raises  NotFound
    """
    raw = raw_connection(connection)
    row = raw.execute(f"{_ZONES} WHERE zone = ?", (zone,)).fetchone()
    if row is None:
        raise _no_zone(zone)
    return _zone(row, dict(raw.execute(_POPULATION).fetchall()).get(zone, 0))


def delete_zone(connection: sa.Connection, zone: str) -> int:
    """Remove a zone; how many devices had been put into it by hand, which then are where their place lies.

    raises  NotFound
    """
    raw = raw_connection(connection)
    if not raw.execute("DELETE FROM zones WHERE zone = ?", (zone,)).rowcount:
        raise _no_zone(zone)
    rev = raise_registry_rev(connection)
    return int(raw.execute("UPDATE devices SET zone = '', rev = ? WHERE zone = ?", (rev, zone)).rowcount)


def put_group(connection: sa.Connection, group: str, change: GroupChange) -> bool:
    """Make a group, or change it; whether it was made. A new one is named by its key until it is given a name.

    raises  Conflict  there are `MAX_GROUPS` already
    """
    raw = raw_connection(connection)
    row = raw.execute("SELECT name, settings_json FROM device_groups WHERE device_group = ?", (group,)).fetchone()
    if row is None and raw.execute("SELECT count(*) FROM device_groups").fetchone()[0] >= MAX_GROUPS:
        raise Conflict(f"there are {MAX_GROUPS} groups; remove some first")
    name, settings = row or (group, "{}")
    raw.execute(
        "INSERT INTO device_groups (device_group, name, settings_json) VALUES (?, ?, ?) "
        "ON CONFLICT (device_group) DO UPDATE SET name = excluded.name, settings_json = excluded.settings_json",
        (group, given(change).get("name", name), _merged(settings, change)),
    )
    raise_registry_rev(connection)
    return row is None


def fetch_groups(connection: sa.Connection) -> list[Group]:
    """Every group, by its key."""
    rows = raw_connection(connection).execute(
        "SELECT g.device_group, g.name, g.settings_json, count(d.device_pk) FROM device_groups AS g "
        "LEFT JOIN devices AS d ON d.device_group = g.device_group GROUP BY g.device_group ORDER BY g.device_group"
    )
    return [
        Group(group=key, name=name, settings=msgspec.json.decode(settings, type=DeviceSettings), devices=devices)
        for key, name, settings, devices in rows
    ]


def fetch_group(connection: sa.Connection, group: str) -> Group:
    """One group.

    raises  NotFound
    """
    for found in fetch_groups(connection):
        if found.group == group:
            return found
    raise _no_group(group)


def delete_group(connection: sa.Connection, group: str) -> int:
    """Remove a group; how many devices were in it, which then are in none.

    raises  NotFound
    """
    raw = raw_connection(connection)
    if not raw.execute("DELETE FROM device_groups WHERE device_group = ?", (group,)).rowcount:
        raise _no_group(group)
    rev = raise_registry_rev(connection)
    return int(
        raw.execute("UPDATE devices SET device_group = '', rev = ? WHERE device_group = ?", (rev, group)).rowcount
    )


def _import_row(connection: sa.Connection, place: int, item: ZoneRow | Rejected) -> ZoneImportRow:
    key = item.zone if isinstance(item, ZoneRow) else None
    try:
        if isinstance(item, Rejected):
            raise item
        made = put_zone(connection, item.zone, item.change)
    except Rejected as rejected:
        return ZoneImportRow(row=place, status="rejected", zone=key, path=rejected.path, reason=rejected.reason)
    return ZoneImportRow(row=place, status="created" if made else "changed", zone=key)


def _checked(raw: Any, geometry: dict[str, Any]) -> str:
    """A geometry as JSON that SpatiaLite can read and finds valid."""
    check_geometry(geometry)
    text = msgspec.json.encode({"type": geometry["type"], "coordinates": geometry["coordinates"]}).decode()
    valid, reason = raw.execute(f"SELECT ST_IsValid({_GEOM}), ST_IsValidReason({_GEOM})", {"geometry": text}).fetchone()
    if valid != 1:
        raise Rejected(f"not a valid polygon: {reason or 'SpatiaLite cannot read it'}", "$.geometry")
    return text


def _merged(settings_json: str, change: ZoneChange | GroupChange) -> str:
    before = msgspec.json.decode(settings_json, type=DeviceSettings)
    return msgspec.json.encode(merge_settings(before, change.settings)).decode()


def _zone(row: tuple[Any, ...], devices: int) -> Zone:
    return Zone(
        zone=row[0],
        name=row[1],
        capacity=row[2],
        settings=msgspec.json.decode(row[3], type=DeviceSettings),
        geometry=msgspec.json.decode(row[4]),
        devices=devices,
    )


def _no_zone(zone: str) -> NotFound:
    return NotFound(f"no zone {zone[:200]!r}; `hexpost device zone list` shows those there are")


def _no_group(group: str) -> NotFound:
    return NotFound(f"no group {group[:200]!r}; `hexpost device group list` shows those there are")
