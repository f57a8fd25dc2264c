"""DBSCAN: clusters of points where they lie dense, whatever their shape.

A point is core if at least `min_events` points, itself included, lie within the radius of it. Core points within the
radius of each other belong to one cluster. A point that is not core but within the radius of one is on the border, and
belongs to the cluster of the nearest core point (of several equally near, the westernmost, then southernmost); all
others are noise. So the answer depends on the set of points alone and not on their order, which the original leaves
open for border points.

Distances are great-circle ones, compared as chords of the unit sphere: neither the antimeridian nor a pole is special.
Points go into cubes whose diagonal is the radius: what shares a cube is near each other without measuring, so a cube
with `min_events` points holds core points only, a cluster is a set of cubes, and no more than the few hundred pairs of
a point with its surrounding cubes are ever measured, also where thousands of points share a place.
Called by `serve.hotspot.report`.
Source: Ester, Kriegel, Sander and Xu, KDD-96; on cubes of that size Gan and Tao, SIGMOD 2015.
"""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from appliance.spatial.geodesic import vectors
from appliance.spatial.view import EARTH_RADIUS_M

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LEAST_RADIUS_M = 20.0
NOISE = -1
CHUNK = 1_000_000
"""Pairs measured at a time; some 60 MB."""
FEW = 6
"""Places of a cube that are tried first where all are core: one near pair joins two cubes, and most have many."""
EVERY = 1 << 40
_REACH = 2  # cubes to either side in which a point can be near
_BITS = 21
_MIDDLE = 1 << (_BITS - 1)


class _Cubes(NamedTuple):
    """p different places sorted by cube, and the q cubes that hold any, by key."""

    places: Floats  # (p, 3) on the unit sphere
    weights: Ints  # (p,) events at each
    order: Ints  # (p,) where each stands from west to east
    cube_of: Ints  # (p,)
    key: Ints  # (q,) ascending
    start: Ints  # (q,) its first place
    size: Ints  # (q,) its places
    weight: Ints  # (q,) their events


class _Near(NamedTuple):
    """Pairs of places within the radius, the pair of cubes they come from, and the square of their chord."""

    i: Ints
    j: Ints
    pair: Ints
    square: Floats


def dbscan(lng: Floats, lat: Floats, *, radius_m: float, min_events: int) -> Ints:
    """Clusters of points.

    lng, lat    (n,) float64  degrees
    radius_m    at least `LEAST_RADIUS_M`, well below the Earth's radius
    min_events  1 or more
    returns     (n,) int64    the cluster of each point, `NOISE` for those of none; 0 is the cluster of most points, of
                              equal ones that which reaches farthest west
    raises      ValueError    radius or number out of range
    """
    if not LEAST_RADIUS_M <= radius_m <= EARTH_RADIUS_M / 4 or min_events < 1:
        raise ValueError(f"a radius of {radius_m} m and {min_events} events: out of range")
    if not len(lng):
        return np.zeros(0, np.int64)
    distinct, inverse, weights = np.unique(
        np.stack([lng, lat], axis=1), axis=0, return_inverse=True, return_counts=True
    )
    chord = 2.0 * np.sin(radius_m / EARTH_RADIUS_M / 2.0)
    cubes = _in_cubes(vectors(distinct[:, 0], distinct[:, 1]), weights.astype(np.int64), chord)
    pairs = _cube_pairs(cubes)
    core = _core(cubes, pairs, chord * chord, min_events)
    label = np.empty(len(distinct), np.int64)
    label[cubes.order] = _labels(cubes, pairs, core, chord)
    return _by_size(label, weights)[inverse.reshape(-1)]


def _in_cubes(places: Floats, weights: Ints, chord: float) -> _Cubes:
    at = np.floor(places / (chord / np.sqrt(3.0) * (1.0 - 1e-9))).astype(np.int64) + _MIDDLE
    key = _packed(at[:, 0], at[:, 1], at[:, 2])
    order = np.argsort(key, kind="stable")
    keys, start, cube_of, size = np.unique(key[order], return_index=True, return_inverse=True, return_counts=True)
    return _Cubes(
        places=places[order],
        weights=weights[order],
        order=order,
        cube_of=cube_of.reshape(-1),
        key=keys,
        start=start,
        size=size,
        weight=np.add.reduceat(weights[order], start),
    )


