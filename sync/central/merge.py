"""The SQL that brings a batch into the centre's tables. Called by `sync.upstream_postgres`, in this order:

`introduce` the site, `stage` the rows in a temporary table, which takes no lock, then `apply_batch` in the same
transaction: lock the site, let `sync.change.judge` decide, merge, remember. A link that dies while the rows are on
their way therefore holds nothing that the next attempt would have to wait for.
"""

from collections.abc import Iterable
from operator import itemgetter
from typing import Any

import psycopg
from psycopg import sql

from appliance.errors import Rejected
from appliance.model.change import COLUMNS, Batch, ChangeKind, Position, Slice
from appliance.model.settings import Site
from sync.change import Applied, Receipt, judge

LEDGER_KEEP = 1_000  # batches remembered per site; one is in flight, the rest are for people
STATEMENT_S = 60  # bounds each statement of a merge

Connection = psycopg.Connection[Any]

_TYPES = {
    "h3_index": "int8",
    "centre_longitude": "float8",
    "centre_latitude": "float8",
    "geom": "bytea",
    "event_count": "int4",
    "rolling_7d_avg": "float8",
    "growth_rate": "float8",
    "profile": "text",
    "risk_score": "float8",
    "risk_level": "text",
    "z_score": "float8",
    "flagged": "bool",
    "rev": "int8",
}
_KEYS: dict[ChangeKind, tuple[str, ...]] = {
    "h3_cells": ("h3_index",),
    "cell_aggregates": ("h3_index",),
    "risk_scores": ("h3_index", "profile"),
    "anomaly_flags": ("h3_index",),
}
_OF_SLICE = ("resolution", "day")  # said once by the slice, so not staged with every row


def introduce(connection: Connection, site: Site) -> Position:
    """Note that a site has called, and say how far the centre has come with it."""
    with connection.transaction():
        connection.execute(
            "INSERT INTO hexpost.sites AS s (site_id, name, tenant, timezone, latitude, longitude) "
            "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (site_id) DO UPDATE SET name = excluded.name, "
            "tenant = excluded.tenant, timezone = excluded.timezone, latitude = excluded.latitude, "
            "longitude = excluded.longitude, last_seen = now()",
            (site.id, site.name, site.tenant, site.timezone, site.latitude, site.longitude),
        )
        connection.execute("INSERT INTO hexpost.sync_site (site_id) VALUES (%s) ON CONFLICT DO NOTHING", (site.id,))
        row = connection.execute(
            "SELECT epoch, last_seq FROM hexpost.sync_site WHERE site_id = %s", (site.id,)
        ).fetchone()
    epoch, last_seq = row or (0, 0)
    return Position(epoch=epoch, last_seq=last_seq)


def ensure_month(connection: Connection, day: str) -> None:
    """Have a partition ready for a day; in a transaction of its own, for making one takes a lock on the table."""
    connection.execute("SELECT hexpost.ensure_month(%s::date)", (day,))


def stage(connection: Connection, batch: Batch) -> None:
    """Send the rows, by binary COPY, into a temporary table that is empty again after the transaction.

    raises  Rejected  a value is not of its column's type
    """
    kind = batch.slice.kind
    columns = _staged(kind)
    definition = sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier(c), sql.SQL(_TYPES[c])) for c in columns)
    connection.execute(
        sql.SQL("CREATE TEMPORARY TABLE IF NOT EXISTS {} ({}) ON COMMIT DELETE ROWS").format(
            _stage_of(kind), definition
        )
    )
    pick = itemgetter(*(COLUMNS[kind].index(column) for column in columns))
    rows = (pick(row) for row in batch.rows)
    with connection.cursor() as cursor:
        try:
            _copy(cursor, kind, rows)
        except (TypeError, ValueError, OverflowError) as error:
            raise Rejected(f"sending batch {batch.seq}: a value of {kind} does not fit its column: {error}") from error


