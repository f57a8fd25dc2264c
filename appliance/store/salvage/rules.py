"""Tables whose rows cannot simply be added by their key: what is put back must not act, sound or sound again by itself.

A command or a wave that was under way is not gone on with, since it may be carried out already; an alert that comes
back is listed and not told again; an outage without an end ended with the store. Called by `work`.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from appliance.clock import to_us
from appliance.store.clock.boots import fetch_boots, write_boots
from appliance.store.engine import Store, raw_connection
from appliance.store.salvage.source import Source, batches
from appliance.timekeeping import Boot

Row = dict[str, Any]
Came = Callable[[str, int, int], None]
LOST = "the store was lost before its outcome was known; order it again if it is still wanted"
AGAIN = "the store was lost; raised again where it still holds"
UNDER_WAY = ("queued", "sent", "accepted", "running")
BEGUN_ANEW = ("environment", "outage", "flood", "disk", "store_lost")
"""Kinds of alerts whose rules know nothing any more of what they have raised, so would never close it."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """How a table's rows come back.

    key    the column that numbers them, given anew; '' where there is none
    same   the columns by which a row that is here already is known
    adapt  (row, when the store was lost) -> the row as it is to stand here; None for one that is left
    """

    key: str = ""
    same: tuple[str, ...]
    adapt: Callable[[Row, int], Row | None]


def _alert(row: Row, lost_at: int) -> Row:
    if row["kind"] in BEGUN_ANEW and row["state"] != "closed":
        row |= {"state": "closed", "closed_at": lost_at, "note": row["note"] or AGAIN}
    return row | {"rev": 0}  # followed by nobody: it was told when it was raised


def _command(row: Row, lost_at: int) -> Row:
    return row | {"state": "failed", "message": LOST, "changed_at": lost_at} if row["state"] in UNDER_WAY else row


def _wave(row: Row, lost_at: int) -> Row:
    return row | {"state": "stopped", "message": LOST, "finished_at": lost_at} if row["state"] == "running" else row


def _wave_device(row: Row, _: int) -> Row:
    return row | {"state": "left", "message": LOST} if row["state"] in ("waiting", "ordered") else row


def _outage(row: Row, lost_at: int) -> Row:
    return row | {"ended_at": max(lost_at, row["began_at"])} if row["ended_at"] is None else row


def _backtest(row: Row, _: int) -> Row | None:
    return row if row["state"] == "done" else None


def _as_it_is(row: Row, _: int) -> Row:
    return row


RULES: Mapping[str, Rule] = {
    "alerts": Rule(key="alert_pk", same=("kind", "subject", "raised_at"), adapt=_alert),
    "anomalies": Rule(key="anomaly_id", same=("kind", "subject", "started_at", "found_at"), adapt=_as_it_is),
    "backtests": Rule(key="backtest_pk", same=("asked_at", "resolution"), adapt=_backtest),
    "commands": Rule(key="command_pk", same=("command_id",), adapt=_command),
    "firmware_waves": Rule(key="wave_pk", same=("wave_id",), adapt=_wave),
    "firmware_wave_devices": Rule(same=("wave_id", "device"), adapt=_wave_device),
    "outages": Rule(key="outage_pk", same=("kind", "segment", "began_at"), adapt=_outage),
}


def merge_by_rule(store: Store, source: Source, lost_at: datetime, came: Came) -> None:
    """Put back the tables of `RULES`, the parameters of the forecast, the watch list and its hits.

    lost_at  when the store was found to be lost
    raises   Unavailable  the store cannot be written now
    """
    theirs = source.tables()
    for table in sorted(RULES.keys() & theirs.keys()):
        with store.read() as connection:
            ours = raw_connection(connection).execute("SELECT name FROM pragma_table_info(?)", (table,)).fetchall()
        columns = [name for (name,) in ours if name in theirs[table]]
        for rows in batches(_rows(source, table, columns)):
            adapted = _adapt(source, table, rows, to_us(lost_at))
            with store.write() as connection:
                came(table, _add(raw_connection(connection), table, adapted), 0)
    for table, merge in (
        ("forecast_parameters", _merge_parameters),
        ("watch_list", _merge_watch_list),
        ("watch_list_hits", _merge_hits),
    ):
        if table in theirs:
            with store.write() as connection:
                came(table, merge(raw_connection(connection), source), 0)


def merge_boots(store: Store, source: Source, came: Came) -> None:
    """Put back the lines of the boot ledger, in the order of their stamps, so that rows that wait get their time."""
    if "boots" not in source.tables():
        return
    found = []
    for row in _rows(source, "boots", list(Boot.__struct_fields__)):
        try:
            found.append(msgspec.convert(row, Boot))
        except msgspec.ValidationError:
            source.count("boots")
    with store.write() as connection:
        raw = raw_connection(connection)
        ours = fetch_boots(raw)
        known = {boot.boot_id for boot in ours}
        fresh = {boot.boot_id: boot for boot in found if boot.boot_id not in known}
        if fresh:
            write_boots(raw, sorted((*fresh.values(), *ours), key=lambda boot: boot.stamps_from_us))
    came("boots", len(fresh), 0)


def merge_pins(store: Store, source: Source, came: Came) -> None:
    """Put back what cases hold, after the events: their keys are others here."""
    if "pinned_events" not in source.tables():
        return
    for rows in batches(source.rows("pinned_events", "event_pk, case_id, pinned_at")):
        named = [(source.row("SELECT source, event_id FROM events WHERE event_pk = ?", row[0]), row) for row in rows]
        with store.write() as connection:
            raw = raw_connection(connection)
            pins = [(_event_pk(raw, *name), *row[1:]) for name, row in named if name is not None]
            kept = [pin for pin in pins if pin[0] is not None]
            cursor = raw.executemany("INSERT OR IGNORE INTO pinned_events VALUES (?, ?, ?)", kept)
        came("pinned_events", max(0, cursor.rowcount), 0)
        if len(kept) < len(rows):
            source.count("pinned_events", len(rows) - len(kept))


def _event_pk(raw: Any, source: str, event_id: str) -> int | None:
    """The key of an event here, settled or of the tail."""
    row = raw.execute(
        "SELECT event_pk FROM event_keys WHERE source = ?1 AND event_id = ?2 UNION ALL SELECT event_pk FROM events "
        "WHERE event_pk > (SELECT indexed_pk FROM settled) AND source = ?1 AND event_id = ?2",
        (source, event_id),
    ).fetchone()
    return None if row is None else int(row[0])


def _rows(source: Source, table: str, columns: list[str]) -> Iterator[Row]:
    for row in source.rows(table, ", ".join(f'"{name}"' for name in columns)):
        yield dict(zip(columns, row, strict=True))


def _adapt(source: Source, table: str, rows: list[Row], lost_at: int) -> list[Row]:
    """Rows as they are to stand here; what a damaged page has made of one is counted and left."""
    kept = []
    for row in rows:
        try:
            adapted = RULES[table].adapt(row, lost_at)
        except TypeError:
            source.count(table)
            continue
        if adapted is not None:
            adapted.pop(RULES[table].key, None)
            kept.append(adapted)
    return kept


def _add(raw: Any, table: str, rows: list[Row]) -> int:
    added = 0
    same = " AND ".join(f'"{name}" IS :{name}' for name in RULES[table].same)
    for row in rows:
        names, values = ", ".join(f'"{name}"' for name in row), ", ".join(f":{name}" for name in row)
        added += raw.execute(
            f'INSERT OR IGNORE INTO "{table}" ({names}) SELECT {values} '
            f'WHERE NOT EXISTS (SELECT 1 FROM "{table}" WHERE {same})',
            row,
        ).rowcount
    return added


def _merge_parameters(raw: Any, source: Source) -> int:
    """Versions of the forecast's parameters; of two that are active the one that has learned from more stays so."""
    columns = [row[0] for row in raw.execute("SELECT name FROM pragma_table_info('forecast_parameters')")]
    added = 0
    for row in _rows(source, "forecast_parameters", columns):
        if row["state"] == "active":
            beaten = raw.execute(
                "UPDATE forecast_parameters SET state = 'retired' WHERE resolution = :resolution AND "
                "event_type = :event_type AND state = 'active' AND version <> :version AND events < :events",
                row,
            ).rowcount
            ours = raw.execute(
                "SELECT version FROM forecast_parameters WHERE resolution = :resolution AND "
                "event_type = :event_type AND state = 'active'",
                row,
            ).fetchone()
            if beaten and ours is None:
                raw.execute(
                    "UPDATE forecast_parameters SET state = 'active' WHERE resolution = :resolution AND "
                    "event_type = :event_type AND version = :version",
                    row,
                )
            elif ours is not None and ours[0] != row["version"]:
                row["state"] = "retired"
        names = ", ".join(columns)
        added += raw.execute(
            f"INSERT OR IGNORE INTO forecast_parameters ({names}) VALUES ({', '.join(f':{name}' for name in columns)})",
            row,
        ).rowcount
    return added


