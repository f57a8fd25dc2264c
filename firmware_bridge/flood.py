"""A device that floods: its messages beyond a rate are thinned and counted, so that it takes nobody else's room. Pure.

Each source has a bucket of tokens, one an item, that fills at the rate. With none left, of its messages one in a
hundred is still taken, as a sample, and the items of the others are counted. An episode ends when its source has kept
to the rate for a minute.

A backlog is no flood. What is older than a minute by its sender's own time costs a tenth. And after a connection is
made nothing is shed until the bridge has once caught up with what the broker kept for it, for at most ten minutes.

A message that is shed is never named on an `ack` topic: only what is stored is. Called by `bridge`.
"""

from collections import OrderedDict
from typing import Any

import msgspec

SAMPLE = 100  # of so many messages beyond the rate one is taken
LATE_COST = 0.1  # of an item that is old
QUIET_S = 60.0  # without a message beyond the rate an episode is over
CATCH_UP_S = 600.0  # at most, after a connection is made
MAX_SOURCES = 10_000  # remembered, some 2 MB; one forgotten has a full bucket again
MAX_NEWS = 100  # episodes that began or ended and wait to be told
TOP = 5  # sources named in the bridge's state
NAME = 80  # characters of a name


class Flood(msgspec.Struct, frozen=True, kw_only=True):
    """An episode that began, or one that is over with what it cost; times on the guard's clock, in seconds."""

    source: str
    began_at: float
    ended_at: float | None = None
    messages: int = 0
    items: int = 0


class _Bucket(msgspec.Struct, kw_only=True):
    tokens: float
    at: float
    began_at: float | None = None
    over_at: float = 0.0
    messages: int = 0
    items: int = 0


class FloodGuard:
    """One a bridge. `rate` in items a second, 0: nothing is ever shed; `burst` items may come at once."""

    def __init__(self, *, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._floods: dict[str, _Bucket] = {}
        self._news: list[Flood] = []
        self._connected = False
        self._catching_up_until = float("-inf")
        self.shed = 0

    def look(self, *, connected: bool, waiting: int, at: float) -> None:
        """The state of the connection, and how many messages wait; `at` in seconds on any steady clock."""
        if connected and not self._connected:
            self._catching_up_until = at + CATCH_UP_S
        elif connected and not waiting:
            self._catching_up_until = float("-inf")
        self._connected = connected
        for source, bucket in list(self._floods.items()):
            if at - bucket.over_at >= QUIET_S:
                self._end(source, bucket, at)

    def admits(self, source: str, items: int, *, late: bool, at: float) -> bool:
        """Whether a message of so many items may be stored; what may not is counted."""
        bucket = self._buckets.get(source)
        if bucket is None:
            bucket = self._new_bucket(source, at)
        elif at > bucket.at:
            bucket.tokens = min(self._burst, bucket.tokens + (at - bucket.at) * self._rate)
            bucket.at = at
            self._buckets.move_to_end(source)
        cost = items * LATE_COST if late else items
        if bucket.tokens >= cost or not self._rate or at < self._catching_up_until:
            bucket.tokens = max(0.0, bucket.tokens - cost)
            return True
        if items > self._burst and bucket.tokens >= self._burst:
            bucket.tokens = 0.0  # one message larger than any bucket
            return True
        return self._sample(source, bucket, items, at)

    def news(self) -> list[Flood]:
        """The episodes that began or ended since the last call."""
        told, self._news = self._news, []
        return told

    @property
    def state(self) -> dict[str, Any]:
        """For the bridge's pulse: the items shed since it started, and who floods now, the worst first."""
        worst = sorted(self._floods.items(), key=lambda one: -one[1].items)[:TOP]
        return {"flood_shed": self.shed, "floods": {source[:NAME]: bucket.items for source, bucket in worst}}

    def _sample(self, source: str, bucket: _Bucket, items: int, at: float) -> bool:
        bucket.over_at = at
        if bucket.began_at is None:
            bucket.began_at = at
            self._floods[source] = bucket
            self._tell(Flood(source=source, began_at=at))
        bucket.messages += 1
        if bucket.messages % SAMPLE == 1:
            return True
        bucket.items += items
        self.shed += items
        return False

    def _new_bucket(self, source: str, at: float) -> _Bucket:
        bucket = self._buckets[source] = _Bucket(tokens=self._burst, at=at)
        if len(self._buckets) > MAX_SOURCES:
            forgotten, old = self._buckets.popitem(last=False)
            if old.began_at is not None:
                self._end(forgotten, old, at)
        return bucket

    def _end(self, source: str, bucket: _Bucket, at: float) -> None:
        assert bucket.began_at is not None
        ended = Flood(
            source=source, began_at=bucket.began_at, ended_at=at, messages=bucket.messages, items=bucket.items
        )
        self._floods.pop(source, None)
        bucket.began_at, bucket.messages, bucket.items = None, 0, 0
        self._tell(ended)

    def _tell(self, flood: Flood) -> None:
        self._news.append(flood)
        del self._news[:-MAX_NEWS]
