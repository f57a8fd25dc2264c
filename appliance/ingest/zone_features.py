"""GeoJSON to zones: polygons checked for what a database would trip over, each with the path of what is wrong.

Called by the zone routes and `hexpost device zone`; what only a geometry library can tell (a ring that crosses
itself) is left to the store.
"""

import math
from collections.abc import Iterator

import msgspec

from appliance.errors import Rejected
from appliance.ingest.features import filled, key_and_properties, read_features
from appliance.model.device_change import Name, ZoneChange, read_change

MAX_POSITIONS = 20_000  # of one zone; a coast line is simplified before it becomes one
_MEMBERS = ("name", "capacity", "settings")


class ZoneRow(msgspec.Struct, frozen=True, kw_only=True):
    """A zone of an import: its key, and what it is to be."""

    zone: Name
    change: ZoneChange


def read_zone_features(document: object) -> Iterator[tuple[int, ZoneRow | Rejected]]:
    """(place from 1, zone or why there is none) of each feature; its key is the feature's id or its property `zone`.

    Properties other than zone, name, capacity and settings are passed over: maps carry many.
    raises  Rejected  the document is neither a Feature nor a FeatureCollection
    """
    return read_features(document, _row)


def check_geometry(geometry: object, path: str = "$.geometry") -> None:
    """Refuse what is no polygon of the world.

    raises  Rejected  another type, an open or too short ring, positions outside the world or too many of them
    """
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if not isinstance(geometry, dict) or kind not in {"Polygon", "MultiPolygon"}:
        raise Rejected(f"expected a Polygon or MultiPolygon, got {kind or 'none'}", f"{path}.type")
    coordinates, at = geometry.get("coordinates"), f"{path}.coordinates"
    polygons = coordinates if kind == "MultiPolygon" else [coordinates]
    total = 0
    for p, polygon in enumerate(filled(polygons, at)):
        inside = f"{at}[{p}]" if kind == "MultiPolygon" else at
        for r, ring in enumerate(filled(polygon, inside)):
            total += _check_ring(ring, f"{inside}[{r}]")
            if total > MAX_POSITIONS:
                raise Rejected(f"more than {MAX_POSITIONS} positions; simplify the polygon", at)


def check_position(position: object, path: str) -> None:
    """Refuse what is no place of the world.

    raises  Rejected
    """
    if not isinstance(position, list) or len(position) < 2 or not all(_is_number(one) for one in position[:2]):
        raise Rejected("expected [longitude, latitude]", path)
    if abs(position[0]) > 180 or abs(position[1]) > 90:
        raise Rejected(f"[{position[0]}, {position[1]}] is not in the world", path)


def _row(feature: object, path: str) -> ZoneRow:
    key, properties, geometry = key_and_properties(feature, path, of="a zone", named="zone")
    check_geometry(geometry, f"{path}.geometry")
    told = {name: properties[name] for name in _MEMBERS if name in properties}
    try:
        return read_change({"zone": key, "change": {**told, "geometry": geometry}}, ZoneRow)
    except Rejected as rejected:
        raise Rejected(rejected.reason, rejected.path.replace("$.change", f"{path}.properties")) from None


def _check_ring(ring: object, path: str) -> int:
    """The positions of a ring that can be one."""
    if not isinstance(ring, list) or len(ring) < 4:
        raise Rejected("a ring has at least four positions, the last equal to the first", path)
    for n, position in enumerate(ring):
        check_position(position, f"{path}[{n}]")
    if ring[0][:2] != ring[-1][:2]:
        raise Rejected("the ring is not closed: its last position has to equal its first", path)
    return len(ring)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
