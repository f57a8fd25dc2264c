"""`hexpost backtest`: whether the forecast would have held, on a file of incidents or on the site's own."""

import hashlib
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from appliance.cli.backtesting_report import Reading, say_backtest
from appliance.cli.options import common, to_json
from appliance.cli.reading import find_zone, reading_options, unpacked
from appliance.errors import Rejected
from appliance.forecast.incidents import Incidents
from appliance.ingest.files import ReadOptions, decode_lines, kind_of, read_rows
from appliance.ingest.mapping import parse_map
from appliance.model.event import Event
from appliance.spatial.cells import cell_of
from appliance.wiring import Box, find_store

PATROL = "discovered_by=patrol"


@click.command("backtest")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--site", is_flag=True, help="The site's own events instead of a file's.")
@click.option("--resolution", type=click.IntRange(0, 11), default=9, show_default=True, help="Of the H3 cells.")
@click.option(
    "--test-days", type=click.IntRange(2, 3_660), default=90, show_default=True, help="At most a third of all days."
)
@reading_options
@click.option("--type", "types", multiple=True, help="Only events of this type; may be given again.")
@click.option(
    "--discovered",
    default=PATROL,
    show_default=True,
    help="ATTRIBUTE=VALUE by which a row of a file tells that a patrol discovered it.",
)
@click.option(
    "--part",
    type=click.Choice(["reported", "discovered", "all"]),
    default="reported",
    show_default=True,
    help="Which incidents of a file: what patrols discover says where they went.",
)
@common
def backtest_command(
    box: Box,
    as_json: bool,
    file: Path | None,
    site: bool,
    resolution: int,
    test_days: int,
    maps: tuple[str, ...],
    formats: tuple[str, ...],
    tz: str | None,
    types: tuple[str, ...],
    discovered: str,
    part: str,
) -> None:
    """Ask each method where the next incidents will be, again and again over the last days, and see what came.

    Rolling origin: next shift (8 hours, from 0, 8 and 16 o'clock), next day, next 7 days. Each method names 1, 2 and
    5 % of the cells (all with an incident before the test, and their neighbours); ties fall by a hash of the cell.
    Shown are hit rate, PAI, PEI* and the mean log score where a method gives probabilities; of the forecast also its
    calibration. With --json: a list of rows {horizon, method, area, hit_rate, pai, pei, log_score}.

    Example: hexpost backtest crimes.csv.gz --map latitude=Lat --map longitude=Long --map event_type=MCI
    --map event_timestamp=occurrencedate+occurrencehour --tz America/Toronto
    """
    from appliance.job.backtesting import fetch_incidents, perform_backtest

    if site == (file is not None):
        raise click.UsageError("name a FILE, or give --site for the site's own events")
    begun = time.monotonic()
    zone = find_zone(tz)
    if file is None:
        types = types or tuple(box.settings.risk.types)
        incidents = fetch_incidents(find_store(box), resolution=resolution, hours=box.hours(), types=types)
        reading = Reading(name="the site", resolution=resolution)
    else:
        options = ReadOptions(
            source="backtest",
            received_at=box.clock(),
            map=parse_map(maps),
            formats=formats,
            zone=zone,
            clock_trusted=box.clock_trusted(),
        )
        incidents, reading = Incidents(), Reading(name=str(file), resolution=resolution)
        wanted = Wanted(types, discovered, part)
        progress = not as_json and sys.stderr.isatty()
        read_incidents(file, options, incidents, reading, wanted, zone or box.settings.zone, progress=progress)
        reading.duplicate = incidents.drop_duplicates()
    trials, tested = perform_backtest(incidents, test_days=test_days)
    if as_json:
        click.echo(to_json([row for trial in trials for row in trial.rows()]))
        return
    reading.first_day, reading.days = incidents.span()
    reading.incidents, reading.tested, reading.seconds = incidents.total, tested, time.monotonic() - begun
    say_backtest(reading, trials)


class Wanted:
    """Which events of a file take part.

    raises  Rejected  `discovered` is not of the form ATTRIBUTE=VALUE
    """

    def __init__(self, types: tuple[str, ...], discovered: str, part: str) -> None:
        name, equals, value = discovered.partition("=")
        if not (name.strip() and equals):
            raise Rejected(f"--discovered {discovered!r}: the form is ATTRIBUTE=VALUE, as in {PATROL}")
        self._types, self._part = frozenset(types), part
        self._name, self._value = name.strip(), value.strip().casefold()

    def is_discovered(self, event: Event) -> bool:
        """Whether the row says that a patrol discovered it."""
        given: Any = event.attributes.get(self._name)
        return given is not None and str(given).strip().casefold() == self._value

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
    progress: bool,
) -> None:
    """Read a file as `import` would, keeping of each event its cell, day and hour.

    raises  Rejected  the file cannot be read, or no row of it
    """
    with click.progressbar(length=file.stat().st_size, label=file.name, file=sys.stderr, hidden=not progress) as bar:
        for line, item in read_rows(kind_of(file.name), decode_lines(unpacked(file, bar.update)), options):
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
                incidents.add(cell, at.toordinal(), at.hour, identity=_identity(item.event_id))
    if reading.rejected and not incidents.total:
        raise Rejected(
            f"no incident in {file}: {reading.rejected:,} rows could not be read; {reading.first_rejection}; "
            f"see --map, --time-format and --tz"
        )


def _identity(event_id: str) -> int:
    return int.from_bytes(hashlib.blake2b(event_id.encode(), digest_size=8).digest(), "big", signed=True)
