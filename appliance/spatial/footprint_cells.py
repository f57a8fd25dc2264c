"""The cells that a footprint lies in, and how much of each. Called by `store.asset.registry` and `job.asset_risk`."""

from collections.abc import Sequence

import msgspec

from appliance.errors import Rejected
from appliance.spatial.cells import area_km2
from appliance.spatial.cover import cells_touching
from appliance.spatial.footprint import share_of
from appliance.spatial.shape import Footprint

MAX_CELLS = 2_000


class FootprintCells(msgspec.Struct, frozen=True, kw_only=True):
    """Cells of one resolution with the part of each, above 0 up to 1, that lies in a footprint; ascending."""

    resolution: int
    shares: dict[int, float]

    @property
    def area_km2(self) -> float:
        """The area of the footprint, on the sphere."""
        return sum(share * area_km2(cell) for cell, share in self.shares.items())


def check_extent(footprint: Footprint, resolutions: Sequence[int]) -> None:
    """Refuse what is too large to be looked at.

    raises  Rejected  more than `MAX_CELLS` of the coarsest of these resolutions
    """
    cells_touching(footprint, min(resolutions), MAX_CELLS)


def find_cells(footprint: Footprint, resolutions: Sequence[int]) -> FootprintCells:
    """The cells of the finest of these resolutions of which it takes at most `MAX_CELLS`.

    raises  Rejected  there is none
    """
    for resolution in sorted(resolutions, reverse=True):
        try:
            inside, across = cells_touching(footprint, resolution, MAX_CELLS)
        except Rejected:
            if resolution == min(resolutions):
                raise
            continue
        shares = dict.fromkeys(inside, 1.0) | {cell: share_of(footprint, cell) for cell in across}
        found = {cell: share for cell, share in sorted(shares.items()) if share > 0}
        return FootprintCells(resolution=resolution, shares=found)
    raise ValueError("no resolution was given")
