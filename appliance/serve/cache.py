"""Answers worth keeping for a moment, bounded in bytes."""

import gzip
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

import msgspec

TOO_SMALL = 512  # bytes; below, compression costs more than it saves


class Packed(msgspec.Struct, frozen=True, kw_only=True):
    """An answer as it is and compressed; `zipped` is None where compression does not pay."""

    plain: bytes
    zipped: bytes | None

    @property
    def size(self) -> int:
        """Bytes of memory, about."""
        return len(self.plain) + len(self.zipped or b"") + 200


def pack(data: bytes) -> Packed:
    """Compress once for the many who will ask; level 1, since a Pi compresses at its slowest core's pace."""
    if len(data) < TOO_SMALL:
        return Packed(plain=data, zipped=None)
    return Packed(plain=data, zipped=gzip.compress(data, compresslevel=1, mtime=0))


class AnswerCache:
    """The most recently used answers, at most `max_bytes` of them."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._answers: OrderedDict[Hashable, Packed] = OrderedDict()
        self._lock = threading.Lock()
        self.bytes = 0
        self.hits = 0
        self.misses = 0

    def get(self, key: Hashable) -> Packed | None:
        """An answer that is kept."""
        with self._lock:
            found = self._answers.get(key)
            if found is None:
                self.misses += 1
            else:
                self.hits += 1
                self._answers.move_to_end(key)
            return found

    def make(self, key: Hashable, build: Callable[[], bytes]) -> Packed:
        """Build an answer and keep it. Two threads may build the same one; that costs time and is never wrong."""
        packed = pack(build())
        with self._lock:
            known = self._answers.pop(key, None)
            self.bytes -= known.size if known else 0
            self._answers[key] = packed
            self.bytes += packed.size
            while self.bytes > self._max_bytes:
                self.bytes -= self._answers.popitem(last=False)[1].size
        return packed
