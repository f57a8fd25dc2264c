"""`hexpost asset`: critical assets, brought by GeoJSON, and their risk."""

from datetime import date, timedelta
from pathlib import Path

import click

from appliance.cli.device_areas import read_file, say_features
from appliance.cli.options import DAY, common, to_json
from appliance.cli.quarantining import who_asks
from appliance.clock import site_day, to_us
from appliance.errors import Rejected
from appliance.model.asset import Asset, AssetRisk
from appliance.wiring import Box, find_store

PAGE = 1_000
SHOWN_DAYS = 28


@click.group("asset")
def asset_group() -> None:
    """Critical assets: substations, corridors, plants. Each has a risk of its own for every day.

    Example: hexpost asset import substations.geojson
    """


@asset_group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@common
def asset_import(box: Box, as_json: bool, file: Path) -> None:
    """Make or change the assets of a GeoJSON file; the key is a feature's id or its property `asset_id`.

    A feature is a point, a line or a polygon, single or many. Its properties name, kind, criticality (1 to 5),
    buffer_m (100 for points and lines) and settings (threshold, hysteresis, muted) are read, others passed over.

    Example: hexpost asset import substations.geojson
    """
    from appliance.ingest.text import decode_json
    from appliance.store.asset.registry import import_asset_features

    document = decode_json(read_file(file))
    report = import_asset_features(
        find_store(box), document, resolutions=box.settings.risk.resolutions, who=who_asks(), now=box.clock()
    )
    say_features(report, as_json=as_json)


@asset_group.command("list")
@click.option("--kind", default=None, help="Only of this kind.")
@click.option("--bbox", default=None, help="Only those that touch west,south,east,north.")
@common
def asset_list(box: Box, as_json: bool, kind: str | None, bbox: str | None) -> None:
    """Every asset with its risk of today.

    Example: hexpost asset list --kind substation
    """
    from appliance.spatial.geojson import parse_bbox
    from appliance.store.asset.registry import AssetFilter, fetch_assets

    wanted = AssetFilter(kind=kind, bbox=parse_bbox(bbox) if bbox is not None else None)
    assets, after = [], None
    with find_store(box).read() as connection:
        while True:
            page, after = fetch_assets(connection, wanted, today=_today(box).isoformat(), after=after, limit=PAGE)
            assets += page
            if after is None:
                break
    if as_json:
        click.echo(to_json(assets))
        return
    for asset in assets:
        click.echo(_line(asset))
    if not assets:
        click.echo("no assets; `hexpost asset import substations.geojson` brings some")


@asset_group.command("risk")
@click.argument("asset_id")
@click.option("--from", "from_day", type=DAY, default=None, help="First day, inclusive; by default four weeks back.")
@click.option("--to", "to_day", type=DAY, default=None, help="Last day, inclusive; by default tomorrow.")
@common
def asset_risk(box: Box, as_json: bool, asset_id: str, from_day: date | None, to_day: date | None) -> None:
    """What is to be expected in an asset's footprint, and what came, day by day.

    Example: hexpost asset risk substation-7 --from 2026-11-01
    """
    from appliance.store.asset.risk import fetch_asset_risk

    last = to_day or _today(box) + timedelta(days=1)
    first = from_day or last - timedelta(days=SHOWN_DAYS)
    if first > last:
        raise Rejected(f"--from {first} lies after --to {last}")
    with find_store(box).read() as connection:
        rows = fetch_asset_risk(connection, asset_id, from_day=first, to_day=last)
    if as_json:
        click.echo(to_json(rows))
        return
    for row in rows:
        click.echo(_day(row))
    if not rows:
        click.echo("not computed yet; the jobs process does so after a change and after each run")


@asset_group.command("remove")
@click.argument("asset_id")
@common
def asset_remove(box: Box, as_json: bool, asset_id: str) -> None:
    """Remove an asset with its risk; its alert is closed.

    Example: hexpost asset remove substation-7
    """
    from appliance.store.asset.registry import delete_asset

    with find_store(box).write() as connection:
        delete_asset(connection, asset_id, who=who_asks(), now=box.clock())
    click.echo(to_json({"removed": asset_id}) if as_json else f"{asset_id} is removed")


def _today(box: Box) -> date:
    return site_day(to_us(box.clock()), box.settings.zone)


def _line(asset: Asset) -> str:
    kind = f", {asset.kind}" if asset.kind else ""
    risk = _words(asset.today) if asset.today else "not computed yet"
    alerting = "  ALERT" if asset.alerting else ""
    return f"{asset.asset_id}  {asset.name}{kind}, criticality {asset.criticality}  {risk}{alerting}"


def _words(row: AssetRisk) -> str:
    if row.risk_score is None or row.probability is None:
        return "risk unknown"
    return f"risk {row.risk_score:.0f} ({row.risk_level}), {row.probability:.1%} for an event"


def _day(row: AssetRisk) -> str:
    expected = f"{row.expected_events:.3f} expected" if row.expected_events is not None else "nothing known"
    basis = {"forecast": "by forecast", "counts_28d": f"by {row.basis_days} days' counts", "": ""}[row.basis]
    more = "" if row.observed_whole else " or more"
    return f"{row.day}  {_words(row)}  {expected} {basis}, {row.observed_events}{more} observed"
