"""`hexpost migrate`, `status`, `verify`, `config`: the store and the box, looked at by hand."""

import sys
from datetime import datetime
from typing import Any

import click

from appliance.cli.options import FAILED, common, shown, to_json
from appliance.store.engine import FILE_NAME
from appliance.wiring import Box, archive_folder, fetch_pulses, find_store


@click.command("migrate")
@common
def migrate_command(box: Box, as_json: bool) -> None:
    """Make the store, or bring it up to date.

    Example: hexpost migrate --data /var/lib/hexpost
    """
    from appliance.store.engine import explained_opening
    from appliance.store.file.migrations import migrate

    path = box.data / FILE_NAME
    with explained_opening(path):
        applied = migrate(path, timezone=box.settings.site.timezone)
    if as_json:
        click.echo(to_json({"applied": applied}))
    else:
        click.echo(f"applied {', '.join(applied)}" if applied else "up to date")


@click.command("status")
@common
def status_command(box: Box, as_json: bool) -> None:
    """What the box holds and how its parts are.

    Example: hexpost status --json
    """
    from appliance.model.space import disk_of
    from appliance.store.archive.state import fetch_archive_state
    from appliance.store.backup.ledger import fetch_backup_state
    from appliance.store.chores import fetch_chores
    from appliance.store.clock.boots import count_waiting
    from appliance.store.engine import raw_connection
    from appliance.store.file.disk import disk_trouble
    from appliance.store.outbox import sync_status
    from appliance.store.salvage.ledger import fetch_salvage
    from appliance.store.totals import fetch_facts, fetch_totals

    store = find_store(box, to_read=True)
    with store.read() as connection:
        facts, totals = fetch_facts(connection), fetch_totals(connection)
        clock = box.time.state(count_waiting(raw_connection(connection)))
        backup, chores = fetch_backup_state(connection), fetch_chores(connection)
        salvage = fetch_salvage(connection)
    parts, sync, archive = fetch_pulses(box), sync_status(store), fetch_archive_state(archive_folder(box))
    told = {
        "store": facts,
        "totals": totals,
        "parts": parts,
        "disk": disk_of(parts, disk_trouble(box.data)),
        "sync": sync,
        "archive": archive,
        "clock": clock,
        "backup": backup,
        "salvage": salvage,
        "chores": chores,
    }
    if as_json:
        click.echo(to_json(told))
    else:
        _say_status(told, centre=bool(box.settings.sync.url))


def _say_status(told: dict[str, Any], *, centre: bool) -> None:
    """The status in words, as a technician reads it."""
    facts, parts, archive = told["store"], told["parts"], told["archive"]
    click.echo(f"{facts.events:,} events, the last {shown(facts.last_event_at)}; last run {shown(facts.last_run_at)}")
    click.echo(told["clock"].words)
    click.echo(f"  devices: {facts.devices:,}; messages in quarantine: {facts.quarantined:,}")
    for total in sorted(told["totals"], key=lambda total: total.term != "received"):  # first what the others make up
        click.echo(f"  {total.term}{f' ({total.reason})' if total.reason else ''}: {total.items:,}")
    _say_care(told)
    _say_parts(parts)
    disk = told["disk"]
    if trouble := disk.get("disk_error"):
        click.echo(f"  {trouble}")
    if "disk" in disk:
        click.echo(f"  disk: {disk['disk']}, {disk['disk_free_bytes'] / 1e6:,.0f} MB free")
    click.echo(
        f"  archive: {archive.rows:,} messages sealed in {archive.bytes / 1_048_576:,.1f} MB, "
        f"{archive.spool_bytes / 1_048_576:,.1f} MB wait; {archive.missed:,} are known to be missing"
    )
    jobs = parts.get("jobs", {})
    for what, key in (
        ("archive", "archive_error"),
        ("anomalies", "watching_error"),
        ("detections and readings", "iot_error"),
    ):
        if error := jobs.get(key):
            click.echo(f"  {what}: {error}")
    click.echo(f"  to the centre: {_centre_words(told['sync']) if centre else 'off; sync.url is not set'}")


def _say_care(told: dict[str, Any]) -> None:
    """Salvage, backup and chores."""
    salvage, backup = told["salvage"], told["backup"]
    if salvage:
        click.echo(f"  {salvage.words}")
    click.echo(f"  last backup {f'{shown(backup.last_at)} in {backup.folder}' if backup.last_at else 'never'}")
    if backup.error:
        click.echo(f"  the backup of {shown(backup.failed_at)} failed: {backup.error}")
    for chore in told["chores"]:
        click.echo(f"  {chore.chore}: last done {shown(chore.done_at)}, {chore.items:,} items")
        for trouble in filter(None, (chore.waits, chore.error)):
            click.echo(f"    {trouble}")


def _say_parts(parts: dict[str, dict[str, Any]]) -> None:
    """Each part, and where it is up and cannot do its work what it says of that."""
    for part in ("bridge", "serve", "jobs", "sync"):
        pulse = parts.get(part, {})
        click.echo(f"  {part}: {'up' if pulse.get('up') else 'down'}")
        if not pulse.get("up"):
            continue
        if pulse.get("broker") == "down":
            click.echo(f"    no broker, so nothing arrives: {pulse.get('broker_error') or 'not connected yet'}")
        if pulse.get("state") == "down":
            click.echo(f"    no centre: {pulse.get('last_error') or 'not connected yet'}")
        for trouble in filter(None, (pulse.get("store_error"), pulse.get("error"))):
            click.echo(f"    {trouble}")


def _centre_words(sync: Any) -> str:
    acked = shown(datetime.fromisoformat(sync.last_acked_at) if sync.last_acked_at else None)
    return f"{sync.pending_rows:,} rows waiting, last acknowledged {acked}"


@click.command("verify")
@common
def verify_command(box: Box, as_json: bool) -> None:
    """Check the file, the balance, the counters and the archive.

    Example: hexpost verify
    """
    from appliance.store.archive.state import verify_archive
    from appliance.store.verify import verify_store

    findings = [*verify_store(find_store(box), hours=box.hours()), verify_archive(archive_folder(box))]
    if as_json:
        click.echo(to_json(findings))
    else:
        for finding in findings:
            click.echo(f"{'ok  ' if finding.holds else 'FAIL'} {finding.name}: {finding.detail}")
    if not all(finding.holds for finding in findings):
        sys.exit(FAILED)


@click.group("config")
def config_group() -> None:
    """The configuration.

    Example: hexpost config check
    """


@config_group.command("check")
@common
def config_check(box: Box, as_json: bool) -> None:
    """Read the configuration and show what is in force.

    Example: hexpost config check --config hexpost.toml
    """
    if as_json:
        click.echo(to_json(box.settings))
        return
    click.echo(f"the configuration of {box.settings.site.id} is sound; data in {box.data}")
