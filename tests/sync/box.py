"""A box of one's own: a real store, written as the risk job writes it, and read back row by row."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import h3.api.basic_int as h3
import numpy as np

from appliance.model.change import COLUMNS, Batch, ChangeKind, Position, SyncStatus
from appliance.model.risk import Run
from appliance.model.settings import Site
from appliance.spatial.geometry import multipolygon_ewkb, polygons_from_blob
from appliance.store import outbox
from appliance.store.cells import ensure_cells
from appliance.store.engine import Store
from appliance.store.forecast.scores import DayScores, write_scores
from appliance.store.risk.baselines import forget_cells, write_baselines
from appliance.store.risk.judged import Judged, fetch_judged, write_judged
from appliance.store.risk.rows import compare_rows

RESOLUTION = 8
DAY, NEXT_DAY = "2026-11-21", "2026-11-22"
NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
SITE = Site(id="kuwait-1", name="Kuwait", timezone="Asia/Kuwait", latitude=29.37, longitude=47.97)
CELLS = sorted(h3.grid_disk(h3.latlng_to_cell(29.37, 47.97, RESOLUTION), 3))

Contents = dict[ChangeKind, set[tuple[object, ...]]]


class Box:
    """A store and its outbox, in the shape that the pump asks for."""

    def __init__(self, path: Path, *, batch_rows: int = 5_000, site_id: str = SITE.id) -> None:
        self.store = Store(path)
        self.batch_rows = batch_rows
        self.site_id = site_id

    def find(self, day: str, counts: Mapping[int, int]) -> None:
        """What a risk run does that finds these counts in these cells on a day, and nothing in the others."""
        with self.store.write() as connection:
            ensure_cells(connection, RESOLUTION, sorted(counts))
            cells = np.array(sorted(counts), dtype=np.int64)
            at = date.fromisoformat(day)
            run = Run(run_id=1, resolution=RESOLUTION, from_day=at, to_day=at, state="running", requested_at=NOW)
            judged_by = write_baselines(connection, run, cells, np.zeros(len(cells)), np.full(len(cells), 3.0))
            rows = [(cell, (n, n / 7, 0.5)) for cell, n in sorted(counts.items())]
            compare_rows(connection, 1, RESOLUTION, day, rows)
            before = fetch_judged(connection, RESOLUTION, [day]).get(day)
            at_ten = 0.15 + 185 / 35  # so that the score of n is 10 n
            now = Judged(
                baseline_id=judged_by.baseline_id, cells="some", changes="", low=0.15, high=at_ten, cell_count=len(rows)
            )
            write_judged(connection, 1, RESOLUTION, day, now=now, before=before)
            forget_cells(connection, judged_by.baseline_id, judged_by.gone)

    def forecast(self, day: str, scores: Mapping[int, float]) -> None:
        """What a forecast does that gives these cells a score on a day."""
        rows = {cell: (score, "low") for cell, score in scores.items()}
        with self.store.write() as connection:
            ensure_cells(connection, RESOLUTION, sorted(scores))
            write_scores(connection, DayScores(resolution=RESOLUTION, day=day, profile="calibrated", scores=rows))

    def contents(self) -> Contents:
        """Every row that the centre must have, as a batch would carry it."""
        with self.store.read() as connection:
            found: Contents = {
                kind: {tuple(row) for row in connection.exec_driver_sql(f"SELECT {', '.join(columns)} FROM {kind}")}
                for kind, columns in COLUMNS.items()
            }
        cells = {(*row[:4], multipolygon_ewkb(polygons_from_blob(row[4])), row[5]) for row in found["h3_cells"]}  # type: ignore[arg-type]
        return {**found, "h3_cells": cells}

    def query(self, sql: str) -> list[tuple[object, ...]]:
        with self.store.read() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(sql)]

    def execute(self, sql: str) -> None:
        with self.store.write() as connection:
            connection.exec_driver_sql(sql)

    # The pump's Outbox:

    def position(self) -> Position:
        return outbox.position(self.store)

    def reconcile(self, *, before: Position, central: Position) -> None:
        outbox.reconcile(self.store, before=before, central=central, now=NOW)

    def next_batch(self) -> Batch | None:
        return outbox.next_batch(self.store, site_id=self.site_id, batch_rows=self.batch_rows)

    def acknowledge(self, seq: int) -> None:
        outbox.acknowledge(self.store, seq, NOW)

    def status(self) -> SyncStatus:
        return outbox.sync_status(self.store)
