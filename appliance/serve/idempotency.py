"""`Idempotency-Key`: the same POST again gets the first answer again, without being done again.

Kept in memory and bounded in number and bytes, since no request may cost a write to the card. After a restart a
repeated upload is done again, and its events are duplicates; a repeated run finds nothing to change.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from appliance.errors import Conflict, Rejected

KEYS = 1_000
MAX_BYTES = 32 * 1024 * 1024  # of the bodies whose answers are kept: an answer is about as large as its body
MAX_KEY = 255


class Idempotency:
    """Answers by caller, route and key. One a process."""

    def __init__(self) -> None:
        self._answers: OrderedDict[tuple[str, ...], tuple[bytes, int, Any]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def once(self, who: tuple[str, ...], key: str | None, body: bytes, perform: Callable[[], Any]) -> Any:
        """Perform, or give the answer of the first time.

        raises  Conflict  the key was used for another body
        """
        if key is None:
            return perform()
        if not key or len(key) > MAX_KEY:
            raise Rejected(f"has 1 to {MAX_KEY} characters", "Idempotency-Key")
        digest, at = hashlib.blake2b(body, digest_size=16).digest(), (*who, key)
        with self._lock:
            known = self._answers.get(at)
        if known is not None:
            if known[0] != digest:
                raise Conflict(f"Idempotency-Key {key!r} was used for another request; use a new one")
            return known[2]
        answer = perform()
        self._keep(at, digest, len(body), answer)
        return answer

    def _keep(self, at: tuple[str, ...], digest: bytes, size: int, answer: Any) -> None:
        with self._lock:
            replaced = self._answers.pop(at, None)
            self._bytes += size - (replaced[1] if replaced else 0)
            self._answers[at] = (digest, size, answer)
            while len(self._answers) > KEYS or (self._bytes > MAX_BYTES and len(self._answers) > 1):
                self._bytes -= self._answers.popitem(last=False)[1][1]
