"""What a forecast believes: parameters that stand, the daily check whether it is offered, the weekly one for drift.

A young site's parameters follow its history: they are learned anew whenever it has grown by a half, at most once a day
unless an import has doubled it, until they rest on a year. From then on they stand. Where the weekly check finds that
they have drifted, new ones are learned and proposed, an alert says so, and a person accepts them or does not.
Called by `forecasting`.
"""

from datetime import date, timedelta
from typing import Any

from appliance.forecast.history import SHIFTS
from appliance.forecast.learn import LEARN_DAYS, learn
from appliance.forecast.parameters import CODE_VERSION, Parameters
from appliance.forecast.verdict import CHECK_DAYS, HORIZONS_CHECKED, check, check_split, drift, refusal
from appliance.job.forecast_history import SiteHistory
from appliance.store.alerts import close_alert, raise_alert
from appliance.store.engine import Store
from appliance.store.forecast.parameters import DRIFT_ALERT, State, StoredParameters, fetch_active, save_parameters
from appliance.store.forecast.runs import Check, ForecastRun, fetch_checks, fetch_last_judged, save_checks

GROWN = 1.5  # times as many days teach something new
DOUBLED = 2.0
DRIFT_EVERY = timedelta(days=7)

Known = StoredParameters
"""The parameters in force."""


def ensure_parameters(store: Store, site: SiteHistory, run: ForecastRun) -> Known:
    """Those in force, learned now where there are none yet or the site has outgrown them."""
    with store.read() as connection:
        active = fetch_active(connection, run.resolution)
    reason = _why_learn(active, site, run.day)
    if active is not None and not reason:
        return active
    found = _learned(site, run, state="active", reason=reason)
    with store.write() as connection:
        save_parameters(connection, found)
    return found


def ensure_checks(store: Store, site: SiteHistory, run: ForecastRun, known: Known) -> dict[str, str]:
    """Why each horizon is not offered, '' where it is; checked once a day and version, drift once a week."""
    with store.read() as connection:
        checks, judged = fetch_checks(connection, run.day), fetch_last_judged(connection)
    if {(one.horizon, one.parameter_version) for one in checks} != {(name, known.version) for name in HORIZONS_CHECKED}:
        checks = _check(site, run, known, judge=judged is None or not timedelta() <= run.day - judged < DRIFT_EVERY)
        found = "; ".join(f"{one.horizon}: {one.drift}" for one in checks if one.drift)
        proposed = _learned(site, run, state="proposed", reason=f"drift, {found}") if found else None
        with store.write() as connection:
            save_checks(connection, checks)
            if proposed:
                save_parameters(connection, proposed)
                _tell(connection, run, checks, known, proposed)
            elif all(one.judged for one in checks):
                close_alert(connection, kind=DRIFT_ALERT, subject=str(run.resolution), now=run.made_at)
    return {one.horizon: one.reason for one in checks}


def _tell(connection: Any, run: ForecastRun, checks: list[Check], known: Known, proposed: Known) -> None:
    others = proposed.version != known.version
    remedy = f"`hexpost forecast accept {proposed.version}`" if others else "history teaches the same again"
    raise_alert(
        connection,
        kind=DRIFT_ALERT,
        subject=str(run.resolution),
        severity="warning",
        title=f"The forecast's parameters no longer fit the last {CHECK_DAYS} days; {remedy}",
        detail={
            "resolution": run.resolution,
            "in_force": known.version,
            "proposed": proposed.version if others else None,
            "drift": {one.horizon: one.drift for one in checks if one.drift},
            "figures": [one.figures for one in checks],
        },
        now=run.made_at,
    )


def _why_learn(active: Known | None, site: SiteHistory, today: date) -> str:
    if active is None:
        return "the first"
    if active.code_version != CODE_VERSION:
        return f"{CODE_VERSION} reads history otherwise than {active.code_version}"
    grown = site.days / max(active.learned_days, 1)
    enough = GROWN if active.learned_until != today else DOUBLED
    if active.learned_days < LEARN_DAYS and grown >= enough:
        return f"the history has grown from {active.learned_days} to {site.days} days"
    return ""


def _learned(site: SiteHistory, run: ForecastRun, *, state: State, reason: str) -> Known:
    grid, history = site.laid_out()
    parameters = learn(grid, history)
    return StoredParameters(
        resolution=run.resolution,
        version=parameters.version,
        parameters=parameters,
        code_version=parameters.code_version,
        state=state,
        reason=reason,
        learned_at=run.made_at,
        learned_days=site.days,
        learned_until=run.day,
        watermark=run.watermark,
        events=parameters.events,
    )


def _check(site: SiteHistory, run: ForecastRun, known: Known, *, judge: bool) -> list[Check]:
    """Parameters that have seen the days of the check are left out of it: learned anew from what came before."""
    split = check_split(site.days)
    figures, seen = {}, True
    if split is not None:
        grid, history = site.laid_out(split)
        seen = known.learned_until > site.first_day + timedelta(days=split // SHIFTS)
        parameters: Parameters | None = None if seen else known.parameters
        figures = {one.horizon: one for one in check(grid, history, split=split, parameters=parameters)}
    return [
        Check(
            day=run.day,
            horizon=name,
            parameter_version=known.version,
            figures=figures.get(name),
            reason=refusal(figures.get(name)),
            drift=drift(figures[name]) if judge and not seen and name in figures else "",
            judged=judge and not seen,
        )
        for name in HORIZONS_CHECKED
    ]
