"""`hexpost quarantine`: messages that could not be understood, looked at, tried again and dropped by hand."""

import base64
import getpass
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click
import msgspec

from appliance.cli.options import FAILED, common, to_json
from appliance.wiring import Box, find_store, open_sealer

if TYPE_CHECKING:
    from appliance.store.quarantine import Quarantined, QuarantinedKind

SEALS = {
    "closed": "(sealed)",
    "destroyed": "(sealed, and the key of its day is destroyed)",
    "damaged": "(sealed, and it does not open)",
}


@click.group("quarantine")
def quarantine_group() -> None:
    """Messages that could not be understood.

    Example: hexpost quarantine list
    """


@quarantine_group.command("list")
@click.option("--topic", metavar="FILTER", help="An MQTT topic filter, as in zigbee2mqtt/+/#.")
@click.option("--reason", metavar="TEXT", help="Those whose reason holds this.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Entries, the newest.")
@common
def quarantine_list(box: Box, as_json: bool, topic: str | None, reason: str | None, limit: int) -> None:
    """The newest entries, by kind of reason.

    Example: hexpost quarantine list --topic "zigbee2mqtt/#" --limit 10
    """
    from appliance.store.quarantine import QuarantineFilter, fetch_quarantine, fetch_quarantine_kinds

    wanted = QuarantineFilter(topic=topic, reason=reason)
    with find_store(box).read() as connection:
        entries = fetch_quarantine(connection, wanted, limit=limit, sealer=open_sealer(box))
        kinds = fetch_quarantine_kinds(connection, wanted)
    if as_json:
        click.echo(to_json([_readable(entry) for entry in entries]))
        return
    for line in _lines(kinds, entries):
        click.echo(line)
    if not kinds:
        click.echo("nothing is in quarantine" if topic is reason is None else "no such entries in quarantine")


@quarantine_group.command("show")
@click.argument("entry_id", type=int, metavar="ID")
@common
def quarantine_show(box: Box, as_json: bool, entry_id: int) -> None:
    """One entry, whole.

    Example: hexpost quarantine show 12
    """
    from appliance.store.quarantine import fetch_quarantined

    with find_store(box).read() as connection:
        entry = fetch_quarantined(connection, entry_id, sealer=open_sealer(box))
    click.echo(to_json(_readable(entry)))


@quarantine_group.command("retry")
@click.argument("ids", type=int, nargs=-1, metavar="[ID]...")
@click.option("--topic", metavar="FILTER", help="Those on topics of this MQTT filter.")
@click.option("--all", "every", is_flag=True, help="All that there are.")
@common
def quarantine_retry(box: Box, as_json: bool, ids: tuple[int, ...], topic: str | None, every: bool) -> None:
    """Decode entries once more, after a mapping was mended; what is understood now is stored as of its own time.

    Example: hexpost quarantine retry --topic "zigbee2mqtt/#"
    """
    from appliance.wiring_bridge import retry_quarantine

    _one_of(ids, topic, every)
    report = retry_quarantine(box, find_store(box), ids=list(ids) if ids else None, topic=topic, who=who_asks())
    if as_json:
        click.echo(to_json(report))
    else:
        click.echo(
            f"{report.retried:,} entries understood, {report.stored:,} items stored; {report.refused:,} still refused"
        )
        for one in report.refusals:
            click.echo(f"  {one.id}  {_plain(one.topic)}\n    {_plain(one.reason)}")
        if report.refused > len(report.refusals):
            click.echo(f"  and {report.refused - len(report.refusals):,} more")
    if report.refused and not report.retried:
        sys.exit(FAILED)


@quarantine_group.command("drop")
@click.argument("ids", type=int, nargs=-1, metavar="[ID]...")
@click.option("--topic", metavar="FILTER", help="Those on topics of this MQTT filter.")
@common
def quarantine_drop(box: Box, as_json: bool, ids: tuple[int, ...], topic: str | None) -> None:
    """Remove entries for good; all that are named, or none where one is not there.

    Example: hexpost quarantine drop 12 13
    """
    from appliance.store.quarantine import QuarantineFilter, drop_quarantined, fetch_quarantine_ids

    _one_of(ids, topic)
    with find_store(box).write() as connection:
        found = fetch_quarantine_ids(connection, ids or None, QuarantineFilter(topic=topic))
        dropped = drop_quarantined(connection, found, who=who_asks(), at=box.clock())
    click.echo(to_json({"dropped": dropped}) if as_json else f"dropped {dropped:,}")


def _one_of(ids: tuple[int, ...], topic: str | None, every: bool = False) -> None:
    if [bool(ids), topic is not None, every].count(True) != 1:
        raise click.UsageError("name entries by their ids, or by one of the options; not both")


def _lines(kinds: Iterable["QuarantinedKind"], entries: Iterable["Quarantined"]) -> Iterable[str]:
    """Each kind of reason with its sums over all, and below it those of its entries that are shown."""
    by_kind: dict[str, list[Quarantined]] = {}
    for entry in entries:
        by_kind.setdefault(entry.kind, []).append(entry)
    for kind in kinds:
        shown = by_kind.get(kind.kind, [])
        yield _plain(kind.kind)
        yield (
            f"  {kind.count:,} messages in {kind.entries:,} entries, "
            f"{kind.first_seen:%Y-%m-%d %H:%M:%S}Z to {kind.last_seen:%Y-%m-%d %H:%M:%S}Z"
        )
        for entry in shown:
            yield f"    {entry.id}  {entry.count:,}x  {_plain(entry.topic)}  {SEALS.get(entry.seal, entry.preview)}"
        if kind.entries > len(shown):
            yield f"    and {kind.entries - len(shown):,} more; --limit shows more"


def _plain(text: str) -> str:
    from appliance.store.quarantine import printable

    return printable(text)


def _readable(entry: "Quarantined") -> dict[str, Any]:
    """An entry with its payload as text where it is text."""
    fields = {**msgspec.structs.asdict(entry), "cut": entry.cut}
    payload: bytes = fields.pop("payload")
    try:
        return {**fields, "payload": payload.decode("utf-8")}
    except UnicodeDecodeError:
        return {**fields, "payload_b64": base64.b64encode(payload).decode()}


def who_asks() -> str:
    """Whose command line it is, for the audit log; `-` where the system has no name for the user."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli:-"
