"""The plate watch list: keyed hashes of number plates, and the reads that matched. No plate in clear comes here.

A hash says nothing to who has not the site's key, and the same plate has the same. It is matched whole: a plate that
was misread by one letter does not match. Called by `serve` and `cli`, and by the jobs process for each read.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from appliance.clock import from_us, to_us
from appliance.errors import Conflict, NotFound, Rejected
from appliance.model.iot import NewWatchEntry, WatchEntry, WatchHit
from appliance.spatial.cells import to_hex
from appliance.store.alerts import close_alert
from appliance.store.audit import insert_audit
from appliance.store.device.zones import ZONE_OF_DEVICE
from appliance.store.engine import raw_connection
from appliance.store.iot.activity import PLATE
from firmware_bridge.plate import hash_plate, plain_plate

ALERT = "watch_list"
"""The kind of alert that a read raises."""
MAX_ENTRIES = 5_000
KEEP_HITS = 10_000  # the newest
KEEP_HIT_DAYS = 90  # where somebody drove is nobody's business for ever

_ZONE_OF_PLACE = """
(SELECT z.zone FROM zones AS z WHERE z.zone_pk IN (
    SELECT pkid FROM idx_zones_geom WHERE xmin <= ST_X(e.geom) AND xmax >= ST_X(e.geom)
        AND ymin <= ST_Y(e.geom) AND ymax >= ST_Y(e.geom))
AND ST_Intersects(z.geom, e.geom) ORDER BY ST_Area(z.geom), z.zone LIMIT 1)
"""
_READ = f"""
SELECT e.source, e.event_id, e.event_timestamp, e.h3_index, json_extract(e.attributes_json, '$.score'),
    coalesce((SELECT {ZONE_OF_DEVICE} FROM devices AS d WHERE d.source = e.source), {_ZONE_OF_PLACE}, '')
FROM events AS e WHERE e.event_pk = ?
"""
_HIT = """
INSERT INTO watch_list_hits (entry_id, label, source, event_id, observed_at, h3_index, score, zone)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_HITS = "SELECT hit_id, entry_id, label, source, event_id, observed_at, zone, h3_index, score FROM watch_list_hits"
_ENTRIES = """
SELECT w.entry_id, w.label, w.reason, w.added_by, w.added_at, w.expires_at, count(h.hit_id), max(h.observed_at)
FROM watch_list AS w LEFT JOIN watch_list_hits AS h ON h.entry_id = w.entry_id
"""


class WatchPage(msgspec.Struct, frozen=True, kw_only=True):
    """Entries, the last added first; `next_cursor` is None on the last page."""

    items: list[WatchEntry]
    next_cursor: str | None


class HitPage(msgspec.Struct, frozen=True, kw_only=True):
    """Reads that matched, the last found first; `next_cursor` is None on the last page."""

    items: list[WatchHit]
    next_cursor: str | None


def hash_wanted(entry: NewWatchEntry, key: bytes, *, now: datetime) -> str:
    """The keyed hash of the plate that a person wants looked for.

    raises  Rejected  no plate, or two; the plate stands in the label or the reason too; it would be over at once
    """
    if entry.expires_at is not None and (entry.expires_at.tzinfo is None or entry.expires_at <= now):
        raise Rejected("is a time to come, with its offset, as in 2026-12-31T00:00:00Z", "$.expires_at")
    if bool(entry.plate) == (entry.plate_hash is not None):
        raise Rejected("needed: the plate, or the plate_hash of an event, and not both", "$.plate")
    if entry.plate_hash is not None:
        return entry.plate_hash
    plain = plain_plate(entry.plate)
    if not plain:
        raise Rejected("holds no letter and no digit", "$.plate")
    for name in ("label", "reason"):  # they are kept, shown and sent with the alarm
        if plain in plain_plate(getattr(entry, name)):
            raise Rejected("holds the plate itself, which is kept nowhere; call the entry otherwise", f"$.{name}")
    return hash_plate(entry.plate, key)