def _copy(cursor: psycopg.Cursor[Any], kind: ChangeKind, rows: Iterable[tuple[Any, ...]]) -> None:
    with cursor.copy(sql.SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(_stage_of(kind))) as copy:
        copy.set_types([_TYPES[column] for column in _staged(kind)])
        for row in rows:
            copy.write_row(row)


def apply_batch(connection: Connection, batch: Batch) -> Receipt:
    """Merge the staged rows if the batch is the next one, and write it into the ledger.

    raises  Conflict  the batch does not follow on what the centre has
    """
    central, known = _locked_position(connection, batch)
    if not judge(batch, central, known):
        return Receipt(seq=batch.seq, n_rows=len(batch.rows), n_changed=0, duplicate=True)
    with connection.pipeline():  # one round trip instead of three: a satellite link has half a second for each
        steps = [_merge(connection, batch)]
        if batch.gone:
            steps.append(_delete_gone(connection, batch))
        if batch.complete and batch.slice.day:
            steps.append(_delete_earlier_epochs(connection, batch))
    n_changed = sum(step.rowcount for step in steps)
    with connection.pipeline():
        _remember(connection, batch, n_changed)
    return Receipt(seq=batch.seq, n_rows=len(batch.rows), n_changed=n_changed)


def _locked_position(connection: Connection, batch: Batch) -> tuple[Position, Applied | None]:
    """Lock the site for the rest of the transaction; where it stands, and the ledger's entry for the batch.

    Two statements, because the second must see what was committed while the first waited.
    """
    with connection.pipeline():
        connection.execute("SELECT set_config('statement_timeout', %s, true)", (f"{STATEMENT_S}s",))
        site = connection.execute(
            "SELECT epoch, last_seq FROM hexpost.sync_site WHERE site_id = %s FOR UPDATE", (batch.site_id,)
        )
        entry = connection.execute(
            "SELECT kind, resolution, day, upto_rev FROM hexpost.sync_batch "
            "WHERE site_id = %s AND epoch = %s AND batch_seq = %s",
            (batch.site_id, batch.epoch, batch.seq),
        )
    epoch, last_seq = site.fetchone() or (0, 0)
    found = entry.fetchone()
    known = Applied(slice=Slice(kind=found[0], resolution=found[1], day=found[2]), upto_rev=found[3]) if found else None
    return Position(epoch=epoch, last_seq=last_seq), known


def _merge(connection: Connection, batch: Batch) -> psycopg.Cursor[Any]:
    """Insert or update what is newer than what is there, by (epoch, rev)."""
    kind = batch.slice.kind
    columns, keys = _staged(kind), _KEYS[kind]
    values = sql.SQL(", ").join(
        sql.SQL("ST_GeomFromEWKB({})" if c == "geom" else "{}").format(sql.Identifier(c)) for c in columns
    )
    at = _slice_columns(kind)
    target_key = ("site_id", *(c for c in at if kind != "h3_cells"), *keys)
    updated = [c for c in (*at, *columns, "epoch") if c not in target_key]
    statement = sql.SQL(
        "INSERT INTO {table} AS a (site_id, epoch, {at}, {columns}) "
        "SELECT DISTINCT ON ({keys}) %(site_id)s, %(epoch)s, {at_values}, {values} FROM {stage} "
        "ORDER BY {keys}, rev DESC "
        "ON CONFLICT ({target_key}) DO UPDATE SET {updates} WHERE (a.epoch, a.rev) < (excluded.epoch, excluded.rev)"
    ).format(
        table=sql.Identifier("hexpost", kind),
        at=_names(at),
        columns=_names(columns),
        keys=_names(keys),
        at_values=sql.SQL(", ").join(
            sql.SQL("{}::date" if c == "day" else "{}").format(sql.Placeholder(c)) for c in at
        ),
        values=values,
        stage=_stage_of(kind),
        target_key=_names(target_key),
        updates=sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(c)) for c in updated),
    )
    return connection.execute(statement, _parameters(batch))


