"""The calibrated profile, computed and written: history, parameters, the check of the last weeks, slices, risk scores.

A run stands at 00:00 of the site's day and knows every whole day before it: so what it says of today and tomorrow
changes only by late data, not by what comes in today. It is the same whether it is the first or is done again after a
kill: what stands there already is not written again. `forecast_due` says when one is due, and `hexpost forecast run` is
the process that computes it, so that its memory goes back.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime

import msgspec

from appliance.aggregate.hours import SiteHours
from appliance.clock import site_day, to_us
from appliance.forecast.grid import Grid
from appliance.forecast.history import History
from appliance.forecast.mix import Mix
from appliance.forecast.outlook import (
    CALIBRATED,
    WINDOWS,
    Outlook,
    Window,
    areas_of,
    calibrated_window,
    outlooks_of,
    plain_window,
    site_of,
)
from appliance.forecast.parameters import CODE_VERSION
from appliance.forecast.scale import REFERENCE
from appliance.job.counting import count_events
from appliance.job.forecast_history import SiteHistory, read_site_history
from appliance.job.forecast_learning import Known, ensure_checks, ensure_parameters
from appliance.model.risk import LEVELS
from appliance.model.settings import Risk
from appliance.score.composite import risk_level
from appliance.store.cells import ensure_cells, fetch_new_cells
from appliance.store.engine import Store
from appliance.store.forecast.runs import ForecastRun, insert_forecast_run
from appliance.store.forecast.scores import DayScores, write_scores
from appliance.store.forecast.slices import Made, purge_forecasts, write_outlook

CELLS_A_TRANSACTION, NEW_CELLS_A_TRANSACTION = 3_000, 500
_ALL_CELLS = (0, 2**63 - 1)


class Stopped(Exception):
    """The process was asked to end; what is written stands, and the run is done again."""


def settings_digest(risk: Risk, hours: SiteHours) -> str:
    """Changes with everything that is configured of a forecast."""
    told = (
        *(risk.patrol_resolution, risk.resolutions, sorted(risk.types), sorted(risk.type_weights.items())),
        *(risk.severity_weight, hours.zone.key),
    )
    return hashlib.blake2b(msgspec.json.encode(told), digest_size=6).hexdigest()


def perform_forecast(
    store: Store,
    *,
    risk: Risk,
    hours: SiteHours,
    clock: Callable[[], datetime],
    stopping: Callable[[], bool] = lambda: False,
) -> ForecastRun | None:
    """Forecast from today on and write what changed; the run as it is noted, None where `stopping` said so on the way.

    raises  Rejected  events lie in more cells than a forecast can hold
    """
    begun, now = time.monotonic(), clock()
    today = site_day(to_us(now), hours.zone)
    count_events(store, hours)
    site = read_site_history(store, risk=risk, hours=hours, today=today)
    run = ForecastRun(
        resolution=risk.patrol_resolution,
        day=today,
        settings=settings_digest(risk, hours),
        parameter_version="",
        watermark=site.inputs.watermark,
        seen_pk=site.inputs.last_key,
        corrections=site.inputs.corrections,
        rows_changed=0,
        made_at=now,
        took_s=0.0,
    )
    try:
        if site.days == 0:
            run = msgspec.structs.replace(run, message="no event happened on a whole day yet")
        else:
            run = _forecast(store, site, run, risk, stopping)
    except Stopped:
        return None
    with store.write() as connection:
        return insert_forecast_run(connection, msgspec.structs.replace(run, took_s=round(time.monotonic() - begun, 3)))


def _forecast(
    store: Store, site: SiteHistory, run: ForecastRun, risk: Risk, stopping: Callable[[], bool]
) -> ForecastRun:
    _go_on(stopping)
    known = ensure_parameters(store, site, run)
    _go_on(stopping)
    refusals = ensure_checks(store, site, run, known)
    _go_on(stopping)
    grid, history = site.laid_out()
    changed = 0
    resolutions = sorted({r for r in risk.resolutions if r < risk.patrol_resolution} | {risk.patrol_resolution})
    mix = site.mix(grid)
    for outlook in _outlooks(grid, history, mix, known, refusals, run.day, resolutions):
        _go_on(stopping)
        made = Made(
            method=outlook.window.method,
            reason=refusals.get(outlook.window.horizon, ""),
            code_version=CODE_VERSION,
            parameter_version=known.version,
            reference=REFERENCE,
            watermark=run.watermark,
            made_at=run.made_at,
        )
        with store.write() as connection:
            changed += write_outlook(connection, outlook, made)
        if outlook.window.horizon == "next_day" and not outlook.event_type:
            changed += _write_risk(store, outlook, stopping)
    with store.write() as connection:
        changed += purge_forecasts(
            connection, today=run.day, resolutions=resolutions, types=["", *filter(None, mix.types)]
        )
    return msgspec.structs.replace(run, parameter_version=known.version, rows_changed=changed)


def _outlooks(
    grid: Grid,
    history: History,
    mix: Mix,
    known: Known,
    refusals: dict[str, str],
    today: date,
    resolutions: list[int],
) -> Iterator[Outlook]:
    """Slice by slice: each is made when the one before it has been written."""
    areas, site = areas_of(grid, resolutions), site_of(grid, history)
    for horizon, lead_days in WINDOWS:
        window: Window
        if refusals.get(horizon):
            window = plain_window(grid, history, horizon, today, lead_days)
        else:
            window = calibrated_window(site, known.parameters, horizon, today, lead_days)
        for area in areas:
            yield from outlooks_of(window, area, mix)


def _write_risk(store: Store, found: Outlook, stopping: Callable[[], bool]) -> int:
    """A day's scores of the calibrated profile, some thousand cells at a time; how many changed."""
    cells, scores = found.cells.tolist(), found.score.tolist()
    levels = risk_level(found.score).tolist()
    _ensure_grid(store, found.resolution, cells, stopping)
    changed, first = 0, _ALL_CELLS[0]
    for start in range(0, max(len(cells), 1), CELLS_A_TRANSACTION):
        _go_on(stopping)
        end = start + CELLS_A_TRANSACTION
        last = cells[end] - 1 if end < len(cells) else _ALL_CELLS[1]
        part = slice(start, end)
        rows = {
            cell: (score, LEVELS[level])
            for cell, score, level in zip(cells[part], scores[part], levels[part], strict=True)
        }
        day = DayScores(
            resolution=found.resolution,
            day=found.window.day.isoformat(),
            profile=CALIBRATED,
            scores=rows,
            between=(first, last),
        )
        with store.write() as connection:
            changed += write_scores(connection, day)
        first = last + 1
    return changed


def _ensure_grid(store: Store, resolution: int, cells: list[int], stopping: Callable[[], bool]) -> None:
    """Put cells that are new on the map; their outlines take time, so only some at a time."""
    with store.read() as connection:
        fresh = fetch_new_cells(connection, resolution, cells)
    for start in range(0, len(fresh), NEW_CELLS_A_TRANSACTION):
        _go_on(stopping)
        with store.write() as connection:
            ensure_cells(connection, resolution, fresh[start : start + NEW_CELLS_A_TRANSACTION])


def _go_on(stopping: Callable[[], bool]) -> None:
    if stopping():
        raise Stopped
