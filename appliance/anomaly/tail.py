"""How rare a number is among its own past: the upper tail of one stream, kept in a few numbers.

A threshold follows the 98 % quantile by stochastic approximation (Robbins and Monro, 1951). What exceeds it is taken
as generalised Pareto, whose scale and shape follow from the mean and the mean square of the excesses (the method of
moments: Hosking and Wallis, Technometrics 29, 1987), with the shape bounded. While few excesses are known the shape is
heavy, as the predictive distribution of an exponential is then. Nothing is assumed of the bulk of the numbers, which
in the field is seldom Gaussian. Kept by `anomaly.series`.
"""

from math import log10

import msgspec

TAIL = 0.02
"""The share of values above the threshold."""
MEMORY = 3_000
"""Values over which the threshold forgets."""
SHAPE_MIN, SHAPE_MAX = 0.05, 0.2
"""Bounds of the shape once the excesses are known: never as thin as an exponential, for the worst has not been seen."""
MEAN_RATE = 0.01
"""The least share of a new excess in the means."""
CAP = 15.0
"""One excess teaches as if it were at most so many means: one wild value must not blind the detector."""
START = 2.5
"""The threshold before anything is known, in mean absolute deviations: about the 98 % quantile of a Gaussian."""
SETTLED = 50.0
"""Values before which the threshold moves no faster."""

_TAIL_DECADES = -log10(TAIL)
_TINY = 1e-12


class Tail(msgspec.Struct, kw_only=True):
    """The upper tail of one stream; mutable, of constant size."""

    threshold: float = 0.0
    mean: float = 0.0
    square: float = 0.0
    excesses: int = 0
    values: int = 0

    def surprise(self, x: float) -> float:
        """Decades of improbability, -log10 P(X >= x), where x lies in the tail; 0 where it does not."""
        excess = x - self.threshold
        if excess <= 0.0 or not self.values:
            return 0.0
        mean = max(self.mean, _TINY)
        shape = 0.5 * (1.0 - mean * mean / max(self.square, _TINY * _TINY))
        shape = max(min(max(shape, SHAPE_MIN), SHAPE_MAX), 1.0 / (self.excesses + 2.0))
        return _TAIL_DECADES + log10(1.0 + shape * excess / (mean * (1.0 - shape))) / shape

    def learn(self, x: float, scale: float) -> None:
        """Take in one number; `scale` is the usual size of such numbers, in their unit, and starts the tail."""
        if not self.values:
            self.threshold, self.mean, self.square = START * scale, scale, 2.0 * scale * scale
        self.values += 1
        step = max(self.mean, 0.01 * scale) / min(self.values + SETTLED, MEMORY)
        if x <= self.threshold:
            self.threshold -= step
            return
        self.excesses += 1
        excess = min(x - self.threshold, max(CAP * self.mean, scale))
        rate = max(1.0 / (self.excesses + 2.0), MEAN_RATE)
        self.mean += rate * (excess - self.mean)
        self.square += rate * (excess * excess - self.square)
        self.threshold += step * (1.0 - TAIL) / TAIL
