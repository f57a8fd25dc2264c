"""The risk of critical assets, computed when a run has counted anew or a person has changed one; and their alerts.

Each time an asset's last 28 days and tomorrow are held against what its cells count now, so that late data is taken up;
the events in its footprint are looked for only on days on which its cells count otherwise than before, and on all of
them once a day and after a change of the asset. Each asset is written in a transaction of its own: a killed process
finds by the mark of the last run that it has to begin again, and what was written already does not differ.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from appliance.clock import Clock, day_bounds, site_day, to_us
from appliance.errors import Rejected
from appliance.model.asset import ALERT_KIND, SEVERITY, AssetRisk, Basis
from appliance.model.risk import LEVELS
from appliance.model.settings import Risk
from appliance.score.asset import (
    BASIS_DAYS,
    WATCHED,
    Scale,
    expected_by_count,
    is_alerting,
    score_asset,
    watched_share,
)
from appliance.score.composite import Floats
from appliance.spatial.cells import area_km2, resolution_of
from appliance.spatial.footprint_cells import find_cells
from appliance.store.alerts import close_alert, is_raised, raise_alert
from appliance.store.asset.registry import risk_of
from appliance.store.asset.risk import (
    ROW_BASIS,
    ROW_CELL_EVENTS,
    ROW_EXPECTED,
    ROW_OBSERVED,
    ROW_SCORE,
    ROW_WHOLE,
    AssetTask,
    Known,
    Row,
    fetch_cell_counts,
    fetch_known,
    fetch_last_run,
    fetch_observed,
    fetch_rows,
    fetch_tasks,
    finish_task,
    is_due,
    mark_run,
    risk_row,
    write_cells,
    write_rows,
)
from appliance.store.engine import Store

if TYPE_CHECKING:  # SQL is the store's: here a connection is only handed on
    from sqlalchemy import Connection

log = logging.getLogger(__name__)

DAYS_BACK = 27  # before today

Means = Callable[["Connection", int, date, Sequence[int]], Mapping[int, float] | None]
"""(connection, resolution, day, cells) -> expected events of each cell on that day; None where no forecast stands."""


class AssetRisks:
    """Computes what is due. One a process."""

    def __init__(
        self, store: Store, *, risk: Risk, zone: ZoneInfo, clock: Clock, scale: Scale, means: Means | None = None
    ) -> None:
        """`scale` makes scores of events a day and km2; `means` reads the forecast, where there is one to read."""
        self._store = store
        self._risk = risk
        self._zone = zone
        self._clock = clock
        self._scale = scale
        self._means = means

    def perform_due(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Compute what is due, asset by asset until `stopping` says so; how many rows changed."""
        with self._store.read() as connection:
            if not is_due(connection):
                return 0
            run_id, tasks = fetch_last_run(connection), fetch_tasks(connection)
            today = site_day(to_us(self._clock()), self._zone)
            known = fetch_known(connection, today - timedelta(days=DAYS_BACK + BASIS_DAYS), today, self._risk.counted)
        changed = 0
        for task in tasks:
            if stopping():
                return changed
            changed += self._update(task, today, known)
        with self._store.write() as connection:
            mark_run(connection, run_id)
        return changed

    def _update(self, task: AssetTask, today: date, known: Known) -> int:
        fresh = task.rev != task.computed_rev or not task.cells or not self._is_counted(task)
        if fresh:
            task = self._with_cells(task)
        full = fresh or task.computed_day != today.isoformat()
        first, last = today - timedelta(days=DAYS_BACK), today + timedelta(days=1)
        with self._store.read() as connection:
            stored = fetch_rows(connection, task.asset_id, first, last)
            look = _Look(task=task, first=first, today=today, known=known, stored=stored, fresh=fresh, full=full)
            rows = self._rows(connection, look) if task.cells else []
        changed = [row for row in rows if stored.get(row[0]) != row]
        if changed or full:
            self._write(look, rows, changed)
        return len(changed)

    def _is_counted(self, task: AssetTask) -> bool:
        return resolution_of(next(iter(task.cells))) in self._risk.resolutions

    def _with_cells(self, task: AssetTask) -> AssetTask:
        """The asset with the cells of its footprint, found anew."""
        try:
            found = find_cells(task.footprint, self._risk.resolutions)
        except Rejected as rejected:
            log.error("asset %s has no risk: %s", task.asset_id, rejected)
            return msgspec.structs.replace(task, cells={})
        return msgspec.structs.replace(task, cells=found.shares)

    def _rows(self, connection: "Connection", look: "_Look") -> list[Row]:
        """A row for each day of the look."""
        cells, days = sorted(look.task.cells), look.days
        share = np.array([look.task.cells[cell] for cell in cells])
        area = share * np.array([area_km2(cell) for cell in cells])
        past = _texts(look.first - timedelta(days=BASIS_DAYS), look.today)
        counted = fetch_cell_counts(connection, resolution_of(cells[0]), cells, past)
        counts = np.array([[counted.get((day, cell), 0) for day in past] for cell in cells], np.int64)
        known = np.array([[look.known(day, cell) for day in past] for cell in cells], np.bool_)
        ended = known.copy()
        ended[:, -1] = False  # today is not over: it tells tomorrow nothing
        expected, basis_days = expected_by_count(counts, ended, share)
        bases: list[Basis] = ["counts_28d" if n else "" for n in basis_days]
        for n, day in enumerate(days):
            forecast = self._forecast(connection, look, cells, share, day)
            if forecast is not None:
                expected[n], bases[n], basis_days[n] = forecast, "forecast", 0
        # What is watched today is what can be said of tomorrow.
        watched = watched_share(np.concatenate([known, known[:, -1:]], axis=1)[:, BASIS_DAYS:], area)
        scores = score_asset(expected, watched, float(area.sum()), self._scale)
        cell_events = [*counts[:, BASIS_DAYS:].sum(axis=0).tolist(), 0]
        observed = self._observed(connection, look, cell_events)
        return [
            risk_row(
                AssetRisk(
                    day=day,
                    expected_events=_rounded(expected[n], 6),
                    probability=_rounded(scores.probability[n], 6),
                    risk_score=_rounded(scores.risk_score[n], 3),
                    risk_level=LEVELS[scores.risk_level[n]] if scores.risk_level[n] >= 0 else None,
                    basis=bases[n],
                    basis_days=int(basis_days[n]),
                    observed_events=observed[n][0],
                    observed_whole=observed[n][1],
                    coverage="observed" if watched[n] >= WATCHED else "unknown",
                    watched=round(float(watched[n]), 4),
                ),
                cell_events[n],
            )
            for n, day in enumerate(days)
        ]

    def _forecast(
        self, connection: "Connection", look: "_Look", cells: Sequence[int], share: Floats, day: date
    ) -> float | None:
        """What the forecast expects in the footprint; None where there is none. Of days that are past it stays."""
        before = look.stored.get(day.isoformat())
        if day < look.today and not look.fresh:
            kept = before is not None and before[ROW_BASIS] == "forecast"
            return before[ROW_EXPECTED] if before is not None and kept else None
        means = self._means(connection, resolution_of(cells[0]), day, cells) if self._means else None
        return None if means is None else float(share @ np.array([means.get(cell, 0.0) for cell in cells]))

    def _observed(self, connection: "Connection", look: "_Look", cell_events: Sequence[int]) -> list[tuple[int, bool]]:
        """(events in the footprint, whether these are all) of each day; looked for where its cells count otherwise."""
        found: list[tuple[int, bool]] = []
        wanted = []
        for day, count in zip(look.days, cell_events, strict=True):
            before = look.stored.get(day.isoformat())
            same = before is not None and not look.full and before[ROW_CELL_EVENTS] == count
            found.append((before[ROW_OBSERVED], bool(before[ROW_WHOLE])) if before is not None and same else (0, True))
            if count and not same:
                wanted.append(day)
        if not wanted:
            return found
        bounds = day_bounds(wanted[0], self._zone)[0], day_bounds(wanted[-1], self._zone)[1]
        times, whole = fetch_observed(
            connection, look.task.footprint, from_us=to_us(bounds[0]), to_us=to_us(bounds[1]), types=self._risk.types
        )
        in_day = Counter(site_day(us, self._zone) for us in times)
        whole_from = wanted[0] if whole else site_day(times[-1], self._zone) + timedelta(days=1) if times else date.max
        for n, day in enumerate(look.days):
            if day in wanted:
                found[n] = (in_day[day], day >= whole_from)
        return found

    def _write(self, look: "_Look", rows: Sequence[Row], changed: Sequence[Row]) -> None:
        """Write what changed of an asset, and raise or close its alert; nothing where a person has changed it since."""
        task = look.task
        now = next((row for row in rows if row[0] == look.today.isoformat()), None)
        settings, score = task.settings, now[ROW_SCORE] if now else None
        alerting = not settings.muted and is_alerting(
            score, before=task.alerting, threshold=settings.threshold, hysteresis=settings.hysteresis
        )
        with self._store.write() as connection:
            day = look.today.isoformat() if task.cells else ""
            if not finish_task(connection, task, alerting=alerting, computed_day=day):
                return
            if look.fresh:
                write_cells(connection, task.asset_id, task.cells)
            write_rows(connection, task.asset_id, changed)
            if task.alerting and not alerting:
                close_alert(connection, kind=ALERT_KIND, subject=task.asset_id, now=self._clock())
            elif now is not None and score is not None and alerting and (not task.alerting or now in changed):
                self._tell(connection, look, now)

    def _tell(self, connection: "Connection", look: "_Look", row: Row) -> None:
        """Raise the alert, or tell it again; what a person has closed stays so until the risk has been well below."""
        task = look.task
        if task.alerting and not is_raised(connection, kind=ALERT_KIND, subject=task.asset_id):
            return
        raise_alert(
            connection,
            kind=ALERT_KIND,
            subject=task.asset_id,
            severity=SEVERITY[task.criticality - 1],
            title=f"{task.name}: a risk of {row[ROW_SCORE]:.0f} today",
            detail={
                "name": task.name,
                "kind": task.kind,
                "criticality": task.criticality,
                "threshold": task.settings.threshold,
                **msgspec.to_builtins(risk_of(row[:-1])),
            },
            now=self._clock(),
        )


class _Look(msgspec.Struct, frozen=True, kw_only=True):
    """What is computed of an asset this time.

    fresh  its cells are new, and nothing of what is stored holds
    full   every day is looked at, whatever its cells count
    """

    task: AssetTask
    first: date
    today: date
    known: Known
    stored: Mapping[str, Row]
    fresh: bool
    full: bool

    @property
    def days(self) -> list[date]:
        """From the first to tomorrow."""
        return [self.first + timedelta(days=n) for n in range((self.today - self.first).days + 2)]


def _texts(first: date, last: date) -> list[str]:
    return [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]


def _rounded(value: float, digits: int) -> float | None:
    return round(float(value), digits) if np.isfinite(value) else None
