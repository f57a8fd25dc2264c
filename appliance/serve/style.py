"""`/tiles.json`, `/style.json`, `/basemaps/…`, `/map`: what a map needs to know before it draws.

The style is for other clients (QGIS, MapLibre elsewhere on the network); the box's own map composes its style itself.
"""

from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery

from appliance.errors import NotFound
from appliance.serve.context import Context
from appliance.serve.errors import problems
from appliance.serve.params import default_resolution, read_day
from appliance.serve.tiles import Tiles
from appliance.spatial.geojson import Bounds
from appliance.store.risk.picture import fetch_scored_days

LEVEL_COLOURS = {"low": "#5aa9d6", "medium": "#f7ce46", "high": "#ec7014", "critical": "#8c0d3f"}  # as in ui/
UNKNOWN_COLOUR = "#7d8790"
FIELDS = {
    "h3": "String",
    "day": "String",
    "event_count": "Number",
    "rolling_7d_avg": "Number",
    "growth_rate": "Number",
    "risk_score": "Number",
    "risk_level": "String",
    "z_score": "Number",
    "flagged": "Boolean",
    "coverage": "String",
}


class SiteCard(msgspec.Struct, frozen=True, kw_only=True):
    """Which box this is."""

    id: str
    name: str
    timezone: str
    longitude: float | None
    latitude: float | None


class DayRange(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """An inclusive range of days."""

    from_: str
    to: str


class BasemapCard(msgspec.Struct, frozen=True, kw_only=True):
    """A basemap that the box can serve."""

    name: str
    kind: str
    minzoom: int
    maxzoom: int
    bounds: Bounds
    layers: list[str]
    attribution: str


class MapCard(msgspec.Struct, frozen=True, kw_only=True):
    """All that the map asks before it draws."""

    site: SiteCard
    today: str
    resolutions: list[int]
    days: DayRange | None
    basemaps: list[BasemapCard]


@get("/map", sync_to_thread=True, responses=problems(503))
def get_map_card(context: NamedDependency[Context]) -> MapCard:
    """The site, its days and its basemaps."""
    with context.store.read() as connection:
        days = fetch_scored_days(connection)
    site = context.settings.site
    return MapCard(
        site=SiteCard(
            id=site.id, name=site.name, timezone=site.timezone, longitude=site.longitude, latitude=site.latitude
        ),
        today=context.today(),
        resolutions=sorted(context.settings.risk.resolutions),
        days=DayRange(from_=days[0].isoformat(), to=days[1].isoformat()) if days else None,
        basemaps=[
            BasemapCard(
                name=basemap.name,
                kind=basemap.kind,
                minzoom=basemap.minzoom,
                maxzoom=basemap.maxzoom,
                bounds=basemap.bounds,
                layers=list(basemap.layers),
                attribution=basemap.attribution,
            )
            for basemap in context.basemaps.values()
        ],
    )


@get(
    "/basemaps/{name:str}/{z:int}/{x:int}/{y:int}",
    sync_to_thread=True,
    responses={204: ResponseSpec(None, description="The basemap has no such tile"), **problems(400, 404, 503)},
)
def get_basemap_tile(
    context: NamedDependency[Context], name: FromPath[str], z: FromPath[int], x: FromPath[int], y: FromPath[int]
) -> Response[bytes]:
    """A tile of a basemap as it is stored; 204 where the basemap has none."""
    basemap = context.basemaps.get(name)
    if basemap is None:
        raise NotFound(f"no basemap {name!r}; there are {', '.join(context.basemaps) or 'none'}")
    tile = basemap.tile(z, x, y)
    headers = {"Cache-Control": "public, max-age=86400"}
    if tile is None:
        return Response(b"", status_code=204, headers=headers)
    if basemap.content_encoding:
        headers["Content-Encoding"] = basemap.content_encoding
    return Response(tile, headers=headers, media_type=basemap.media_type)


@get("/tiles.json", sync_to_thread=True, responses=problems(400, 503))
def get_tilejson(
    request: Request[Any, Any, Any],
    context: NamedDependency[Context],
    tiles: NamedDependency[Tiles],
    date: FromQuery[str] = "today",
) -> dict[str, Any]:
    """TileJSON 3.0.0 of the risk tiles of a day."""
    day = read_day(date, context).isoformat()
    grid = tiles.grid(default_resolution(context.settings.risk.resolutions))
    base = f"{request.url.scheme}://{request.url.netloc}/v1"
    return {
        "tilejson": "3.0.0",
        "name": f"{context.settings.site.name}: risk on {day}",
        "tiles": [f"{base}/tiles/{{z}}/{{x}}/{{y}}.mvt?date={day}"],
        "minzoom": 0,
        "maxzoom": 14,
        "bounds": list(grid.bounds or (-180.0, -85.0511, 180.0, 85.0511)),
        "vector_layers": [{"id": "risk", "minzoom": 0, "maxzoom": 14, "fields": FIELDS}],
    }


@get("/style.json", sync_to_thread=True, responses=problems(400, 503))
def get_style(
    request: Request[Any, Any, Any], context: NamedDependency[Context], date: FromQuery[str] = "today"
) -> dict[str, Any]:
    """A MapLibre style with the world and a day's risk."""
    day = read_day(date, context).isoformat()
    base = f"{request.url.scheme}://{request.url.netloc}/v1"
    sources: dict[str, Any] = {"risk": {"type": "vector", "url": f"{base}/tiles.json?date={day}"}}
    layers: list[dict[str, Any]] = [
        {"id": "background", "type": "background", "paint": {"background-color": "#dfe6ea"}}
    ]
    world = context.basemaps.get("world")
    if world is not None:
        sources["world"] = {
            "type": "vector",
            "tiles": [f"{base}/basemaps/world/{{z}}/{{x}}/{{y}}"],
            "maxzoom": world.maxzoom,
            "attribution": world.attribution,
        }
        layers.append(_fill("land", "world", "land", "#f6f4ef"))
    colours = [part for level, colour in LEVEL_COLOURS.items() for part in (level, colour)]
    by_level = ["match", ["get", "risk_level"], *colours, UNKNOWN_COLOUR]
    unknown = ["==", ["get", "coverage"], "unknown"]
    layers.append(_fill("risk", "risk", "risk", ["case", unknown, UNKNOWN_COLOUR, by_level], opacity=0.55))
    return {"version": 8, "name": context.settings.site.name, "sources": sources, "layers": layers}


def _fill(name: str, source: str, layer: str, colour: Any, opacity: float = 1.0) -> dict[str, Any]:
    paint = {"fill-color": colour, "fill-opacity": opacity}
    return {"id": name, "type": "fill", "source": source, "source-layer": layer, "paint": paint}
