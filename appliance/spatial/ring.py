"""Rings in whole tile units: made valid, and written as the geometry commands of a vector tile.

Points are (x, y) with y southward, rings open, exterior rings of positive area (clockwise on the screen). Called by
`frames` and `mvt`. Source: Mapbox Vector Tile specification 2.1, section 4.3.
"""

import itertools
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Digits = NDArray[np.int16]
"""Bytes in a table, a column for each of n things, written from top to bottom; -1 where there is none."""
Points = list[tuple[int, int]]
N = TypeVar("N", int, Ints)

SMALL = 8
"""Units below which rounding can fold an outline: one pixel where a tile is 512 wide."""
MOVE_TO, CLOSE_PATH = b"\x09", b"\x0f"  # each for one point
SHORT_VARINTS = [bytes([n]) if n < 0x80 else bytes([n & 0x7F | 0x80, n >> 7]) for n in range(1 << 14)]
"""The numbers that take one byte or two; nearly all that a tile holds."""


def tidy(ring: Sequence[tuple[float, float]]) -> Points:
    """A ring rounded to units and made valid; empty where no area remains.

    Repeated points go, and what is less than SMALL units wide or high becomes its convex hull.
    """
    points = [(round(x), round(y)) for x, y in ring]
    points = [point for point, before in zip(points, points[-1:] + points[:-1], strict=True) if point != before]
    if not points:
        return []
    west, north, east, south = box_of(points)
    if min(east - west, south - north) < SMALL:
        points = _hull(points)
    return points if len(points) > 2 else []


def box_of(points: Sequence[tuple[int, int]]) -> tuple[int, int, int, int]:
    """(west, north, east, south) of at least one point."""
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def commands(rings: Sequence[Sequence[tuple[int, int]]]) -> bytes:
    """Every geometry command of some rings after the very first point: lines to the others, and back."""
    parts: list[bytes] = []
    for number, ring in enumerate(rings):
        if number:
            parts += (MOVE_TO, _step(rings[number - 1][-1], ring[0]))
        parts.append(varint(line_to(len(ring) - 1)))
        parts += itertools.starmap(_step, itertools.pairwise(ring))
        parts.append(CLOSE_PATH)
    return b"".join(parts)


def line_to(count: int) -> int:
    """The command that draws lines to so many points."""
    return count << 3 | 2


def zigzag(number: N) -> N:
    """Small numbers of either sign as small ones: 0, -1, 1, -2 become 0, 1, 2, 3; one of 64 bits, or an array."""
    return (number << 1) ^ (number >> 63)


def varint(number: int) -> bytes:
    """A number from 0 in base 128, the lowest digit first, as protobuf writes it."""
    if number < len(SHORT_VARINTS):
        return SHORT_VARINTS[number]
    return bytes([number & 0x7F | 0x80]) + varint(number >> 7)


def varints(numbers: Ints) -> Digits:
    """Each of n numbers from 0 as `varint` writes it; (digits of the longest, n)."""
    width = max(-(-int(numbers.max(initial=0)).bit_length() // 7), 1)
    rest = numbers >> np.arange(0, 7 * width, 7)[:, None]
    digits = (rest & 0x7F).astype(np.int16)
    digits[:-1] += (rest[1:] > 0) * np.int16(0x80)
    digits[1:][rest[1:] == 0] = -1
    return digits


def columns_joined(table: Digits) -> list[bytes]:
    """The bytes of each column of a table, from top to bottom."""
    upright = np.ascontiguousarray(table.T)
    used = upright >= 0
    data = upright[used].astype(np.uint8).tobytes()
    ends = np.cumsum(np.count_nonzero(table >= 0, axis=0)).tolist()
    return [data[start:end] for start, end in itertools.pairwise([0, *ends])]


def _step(a: tuple[int, int], b: tuple[int, int]) -> bytes:
    return varint(zigzag(b[0] - a[0])) + varint(zigzag(b[1] - a[1]))


def _hull(points: Points) -> Points:
    """The convex hull, its area positive; fewer than three points where it has none.

    Source: Andrew's monotone chain.
    """
    ordered = sorted(set(points))
    return _half_hull(ordered)[:-1] + _half_hull(ordered[::-1])[:-1]


def _half_hull(ordered: Points) -> Points:
    half: Points = []
    for x, y in ordered:
        while len(half) > 1:
            (x0, y0), (x1, y1) = half[-2:]
            if (x1 - x0) * (y - y0) > (y1 - y0) * (x - x0):
                break
            half.pop()
        half.append((x, y))
    return half
