"""Judges readings against their thresholds as they come, and raises and closes what they turn. Called by `iot_watch`.

Values are not told in the order in which they come, and lie in the order of their own time: each look begins a quarter
of an hour before the last, and each series remembers its last value, so that nothing is judged twice. What comes later
than that is history. States are written when one turns, and every five minutes; a process that is killed judges again
what came since, from the states as they were, and comes to the same.
"""

import time
from datetime import datetime, timedelta
from typing import Any

from appliance.clock import MICROSECOND, Clock, from_us, to_us
from appliance.iot.thresholds import ThresholdState, follow
from appliance.store.alerts import close_alert, raise_alert
from appliance.store.engine import Store
from appliance.store.iot.activity import fetch_followed
from appliance.store.iot.thresholds import (
    Watched,
    fetch_threshold_states,
    fetch_unalerted,
    fetch_values,
    fetch_watched,
    write_threshold_states,
)

ALERT = "environment"
"""The kind of alert that a threshold raises."""
LOOK_BACK = timedelta(minutes=15)
AHEAD = timedelta(minutes=5)
FRESH = timedelta(hours=1)  # a value that is older raises no alarm
BEGIN = timedelta(days=1)  # how far back the first look goes
FLUSH_S = 300.0
SERIES_S = 60.0  # between looks which series have which threshold
ROWS = 5_000


class ReadingFollower:
    """One a jobs process, used by one thread."""

    def __init__(self, store: Store, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._states: dict[int, ThresholdState] | None = None
        self._unalerted: set[int] = set()
        self._dirty: set[int] = set()
        self._series: dict[int, Watched] = {}
        self._series_s = float("-inf")
        self._flushed_s = time.monotonic()
        self._read_from = 0
        self._after: tuple[int, int, float] | None = None

    def step(self) -> bool:
        """Judge the next values; whether there may be more at once.

        raises  Unavailable  the store cannot be read or written now
        """
        now = self._clock()
        states = self._load(now)
        closing = self._find_series(states)
        start = self._read_from - LOOK_BACK // MICROSECOND
        last = {key: states.get(key, ThresholdState()).last_at for key in self._series}
        after = self._after or (start, -1, 0.0)
        with self._store.read() as connection:
            rows = fetch_values(connection, last, start=start, end=to_us(now + AHEAD), after=after, limit=ROWS)
        turned = {key for at, key, value in rows if self._judge(states, key, at, value)}
        more = len(rows) == ROWS
        self._after = rows[-1] if more else None
        self._read_from = rows[-1][0] if more else to_us(now)
        alarming = {key for key in self._unalerted if self._is_fresh(states, key, now)}
        if turned or closing or alarming or (self._dirty and time.monotonic() - self._flushed_s >= FLUSH_S):
            self._write(states, turned | closing, alarming, now)
        return more

    def _load(self, now: datetime) -> dict[int, ThresholdState]:
        if self._states is None:
            with self._store.read() as connection:
                self._states = fetch_threshold_states(connection)
                self._unalerted = fetch_unalerted(connection)
                self._read_from = fetch_followed(connection).read_from
            self._read_from = max(self._read_from, to_us(now - BEGIN))
        ahead = to_us(now + FRESH)
        if self._read_from > ahead:  # the clock was set back: what was judged in the future is no past
            self._read_from = to_us(now)
        for key in [key for key, state in self._states.items() if state.last_at > ahead]:
            self._states[key] = ThresholdState(raised_at=self._states[key].raised_at, phase=self._states[key].phase)
        return self._states

    def _find_series(self, states: dict[int, ThresholdState]) -> set[int]:
        """Look which series have which threshold, now and then; those that are raised and have none any more."""
        if time.monotonic() - self._series_s < SERIES_S:
            return set()
        with self._store.read() as connection:
            self._series = {series.series_pk: series for series in fetch_watched(connection)}
        self._series_s = time.monotonic()
        lost = {key for key, state in states.items() if state.is_raised and key not in self._series}
        for key in lost:
            states[key] = ThresholdState(last_at=states[key].last_at, last_value=states[key].last_value)
            self._unalerted.discard(key)
            self._dirty.add(key)
        return lost

    def _judge(self, states: dict[int, ThresholdState], key: int, at: int, value: float) -> bool:
        states[key], turn = follow(states.get(key, ThresholdState()), self._series[key].threshold, at, value)
        self._dirty.add(key)
        if turn == "raised":
            self._unalerted.add(key)
        elif turn == "cleared":
            self._unalerted.discard(key)
        return turn is not None

    def _is_fresh(self, states: dict[int, ThresholdState], key: int, now: datetime) -> bool:
        return key in self._series and from_us(states[key].last_at) >= now - FRESH

    def _write(self, states: dict[int, ThresholdState], turned: set[int], alarming: set[int], now: datetime) -> None:
        with self._store.write() as connection:
            dirty = {key: states[key] for key in self._dirty}
            write_threshold_states(connection, dirty, alarming, read_from=self._read_from)
            for key in sorted(alarming):
                _raise(connection, self._series[key], states[key], now)
            for key in sorted(turned):
                if not states[key].is_raised:
                    close_alert(connection, kind=ALERT, subject=f"series/{key}", now=now)
        self._unalerted -= alarming
        self._dirty.clear()
        self._flushed_s = time.monotonic()


def _raise(connection: Any, series: Watched, state: ThresholdState, now: datetime) -> None:
    threshold = series.threshold
    sense = "above" if threshold.raise_at > threshold.clear_at else "below"
    raise_alert(
        connection,
        kind=ALERT,
        subject=f"series/{series.series_pk}",
        severity=threshold.severity,
        title=f"{series.metric} {sense} {threshold.raise_at:g} {series.unit or threshold.unit} at {series.device}",
        detail={
            "device": series.device,
            "metric": series.metric,
            "zone": series.zone,
            "value": state.last_value,
            "worst": state.worst,
            "raise_at": threshold.raise_at,
            "clear_at": threshold.clear_at,
            "hold_s": threshold.hold_s,
            "raised_at": from_us(state.raised_at) if state.raised_at else None,
            "limit": threshold.source,
        },
        now=now,
    )
