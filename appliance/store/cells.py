"""The grid: cells with their geometry, each added once, when something is first said of it."""

import json
from collections.abc import Sequence

import sqlalchemy as sa

from appliance.model.change import Slice
from appliance.spatial.cells import centre
from appliance.spatial.geometry import cell_polygons, multipolygon_blob
from appliance.store.engine import raw_connection
from appliance.store.revisions import announce, take_revisions


def ensure_cells(connection: sa.Connection, resolution: int, cells: Sequence[int]) -> int:
    """Add cells that are new to the grid, with geometry and the next ordinals; how many were new."""
    raw, fresh = raw_connection(connection), fetch_new_cells(connection, resolution, cells)
    if not fresh:
        return 0
    count: int = raw.execute("SELECT count(*) FROM h3_cells WHERE resolution = ?", (resolution,)).fetchone()[0]
    rev = take_revisions(connection, len(fresh))
    rows = [
        (cell, resolution, count + n, *centre(cell), rev + n, multipolygon_blob(cell_polygons(cell)))
        for n, cell in enumerate(fresh)
    ]
    raw.executemany(
        "INSERT INTO h3_cells (h3_index, resolution, ordinal, centre_longitude, centre_latitude, rev, geom) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        rows,
    )
    announce(connection, Slice(kind="h3_cells", resolution=resolution, day=""), rev + len(fresh) - 1)
    return len(fresh)


def fetch_new_cells(connection: sa.Connection, resolution: int, cells: Sequence[int]) -> list[int]:
    """Those of these cells that are not in the grid yet."""
    known = {
        row[0]
        for row in raw_connection(connection).execute(
            "SELECT h3_index FROM json_each(?) CROSS JOIN h3_cells ON h3_index = value WHERE resolution = ?",
            (json.dumps(list(cells)), resolution),
        )
    }
    return [cell for cell in cells if cell not in known]
