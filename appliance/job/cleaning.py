"""The clean-up: everything that may go by its age, in steps so short that ingest waits for one of them at most.

What a step may take away, `store.retention` knows; here stands how old is old, in which order, and that others get
their turn: after each step the clean-up rests for as long as the step took, and at least so long that whoever waits
for the write lock finds it free. Called by `chores`, with a clock that can be believed.
"""

import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial
from typing import Any

import msgspec

from appliance.aggregate.bins import MINUTE_US, SiteBins
from appliance.aggregate.hours import SiteHours
from appliance.clock import HOUR_US
from appliance.errors import Corrupt
from appliance.job.counting import count_events
from appliance.model.settings import Retention
from appliance.model.tier import LADDERS
from appliance.store.coverage.rows import purge_coverage
from appliance.store.device.spans import SPAN_DAYS, purge_spans
from appliance.store.engine import Store
from appliance.store.retention.events import is_old_unsettled, purge_cells, purge_events, purge_risk
from appliance.store.retention.steps import (
    purge_hours,
    purge_minutes,
    purge_positions,
    purge_repeats,
    purge_rows,
    shrink,
)
from appliance.store.settled.counts import fold_counts
from appliance.store.settled.settle import settle_index
from appliance.store.settled.tally import Tally
from appliance.store.step import Step

REST_S = 0.03  # SQLite looks for the lock again after 1, 2, 5, 10, 15, 20 and 25 ms
PATROL_RISK_DAYS = 35
"""Scores of cells so fine that only the forecast has them: ten times as many as in the picture, each day anew."""
CELL_ROWS = 4_000  # entries that lie side by side go in 16 ms
DAY_US = 24 * HOUR_US

Rest = Callable[[float], bool]
"""Waits for so many seconds; whether the process is to end."""


class Cleaned(msgspec.Struct, frozen=True, kw_only=True):
    """What a clean-up did: rows deleted by what they were, what had to wait and why, whether it came to its end."""

    deleted: dict[str, int]
    waits: list[str]
    finished: bool


def clean(store: Store, *, retention: Retention, bins: SiteBins, now: int, centre: bool, rest: Rest) -> Cleaned:
    """Take away what is too old at `now` (microseconds); with a centre only what it has acknowledged, where it must."""
    deleted: dict[str, int] = {}
    waits = _settle(store, bins, now - retention.events_days * DAY_US) if retention.events_days else []
    for name, purge in _sweeps(retention, bins, now, centre):
        step = Step(more=True)
        while step.more:
            begun = time.monotonic()
            with store.write() as connection:
                step = purge(connection)
            deleted[name] = deleted.get(name, 0) + step.deleted
            if step.deleted and rest(max(REST_S, time.monotonic() - begun)):
                return Cleaned(deleted=deleted, waits=waits, finished=False)
        waits += [step.waits] if step.waits else []
    return Cleaned(deleted=deleted, waits=waits, finished=_shrink(store, rest))


def _settle(store: Store, bins: SiteBins, before: int) -> list[str]:
    """Index and count what is old enough to go: a quiet box does neither for a long time. What hinders it."""
    try:
        with store.read() as connection:
            waiting = is_old_unsettled(connection, before=before)
        if waiting:
            count_events(store, SiteHours(bins.zone))
        while waiting:
            with store.write() as connection:
                waiting = settle_index(connection) > 0 and is_old_unsettled(connection, before=before)
    except Corrupt as error:
        return [f"events: {error}"]
    return []


def _sweeps(keep: Retention, bins: SiteBins, now: int, centre: bool) -> Iterator[tuple[str, Callable[[Any], Step]]]:
    """What is taken away, in an order in which nothing waits for what comes after it."""
    for ladder in LADDERS:
        if keep.readings_days:
            yield ladder.raw, partial(purge_rows, ladder=ladder, bins=bins, before=now - keep.readings_days * DAY_US)
            gone = now - (keep.readings_days + keep.repeats_days) * DAY_US
            late = now - keep.repeats_days * DAY_US
            yield ladder.repeats, partial(purge_repeats, ladder=ladder, before=gone, received_before=late)
        minute = now - keep.minute_hours * HOUR_US
        yield f"{ladder.name} by minute", partial(purge_minutes, ladder=ladder, before=minute - minute % MINUTE_US)
        if keep.hourly_days:
            hourly = partial(purge_hours, ladder=ladder, bins=bins, before=now - keep.hourly_days * DAY_US)
            yield f"{ladder.name} by hour", hourly
    if keep.positions_days:
        yield "positions", partial(purge_positions, before=now - keep.positions_days * DAY_US)
    if keep.events_days:
        yield "events", _Events(bins, before=now - keep.events_days * DAY_US)
        yield "event_cells", partial(purge_cells, limit=CELL_ROWS)
        if keep.hourly_days:
            yield "event_counts by hour", partial(fold_counts, bins=bins, before=now - keep.hourly_days * DAY_US)
    yield "device_spans", partial(purge_spans, before=now - SPAN_DAYS * DAY_US)
    patrol = date.fromisoformat(bins.day_of(now)) - timedelta(days=PATROL_RISK_DAYS)
    yield "risk of patrol cells", partial(purge_risk, before_day=patrol.isoformat(), centre=centre, alone=True)
    if keep.risk_days:
        day = date.fromisoformat(bins.day_of(now)) - timedelta(days=keep.risk_days)
        yield "risk", partial(purge_risk, before_day=day.isoformat(), centre=centre)
        yield "cell_coverage", partial(purge_coverage, before_day=day.isoformat())


class _Events:
    """Goes on after those that are pinned."""

    def __init__(self, bins: SiteBins, *, before: int) -> None:
        self._tally = Tally(SiteHours(bins.zone), ())
        self._before = before
        self._after = 0

    def __call__(self, connection: Any) -> Step:
        step, self._after = purge_events(connection, self._tally, before=self._before, after=self._after)
        return step


def _shrink(store: Store, rest: Rest) -> bool:
    """Give free pages back; whether it came to its end."""
    more = True
    while more:
        with store.write() as connection:
            more = shrink(connection)
        if more and rest(REST_S):
            return False
    return True
