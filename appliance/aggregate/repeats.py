"""Digests by which a value is known again when it comes after its row has gone: 8 bytes each.

A value is taken for a repeat by mistake once in 2**64 divided by the values that its series had in that hour.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

DIGEST_BYTES = 8
_MIX = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)  # the finalizer of SplitMix64, by Sebastiano Vigna


def digest_rows(times: Sequence[int], values: Sequence[Sequence[float]]) -> NDArray[np.uint64]:
    """Digests of rows of one series.

    times    (n,) microseconds
    values   one (n,) sequence for each measured column
    returns  (n,) uint64
    """
    found = _mixed(np.asarray(times, dtype=np.int64).view(np.uint64))
    for column in values:
        bits = (np.asarray(column, dtype=np.float64) + 0.0).view(np.uint64)  # -0.0 is stored as 0.0
        found = _mixed(found ^ bits)
    return found


def encode_digests(digests: NDArray[np.uint64]) -> bytes:
    """Digests as bytes, on every machine the same."""
    return digests.astype("<u8").tobytes()


def decode_digests(text: bytes) -> set[int]:
    """What `encode_digests` wrote; bytes of several may be joined."""
    return set(np.frombuffer(text, dtype="<u8").tolist())


def _mixed(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    bits = bits + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(_MIX[0])
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(_MIX[1])
    return bits ^ (bits >> np.uint64(31))
