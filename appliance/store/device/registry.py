"""Reading the registry: a page of devices, one device, what the bridge has to know of all of them.

The zone a device is in is the one a person set, else the smallest whose polygon holds its place: the zones' spatial
index first, SpatiaLite's exact predicate after. While a maintenance window holds, a device's state is `maintenance`,
whatever the bridge last found. What a person changes is written by `changes`.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from appliance.clock import from_us, to_us
from appliance.errors import NotFound, Rejected
from appliance.model.device import (
    BridgeDevice,
    Device,
    DeviceSettings,
    EffectiveSettings,
    LastFix,
    Place,
    effective_settings,
    segment_of,
)
from appliance.spatial.geojson import Bounds
from appliance.spatial.geometry import read_point
from appliance.spatial.view import View, middle, view_of
from appliance.store.device.maintenance import Windows, fetch_windows_to_come
from appliance.store.device.zones import ZONE_OF_DEVICE
from appliance.store.engine import raw_connection

EXPORT_ROWS = 1_000

_SEGMENT = "iif(d.segment <> '', d.segment, coalesce('via:' || nullif(json_extract(d.facts_json, '$.via'), ''), ''))"
_PLACE = "geom, height_m, heading_deg, view_angle_deg, range_m, floor, room"
_COLUMNS = f"""device_pk, source, name, family, registration, state, cause, state_at, first_seen, last_seen,
{_PLACE}, zone, in_zone, device_group, segment,
settings_json, facts_json, topics_json, learned_interval_s, skew_ms, fix_at, fix_longitude, fix_latitude, rev"""
# LIMIT keeps SQLite from working the zone out again at every mention, and the order as it is: a page ends early.
_DEVICES = f"""(SELECT d.*, coalesce({ZONE_OF_DEVICE}, '') AS in_zone, {_SEGMENT} AS hangs_on
FROM devices AS d {{where}} ORDER BY d.device_pk LIMIT -1)"""
_MAINTAINED = """EXISTS (SELECT 1 FROM maintenance_windows AS w WHERE w.from_time <= :now AND w.to_time > :now
AND (w.scope = 'site' OR (w.scope = 'device' AND w.subject = source)
     OR (w.scope = 'group' AND w.subject = device_group) OR (w.scope = 'zone' AND w.subject = in_zone)))"""


class DeviceFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which devices; `bbox` (west, south, east, north) may cross the antimeridian and leaves out those without a place.

    zone     the one it is in, set by hand or by its place
    segment  what it hangs on, set by hand or as it told
    """

    state: str | None = None
    registration: str | None = None
    family: str | None = None
    zone: str | None = None
    group: str | None = None
    segment: str | None = None
    bbox: Bounds | None = None


class DevicePage(msgspec.Struct, frozen=True, kw_only=True):
    """Devices in the order in which they became known; `next_cursor` is None on the last page."""

    items: list[Device]
    next_cursor: str | None


def fetch_devices(
    connection: sa.Connection, wanted: DeviceFilter, *, now: datetime, cursor: str | None, limit: int
) -> DevicePage:
    """One page of at most `limit` devices.

    raises  Rejected  the cursor is not one that a page gave
    """
    inner, outer, values = _conditions(wanted)
    values |= {"now": to_us(now), "after": _read_cursor(cursor), "limit": limit + 1}
    devices = _DEVICES.format(where=f"WHERE {' AND '.join(['d.device_pk > :after', *inner])}")
    clause = f"WHERE {' AND '.join(outer)}" if outer else ""
    rows = (
        raw_connection(connection)
        .execute(
            f"SELECT {_COLUMNS}, maintained FROM (SELECT *, {_MAINTAINED} AS maintained FROM {devices}) {clause} "
            "LIMIT :limit",
            values,
        )
        .fetchall()
    )
    return DevicePage(
        items=[_device(row) for row in rows[:limit]], next_cursor=str(rows[limit - 1][0]) if len(rows) > limit else None
    )


def fetch_devices_by_key(connection: sa.Connection, keys: Sequence[int], *, now: datetime) -> list[Device]:
    """The devices of these ids, in their order; one that is not there is left out."""
    devices = _DEVICES.format(where="WHERE d.device_pk IN (SELECT value FROM json_each(:keys))")
    rows = raw_connection(connection).execute(
        f"SELECT {_COLUMNS}, {_MAINTAINED} FROM {devices}",
        {"keys": msgspec.json.encode(keys).decode(), "now": to_us(now)},
    )
    found = {row[0]: _device(row) for row in rows}
    return [found[key] for key in keys if key in found]


