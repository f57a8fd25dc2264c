"""`hexpost forecast`: make it, show it, see what it believes, and accept other parameters."""

from datetime import date
from typing import Any

import click
import msgspec

from appliance.cli.options import DAY, common, shown, to_json
from appliance.clock import site_day, to_us
from appliance.forecast.history import HORIZONS
from appliance.store.forecast.slices import ForecastPage
from appliance.wiring import Box, find_store

WIDTH = 1_000  # cells read at a time


@click.group("forecast")
def forecast_group() -> None:
    """How many events each cell is to expect.

    Example: hexpost forecast show --resolution 9
    """


@forecast_group.command("run")
@common
def run_command(box: Box, as_json: bool) -> None:
    """Forecast today, tomorrow and the next seven days from all whole days before.

    The jobs process does this by itself after 00:05, and after late data.

    Example: hexpost forecast run --data /var/lib/hexpost
    """
    from appliance.job.forecasting import perform_forecast

    run = perform_forecast(find_store(box), risk=box.settings.risk, hours=box.hours(), clock=box.clock)
    if as_json:
        click.echo(to_json(run))
    elif run is not None:
        click.echo(
            f"forecast from {run.day} at resolution {run.resolution}: "
            f"{run.message or f'{run.rows_changed:,} rows changed, parameters {run.parameter_version}'} "
            f"in {run.took_s:.1f} s"
        )


@forecast_group.command("show")
@click.option("--date", "day", type=DAY, default=None, help="First day of what is forecast; by default today.")
@click.option("--resolution", type=click.IntRange(5, 11), default=None, help="By default that of patrols.")
@click.option("--horizon", type=click.Choice([name for name in HORIZONS if name != "next_shift"]), default="next_day")
@click.option("--event-type", default="", help="By default all events.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, help="So many cells.")
@common
def show_command(
    box: Box, as_json: bool, day: date | None, resolution: int | None, horizon: str, event_type: str, limit: int
) -> None:
    """The cells with the highest risk, and what each is to expect.

    Example: hexpost forecast show --horizon next_7_days --resolution 8 --limit 10
    """
    first = day or site_day(to_us(box.clock()), box.settings.zone)
    chosen = resolution or box.settings.risk.patrol_resolution
    page = _whole(box, day=first, resolution=chosen, horizon=horizon, event_type=event_type)
    worst = sorted(page.items, key=lambda row: (-row.risk_score, -row.mean, row.h3_index))[:limit]
    if as_json:
        click.echo(to_json(msgspec.structs.replace(page, items=worst)))
        return
    if not page.items:
        click.echo(page.reason)
        return
    click.echo(
        f"{horizon} from {page.day}, resolution {chosen}: {page.total:.1f} events expected in {len(page.items):,} "
        f"cells; {page.method}, parameters {page.parameter_version}, made {shown(page.made_at)}"
    )
    if not page.offered:
        click.echo(f"the calibrated forecast is not offered: {page.reason}")
    click.echo(f"{'cell':<16} {'mean':>8} {'90 %':>9} {'risk':>6} level")
    for row in worst:
        click.echo(
            f"{row.h3_index:<16} {row.mean:>8.3f} {f'{row.low}-{row.high}':>9} {row.risk_score:>6.2f} {row.risk_level}"
        )


@forecast_group.command("parameters")
@common
def parameters_command(box: Box, as_json: bool) -> None:
    """Every version of parameters, and how the forecasts of the last days held.

    Example: hexpost forecast parameters
    """
    from appliance.store.forecast.parameters import fetch_parameters
    from appliance.store.forecast.runs import fetch_checks

    with find_store(box).read() as connection:
        versions, checks = fetch_parameters(connection), fetch_checks(connection)
    if as_json:
        click.echo(to_json({"parameters": versions, "checks": checks}))
        return
    if not versions:
        click.echo("nothing has been learned yet; `hexpost forecast run` does")
    for one in versions:
        click.echo(
            f"{one.version} {one.state:<8} learned {one.learned_at:%Y-%m-%d} from {one.learned_days} days, "
            f"{one.events:,} events; {one.reason}"
        )
    for check in checks:
        click.echo(f"{check.horizon} before {check.day}: {check.reason or 'offered'}{_figures(check.figures)}")


@forecast_group.command("accept")
@click.argument("version")
@common
def accept_command(box: Box, as_json: bool, version: str) -> None:
    """Put proposed or earlier parameters in force; the next forecast uses them.

    Example: hexpost forecast accept 7c0a9d3e51b2
    """
    from appliance.store.forecast.parameters import accept_parameters

    with find_store(box).write() as connection:
        accepted = accept_parameters(connection, version, now=box.clock())
    click.echo(to_json(accepted) if as_json else f"parameters {accepted.version} are in force")


def _whole(box: Box, **asked: Any) -> ForecastPage:
    """Every page of a slice as one."""
    from appliance.spatial.cells import from_hex
    from appliance.store.forecast.slices import fetch_forecast

    items, cursor = [], 0
    with find_store(box).read() as connection:
        while True:
            page = fetch_forecast(connection, after_cell=cursor, limit=WIDTH, **asked)
            items += page.items
            if page.next_cursor is None:
                return msgspec.structs.replace(page, items=items)
            cursor = from_hex(page.next_cursor)


def _figures(figures: Any) -> str:
    if figures is None:
        return ""
    return (
        f"; {figures.events:,} events, {figures.coverage:.1%} of counts in the 90 % interval, hit rate at 5 % "
        f"{figures.hit_rate:.3f} (plain count {figures.plain_hit_rate:.3f}), log score {figures.log_score:.6f} "
        f"({figures.plain_log_score:.6f})"
    )
