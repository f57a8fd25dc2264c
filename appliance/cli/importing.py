"""`hexpost import`: files into the store, every refused row named with its line and reason."""

import sys
import time
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from appliance.cli.importing_report import ImportReport, add_rejection, say, write_rejections
from appliance.cli.options import FAILED, common, to_json
from appliance.cli.reading import find_zone, is_evening_before, reading_options, say_evenings, unpacked
from appliance.errors import Rejected
from appliance.ingest.files import ReadOptions, Row, decode_lines, kind_of, read_rows
from appliance.ingest.mapping import parse_map
from appliance.ingest.native_form import raw_events
from appliance.ingest.text import known_encoding
from appliance.model.event import Event
from appliance.model.intake import Intake
from appliance.store.intake.batch import Recorder
from appliance.wiring import Box, open_recorder, open_store

COMMIT_ROWS = 2_000
HOPELESS_ROWS = 2_000  # refused one after another from the start: the options do not fit the file


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@reading_options
@click.option("--source", default=None, help="Whose events these are; by default import/<name of the file>.")
@click.option("--rejected", type=click.Path(dir_okay=False, path_type=Path), help="Write refused rows here, as JSONL.")
@common
def import_command(
    box: Box,
    as_json: bool,
    files: tuple[Path, ...],
    maps: tuple[str, ...],
    formats: tuple[str, ...],
    tz: str | None,
    encoding: str,
    source: str | None,
    rejected: Path | None,
) -> None:
    """Import CSV, GeoJSON or JSONL files, plain or .gz; or Parquet: tables, and files of a raw archive.

    --map names the column of a member (longitude=Long), joins several (event_timestamp=Date+Time; also
    Year+Month+Day+Hour), takes a place from one column in the order it is written (latitude+longitude=Location; WKT
    has its own), sets a constant (event_type==crash) or leaves a member unset (severity=). Columns that are not
    mapped are kept as attributes. A place of 0, 0 or -1, -1 is none: such rows are refused.
    What Parquet held is read back and compared: exit code 1 where the store does not hold the same.

    Example: hexpost import crimes.csv --map longitude=Long --map latitude=Lat --map event_type=Offence
    --map event_timestamp=Date+Hour --tz America/Toronto
    """
    columns, zone, encoding = parse_map(maps), find_zone(tz), known_encoding(encoding)
    store = open_store(box)
    recorder, progress = open_recorder(box, store, beside=True), not as_json and sys.stderr.isatty()
    reports = []
    for file in files:
        options = ReadOptions(
            source=source or f"import/{file.name.removesuffix('.gz').rsplit('.', 1)[0]}",
            received_at=box.clock(),
            map=columns,
            formats=formats,
            zone=zone,
            clock_trusted=box.clock_trusted(),
            nowhere=True,
            places=True,
        )
        if file.suffix == ".parquet":
            from appliance.cli.importing_parquet import import_parquet

            report = import_parquet(file, options, box, store, recorder, named=bool(source), progress=progress)
        else:
            local = zone or box.settings.zone
            report = import_file(file, options, recorder, encoding=encoding, zone=local, progress=progress)
        reports.append(report)
        if not as_json:
            say(report)
            say_evenings(report.midnights_utc, report.rows - report.rejected, zone or box.settings.zone)
    recorder.close()
    if rejected:
        write_rejections(rejected, reports)
    if as_json:
        click.echo(to_json(reports))
    hopeless = all(report.rows and report.rejected == report.rows for report in reports)
    if hopeless or not all(report.matches for report in reports):
        sys.exit(FAILED)


def import_file(
    file: Path, options: ReadOptions, recorder: Recorder, *, encoding: str = "utf-8", zone: ZoneInfo, progress: bool
) -> ImportReport:
    """Import one file; what was written before an error stays, and is a duplicate the next time.

    zone    of the place, by which midnight UTC is another hour
    raises  Rejected  the file cannot be read, or none of its first rows can
    """
    report, begun = ImportReport(file=str(file), rejections=[]), time.monotonic()
    with click.progressbar(length=file.stat().st_size, label=file.name, file=sys.stderr, hidden=not progress) as bar:
        rows = read_rows(kind_of(file.name), decode_lines(unpacked(file, bar.update), encoding), options)
        while chunk := list(islice(rows, COMMIT_ROWS)):
            _record(chunk, recorder, report)
            report.midnights_utc += sum(
                isinstance(item, Event) and is_evening_before(item.event_timestamp, zone) for _, item in chunk
            )
            if report.rejected == report.rows >= HOPELESS_ROWS:
                first = report.rejections[0]
                raise Rejected(
                    f"none of the first {report.rows} rows of {file} could be read; line {first.line}: "
                    f"{first.path}: {first.reason}; see --map, --time-format and --tz"
                )
    report.seconds = round(time.monotonic() - begun, 3)
    return report


def _record(chunk: list[Row], recorder: Recorder, report: ImportReport) -> None:
    events = [item for _, item in chunk if isinstance(item, Event)]
    intake = Intake(events=events, refused=len(chunk) - len(events), raw=raw_events(events, "file"))
    receipt = recorder.record(intake)
    outcomes = receipt.outcomes
    report.differing += receipt.differing
    report.future += sum(event.clock_quality == "future" for event in events)
    report.accepted += outcomes.count("stored")
    report.corrected += outcomes.count("corrected")
    report.duplicate += outcomes.count("duplicate")
    for line, item in chunk:
        if isinstance(item, Rejected):
            add_rejection(report, line, item)
