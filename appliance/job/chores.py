"""Chores: what happens at a time of the site's clock. Hours at :05, days at 00:05, the clean-up at 02:00.

Whether one is due is asked of the ledger in the store again and again, not of a timer: so what was missed while the
box was off is done when it is on again, once, and a clock that jumps either way neither stops chores nor floods them.
With a clock that cannot be believed none is done, for they all go by time. Each may be killed anywhere and is then
done again.
"""

import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from appliance.aggregate.bins import SiteBins
from appliance.clock import Clock, from_us, to_us
from appliance.errors import HexpostError
from appliance.job.cleaning import Rest, clean
from appliance.job.due import Rule, is_due
from appliance.model.settings import Retention
from appliance.model.tier import LADDERS, Ladder
from appliance.store.anew.recut import ensure_zone
from appliance.store.chores import fetch_chores, record_done, record_failed, record_waiting
from appliance.store.engine import Store
from appliance.store.measured.late import MERGE_ROWS, merge_late
from appliance.store.measured.tiers import roll_up_days, roll_up_hours

log = logging.getLogger(__name__)

UNTRUSTED = "the clock cannot be believed"
RETRY = timedelta(minutes=5)  # after a failure
RULES = {
    "roll up hours": Rule(minute=5),
    "roll up days": Rule(hour=0, minute=5),
    "clean up": Rule(hour=2, minute=0),
}
"""In the order in which those that are due together are done."""

Done = tuple[int, str]
"""How many bins were written or rows deleted; what was left, and why."""
Further = Mapping[str, tuple[Rule, Callable[[datetime], Done]]]
"""Chores of others: when each is due, and what does it, as of an instant."""


class Chores:
    """Does what is due. One a process, on one thread."""

    def __init__(
        self,
        store: Store,
        *,
        retention: Retention,
        zone: ZoneInfo,
        centre: bool,
        clock: Clock,
        clock_trusted: Callable[[], bool],
        further: Further = MappingProxyType({}),
    ) -> None:
        """centre  there is one, and what it must have stays until it has acknowledged it

        further  done after those of `RULES` that are due with them
        """
        self._further = further
        self._store = store
        self._retention = retention
        self._bins = SiteBins(zone)
        self._centre = centre
        self._clock = clock
        self._trusted = clock_trusted
        self._failed_at: dict[str, datetime] = {}  # where the ledger could not be told
        self._error = ""

    def perform_due(self, rest: Rest = lambda _: False) -> list[str]:
        """Do what is due; the chores that came to their end. `rest` waits, and says whether the process is to end."""
        now = self._clock()
        with self._store.read() as connection:
            known = {state.chore: state for state in fetch_chores(connection)}
        done = []
        rules = {**RULES, **{chore: rule for chore, (rule, _) in self._further.items()}}
        for chore, rule in rules.items():
            state = known.get(chore)
            if not self._trusted():
                if state is None or state.waits != UNTRUSTED:
                    with self._store.write() as connection:
                        record_waiting(connection, chore, UNTRUSTED)
                continue
            done_at = to_us(state.done_at) if state and state.done_at else None
            failed_at = self._failed_at.get(chore) or (state.failed_at if state else None)
            failed = failed_at is not None and now - RETRY < failed_at <= now
            if not failed and is_due(rule, done_at=done_at, now=to_us(now), bins=self._bins):
                done += [chore] if self._perform(chore, rest) else []
        return done

    def _perform(self, chore: str, rest: Rest) -> bool:
        begun, now = time.monotonic(), self._clock()
        try:
            found = self._work(chore, to_us(now), rest)
            if found is None:
                return False
            items, waits = found
            with self._store.write() as connection:
                record_done(connection, chore, at=now, took_s=time.monotonic() - begun, items=items, waits=waits)
            self._failed_at.pop(chore, None)
            self._error = ""
        except HexpostError as error:
            self._fail(chore, str(error))
            return False
        except Exception as error:
            log.exception("chore %r failed", chore)
            self._fail(chore, f"{type(error).__name__}: {error}")
            return False
        log.info("%s: %d items%s", chore, items, f"; {waits}" if waits else "")
        return True

    def _work(self, chore: str, now: int, rest: Rest) -> Done | None:
        """Do a chore; None where the process ended before it did."""
        if chore in self._further:
            return self._further[chore][1](from_us(now))
        for ladder in LADDERS:
            ensure_zone(self._store, ladder, self._bins)
        if chore == "clean up":
            cleaned = clean(
                self._store, retention=self._retention, bins=self._bins, now=now, centre=self._centre, rest=rest
            )
            return (sum(cleaned.deleted.values()), "; ".join(cleaned.waits)) if cleaned.finished else None
        roll_up = roll_up_days if chore == "roll up days" else self._roll_up_hours
        return sum(roll_up(self._store, ladder, self._bins, now) for ladder in LADDERS), ""

    def _roll_up_hours(self, store: Store, ladder: Ladder, bins: SiteBins, now: int) -> int:
        merged, step = 0, MERGE_ROWS
        while step >= MERGE_ROWS:
            with store.write() as connection:
                step = merge_late(connection, ladder, bins)
            merged += step
        return merged + roll_up_hours(store, ladder, bins, now)

    def _fail(self, chore: str, error: str) -> None:
        if error != self._error:  # of a disk that fails each chore says the same
            log.error("%s: %s", chore, error)
        self._error = error
        try:
            with self._store.write() as connection:
                record_failed(connection, chore, at=self._clock(), error=error)
            self._failed_at.pop(chore, None)
        except HexpostError:  # the store cannot be written, which is what went wrong
            self._failed_at[chore] = self._clock()
