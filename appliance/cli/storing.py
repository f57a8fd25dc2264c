"""`hexpost migrate`, `status`, `verify`, `quarantine`, `config`: the store and the box, looked at by hand."""

import sys
from typing import Any

import click

from appliance.cli.options import FAILED, common, to_json
from appliance.store.engine import FILE_NAME
from appliance.wiring import Box, fetch_pulses, find_store

PREVIEW = 100  # characters of a payload in a list


@click.command("migrate")
@common
def migrate_command(box: Box, as_json: bool) -> None:
    """Make the store, or bring it up to date.

    Example: hexpost migrate --data /var/lib/hexpost
    """
    from appliance.store.migrations import migrate

    applied = migrate(box.data / FILE_NAME, timezone=box.settings.site.timezone)
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
    from appliance.store.outbox import sync_status
    from appliance.store.totals import fetch_facts, fetch_totals

    store = find_store(box)
    with store.read() as connection:
        facts, totals = fetch_facts(connection), fetch_totals(connection)
    parts, sync = fetch_pulses(box), sync_status(store)
    if as_json:
        click.echo(to_json({"store": facts, "totals": totals, "parts": parts, "sync": sync}))
        return
    click.echo(
        f"{facts.events:,} events, the last {facts.last_event_at or 'never'}; last run {facts.last_run_at or 'never'}"
    )
    for total in totals:
        click.echo(f"  {total.term}{f' ({total.reason})' if total.reason else ''}: {total.items:,}")
    for part in ("bridge", "serve", "jobs", "sync"):
        click.echo(f"  {part}: {'up' if parts.get(part, {}).get('up') else 'down'}")
    click.echo(
        f"  to the centre: {sync.pending_rows:,} rows waiting, last acknowledged {sync.last_acked_at or 'never'}"
    )


@click.command("verify")
@common
def verify_command(box: Box, as_json: bool) -> None:
    """Check the file, the balance and the counters.

    Example: hexpost verify
    """
    from appliance.store.verify import verify_store

    findings = verify_store(find_store(box), hours=box.hours())
    if as_json:
        click.echo(to_json(findings))
    else:
        for finding in findings:
            click.echo(f"{'ok  ' if finding.holds else 'FAIL'} {finding.name}: {finding.detail}")
    if not all(finding.holds for finding in findings):
        sys.exit(FAILED)


@click.group("quarantine")
def quarantine_group() -> None:
    """Messages that could not be understood.

    Example: hexpost quarantine list
    """


@quarantine_group.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=50)
@common
def quarantine_list(box: Box, as_json: bool, limit: int) -> None:
    """The newest entries.

    Example: hexpost quarantine list --limit 10
    """
    from appliance.store.quarantine import fetch_quarantine

    with find_store(box).read() as connection:
        entries = fetch_quarantine(connection, limit=limit)
    if as_json:
        click.echo(to_json([_readable(entry) for entry in entries]))
        return
    for entry in entries:
        text = entry.payload.decode(errors="replace")[:PREVIEW]
        click.echo(f"{entry.id}  {entry.count}x  {entry.topic}\n    {entry.reason}\n    {text!r}")
    if not entries:
        click.echo("nothing is in quarantine")


@quarantine_group.command("show")
@click.argument("entry_id", type=int)
@common
def quarantine_show(box: Box, as_json: bool, entry_id: int) -> None:
    """One entry, whole.

    Example: hexpost quarantine show 12
    """
    from appliance.store.quarantine import fetch_quarantined

    with find_store(box).read() as connection:
        entry = fetch_quarantined(connection, entry_id)
    click.echo(to_json(_readable(entry)))


@quarantine_group.command("drop")
@click.argument("entry_id", type=int)
@common
def quarantine_drop(box: Box, as_json: bool, entry_id: int) -> None:
    """Remove one entry for good.

    Example: hexpost quarantine drop 12
    """
    from appliance.store.quarantine import delete_quarantined

    with find_store(box).write() as connection:
        delete_quarantined(connection, entry_id)
    click.echo(to_json({"dropped": entry_id}) if as_json else f"dropped {entry_id}")


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


def _readable(entry: Any) -> dict[str, Any]:
    """An entry with its payload as text where it is text."""
    import base64

    import msgspec

    fields = msgspec.structs.asdict(entry)
    payload: bytes = fields.pop("payload")
    try:
        return {**fields, "payload": payload.decode("utf-8")}
    except UnicodeDecodeError:
        return {**fields, "payload_b64": base64.b64encode(payload).decode()}