def _packed(x: Ints, y: Ints, z: Ints) -> Ints:
    return (x << 2 * _BITS) + (y << _BITS) + z


def _cube_pairs(cubes: _Cubes) -> tuple[Ints, Ints]:
    """Each two different cubes that may hold near places, once."""
    firsts, seconds = [], []
    span = range(-_REACH, _REACH + 1)
    for offset in itertools.product(span, span, span):
        if offset <= (0, 0, 0):
            continue
        x, y, z = offset
        wanted = cubes.key + ((x << 2 * _BITS) + (y << _BITS) + z)
        at = np.searchsorted(cubes.key, wanted).clip(max=len(cubes.key) - 1)
        found = np.flatnonzero(cubes.key[at] == wanted)
        firsts.append(found)
        seconds.append(at[found])
    return np.concatenate(firsts), np.concatenate(seconds)


def _core(cubes: _Cubes, pairs: tuple[Ints, Ints], square: float, min_events: int) -> Bools:
    """(p,) which places are core; only those of cubes with too few events of their own are counted for."""
    dense = cubes.weight >= min_events
    a, b = pairs
    asked = ~dense[a] | ~dense[b]
    around = cubes.weight[cubes.cube_of].astype(np.float64)
    for near in _measured(cubes, a[asked], b[asked], square):
        around += np.bincount(near.i, weights=cubes.weights[near.j], minlength=len(around))
        around += np.bincount(near.j, weights=cubes.weights[near.i], minlength=len(around))
    core: Bools = dense[cubes.cube_of] | (around >= min_events)
    return core


def _labels(cubes: _Cubes, pairs: tuple[Ints, Ints], core: Bools, chord: float) -> Ints:
    """(p,) a number for each cluster, the same for all its places."""
    cores = np.bincount(cubes.cube_of[core], minlength=len(cubes.key))
    whole = cores == cubes.size
    a, b = pairs
    plain = whole[a] & whole[b]
    mixed = ~plain & ((cores[a] > 0) | (cores[b] > 0))
    border = _Border(cubes, core)
    border.within_cubes()
    links = [_linked_by_few(cubes, a[plain], b[plain], chord), border.among(a[mixed], b[mixed], chord)]
    cluster = _joined(len(cubes.key), *np.concatenate(links, axis=1))
    apart = np.flatnonzero(plain & (cluster[a] != cluster[b]))
    for n in apart.tolist():
        low, high = sorted((int(cluster[a[n]]), int(cluster[b[n]])))
        if low != high and _touch(cubes, int(a[n]), int(b[n]), chord):
            cluster[cluster == high] = low
    label = np.where(core, cluster[cubes.cube_of], NOISE)
    reached = border.nearest >= 0
    label[reached] = cluster[cubes.cube_of[border.nearest[reached]]]
    return label


def _linked_by_few(cubes: _Cubes, a: Ints, b: Ints, chord: float) -> Ints:
    """(2, l) which pairs of cubes of core places a few of these join already; most of what lies dense."""
    linked = np.zeros(len(a), np.bool_)
    for near in _measured(cubes, a, b, chord * chord, most=FEW):
        linked[near.pair] = True
    return np.stack([a[linked], b[linked]])


class _Border:
    """The nearest core place of each place that is not core."""

    def __init__(self, cubes: _Cubes, core: Bools) -> None:
        self._cubes, self._core = cubes, core
        self.nearest = np.full(len(core), NOISE, np.int64)
        self._square = np.full(len(core), np.inf)

    def among(self, a: Ints, b: Ints, chord: float) -> Ints:
        """Look at pairs of cubes; (2, l) those that two core places join."""
        linked = np.zeros(len(a), np.bool_)
        for near in _measured(self._cubes, a, b, chord * chord):
            linked[near.pair[self._core[near.i] & self._core[near.j]]] = True
            self.look_at(near.i, near.j, near.square)
            self.look_at(near.j, near.i, near.square)
        return np.stack([a[linked], b[linked]])

    def within_cubes(self) -> None:
        """Look at what shares a cube, where some is core and some is not."""
        cores = np.bincount(self._cubes.cube_of[self._core], minlength=len(self._cubes.key))
        mixed = np.flatnonzero((cores > 0) & (cores < self._cubes.size))
        for near in _measured(self._cubes, mixed, mixed, np.inf):
            self.look_at(near.i, near.j, near.square)

    def look_at(self, i: Ints, j: Ints, square: Floats) -> None:
        """Take in pairs; of equally near ones the place farthest west stays."""
        use = ~self._core[i] & self._core[j]
        i, j, square = i[use], j[use], square[use]
        order = np.lexsort((self._cubes.order[j], square, i))
        i, j, square = i[order], j[order], square[order]
        first = np.flatnonzero(np.diff(i, prepend=-1))
        i, j, square = i[first], j[first], square[first]
        known = self.nearest[i]
        nearer = (square < self._square[i]) | (
            (square == self._square[i]) & (self._cubes.order[j] < self._cubes.order[known])
        )
        self.nearest[i[nearer]], self._square[i[nearer]] = j[nearer], square[nearer]


