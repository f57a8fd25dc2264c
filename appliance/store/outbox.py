"""The outbox: which batch the centre is told next, what it has acknowledged, and how much is waiting.

An entry is a slice (table, resolution, day), not a row: the rows of a slice whose rev is above its acked_rev are
pending, so nothing is queued twice and a month offline costs no more than the rows it changed. At most one batch is
in flight; it is recorded before it is sent, and is made anew from the same slice and number until the centre has
answered. Called by `wiring`, which hands these functions to `sync.pump` as its outbox.
"""

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from appliance.clock import from_us, rfc3339, to_us
from appliance.errors import Conflict, Unavailable
from appliance.model.change import COLUMNS, Batch, ChangeKind, Position, Slice, SyncStatus
from appliance.spatial.geometry import multipolygon_ewkb, polygons_from_blob
from appliance.store.engine import Store

_PENDING = "outbox AS o INDEXED BY outbox_pending"  # SQLite, left to itself, reads all that was ever acknowledged
_SLICE = "kind = ? AND resolution = ? AND day = ?"
_TABLES: dict[ChangeKind, tuple[str, ...]] = {
    "h3_cells": ("h3_cells",),
    "cell_aggregates": ("cell_aggregates",),
    "risk_scores": ("composite_scores", "forecast_scores"),  # joined to the view, SQLite would make all of it first
    "anomaly_flags": ("anomaly_flags",),
}


class _Flight(msgspec.Struct, frozen=True, kw_only=True):
    """The batch sent and not yet acknowledged."""

    seq: int
    slice: Slice
    upto_rev: int


def position(store: Store) -> Position:
    """Where the box believes the centre to be; ask before greeting the centre, for `reconcile`."""
    with store.read() as connection:
        return _position(connection)


def next_batch(store: Store, *, site_id: str, batch_rows: int) -> Batch | None:
    """The batch in flight, made anew; else one of the oldest pending slice, now in flight; None: nothing is pending.

    Cells come before the rows that need them. A batch made anew may lack rows of its first making that have changed
    since: those have a higher rev and come later, so it does not matter which of the two the centre has applied.

    batch_rows  the most rows, living and gone together, that a batch carries
    """
    with store.read() as connection:
        flight = _flight(connection)
        if flight:
            return _build(connection, site_id, flight)
        if _oldest_pending(connection) is None:
            return None
    with store.write() as connection:
        flight = _flight(connection) or _take_off(connection, batch_rows)
        return _build(connection, site_id, flight) if flight else None


def acknowledge(store: Store, seq: int, now: datetime) -> None:
    """The centre has batch `seq`. Saying so twice changes nothing.

    raises  Conflict  the batch was never sent
    """
    with store.write() as connection:
        flight = _flight(connection)
        if flight and flight.seq == seq:
            _settle(connection, flight, now)
        elif seq > _position(connection).last_seq:
            raise Conflict(f"acknowledging batch {seq}: it was never sent; run `hexpost verify`")


def reconcile(store: Store, *, before: Position, central: Position, now: datetime) -> None:
    """Agree with the centre, just greeted, on what it has.

    before   `position` as it was before the greeting: had another process moved it since, the centre's answer
             could look older than it is
    central  what the centre said; if that is the batch in flight, its acknowledgement was lost on the way; if it is
             less than the centre once had, it was put back from a backup and is told everything again
    raises   Conflict     the centre has heard more from this site than this store ever sent
             Unavailable  another process is sending from this store
    """
    with store.write() as connection:
        mine, flight = _position(connection), _flight(connection)
        if mine != before:
            raise Unavailable("greeting the centre: another process is sending from this store; it will be tried again")
        if _takes_claim(connection):  # this store was put back: whatever the centre has heard, it begins above it
            if central.epoch >= mine.epoch:
                begin_epoch(connection, above=central.epoch)
        elif flight and central == Position(epoch=mine.epoch, last_seq=flight.seq):
            _settle(connection, flight, now)
        elif central.epoch > mine.epoch or (central.epoch == mine.epoch and central.last_seq > mine.last_seq):
            raise Conflict(
                f"greeting the centre: it has batch {central.last_seq} of epoch {central.epoch} from this site, this "
                f"store has sent {mine.last_seq} of epoch {mine.epoch}; if two boxes share site.id give each its own, "
                "if this store is a copy put back by hand use `hexpost restore`, which starts an epoch of its own"
            )
        elif mine.last_seq and central != mine:
            begin_epoch(connection, above=max(mine.epoch, central.epoch))


