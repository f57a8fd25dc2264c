"""`hexpost analyze`: a composite run, now and in this process."""

import time
from datetime import date, timedelta

import click

from appliance.cli.options import DAY, common, to_json
from appliance.clock import site_day, to_us
from appliance.errors import Rejected
from appliance.wiring import Box, find_store


@click.command("analyze")
@click.option("--from", "from_day", type=DAY, default=None, help="First day, inclusive.")
@click.option("--to", "to_day", type=DAY, default=None, help="Last day, inclusive; by default today.")
@click.option("--resolution", type=click.IntRange(5, 11), default=None, help="By default every configured one.")
@common
def analyze_command(
    box: Box, as_json: bool, from_day: date | None, to_day: date | None, resolution: int | None
) -> None:
    """Compute risk over an interval of days, and put rows back that were lost.

    Example: hexpost analyze --from 2018-10-01 --to 2018-12-31 --resolution 8
    """
    from appliance.job.risk_run import perform_run
    from appliance.store.risk.runs import insert_run

    last = to_day or site_day(to_us(box.clock()), box.settings.zone)
    first = from_day or last - timedelta(days=box.settings.risk.days - 1)
    if first > last:
        raise Rejected(f"--from {first} lies after --to {last}")
    store = find_store(box)
    runs = []
    for chosen in [resolution] if resolution else box.settings.risk.resolutions:
        begun = time.monotonic()
        with store.write() as connection:
            asked = insert_run(
                connection, resolution=chosen, from_day=first, to_day=last, now=box.clock(), state="running"
            )
        run = perform_run(
            store, asked, hours=box.hours(), types=box.settings.risk.types, clock=box.clock, look_for_lost=True
        )
        runs.append(run)
        if not as_json:
            click.echo(
                f"resolution {chosen}, {first} to {last}: {run.rows_changed:,} rows changed "
                f"in {time.monotonic() - begun:.1f} s"
            )
    if as_json:
        click.echo(to_json(runs))
