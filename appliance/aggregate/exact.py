"""Sums without rounding: a finite float is a whole number of some power of two, and so is any sum of them.

Sums are carried from tier to tier for years, merged in whatever order data come, and squared differences are taken of
them. Rounded sums would depend on that order, and a deviation computed from them would be noise as soon as the values
are large and close together. Whole numbers have neither fault, and take ten bytes where a float takes eight.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

_SCALE_BYTES = 2  # the square of the smallest float needs a scale of 2148


class Exact(NamedTuple):
    """The number `numerator / 2**scale`; in lowest terms, so that equal numbers are equal bytes."""

    numerator: int
    scale: int

    def __add__(self, other: object) -> "Exact":  # a tuple would be appended
        """The exact sum."""
        if not isinstance(other, Exact):
            return NotImplemented
        scale = max(self.scale, other.scale)
        return _lowest((self.numerator << scale - self.scale) + (other.numerator << scale - other.scale), scale)


ZERO = Exact(0, 0)


def sums(values: Iterable[float]) -> tuple[Exact, Exact]:
    """The sum of values and the sum of their squares.

    raises  ValueError, OverflowError  a value is not finite
    """
    ratios = [value.as_integer_ratio() for value in values]
    scale = max((below.bit_length() - 1 for _, below in ratios), default=0)
    whole = [above << scale + 1 - below.bit_length() for above, below in ratios]
    return _lowest(sum(whole), scale), _lowest(sum(number * number for number in whole), 2 * scale)


def divide(number: Exact, by: int) -> float:
    """The quotient, rounded once; infinite where it is beyond what a float holds."""
    try:
        return number.numerator / (by << number.scale)
    except OverflowError:
        return math.inf if number.numerator > 0 else -math.inf


def deviation(count: int, total: Exact, squares: Exact) -> float | None:
    """The standard deviation of a sample; None of less than two values.

    Rounded only at the end, so it is as good for values of a billion as for values around zero.
    """
    if count < 2:
        return None
    scale = max(2 * total.scale, squares.scale)
    spread = count * (squares.numerator << scale - squares.scale) - (total.numerator**2 << scale - 2 * total.scale)
    below = count * (count - 1) << scale
    # The root is taken of a whole number of some 128 bits, since the variance may be beyond what a float holds.
    shift = max(0, 129 + below.bit_length() - spread.bit_length()) & ~1
    try:
        return math.isqrt((spread << shift) // below) / (1 << shift // 2)
    except OverflowError:
        return math.inf


def encode_exact(number: Exact) -> bytes:
    """The number as bytes: its scale, then its numerator, both with the highest byte first."""
    size = (number.numerator.bit_length() + 8) // 8
    return number.scale.to_bytes(_SCALE_BYTES, "big") + number.numerator.to_bytes(size, "big", signed=True)


def decode_exact(text: bytes) -> Exact:
    """The number that `encode_exact` wrote."""
    return Exact(int.from_bytes(text[_SCALE_BYTES:], "big", signed=True), int.from_bytes(text[:_SCALE_BYTES], "big"))


def _lowest(numerator: int, scale: int) -> Exact:
    if numerator == 0:
        return ZERO
    spare = min((numerator & -numerator).bit_length() - 1, scale)
    return Exact(numerator >> spare, scale - spare)
