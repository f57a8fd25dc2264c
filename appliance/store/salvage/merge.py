"""Putting back, step by step, what was in a store: people first, then what they said, then what was recorded.

The backup is read before the damaged file, since its hash holds; of the damaged file only what came after. Events,
readings and positions go through the recorder, so what is there already is a duplicate; other rows are added where
their key is not there. So a step that was cut off is begun again and does no harm. Called by `wiring_care`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from appliance.clock import from_us
from appliance.errors import Corrupt
from appliance.model.event import Event
from appliance.model.intake import Fix, Intake, Reading
from appliance.spatial.geometry import read_point
from appliance.store.device.maintenance import raise_registry_rev
from appliance.store.engine import Store, raw_connection
from appliance.store.file import dbapi
from appliance.store.intake.batch import Recorder
from appliance.store.measured.positions import fix_members
from appliance.store.salvage.source import Source, batches
from appliance.store.salvage.tables import BY_KEY
from appliance.store.settled.changed_days import note_changed

_EVENT = (
    "event_id, source, event_type, event_timestamp, received_at, clock_quality, severity, value, attributes_json, rev, "
    "geom"
)
_FIX = "device, received_at, longitude, latitude, altitude_m, accuracy_m, speed_mps, heading_deg, clock_quality"
Came = Callable[[str, int, int], None]
"""Told (table, rows put back, key reached) after each transaction."""


def merge_users(connection: sa.Connection, source: Source) -> int:
    """Put users back; a later password wins. How many rows were written."""
    columns = "name, role, password_hash, generation, created_at, changed_at"
    written = 0
    for row in source.rows("users", columns):
        written += (
            raw_connection(connection)
            .execute(
                f"INSERT INTO users ({columns}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                "role = excluded.role, password_hash = excluded.password_hash, generation = excluded.generation, "
                "changed_at = excluded.changed_at WHERE excluded.generation > generation "
                "AND excluded.password_hash LIKE '$argon2id$%'",
                row,
            )
            .rowcount
        )
    return written


def merge_named(store: Store, source: Source, came: Came) -> None:
    """Put back the rows of the tables `BY_KEY`, where their key is not there yet."""
    theirs = source.tables()
    with store.read() as connection:
        ours = table_columns(connection)
    wanted = sorted(theirs.keys() & ours.keys() & BY_KEY)
    for table in wanted:
        columns = [column for column in ours[table] if column in theirs[table]]
        for rows in batches(source.rows(table, ", ".join(f'"{column}"' for column in columns))):
            with store.write() as connection:
                came(table, _add(connection, source, table, columns, rows), 0)
    with store.write() as connection:
        raise_registry_rev(connection)


def merge_devices(store: Store, source: Source, came: Came) -> None:
    """Put devices back. What a person said of one wins over what was learned since; what was heard since stays."""
    theirs = source.tables().get("devices", [])
    with store.read() as connection:
        ours = [column for column in table_columns(connection)["devices"] if column in theirs and column != "device_pk"]
    learned = {"source", "state", "cause", "state_at", "last_seen", "rev"}
    taken = ", ".join(f"{column} = excluded.{column}" for column in ours if column not in learned)
    marks = ", ".join("?" * len(ours))
    upsert = (
        f"INSERT INTO devices ({', '.join(ours)}) VALUES ({marks}) ON CONFLICT (source) DO UPDATE SET {taken}, "
        "rev = excluded.rev WHERE registration = 'pending' AND excluded.registration <> 'pending'"
    )
    for rows in batches(source.rows("devices", ", ".join(ours))):
        with store.write() as connection:
            rev = raise_registry_rev(connection)
            at = ours.index("rev")
            fresh = [(*row[:at], rev, *row[at + 1 :]) for row in rows]  # so that the bridge reads them
            count = raw_connection(connection).executemany(upsert, fresh).rowcount
        came("devices", max(0, count), 0)


def merge_events(recorder: Recorder, source: Source, after: int, where: str, came: Came) -> None:
    """Put events back, by their key from `after` on, those that fulfil an SQL condition."""
    for rows in batches(source.rows_by_number("events", "event_pk", _EVENT, after, where)):
        events = [event for event in map(_event, rows) if event is not None]
        outcomes = recorder.record(Intake(events=events)).outcomes
        came("events", outcomes.count("stored") + outcomes.count("corrected"), max(row[0] for row in rows))


def merge_readings(recorder: Recorder, source: Source, after: int, came: Came) -> None:
    """Put measured values back, by their time from `after` on."""
    series = {row[0]: row[1:] for row in source.rows("reading_series", "series_pk, device, metric, unit")}
    columns = "series_pk, value, received_at, clock_quality"
    for rows in batches(source.rows_by_number("reading_values", "observed_at", columns, after)):
        readings = [
            Reading(
                device=series[key][0],
                metric=series[key][1],
                unit=series[key][2],
                observed_at=from_us(at),
                received_at=from_us(received),
                value=value,
                clock_quality=quality,
            )
            for at, key, value, received, quality in rows
            if key in series
        ]
        stored = recorder.record(Intake(readings=readings)).readings_stored
        came("readings", stored, max(row[0] for row in rows))


def merge_positions(recorder: Recorder, source: Source, after: int, came: Came) -> None:
    """Put positions back, by their time from `after` on."""
    for rows in batches(source.rows_by_number("positions", "observed_at", _FIX, after)):
        # a device's last position is told by its row
        fixes = [Fix(**fix_members(row), transient=True) for row in rows]
        came("positions", recorder.record(Intake(fixes=fixes)).fixes_stored, max(row[0] for row in rows))


def merge_counts(store: Store, source: Source, came: Came) -> None:
    """Put back the counters of hours whose events retention has deleted: they are all that is left of those."""
    purged = {row[0] for row in source.rows("purged_hours", "hour")}
    if not purged:
        return
    columns = "resolution, day, h3_index, hour, event_type, event_count"
    wanted = (row for row in source.rows("event_counts", columns) if row[3] in purged)
    for rows in batches(wanted):
        with store.write() as connection:
            raw = raw_connection(connection)
            raw.executemany("INSERT OR IGNORE INTO purged_hours VALUES (?)", [(row[3],) for row in rows])
            raw.executemany(
                f"INSERT INTO event_counts ({columns}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                "event_count = max(event_count, excluded.event_count)",
                rows,
            )
            note_changed(raw, {(row[0], row[1]) for row in rows})
            came("counters", len(rows), 0)


def _event(row: tuple[Any, ...]) -> Event | None:
    """An event as it was; None where a damaged page has left something that is none."""
    try:
        lng, lat = read_point(row[11]) if row[11] is not None else (None, None)
        told = {
            "event_id": row[1],
            "source": row[2],
            "event_type": row[3],
            "event_timestamp": from_us(row[4]),
            "received_at": from_us(row[5]),
            "clock_quality": row[6],
            "severity": row[7],
            "value": row[8],
            "attributes": msgspec.json.decode(row[9]),
            "rev": row[10],
            "longitude": lng,
            "latitude": lat,
        }
        return msgspec.convert(told, Event)
    except (Corrupt, msgspec.MsgspecError, ValueError, TypeError, OverflowError):
        return None


def _add(connection: sa.Connection, source: Source, table: str, columns: list[str], rows: list[tuple[Any, ...]]) -> int:
    """Add rows whose key is not there; a number that only counts the rows is given anew."""
    raw = raw_connection(connection)
    info = raw.execute("SELECT name, type, pk FROM pragma_table_info(?)", (table,)).fetchall()
    keys = [name for name, kind, pk in info if pk]
    counted = [name for name, kind, pk in info if pk and kind == "INTEGER"] if len(keys) == 1 else []
    if "series_pk" in columns:
        rows = _with_series(raw, source, columns.index("series_pk"), rows)
    kept = [n for n, column in enumerate(columns) if column not in counted]
    names = [f'"{columns[n]}"' for n in kept]
    same = " AND ".join(f"{name} IS ?" for name in names)
    values = [tuple(row[n] for n in kept) for row in rows]
    cursor = raw.executemany(
        f'INSERT OR IGNORE INTO "{table}" ({", ".join(names)}) SELECT {", ".join("?" * len(names))} '
        f'WHERE NOT EXISTS (SELECT 1 FROM "{table}" WHERE {same})',
        [row * 2 for row in values],
    )
    return max(0, int(cursor.rowcount))


def _with_series(raw: Any, source: Source, at: int, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows of tiers with the keys that their series have here."""
    theirs = {row[0]: row[1:] for row in source.rows("reading_series", "series_pk, device, metric, unit")}
    raw.executemany(
        "INSERT OR IGNORE INTO reading_series (device, metric, unit) VALUES (?, ?, ?)",
        {theirs[row[at]] for row in rows if row[at] in theirs},
    )
    ours = {tuple(row[1:]): row[0] for row in raw.execute("SELECT series_pk, device, metric, unit FROM reading_series")}
    return [(*row[:at], ours[theirs[row[at]]], *row[at + 1 :]) for row in rows if row[at] in theirs]


def table_columns(connection: sa.Connection) -> dict[str, list[str]]:
    raw = raw_connection(connection)
    found = {}
    for (table,) in raw.execute(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'"
    ).fetchall():
        if not _is_spatialites_own(table):
            found[table] = [row[0] for row in raw.execute("SELECT name FROM pragma_table_info(?)", (table,))]
    return found


def _is_spatialites_own(table: str) -> bool:
    return table.startswith(
        ("geometry_columns", "views_geometry", "virts_geometry", "spatial_ref", "spatialite", "data_l")
    ) or (table in {"sql_statements_log", "ElementaryGeometries", "SpatialIndex"})


def open_source(folder: Path, name: str) -> Source | None:
    """The store in a folder, as far as it can be opened; None where it cannot, or is not there."""
    path = folder / name
    if not path.exists():
        return None
    try:
        return Source(path)
    except (dbapi.Error, UnicodeDecodeError):
        return None
