"""Coverage kept up to date: who looks at which cells, and how each of these was watched, today and on days re-opened.

Looked at every few seconds, computed each minute and at once when a state changed. Where it stands is in the store, so
what was missed while the box was off, or what a step of the clock or a late verdict changed, is computed when the jobs
process is there again, some days at a time. Only the jobs process does this.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import msgspec

from appliance.clock import Clock, day_bounds, site_day, to_us
from appliance.coverage.judge import CellCoverage, judge_cell
from appliance.coverage.line import Line
from appliance.coverage.looking import Looking, look_at_cells
from appliance.errors import HexpostError
from appliance.store.coverage.rows import (
    CoverageState,
    drop_days_after,
    fetch_earliest_effect,
    fetch_lines,
    fetch_newest,
    fetch_state,
    fetch_watchers,
    write_day_coverage,
    write_state,
    write_watchers,
)
from appliance.store.device.registry import fetch_registry_rev
from appliance.store.engine import Store

log = logging.getLogger(__name__)

EVERY_S = 60.0
DEAF_US = 60_000_000  # a bridge that is not heard of for longer does not listen
MAX_REOPENED = 35  # days before today: what changes further back stays as it was computed then
DAYS_A_STEP = 10

HeardTo = Callable[[], int | None]
"""Until when the bridge is known to have listened, in microseconds; None where nothing is known of one."""


class Covering:
    """One a process, on one thread."""

    def __init__(
        self,
        store: Store,
        *,
        resolutions: Sequence[int],
        zone: ZoneInfo,
        clock: Clock,
        heard_to: HeardTo = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._resolutions = resolutions
        self._zone = zone
        self._clock = clock
        self._heard_to = heard_to
        self._monotonic = monotonic
        self._looking: dict[int, Looking] = {}
        self._registry_rev = -1
        self._done_at = float("-inf")
        self._more = False
        self.error = ""

    @property
    def state(self) -> dict[str, str]:
        """For the pulse of the jobs process: what went wrong, and how many devices' cells found no room."""
        left_out = max((looking.left_out for looking in self._looking.values()), default=0)
        return {"coverage_error": self.error, "coverage_left_out": str(left_out) if left_out else ""}

    def tend(self) -> None:
        """Compute where it is due; what goes wrong is logged once, and tried again."""
        try:
            if self._is_due():
                self.compute()
            self.error = ""
        except HexpostError as error:
            if str(error) != self.error:
                log.error("coverage: %s", error)
            self.error = str(error)

    def compute(self) -> None:
        """Compute today, and of the days before it those that something changed, some at a time."""
        now = to_us(self._clock())
        self._done_at = self._monotonic()
        self._look()
        before = self._begin(now)
        with self._store.read() as connection:
            span, outage, step = fetch_newest(connection)
            effect = fetch_earliest_effect(connection, before)
        misdated, days = self._days(before, effect, now)
        changed = sum(self._compute_day(day, now) for day in (*misdated, *days[:DAYS_A_STEP]))
        self._more = len(days) > DAYS_A_STEP
        reached = to_us(day_bounds(days[DAYS_A_STEP], self._zone)[0]) if self._more else now
        after = msgspec.structs.replace(before, computed_to=reached, span_pk=span, outage_pk=outage, step_pk=step)
        same = msgspec.structs.replace(after, computed_to=before.computed_to) == before
        if changed or not same or self._day(before.computed_to) != self._day(reached):
            with self._store.write() as connection:
                write_state(connection, after)

    def _is_due(self) -> bool:
        if self._more or self._monotonic() - self._done_at >= EVERY_S:
            return True
        with self._store.read() as connection:
            state, newest = fetch_state(connection), fetch_newest(connection)
            rev = fetch_registry_rev(connection)
        return rev != self._registry_rev or newest != (state.span_pk, state.outage_pk, state.step_pk)

    def _look(self) -> None:
        """Find out anew who looks where, when a person has changed the registry."""
        with self._store.read() as connection:
            rev = fetch_registry_rev(connection)
            watchers = fetch_watchers(connection) if rev != self._registry_rev else []
        if rev == self._registry_rev:
            return
        self._looking = {one: look_at_cells(watchers, one) for one in self._resolutions}
        for resolution, looking in self._looking.items():
            write_watchers(self._store, resolution, looking)
            if looking.left_out:
                log.warning("coverage: %d devices find no room at resolution %d", looking.left_out, resolution)
        self._registry_rev = rev

    def _begin(self, now: int) -> CoverageState:
        """Where it stands, with what is known of the bridge now; what lies in the future is removed."""
        heard = self._heard_to()
        deaf_since = heard if heard is not None and now - heard > DEAF_US else None
        with self._store.read() as connection:
            state = fetch_state(connection)
        if deaf_since == state.deaf_since and state.computed_to <= now:
            return state
        state = msgspec.structs.replace(state, deaf_since=deaf_since, computed_to=min(state.computed_to, now))
        with self._store.write() as connection:
            write_state(connection, state)
            drop_days_after(connection, self._day(now).isoformat())
        return state

    def _days(self, before: CoverageState, effect: int | None, now: int) -> tuple[list[date], list[date]]:
        """Days of long ago that are to be computed again, since a clock that stood wrong was there; and those up to
        today. What is older than the spans of this store is not made up.
        """
        today = self._day(now)
        if before.computed_to == 0:
            return [], [today]
        reached = self._day(before.computed_to)
        changed = reached if effect is None else min(self._day(effect), reached)
        first = max(changed, today - timedelta(days=MAX_REOPENED))
        long_ago = _days_between(changed, min(reached, first - timedelta(days=1)))
        return long_ago[:MAX_REOPENED], _days_between(min(first, today), today)

    def _compute_day(self, day: date, now: int) -> int:
        """How many rows of a day differed."""
        start, end = (to_us(bound) for bound in day_bounds(day, self._zone))
        running = start <= now < end
        end = min(end, now)
        keys = {key for looking in self._looking.values() for keys in looking.cells.values() for key in keys}
        with self._store.read(limit_s=60.0) as connection:
            lines = fetch_lines(connection, start, end, keys)
        return sum(
            write_day_coverage(self._store, resolution, day.isoformat(), _judge_cells(looking, lines, running=running))
            for resolution, looking in self._looking.items()
        )

    def _day(self, us: int) -> date:
        return site_day(us, self._zone)


def _judge_cells(looking: Looking, lines: Mapping[int, Line], *, running: bool) -> dict[int, CellCoverage]:
    """Cells with the same devices are judged once."""
    known: dict[tuple[int, ...], CellCoverage | None] = {}
    found = {}
    for cell, keys in looking.cells.items():
        if keys not in known:
            known[keys] = judge_cell([lines[key] for key in keys], running=running)
        judged = known[keys]
        if judged is not None:
            found[cell] = judged
    return found


def _days_between(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
