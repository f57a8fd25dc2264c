"""`hexpost basemap`: streets for the map, brought along as files."""

from pathlib import Path

import click

from appliance.cli.options import common, to_json
from appliance.wiring import Box, open_basemaps


@click.group("basemap")
def basemap_group() -> None:
    """Basemaps that the box serves.

    Example: hexpost basemap add streets.pmtiles
    """


@basemap_group.command("add")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@common
def basemap_add(box: Box, as_json: bool, file: Path) -> None:
    """Copy a .pmtiles or .mbtiles file into the box; `serve` shows it from its next start.

    Example: hexpost basemap add city.pmtiles
    """
    from appliance.store.basemaps import add_basemap

    added = add_basemap(box.data / "basemaps", file)
    click.echo(to_json({"added": str(added)}) if as_json else f"added {added.name}; restart serve to show it")


@basemap_group.command("list")
@common
def basemap_list(box: Box, as_json: bool) -> None:
    """Every basemap, the built-in world first.

    Example: hexpost basemap list
    """
    found = open_basemaps(box)
    if as_json:
        click.echo(to_json([{"name": b.name, "kind": b.kind, "bounds": b.bounds} for b in found.values()]))
        return
    for basemap in found.values():
        click.echo(
            f"{basemap.name}  {basemap.kind}  zoom {basemap.minzoom} to {basemap.maxzoom}  {basemap.attribution}"
        )


@basemap_group.command("remove")
@click.argument("name")
@common
def basemap_remove(box: Box, as_json: bool, name: str) -> None:
    """Remove a basemap.

    Example: hexpost basemap remove city
    """
    from appliance.store.basemaps import remove_basemap

    remove_basemap(box.data / "basemaps", name)
    click.echo(to_json({"removed": name}) if as_json else f"removed {name}")
