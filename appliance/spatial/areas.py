"""The cells that an area touches: for counts that are kept by cell and asked for by area."""

from typing import Any

import h3.api.basic_int as h3

from appliance.errors import Rejected
from appliance.spatial.cells import area_km2, cell_of

MAX_CELLS = 5_000
"""Of one area: at resolution 8 some 3,700 km2."""


def cells_of_area(geometry: dict[str, Any], resolution: int) -> list[int]:
    """Every cell of a resolution that an area shares anything with, ascending.

    geometry  a GeoJSON Polygon or MultiPolygon
    raises    Rejected  there would be more than `MAX_CELLS`
    """
    polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    found: set[int] = set()
    for outer, *holes in polygons:
        west, east = min(lng for lng, *_ in outer), max(lng for lng, *_ in outer)
        south, north = min(lat for _, lat, *_ in outer), max(lat for _, lat, *_ in outer)
        middle = cell_of(lat=(south + north) / 2, lng=(west + east) / 2, resolution=resolution)
        box_km2 = (east - west) * (north - south) * 12_400.0  # of a square degree at the equator; less elsewhere
        if box_km2 > 4 * MAX_CELLS * area_km2(middle):
            raise Rejected(f"the area is too large for cells of resolution {resolution}; ask for a smaller one")
        shape = h3.LatLngPoly(*([(lat, lng) for lng, lat, *_ in ring] for ring in (outer, *holes)))
        found |= set(h3.polygon_to_cells_experimental(shape, resolution, contain="overlap"))
    if len(found) > MAX_CELLS:
        raise Rejected(f"the area has more than {MAX_CELLS} cells of resolution {resolution}; ask for a smaller one")
    return sorted(int(cell) for cell in found)
