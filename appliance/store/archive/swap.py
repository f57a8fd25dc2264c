"""The shadow takes over: what differs is changed in the store in one transaction, with its index, counters and balance.

Each row is looked at again: one that was corrected, deleted or stored meanwhile is left as it is now. The balance
holds: what is added was received (again) and stored; what was in quarantine and is understood has left it; what is
removed is counted as withdrawn.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from appliance.aggregate.hours import SiteHours
from appliance.clock import to_us
from appliance.model.tier import READINGS
from appliance.spatial.cells import EVENT_RESOLUTION, cell_of
from appliance.spatial.geometry import point_blob
from appliance.store.archive.difference import is_elsewhere
from appliance.store.archive.shadow import Shadow, ShadowEvent, fix_of, reading_of
from appliance.store.audit import insert_audit
from appliance.store.engine import Store, raw_connection
from appliance.store.event.writer import EventWriter, contents_of
from appliance.store.measured.open_bins import fetch_horizon, mark_written
from appliance.store.measured.positions import insert_fixes
from appliance.store.measured.readings import Series, insert_readings
from appliance.store.settled.settle import Spot, delete_events, fetch_resolutions, follow_change
from appliance.store.settled.tally import Tally
from appliance.store.totals import add_totals

_UPDATE = """
UPDATE events SET event_type = ?, event_timestamp = ?, recorded_at = ?, clock_quality = ?, h3_index = ?, severity = ?,
                  value = ?, attributes_json = ?, rev = ?, geom = ? WHERE event_pk = ?
"""


class Swapped(msgspec.Struct, kw_only=True):
    """What was done. Grows within the transaction."""

    events_added: int = 0
    events_changed: int = 0
    events_removed: int = 0
    readings_added: int = 0
    readings_removed: int = 0
    positions_added: int = 0
    positions_removed: int = 0
    quarantine_left: int = 0


def swap_in(store: Store, shadow: Shadow, *, hours: SiteHours, now: datetime, who: str, subject: str) -> Swapped:
    """Take over everything that `difference` found, in one transaction; its length is that of what differs.

    raises  Unavailable  the store cannot be written now: nothing is done
    """
    done, at = Swapped(), to_us(now)
    with store.write() as connection:
        resolutions = fetch_resolutions(connection)
        tally = Tally(hours, resolutions)
        for rows in shadow.rows("SELECT event_pk, received_at, rev FROM event_removals"):
            going = _unchanged(connection, rows, " AND event_pk NOT IN (SELECT event_pk FROM pinned_events)")
            done.events_removed += delete_events(connection, tally, going, uncount=True)
        for rows in shadow.rows("SELECT event_pk, received_at, rev, source, event_id FROM event_changes"):
            done.events_changed += _change(connection, shadow, tally, rows, at)
        tally.write(connection)
        _insert_events(connection, shadow, EventWriter(hours, resolutions), at, done)
        _swap_readings(connection, shadow, done)
        _swap_positions(connection, shadow, done)
        done.quarantine_left = _leave_quarantine(connection, shadow)
        add_totals(connection, _balance(done))
        insert_audit(
            connection,
            who=who,
            action="archive.reprocess",
            subject=subject,
            at=now,
            detail=msgspec.structs.asdict(done),
        )
    return done


def _unchanged(connection: sa.Connection, rows: Iterable[tuple[Any, ...]], further: str = "") -> list[int]:
    """Of (event_pk, received_at, rev) the keys of those that are still as they were."""
    raw = raw_connection(connection)
    find = f"SELECT 1 FROM events WHERE event_pk = ? AND received_at = ? AND rev = ?{further}"
    return [row[0] for row in rows if raw.execute(find, row[:3]).fetchone()]


def _change(connection: sa.Connection, shadow: Shadow, tally: Tally, rows: list[tuple[Any, ...]], at: int) -> int:
    raw = raw_connection(connection)
    unchanged = set(_unchanged(connection, rows))
    for key, _, _, source, event_id in rows:
        told = shadow.find_event(source, event_id) if key in unchanged else None
        if told is None:
            continue
        event_type, us, quality, cell, point, attributes = raw.execute(
            "SELECT event_type, event_timestamp, clock_quality, h3_index, geom, attributes_json FROM events "
            "WHERE event_pk = ?",
            (key,),
        ).fetchone()
        before = Spot(us, event_type, cell, point)
        after = Spot(told.us, told.event_type, *_place(told, cell, point))
        sealed = msgspec.json.decode(attributes).get("plate_sealed") or told.plate_sealed
        raw.execute(
            _UPDATE,
            (
                told.event_type,
                told.us,
                at,
                quality if told.us == us else told.clock_quality,
                after.cell,
                told.severity,
                told.value,
                msgspec.json.encode(told.attributes_with(sealed)).decode(),
                told.rev,
                after.point,
                key,
            ),
        )
        follow_change(connection, tally, key, before, after)
    return len(unchanged)


def _place(told: ShadowEvent, cell: int | None, point: bytes | None) -> tuple[int | None, bytes | None]:
    """Cell and geometry: those that are stored, unless the event's own message puts it elsewhere."""
    if told.longitude is None or told.latitude is None or not is_elsewhere(told, point):
        return cell, point
    lng, lat = told.longitude, told.latitude
    return cell_of(lat=lat, lng=lng, resolution=EVENT_RESOLUTION), point_blob(lng, lat)


