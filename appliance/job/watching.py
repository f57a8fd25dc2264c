"""Every measured value and position is judged as it comes, by what its own series or device has done before.

What is new is followed by the number of its transaction (`store.fresh_rows`), so nothing is missed and nothing judged
twice, however late it came. States are kept in memory and written seldom, to spare the card; what is found is committed
at once, with the state that found it and that state's own cursor. A process that is killed begins at the common cursor,
and each state passes over what it has seen already.

Devices in maintenance are not judged, and teach nothing. Bounded: so many series are watched at once; one beyond waits
until another has fallen silent, and its values are counted as unjudged.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from appliance.aggregate.bins import QUARTER_US
from appliance.anomaly.watch import Bars, MoveWatch, SeriesWatch, Sign, is_loud, judge_fix, judge_sample, site_bar
from appliance.clock import Clock, from_us, to_us
from appliance.errors import HexpostError, NotFound
from appliance.job.sighting import Held, Key, extend_ongoing, kept_of, load, names_of, record_sign
from appliance.store.anomaly.labels import bar_of, fetch_bars
from appliance.store.anomaly.watch_states import (
    NewFix,
    Value,
    drop_states,
    fetch_fixes,
    fetch_judged,
    fetch_values,
    write_judged,
    write_states,
)
from appliance.store.device.maintenance import Windows, fetch_windows_to_come
from appliance.store.device.registry import fetch_device
from appliance.store.engine import Store
from appliance.store.measured.fresh_rows import News, fetch_news
from appliance.store.totals import add_totals

log = logging.getLogger(__name__)

STEP_ROWS = 5_000  # judged between looks at the clock, some 60 ms; on a Pi a quarter of a second
TURN_S = 1.0  # of each two: a backlog is judged beside the rest, not before it
MAX_HELD = 4_000  # states in memory
SILENT = timedelta(hours=1)  # after which a state may make room for another
WRITE_S = 600.0  # between writing states
BYTES_A_SECOND = 10_000.0  # of states, on the average: what makes the card last is to wait longer
STATES = 100  # written in one transaction, some 250 kB
LOOK_AGAIN = timedelta(seconds=60)  # at labels and maintenance windows
SETTLED = timedelta(hours=1)  # after the start, until which the number of values is taken as it was before
AHEAD = timedelta(days=1)  # further ahead of a clock that is known a device's time is none
FORGET = timedelta(days=90)


class Watching:
    """Judges what is new. One a process, on one thread."""

    _unjudged: int
    _unwritten: bool

    def __init__(self, store: Store, *, zone: ZoneInfo, clock: Clock, clock_trusted: Callable[[], bool]) -> None:
        self._store = store
        self._zone = zone
        self._clock = clock
        self._trusted = clock_trusted
        self.error = ""
        self._offsets: dict[int, float] = {}
        self._forget()

    def tend(self, stopping: Callable[[], bool] = lambda: False) -> None:
        """Judge what there is, for a while; trouble is told, and everything since the last commit judged again."""
        until = time.monotonic() + TURN_S
        try:
            while self.step() and time.monotonic() < until and not stopping():
                pass
            self.error = ""
        except HexpostError as error:
            if str(error) != self.error:
                log.error("watching: %s; trying again", error)
            self.error = str(error)
        except Exception as error:
            self.error = f"{type(error).__name__}: {error}"
            log.exception("watching failed")

    def stop(self) -> None:
        """Write what is not written yet, so that the next process need not judge it again; where it cannot, it will."""
        try:
            self.write()
        except HexpostError as error:
            log.error("watching: writing states: %s", error)

    def step(self) -> bool:
        """Judge some of what is new; whether there may be more.

        raises  Unavailable  the store cannot be used now; nothing of the step is kept
        """
        try:
            return self._step()
        except BaseException:
            self._forget()
            raise

    def write(self) -> None:
        """Write every state that has changed, and the common cursor: the next process need not judge it again."""
        now, changed = self._clock(), [held for held in self._held.items() if held[1].changed]
        written = 0
        for first in range(0, len(changed), STATES):
            some = changed[first : first + STATES]
            with self._store.write() as connection:
                for _, held in some:
                    extend_ongoing(connection, held)
                written += write_states(connection, [kept_of(key, held) for key, held in some], now=now)
            for _, held in some:
                held.changed = False
        if changed or self._unwritten:
            with self._store.write() as connection:
                write_judged(connection, self._judged, values_a_day=self._values_a_day)
                add_totals(connection, {("unjudged", "too_many_series"): self._unjudged})
                if self._trusted():
                    drop_states(connection, before=now - FORGET, limit=STATES)
        self._unjudged = 0
        self._unwritten = False
        self._write_at = time.monotonic() + max(WRITE_S, written / BYTES_A_SECOND)

    def _forget(self) -> None:
        self._held: OrderedDict[Key, Held] = OrderedDict()
        self._judged, self._began = -1, False
        self._looked_at: datetime | None = None
        self._started_at = self._clock()
        self._bars: dict[str, tuple[float, int]] = {}
        self._windows = Windows([])
        self._maintenance: dict[str, tuple[tuple[datetime, datetime], ...]] = {}
        self._values_a_day = self._before = 0.0
        self._unjudged = 0
        self._unwritten = False
        self._write_at = time.monotonic() + WRITE_S

    def _step(self) -> bool:
        found: list[tuple[Held, Sign]] = []
        evicted: dict[Key, Held] = {}
        with self._store.read() as connection:
            if not self._began:
                self._judged, self._values_a_day = fetch_judged(connection)
                self._before, self._began = self._values_a_day, True
            news = fetch_news(connection, self._judged, rows=STEP_ROWS)
            if news.upto > self._judged:
                self._look(connection)
                self._judge(connection, news, found, evicted)
        if found or evicted:
            self._commit(found, evicted)
        more = news.upto > self._judged
        self._unwritten = self._unwritten or more
        self._judged = news.upto
        if time.monotonic() >= self._write_at:
            self.write()
        return more

    def _look(self, connection: Any) -> None:
        """How many values a day there are; and now and then at labels and maintenance windows."""
        now = self._clock()
        rhythms = (held.watch.series.interval_s for held in self._held.values() if isinstance(held.watch, SeriesWatch))
        counted = sum(86_400.0 / rhythm for rhythm in rhythms if rhythm > 0.0)
        settled = abs(now - self._started_at) > SETTLED
        self._values_a_day = counted if settled else max(counted, self._before)
        if self._looked_at is not None and abs(now - self._looked_at) < LOOK_AGAIN:
            return
        self._looked_at = now
        self._bars = fetch_bars(connection)
        self._windows = fetch_windows_to_come(connection, now - timedelta(days=2))
        self._maintenance.clear()

    def _judge(
        self,
        connection: Any,
        news: News,
        found: list[tuple[Held, Sign]],
        evicted: dict[Key, Held],
    ) -> None:
        now = self._clock()
        latest = to_us(now + AHEAD) if self._trusted() else None
        for fresh in news.fresh:
            rows: list[Value] | list[NewFix]
            if fresh.table == "reading_values":
                rows = fetch_values(connection, fresh, after=self._judged, upto=news.upto)
            else:
                rows = fetch_fixes(connection, fresh, after=self._judged, upto=news.upto)
            touched: dict[Key, Held] = {}
            for row in rows:
                if latest is not None and row.us > latest:
                    continue
                key: Key = (fresh.table, str(row[1]))
                held = touched.get(key) or self._hold(connection, key, now, evicted)
                if held is None:
                    self._unjudged += 1
                    continue
                touched[key] = held
                if row.recorded > held.judged and not self._is_maintained(connection, held.device, row.us):
                    found.extend((held, sign) for sign in self._signs(held, row, now))
            for held in touched.values():
                held.judged, held.changed, held.used_at = news.upto, True, now

    def _signs(self, held: Held, row: Value | NewFix, now: datetime) -> list[Sign]:
        at_s, now_us = row.us / 1e6, to_us(now)
        if isinstance(held.watch, MoveWatch):
            if not isinstance(row, NewFix):
                return []
            bar = bar_of(self._bars, *names_of("impossible_move", held), now_us)
            return judge_fix(
                held.watch, at_s, lng=row.longitude, lat=row.latitude, accuracy_m=row.accuracy_m or 0.0, bar=bar
            )
        if not isinstance(row, Value):
            return []
        bars = Bars(site_bar(self._values_a_day))
        if self._bars:
            series, stuck, step = (
                bar_of(self._bars, *names_of(kind, held), now_us) for kind in ("series", "stuck", "impossible")
            )
            bars = Bars(bars.series + series, stuck, step)
        return judge_sample(held.watch, held.metric, at_s, row.value, offset_s=self._offset_s(row.us), bars=bars)

    def _hold(self, connection: Any, key: Key, now: datetime, evicted: dict[Key, Held]) -> Held | None:
        """The state of a subject, from memory or the store, or begun; None where there is no room or no such series."""
        held = self._held.get(key)
        if held is not None:
            self._held.move_to_end(key)
            return held
        if len(self._held) >= MAX_HELD:
            oldest = next(iter(self._held))
            if abs(now - self._held[oldest].used_at) < SILENT:
                return None
            gone = self._held.pop(oldest)
            if gone.changed:
                evicted[oldest] = gone
        made = evicted.pop(key, None) or load(connection, key, now)
        if made is not None:
            self._held[key] = made
        return made

    def _is_maintained(self, connection: Any, device: str, us: int) -> bool:
        if not self._windows:
            return False
        if device not in self._maintenance:
            try:
                known = fetch_device(connection, device, now=self._clock())
                windows = self._windows.of(source=known.source, group=known.group, zone=known.in_zone)
            except NotFound:
                windows = self._windows.of(source=device, group="", zone="")
            self._maintenance[device] = windows
        return any(start <= from_us(us) < end for start, end in self._maintenance[device])

    def _offset_s(self, us: int) -> float:
        """Local time less UTC, which changes at quarters of an hour at most."""
        quarter = us // QUARTER_US
        offset = self._offsets.get(quarter)
        if offset is None:
            if len(self._offsets) > MAX_HELD:
                self._offsets.clear()
            local = from_us(quarter * QUARTER_US).astimezone(self._zone)
            offset = self._offsets[quarter] = (local.utcoffset() or timedelta()).total_seconds()
        return offset

    def _commit(self, found: list[tuple[Held, Sign]], evicted: dict[Key, Held]) -> None:
        """What was found, with the states that found it, in one transaction."""
        now = self._clock()
        finders = {id(held) for held, _ in found}
        with self._store.write() as connection:
            for held, sign in found:
                if sign.starts or sign.score:
                    bar = bar_of(self._bars, *names_of(sign.kind, held), to_us(now))
                    bar += site_bar(self._values_a_day) if sign.kind == "series" else 0.0
                    loud = is_loud(sign, self._values_a_day)
                    record_sign(connection, held, sign, bar=bar, loud=loud, zone=self._zone, now=now)
            states = [(key, held) for key, held in self._held.items() if id(held) in finders]
            for _, held in (*states, *evicted.items()):
                extend_ongoing(connection, held)
            write_states(connection, [kept_of(key, held) for key, held in (*states, *evicted.items())], now=now)
        for _, held in states:
            held.changed = False
