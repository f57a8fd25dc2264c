"""What of the store is other than its shadow: found by short reads, while the box goes on writing.

A row came through the archive when it was received at the instant of a message that lies there and is understood whole
now. Only such rows are ever changed or removed. The rest of the range is left as it is and counted: rows of messages
that were missed, refused by today's mappings, sealed for ever, or received while the box did not know the time.
"""

from typing import Any

import msgspec

from appliance.aggregate.hours import SiteHours
from appliance.model.tier import READINGS
from appliance.spatial.geometry import read_point
from appliance.store.archive.shadow import CHANGED, GONE, KEPT, SAME, Shadow, ShadowEvent
from appliance.store.engine import Store, raw_connection
from appliance.store.measured.open_bins import fetch_horizon
from appliance.store.settled.settle import fetch_marks, last_key

SCAN = 20_000  # keys looked at in one read
_EVENT = (
    "event_pk, source, event_id, received_at, rev, event_type, event_timestamp, severity, value, attributes_json, "
    "geom, event_pk IN (SELECT event_pk FROM pinned_events)"
)


class Difference(msgspec.Struct, kw_only=True):
    """Rows of one table: in the store before, and of those `kept` as they are; what is to be done; what is not touched.

    uncovered   rows of the range that did not come through the archive or of which it is not sure; and what would go
                but is pinned to a case
    rolled_up   of a time that is deleted by age and of which only sums are kept
    """

    before: int = 0
    kept: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    uncovered: int = 0
    rolled_up: int = 0


def compare_events(store: Store, shadow: Shadow, *, start: int, end: int, hours: SiteHours) -> Difference:
    """Note in the shadow tables what is to be done to the events received in [start, end), microseconds."""
    found = Difference()
    with store.read() as connection:
        last = last_key(raw_connection(connection))
    for after in range(0, last, SCAN):
        with store.read() as connection:
            rows = (
                raw_connection(connection)
                .execute(
                    f"SELECT {_EVENT} FROM events WHERE event_pk > ? AND event_pk <= ? "
                    "AND received_at >= ? AND received_at < ?",
                    (after, min(after + SCAN, last), start, end),
                )
                .fetchall()
            )
        for row in rows:
            _compare_event(shadow, row, found)
    _look_for_others(store, shadow, hours, found)
    return found


def compare_readings(store: Store, shadow: Shadow, *, start: int, end: int) -> Difference:
    """The same of readings. Of those of one series and instant the value is the identity, so none is ever changed."""
    found = Difference()
    with store.read() as connection:
        series = {
            row[0]: row[1:]
            for row in raw_connection(connection).execute("SELECT series_pk, device, metric, unit FROM reading_series")
        }
    kept_from = _leave_rolled_up(store, shadow, "readings", READINGS.raw, found)
    after: tuple[Any, ...] = (kept_from - 1, 2**62, 0.0)
    while rows := _next_rows(
        store,
        "SELECT observed_at, series_pk, value, received_at FROM reading_values "
        "WHERE (observed_at, series_pk, value) > (?, ?, ?) ORDER BY 1, 2, 3 LIMIT ?",
        after,
    ):
        after = rows[-1][:3]
        for row in rows:
            if start <= row[3] < end:
                _compare_reading(shadow, row, series.get(row[1], ("", "", "")), found)
    here = "SELECT 1 FROM reading_values AS v JOIN reading_series AS s USING (series_pk) WHERE v.observed_at = ? "
    _look_for_rows(
        store, shadow, "readings", f"{here} AND s.device = ? AND s.metric = ? AND s.unit = ? AND v.value = ?"
    )
    found.added = shadow.count("readings", "state = 0")
    return found


def compare_positions(store: Store, shadow: Shadow, *, start: int, end: int) -> Difference:
    """The same of positions; one of which anything else is told now is removed and added."""
    found = Difference()
    columns = "observed_at, device, longitude, latitude, received_at, altitude_m, accuracy_m, speed_mps, heading_deg"
    kept_from = _leave_rolled_up(store, shadow, "positions", "positions", found)
    after: tuple[Any, ...] = (kept_from - 1, "\U0010ffff", 0.0, 0.0)
    while rows := _next_rows(
        store,
        f"SELECT {columns} FROM positions WHERE (observed_at, device, longitude, latitude) > (?, ?, ?, ?) "
        "ORDER BY 1, 2, 3, 4 LIMIT ?",
        after,
    ):
        after = rows[-1][:4]
        for row in rows:
            if start <= row[4] < end:
                _compare_position(shadow, row, found)
    here = "SELECT 1 FROM positions WHERE observed_at = ? AND device = ? AND longitude = ? AND latitude = ?"
    _look_for_rows(store, shadow, "positions", here)
    found.added = shadow.count("positions", "state = 0") - found.changed
    return found


def _compare_event(shadow: Shadow, row: tuple[Any, ...], found: Difference) -> None:
    key, source, event_id, received_at, rev = row[:5]
    if not shadow.is_covered(received_at):
        found.uncovered += 1
        return
    told = shadow.find_event(source, event_id)
    if told is None and row[11]:  # it belongs to a case
        found.uncovered += 1
        return
    found.before += 1
    if told is None:
        found.removed += 1
        shadow.raw.execute("INSERT INTO event_removals VALUES (?, ?, ?)", (key, received_at, rev))
    elif _is_same(told, row):
        found.kept += 1
        shadow.mark_event(source, event_id, SAME)
    else:
        found.changed += 1
        shadow.mark_event(source, event_id, CHANGED)
        shadow.raw.execute(
            "INSERT INTO event_changes VALUES (?, ?, ?, ?, ?)", (key, received_at, rev, source, event_id)
        )


