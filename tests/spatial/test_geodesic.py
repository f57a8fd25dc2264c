"""Distances on the ellipsoid: as SpatiaLite has them, and to a line as a fine search along it finds them."""

import itertools

import apsw
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.spatial.geodesic import distances_m, distances_to_line_m, vectors
from appliance.spatial.view import destination
from tests.conftest import examples

lngs = st.floats(-180, 180) | st.sampled_from([-180.0, 180.0, 179.9999, -179.9999])
lats = st.floats(-90, 90) | st.sampled_from([-90.0, 90.0, 89.9999, 0.0])


@pytest.fixture
def judge(spatialite: apsw.Connection) -> apsw.Connection:
    spatialite.execute("SELECT InitSpatialMetaData(1, 'WGS84')")
    return spatialite


def one(lng1: float, lat1: float, lng2: float, lat2: float) -> float:
    return float(distances_m(*(np.array([value]) for value in (lng1, lat1, lng2, lat2)))[0])


@pytest.mark.parametrize(
    ("places", "metres"),
    [
        ((0.0, 0.0, 1.0, 0.0), 111_319.491),  # a degree of the equator: 2 pi 6,378,137 m / 360
        ((0.0, 0.0, 0.0, 1.0), 110_574.389),  # a degree of a meridian is shorter there
        ((7.0, 90.0, -100.0, 90.0), 0.0),  # a pole has every longitude
        ((180.0, 12.0, -180.0, 12.0), 0.0),
        ((47.97, 29.37, 47.97, 29.37), 0.0),
    ],
)
def test_distances_that_are_known(places: tuple[float, float, float, float], metres: float) -> None:
    assert one(*places) == pytest.approx(metres, abs=1e-3)


def test_distances_are_those_of_spatialite_to_a_tenth_of_a_millimetre(judge: apsw.Connection) -> None:
    rng = np.random.default_rng(1)
    lat1, lng1 = rng.uniform(-90, 90, 2_000), rng.uniform(-180, 180, 2_000)
    away, around = 10 ** rng.uniform(0, 6, 2_000), rng.uniform(0, 360, 2_000)
    ends = [destination(*values) for values in zip(lng1, lat1, around, away, strict=True)]
    lng2, lat2 = np.array(ends).T
    ours = distances_m(lng1, lat1, lng2, lat2)
    statement = "SELECT ST_Distance(MakePoint(?, ?, 4326), MakePoint(?, ?, 4326), 1)"
    theirs = [judge.execute(statement, row).fetchone()[0] for row in np.stack([lng1, lat1, lng2, lat2], 1).tolist()]
    assert np.abs(ours - np.array(theirs)).max() < 1e-4


@settings(max_examples=examples(200))
@given(lngs, lats, st.lists(st.tuples(st.floats(0, 360), st.floats(0, 50_000)), min_size=1, max_size=4),
       st.floats(0, 360), st.floats(0, 10_000))  # fmt: skip
def test_the_way_to_a_line_is_the_shortest_to_any_place_of_it(
    lng: float, lat: float, steps: list[tuple[float, float]], bearing: float, away_m: float
) -> None:
    line = [(lng, lat)]
    for heading, length in steps:
        line.append(destination(*line[-1], heading, length))
    place = destination(*line[len(line) // 2], bearing, away_m)
    found = float(distances_to_line_m(line, np.array([place[0]]), np.array([place[1]]))[0])
    brute = min(_searched(place, a, b) for a, b in itertools.pairwise(line))
    assert found == pytest.approx(brute, rel=2.5e-5, abs=0.001)


def test_a_line_of_one_place_or_with_a_place_twice_is_as_far_as_its_places() -> None:
    at = (np.array([47.98]), np.array([29.37]))
    expected = one(47.97, 29.37, 47.98, 29.37)
    assert distances_to_line_m([(47.97, 29.37)], *at) == pytest.approx(expected)
    assert distances_to_line_m([(47.97, 29.37), (47.97, 29.37)], *at) == pytest.approx(expected)


def _searched(place: tuple[float, float], a: tuple[float, float], b: tuple[float, float]) -> float:
    """The least of many distances along an arc, then of many around the best of them."""
    start, end = vectors(*np.array([a, b]).T)
    low, high, best = 0.0, 1.0, np.inf
    for _ in range(4):
        share = np.linspace(low, high, 201)[:, None]
        along = start * (1 - share) + end * share
        lng = np.degrees(np.arctan2(along[:, 1], along[:, 0]))
        lat = np.degrees(np.arctan2(along[:, 2], np.hypot(along[:, 0], along[:, 1])))
        away = distances_m(lng, lat, np.array(place[0]), np.array(place[1]))
        at = int(away.argmin())
        best = min(best, float(away[at]))
        step = (high - low) / 200
        low, high = max(0.0, low + (at - 1) * step), min(1.0, low + (at + 1) * step)
    return best
