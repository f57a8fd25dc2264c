"""GeoJSON to critical assets: points, lines and polygons, checked as zones are.

Called by the asset routes and `hexpost asset import`.
"""

from collections.abc import Iterator

from appliance.errors import Rejected
from appliance.ingest.features import filled, key_and_properties, read_features
from appliance.ingest.zone_features import check_geometry, check_position
from appliance.model.asset import AssetRow
from appliance.model.device_change import read_change

MAX_POSITIONS = 2_000  # of one asset
MAX_PARTS = 100  # points, lines or rings
KINDS = ("Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon")
_MEMBERS = ("name", "kind", "criticality", "buffer_m", "settings")


def read_asset_features(document: object) -> Iterator[tuple[int, AssetRow | Rejected]]:
    """(place from 1, asset or why there is none) of each feature; its key is its id or its property `asset_id`.

    Properties other than asset_id, name, kind, criticality, buffer_m and settings are passed over: maps carry many.
    raises  Rejected  the document is neither a Feature nor a FeatureCollection
    """
    return read_features(document, _row)


def check_asset_geometry(geometry: object, path: str = "$.geometry") -> None:
    """Refuse what is no place, line or polygon of the world.

    raises  Rejected  another type, a line of one position, an open ring, positions outside the world or too many
    """
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if not isinstance(geometry, dict) or kind not in KINDS:
        raise Rejected(f"expected one of {', '.join(KINDS)}, got {kind or 'none'}", f"{path}.type")
    coordinates, at = geometry.get("coordinates"), f"{path}.coordinates"
    if kind.endswith("Polygon"):
        check_geometry(geometry, path)
        polygons = geometry["coordinates"] if kind == "MultiPolygon" else [geometry["coordinates"]]
        lines = [ring for polygon in polygons for ring in polygon]
    elif kind.endswith("LineString"):
        lines = filled(coordinates, at) if kind == "MultiLineString" else [coordinates]
        for n, line in enumerate(lines):
            _check_line(line, f"{at}[{n}]" if kind == "MultiLineString" else at)
    else:
        lines = [[one] for one in filled(coordinates, at)] if kind == "MultiPoint" else [[coordinates]]
        for n, (one,) in enumerate(lines):
            check_position(one, f"{at}[{n}]" if kind == "MultiPoint" else at)
    if len(lines) > MAX_PARTS:
        raise Rejected(f"more than {MAX_PARTS} parts; make several assets of them", at)
    if sum(len(line) for line in lines) > MAX_POSITIONS:
        raise Rejected(f"more than {MAX_POSITIONS} positions; simplify it", at)


def _row(feature: object, path: str) -> AssetRow:
    key, properties, geometry = key_and_properties(feature, path, of="an asset", named="asset_id")
    check_asset_geometry(geometry, f"{path}.geometry")
    told = {name: properties[name] for name in _MEMBERS if name in properties}
    try:
        return read_change({"asset_id": key, "change": {**told, "geometry": geometry}}, AssetRow)
    except Rejected as rejected:
        place = rejected.path.replace("$.change", f"{path}.properties").replace("$.asset_id", f"{path}.id")
        raise Rejected(rejected.reason, place) from None


def _check_line(line: object, path: str) -> None:
    if not isinstance(line, list) or len(line) < 2:
        raise Rejected("a line has at least two positions", path)
    for n, position in enumerate(line):
        check_position(position, f"{path}[{n}]")
    if all(position[:2] == line[0][:2] for position in line):
        raise Rejected("a line has at least two different positions", path)
