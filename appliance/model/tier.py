"""Tiers: how what is measured is kept, finest first, each coarser one for longer. Data only; time is an argument.

`aggregate` does the arithmetic, `store.tiers` keeps the bins, the jobs process moves them on. What is measured by
another part gets tiers of its own by describing them here and adding the tables.
"""

from typing import Literal

import msgspec

Width = Literal["minute", "hour", "day"]
"""A bin's: a minute of the clock; an hour and a day of the site's."""


class Tier(msgspec.Struct, frozen=True, kw_only=True):
    """Bins of one width. The column of the bin in `table` has the width's name: INTEGER start, of a day its date."""

    width: Width
    table: str


class Ladder(msgspec.Struct, frozen=True, kw_only=True):
    """What is measured, and its tiers, the finest first; the coarsest is kept for ever.

    raw      the table of single rows, in the order of `time` (INTEGER microseconds)
    late     those that came when their time was no longer kept in `raw`, until they are merged and for a while after;
             `merged` says whether they are
    repeats  digests of the rows that are no longer kept
    key      what tells series apart, an INTEGER column of all tables
    values   the measured columns; of each the tiers keep its moments as `value_count`, `value_total`, ...
    """

    name: str
    raw: str
    late: str
    repeats: str
    time: str
    key: str
    values: tuple[str, ...]
    tiers: tuple[Tier, ...]

    def tier(self, width: Width) -> Tier | None:
        """The tier of a width; None where the rows themselves are no finer."""
        return next((tier for tier in self.tiers if tier.width == width), None)


READINGS = Ladder(
    name="readings",
    raw="reading_values",
    late="late_readings",
    repeats="reading_repeats",
    time="observed_at",
    key="series_pk",
    values=("value",),
    tiers=(
        Tier(width="minute", table="reading_minutes"),
        Tier(width="hour", table="reading_hours"),
        Tier(width="day", table="reading_days"),
    ),
)
LADDERS = (READINGS,)
