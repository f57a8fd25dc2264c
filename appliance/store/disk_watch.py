"""The disk as one process sees it: what step of the ladder it stands on, and whether it takes writes."""

import contextlib
import logging
from collections.abc import Callable
from typing import Any

from appliance.errors import HexpostError
from appliance.model.space import Ladder, Space, Step, disk_words
from appliance.store.engine import Store
from appliance.store.file.disk import Ballast, disk_trouble

log = logging.getLogger(__name__)

LOOK_S = 1.0


class DiskWatch:
    """The disk as one process sees it: the step of the ladder, and whether it takes writes.

    Looks at most once a second, and costs 30 microseconds then. After an error it tries a write at each look.
    """

    def __init__(self, store: Store, ballast: Ballast, monotonic: Callable[[], float]) -> None:
        self._store = store
        self._ballast = ballast
        self._monotonic = monotonic
        self._ladder = Ladder()
        self._reusable = 0
        self._looked_at = float("-inf")
        self.space = ballast.space()
        self.trouble = ""

    @property
    def step(self) -> Step:
        """The step of the last look."""
        return self._ladder.step

    def look(self, *, again: bool = False) -> Step:
        """Measure, if the last time is a second ago, or `again`; the step now."""
        at = self._monotonic()
        if not again and at - self._looked_at < LOOK_S:
            return self.step
        self._looked_at = at
        self.space = self.measure()
        step = self._ladder.look(self.space, at)
        before, self.trouble = self.trouble, self._try_disk(step)
        if self.trouble and self.trouble != before:
            log.error("%s", self.trouble)
        elif before and not self.trouble:
            log.warning("the disk takes writes again")
        return step

    @property
    def words(self) -> dict[str, Any]:
        """The last look for a pulse and an alert."""
        return disk_words(self.step, self.space, self.trouble)

    def measure(self) -> Space:
        """The disk now; where the store cannot be read, with what was free inside it the last time."""
        with contextlib.suppress(HexpostError):
            self._reusable = self._store.reusable_bytes()
        return self._ballast.space(self._reusable)

    def _try_disk(self, step: Step) -> str:
        """Why the disk takes no writes, by its mount and by what it answered; after an error it is asked again.

        Where there is no room at all that is what its errors mean.
        """
        trouble = disk_trouble(self._store.path.parent)
        if not trouble and self._store.trouble:
            self._store.probe()
        return trouble or (self._store.trouble if step is not Step.FULL else "")
