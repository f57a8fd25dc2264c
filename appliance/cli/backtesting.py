"""`hexpost backtest`: whether the forecast would have held, on a file of incidents or on the site's own."""

import hashlib
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from appliance.cli.backtesting_report import Reading, say_backtest
from appliance.cli.options import common, to_json
from appliance.cli.reading import find_zone, is_evening_before, reading_options, unpacked
from appliance.clock import site_day, to_us
from appliance.errors import Rejected
from appliance.forecast.incidents import Incidents
from appliance.ingest.files import ReadOptions, decode_lines, kind_of, read_rows
from appliance.ingest.mapping import parse_map
from appliance.ingest.text import known_encoding
from appliance.model.backtest import Backtest
from appliance.model.discovery import Discovery, read_discovery
from appliance.model.event import Event
from appliance.spatial.cells import cell_of
from appliance.wiring import Box, find_store

DEFAULT_RESOLUTION = 9


@click.command("backtest")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--site", is_flag=True, help="The site's own events instead of a file's.")
@click.option(
    "--resolution",
    type=click.IntRange(0, 11),
    help=f"Of the H3 cells.  [default: {DEFAULT_RESOLUTION}; with --keep the site's finest]",
)
@click.option(
    "--test-days", type=click.IntRange(2, 3_660), default=90, show_default=True, help="At most a third of all days."
)
@reading_options
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="Only incidents from this day on.")
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), help="Only incidents to this day, inclusive.")
@click.option("--type", "types", multiple=True, help="Only events of this type; may be given again.")
@click.option(
    "--discovered",
    multiple=True,
    help="ATTRIBUTE=VALUE (or event_type=VALUE) by which an incident tells that a patrol discovered it; may be given "
    "again. By default what risk.discovered says: discovered_by=patrol.",
)
@click.option(
    "--part",
    type=click.Choice(["reported", "discovered", "all"]),
    default="reported",
    show_default=True,
    help="Which incidents: what patrols discover says where they went.",
)
@click.option("--keep", is_flag=True, help="Of the site: keep what is found, for the map.")
@click.option("--queued", is_flag=True, help="With --keep: the one that was asked for over HTTP.")
@common
def backtest_command(
    box: Box,
    as_json: bool,
    file: Path | None,
    site: bool,
    resolution: int | None,
    test_days: int,
    maps: tuple[str, ...],
    formats: tuple[str, ...],
    tz: str | None,
    encoding: str,
    first: datetime | None,
    last: datetime | None,
    types: tuple[str, ...],
    discovered: tuple[str, ...],
    part: str,
    keep: bool,
    queued: bool,
) -> None:
    """Ask each method where the next incidents will be, again and again over the last days, and see what came.

    Rolling origin: next shift (8 hours, from 0, 8 and 16 o'clock), next day, next 7 days. Each method names 1, 2 and
    5 % of the cells (all with an incident before the test, and their neighbours); ties fall by a hash of the cell.
    Shown are hit rate, PAI, PEI* and the mean log score where a method gives probabilities; of the forecast also its
    calibration. With --json: a list of rows {horizon, method, area, hit_rate, pai, pei, log_score}.

    Example: hexpost backtest crimes.csv.gz --map latitude=Lat --map longitude=Long --map event_type=MCI
    --map event_timestamp=occurrencedate+occurrencehour --tz America/Toronto
    """
    _check_usage(site=site, file=file, keep=keep, queued=queued)
    if site and (maps or formats or tz not in {None, box.settings.site.timezone}):
        raise click.UsageError("--map, --time-format and --tz are for a FILE; the site's events have their times")
    if keep and (discovered or part != "reported" or types or first or last):
        raise click.UsageError(
            "what is kept is of the site's risk.types and risk.discovered, each part apart, and all days"
        )
    begun = time.monotonic()
    rules = read_discovery(discovered or box.settings.risk.discovered, "--discovered")
    if keep:
        _say_kept(_keep(box, rules, resolution, test_days, queued=queued), as_json=as_json, queued=queued)
        return
    chosen = DEFAULT_RESOLUTION if resolution is None else resolution
    if file is None:
        incidents, reading = _of_the_site(box, rules, chosen, types or tuple(box.settings.risk.types), part)
    else:
        options = _reading_options(box, maps, formats, tz)
        progress = not as_json and sys.stderr.isatty()
        wanted, zone = Wanted(types, rules, part), options.zone or box.settings.zone
        incidents, reading = Incidents(), Reading(name=str(file), resolution=chosen, zone=zone)
        read_incidents(
            file, options, incidents, reading, wanted, zone, encoding=known_encoding(encoding), progress=progress
        )
        reading.duplicate = incidents.drop_duplicates()
    reading.other_days = incidents.drop_before(first.date()) if first else 0
    reading.other_days += incidents.drop_from(last.date() + timedelta(days=1)) if last else 0
    _test(incidents, reading, test_days, begun, as_json=as_json)


def _check_usage(*, site: bool, file: Path | None, keep: bool, queued: bool) -> None:
    if site == (file is not None):
        raise click.UsageError("name a FILE, or give --site for the site's own events")
    if (keep and not site) or (queued and not keep):
        raise click.UsageError("--keep goes with --site, and --queued with both")


