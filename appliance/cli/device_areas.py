"""`hexpost device zone`, `group`, `maintenance`: areas, lists of devices, times in which they are left alone."""

import re
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from appliance.cli.options import FAILED, common, to_json
from appliance.errors import Rejected
from appliance.model.device import SETTINGS, DeviceSettings
from appliance.wiring import Box, find_store

if TYPE_CHECKING:
    from appliance.store.asset.registry import AssetImportReport
    from appliance.store.device.zones import ZoneImportReport

SHOWN_REJECTIONS = 20  # on a terminal; --json gives all
_DURATION = re.compile(r"(\d{1,6})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@click.group("zone")
def zone_group() -> None:
    """Areas. A device is in the smallest one that holds its place, unless it was put into another.

    Example: hexpost device zone import zones.geojson
    """


@zone_group.command("list")
@common
def zone_list(box: Box, as_json: bool) -> None:
    """Every zone.

    Example: hexpost device zone list
    """
    from appliance.store.device.zones import fetch_zones

    with find_store(box).read() as connection:
        zones = fetch_zones(connection)
    if as_json:
        click.echo(to_json(zones))
        return
    for zone in zones:
        capacity = f", {zone.capacity:g} people" if zone.capacity else ""
        click.echo(f"{zone.zone}  {zone.name}  {zone.devices} devices{capacity}{_shown(zone.settings)}")
    if not zones:
        click.echo("no zones; `hexpost device zone import zones.geojson` brings some")


@zone_group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@common
def zone_import(box: Box, as_json: bool, file: Path) -> None:
    """Make or change the zones of a GeoJSON file; the key is a feature's id or its property `zone`.

    Example: hexpost device zone import zones.geojson
    """
    from appliance.ingest.text import decode_json
    from appliance.store.device.zones import import_zone_features

    document = decode_json(read_file(file))
    with find_store(box).write() as connection:
        report = import_zone_features(connection, document)
    say_features(report, as_json=as_json)


@zone_group.command("export")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@common
def zone_export(box: Box, as_json: bool, file: Path | None) -> None:
    """Every zone as GeoJSON, to a file or to the screen; the import reads it.

    Example: hexpost device zone export zones.geojson
    """
    from appliance.spatial.geojson import feature, feature_collection
    from appliance.store.device.zones import fetch_zones

    with find_store(box).read() as connection:
        zones = fetch_zones(connection)
    text = to_json(
        feature_collection(
            feature(
                zone.geometry, {"name": zone.name, "capacity": zone.capacity, "settings": zone.settings}, id=zone.zone
            )
            for zone in zones
        )
    )
    write_text(file, text + "\n", f"{len(zones)} zones", as_json=as_json)


@zone_group.command("set")
@click.argument("zone")
@click.argument("words", nargs=-1, metavar="[SETTING=VALUE]...")
@click.option("--name", default=None, help="What people call it.")
@click.option("--capacity", type=float, default=None, help="How many people it holds; 0 for unknown.")
@common
def zone_set(
    box: Box, as_json: bool, zone: str, words: tuple[str, ...], name: str | None, capacity: float | None
) -> None:
    """Change a zone's name, capacity and settings; an empty value takes a setting back.

    Example: hexpost device zone set harbour min_score=0.6 --capacity 400
    """
    from appliance.model.device_change import ZoneChange, read_change
    from appliance.store.device.zones import fetch_zone, put_zone

    raw = _named(name, words)
    if capacity is not None:
        raw["capacity"] = capacity or None
    change = read_change(raw, ZoneChange)
    with find_store(box).write() as connection:
        fetch_zone(connection, zone)
        put_zone(connection, zone, change)
        changed = fetch_zone(connection, zone)
    click.echo(to_json(changed) if as_json else f"{zone} is {changed.name}{_shown(changed.settings)}")


@zone_group.command("remove")
@click.argument("zone")
@common
def zone_remove(box: Box, as_json: bool, zone: str) -> None:
    """Remove a zone; devices put into it by hand are then where their place lies.

    Example: hexpost device zone remove harbour
    """
    from appliance.store.device.zones import delete_zone

    with find_store(box).write() as connection:
        devices = delete_zone(connection, zone)
    gone = {"removed": zone, "devices": devices}
    click.echo(to_json(gone) if as_json else f"{zone} is removed; {devices} devices had been put into it")


@click.group("group")
def group_group() -> None:
    """Lists of devices that share settings; `hexpost device set DEVICE group=NAME` puts one into a group.

    Example: hexpost device group set cameras heartbeat_s=120
    """


@group_group.command("list")
@common
def group_list(box: Box, as_json: bool) -> None:
    """Every group.

    Example: hexpost device group list
    """
    from appliance.store.device.zones import fetch_groups

    with find_store(box).read() as connection:
        groups = fetch_groups(connection)
    if as_json:
        click.echo(to_json(groups))
        return
    for group in groups:
        click.echo(f"{group.group}  {group.name}  {group.devices} devices{_shown(group.settings)}")
    if not groups:
        click.echo("no groups; `hexpost device group set NAME` makes one")


@group_group.command("set")
@click.argument("group")
@click.argument("words", nargs=-1, metavar="[SETTING=VALUE]...")
@click.option("--name", default=None, help="What people call it.")
@common
def group_set(box: Box, as_json: bool, group: str, words: tuple[str, ...], name: str | None) -> None:
    """Make a group, or change its name and settings; an empty value takes a setting back.

    Example: hexpost device group set cameras heartbeat_s=120 --name "All cameras"
    """
    from appliance.model.device_change import GroupChange, read_change
    from appliance.store.device.zones import fetch_group, put_group

    change = read_change(_named(name, words), GroupChange)
    with find_store(box).write() as connection:
        put_group(connection, group, change)
        changed = fetch_group(connection, group)
    click.echo(to_json(changed) if as_json else f"{group} is {changed.name}{_shown(changed.settings)}")


@group_group.command("remove")
@click.argument("group")
@common
def group_remove(box: Box, as_json: bool, group: str) -> None:
    """Remove a group; its devices are then in none.

    Example: hexpost device group remove cameras
    """
    from appliance.store.device.zones import delete_group

    with find_store(box).write() as connection:
        devices = delete_group(connection, group)
    gone = {"removed": group, "devices": devices}
    click.echo(to_json(gone) if as_json else f"{group} is removed; {devices} devices were in it")


@click.group("maintenance")
def maintenance_group() -> None:
    """Times in which devices are muted and left out of outages.

    Example: hexpost device maintenance add --zone harbour --for 4h --reason "new switch"
    """


@maintenance_group.command("list")
@click.option("--past", is_flag=True, help="Also windows that are over.")
@common
def maintenance_list(box: Box, as_json: bool, past: bool) -> None:
    """Windows that hold or will.

    Example: hexpost device maintenance list
    """
    from appliance.store.device.maintenance import MAX_OPEN, fetch_windows

    with find_store(box).read() as connection:
        windows = fetch_windows(connection, now=box.clock(), past=past, limit=MAX_OPEN).items
    if as_json:
        click.echo(to_json(windows))
        return
    for window in windows:
        state = "holds" if window.active else "over" if window.to_time <= box.clock() else "to come"
        subject = f"{window.scope} {window.subject}".strip()
        click.echo(f"{window.id}  {subject}  {window.from_time} to {window.to_time}  {state}  {window.reason}")
    if not windows:
        click.echo("no maintenance windows")


@maintenance_group.command("add")
@click.option("--device", default=None, help="A device's source.")
@click.option("--group", default=None)
@click.option("--zone", default=None)
@click.option("--site", is_flag=True, help="Everything.")
@click.option("--from", "start", default=None, help="RFC 3339; now where it is left out.")
@click.option("--to", "end", default=None, help="RFC 3339.")
@click.option("--for", "length", default=None, help="Instead of --to: 90m, 4h, 2d.")
@click.option("--reason", default="", help="For those who wonder.")
@common
def maintenance_add(
    box: Box,
    as_json: bool,
    device: str | None,
    group: str | None,
    zone: str | None,
    site: bool,
    start: str | None,
    end: str | None,
    length: str | None,
    reason: str,
) -> None:
    """Leave a device, a group, a zone or the site alone for a time.

    Example: hexpost device maintenance add --zone harbour --for 4h --reason "new switch"
    """
    from appliance.model.device_change import NewWindow, read_change
    from appliance.model.native import read_timestamp
    from appliance.store.device.maintenance import insert_window

    subjects = {"device": device, "group": group, "zone": zone, "site": "" if site else None}
    named = [(scope, subject) for scope, subject in subjects.items() if subject is not None]
    if len(named) != 1 or (end is None) == (length is None):
        raise click.UsageError("name one of --device, --group, --zone, --site, and one of --to, --for")
    begins = read_timestamp(start, "--from") if start else box.clock()
    ends = read_timestamp(end, "--to") if end else begins + _length(length or "")
    scope, subject = named[0]
    raw = {"scope": scope, "subject": subject, "from": begins, "to": ends, "reason": reason}
    with find_store(box).write() as connection:
        window = insert_window(connection, read_change(raw, NewWindow), now=box.clock())
    click.echo(to_json(window) if as_json else f"window {window.id}: until {window.to_time}")


@maintenance_group.command("remove")
@click.argument("window_id", type=int)
@common
def maintenance_remove(box: Box, as_json: bool, window_id: int) -> None:
    """Remove a window; one that holds ends.

    Example: hexpost device maintenance remove 3
    """
    from appliance.store.device.maintenance import delete_window

    with find_store(box).write() as connection:
        delete_window(connection, window_id)
    click.echo(to_json({"removed": window_id}) if as_json else f"window {window_id} is removed")


def read_settings_words(words: Sequence[str], others: Sequence[str] = ()) -> tuple[dict[str, Any], dict[str, str]]:
    """`name=value` words: settings, None where the value is empty, and the members among `others` as text.

    raises  Rejected  a word without `=`, a name that is neither, or a value that is none of its setting
    """
    settings: dict[str, Any] = {}
    members: dict[str, str] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or name not in (*SETTINGS, *others):
            raise Rejected(f"{word[:60]!r}: write NAME=VALUE; the names are {', '.join((*others, *SETTINGS))}")
        if name in others:
            members[name] = text
        else:
            settings[name] = _setting(name, text) if text else None
    return settings, members


def read_file(file: Path) -> bytes:
    """A file's bytes, without a byte order mark.

    raises  Rejected  it cannot be read
    """
    try:
        return file.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise Rejected(f"reading {file}: {error}") from None


def write_text(file: Path | None, text: str, what: str, *, as_json: bool) -> None:
    """Write an export to its file and say so, or to the screen.

    raises  Rejected  the file cannot be written
    """
    if file is None:
        click.echo(text, nl=False)
        return
    try:
        file.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise Rejected(f"writing {file}: {error}") from None
    click.echo(to_json({"file": str(file), "written": what}) if as_json else f"{what} written to {file}")


def say_features(report: "ZoneImportReport | AssetImportReport", *, as_json: bool) -> None:
    """What became of the features of an import; ends the command as failed where none was taken."""
    if as_json:
        click.echo(to_json(report))
    else:
        click.echo(f"{report.created} made, {report.changed} changed, {report.rejected} rejected")
        say_rejections(
            [(f"feature {row.row}", row.path, row.reason) for row in report.rows if row.status == "rejected"]
        )
    if report.rejected and report.rejected == len(report.rows):
        sys.exit(FAILED)


def say_rejections(rejections: Sequence[tuple[str, str | None, str | None]]) -> None:
    """The first refused rows of an import, a line each."""
    for where, path, reason in rejections[:SHOWN_REJECTIONS]:
        click.echo(f"  {where}: {path}: {reason}")
    if len(rejections) > SHOWN_REJECTIONS:
        click.echo(f"  and {len(rejections) - SHOWN_REJECTIONS:,} more; --json gives all")


def _named(name: str | None, words: Sequence[str]) -> dict[str, Any]:
    settings, _ = read_settings_words(words)
    return {"settings": settings} | ({"name": name} if name is not None else {})


def _setting(name: str, text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise Rejected(f"{name}={text[:40]}: write a number, true or false, or nothing to inherit it") from None


def _shown(settings: DeviceSettings) -> str:
    told = msgspec.to_builtins(settings)
    return (
        "  " + " ".join(f"{name}={msgspec.json.encode(value).decode()}" for name, value in told.items()) if told else ""
    )


def _length(text: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    if not match:
        raise Rejected(f"--for {text!r}: write it as 90m, 4h or 2d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
