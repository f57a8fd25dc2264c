"""Randomness as an argument: what the simulation needs of `random.Random`, and draws made of it.

Every device has a chance of its own, so that one more command or fault does not change what the others do.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Chance(Protocol):
    """What `random.Random` offers, as far as it is used here."""

    def random(self) -> float:
        """From 0 inclusive to 1 exclusive."""

    def expovariate(self, lambd: float, /) -> float:
        """An exponentially distributed wait with `lambd` arrivals a unit on average."""

    def gauss(self, mu: float, sigma: float, /) -> float:
        """Normally distributed."""

    def choice(self, seq: Sequence[T], /) -> T:
        """One of them."""


MakeChance = Callable[[str], Chance]
"""Makes the chance of one thing; the same name gives the same draws, from the first on."""


def between(chance: Chance, low: float, high: float) -> float:
    """Uniform from `low` to `high`."""
    return low + (high - low) * chance.random()


def whole_between(chance: Chance, low: int, high: int) -> int:
    """A whole number from `low` to `high`, both inclusive."""
    return low + int((high - low + 1) * chance.random())


def hits(chance: Chance, share: float) -> bool:
    """True in `share` (0..1) of all cases; draws also where the answer is certain, so that shares can be compared."""
    return chance.random() < share


def hex_digits(chance: Chance, digits: int) -> str:
    """So many hexadecimal digits in small letters."""
    return "".join(chance.choice("0123456789abcdef") for _ in range(digits))


def sample(chance: Chance, items: Sequence[T], count: int) -> list[T]:
    """`count` different ones of these, or all where there are fewer, in their order."""
    drawn = sorted(range(len(items)), key=lambda _: chance.random())[:count]
    return [items[place] for place in sorted(drawn)]