def _reading_options(box: Box, maps: tuple[str, ...], formats: tuple[str, ...], tz: str | None) -> ReadOptions:
    return ReadOptions(
        source="backtest",
        received_at=box.clock(),
        map=parse_map(maps),
        formats=formats,
        zone=find_zone(tz),
        clock_trusted=box.clock_trusted(),
        nowhere=True,
        places=True,
    )


def _test(incidents: Incidents, reading: Reading, test_days: int, begun: float, *, as_json: bool) -> None:
    """Try every method on the incidents and say what came; `begun` is an instant of the monotonic clock."""
    from appliance.job.backtesting import perform_backtest

    trials, tested = perform_backtest(incidents, test_days=test_days)
    if as_json:
        click.echo(to_json([row for trial in trials for row in trial.rows()]))
        return
    reading.first_day, reading.days = incidents.span()
    reading.incidents, reading.tested, reading.seconds = incidents.total, tested, time.monotonic() - begun
    say_backtest(reading, trials)


def _say_kept(made: Backtest, *, as_json: bool, queued: bool) -> None:
    """What became of a backtest that is kept; one that was queued says it in the ledger."""
    if made.report is None and not queued:
        raise Rejected(f"backtest {made.backtest_pk}: {made.message}")
    words = f"backtest {made.backtest_pk} is {made.state}{made.message and f': {made.message}'}"
    click.echo(to_json(made) if as_json else words)


def _of_the_site(
    box: Box, rules: Discovery, resolution: int, types: tuple[str, ...], part: str
) -> tuple[Incidents, Reading]:
    from appliance.job.backtesting import fetch_incidents, fetch_parts

    store, hours = find_store(box), box.hours()
    today = site_day(to_us(box.clock()), box.settings.zone)
    reading = Reading(name="the site", resolution=resolution)
    if part == "all":
        return fetch_incidents(store, resolution=resolution, hours=hours, types=types, before=today), reading
    found = fetch_parts(store, resolution=resolution, hours=hours, types=types, discovery=rules, before=today)
    reading.discovered, reading.known_from = found.discovered.total, found.known_from
    return (found.discovered if part == "discovered" else found.reported), reading


def _keep(box: Box, rules: Discovery, resolution: int | None, test_days: int, *, queued: bool) -> Backtest:
    from appliance.job.backtest_keeping import make_backtest

    return make_backtest(
        find_store(box),
        hours=box.hours(),
        types=box.settings.risk.types,
        discovery=rules,
        clock=box.clock,
        resolution=max(box.settings.risk.resolutions) if resolution is None else resolution,
        test_days=test_days,
        queued=queued,
    )


class Wanted:
    """Which events of a file take part."""

    def __init__(self, types: tuple[str, ...], rules: Discovery, part: str) -> None:
        self._types, self._rules, self._part = frozenset(types), rules, part

    def is_discovered(self, event: Event) -> bool:
        """Whether the row says that a patrol discovered it."""
        return self._rules.tells(event.event_type, event.attributes)

    def takes(self, event: Event, *, discovered: bool) -> bool:
        """Whether the event is of the types and the part that were asked for."""
        of_type = not self._types or event.event_type in self._types
        return of_type and (self._part == "all" or discovered == (self._part == "discovered"))


def read_incidents(
    file: Path,
    options: ReadOptions,
    incidents: Incidents,
    reading: Reading,
    wanted: Wanted,
    zone: ZoneInfo,
    *,
    encoding: str = "utf-8",
    progress: bool,
) -> None:
    """Read a file as `import` would, keeping of each event its cell, day and hour.

    raises  Rejected  the file cannot be read, or no row of it
    """
    with click.progressbar(length=file.stat().st_size, label=file.name, file=sys.stderr, hidden=not progress) as bar:
        for line, item in read_rows(kind_of(file.name), decode_lines(unpacked(file, bar.update), encoding), options):
            if isinstance(item, Rejected):
                reading.rejected += 1
                reading.first_rejection = reading.first_rejection or f"line {line}: {item}"
                continue
            if item.latitude is None or item.longitude is None:
                reading.unplaced += 1
                continue
            if item.clock_quality == "future":
                reading.future += 1
                continue
            discovered = wanted.is_discovered(item)
            reading.discovered += discovered
            if wanted.takes(item, discovered=discovered):
                cell = cell_of(lat=item.latitude, lng=item.longitude, resolution=reading.resolution)
                at: datetime = item.event_timestamp.astimezone(zone)
                reading.midnights += at.hour == at.minute == at.second == 0
                reading.midnights_utc += is_evening_before(item.event_timestamp, zone)
                incidents.add(cell, at.toordinal(), at.hour, identity=_identity(item.event_id))
    if reading.rejected and not incidents.total:
        raise Rejected(
            f"no incident in {file}: {reading.rejected:,} rows could not be read; {reading.first_rejection}; "
            f"see --map, --time-format and --tz"
        )


def _identity(event_id: str) -> int:
    return int.from_bytes(hashlib.blake2b(event_id.encode(), digest_size=8).digest(), "big", signed=True)
