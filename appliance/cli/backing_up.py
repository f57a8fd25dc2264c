"""`hexpost backup` and `hexpost restore`."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from appliance.cli.options import common, to_json
from appliance.wiring import Box, find_store


@click.command("backup")
@click.option("--to", "folder", type=click.Path(path_type=Path), help="A folder that is there, as on a USB drive.")
@click.option("--keep-days", type=click.IntRange(1, 3660), help="Older ones there go; the newest stays.")
@click.option("--passphrase-file", default="", help="Its first line seals the site's keys; else they are left out.")
@common
def backup_command(box: Box, as_json: bool, folder: Path | None, keep_days: int | None, passphrase_file: str) -> None:
    """Copy the store while the box goes on, check the copy, and keep it.

    Example: hexpost backup --to /media/usb --passphrase-file /root/backup-passphrase
    """
    from appliance.store.backup.manifest import read_manifest
    from appliance.store.backup.taking import take_backup
    from appliance.wiring_care import backup_wish

    folder = folder.absolute() if folder else None  # the status tells it later, from elsewhere
    wish = backup_wish(box, folder=folder, keep_days=keep_days, passphrase_file=passphrase_file)
    with click.progressbar(length=1000, label="copying", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:

        def progress(done: int, total: int) -> None:
            bar.update(1000 * done // max(1, total) - bar.pos)

        backup = take_backup(find_store(box, to_read=True), wish, progress=progress)
    manifest = read_manifest(backup.folder)
    if as_json:
        click.echo(to_json({"folder": str(backup.folder), "manifest": manifest}))
        return
    click.echo(
        f"{backup.folder}: {manifest.bytes / 1e6:,.1f} MB, {manifest.rows['events']:,} events; opened and checked"
    )
    for words in manifest.left_out:
        click.echo(f"  {words}")


@click.command("restore")
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--to", "until", type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%MZ"]), help="An instant, UTC.")
@click.option("--archive", type=click.Path(path_type=Path, exists=True), help="The raw archive, if it lies elsewhere.")
@click.option("--passphrase-file", default="", help="Its first line opens the site's keys.")
@click.option("--force", is_flag=True, help="Move a store that is there aside.")
@common
def restore_command(
    box: Box,
    as_json: bool,
    source: Path,
    until: datetime | None,
    archive: Path | None,
    passphrase_file: str,
    force: bool,
) -> None:
    """Put a backup back onto this box; with --to also what came in after it, from the raw archive.

    SOURCE is a drive's folder (the newest backup of this site is taken), one backup's folder, or a store file.

    Example: hexpost restore /media/usb --to 2026-11-21T10:00:00Z
    """
    from appliance.wiring_care import restore

    instant = until.replace(tzinfo=UTC) if until else None
    done = restore(box, source, until=instant, archive=archive, passphrase_file=passphrase_file, force=force)
    if as_json:
        click.echo(to_json(done))
        return
    click.echo(f"restored {done.restored.backup}; the box it replaces is refused at the centre from the next sync on")
    if done.restored.aside:
        click.echo(f"  the store that was here is in {done.restored.aside}")
    if done.replayed is not None:
        click.echo(f"  {done.replayed.messages:,} messages read again from the archive")
    for words in done.restored.notes:
        click.echo(f"  {words}")


@click.command("salvage")
@common
def salvage_command(box: Box, as_json: bool) -> None:
    """Put back what was in a store that was lost or damaged; the jobs process does it by itself.

    Example: hexpost salvage --json
    """
    from appliance.wiring_care import salvage

    done = salvage(box)
    if as_json:
        click.echo(to_json(done))
        return
    click.echo(done.words if done else "no store of this box was ever lost")
    for name, count in sorted(done.found.items()) if done else ():
        click.echo(f"  {name}: {count:,}")