def _insert_events(connection: sa.Connection, shadow: Shadow, writer: EventWriter, at: int, done: Swapped) -> None:
    for chunk in shadow.events(0):
        events = [told.event() for told in chunk]
        outcomes = writer.insert(connection, events, contents_of(events, at))
        done.events_added += outcomes.count("stored")
        done.events_changed += outcomes.count("corrected")


def _swap_readings(connection: sa.Connection, shadow: Shadow, done: Swapped) -> None:
    raw = raw_connection(connection)
    kept_from = fetch_horizon(raw, READINGS.raw)  # retention may have gone on since they were compared
    for rows in shadow.rows(f"SELECT us, series_pk, value, received_at FROM reading_removals WHERE us >= {kept_from}"):
        mark_written(raw, READINGS, (row[0] for row in rows))
        done.readings_removed += raw.executemany(
            "DELETE FROM reading_values WHERE observed_at = ? AND series_pk = ? AND value = ? AND received_at = ?", rows
        ).rowcount
    known: dict[Series, int] = {}
    for rows in shadow.rows(
        "SELECT us, device, metric, unit, value, received_at, clock_quality FROM readings "
        f"WHERE state = 0 AND us >= {kept_from}"
    ):
        written = insert_readings(connection, [reading_of(row) for row in rows], known)
        known |= written.series
        done.readings_added += written.stored


def _swap_positions(connection: sa.Connection, shadow: Shadow, done: Swapped) -> None:
    raw = raw_connection(connection)
    kept_from = fetch_horizon(raw, "positions")
    for rows in shadow.rows("SELECT us, device, longitude, latitude, received_at FROM position_removals"):
        done.positions_removed += raw.executemany(
            "DELETE FROM positions WHERE observed_at = ? AND device = ? AND longitude = ? AND latitude = ? "
            "AND received_at = ?",
            rows,
        ).rowcount
    for rows in shadow.rows(f"SELECT * FROM positions WHERE state IN (0, 2) AND us >= {kept_from}"):
        done.positions_added += insert_fixes(connection, [fix_of(row) for row in rows])


def _leave_quarantine(connection: sa.Connection, shadow: Shadow) -> int:
    """Take the messages out of quarantine that are understood now; how many. Its entry goes with its last message."""
    raw = raw_connection(connection)
    left = 0
    for entry, came in shadow.raw.execute("SELECT quarantine_pk, came FROM entries").fetchall():
        row = raw.execute("SELECT count FROM quarantine WHERE quarantine_pk = ?", (entry,)).fetchone()
        if row is None:
            continue
        left += min(came, row[0])
        if row[0] <= came:
            raw.execute("DELETE FROM quarantine WHERE quarantine_pk = ?", (entry,))
        else:
            raw.execute("UPDATE quarantine SET count = count - ? WHERE quarantine_pk = ?", (came, entry))
    return left


def _balance(done: Swapped) -> dict[tuple[str, str], int]:
    """Added items are received, but for as many as left quarantine: they were. What left it for nothing is folded."""
    added = done.events_added + done.readings_added + done.positions_added
    return {
        ("received", ""): max(added - done.quarantine_left, 0),
        ("quarantined", ""): -done.quarantine_left,
        ("folded", "reprocessed"): max(done.quarantine_left - added, 0),
        ("stored", ""): done.events_added,
        ("stored", "reading"): done.readings_added,
        ("stored", "position"): done.positions_added,
        ("withdrawn", "reading"): done.readings_removed,
        ("withdrawn", "position"): done.positions_removed,
        ("reprocessed", ""): done.events_changed + done.events_removed,  # a run must see that there is something new
    }
