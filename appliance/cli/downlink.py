"""`hexpost device command` and `hexpost device firmware`: orders to devices, images and waves, by hand.

What is queued here is sent by the bridge. Attached to `hexpost device` by `cli.devices`.
"""

import getpass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from appliance.cli.options import common, to_json
from appliance.errors import Rejected
from appliance.model.command import DEFAULT_TTL_S, FIRMWARE_TTL_S, Wave
from appliance.wiring import Box, find_store

CHUNK = 1 << 20
UNREACHABLE = {"127.0.0.1", "localhost", "0.0.0.0", "::", "::1"}


@click.command("command")
@click.argument("source")
@click.argument("command")
@click.argument("parameters", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--ttl", "ttl_s", type=click.IntRange(1), help="Seconds until it must not go out any more.")
@click.option("--base-url", default="", help="How devices reach this box, for firmware_update image=ID.")
@common
def command_command(
    box: Box,
    as_json: bool,
    source: str,
    command: str,
    parameters: tuple[str, ...],
    ttl_s: int | None,
    base_url: str,
) -> None:
    """Queue a command for a device: interval, config, reboot, firmware_update.

    A value is read as JSON where it is JSON, else as text.

    Example: hexpost device command tasmota/kitchen interval interval_s=60
    """
    from appliance.store.downlink.orders import order_command

    said = dict(_parameter(text) for text in parameters)
    lives_s = ttl_s or (FIRMWARE_TTL_S if command == "firmware_update" else DEFAULT_TTL_S)
    with find_store(box).write() as connection:
        queued = order_command(
            connection,
            device=source,
            command=command,
            parameters=said,
            base_url=_base_url(box, base_url) if "image" in said else "",
            ttl_s=lives_s,
            who=_who(),
            now=box.clock(),
        )
    click.echo(to_json(queued) if as_json else f"{queued.command_id} is queued, and expires at {queued.expires_at}")


@click.group("firmware")
def firmware_group() -> None:
    """Images of firmware, and waves that bring them to devices.

    Example: hexpost device firmware list
    """


@firmware_group.command("add")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--family", required=True, help="Whose devices take it, as in tasmota.")
@click.option("--version", "image_version", required=True, help="As the devices will report it, as in 14.2.0.")
@click.option(
    "--signature",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Ed25519 over the file's SHA-256, by a key in secrets/firmware-keys/.",
)
@click.option("--unsigned", is_flag=True, help="Take it without a signature; this is written in the audit log.")
@common
def firmware_add(
    box: Box, as_json: bool, file: Path, family: str, image_version: str, signature: Path | None, unsigned: bool
) -> None:
    """Register an image: copied, hashed, its signature checked.

    Example: hexpost device firmware add tasmota.bin.gz --family tasmota --version 14.2.0 --signature tasmota.sig
    """
    from appliance.store.downlink.firmware import Described, open_draft, read_signature

    if (signature is None) != unsigned:
        raise Rejected("name the image's --signature, or say --unsigned; not both")
    signed = read_signature(signature.read_bytes()) if signature else None
    described = Described(family=family, version=image_version, file_name=file.name, signature=signed)
    store = find_store(box)
    with open_draft(store) as draft, file.open("rb") as source:
        while chunk := source.read(CHUNK):
            draft.write(chunk)
        image = draft.keep(store, described, who=_who(), now=box.clock())
    click.echo(
        to_json(image)
        if as_json
        else f"{image.image_id}  {image.family} {image.version}, {image.signed_by or 'unsigned'}"
    )


@firmware_group.command("list")
@common
def firmware_list(box: Box, as_json: bool) -> None:
    """Every image, newest first.

    Example: hexpost device firmware list
    """
    from appliance.store.downlink.firmware import fetch_images

    with find_store(box).read() as connection:
        images = fetch_images(connection)
    if as_json:
        click.echo(to_json(images))
        return
    for image in images:
        signed = f"signed by {image.signed_by}" if image.signed_by else "unsigned"
        click.echo(
            f"{image.image_id}  {image.family} {image.version}  {image.file_name}, {image.size_bytes:,} B, {signed}"
        )
    if not images:
        click.echo("no image is registered; `hexpost device firmware add` takes one in")


@firmware_group.command("remove")
@click.argument("image")
@common
def firmware_remove(box: Box, as_json: bool, image: str) -> None:
    """Remove an image and its file.

    Example: hexpost device firmware remove 5f2c...
    """
    from appliance.store.downlink.firmware import delete_image

    delete_image(find_store(box), image, who=_who(), now=box.clock())
    click.echo(to_json({"removed": image}) if as_json else f"{image} is removed")


@firmware_group.command("wave")
@click.argument("image")
@click.option("--to", "to", required=True, multiple=True, help="A group or a device; may be given again.")
@click.option("--size", default=5, show_default=True, help="How many devices at a time.")
@click.option("--stop-after", default=1, show_default=True, help="Failed devices after which nobody else is ordered.")
@click.option("--timeout", "timeout_s", default=FIRMWARE_TTL_S, show_default=True, help="Seconds for one device.")
@click.option("--base-url", default="", help="How devices reach this box, as http://192.168.4.1:8080.")
@common
def firmware_wave(
    box: Box,
    as_json: bool,
    image: str,
    to: tuple[str, ...],
    size: int,
    stop_after: int,
    timeout_s: int,
    base_url: str,
) -> None:
    """Bring an image to devices, some at a time; the bridge does it.

    Example: hexpost device firmware wave 5f2c... --to harbour --size 5 --stop-after 2 --base-url http://10.0.0.2:8080
    """
    from appliance.store.downlink.waves import fetch_members, insert_wave

    with find_store(box).write() as connection:
        wave = insert_wave(
            connection,
            image_id=image,
            devices=fetch_members(connection, to),
            size=size,
            stop_after=stop_after,
            timeout_s=timeout_s,
            base_url=_base_url(box, base_url),
            created_by=_who(),
            now=box.clock(),
        )
    click.echo(to_json(wave) if as_json else f"{wave.wave_id} begins with {len(wave.devices)} devices")


@firmware_group.command("status")
@click.argument("wave", required=False)
@common
def firmware_status(box: Box, as_json: bool, wave: str | None) -> None:
    """One wave device by device, or all in a line each.

    Example: hexpost device firmware status
    """
    from appliance.store.downlink.waves import fetch_wave, fetch_waves

    with find_store(box).read() as connection:
        found = [fetch_wave(connection, wave)] if wave else fetch_waves(connection)
    if as_json:
        click.echo(to_json(found[0] if wave else found))
        return
    for one in found:
        click.echo(f"{one.wave_id}  {one.state}  {one.family} {one.version}: {one.message or 'has not begun'}")
        _show_devices(one if wave else None)
    if not found:
        click.echo("there has been no wave")


@firmware_group.command("stop")
@click.argument("wave")
@common
def firmware_stop(box: Box, as_json: bool, wave: str) -> None:
    """Order nobody else; devices under way are watched to their end.

    Example: hexpost device firmware stop 1a2b3c4d5e6f7081
    """
    from appliance.store.downlink.waves import stop_wave

    with find_store(box).write() as connection:
        stopped = stop_wave(connection, wave, who=_who(), now=box.clock())
    click.echo(to_json(stopped) if as_json else f"{wave} is stopped")


def _show_devices(wave: Wave | None) -> None:
    for one in wave.devices if wave else ():
        click.echo(f"  {one.device}  {one.state}{f': {one.message}' if one.message else ''}")


def _parameter(text: str) -> tuple[str, Any]:
    import msgspec

    name, equals, value = text.partition("=")
    if not name or not equals:
        raise Rejected(f"{text!r} is no parameter; write it as name=value")
    try:
        return name, msgspec.json.decode(value)
    except msgspec.DecodeError:
        return name, value


def _base_url(box: Box, given: str) -> str:
    """Where devices reach this box; its own setting may be an address that only it can reach."""
    http = box.settings.http
    url = given or f"http://{http.host}:{http.port}"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Rejected(f"{url!r} is not http://host:port", "base_url")
    if parts.hostname in UNREACHABLE:
        raise Rejected(f"devices cannot reach {parts.hostname}: name this box as they see it with --base-url")
    return url


def _who() -> str:
    """Whose command line it is, for the audit log; `-` where the system has no name for the user."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli:-"
