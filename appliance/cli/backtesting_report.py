"""A backtest as people read it: a table a horizon, bars beside each other, and whether the forecast was calibrated."""

from collections.abc import Sequence
from datetime import date
from zoneinfo import ZoneInfo

import click
import msgspec

from appliance.cli.reading import MOST, say_evenings
from appliance.forecast.metrics import AREAS
from appliance.forecast.rolling import BASE, CALIBRATED, Trial
from appliance.model.backtest import Row

BAR_WIDTH = 40


class Reading(msgspec.Struct, kw_only=True):
    """What was read, and what of it was left out; `midnights` are by the clock of `zone`, and those by UTC are not."""

    name: str
    resolution: int
    zone: ZoneInfo | None = None
    incidents: int = 0
    rejected: int = 0
    unplaced: int = 0
    future: int = 0
    duplicate: int = 0
    other_days: int = 0
    midnights: int = 0
    midnights_utc: int = 0
    discovered: int = 0
    known_from: date | None = None
    first_rejection: str = ""
    first_day: date = date.min
    days: int = 0
    tested: int = 0
    seconds: float = 0.0


def say_backtest(reading: Reading, trials: Sequence[Trial]) -> None:
    """Print the report."""
    click.echo(
        f"{reading.name}: {reading.incidents:,} incidents in {reading.days:,} days from {reading.first_day}, "
        f"the last {reading.tested} tested; resolution {reading.resolution}, {reading.seconds:.1f} s"
    )
    left_out = {
        "cannot be read": reading.rejected,
        "without a place": reading.unplaced,
        "in the future": reading.future,
        "told twice": reading.duplicate,
        "of other days": reading.other_days,
    }
    if any(left_out.values()):
        click.echo("left out: " + ", ".join(f"{count:,} {why}" for why, count in left_out.items() if count))
    if reading.first_rejection:
        click.echo(f"  {reading.first_rejection}")
    if reading.discovered:
        click.echo(f"discovered by patrols: {reading.discovered:,}, kept apart (--part)")
    if reading.known_from:
        click.echo(
            f"  of those before {reading.known_from} only counts are left; what was discovered counts as reported"
        )
    if reading.zone is not None:
        say_evenings(reading.midnights_utc, reading.incidents, reading.zone)
    if reading.midnights > MOST * reading.incidents:
        click.echo(
            "  nearly all times are midnight, as of a file that tells days only: the next shift then says nothing"
        )
    for trial in trials:
        _say_trial(trial)
    if not trials:
        click.echo("no horizon fits into the days that were tested")


def _say_trial(trial: Trial) -> None:
    rows = list(trial.rows())
    happened, windows = sum(trial.events), len(trial.events)
    click.echo(f"\n{trial.horizon}: {happened:,} incidents in {windows:,} windows, {trial.cells:,} cells")
    shares = "".join(f"{f'at {area:.0%}':^24}" for area in AREAS)
    click.echo(f"  {'':<12}{shares}")
    click.echo(f"  {'method':<12}{'   hits     PAI    PEI* ' * len(AREAS)}{'log score':>11}")
    for method in trial.methods:
        own = [row for row in rows if row.method == method]
        figures = "".join(
            f"{_figure(row.hit_rate, 7, 3)}{_figure(row.pai, 8, 1)}{_figure(row.pei, 8, 3)} " for row in own
        )
        click.echo(f"  {method:<12}{figures}{_figure(own[0].log_score, 11, 5)}")
    _say_difference(trial)
    _plot(rows, trial)
    found = trial.calibration()
    click.echo(
        f"  calibration: {found.coverage:.1%} of counts within the 90 % interval, of the busiest twentieth of cells "
        f"{found.busy_coverage:.1%}; {found.expected:,.0f} expected, {found.happened:,} came"
    )


def _say_difference(trial: Trial) -> None:
    """The forecast against the count of all history, with the bootstrap's standard error."""
    parts = [f"{one.difference:+.4f} ± {one.standard_error:.4f} at {one.area:.0%}" for one in trial.differences()]
    if parts:
        click.echo(f"  {CALIBRATED} less {BASE}: {', '.join(parts)}")


def _plot(rows: Sequence[Row], trial: Trial) -> None:
    """Hit rates of the smallest and the largest area as bars."""
    for area in (AREAS[0], AREAS[-1]):
        rates = {row.method: row.hit_rate or 0.0 for row in rows if row.area == area}
        most = max(rates.values(), default=0.0) or 1.0
        click.echo(f"  hits at {area:.0%}")
        for method in trial.methods:
            bar = "█" * round(BAR_WIDTH * rates[method] / most)
            click.echo(f"    {method:<11} {bar:<{BAR_WIDTH}} {rates[method]:.3f}")


def _figure(value: float | None, width: int, digits: int) -> str:
    return f"{'-':>{width}}" if value is None else f"{value:>{width}.{digits}f}"