def begin_epoch(connection: sa.Connection, *, above: int) -> int:
    """Count batches from 1 again in an epoch higher than `above` and the store's own, with everything pending.

    The centre lets rows of a higher epoch win whatever their rev, so it ends up equal to the box slice by slice.
    Called when the centre was put back from a backup, and by a restore of the box.
    returns  the new epoch
    """
    connection.exec_driver_sql("UPDATE site SET epoch = max(epoch, ?) + 1", (above,))
    connection.exec_driver_sql("UPDATE outbox SET acked_rev = 0")
    connection.exec_driver_sql("DELETE FROM tombstones")  # a complete slice of a new epoch says itself what is gone
    connection.exec_driver_sql("UPDATE sync_state SET last_seq = 0")
    _land(connection)
    return _position(connection).epoch


def _takes_claim(connection: sa.Connection) -> bool:
    """Whether this store was put back and greets the centre for the first time since; it is asked once."""
    cursor = connection.exec_driver_sql("UPDATE site SET claims_epoch = 0 WHERE claims_epoch RETURNING 1")
    return cursor.first() is not None


def sync_status(store: Store) -> SyncStatus:
    """How far the centre is behind, counted exactly."""
    with store.read() as connection:
        rows = count_pending(connection)
        slices, day = connection.exec_driver_sql(
            f"SELECT count(*), min(nullif(day, '')) FROM {_PENDING} WHERE rev > acked_rev"
        ).one()
        last_seq, acked_us = connection.exec_driver_sql("SELECT last_seq, last_acked_at FROM sync_state").one()
    return SyncStatus(
        last_seq=last_seq,
        pending_slices=slices,
        pending_rows=rows,
        oldest_pending_day=day,
        last_acked_at=None if acked_us is None else rfc3339(from_us(acked_us)),
    )


def count_pending(connection: sa.Connection) -> int:
    """Rows, living and gone, that the centre has yet to be told; reads only the slices that are pending."""
    of_kind = [(table, f"'{kind}'") for kind, tables in _TABLES.items() for table in tables]
    counts = " UNION ALL ".join(
        f"SELECT count(*) AS n FROM {_PENDING} CROSS JOIN {table} ON o.kind = {kind} AND {table}.rev > o.acked_rev "
        f"AND {table}.resolution = o.resolution {'' if table == 'h3_cells' else f'AND {table}.day = o.day'} "
        "WHERE o.rev > o.acked_rev"
        for table, kind in [*of_kind, ("tombstones", "tombstones.kind")]
    )
    rows: int = connection.exec_driver_sql(f"SELECT sum(n) FROM ({counts})").scalar_one()
    return rows


def _position(connection: sa.Connection) -> Position:
    epoch, last_seq = connection.exec_driver_sql("SELECT epoch, last_seq FROM site, sync_state").one()
    return Position(epoch=epoch, last_seq=last_seq)


def _flight(connection: sa.Connection) -> _Flight | None:
    seq, kind, resolution, day, rev = connection.exec_driver_sql(
        "SELECT flight_seq, flight_kind, flight_resolution, flight_day, flight_rev FROM sync_state"
    ).one()
    if seq is None:
        return None
    return _Flight(seq=seq, slice=Slice(kind=kind, resolution=resolution, day=day), upto_rev=rev)


def _oldest_pending(connection: sa.Connection) -> tuple[Slice, int, int] | None:
    """The slice whose turn it is, its rev and its acked_rev."""
    row = connection.exec_driver_sql(
        f"SELECT kind, resolution, day, rev, acked_rev FROM {_PENDING} WHERE rev > acked_rev "
        "ORDER BY kind = 'h3_cells' DESC, rev LIMIT 1"
    ).first()
    return (Slice(kind=row[0], resolution=row[1], day=row[2]), row[3], row[4]) if row else None


