"""Keeps the disk: watches its room, lets go what the ladder says, makes the ballast again; a thread of the jobs part.

It has a thread of its own, since a risk run takes the other one for seconds. Each round lets go little, in small
transactions, so that ingest waits for none of it; it goes on at the next round, until there is enough. The rules are
in `model/space`.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from appliance.clock import Clock
from appliance.errors import HexpostError
from appliance.model.space import LADDER, Step, disk_words, enough, rung_of, wants_ballast, wants_release
from appliance.store.disk_watch import DiskWatch
from appliance.store.file.disk import Ballast
from appliance.store.retention.letting_go import LetGo

log = logging.getLogger(__name__)

ROUND_S = 2.0
WORK_S = 1.0  # of a round, at most, for letting go


class DiskKeeper:
    """Works on a thread between `start` and `stop`.

    kinds  name in the ladder -> what lets go one batch of it; a kind that is not there is passed over
    """

    def __init__(
        self,
        watch: DiskWatch,
        ballast: Ballast,
        kinds: Mapping[str, LetGo],
        *,
        clock: Clock,
        clock_trusted: Callable[[], bool],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._watch = watch
        self._ballast = ballast
        self._kinds = kinds
        self._clock = clock
        self._clock_trusted = clock_trusted
        self._monotonic = monotonic
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="disk", daemon=True)
        self._gone: Counter[str] = Counter()
        self._error = ""
        self._state: dict[str, Any] = {}

    @property
    def state(self) -> Mapping[str, Any]:
        """How the disk is, for the pulse."""
        return self._state

    def start(self) -> None:
        """Begin; the first round is over when this returns, so that the ballast is there before much is written."""
        self._round_or_log()
        self._thread.start()

    def stop(self) -> None:
        """End after the batch at hand."""
        self._stop.set()
        self._thread.join(timeout=10.0)

    def round(self) -> Step:
        """Look, let go, see to the ballast; the step.

        raises  Unavailable  the store cannot be written now; the next round tries again
        """
        before = self._watch.step
        step = self._watch.look(again=True)
        if step is not before:
            self._announce(before, step)
        if wants_release(self._watch.space) and self._ballast.release():
            log.warning("there is no room for the next commit: the ballast is released")
        if step is not Step.NORMAL:
            self._let_go(step)
        if wants_ballast(self._watch.measure()):
            had_some = self._ballast.size()
            if self._ballast.make() and not had_some:
                log.info("the ballast is made: %d bytes", self._ballast.size())
        words = disk_words(step, self._watch.measure(), self._watch.trouble)
        self._state = {**words, "disk_let_go": dict(self._gone)}
        return step

    def _run(self) -> None:
        while not self._stop.wait(ROUND_S):
            self._round_or_log()

    def _round_or_log(self) -> None:
        try:
            self.round()
            self._error = ""
        except HexpostError as error:
            if str(error) != self._error:
                log.error("making room: %s", error)
            self._error = str(error)
        except Exception:
            log.exception("keeping the disk")

    def _let_go(self, step: Step) -> None:
        """The oldest of each kind in turn, the rules of the lower rungs first, for at most `WORK_S`."""
        if not self._clock_trusted():
            return  # without the time nothing has an age
        end = self._monotonic() + WORK_S
        now = self._clock()
        for rung in LADDER[:step]:
            for kind, hours in rung.keep_hours.items():
                let_go = self._kinds.get(kind)
                if let_go is None:
                    continue
                while not enough(self._watch.measure(), step):
                    if self._monotonic() > end or self._stop.is_set():
                        return
                    gone = let_go(now - timedelta(hours=hours))
                    self._gone[kind] += gone
                    if not gone:
                        break

    def _announce(self, before: Step, step: Step) -> None:
        room = self._watch.space.room
        if step < before:
            gone = ", ".join(f"{items:,} {kind}" for kind, items in self._gone.items() if items)
            log.warning("room on the disk is %s again, %d bytes; let go meanwhile: %s", step.name, room, gone or "none")
            if step is Step.NORMAL:
                self._gone.clear()
            return
        kept = ", ".join(f"{kind} {hours:g} h" for kind, hours in rung_of(step).keep_hours.items())
        log.warning(
            "room on the disk is %s, %d bytes: what is older goes (%s); free space on it", step.name, room, kept
        )