def _is_same(told: ShadowEvent, row: tuple[Any, ...]) -> bool:
    if (told.rev, told.event_type, told.us, told.severity, told.value) != row[4:9]:
        return False
    if is_elsewhere(told, row[10]):
        return False
    if told.attributes == row[9]:
        return True
    stored: dict[str, Any] = msgspec.json.decode(row[9])
    stored.pop("plate_sealed", None)
    return bool(stored == msgspec.json.decode(told.attributes))


def is_elsewhere(told: ShadowEvent, point: bytes | None) -> bool:
    """Whether an event's own message puts it elsewhere than it is stored.

    A place that it has from the registry does not count where it has one already: devices move.
    """
    if told.longitude is None or told.latitude is None:
        return False
    if point is None:
        return True
    return not told.by_registry and read_point(point) != (told.longitude, told.latitude)


def _look_for_others(store: Store, shadow: Shadow, hours: SiteHours, found: Difference) -> None:
    """Of the shadows that met no row of the range: which are stored all the same, and which cannot be added."""
    for chunk in shadow.events(0):
        with store.read() as connection:
            raw = raw_connection(connection)
            tail = _tail(raw)
            purged = {row[0] for row in raw.execute("SELECT hour FROM purged_hours")}
            for told in chunk:
                rev = _stored_rev(raw, tail, told)
                if rev is not None and told.rev <= rev:
                    shadow.mark_event(told.source, told.event_id, KEPT)
                elif rev is None and hours.place(told.us)[1] in purged:
                    found.rolled_up += 1
                    shadow.mark_event(told.source, told.event_id, GONE)
                elif rev is None:
                    found.added += 1
                else:
                    found.changed += 1  # a revision that the store does not have: taken over like one that comes in


def _tail(raw: Any) -> dict[tuple[str, str], int]:
    """(source, id) -> event_pk of the events that are not indexed yet."""
    rows = raw.execute("SELECT source, event_id, event_pk FROM events WHERE event_pk > ?", (fetch_marks(raw).indexed,))
    return {(row[0], row[1]): row[2] for row in rows}


def _stored_rev(raw: Any, tail: dict[tuple[str, str], int], told: ShadowEvent) -> int | None:
    key = tail.get((told.source, told.event_id))
    if key is None:
        row = raw.execute(
            "SELECT event_pk FROM event_keys WHERE source = ? AND event_id = ?", (told.source, told.event_id)
        ).fetchone()
        key = row[0] if row else None
    row = raw.execute("SELECT rev FROM events WHERE event_pk = ?", (key,)).fetchone() if key is not None else None
    return row[0] if row else None


def _compare_reading(shadow: Shadow, row: tuple[Any, ...], series: tuple[str, str, str], found: Difference) -> None:
    if not shadow.is_covered(row[3]):
        found.uncovered += 1
        return
    found.before += 1
    marked = shadow.raw.execute(
        "UPDATE readings SET state = ? WHERE us = ? AND device = ? AND metric = ? AND unit = ? AND value = ?",
        (SAME, row[0], *series, row[2]),
    ).rowcount
    if marked:
        found.kept += 1
    else:
        found.removed += 1
        shadow.raw.execute("INSERT INTO reading_removals VALUES (?, ?, ?, ?)", row)


def _compare_position(shadow: Shadow, row: tuple[Any, ...], found: Difference) -> None:
    if not shadow.is_covered(row[4]):
        found.uncovered += 1
        return
    found.before += 1
    told = shadow.raw.execute(
        "SELECT altitude_m, accuracy_m, speed_mps, heading_deg FROM positions "
        "WHERE us = ? AND device = ? AND longitude = ? AND latitude = ?",
        row[:4],
    ).fetchone()
    if told == row[5:]:
        found.kept += 1
        shadow.raw.execute(
            "UPDATE positions SET state = ? WHERE us = ? AND device = ? AND longitude = ? AND latitude = ?",
            (SAME, *row[:4]),
        )
        return
    found.removed += told is None
    found.changed += told is not None
    shadow.raw.execute("INSERT INTO position_removals VALUES (?, ?, ?, ?, ?)", row[:5])
    if told is not None:
        shadow.raw.execute(
            "UPDATE positions SET state = ? WHERE us = ? AND device = ? AND longitude = ? AND latitude = ?",
            (CHANGED, *row[:4]),
        )


def _leave_rolled_up(store: Store, shadow: Shadow, table: str, stored: str, found: Difference) -> int:
    """Mark what is older than what the store keeps of a table; from which instant on it keeps."""
    with store.read() as connection:
        kept_from = fetch_horizon(raw_connection(connection), stored)
    found.rolled_up = shadow.raw.execute(f"UPDATE {table} SET state = {GONE} WHERE us < ?", (kept_from,)).rowcount
    return kept_from


def _look_for_rows(store: Store, shadow: Shadow, table: str, here: str) -> None:
    """Mark those that no row of the range met, but that are stored from a message that is not in the range."""
    width = here.count("?")
    key = {"readings": "us, device, metric, unit, value", "positions": "us, device, longitude, latitude"}[table]
    for chunk in shadow.rows(f"SELECT {key} FROM {table} WHERE state = 0"):
        with store.read() as connection:
            raw = raw_connection(connection)
            kept = [row for row in chunk if raw.execute(here, row[:width]).fetchone()]
        where = " AND ".join(f"{name} = ?" for name in key.split(", "))
        shadow.raw.executemany(f"UPDATE {table} SET state = {KEPT} WHERE {where}", kept)


def _next_rows(store: Store, query: str, after: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    with store.read() as connection:
        rows: list[tuple[Any, ...]] = raw_connection(connection).execute(query, (*after, SCAN)).fetchall()
    return rows
