"""The GeoJSON (RFC 7946) of the API's answers: events as points, cells as polygons, and `bbox` as text.

Positions are [lng, lat]. Called by `serve`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from appliance.errors import Rejected
from appliance.spatial.cells import Ring

Bounds = tuple[float, float, float, float]
"""(west, south, east, north) in degrees; west > east crosses the antimeridian."""


def point(lng: float, lat: float) -> dict[str, Any]:
    """A Point geometry."""
    return {"type": "Point", "coordinates": [lng, lat]}


def multipolygon(polygons: Sequence[Ring]) -> dict[str, Any]:
    """A MultiPolygon geometry of closed exterior rings, as `geometry.cell_polygons` gives them."""
    return {"type": "MultiPolygon", "coordinates": [[[[lng, lat] for lng, lat in ring]] for ring in polygons]}


def areas(polygons: Sequence[Sequence[Ring]]) -> dict[str, Any]:
    """A MultiPolygon geometry of polygons of closed rings, each its exterior and then its holes."""
    rings = [[[[lng, lat] for lng, lat in ring] for ring in polygon] for polygon in polygons]
    return {"type": "MultiPolygon", "coordinates": rings}


def feature(
    geometry: Mapping[str, Any] | None, properties: Mapping[str, Any], id: int | str | None = None
) -> dict[str, Any]:
    """A Feature; without an id it has no member of that name."""
    body = {"type": "Feature", "geometry": geometry, "properties": properties}
    return body if id is None else {**body, "id": id}


def feature_collection(features: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A FeatureCollection."""
    return {"type": "FeatureCollection", "features": list(features)}


def parse_bbox(text: str) -> Bounds:
    """`west,south,east,north` in degrees.

    raises  Rejected  not four numbers, outside the world, or south of its south
    """
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise Rejected(
            f"bbox {text[:60]!r}: write west,south,east,north in degrees, as in 47.9,29.2,48.1,29.4"
        ) from None
    if not all(math.isfinite(value) for value in (west, south, east, north)):
        raise Rejected(f"bbox {text[:60]!r}: every value has to be a finite number of degrees")
    if max(abs(west), abs(east)) > 180 or max(abs(south), abs(north)) > 90:
        raise Rejected(
            f"bbox {text[:60]!r}: longitudes lie within 180 and latitudes within 90; the order is west,south,east,north"
        )
    if south > north:
        raise Rejected(
            f"bbox {text[:60]!r}: south {south:g} lies above north {north:g}; the order is west,south,east,north"
        )
    return west, south, east, north
