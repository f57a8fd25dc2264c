"""How fast one credential may upload: who is faster is told to wait, and nothing of it is lost.

A bucket of rows each, in memory. An upload is charged when it is stored, whole, so that a large one is never refused
half-way; until what it took beyond the bucket has been made up for, the next one gets 429.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable

from appliance.errors import TooFast

MAX_NAMES = 1_000  # credentials remembered; one forgotten has a full bucket again


class Pace:
    """One a process. `rate` in rows a second, 0: nobody waits; `burst` rows may come at once."""

    def __init__(self, *, rate: float, burst: int, monotonic: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._monotonic = monotonic
        self._tokens: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, name: str) -> None:
        """
        raises  TooFast  what was uploaded before is not made up for yet
        """
        with self._lock:
            tokens = self._filled(name)
        if tokens < 0:
            wait_s = -tokens / self._rate
            raise TooFast(
                f"uploading as {name!r}: faster than {self._rate:g} rows a second; wait {wait_s:.0f} s", wait_s
            )

    def charge(self, name: str, rows: int) -> None:
        """So many rows were stored."""
        if not self._rate:
            return
        with self._lock:
            self._tokens[name] = (self._filled(name) - rows, self._monotonic())
            self._tokens.move_to_end(name)
            while len(self._tokens) > MAX_NAMES:
                self._tokens.popitem(last=False)

    def _filled(self, name: str) -> float:
        tokens, at = self._tokens.get(name, (self._burst, self._monotonic()))
        return min(self._burst, tokens + (self._monotonic() - at) * self._rate)
