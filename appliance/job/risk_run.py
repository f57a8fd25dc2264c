"""One composite run from counts to tables, as `hexpost analyze`, the schedule and the API ask for it."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from appliance.aggregate.days import LOOKBACK_DAYS, DailyCounts, spread_counts
from appliance.aggregate.hours import SiteHours
from appliance.clock import to_us
from appliance.job.counting import count_events
from appliance.model.risk import LEVELS, PROFILE, Run
from appliance.score.composite import Composite, score_composite
from appliance.store.counts import fetch_daily_counts
from appliance.store.engine import Store
from appliance.store.risk import DayRows, ensure_cells, write_day
from appliance.store.runs import fetch_run, fetch_watermark, update_run

ROWS_A_TRANSACTION = 6_000  # cell-days compared between commits: ingest waits at most for so many


def perform_run(
    store: Store,
    run: Run,
    *,
    hours: SiteHours,
    types: Sequence[str],
    clock: Callable[[], datetime],
    stopping: Callable[[], bool] = lambda: False,
) -> Run:
    """Score the run's interval and write what changed; the run as it stands in the ledger afterwards.

    A day's rows are whole at every moment; different days of a run become visible one after the other. Where `stopping`
    says so between two steps, the run is left as one that a killed process leaves: running, to be done again.
    """
    count_events(store, hours)
    with store.read(limit_s=60.0) as connection:
        watermark = fetch_watermark(connection)
        rows = fetch_daily_counts(
            connection,
            resolution=run.resolution,
            from_day=run.from_day - timedelta(days=LOOKBACK_DAYS),
            to_day=run.to_day,
            hours=hours,
            types=types,
        )
    counts = spread_counts(rows, from_day=run.from_day, to_day=run.to_day)
    scored = score_composite(counts.counts)
    with store.write() as connection:
        update_run(connection, run.run_id, state="running", progress=0.0)
        ensure_cells(connection, run.resolution, [int(cell) for cell in counts.cells])
    changed = _write(store, run, counts, scored, stopping)
    with store.write() as connection:
        if changed is None:
            return fetch_run(connection, run.run_id)
        update_run(
            connection,
            run.run_id,
            state="done",
            progress=1.0,
            watermark=watermark,
            rows_changed=changed,
            finished_at=to_us(clock()),
        )
        return fetch_run(connection, run.run_id)


def _write(store: Store, run: Run, counts: DailyCounts, scored: Composite, stopping: Callable[[], bool]) -> int | None:
    """How many rows changed; None where it was stopped half-way."""
    changed, days = 0, counts.days
    a_step = max(1, ROWS_A_TRANSACTION // max(1, len(counts.cells)))
    for start in range(0, len(days), a_step):
        if stopping():
            return None
        with store.write() as connection:
            for found in _day_rows(run.resolution, counts, scored, range(start, min(start + a_step, len(days)))):
                changed += write_day(connection, run.run_id, found)
            update_run(connection, run.run_id, progress=round((start + a_step) / (len(days) + a_step), 3))
    return changed


def _day_rows(resolution: int, counts: DailyCounts, scored: Composite, columns: Sequence[int]) -> Iterator[DayRows]:
    cells = counts.cells.tolist()
    for column in columns:
        aggregates = zip(
            scored.event_count[:, column].tolist(),
            scored.rolling_7d_avg[:, column].tolist(),
            scored.growth_rate[:, column].tolist(),
            strict=True,
        )
        scores = zip(scored.risk_score[:, column].tolist(), scored.risk_level[:, column].tolist(), strict=True)
        flags = zip(scored.z_score[:, column].tolist(), scored.flagged[:, column].astype(int).tolist(), strict=True)
        yield DayRows(
            resolution=resolution,
            day=counts.days[column].isoformat(),
            rows={
                "cell_aggregates": dict(zip(cells, aggregates, strict=True)),
                "risk_scores": {
                    cell: (PROFILE, score, LEVELS[level]) for cell, (score, level) in zip(cells, scores, strict=True)
                },
                "anomaly_flags": dict(zip(cells, flags, strict=True)),
            },
        )
