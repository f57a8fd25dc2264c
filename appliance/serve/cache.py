"""Answers worth keeping for a moment, bounded in bytes."""

import gzip
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

import msgspec

TOO_SMALL = 512  # bytes; below, compression costs more than it saves


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer's bytes; `encoding` is `gzip` or None."""

    data: bytes
    encoding: str | None


def pack(data: bytes, *, zipped: bool) -> Answer:
    """Compress for a client that reads it, where it pays; level 1, since a Pi compresses at its own pace."""
    if not zipped or len(data) < TOO_SMALL:
        return Answer(data=data, encoding=None)
    return Answer(data=gzip.compress(data, compresslevel=1, mtime=0), encoding="gzip")


class AnswerCache:
    """The most recently used answers, at most `max_bytes` of them."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._answers: OrderedDict[Hashable, Answer] = OrderedDict()
        self._lock = threading.Lock()
        self.bytes = 0
        self.hits = 0
        self.misses = 0

    def get(self, key: Hashable) -> Answer | None:
        """An answer that is kept."""
        with self._lock:
            found = self._answers.get(key)
            if found is None:
                self.misses += 1
            else:
                self.hits += 1
                self._answers.move_to_end(key)
            return found

    def make(self, key: Hashable, build: Callable[[], bytes], zipped: bool) -> Answer:
        """Build an answer and keep it. Two threads may build the same one; that costs time and is never wrong."""
        answer = pack(build(), zipped=zipped)
        with self._lock:
            known = self._answers.pop(key, None)
            self.bytes -= _cost(known) if known else 0
            self._answers[key] = answer
            self.bytes += _cost(answer)
            while self.bytes > self._max_bytes:
                self.bytes -= _cost(self._answers.popitem(last=False)[1])
        return answer


def _cost(answer: Answer) -> int:
    return len(answer.data) + 200
