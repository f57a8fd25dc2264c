"""What the centre is told: a batch of changed rows of one slice of one table.

The store makes batches, `sync` carries them, `sync.central` merges them; all three share these names.
"""

from typing import Any, Literal

import msgspec

ChangeKind = Literal["h3_cells", "cell_aggregates", "risk_scores", "anomaly_flags"]

COLUMNS: dict[ChangeKind, tuple[str, ...]] = {
    "h3_cells": ("h3_index", "resolution", "centre_longitude", "centre_latitude", "geom", "rev"),
    "cell_aggregates": (
        "h3_index", "resolution", "day", "event_count", "rolling_7d_avg", "growth_rate", "rev",
    ),
    "risk_scores": ("h3_index", "resolution", "day", "profile", "risk_score", "risk_level", "rev"),
    "anomaly_flags": ("h3_index", "resolution", "day", "z_score", "flagged", "rev"),
}  # fmt: skip
"""Columns of a batch's rows, in order; `geom` is EWKB, `day` an ISO date, `flagged` a bool, `h3_index` an int."""


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """One table, resolution and day; `day` is empty for cells, which have none."""

    kind: ChangeKind
    resolution: int
    day: str


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Changed rows of one slice, with a gapless number `seq` from 1 within an epoch of a site.

    rows       tuples in the order of `COLUMNS[slice.kind]`, ascending by rev
    gone       (h3_index, rev, profile) of rows that are no longer there; the profile is empty where a table has none
    upto_rev   the revision up to which the centre is complete for this slice once it has applied this batch
    complete   nothing of the slice lies beyond `upto_rev`: the centre then has all of it in this epoch, and what it
               still holds of the slice from an earlier epoch is no longer there on the box
    """

    site_id: str
    epoch: int
    seq: int
    slice: Slice
    rows: list[tuple[Any, ...]]
    gone: list[tuple[int, int, str]]
    upto_rev: int
    complete: bool = False


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """How far one side believes the centre to be: the last batch applied, within an epoch of the site.

    A centre that has never heard of the site stands at epoch 0, batch 0.
    """

    epoch: int
    last_seq: int


class SyncStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How far the centre is behind."""

    last_seq: int
    pending_slices: int
    pending_rows: int
    oldest_pending_day: str | None
    last_acked_at: str | None
