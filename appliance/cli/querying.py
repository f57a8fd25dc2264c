"""`hexpost query`: events and devices by place, what devices measured, hotspots, from the store of this box. It reads
only.
"""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from appliance.cli.options import common, to_json
from appliance.errors import NotFound, Rejected
from appliance.wiring import Box, find_store

if TYPE_CHECKING:
    from datetime import date

    from appliance.serve.hotspot.answer import HotspotAsk
    from appliance.spatial.shape import Shape

MAX_ROWS, MAX_DAYS = 100_000, 400
HOTSPOT_KINDS = ("emerging", "fading", "persistent", "hot", "high_risk", "dense")


@click.group("query")
def query_group() -> None:
    """What is near a place, along a route, in an area.

    Example: hexpost query events --near 29.37,47.97 --radius 500
    """


def shaped(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say where."""
    places = '[{"lat": 29.37, "lon": 47.97}, …]'
    for option in (
        click.option("--limit", type=click.IntRange(1, MAX_ROWS), default=100, show_default=True),
        click.option("--bbox", metavar="W,S,E,N", help="A box, in degrees; west above east crosses the antimeridian."),
        click.option("--area", "polygon", metavar="JSON", help=f"The corners of a polygon: {places}"),
        click.option("--buffer", "buffer_m", type=float, default=100.0, show_default=True, help="Metres, of --route."),
        click.option("--route", "waypoints", metavar="JSON", help=f"The places of a route: {places}"),
        click.option("--radius", "radius_m", type=float, default=500.0, show_default=True, help="Metres, of --near."),
        click.option("--near", metavar="LAT,LON", help="A place, in degrees."),
    ):
        command = option(command)
    return command


@query_group.command("events")
@shaped
@click.option("--from", "start", metavar="TIME", help="RFC 3339, or a day of the site.")
@click.option("--to", "end", metavar="TIME", help="RFC 3339, exclusive; or a day, inclusive.")
@click.option("--type", "event_type", help="As in motion.")
@click.option("--source", help="As in agency/cam7.")
@common
def query_events(
    box: Box, as_json: bool, limit: int, start: str | None, end: str | None, event_type: str | None,
    source: str | None, **where: Any,
) -> None:  # fmt: skip
    """Events in a shape, newest first.

    Example: hexpost query events --near 29.37,47.97 --radius 500 --from 2026-11-21 --type motion
    """
    from appliance.store.event.near import fetch_events_in
    from appliance.store.event.pages import EventFilter

    wanted = EventFilter(
        from_time=_instant(start, box, "from"),
        to_time=_instant(end, box, "to", end=True),
        event_type=event_type,
        source=source,
    )
    with find_store(box).read() as connection:
        page = fetch_events_in(connection, _shape(**where), wanted, cursor=None, limit=limit)
    if as_json:
        click.echo(to_json(page.items))
        return
    for event in page.items:
        place = f"{event.latitude:.5f},{event.longitude:.5f}"
        click.echo(
            f"{event.event_timestamp:%Y-%m-%d %H:%M:%S}Z  {_metres(event.distance_m)}{place}  {event.event_type}  "
            f"{event.source}  {event.event_id}"
        )
    _say_end("events", len(page.items), more=page.next_cursor is not None)


@query_group.command("devices")
@shaped
@common
def query_devices(box: Box, as_json: bool, limit: int, **where: Any) -> None:
    """Devices in a shape, the nearest first.

    Example: hexpost query devices --route '[{"lat": 29.37, "lon": 47.96}, {"lat": 29.38, "lon": 47.98}]' --buffer 50
    """
    from appliance.store.device.near import fetch_devices_in

    with find_store(box).read() as connection:
        page = fetch_devices_in(connection, _shape(**where), now=box.clock(), cursor=None, limit=limit)
    if as_json:
        click.echo(to_json(page.items))
        return
    for device in page.items:
        place = f"{device.place.latitude:.5f},{device.place.longitude:.5f}"
        click.echo(f"{_metres(device.distance_m)}{place}  {device.state}  {device.source}  {device.id}")
    _say_end("devices", len(page.items), more=page.next_cursor is not None)


@query_group.command("history")
@click.argument("device")
@click.argument("metric")
@click.option("--unit", help="Where the metric comes in several.")
@click.option("--step", default="auto", show_default=True, help="raw, minute, hour, day or auto.")
@click.option("--from", "start", metavar="TIME", help="RFC 3339, or a day of the site; by default a day ago.")
@click.option("--to", "end", metavar="TIME", help="RFC 3339, exclusive; or a day, inclusive.")
@click.option("--limit", type=click.IntRange(1, MAX_ROWS), default=1_000, show_default=True)
@common
def query_history(
    box: Box, as_json: bool, device: str, metric: str, unit: str | None, step: str, start: str | None,
    end: str | None, limit: int,
) -> None:  # fmt: skip
    """What a device measured, the oldest first. DEVICE is a source or an id.

    Example: hexpost query history zigbee2mqtt/air co2 --from 2026-11-01 --to 2026-11-21 --step hour
    """
    from datetime import timedelta

    from appliance.aggregate.bins import SiteBins
    from appliance.store.measured.history_page import fetch_history

    to_time = _instant(end, box, "to", end=True) or box.clock()
    with find_store(box).read() as connection:
        page = fetch_history(
            connection,
            SiteBins(box.settings.zone),
            device=_measured_by(connection, device, metric, box),
            metric=metric,
            unit=unit,
            step=step,
            from_time=_instant(start, box, "from") or to_time - timedelta(days=1),
            to_time=to_time,
            limit=limit,
        )
    if as_json:
        click.echo(to_json(page))
        return
    for one in page.items:
        spread = "" if one.stddev is None else f" ± {one.stddev:g}"
        click.echo(
            f"{one.start:%Y-%m-%d %H:%M:%S}Z  {one.count:6,} × {one.mean:g}{spread} {page.unit}  "
            f"{one.min:g} to {one.max:g}"
        )
    _say_end("values", len(page.items), more=page.next_cursor is not None)


def _measured_by(connection: Any, device: str, metric: str, box: Box) -> str:
    """The source of a device that has measured this.

    raises  NotFound  there is no such device, or it has not; what it has measured is named
    """
    from appliance.store.device.registry import fetch_device
    from appliance.store.measured.history_page import fetch_metrics

    known = fetch_metrics(connection, device)
    if not known:
        device = fetch_device(connection, device, now=box.clock()).source
        known = fetch_metrics(connection, device)
    if metric not in known:
        has = f"it has {', '.join(known)}" if known else "it has measured nothing yet"
        raise NotFound(f"{device} has no metric {metric!r}; {has}")
    return device


@query_group.command("hotspots")
@click.option("--from", "start", metavar="DAY", help="The first day; by default six days before the last.")
@click.option("--to", "end", metavar="DAY", help="The last day, inclusive; by default today.")
@click.option("--resolution", type=click.IntRange(5, 11), help="Of the H3 cells; by default 8, or the site's finest.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(HOTSPOT_KINDS), help="May be given again.")
@click.option("--type", "types", multiple=True, help="Only events of this type; may be given again.")
@click.option("--reference-days", type=click.IntRange(4, 400), help="Before the period; by default eight times it.")
@click.option("--points", is_flag=True, help="DBSCAN over the events' places, in place of cells.")
@click.option(
    "--radius", "radius_m", type=click.FloatRange(20, 20_000), default=300.0, show_default=True, help="Of --points."
)
@click.option("--min-events", type=click.IntRange(3, 50), default=5, show_default=True, help="Of --points.")
@click.option("--geojson", is_flag=True, help="Clusters with their outlines, as a FeatureCollection.")
@click.option("--limit", type=click.IntRange(1, MAX_ROWS), default=20, show_default=True)
@common
def query_hotspots(box: Box, as_json: bool, kinds: tuple[str, ...], geojson: bool, limit: int, **asked: Any) -> None:
    """Where events gather, grow and fade beyond chance, and why.

    Example: hexpost query hotspots --from 2026-11-15 --to 2026-11-21 --kind emerging
    """
    from appliance.aggregate.hours import SiteHours
    from appliance.serve.hotspot.answer import as_geojson, page_of
    from appliance.serve.hotspot.report import make_report

    ask = _hotspot_ask(box, **asked)
    with find_store(box).read(limit_s=120.0) as connection:
        report = make_report(connection, ask, SiteHours(box.settings.zone))
    page = page_of(report, kinds=frozenset(kinds), bbox=None, after=0, limit=limit)  # type: ignore[arg-type]
    if as_json or geojson:
        click.echo(to_json(as_geojson(page) if geojson else page))
        return
    for item in page.items:
        click.echo(f"{item.kind:10}  {item.latitude:.5f},{item.longitude:.5f}  {item.h3_index}  {item.explanation}")
    for note in page.notes:
        click.echo(f"note: {note}")
    _say_end("hotspots", len(page.items), more=page.next_cursor is not None)


def _hotspot_ask(
    box: Box, *, start: str | None, end: str | None, resolution: int | None, types: tuple[str, ...],
    reference_days: int | None, points: bool, radius_m: float, min_events: int,
) -> "HotspotAsk":  # fmt: skip
    """The question that the options are."""
    from datetime import timedelta

    from appliance.clock import site_day, to_us
    from appliance.serve.hotspot.report import question

    now, known = box.clock(), box.settings.risk.resolutions
    last = _day(end, "to") or site_day(to_us(now), box.settings.zone)
    first = _day(start, "from") or last - timedelta(days=6)
    days = (last - first).days + 1
    if not 1 <= days <= MAX_DAYS:
        raise Rejected(f"from {first} to {last} are {days} days; it takes 1 to {MAX_DAYS}", "--from")
    return question(
        first=first,
        last=last,
        resolution=resolution or (8 if 8 in known else max(known)),
        types=types or box.settings.risk.types,
        method="points" if points else "cells",
        reference_days=reference_days,
        radius_m=radius_m,
        min_events=min_events,
        fine=True,
        now=now,
        zone=box.settings.zone,
    )


def _day(text: str | None, name: str) -> "date | None":
    from datetime import date

    try:
        return date.fromisoformat(text) if text is not None else None
    except ValueError:
        raise Rejected(f"{text!r} is not a day; write it as 2026-11-21", f"--{name}") from None


def _shape(
    *, near: str | None, radius_m: float, waypoints: str | None, buffer_m: float, polygon: str | None, bbox: str | None
) -> "Shape":
    """The one shape that the options say."""
    from appliance.spatial.geojson import parse_bbox
    from appliance.spatial.shape import Box as Bounds
    from appliance.spatial.shape import area, corridor, disc

    if sum(given is not None for given in (near, waypoints, polygon, bbox)) != 1:
        raise click.UsageError("say where by one of --near, --route, --area, --bbox")
    if waypoints is not None:
        return corridor(waypoints, buffer_m)
    if polygon is not None:
        return area(polygon)
    if bbox is not None:
        return Bounds(bounds=parse_bbox(bbox))
    try:
        lat, lng = (float(part) for part in str(near).split(","))
    except ValueError:
        raise Rejected(f"{near!r} is not a place; write LAT,LON in degrees, as in 29.37,47.97", "--near") from None
    return disc(lng=lng, lat=lat, radius_m=radius_m)


def _instant(text: str | None, box: Box, name: str, *, end: bool = False) -> datetime | None:
    """A time, or a day of the site: its start, or with `end` the start of the next."""
    from datetime import date

    from appliance.clock import day_bounds
    from appliance.model.native import read_timestamp

    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return read_timestamp(text, f"--{name}")
    start, following = day_bounds(day, box.settings.zone)
    return following if end else start


def _metres(distance_m: float | None) -> str:
    return "" if distance_m is None else f"{distance_m:9,.1f} m  "


def _say_end(things: str, shown: int, *, more: bool) -> None:
    if more:
        click.echo(f"and more; --limit shows more than {shown:,}")
    if not shown:
        click.echo(f"no such {things}")