def _delete_gone(connection: Connection, batch: Batch) -> psycopg.Cursor[Any]:
    same_profile = "AND a.profile = g.profile" if "profile" in _KEYS[batch.slice.kind] else ""
    statement = sql.SQL(
        "DELETE FROM {table} AS a USING unnest(%(cells)s::bigint[], %(revs)s::bigint[], %(profiles)s::text[]) "
        "AS g (h3_index, rev, profile) WHERE {of_slice} AND a.h3_index = g.h3_index {same_profile} "
        "AND (a.epoch, a.rev) <= (%(epoch)s, g.rev)"
    ).format(
        table=sql.Identifier("hexpost", batch.slice.kind),
        of_slice=_of_slice(batch.slice.kind),
        same_profile=sql.SQL(same_profile),
    )
    cells, revs, profiles = map(list, zip(*batch.gone, strict=True))
    return connection.execute(statement, {**_parameters(batch), "cells": cells, "revs": revs, "profiles": profiles})


def _delete_earlier_epochs(connection: Connection, batch: Batch) -> psycopg.Cursor[Any]:
    """The slice is complete in this epoch: what is left of an earlier one is no longer on the box.

    Cells stay: they are facts of the grid, and rows of days that the box has forgotten still need them.
    """
    statement = sql.SQL("DELETE FROM {table} AS a WHERE {of_slice} AND a.epoch < %(epoch)s").format(
        table=sql.Identifier("hexpost", batch.slice.kind), of_slice=_of_slice(batch.slice.kind)
    )
    return connection.execute(statement, _parameters(batch))


def _remember(connection: Connection, batch: Batch, n_changed: int) -> None:
    at = batch.slice
    connection.execute(
        "INSERT INTO hexpost.sync_batch (site_id, epoch, batch_seq, kind, resolution, day, upto_rev, n_rows, n_changed)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) "
        "ON CONFLICT (site_id, epoch, batch_seq) DO UPDATE SET kind = excluded.kind, resolution = excluded.resolution, "
        "day = excluded.day, upto_rev = excluded.upto_rev, n_rows = excluded.n_rows, n_changed = excluded.n_changed, "
        "applied_at = excluded.applied_at",
        (
            *(batch.site_id, batch.epoch, batch.seq, at.kind, at.resolution, at.day, batch.upto_rev),
            *(len(batch.rows), n_changed),
        ),
    )
    connection.execute(
        "UPDATE hexpost.sync_site SET epoch = %s, last_seq = %s WHERE site_id = %s",
        (batch.epoch, batch.seq, batch.site_id),
    )
    connection.execute(
        "DELETE FROM hexpost.sync_batch AS b USING (SELECT epoch, batch_seq FROM hexpost.sync_batch "
        "WHERE site_id = %(site)s ORDER BY epoch DESC, batch_seq DESC OFFSET %(keep)s) AS old "
        "WHERE b.site_id = %(site)s AND (b.epoch, b.batch_seq) = (old.epoch, old.batch_seq)",
        {"site": batch.site_id, "keep": LEDGER_KEEP},
    )


def _staged(kind: ChangeKind) -> tuple[str, ...]:
    return tuple(column for column in COLUMNS[kind] if column not in _OF_SLICE)


def _slice_columns(kind: ChangeKind) -> tuple[str, ...]:
    return tuple(column for column in _OF_SLICE if column in COLUMNS[kind])


def _of_slice(kind: ChangeKind) -> sql.Composable:
    conditions = [sql.SQL("a.site_id = %(site_id)s")] + [
        sql.SQL("a.day = %(day)s::date" if column == "day" else "a.resolution = %(resolution)s")
        for column in _slice_columns(kind)
    ]
    return sql.SQL(" AND ").join(conditions)


def _parameters(batch: Batch) -> dict[str, Any]:
    at = batch.slice
    return {"site_id": batch.site_id, "epoch": batch.epoch, "resolution": at.resolution, "day": at.day}


def _stage_of(kind: ChangeKind) -> sql.Composable:
    return sql.Identifier("pg_temp", f"stage_{kind}")


def _names(columns: tuple[str, ...]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
