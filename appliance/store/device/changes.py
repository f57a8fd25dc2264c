"""Writing the registry: a person's changes to a device, an import of many, and the events that waited for a place.

A device that an import names and nobody has heard of is entered, approved, so that a fleet can be registered before it
speaks. A change that changes nothing writes nothing and raises no revision.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Literal, get_args

import msgspec
import sqlalchemy as sa

from appliance.aggregate.hours import SiteHours
from appliance.clock import to_us
from appliance.errors import Rejected
from appliance.model.device import Device, Place
from appliance.model.device_change import DeviceChange, DeviceRow, given, merge_place, merge_settings
from appliance.spatial.geometry import point_blob
from appliance.store.device.maintenance import raise_registry_rev
from appliance.store.device.registry import fetch_device, fetch_event_point
from appliance.store.engine import Store, raw_connection
from appliance.store.event.pages import place_events
from appliance.store.settled.tally import Tally

IMPORT_ROWS = 500  # devices written in one transaction: the bridge waits at most for so many
PLACE_ROWS = 1_000  # events placed in one transaction
NEVER_HEARD = "never heard"  # why a device that was entered by hand is pending

RowStatus = Literal["created", "changed", "unchanged", "rejected"]
Row = tuple[int, DeviceRow | Rejected]
_TEXTS = ("name", "registration", "zone", "group", "segment")


class ImportRow(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one row; `row` is the line on which it begins, or the place of a feature, from 1."""

    row: int
    status: RowStatus
    source: str | None = None
    path: str | None = None
    reason: str | None = None


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an import; `placed` are events that had waited for a place."""

    created: int
    changed: int
    unchanged: int
    rejected: int
    placed: int
    rows: list[ImportRow]


def change_device(connection: sa.Connection, name: str, change: DeviceChange, *, now: datetime) -> Device:
    """Change a device, named by source or id; the device as it then is.

    raises  NotFound  the device is not there
    raises  Rejected  half a place, or a zone that is not there
    """
    before = fetch_device(connection, name, now=now)
    _update(connection, before, change)
    return fetch_device(connection, before.source, now=now)


def enter_device(connection: sa.Connection, source: str, change: DeviceChange, *, now: datetime) -> RowStatus:
    """Change the device of this source, or enter it, approved unless the change says otherwise.

    raises  Rejected  half a place, or a zone that is not there
    """
    raw = raw_connection(connection)
    created = not raw.execute("SELECT 1 FROM devices WHERE source = ?", (source,)).fetchone()
    if created:
        merge_place(Place(), change)
        _check_zone(connection, change)
        raw.execute(
            "INSERT INTO devices (source, registration, state, cause, state_at, first_seen, last_seen, rev) "
            "VALUES (?, 'approved', 'pending', ?, ?, ?, 0, ?)",
            (source, NEVER_HEARD, to_us(now), to_us(now), raise_registry_rev(connection)),
        )
    changed = _update(connection, fetch_device(connection, source, now=now), change)
    return "created" if created else "changed" if changed else "unchanged"


def import_devices(
    store: Store, rows: Iterable[Row], *, now: datetime, hours: SiteHours, resolutions: Sequence[int]
) -> ImportReport:
    """Write the rows of an import, a few hundred in a transaction; rows before an error stay written.

    raises  Unavailable  the store cannot be written now
    """
    report: list[ImportRow] = []
    source = iter(rows)
    while chunk := list(islice(source, IMPORT_ROWS)):
        with store.write() as connection:
            report += [_import_row(connection, line, item, now) for line, item in chunk]
    named = {row.source for row in report if row.source is not None and row.status != "rejected"}
    placed = sum(place_waiting_events(store, name, hours=hours, resolutions=resolutions) for name in sorted(named))
    counts = {status: sum(row.status == status for row in report) for status in get_args(RowStatus)}
    return ImportReport(rows=report, placed=placed, **counts)


def place_waiting_events(store: Store, source: str, *, hours: SiteHours, resolutions: Sequence[int]) -> int:
    """Give the events of a device that wait for a place the one it has now, and count them; how many there were.

    Each transaction takes at most `PLACE_ROWS`. Broken off, it goes on with the device's next change.
    raises  Unavailable  the store cannot be written now
    """
    placed = 0
    while True:
        with store.read() as connection:
            point = _waiting_point(connection, source)
        if point is None:
            return placed
        with store.write() as connection:
            done = place_events(connection, source, *point, Tally(hours, sorted(resolutions)), PLACE_ROWS)
        placed += done
        if done < PLACE_ROWS:
            return placed


def _waiting_point(connection: sa.Connection, source: str) -> tuple[float, float] | None:
    """Where the events of a source belong; None where none waits, or nobody knows."""
    waiting = raw_connection(connection).execute(
        "SELECT 1 FROM events WHERE source = ? AND geom IS NULL LIMIT 1", (source,)
    )
    return fetch_event_point(connection, source) if waiting.fetchone() else None


def _import_row(connection: sa.Connection, line: int, item: DeviceRow | Rejected, now: datetime) -> ImportRow:
    source = item.source if isinstance(item, DeviceRow) else None
    try:
        if isinstance(item, Rejected):
            raise item
        return ImportRow(row=line, status=enter_device(connection, item.source, item.change, now=now), source=source)
    except Rejected as rejected:
        return ImportRow(row=line, status="rejected", source=source, path=rejected.path, reason=rejected.reason)


def _update(connection: sa.Connection, before: Device, change: DeviceChange) -> bool:
    """Write what a change makes different; whether anything is."""
    _check_zone(connection, change)
    texts = {name: value for name, value in given(change).items() if name in _TEXTS}
    after = msgspec.structs.replace(
        before,
        place=merge_place(before.place, change),
        settings=merge_settings(before.settings, change.settings),
        **texts,
    )
    if after == before:
        return False
    raw = raw_connection(connection)
    if after.group:
        raw.execute(
            "INSERT OR IGNORE INTO device_groups (device_group, name) VALUES (?, ?)", (after.group, after.group)
        )
    columns = _columns(after) | {"rev": raise_registry_rev(connection)}
    marks = ", ".join(f"{column} = :{column}" for column in columns)
    raw.execute(f"UPDATE devices SET {marks} WHERE device_pk = :key", {**columns, "key": before.id})
    return True


def _columns(device: Device) -> dict[str, Any]:
    """What a person says of a device, as its columns hold it."""
    place = msgspec.structs.asdict(device.place)
    del place["longitude"], place["latitude"]
    return {
        **place,
        "geom": point_blob(*device.place.point) if device.place.point else None,
        "name": device.name,
        "registration": device.registration,
        "zone": device.zone,
        "device_group": device.group,
        "segment": device.segment,
        "settings_json": msgspec.json.encode(device.settings).decode(),
    }


def _check_zone(connection: sa.Connection, change: DeviceChange) -> None:
    zone = given(change).get("zone")
    if zone and not raw_connection(connection).execute("SELECT 1 FROM zones WHERE zone = ?", (zone,)).fetchone():
        raise Rejected(f"no zone {zone!r}; make it first: `hexpost device zone import zones.geojson`", "$.zone")
