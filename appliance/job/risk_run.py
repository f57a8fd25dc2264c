"""One composite run from counts to tables, as `hexpost analyze`, the schedule and the API ask for it."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from appliance.aggregate.days import LOOKBACK_DAYS, cells_of, lay_out, lay_out_beside, spread_counts
from appliance.aggregate.hours import SiteHours
from appliance.clock import to_us
from appliance.job.counting import count_events
from appliance.model.risk import Run
from appliance.score.composite import measure_run
from appliance.store.cells import ensure_cells
from appliance.store.engine import Store
from appliance.store.risk.baselines import drop_unused, fetch_judged_cells, forget_cells, require_set, write_baselines
from appliance.store.risk.days import (
    UNWATCHED,
    Findings,
    compare_cells,
    weigh_day,
    where_different,
    write_findings,
)
from appliance.store.risk.judged import digest_cells, fetch_judged, find_lost
from appliance.store.risk.runs import fetch_run, fetch_watermark, update_run
from appliance.store.settled.counts import DailyRow, fetch_daily_counts
from appliance.store.settled.day_counts import DayCounts, fetch_day_counts, pack_days
from appliance.store.settled.settle import fetch_resolutions

ROWS_A_TRANSACTION = 6_000  # cell-days compared between commits: ingest waits at most for so many


def perform_run(
    store: Store,
    run: Run,
    *,
    hours: SiteHours,
    types: Sequence[str],
    clock: Callable[[], datetime],
    stopping: Callable[[], bool] = lambda: False,
    look_for_lost: bool = False,
) -> Run:
    """Score the run's interval and write what changed; the run as it stands in the ledger afterwards.

    A day's rows are whole at every moment; different days of a run become visible one after the other. Where `stopping`
    says so between two steps, the run is left as one that a killed process leaves: running, to be done again.

    look_for_lost  count the rows that stand, too: it reads all of them, and a row that is lost is put back
    raises         Conflict  a run of some of these days, performed at the same time, came between
    """
    with store.read() as connection:
        watermark = fetch_watermark(connection)  # before counting, which may stop short of what comes meanwhile
    count_events(store, hours, only={run.resolution})
    found, sums = score_run(store, run, hours, types, look_for_lost=look_for_lost)
    with store.write() as connection:
        update_run(connection, run.run_id, state="running", progress=0.0)
        ensure_cells(connection, run.resolution, found.cells[_unseen(found) | look_for_lost].tolist())
    changed = _write(store, run, found, stopping)
    while changed is not None and sums is not None and sums.unpacked:
        with store.write() as connection:
            sums = pack_days(connection, sums)  # after the rows: until then it tells what they were made from
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


def score_run(
    store: Store, run: Run, hours: SiteHours, types: Sequence[str], *, look_for_lost: bool = False
) -> tuple[Findings, DayCounts | None]:
    """What the run says, what is known of the rows there are, and sums that nobody has kept yet.

    A resolution that is not counted is counted from the events, and nobody notes when they change.
    """
    first = run.from_day - timedelta(days=LOOKBACK_DAYS)
    sums, rows = None, list[DailyRow]()
    with store.read(limit_s=60.0) as connection:
        others = {digest_cells(cells, types): cells for cells in fetch_judged_cells(connection, run)}
        lost = find_lost(connection, run) if look_for_lost else set()
        if run.resolution in fetch_resolutions(connection):
            sums = fetch_day_counts(connection, resolution=run.resolution, first=first, last=run.to_day, types=types)
        else:
            rows = fetch_daily_counts(
                connection, resolution=run.resolution, from_day=first, to_day=run.to_day, hours=hours, types=types
            )
    days = [(run.from_day + timedelta(days=n)).isoformat() for n in range((run.to_day - run.from_day).days + 1)]
    if sums is not None:
        cells = cells_of(sums.sums)
        counts = lay_out(cells, sums.sums)
        before = lay_out_beside(counts, cells, sums.before, sums.sums)
        changes, held = _windows(sums.changes), _windows(sums.held)
    else:
        spread = spread_counts(rows, from_day=run.from_day, to_day=run.to_day)
        cells, counts = spread.cells, spread.counts.astype(np.int32)
        before, changes, held = counts, *[[UNWATCHED] * len(days)] * 2
    found = Findings(
        run_id=run.run_id,
        resolution=run.resolution,
        days=days,
        cells=cells,
        counts=counts,
        measure=measure_run(counts),
        digest=digest_cells(cells, types),
        changes=changes,
        before=before,
        differs=where_different(counts, before),
        held=held,
        known={digest: compare_cells(cells, other) for digest, other in others.items()},
        lost=lost,
    )
    return found, sums


def _write(store: Store, run: Run, found: Findings, stopping: Callable[[], bool]) -> int | None:
    """How many rows changed; None where it was stopped half-way."""
    names, measure = found.days, found.measure
    with store.write() as connection:
        baselines = write_baselines(connection, run, found.cells, measure.mean, measure.spread)
        judged = fetch_judged(connection, run.resolution, names)
    rows = [weigh_day(found, n, judged.get(day), baselines.baseline_id) for n, day in enumerate(names)]
    steps = list(_steps(rows))
    changed = baselines.rows
    for n, columns in enumerate(steps):
        if stopping():
            return None
        with store.write() as connection:
            require_set(connection, baselines.baseline_id)
            judged = fetch_judged(connection, run.resolution, names[columns[0] : columns[-1] + 1])
            for column in columns:
                before = judged.get(names[column])
                changed += write_findings(connection, found, column, before, baselines.baseline_id)
                changed += baselines.fresh if baselines.is_new else 0
            update_run(connection, run.run_id, progress=round((n + 1) / (len(steps) + 1), 3))
    with store.write() as connection:
        forget_cells(connection, baselines.baseline_id, baselines.gone)
        drop_unused(connection)
    return changed


def _unseen(found: Findings) -> NDArray[np.bool_]:
    """Cells (c,) that none of the runs before had: the grid may lack them."""
    unseen = np.ones(len(found.cells), dtype=bool)
    for one in found.known.values():
        unseen &= one.came
    return unseen


def _windows(changes: Sequence[int]) -> list[str]:
    """Of each day of the interval the changes of the seven days before it and its own, as `judged` keeps them."""
    spans = (changes[n : n + LOOKBACK_DAYS + 1] for n in range(len(changes) - LOOKBACK_DAYS))
    return [",".join(map(str, span)) for span in spans]


def _steps(rows: Sequence[int]) -> Iterator[list[int]]:
    """The days that have rows to write, so many together as a transaction may take."""
    step: list[int] = []
    for day, more in enumerate(rows):
        if step and more and sum(rows[n] for n in step) + more > ROWS_A_TRANSACTION:
            yield step
            step = []
        if more:
            step.append(day)
    if step:
        yield step
