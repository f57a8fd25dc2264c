"""`hexpost detect`: the series detector over a file, value by value, as it would have run live."""

import csv
import gzip
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
import msgspec

from appliance.anomaly.series import SeriesState, judge_value
from appliance.cli.options import common, to_json
from appliance.errors import Rejected
from appliance.ingest.series import SeriesRow, read_series
from appliance.ingest.text import decode_lines
from appliance.wiring import Box

CHUNK_BYTES = 1 << 16
SHOWN_FLAGS = 1_000


class Flagged(msgspec.Struct, frozen=True, kw_only=True):
    """A row at which an alarm was due."""

    line: int
    timestamp: str
    value: str
    score: float


class DetectReport(msgspec.Struct, kw_only=True):
    """What `--json` prints: rows read, rows without a value, rows older than one before them, alarms, and where the
    first thousand of these were."""

    file: str
    rows: int = 0
    missing: int = 0
    unordered: int = 0
    flagged: int = 0
    flags: list[Flagged] = msgspec.field(default_factory=list)


@click.command("detect")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path, allow_dash=True))
@click.option(
    "--time",
    "time_column",
    default="timestamp",
    show_default=True,
    help="The column of the time, or several: day+hour.",
)
@click.option("--value", "value_column", default="value", show_default=True, help="The column of the value.")
@click.option("--time-format", "formats", multiple=True, help="As strptime, or unix, unix_ms.")
@click.option(
    "--tz", default="UTC", show_default=True, help="The zone of times without an offset, and of the hours of the day."
)
@common
def detect_command(
    box: Box, as_json: bool, file: Path, time_column: str, value_column: str, formats: tuple[str, ...], tz: str
) -> None:
    """Look for what is out of the ordinary in one series, plain or .gz, or from standard input (-).

    Prints timestamp,value,score,flag: a row a row, each judged by the rows before it only. The score is 0 to 1, the
    flag 1 where an alarm is due: once for an incident. An empty value is no value. With --json: a summary, and where
    the flags are.

    Example: hexpost detect temperature.csv --tz Asia/Kuwait > judged.csv
    """
    zone = _zone(tz)
    name = "standard input" if str(file) == "-" else str(file)
    with _chunks(file) as chunks:
        rows = read_series(
            decode_lines(chunks), time_column=time_column, value_column=value_column, formats=formats, zone=zone
        )
        try:
            report = DetectReport(file=name)
            if as_json:
                _summarise(rows, zone, report)
                click.echo(to_json(report))
            else:
                _print(rows, zone, report)
            if report.unordered:
                click.echo(
                    f"hexpost: {name}: {report.unordered:,} of {report.rows:,} rows are older than one before them; "
                    "the detector learns nothing from these: sort the file by its time",
                    err=True,
                )
        except Rejected as rejected:
            raise Rejected(f"detecting in {name}: {rejected.reason}") from None


def _print(rows: Iterator[SeriesRow], zone: ZoneInfo, report: DetectReport) -> None:
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(("timestamp", "value", "score", "flag"))
    for row, score, flagged in _judge(rows, zone, report):
        out.writerow((row.timestamp, row.text, f"{score:.6f}", int(flagged)))


def _summarise(rows: Iterator[SeriesRow], zone: ZoneInfo, report: DetectReport) -> None:
    for row, score, flagged in _judge(rows, zone, report):
        report.missing += row.value != row.value  # NaN alone differs from itself
        report.flagged += flagged
        if flagged and len(report.flags) < SHOWN_FLAGS:
            report.flags.append(Flagged(line=row.line, timestamp=row.timestamp, value=row.text, score=score))


def _judge(rows: Iterator[SeriesRow], zone: ZoneInfo, report: DetectReport) -> Iterator[tuple[SeriesRow, float, bool]]:
    state, newest = SeriesState(), datetime.min.replace(tzinfo=UTC)
    local = zone.key != "UTC"
    for row in rows:
        report.rows += 1
        report.unordered += row.at < newest
        newest = max(newest, row.at)
        offset = row.at.astimezone(zone).utcoffset() if local else None
        offset_s = offset.total_seconds() if offset else 0.0
        score, flagged = judge_value(state, row.at.timestamp(), row.value, offset_s=offset_s)
        yield row, score, flagged


@contextmanager
def _chunks(file: Path) -> Iterator[Iterator[bytes]]:
    """The bytes of a file, or of standard input as they come."""
    if str(file) == "-":
        yield _read(sys.stdin.buffer, "standard input")
        return
    with file.open("rb") as packed:
        plain: IO[bytes] = cast("IO[bytes]", gzip.GzipFile(fileobj=packed)) if file.suffix == ".gz" else packed
        yield _read(plain, str(file))


def _read(source: IO[bytes], name: str) -> Iterator[bytes]:
    read: Any = getattr(source, "read1", source.read)
    try:
        while chunk := read(CHUNK_BYTES):
            yield chunk
            sys.stdout.flush()  # before waiting for more, what was said is sent
    except (OSError, EOFError, zlib.error) as error:
        raise Rejected(f"reading {name}: {error}") from None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Rejected(f"--tz {name!r} is not an IANA zone; write it as America/Toronto") from None
