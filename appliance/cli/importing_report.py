"""What became of an imported file, counted, said and written."""

from pathlib import Path

import click
import msgspec

from appliance.errors import Rejected
from appliance.store.event.read_back import Comparison, Statistics

SHOWN_REJECTIONS = 20  # on a terminal; --json and --rejected give all of them
KEPT_REJECTIONS = 100_000  # in memory for --json; beyond, they are only counted


class RejectedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row that could not be taken."""

    line: int
    path: str
    reason: str


class ImportReport(msgspec.Struct, kw_only=True):
    """What became of one file.

    differing   duplicates that tell something else than what is stored under their id
    future         times later than the box's own clock
    midnights_utc  times that are midnight UTC and another hour where the box stands
    statistics  of what Parquet held, and of the same read back from the store; they must be equal
    messages    of a file of the archive; accepted, duplicate and rejected then count what they held
    destroyed   messages whose key is not here (any more)
    """

    file: str
    accepted: int = 0
    corrected: int = 0
    duplicate: int = 0
    differing: int = 0
    rejected: int = 0
    future: int = 0
    midnights_utc: int = 0
    seconds: float = 0.0
    rejections: list[RejectedRow] = []
    statistics: Comparison | None = None
    messages: int = 0
    destroyed: int = 0

    @property
    def rows(self) -> int:
        """Rows read."""
        return self.accepted + self.corrected + self.duplicate + self.rejected

    @property
    def matches(self) -> bool:
        """Whether the store holds what the file held."""
        return self.statistics is None or self.statistics.read == self.statistics.stored


def add_rejection(report: ImportReport, line: int, rejected: Rejected) -> None:
    """Count a row that was refused, and keep it while there is room."""
    report.rejected += 1
    if len(report.rejections) < KEPT_REJECTIONS:
        report.rejections.append(RejectedRow(line=line, path=rejected.path, reason=rejected.reason))


def say(report: ImportReport) -> None:
    """The report on a terminal."""
    rate = report.rows / report.seconds if report.seconds else 0.0
    corrected = f", {report.corrected:,} corrected" if report.corrected else ""
    click.echo(
        f"{report.file}: {report.accepted:,} accepted{corrected}, {report.duplicate:,} duplicate, "
        f"{report.rejected:,} rejected in {report.seconds:.1f} s ({rate:,.0f} rows/s)"
    )
    if report.differing:
        click.echo(
            f"  {report.differing:,} duplicates differ from what is stored under their id: map event_id to a column "
            "that is one a row, or to none; or, where the file corrects what came before, rev to one that grows"
        )
    if report.future:
        click.echo(f"  {report.future:,} lie in the future by the clock of this box: look at their years")
    if report.destroyed:
        click.echo(f"  {report.destroyed:,} messages are sealed, and their key is not here")
    for row in report.rejections[:SHOWN_REJECTIONS]:
        click.echo(f"  line {row.line}: {row.path}: {row.reason}")
    if report.rejected > SHOWN_REJECTIONS and report.rejections:
        click.echo(
            f"  and {report.rejected - SHOWN_REJECTIONS:,} more; --rejected FILE writes up to {KEPT_REJECTIONS:,}"
        )
    if report.statistics is not None:
        _say_statistics("read", report.statistics.read)
        _say_statistics("stored", report.statistics.stored)
    if not report.matches:
        click.echo("  the store does not hold what the file held: ids of it were there before with another content")


def write_rejections(file: Path, reports: list[ImportReport]) -> None:
    """Every refused row as a line of JSON."""
    with file.open("wb") as out:
        for report in reports:
            for row in report.rejections:
                out.write(msgspec.json.encode({"file": report.file, **msgspec.structs.asdict(row)}) + b"\n")


def _say_statistics(name: str, found: Statistics) -> None:
    click.echo(
        f"  {name}: {found.items:,} items, {found.values:,} values, sum {found.value_sum:g}, "
        f"{found.value_min} to {found.value_max}, {found.first} to {found.last}"
    )
