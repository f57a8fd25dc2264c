"""DBSCAN: the same clusters as the definition gives point by point, anywhere on the globe and in any order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.hotspot import points
from appliance.hotspot.points import NOISE, Floats, Ints, dbscan
from appliance.spatial.geodesic import vectors
from appliance.spatial.view import EARTH_RADIUS_M
from tests.conftest import examples


def plain(lng: Floats, lat: Floats, radius_m: float, min_events: int) -> Ints:
    """The definition: every pair measured, clusters grown from each core point."""
    at = vectors(lng, lat)
    square = ((at[:, None] - at[None]) ** 2).sum(axis=2)
    near = square <= (2 * np.sin(radius_m / EARTH_RADIUS_M / 2)) ** 2
    core = near.sum(axis=1) >= min_events
    label = np.full(len(lng), NOISE)
    for seed in np.flatnonzero(core).tolist():
        if label[seed] != NOISE:
            continue
        label[seed], open_ = seed, [seed]
        while open_:
            for other in np.flatnonzero(near[open_.pop()] & core & (label == NOISE)).tolist():
                label[other] = seed
                open_.append(other)
    for n in np.flatnonzero(~core).tolist():
        reached = np.flatnonzero(near[n] & core).tolist()
        if reached:
            label[n] = label[min(reached, key=lambda j: (square[n, j], lng[j], lat[j]))]
    return label


def grouped(label: Ints) -> set[frozenset[int]]:
    """Clusters as sets of points, whatever they are called."""
    return {frozenset(np.flatnonzero(label == one).tolist()) for one in set(label.tolist()) - {NOISE}}


@st.composite
def places(draw: st.DrawFn) -> tuple[Floats, Floats]:
    """Up to 120 places around one, some on a coarse grid so that distances are equal and places are shared."""
    lng0, lat0 = draw(st.sampled_from([(0.0, 0.0), (180.0, -17.0), (-79.4, 43.7), (30.0, 89.99), (100.0, -90.0)]))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    count, wide = draw(st.integers(1, 120)), draw(st.sampled_from([0.0005, 0.003, 0.02]))
    east, north = random.normal(0, wide, count), random.normal(0, wide, count)
    if draw(st.booleans()):
        east, north = np.round(east, 3), np.round(north, 3)
    return (lng0 + east + 180) % 360 - 180, (lat0 + north).clip(-90, 90)


@settings(max_examples=examples(300))
@given(places(), st.sampled_from([30.0, 111.2, 400.0]), st.integers(1, 9), st.sampled_from([1, 3, 6]))
def test_the_clusters_are_those_of_the_definition(
    where: tuple[Floats, Floats], radius_m: float, min_events: int, few: int
) -> None:
    lng, lat = where
    few_before, chunk_before = points.FEW, points.CHUNK
    try:
        points.FEW, points.CHUNK = few, 70  # so that all ways to join cubes are gone, on small examples
        found = dbscan(lng, lat, radius_m=radius_m, min_events=min_events)
    finally:
        points.FEW, points.CHUNK = few_before, chunk_before
    assert grouped(found) == grouped(plain(lng, lat, radius_m, min_events))


@settings(max_examples=examples(50))
@given(places(), st.randoms(use_true_random=False))
def test_the_order_of_the_points_changes_nothing(where: tuple[Floats, Floats], random: object) -> None:
    lng, lat = where
    order = np.random.default_rng(len(lng)).permutation(len(lng))
    label = dbscan(lng, lat, radius_m=111.2, min_events=3)
    assert dbscan(lng[order], lat[order], radius_m=111.2, min_events=3).tolist() == label[order].tolist()


def test_a_border_point_goes_to_the_nearest_core_point_and_of_two_to_the_western() -> None:
    # Along the equator, 0.001 degrees being 111.2 m: two heaps of twelve, one event of each standing out 33 m towards
    # the other, 334 m apart; a point between sees those two alone, so that with five needed it is no core point.
    west, east = [-0.0018] * 12 + [-0.0015], [0.0018] * 12 + [0.0015]
    for between, joins in ((-0.0001, 0), (0.0001, 13), (0.0, 0)):
        lng = np.array([*west, *east, between])
        label = dbscan(lng, np.zeros(27), radius_m=180.0, min_events=5)
        assert set(label[:13].tolist()) != set(label[13:26].tolist())
        assert label[26] == label[joins]


def test_clusters_are_numbered_from_the_largest() -> None:
    lng = np.array([5.0] * 3 + [6.0] * 7 + [4.0] * 3 + [9.0])
    label = dbscan(lng, np.zeros(14), radius_m=100.0, min_events=3)
    assert label.tolist() == [2] * 3 + [0] * 7 + [1] * 3 + [NOISE]


def test_a_cluster_goes_over_the_antimeridian_and_around_a_pole() -> None:
    over = np.array([179.9995, -179.9995, 180.0, -180.0])
    assert dbscan(over, np.zeros(4), radius_m=100.0, min_events=3).tolist() == [0] * 4
    around = np.array([0.0, 90.0, 180.0, -90.0])
    assert dbscan(around, np.full(4, 89.9995), radius_m=100.0, min_events=3).tolist() == [0] * 4


def test_thousands_at_one_place_are_one_place() -> None:
    label = dbscan(np.full(20_000, 7.0), np.full(20_000, 3.0), radius_m=50.0, min_events=50)
    assert (label == 0).all()


def test_no_points_have_no_clusters_and_what_cannot_be_is_refused() -> None:
    none = np.zeros(0)
    assert len(dbscan(none, none, radius_m=100.0, min_events=3)) == 0
    for radius_m, min_events in ((1.0, 3), (1e9, 3), (100.0, 0)):
        with pytest.raises(ValueError, match="out of range"):
            dbscan(none, none, radius_m=radius_m, min_events=min_events)
