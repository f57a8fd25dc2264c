"""`hexpost reprocess`: archived messages decoded by today's mappings, in place of what came of them then."""

import sys
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from appliance.cli.options import FAILED, common, to_json
from appliance.clock import day_bounds
from appliance.errors import Rejected
from appliance.wiring import Box, archive_folder, find_store


@click.command("reprocess")
@click.option("--from", "from_text", required=True, help="First day of the site, or an instant, as 2026-11-21T10:00Z.")
@click.option("--to", "to_text", required=True, help="Last day, inclusive; or an instant, exclusive.")
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@common
def reprocess_command(box: Box, as_json: bool, from_text: str, to_text: str, dry_run: bool) -> None:
    """Decode archived messages anew, after a mapping or the program was mended.

    What was received in the range is decoded as of now, beside the running box; then events, readings and positions
    that differ are replaced in one transaction. What the archive does not have stays as it is.

    Example: hexpost reprocess --from 2026-11-20 --to 2026-11-21 --dry-run
    """
    from appliance.cli.quarantining import who_asks
    from appliance.store.archive.manifest import sealed_files
    from appliance.wiring_archive import reprocess

    start, end = (
        read_bound(from_text, "--from", box.settings.zone),
        read_bound(to_text, "--to", box.settings.zone, True),
    )
    if start >= end:
        raise Rejected(f"--from {from_text} lies after --to {to_text}")
    store = find_store(box)
    rows = sum(file.rows for file in sealed_files(archive_folder(box), start, end))
    hidden = as_json or not sys.stderr.isatty()
    with click.progressbar(length=rows, label="decoding", file=sys.stderr, hidden=hidden) as bar:
        report = reprocess(box, store, start=start, end=end, who=who_asks(), dry_run=dry_run, on_messages=bar.update)
    if as_json:
        click.echo(to_json(report))
    else:
        _say(report)
    if report.unread.faults and not report.messages:
        sys.exit(FAILED)


def read_bound(text: str, option: str, zone: ZoneInfo, last: bool = False) -> datetime:
    """A day of the site, at its beginning or with `last` at its end, or an instant with offset.

    raises  Rejected  it is neither
    """
    try:
        if len(text) == len("2026-11-21"):
            return day_bounds(date.fromisoformat(text), zone)[last]
        instant = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise Rejected(
            f"{option} {text!r} is neither a day (2026-11-21) nor an instant (2026-11-21T10:00:00Z)"
        ) from None
    if instant.tzinfo is None:
        raise Rejected(f"{option} {text} needs its offset, as in {text}Z")
    return instant.astimezone(UTC)


def _say(report: Any) -> None:
    unread = report.unread
    click.echo(
        f"{report.messages:,} messages, {report.refused:,} refused, {report.untrusted:,} of unknown time; "
        f"{unread.missed:,} are missing, {unread.destroyed:,} destroyed with their keys"
    )
    verb = "would be" if report.done is None else "were"
    for name in ("events", "readings", "positions"):
        found = getattr(report, name)
        click.echo(
            f"  {name}: {found.before:,} before; {found.added:,} {verb} added, {found.changed:,} changed, "
            f"{found.removed:,} removed, {found.kept:,} kept; {found.uncovered:,} not in the archive"
        )
        if found.rolled_up:
            click.echo(f"    {found.rolled_up:,} more lie in hours that are deleted by age and stay rolled up")
    if report.quarantine:
        click.echo(f"  {report.quarantine:,} messages in quarantine are understood now")
    for fault in unread.faults:
        click.echo(f"  {fault}")
