"""`hexpost import` of a CSV, against plain SQLite's `executemany` of the same rows into a table with the same indexes.

    python -m benchmarks.importing            # BENCH_ROWS=200000

Both in CPU seconds of their process. The import reads and checks text, knows duplicates, keeps the archive; the
reference has the finished rows in memory and only inserts: unique (source, event_id), time, and (cell, time).
"""

import csv
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from appliance.store.engine import FILE_NAME
from appliance.store.file import dbapi
from benchmarks.broker import made_events

ROWS = int(os.environ.get("BENCH_ROWS", "200000"))
COLUMNS = "event_id event_type event_timestamp longitude latitude severity zone".split()


def write_csv(file: Path) -> None:
    """The rows as a file that an agency would send."""
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        for _, event in made_events(ROWS):
            writer.writerow([event.get(name, "gate") for name in COLUMNS])


def import_rows(file: Path, data: Path) -> tuple[float, float]:
    """(CPU seconds, wall seconds) of the command, less what it takes for a file of one row."""
    one = file.with_name("one.csv")
    one.write_text("".join(file.open().readlines()[:2]))
    spent = []
    for source in (one, file):
        before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        subprocess.run(
            [
                sys.executable,
                "-m",
                "appliance.cli",
                "import",
                str(source),
                "--data",
                str(data),
                "--source",
                source.stem,
            ],
            check=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        spent.append((cpu, time.monotonic() - wall))
    return spent[1][0] - spent[0][0], spent[1][1] - spent[0][1]


def plain_rows(data: Path) -> tuple[float, float]:
    """(CPU seconds, wall seconds) of `executemany` of the very rows that the import made."""
    reader = dbapi.connect(str(data / FILE_NAME))
    rows = reader.execute(
        "SELECT event_id, source, event_type, event_timestamp, received_at, recorded_at, clock_quality, h3_index, "
        "severity, value, attributes_json, rev, geom FROM events"
    ).fetchall()
    reader.close()
    plain = sqlite3.connect(str(data / "plain.db"), isolation_level=None)
    plain.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE e (k INTEGER PRIMARY KEY, a TEXT, b TEXT, "
        "c TEXT, d INTEGER, e INTEGER, f INTEGER, g TEXT, h INTEGER, i REAL, j REAL, l TEXT, m INTEGER, n BLOB);"
        "CREATE UNIQUE INDEX e1 ON e (b, a); CREATE INDEX e2 ON e (d); CREATE INDEX e3 ON e (h, d);"
    )
    cpu, wall = time.process_time(), time.monotonic()
    for start in range(0, len(rows), 2_000):
        plain.execute("BEGIN")
        plain.executemany(f"INSERT INTO e VALUES (NULL{', ?' * 13})", rows[start : start + 2_000])
        plain.execute("COMMIT")
    spent = time.process_time() - cpu, time.monotonic() - wall
    plain.close()
    return spent


def main() -> None:
    """Measure and print."""
    folder = Path(tempfile.mkdtemp(prefix="hexpost-bench-", dir=os.environ.get("BENCH_DIR")))
    try:
        write_csv(folder / "events.csv")
        cpu, wall = import_rows(folder / "events.csv", folder)
        plain_cpu, plain_wall = plain_rows(folder)
        print(f"import  {ROWS / cpu:10,.0f} rows/CPU-s {ROWS / wall:10,.0f} rows/s wall")
        print(f"plain   {ROWS / plain_cpu:10,.0f}            {ROWS / plain_wall:10,.0f}")
        print(f"ratio   {plain_cpu / cpu:10.2f}            {plain_wall / wall:10.2f}")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
