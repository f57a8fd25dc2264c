"""Neighbours within a set, what hangs together, sub-periods, and what is said in words."""

import itertools
from collections import Counter
from datetime import date, timedelta

import h3.api.basic_int as h3
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.hotspot.neighbourhood import ABSENT, disks, sizes, sums
from appliance.hotspot.patches import find_patches
from appliance.hotspot.sub_periods import Span, cut, default_reference_days, lay_out, watched_days
from appliance.hotspot.words import SENTENCES, Reason, explain
from tests.conftest import examples
from tests.hotspot.grids import CENTRE, around

DAY = date(2026, 11, 15)


def test_a_disk_holds_what_is_in_the_set_and_a_pentagon_has_five_neighbours() -> None:
    cells = around(1)
    near = disks(cells)
    assert near[:, 0].tolist() == list(range(7))
    assert sorted(sizes(near).tolist()) == [4] * 6 + [7]
    assert sums(np.arange(7), near)[int(np.searchsorted(cells, CENTRE))] == 21
    pentagon = next(iter(h3.get_pentagons(8)))
    ring = np.array(sorted(h3.grid_disk(pentagon, 1)))
    assert sizes(disks(ring))[int(np.searchsorted(ring, pentagon))] == 6
    assert disks(cells[:1]).tolist() == [[0, *[ABSENT] * 6]]


@settings(max_examples=examples(60))
@given(st.lists(st.integers(-1, 2), min_size=61, max_size=61))
def test_patches_are_what_can_be_walked_from_cell_to_cell_of_a_kind(kinds: list[int]) -> None:
    cells = around(4)
    kind_of = dict(zip(cells.tolist(), kinds, strict=True))
    patches = find_patches(cells, np.array(kinds))
    held = [cells[patch.members].tolist() for patch in patches]
    assert sorted(cell for patch in held for cell in patch) == sorted(c for c, k in kind_of.items() if k >= 0)
    for patch, members in zip(patches, held, strict=True):
        assert {kind_of[cell] for cell in members} == {patch.kind}
        walked, open_ = {members[0]}, [members[0]]
        while open_:
            for other in h3.grid_disk(open_.pop(), 1):
                if kind_of.get(other) == patch.kind and other not in walked:
                    walked.add(other)
                    open_.append(other)
        assert walked == set(members)


def test_a_week_is_held_against_the_eight_before_it() -> None:
    period = Span(first=DAY, last=DAY + timedelta(days=6))
    spans = cut(period, default_reference_days(7))
    assert [len(span.days) for span in spans] == [7] * 9 and spans[-1] == period
    assert spans[0].first == DAY - timedelta(days=56)
    assert all(a.last + timedelta(days=1) == b.first for a, b in itertools.pairwise(spans))


@pytest.mark.parametrize(("days", "reference", "parts"), [(1, 56, 8), (30, 240, 8), (90, 400, 4), (400, 400, 4)])
def test_longer_periods_have_longer_references_until_they_are_a_year(days: int, reference: int, parts: int) -> None:
    assert default_reference_days(days) == reference
    spans = cut(Span(first=DAY, last=DAY + timedelta(days=days - 1)), reference)
    assert len(spans) == parts + 1
    lengths = {len(span.days) for span in spans[:-1]}
    assert max(lengths) - min(lengths) <= 1 and sum(len(span.days) for span in spans[:-1]) == reference


def test_today_counts_for_the_part_that_is_over_and_silent_days_for_nothing() -> None:
    span = Span(first=DAY, last=DAY + timedelta(days=6))
    heard = {DAY, DAY + timedelta(days=1), DAY + timedelta(days=3)}
    assert watched_days(span, heard, DAY + timedelta(days=3), 0.25) == (2.25, 3.25)
    assert watched_days(span, heard, DAY + timedelta(days=30), 0.25) == (3.0, 7.0)
    assert watched_days(span, heard, DAY - timedelta(days=1), 0.25) == (0.0, 0.0)


def test_counts_are_laid_out_by_cell_and_sub_period() -> None:
    spans = [Span(first=DAY - timedelta(days=7), last=DAY - timedelta(days=1)), Span(first=DAY, last=DAY)]
    days = [DAY - timedelta(days=n) for n in range(8)]
    history = lay_out([Counter({9: 4, 3: 1}), Counter({9: 2})], spans, heard=days, today=DAY, share_of_today=0.5)
    assert history.cells.tolist() == [3, 9]
    assert history.counts.tolist() == [[1, 0], [4, 2]]
    assert history.exposure.tolist() == [[7.0, 0.5]] and history.lengths.tolist() == [7.0, 0.5]


