"""`hexpost watchlist` and `hexpost threshold`: number plates that are looked for, and limits of measured values."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from appliance.cli.options import common, to_json
from appliance.cli.quarantining import who_asks
from appliance.errors import Rejected
from appliance.wiring import Box, find_store

if TYPE_CHECKING:
    from appliance.model.iot import Threshold, WatchEntry


@click.group("watchlist")
def watchlist_group() -> None:
    """Number plates that are looked for. Only their keyed hashes are kept, so a list shows labels and no plates.

    Example: hexpost watchlist list
    """


@watchlist_group.command("add")
@click.argument("plate", required=False)
@click.option("--label", required=True, help="What the alarm is to say; without the plate.")
@click.option("--reason", default="")
@click.option("--expires", metavar="TIME", help="Until when it is looked for, as in 2026-12-31T00:00:00Z.")
@click.option("--hash", "plate_hash", help="The plate_hash of an event, in place of the plate.")
@common
def watchlist_add(
    box: Box, as_json: bool, plate: str | None, label: str, reason: str, expires: str | None, plate_hash: str | None
) -> None:
    """Look for PLATE. Without it, and without --hash, it is asked for, so that no shell remembers it.

    Example: hexpost watchlist add --label "stolen van, white" --expires 2026-12-31T00:00:00Z
    """
    from appliance.model.iot import read_watch_entry
    from appliance.store.iot.watch_list import hash_wanted, insert_watch_entry

    if plate is None and plate_hash is None:
        plate = click.prompt("Plate", hide_input=True, err=True)
    given = {"label": label, "reason": reason, "plate": plate or "", "plate_hash": plate_hash}
    entry = read_watch_entry({**given, "expires_at": expires})
    store = find_store(box)
    hashed = hash_wanted(entry, box.secret("plates.key"), now=box.clock())
    with store.write() as connection:
        added = insert_watch_entry(
            connection,
            plate_hash=hashed,
            label=entry.label,
            reason=entry.reason,
            expires_at=entry.expires_at,
            who=who_asks(),
            now=box.clock(),
        )
    click.echo(to_json(added) if as_json else _entry_line(added))


@watchlist_group.command("list")
@click.option("--limit", type=click.IntRange(1, 5_000), default=100, show_default=True)
@common
def watchlist_list(box: Box, as_json: bool, limit: int) -> None:
    """The entries, the last added first.

    Example: hexpost watchlist list --json
    """
    from appliance.store.iot.watch_list import fetch_watch_list

    with find_store(box).read() as connection:
        page = fetch_watch_list(connection, now=box.clock(), limit=limit)
    if as_json:
        click.echo(to_json(page))
        return
    for entry in page.items:
        click.echo(_entry_line(entry))
    if page.next_cursor:
        click.echo(f"and more; --limit shows more than {limit:,}")
    if not page.items:
        click.echo("the watch list is empty")


@watchlist_group.command("remove")
@click.argument("entry", type=click.IntRange(min=1))
@common
def watchlist_remove(box: Box, as_json: bool, entry: int) -> None:
    """No longer look for the plate of ENTRY, a number that the list shows.

    Example: hexpost watchlist remove 3
    """
    from appliance.store.iot.watch_list import delete_watch_entry

    with find_store(box).write() as connection:
        removed = delete_watch_entry(connection, entry, who=who_asks(), now=box.clock())
    click.echo(to_json(removed) if as_json else f"removed: {_entry_line(removed)}")


@click.group("threshold")
def threshold_group() -> None:
    """Limits of measured values: beyond one an alarm is raised, past the other it is cleared.

    Example: hexpost threshold list
    """


@threshold_group.command("list")
@common
def threshold_list(box: Box, as_json: bool) -> None:
    """The site's own, and the published limits where it set none.

    Example: hexpost threshold list --json
    """
    from appliance.store.iot.thresholds import fetch_thresholds

    with find_store(box).read() as connection:
        found = fetch_thresholds(connection)
    click.echo(to_json(found) if as_json else "\n".join(_threshold_line(one) for one in found))


@threshold_group.command("set")
@click.argument("metric")
@click.option("--raise-at", type=float, required=True)
@click.option("--clear-at", type=float, required=True, help="Below --raise-at; above it: too little is the danger.")
@click.option("--hold", "hold_s", type=float, default=600.0, show_default=True, help="Seconds it has to last.")
@click.option("--severity", type=click.Choice(["info", "warning", "critical"]), default="warning", show_default=True)
@click.option("--zone", default="", help="For this zone alone.")
@click.option("--note", default="", help="Whose limit it is.")
@click.option("--off", is_flag=True, help="No threshold is to hold.")
@common
def threshold_set(
    box: Box,
    as_json: bool,
    metric: str,
    raise_at: float,
    clear_at: float,
    hold_s: float,
    severity: str,
    zone: str,
    note: str,
    off: bool,
) -> None:
    """Set the threshold of METRIC, in its own unit.

    Example: hexpost threshold set water_level --raise-at 3.2 --clear-at 3.0 --hold 300 --zone ford
    """
    import msgspec

    from appliance.model.iot import ThresholdChange
    from appliance.store.iot.thresholds import put_threshold

    given = {"raise_at": raise_at, "clear_at": clear_at, "hold_s": hold_s, "severity": severity}
    try:
        change = msgspec.convert({**given, "enabled": not off, "note": note}, ThresholdChange)
    except msgspec.ValidationError as error:
        raise Rejected(str(error)) from None
    with find_store(box).write() as connection:
        found = put_threshold(connection, metric, zone, change, who=who_asks(), now=box.clock())
    click.echo(to_json(found) if as_json else _threshold_line(found))


@threshold_group.command("remove")
@click.argument("metric")
@click.option("--zone", default="", help="Of this zone alone.")
@common
def threshold_remove(box: Box, as_json: bool, metric: str, zone: str) -> None:
    """Take back what was set for METRIC, so that the published limit holds again.

    Example: hexpost threshold remove temperature --zone kitchen
    """
    from appliance.store.iot.thresholds import delete_threshold

    with find_store(box).write() as connection:
        delete_threshold(connection, metric, zone, who=who_asks(), now=box.clock())
    click.echo(to_json({"removed": metric, "zone": zone}) if as_json else f"removed: {metric}")


def _entry_line(entry: "WatchEntry") -> str:
    until = f"until {_time(entry.expires_at)}" if entry.expires_at else "until it is removed"
    hits = f"{entry.hits} reads, last {_time(entry.last_hit_at)}" if entry.last_hit_at else "not read yet"
    over = "  (over)" if entry.expired else ""
    return f"{entry.id}  {entry.label}  {entry.reason or '-'}  by {entry.added_by}  {until}{over}  {hits}"


def _threshold_line(one: "Threshold") -> str:
    sense = "above" if one.raise_at > one.clear_at else "below"
    where = f" in {one.zone}" if one.zone else ""
    state = "" if one.enabled else "  off"
    values = f"{sense} {one.raise_at:g}, cleared at {one.clear_at:g} {one.unit}, after {one.hold_s:g} s"
    return f"{one.metric}{where}  {values}  {one.severity}{state}  {one.origin}: {one.source or '-'}"


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}Z" if at else "-"
