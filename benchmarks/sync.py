"""Rows a second to a PostgreSQL on the same machine, against a bare COPY of the same rows in the same run.

    python -m benchmarks.sync [--rows 100000] [--passes 3]

The server is started for the run, with fsync. `send` is the upstream alone: COPY into the stage, merge, ledger,
commit, in batches of 5,000. `drain` is the whole way from the box's file: make the batch, record the flight, send,
acknowledge, each with its own commits on the disk below the temporary directory.
"""

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg

from appliance.model.change import Batch, Slice
from appliance.model.settings import Site
from appliance.store.engine import Store
from appliance.store.file.migrations import migrate as migrate_store
from sync.pump import Pump
from sync.upstream_postgres import PostgresUpstream
from tests.sync.box import Box
from tests.sync.postgres import Server, running_server

BATCH_ROWS = 5_000
RESOLUTION = 8
SITE = Site(id="benchmark")
FIRST_CELL = 0x88_2A_10_00_00_00_00_00 & 0x7FFF_FFFF_FFFF_FFFF
Row = tuple[int, int, str, str, float, str, int]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="sync against a bare COPY", prog="python -m benchmarks.sync")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--passes", type=int, default=3)
    options = parser.parse_args()
    measures: dict[str, Callable[[Server, int], float]] = {
        "bare COPY": bare_copy_s,
        "send, new rows": lambda server, n: send_s(server, n, again=False),
        "send, changed rows": lambda server, n: send_s(server, n, again=True),
        "drain from the box": drain_s,
    }
    with running_server(durable=True) as server:
        taken = {
            name: [measure(server, options.rows) for _ in range(options.passes)] for name, measure in measures.items()
        }
    bare = statistics.median(taken["bare COPY"])
    print(f"{options.rows} risk rows, batches of {BATCH_ROWS}, median of {options.passes} passes")
    for name, seconds in taken.items():
        middle = statistics.median(seconds)
        print(f"{name:20} {options.rows / middle:9,.0f} rows/s   ratio to bare COPY {bare / middle:.2f}")


def slices(n_rows: int, first_rev: int) -> Iterator[tuple[str, list[Row]]]:
    """Days of 5,000 cells each."""
    for start in range(0, n_rows, BATCH_ROWS):
        day = f"2026-{start // BATCH_ROWS // 28 % 12 + 1:02}-{start // BATCH_ROWS % 28 + 1:02}"
        size = min(BATCH_ROWS, n_rows - start)
        yield (
            day,
            [
                (FIRST_CELL + n * 4096, RESOLUTION, day, "composite", n / 50, "low", first_rev + start + n)
                for n in range(size)
            ],
        )


def bare_copy_s(server: Server, n_rows: int) -> float:
    """One binary COPY of all rows into a table without key, and its commit."""
    rows = [row for _, of_day in slices(n_rows, 1) for row in of_day]
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS bare")
        connection.execute(
            "CREATE TABLE bare (h3 int8, res int2, day text, profile text, score float8, l text, rev int8)"
        )
        began = time.perf_counter()
        with connection.cursor() as cursor, cursor.copy("COPY bare FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int8", "int2", "text", "text", "float8", "text", "int8"])
            for row in rows:
                copy.write_row(row)
        return time.perf_counter() - began


def send_s(server: Server, n_rows: int, *, again: bool) -> float:
    """The same rows as batches; `again`: every row is there already, with an older revision."""
    database = server.create()
    upstream = PostgresUpstream(server.url(database))
    upstream.hello(SITE)
    batches = list(as_batches(n_rows, first_rev=1, first_seq=1))
    if again:
        for batch in batches:
            upstream.send(batch)
        batches = list(as_batches(n_rows, first_rev=n_rows + 1, first_seq=len(batches) + 1))
    began = time.perf_counter()
    changed = sum(upstream.send(batch).n_changed for batch in batches)
    taken = time.perf_counter() - began
    upstream.close()
    server.drop(database)
    assert changed == n_rows
    return taken


def as_batches(n_rows: int, *, first_rev: int, first_seq: int) -> Iterator[Batch]:
    """The rows as an outbox would hand them over."""
    for seq, (day, rows) in enumerate(slices(n_rows, first_rev), start=first_seq):
        at = Slice(kind="risk_scores", resolution=RESOLUTION, day=day)
        yield Batch(
            site_id=SITE.id, epoch=1, seq=seq, slice=at, rows=list(rows), gone=[], upto_rev=rows[-1][-1], complete=True
        )


def drain_s(server: Server, n_rows: int) -> float:
    """From a box's own file to the centre."""
    database = server.create()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hexpost.db"
        migrate_store(path, timezone="UTC")
        box = Box(path, batch_rows=BATCH_ROWS, site_id=SITE.id)
        fill(box.store, n_rows)
        upstream = PostgresUpstream(server.url(database))
        pump = Pump(site=SITE, outbox=box, upstream=upstream, chance=lambda: 0.5)
        began = time.perf_counter()
        sent = pump.drain(threading.Event())
        taken = time.perf_counter() - began
        box.store.close()
    server.drop(database)
    assert sent.rows_changed == n_rows
    return taken


def fill(store: Store, n_rows: int) -> None:
    """Rows and outbox as after a risk run."""
    with store.write() as connection:
        for day, rows in slices(n_rows, 1):
            connection.exec_driver_sql(
                "INSERT INTO forecast_scores (h3_index, resolution, day, profile, risk_score, risk_level, rev, run_id) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, 1)",
                list(rows),
            )
            connection.exec_driver_sql(
                "INSERT INTO outbox (kind, resolution, day, rev) VALUES ('risk_scores', ?, ?, ?)",
                (RESOLUTION, day, rows[-1][-1]),
            )


if __name__ == "__main__":
    main()