def fetch_every_device(connection: sa.Connection, *, now: datetime) -> Iterator[Device]:
    """All devices, a page in memory at a time; for the export."""
    cursor: str | None = None
    while True:
        page = fetch_devices(connection, DeviceFilter(), now=now, cursor=cursor, limit=EXPORT_ROWS)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def fetch_device(connection: sa.Connection, name: str, *, now: datetime) -> Device:
    """A device by its source or, in digits alone, by its id.

    raises  NotFound
    """
    devices = _DEVICES.format(where="WHERE d.device_pk = :pk")
    row = (
        raw_connection(connection)
        .execute(
            f"SELECT {_COLUMNS}, {_MAINTAINED} FROM {devices}", {"pk": device_key(connection, name), "now": to_us(now)}
        )
        .fetchone()
    )
    return _device(row)


def device_key(connection: sa.Connection, name: str) -> int:
    """The id of a device by its source, else by its id written in digits.

    raises  NotFound
    """
    raw = raw_connection(connection)
    row = raw.execute("SELECT device_pk FROM devices WHERE source = ?", (name,)).fetchone()
    if row is None and name.isascii() and name.isdigit() and len(name) < 19:
        row = raw.execute("SELECT device_pk FROM devices WHERE device_pk = ?", (int(name),)).fetchone()
    if row is None:
        raise NotFound(f"device {name[:200]!r} is not in the registry; `hexpost device list` shows those that are")
    return int(row[0])


def fetch_effective(connection: sa.Connection, device: Device) -> EffectiveSettings:
    """The settings that hold for a device: its own over its group's over its zone's over the defaults."""
    return effective_settings(
        device.settings,
        _settings_by_name(connection, "device_groups", "device_group").get(device.group, DeviceSettings()),
        _settings_by_name(connection, "zones", "zone").get(device.in_zone, DeviceSettings()),
    )


def count_unplaced(connection: sa.Connection, source: str) -> int:
    """Events of a source that wait for a place."""
    row = raw_connection(connection).execute("SELECT count(*) FROM events WHERE source = ? AND geom IS NULL", (source,))
    return int(row.fetchone()[0])


def fetch_event_point(connection: sa.Connection, source: str) -> tuple[float, float] | None:
    """Where events of a source lie that bring no place, (lng, lat); None where nobody knows."""
    row = raw_connection(connection).execute(f"SELECT {_PLACE} FROM devices WHERE source = ?", (source,)).fetchone()
    return event_point(_place(row)) if row else None


def fetch_registry_rev(connection: sa.Connection) -> int:
    """A number that rises with every change a person makes to devices, zones, groups or maintenance windows."""
    return int(raw_connection(connection).execute("SELECT rev FROM registry").fetchone()[0])


def fetch_bridge_devices(connection: sa.Connection, now: datetime) -> list[BridgeDevice]:
    """Every device as the bridge needs it; windows that are over at `now` are left out."""
    groups = _settings_by_name(connection, "device_groups", "device_group")
    zones = _settings_by_name(connection, "zones", "zone")
    windows = fetch_windows_to_come(connection, now)
    rows = raw_connection(connection).execute(f"SELECT {_COLUMNS} FROM {_DEVICES.format(where='')}")
    return [_bridge_device(row, groups, zones, windows) for row in rows]


def view_of_place(place: Place) -> View | None:
    """The view of a device that stands so, or None where too little is known of it."""
    return view_of(
        lng=place.longitude,
        lat=place.latitude,
        heading_deg=place.heading_deg,
        angle_deg=place.view_angle_deg,
        range_m=place.range_m,
    )


def event_point(place: Place) -> tuple[float, float] | None:
    """Where events lie that bring no place, (lng, lat): the middle of the device's view, else the device itself."""
    view = view_of_place(place)
    return middle(view) if view else place.point


def facts_digest(facts_json: str, topics_json: str) -> bytes:
    """Eight bytes that tell one state of a device's facts and topics from another, as the columns hold them."""
    return hashlib.blake2b(f"{facts_json}\n{topics_json}".encode(), digest_size=8).digest()