def _take_off(connection: sa.Connection, batch_rows: int) -> _Flight | None:
    """Choose the next batch and record it as in flight."""
    pending = _oldest_pending(connection)
    if pending is None:
        return None
    at, highest, acked = pending
    where, key = _rows_of(at)
    revs = connection.exec_driver_sql(
        f"SELECT rev FROM {at.kind} WHERE {where} AND rev > ? "
        f"UNION ALL SELECT rev FROM tombstones WHERE {_SLICE} AND rev > ? ORDER BY rev LIMIT ?",
        (*key, acked, at.kind, at.resolution, at.day, acked, batch_rows + 1),
    ).all()
    upto = revs[batch_rows - 1][0] if len(revs) > batch_rows else highest
    flight = _Flight(seq=_position(connection).last_seq + 1, slice=at, upto_rev=upto)
    connection.exec_driver_sql(
        "UPDATE sync_state SET flight_seq = ?, flight_kind = ?, flight_resolution = ?, flight_day = ?, flight_rev = ?",
        (flight.seq, at.kind, at.resolution, at.day, upto),
    )
    return flight


def _build(connection: sa.Connection, site_id: str, flight: _Flight) -> Batch:
    at, upto = flight.slice, flight.upto_rev
    named = (at.kind, at.resolution, at.day)
    entry = connection.exec_driver_sql(f"SELECT acked_rev, rev FROM outbox WHERE {_SLICE}", named).first()
    acked, complete = (entry[0], upto >= entry[1]) if entry else (0, False)
    where, key = _rows_of(at)
    rows = connection.exec_driver_sql(
        f"SELECT {', '.join(COLUMNS[at.kind])} FROM {at.kind} WHERE {where} AND rev > ? AND rev <= ? ORDER BY rev",
        (*key, acked, upto),
    )
    gone = connection.exec_driver_sql(
        f"SELECT h3_index, rev, profile FROM tombstones WHERE {_SLICE} AND rev > ? AND rev <= ? ORDER BY rev",
        (*named, acked, upto),
    )
    return Batch(
        site_id=site_id,
        epoch=_position(connection).epoch,
        seq=flight.seq,
        slice=at,
        rows=_outward(at.kind, [tuple(row) for row in rows]),
        gone=[(cell, rev, profile) for cell, rev, profile in gone],
        upto_rev=upto,
        complete=complete,
    )


def _rows_of(at: Slice) -> tuple[str, tuple[Any, ...]]:
    """The condition on a table's rows that are of this slice, and its parameters."""
    if at.kind == "h3_cells":
        return "resolution = ?", (at.resolution,)
    return "resolution = ? AND day = ?", (at.resolution, at.day)


def _outward(kind: ChangeKind, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows as the store keeps them, turned into what `COLUMNS` promises."""
    if kind == "h3_cells":
        at = COLUMNS[kind].index("geom")
        return [(*row[:at], multipolygon_ewkb(polygons_from_blob(row[at])), *row[at + 1 :]) for row in rows]
    if kind == "anomaly_flags":
        at = COLUMNS[kind].index("flagged")
        return [(*row[:at], bool(row[at]), *row[at + 1 :]) for row in rows]
    return rows


def _settle(connection: sa.Connection, flight: _Flight, now: datetime) -> None:
    at = flight.slice
    key = (at.kind, at.resolution, at.day)
    connection.exec_driver_sql(f"UPDATE outbox SET acked_rev = ? WHERE {_SLICE}", (flight.upto_rev, *key))
    connection.exec_driver_sql(f"DELETE FROM tombstones WHERE {_SLICE} AND rev <= ?", (*key, flight.upto_rev))
    connection.exec_driver_sql("UPDATE sync_state SET last_seq = ?, last_acked_at = ?", (flight.seq, to_us(now)))
    _land(connection)


def _land(connection: sa.Connection) -> None:
    connection.exec_driver_sql(
        "UPDATE sync_state SET flight_seq = NULL, flight_kind = NULL, flight_resolution = NULL, flight_day = NULL, "
        "flight_rev = NULL"
    )