def _measured(cubes: _Cubes, a: Ints, b: Ints, square: float, *, most: int = EVERY) -> Iterator[_Near]:
    """The pairs of places of pairs of cubes that lie within a chord, some at a time; of `most` places of each cube."""
    size = np.minimum(cubes.size, most)
    pairs = size[a] * size[b]
    ends = np.cumsum(pairs)
    done = 0
    while done < len(a):
        before = int(ends[done - 1]) if done else 0
        upto = max(done + 1, int(np.searchsorted(ends, before + CHUNK, side="right")))
        of_pair = np.repeat(np.arange(done, upto), pairs[done:upto])
        n = np.arange(len(of_pair)) - (ends[of_pair] - pairs[of_pair] - before)
        ours, theirs = a[of_pair], b[of_pair]
        i = cubes.start[ours] + n // size[theirs] * cubes.size[ours] // size[ours]
        j = cubes.start[theirs] + n % size[theirs] * cubes.size[theirs] // size[theirs]
        apart = ((cubes.places[i] - cubes.places[j]) ** 2).sum(axis=1)
        near = apart <= square
        yield _Near(i[near], j[near], of_pair[near], apart[near])
        done = upto


def _touch(cubes: _Cubes, a: int, b: int, chord: float) -> bool:
    """Whether two cubes that hold nothing but core places have two within the chord."""
    ours, theirs = (cubes.places[cubes.start[n] : cubes.start[n] + cubes.size[n]] for n in (a, b))
    ours = _facing(ours, theirs, chord)
    theirs = _facing(theirs, ours, chord)
    rows = max(CHUNK // max(len(theirs), 1), 1)
    for at in range(0, len(ours), rows):
        apart = ((ours[at : at + rows, None] - theirs[None]) ** 2).sum(axis=2)
        if (apart <= chord * chord).any():
            return True
    return False


def _facing(places: Floats, others: Floats, chord: float) -> Floats:
    """Those within the chord of the box around others."""
    if not len(others):
        return places[:0]
    low, high = others.min(axis=0), others.max(axis=0)
    away = np.maximum(np.maximum(low - places, places - high), 0.0)
    found: Floats = places[(away**2).sum(axis=1) <= chord * chord * (1.0 + 1e-9)]
    return found


def _joined(count: int, a: Ints, b: Ints) -> Ints:
    """The lowest of all that hang together, for each of `count` things of which pairs are joined."""
    label = np.arange(count)
    while len(a):
        low = np.minimum(label[a], label[b])
        before = label.copy()
        np.minimum.at(label, before[a], low)
        np.minimum.at(label, before[b], low)
        while not np.array_equal(label[label], label):
            label = label[label]
        apart = label[a] != label[b]
        a, b = a[apart], b[apart]
    return label


def _by_size(label: Ints, weights: Ints) -> Ints:
    """Clusters numbered from the one of most events; places stand from west to east."""
    found, first, number = np.unique(label, return_index=True, return_inverse=True)
    events = np.bincount(number.reshape(-1), weights=weights)
    events[found == NOISE] = -1
    order = np.lexsort((first, -events))
    rank = np.empty(len(found), np.int64)
    rank[order] = np.arange(len(found))
    rank[found == NOISE] = NOISE
    renamed: Ints = rank[number.reshape(-1)]
    return renamed