def insert_watch_entry(
    connection: sa.Connection,
    *,
    plate_hash: str,
    label: str,
    reason: str,
    expires_at: datetime | None,
    who: str,
    now: datetime,
) -> WatchEntry:
    """Put a plate on the list; who did it is in the audit log. What is over makes room.

    raises  Conflict  it is on the list already, or the list is full
    """
    raw = raw_connection(connection)
    raw.execute("DELETE FROM watch_list WHERE expires_at <= ? AND plate_hash = ?", (to_us(now), plate_hash))
    known = raw.execute("SELECT entry_id, label FROM watch_list WHERE plate_hash = ?", (plate_hash,)).fetchone()
    if known:
        raise Conflict(f"this plate is on the watch list already, as entry {known[0]}, {known[1]!r}; remove that first")
    if raw.execute("SELECT count(*) FROM watch_list").fetchone()[0] >= MAX_ENTRIES:
        raw.execute("DELETE FROM watch_list WHERE expires_at <= ?", (to_us(now),))
    if raw.execute("SELECT count(*) FROM watch_list").fetchone()[0] >= MAX_ENTRIES:
        raise Conflict(f"the watch list has {MAX_ENTRIES} entries; remove some first")
    entry_id = raw.execute(
        "INSERT INTO watch_list (plate_hash, label, reason, added_by, added_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
        (plate_hash, label, reason, who, to_us(now), to_us(expires_at) if expires_at else None),
    ).lastrowid
    insert_audit(
        connection,
        who=who,
        action="watchlist.add",
        subject=f"watchlist/{entry_id}",
        at=now,
        detail={"label": label, "reason": reason},
    )
    return fetch_watch_entry(connection, entry_id, now=now)


def delete_watch_entry(connection: sa.Connection, entry_id: int, *, who: str, now: datetime) -> WatchEntry:
    """Take a plate off the list; the entry as it was. Its hits stay.

    raises  NotFound
    """
    entry = fetch_watch_entry(connection, entry_id, now=now)
    raw_connection(connection).execute("DELETE FROM watch_list WHERE entry_id = ?", (entry_id,))
    close_hit_alerts(connection, entry_id=entry_id, now=now)
    insert_audit(
        connection,
        who=who,
        action="watchlist.remove",
        subject=f"watchlist/{entry_id}",
        at=now,
        detail={"label": entry.label},
    )
    return entry


def fetch_watch_entry(connection: sa.Connection, entry_id: int, *, now: datetime) -> WatchEntry:
    """One entry.

    raises  NotFound
    """
    row = (
        raw_connection(connection)
        .execute(f"{_ENTRIES} WHERE w.entry_id = ? GROUP BY w.entry_id", (entry_id,))
        .fetchone()
    )
    if row is None:
        raise NotFound(f"no entry {entry_id} on the watch list; `hexpost watchlist list` shows those there are")
    return _entry(row, to_us(now))


def fetch_watch_list(
    connection: sa.Connection, *, now: datetime, before: int | None = None, limit: int = 100
) -> WatchPage:
    """Entries, the last added first; those added before an id where asked."""
    rows = (
        raw_connection(connection)
        .execute(
            f"{_ENTRIES} WHERE (?1 IS NULL OR w.entry_id < ?1) GROUP BY w.entry_id ORDER BY w.entry_id DESC LIMIT ?2",
            (before, limit + 1),
        )
        .fetchall()
    )
    items = [_entry(row, to_us(now)) for row in rows[:limit]]
    return WatchPage(items=items, next_cursor=str(items[-1].id) if len(rows) > limit else None)


def fetch_wanted(raw: Any, now: int) -> dict[str, tuple[int, str]]:
    """Plate hash -> (entry, label) of what is looked for at an instant."""
    rows = raw.execute(
        "SELECT plate_hash, entry_id, label FROM watch_list WHERE expires_at IS NULL OR expires_at > ?", (now,)
    )
    return {plate_hash: (entry_id, label) for plate_hash, entry_id, label in rows}


def count_wanted(connection: sa.Connection, now: int) -> int:
    """How many plates are looked for at an instant."""
    return len(fetch_wanted(raw_connection(connection), now))


def record_hits(
    connection: sa.Connection, plates: Mapping[int, str], wanted: Mapping[str, tuple[int, str]]
) -> list[WatchHit]:
    """Write the reads of plates that are looked for; those that were not known yet.

    plates  event_pk -> hash of the plate that was read
    """
    raw = raw_connection(connection)
    found = []
    for key in sorted(key for key, plate in plates.items() if plate in wanted):
        row = raw.execute(_READ, (key,)).fetchone()
        if row is None:
            continue  # deleted meanwhile
        entry_id, label = wanted[plates[key]]
        source, event_id, observed_at, _, score, _ = row
        known = raw.execute(
            "SELECT hit_id FROM watch_list_hits WHERE entry_id = ? AND source = ? AND event_id = ?",
            (entry_id, source, event_id),
        ).fetchone()
        if known:  # corrected, or re-dated
            raw.execute(
                "UPDATE watch_list_hits SET observed_at = ?, score = ? WHERE hit_id = ? AND observed_at <> ?",
                (observed_at, score, known[0], observed_at),
            )
            continue
        hit_id = raw.execute(_HIT, (entry_id, label, *row)).lastrowid
        found.append(_hit(raw.execute(f"{_HITS} WHERE hit_id = ?", (hit_id,)).fetchone()))
    if found:
        raw.execute("DELETE FROM watch_list_hits WHERE hit_id <= ?", (found[-1].id - KEEP_HITS,))
    return found