def test_a_cell_that_devices_look_at_has_days_of_its_own() -> None:
    spans = [Span(first=DAY - timedelta(days=7), last=DAY - timedelta(days=1)), Span(first=DAY, last=DAY)]
    heard = [DAY - timedelta(days=n) for n in range(1, 7)]  # not today, and not seven days ago
    own = {9: {DAY: True, DAY - timedelta(days=1): False, DAY - timedelta(days=2): False}, 5: {DAY: True}}
    counts = [Counter({9: 4, 3: 1}), Counter({9: 2})]
    history = lay_out(counts, spans, heard=heard, today=DAY, share_of_today=0.5, own=own)
    assert history.exposure.tolist() == [[6.0, 0.0], [4.0, 0.5]]
    assert history.of_site.tolist() == [6.0, 0.0]
    assert history.of_cell(1).tolist() == [4.0, 0.5] and history.of_cell(None).tolist() == [6.0, 0.0]


NUMBERS = {
    "events": 12, "days": 7.0, "expected": 3.1, "reference_days": 56.0, "p_value": 0.0004, "q_value": 0.02,
    "cells_looked_at": 5_210, "by_chance": 2.084, "neighbours": 2, "local_events": 61, "local_cells": 7,
    "local_expected": 6.5, "z_score": 12.4, "hot_sub_periods": 8, "sub_periods": 9, "sub_period_days": 7.0,
    "days_high": 1, "max_risk_score": 83.4, "cells": 3, "area_km2": 2.21, "radius_m": 300.0, "min_events": 5,
}  # fmt: skip
SAID = {
    "emerging": "12 events in 7 days where 3.1 are usual here; growth beyond chance (p 0.0004; of 5,210 cells looked "
    "at, chance alone would show 2.1 like this). 2 neighbouring cells rise with it.",
    "fading": "12 events in 7 days where 3.1 are usual here; this was a hotspot, and has fallen beyond chance (p "
    "0.0004; of 5,210 cells looked at, chance alone would show 2.1 like this). 2 neighbouring cells fall with it.",
    "emerging_together": "With 6 cells around it 61 events in 7 days where 6.5 are usual; growth beyond chance (p "
    "0.0004; of 5,210 cells looked at, chance alone would show 2.1 like this). 12 of them here, where 3.1 are usual.",
    "fading_together": "With 6 cells around it 61 events in 7 days where 6.5 are usual; this was a hotspot, and has "
    "fallen beyond chance (p 0.0004; of 5,210 cells looked at, chance alone would show 2.1 like this). 12 of them "
    "here, where 3.1 are usual.",
    "persistent": "A hotspot in 8 of 9 periods of 7 days. Here and in 6 neighbouring cells 61 events in 7 days where "
    "6.5 would lie if all cells were alike (Gi* z 12.4, p 0.0004); 12 of them here.",
    "hot": "Here and in 6 neighbouring cells 61 events in 7 days where 6.5 would lie if all cells were alike (Gi* z "
    "12.4, p 0.0004); 12 of them here. A hotspot in 8 of 9 periods: neither growing beyond chance nor lasting.",
    "high_risk": "12 events in 7 days; the composite score was above medium on 1 day and reached 83.4. Neither growth "
    "nor gathering beyond chance is found.",
    "unknown": "The composite score was above medium on 1 day and reached 83.4. Too little of the period was watched "
    "to say more.",
    "dense": "12 events in 7 days on 2.2 km², joined by places with at least 5 events within 300 m.",
    "cluster": "3 adjacent cells (2.2 km²): 12 events in 7 days where 3.1 are usual.",
}


@pytest.mark.parametrize("code", SENTENCES)
def test_each_reason_is_said_in_words(code: str) -> None:
    assert explain(Reason(code=code, numbers=NUMBERS)) == SAID[code]


def test_words_agree_with_their_numbers() -> None:
    one = {**NUMBERS, "events": 1, "days": 1.0, "expected": 1.0, "neighbours": 1, "local_cells": 1, "p_value": 1e-30}
    assert explain(Reason(code="emerging", numbers=one)).startswith("1 event in 1 day where 1 is usual here")
    assert "1 neighbouring cell rises with it" in explain(Reason(code="emerging", numbers=one))
    assert "p under 1e-12" in explain(Reason(code="emerging", numbers=one))
    assert "Here 61 events in 1 day" in explain(Reason(code="hot", numbers=one))
    alone = explain(Reason(code="emerging", numbers={**NUMBERS, "neighbours": 0}))
    assert alone.endswith("like this).")