def _merge_watch_list(raw: Any, source: Source) -> int:
    """Plates that are looked for, under their own numbers, by which alerts name them, where these are free."""
    columns = "plate_hash, label, reason, added_by, added_at, expires_at"
    added = 0
    for row in source.rows("watch_list", f"entry_id, {columns}"):
        if raw.execute("SELECT 1 FROM watch_list WHERE plate_hash = ?", row[1:2]).fetchone() is None:
            taken = raw.execute("SELECT 1 FROM watch_list WHERE entry_id = ?", row[:1]).fetchone()
            key = None if taken else row[0]
            raw.execute(f"INSERT INTO watch_list (entry_id, {columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", (key, *row[1:]))
            added += 1
    return added


def _merge_hits(raw: Any, source: Source) -> int:
    """Where plates were seen; of an entry that is off the list since under a number that no other will have."""
    hashes = dict(source.rows("watch_list", "entry_id, plate_hash")) if "watch_list" in source.tables() else {}
    ours = {row[0]: row[1] for row in raw.execute("SELECT plate_hash, entry_id FROM watch_list")}
    columns = "label, source, event_id, observed_at, zone, h3_index, score"
    added = 0
    for row in source.rows("watch_list_hits", f"entry_id, {columns}"):
        key = ours.get(hashes.get(row[0]), -row[0])
        added += raw.execute(
            f"INSERT OR IGNORE INTO watch_list_hits (entry_id, {columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (key, *row[1:]),
        ).rowcount
    return added