def forget_hits(connection: sa.Connection, *, now: datetime) -> int:
    """Let reads go that are older than `KEEP_HIT_DAYS`; how many, of 500."""
    deleted: int = (
        raw_connection(connection)
        .execute(
            "DELETE FROM watch_list_hits WHERE hit_id IN "
            "(SELECT hit_id FROM watch_list_hits WHERE observed_at < ? ORDER BY observed_at LIMIT 500)",
            (to_us(now - timedelta(days=KEEP_HIT_DAYS)),),
        )
        .rowcount
    )
    return deleted


def close_hit_alerts(
    connection: sa.Connection, *, now: datetime, entry_id: int | None = None, idle_since: datetime | None = None
) -> int:
    """Close alerts of reads: of an entry, or those that have not been told again since an instant; how many, of 100."""
    subjects = raw_connection(connection).execute(
        "SELECT subject FROM alerts WHERE kind = ?1 AND state <> 'closed' "
        "AND (?2 IS NULL OR detail_json ->> '$.entry_id' = ?2) AND (?3 IS NULL OR last_at < ?3) LIMIT 100",
        (ALERT, entry_id, to_us(idle_since) if idle_since else None),
    )
    return sum(close_alert(connection, kind=ALERT, subject=subject, now=now) for (subject,) in subjects.fetchall())


def fetch_plates_since(connection: sa.Connection, since: int) -> dict[int, str]:
    """event_pk -> hash of the plate of reads of an instant or later: a camera may correct what it read."""
    return dict(
        raw_connection(connection)
        .execute(
            "SELECT event_pk, json_extract(attributes_json, '$.plate_hash') FROM events INDEXED BY events_time "
            "WHERE event_timestamp >= ? AND event_type = ? AND json_extract(attributes_json, '$.plate_hash') <> ''",
            (since, PLATE),
        )
        .fetchall()
    )


def fetch_hits(
    connection: sa.Connection, *, entry_id: int | None = None, before: int | None = None, limit: int = 100
) -> HitPage:
    """Reads that matched, the last found first; of one entry, and found before an id, where asked."""
    rows = (
        raw_connection(connection)
        .execute(
            f"{_HITS} WHERE (?1 IS NULL OR entry_id = ?1) AND (?2 IS NULL OR hit_id < ?2) "
            "ORDER BY hit_id DESC LIMIT ?3",
            (entry_id, before, limit + 1),
        )
        .fetchall()
    )
    items = [_hit(row) for row in rows[:limit]]
    return HitPage(items=items, next_cursor=str(items[-1].id) if len(rows) > limit else None)


def fetch_hits_since(connection: sa.Connection, since: int, limit: int = 1_000) -> list[WatchHit]:
    """Reads that matched of an instant or later, the newest first, at most `limit`."""
    rows = raw_connection(connection).execute(
        f"{_HITS} WHERE observed_at >= ? ORDER BY observed_at DESC LIMIT ?", (since, limit)
    )
    return [_hit(row) for row in rows]


def _entry(row: tuple[Any, ...], now: int) -> WatchEntry:
    return WatchEntry(
        id=row[0],
        label=row[1],
        reason=row[2],
        added_by=row[3],
        added_at=from_us(row[4]),
        expires_at=from_us(row[5]) if row[5] is not None else None,
        expired=row[5] is not None and row[5] <= now,
        hits=row[6],
        last_hit_at=from_us(row[7]) if row[7] is not None else None,
    )


def _hit(row: tuple[Any, ...]) -> WatchHit:
    return WatchHit(
        id=row[0],
        entry_id=row[1],
        label=row[2],
        source=row[3],
        event_id=row[4],
        observed_at=from_us(row[5]),
        zone=row[6],
        h3_index=to_hex(row[7]) if row[7] is not None else None,
        score=row[8] if isinstance(row[8], float | int) else None,
    )
