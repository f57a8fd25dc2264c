"""One cell's verdict, or one cluster's, as an answer tells it: numbers and words. Called by `report`."""

from collections.abc import Sequence
from math import isnan
from typing import NamedTuple

import numpy as np

from appliance.hotspot.sub_periods import Span
from appliance.hotspot.verdict import KINDS, NOTHING, History, Verdict
from appliance.hotspot.words import Number, Reason, explain
from appliance.serve.hotspot.answer import HotspotCluster, HotspotItem, Kind
from appliance.spatial.cells import centre, to_hex
from appliance.spatial.geojson import areas
from appliance.spatial.hull import middle_of
from appliance.spatial.outline import cells_area_km2, outline
from appliance.store.risk.picture import Hotspot

FOUND: tuple[Kind, ...] = ("emerging", "fading", "persistent", "hot")
assert FOUND == KINDS


class Judged(NamedTuple):
    """What was read of the cells, what was found of them, and the sub-periods."""

    history: History
    verdict: Verdict
    spans: Sequence[Span]

    def row_of(self, cell: int) -> int | None:
        """Where a cell stands, None if nothing happened in it."""
        at = int(np.searchsorted(self.history.cells, cell))
        return at if at < len(self.history.cells) and self.history.cells[at] == cell else None

    def kind_of(self, cell: int) -> Kind:
        """Its kind; of one in which nothing is beyond chance that it is high by the composite profile."""
        row = self.row_of(cell)
        found = NOTHING if row is None else int(self.verdict.kind[row])
        return "high_risk" if found == NOTHING else FOUND[found]

    def days_of(self, row: int | None) -> float:
        """Days of the period that a cell was watched; those of the site where nothing happened in it."""
        return round(float(self.history.of_cell(row)[-1]), 2)


def describe(judged: Judged, cell: int, score: Hotspot | None, *, cluster: str) -> HotspotItem:
    """A cell as an item; `score` is its composite one, None where no run has it."""
    row, found = judged.row_of(cell), judged.verdict
    lng, lat = centre(cell)
    reason = _reason(judged, cell, score)
    blind = not judged.days_of(None) if row is None else bool(found.unknown[row])
    expected = None if row is None else _known(float(found.growth.expected[row]))
    events = 0 if row is None else int(found.events[row])
    return HotspotItem(
        h3_index=to_hex(cell),
        longitude=lng,
        latitude=lat,
        event_count=events,
        mean_risk_score=score.mean_risk_score if score else None,
        max_risk_score=score.max_risk_score if score else None,
        risk_level=score.risk_level if score else None,
        days_high=score.days_high if score else 0,
        days_flagged=score.days_flagged if score else 0,
        kind=judged.kind_of(cell),
        cluster=cluster,
        coverage="unknown" if blind else "observed",
        expected=expected,
        growth=events / expected if expected else None,
        p_value=None if row is None else float(found.growth.p_value[row]),
        q_value=None if row is None else float(found.growth.q_value[row]),
        gi_z=None if row is None else float(found.gi.z_score[row]),
        gi_p=None if row is None else float(found.gi.p_value[row]),
        hot_sub_periods=None if row is None else int(found.hot_sub_periods[row]),
        sub_periods=None if row is None else int(found.sub_periods[row]),
        neighbours_alike=0 if row is None else int(found.alike[row]),
        explanation=explain(reason),
        reason=reason,
    )


def cluster_of(judged: Judged, cells: Sequence[int], items: Sequence[HotspotItem]) -> HotspotCluster:
    """Adjacent cells of a kind together; `items` are theirs, in the same order."""
    kind = items[0].kind
    usual = [item.expected for item in items if item.expected is not None]
    expected = sum(usual) if len(usual) == len(items) else None
    surprise = [item.p_value if kind in {"emerging", "fading"} else item.gi_p for item in items]
    area = cells_area_km2(cells)
    events = sum(item.event_count for item in items)
    reason = Reason(
        code="cluster",
        numbers={
            "cells": len(cells),
            "events": events,
            "days": judged.days_of(None),
            "expected": expected,
            "area_km2": area,
        },
    )
    peak = max(items, key=lambda item: (item.expected or 0.0) if kind == "fading" else item.event_count)
    lng, lat = middle_of(*np.array([centre(cell) for cell in cells]).T)
    return HotspotCluster(
        id=items[0].cluster,
        kind=kind,
        h3_index=peak.h3_index,
        longitude=lng,
        latitude=lat,
        event_count=events,
        expected=expected,
        area_km2=area,
        p_value=min((p for p in surprise if p is not None), default=None),
        h3_cells=[item.h3_index for item in items],
        outline=areas(outline(cells)),
        explanation=f"{explain(reason)} Its peak: {peak.explanation}" if len(cells) > 1 else peak.explanation,
        reason=reason,
        peak=peak.reason,
    )


def _reason(judged: Judged, cell: int, score: Hotspot | None) -> Reason:
    """The numbers that the words of its kind need."""
    kind, row, found = judged.kind_of(cell), judged.row_of(cell), judged.verdict
    if kind == "high_risk" or row is None:
        blind = not judged.days_of(None) if row is None else bool(found.unknown[row])
        numbers: dict[str, Number] = {
            "events": 0 if row is None else int(found.events[row]),
            "days": judged.days_of(row),
            "days_high": score.days_high if score else 0,
            "max_risk_score": score.max_risk_score if score else None,
        }
        return Reason(code="unknown" if blind else "high_risk", numbers=numbers)
    numbers = {"events": int(found.events[row]), "days": judged.days_of(row)}
    numbers |= _of_growth(judged, row) if kind in {"emerging", "fading"} else _of_gathering(judged, row)
    together = kind in {"emerging", "fading"} and bool(found.growth.together[row])
    return Reason(code=f"{kind}_together" if together else kind, numbers=numbers)


def _of_growth(judged: Judged, row: int) -> dict[str, Number]:
    found = judged.verdict.growth
    p_value, looked_at = float(found.p_value[row]), int(found.looked_at[row])
    return {
        "expected": float(found.expected[row]),
        "reference_days": round(float(judged.history.of_cell(row)[:-1].sum()), 2),
        "p_value": p_value,
        "q_value": float(found.q_value[row]),
        "cells_looked_at": looked_at,
        "by_chance": p_value * looked_at,
        "neighbours": int(judged.verdict.alike[row]),
        "local_events": int(found.around_events[row]),
        "local_cells": int(found.around_cells[row]),
        "local_expected": float(found.around_expected[row]),
    }


def _of_gathering(judged: Judged, row: int) -> dict[str, Number]:
    found = judged.verdict
    mean = float(found.gi.expected[row])
    return {
        "local_events": int(found.gi.total[row]),
        "local_cells": int(found.gi.cells[row]),
        "local_expected": mean,
        "z_score": float(found.gi.z_score[row]),
        "p_value": float(found.gi.p_value[row]),
        "q_value": float(found.gi_q[row]),
        "hot_sub_periods": int(found.hot_sub_periods[row]),
        "sub_periods": int(found.sub_periods[row]),
        "sub_period_days": round((judged.spans[-1].first - judged.spans[0].first).days / (len(judged.spans) - 1), 1),
    }


def _known(value: float) -> float | None:
    return None if isnan(value) else value