def _conditions(wanted: DeviceFilter) -> tuple[list[str], list[str], dict[str, Any]]:
    """Conditions on the table itself, conditions on what is worked out from it, and their values."""
    inner, outer = [], []
    columns = {"registration": "registration", "family": "family", "group": "device_group"}
    values: dict[str, Any] = {
        name: value for name, value in msgspec.structs.asdict(wanted).items() if value is not None and name != "bbox"
    }
    inner += [f"d.{column} = :{name}" for name, column in columns.items() if name in values]
    if "zone" in values:
        outer.append("in_zone = :zone")
    if "segment" in values:
        outer.append("hangs_on = :segment")
    if "state" in values:
        outer.append("iif(maintained, 'maintenance', state) = :state")
    if wanted.bbox:
        values |= dict(zip(("west", "south", "east", "north"), wanted.bbox, strict=True))
        across = "OR" if wanted.bbox[0] > wanted.bbox[2] else "AND"
        inner.append(
            "d.device_pk IN (SELECT pkid FROM idx_devices_geom WHERE ymax >= :south AND ymin <= :north "
            f"AND (xmax >= :west {across} xmin <= :east)) AND ST_Y(d.geom) BETWEEN :south AND :north "
            f"AND (ST_X(d.geom) >= :west {across} ST_X(d.geom) <= :east)"
        )
    return inner, outer, values


def _read_cursor(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise Rejected("not a cursor of this list; leave it out for the first page", "cursor")
    return int(cursor)


def _settings_by_name(connection: sa.Connection, table: str, key: str) -> dict[str, DeviceSettings]:
    rows = raw_connection(connection).execute(f"SELECT {key}, settings_json FROM {table}")
    return {name: msgspec.json.decode(text, type=DeviceSettings) for name, text in rows}


def _place(row: tuple[Any, ...]) -> Place:
    geom, *others = row
    lng, lat = read_point(geom) if geom is not None else (None, None)
    names = ("height_m", "heading_deg", "view_angle_deg", "range_m", "floor", "room")
    return Place(longitude=lng, latitude=lat, **dict(zip(names, others, strict=True)))


def _device(row: tuple[Any, ...]) -> Device:
    fix = LastFix(observed_at=from_us(row[26]), longitude=row[27], latitude=row[28]) if row[26] is not None else None
    return Device(
        id=row[0],
        source=row[1],
        name=row[2],
        family=row[3],
        registration=row[4],
        state="maintenance" if row[30] else row[5],
        cause=row[6],
        state_at=from_us(row[7]),
        first_seen=from_us(row[8]),
        last_seen=_seen(row[9]),
        place=_place(row[10:17]),
        zone=row[17],
        in_zone=row[18],
        group=row[19],
        segment=row[20],
        settings=msgspec.json.decode(row[21], type=DeviceSettings),
        facts=msgspec.json.decode(row[22]),
        topics=msgspec.json.decode(row[23]),
        learned_interval_s=row[24],
        skew_ms=row[25],
        fix=fix,
        rev=row[29],
    )


def _bridge_device(
    row: tuple[Any, ...], groups: dict[str, DeviceSettings], zones: dict[str, DeviceSettings], windows: Windows
) -> BridgeDevice:
    source, in_zone, group = row[1], row[18], row[19]
    nothing = DeviceSettings()
    own = msgspec.json.decode(row[21], type=DeviceSettings)
    settings = effective_settings(own, groups.get(group, nothing), zones.get(in_zone, nothing))
    lng, lat = event_point(_place(row[10:17])) or (None, None)
    return BridgeDevice(
        source=source,
        family=row[3],
        registration=row[4],
        longitude=lng,
        latitude=lat,
        zone=in_zone,
        group=group,
        segment=segment_of(row[20], msgspec.json.decode(row[22]).get("via")),
        heartbeat_s=settings.heartbeat_s,
        min_score=settings.min_score,
        muted=settings.muted,
        maintenance=windows.of(source=source, group=group, zone=in_zone),
        state=row[5],
        cause=row[6],
        state_at=from_us(row[7]),
        last_seen=_seen(row[9]),
        learned_interval_s=row[24],
        skew_ms=row[25],
        facts_digest=facts_digest(row[22], row[23]),
    )


def _seen(us: int) -> datetime | None:
    """Zero is how the store writes that a device has not spoken yet."""
    return from_us(us) if us else None
