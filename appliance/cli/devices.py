"""`hexpost device`: the registry by hand. Who is out there, where it stands, what is set for it."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from appliance.cli.device_areas import (
    group_group,
    maintenance_group,
    read_file,
    read_settings_words,
    say_rejections,
    write_text,
    zone_group,
)
from appliance.cli.downlink import command_command, firmware_group
from appliance.cli.mapping import mapping_group
from appliance.cli.options import FAILED, common, to_json
from appliance.errors import Rejected
from appliance.wiring import Box, find_store

if TYPE_CHECKING:
    from appliance.model.device import Device

MEMBERS = ("name", "group", "zone", "segment", "registration")
TABLE_ENDS = (".csv", ".tsv", ".txt")
FEATURE_ENDS = (".geojson", ".json")


@click.group("device")
def device_group() -> None:
    """Devices: sensors, cameras, gateways. DEVICE is a source, as in "zigbee2mqtt/Contact sensor", or an id.

    Example: hexpost device list --registration pending
    """


@device_group.command("list")
@click.option("--state", type=click.Choice(["pending", "online", "stale", "offline", "maintenance"]))
@click.option("--registration", type=click.Choice(["pending", "approved", "ignored"]))
@click.option("--family", help="As in zigbee2mqtt, frigate.")
@click.option("--zone")
@click.option("--group")
@click.option("--segment", help="What it hangs on.")
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=1_000, show_default=True)
@common
def device_list(box: Box, as_json: bool, limit: int, **wanted: Any) -> None:
    """Devices in the order in which they became known.

    Example: hexpost device list --registration pending --json
    """
    from appliance.store.device.registry import DeviceFilter, fetch_devices

    with find_store(box).read() as connection:
        page = fetch_devices(connection, DeviceFilter(**wanted), now=box.clock(), cursor=None, limit=limit)
    if as_json:
        click.echo(to_json(page.items))
        return
    for device in page.items:
        click.echo(_line(device))
    if page.next_cursor:
        click.echo(f"and more; --limit shows more than {limit:,}")
    if not page.items:
        click.echo("no such devices")


@device_group.command("show")
@click.argument("device")
@common
def device_show(box: Box, as_json: bool, device: str) -> None:
    """All that is known of a device.

    Example: hexpost device show "zigbee2mqtt/Contact sensor"
    """
    from appliance.model.facts import TOLD
    from appliance.store.device.registry import count_unplaced, event_point, fetch_device, fetch_effective

    with find_store(box).read() as connection:
        found = fetch_device(connection, device, now=box.clock())
        effective, unplaced = fetch_effective(connection, found), count_unplaced(connection, found.source)
    if as_json:
        extra = {"effective": effective, "event_point": event_point(found.place), "unplaced_events": unplaced}
        click.echo(to_json({"device": found, **extra}))
        return
    click.echo(_line(found))
    click.echo(f"  place: {_where(found)}")
    if unplaced:
        click.echo(f'  {unplaced:,} events wait for a place: hexpost device place "{found.source}" --longitude … …')
    click.echo(f"  zone {found.in_zone or '-'}, group {found.group or '-'}, hangs on {found.hangs_on or '-'}")
    for name, origin in effective.origins.items():
        value = getattr(effective, name)
        click.echo(f"  {name}: {'its own rhythm' if value is None else value} ({origin})")
    for name, value in sorted({**found.facts.get(TOLD, {}), **found.facts}.items()):
        if name != TOLD:
            click.echo(f"  {name}: {value}")
    for topic in found.topics:
        click.echo(f"  topic {topic}")


@device_group.command("approve")
@click.argument("devices", nargs=-1, required=True)
@common
def device_approve(box: Box, as_json: bool, devices: tuple[str, ...]) -> None:
    """Take devices into the registry.

    Example: hexpost device approve "zigbee2mqtt/Contact sensor" 12
    """
    _change(box, devices, {"registration": "approved"}, as_json=as_json)


@device_group.command("ignore")
@click.argument("devices", nargs=-1, required=True)
@common
def device_ignore(box: Box, as_json: bool, devices: tuple[str, ...]) -> None:
    """Leave devices out: a neighbour's sensor, a test.

    Example: hexpost device ignore rtl_433/Acurite-5n1-A-2047
    """
    _change(box, devices, {"registration": "ignored"}, as_json=as_json)


@device_group.command("place")
@click.argument("device")
@click.option("--longitude", type=float, help="Degrees, east positive.")
@click.option("--latitude", type=float, help="Degrees, north positive.")
@click.option("--height", "height_m", type=float, help="Metres above ground.")
@click.option("--heading", "heading_deg", type=float, help="Where it looks, clockwise from north.")
@click.option("--view-angle", "view_angle_deg", type=float, help="The whole opening of its view, in degrees.")
@click.option("--range", "range_m", type=float, help="How far it sees, in metres.")
@click.option("--floor")
@click.option("--room")
@click.option("--zone", help="Put it there by hand, wherever it stands; '' for where it stands.")
@click.option("--nowhere", is_flag=True, help="Take its longitude and latitude back.")
@common
def device_place(box: Box, as_json: bool, device: str, nowhere: bool, **given: Any) -> None:
    """Say where a device stands; what is not given stays. Its events that waited for a place get it.

    Example: hexpost device place frigate/gate --longitude 47.97 --latitude 29.37 --heading 90 --view-angle 70
    --range 40
    """
    told: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if nowhere:
        told |= {"longitude": None, "latitude": None}
    if not told:
        raise click.UsageError("say where: --longitude and --latitude, or another option")
    _change(box, (device,), told, as_json=as_json)


@device_group.command("set")
@click.argument("device")
@click.argument("words", nargs=-1, required=True, metavar="NAME=VALUE...")
@common
def device_set(box: Box, as_json: bool, device: str, words: tuple[str, ...]) -> None:
    """Set name, group, zone, segment, registration, heartbeat_s, min_score, muted; an empty value takes one back.

    Example: hexpost device set frigate/gate group=cameras heartbeat_s=120 muted=
    """
    settings, members = read_settings_words(words, MEMBERS)
    _change(box, (device,), {**members, "settings": settings}, as_json=as_json)


@device_group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@common
def device_import(box: Box, as_json: bool, file: Path) -> None:
    """Enter or change many devices from CSV or GeoJSON; unknown ones are entered as approved.

    Example: hexpost device import devices.csv
    """
    from appliance.store.device.changes import import_devices

    report = import_devices(
        find_store(box),
        _read_rows(file),
        now=box.clock(),
        hours=box.hours(),
        resolutions=box.settings.risk.counted,
    )
    if as_json:
        click.echo(to_json(report))
    else:
        click.echo(
            f"{report.created:,} entered, {report.changed:,} changed, {report.unchanged:,} as they were, "
            f"{report.rejected:,} rejected; {report.placed:,} events were given a place"
        )
        say_rejections([(f"row {row.row}", row.path, row.reason) for row in report.rows if row.status == "rejected"])
    if report.rejected and report.rejected == len(report.rows):
        sys.exit(FAILED)


@device_group.command("export")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--format", "form", type=click.Choice(["csv", "geojson"]), help="Else by the file's name, else CSV.")
@common
def device_export(box: Box, as_json: bool, file: Path | None, form: str | None) -> None:
    """The whole registry, to a file or to the screen; the import reads it.

    Example: hexpost device export devices.geojson
    """
    from appliance.ingest.registry import write_device_features, write_device_table
    from appliance.store.device.registry import fetch_every_device

    named = file.suffix.lower() in FEATURE_ENDS if file else as_json
    features = form == "geojson" or (form is None and named)
    write: Callable[[Iterator[Device]], Iterator[str]] = write_device_features if features else write_device_table
    with find_store(box).read() as connection:
        text = "".join(write(fetch_every_device(connection, now=box.clock())))
    write_text(file, text, "the registry", as_json=as_json)


def _change(box: Box, devices: tuple[str, ...], told: dict[str, Any], *, as_json: bool) -> None:
    """Make one change to each device, and place its events that waited; all devices or none are changed."""
    from appliance.model.device_change import DeviceChange, read_change
    from appliance.store.device.changes import change_device, place_waiting_events

    change, store = read_change(told, DeviceChange), find_store(box)
    with store.write() as connection:
        changed = [change_device(connection, name, change, now=box.clock()) for name in devices]
    hours, resolutions = box.hours(), box.settings.risk.counted
    placed = sum(place_waiting_events(store, one.source, hours=hours, resolutions=resolutions) for one in changed)
    if as_json:
        click.echo(to_json({"devices": changed, "placed_events": placed}))
        return
    for device in changed:
        click.echo(_line(device))
    if placed:
        click.echo(f"{placed:,} events that waited were given a place")


def _read_rows(file: Path) -> Iterator[Any]:
    from appliance.ingest.registry import read_device_features, read_device_table
    from appliance.ingest.text import decode_json, decode_lines

    body, end = read_file(file), file.suffix.lower()
    if end in TABLE_ENDS:
        return read_device_table(decode_lines([body]))
    if end in FEATURE_ENDS:
        return read_device_features(decode_json(body))
    raise Rejected(f"{file}: cannot tell the kind by its name; it may end in {', '.join(TABLE_ENDS + FEATURE_ENDS)}")


def _line(device: "Device") -> str:
    name = f" ({device.name})" if device.name and device.name != device.source else ""
    cause = f", {device.cause}" if device.cause else ""
    heard = f"heard {device.last_seen:%Y-%m-%d %H:%M:%S}Z" if device.last_seen else "not heard yet"
    return f"{device.id}  {device.source}{name}  {device.registration}  {device.state}{cause}  {heard}"


def _where(device: "Device") -> str:
    place = device.place
    parts = [f"{place.longitude:g}, {place.latitude:g}"] if place.point else ["unknown"]
    looks = (("heading", place.heading_deg, "°"), ("view", place.view_angle_deg, "°"), ("range", place.range_m, " m"))
    parts += [f"{name} {value:g}{unit}" for name, value, unit in looks if value is not None]
    parts += [f"{name} {text}" for name, text in (("floor", place.floor), ("room", place.room)) if text]
    return ", ".join(parts)


device_group.add_command(zone_group)
device_group.add_command(group_group)
device_group.add_command(maintenance_group)
device_group.add_command(mapping_group)
device_group.add_command(command_command)
device_group.add_command(firmware_group)
