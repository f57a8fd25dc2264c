"""Cells whose events are more than their hour of the week lets expect: each hour of the site, a little after it ended.

Judged are the hour and the 24 that end with it, at every configured resolution, for all types together and for the most
frequent ones by themselves, against the weeks before that day. The promise of `anomaly.counts` (so many false flags a
cell and day) is kept over all that a cell is judged by: its share is divided among them.

An hour whose counters have changed since is judged again, and all hours after it, for two days: late events find their
anomaly, and change the numbers of one that was found. What is found of a time long past sounds no alarm.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from math import log10
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from appliance.aggregate.bins import Hour, SiteBins
from appliance.aggregate.hours import SiteHours
from appliance.aggregate.week import Ints, sum_window, tabulate_weeks
from appliance.anomaly.counts import PROBABILITY, SHARE, CountBaseline, CountVerdict, fit_baseline, judge_counts
from appliance.anomaly.feedback import RULE
from appliance.anomaly.telling import explain
from appliance.clock import HOUR_US, from_us, to_us
from appliance.job.counting import count_events
from appliance.model.anomaly import Found
from appliance.spatial.cells import centre, parent, to_hex
from appliance.store.alerts import raise_alert
from appliance.store.anomaly.cell_hours import (
    fetch_cell_hours,
    fetch_classes,
    fetch_digests,
    fetch_first_day,
    fetch_judged_hours,
    write_judged_hours,
)
from appliance.store.anomaly.labels import ALERT, bar_of, fetch_bars
from appliance.store.anomaly.ledger import record_found
from appliance.store.engine import Store

VERSION = "counts 1"
WEEKS_MOST, WEEKS_LEAST = 8, 2
"""Weeks of the past that are looked at; with fewer than the least nothing is judged."""
TYPES_MOST = 4
"""Types that are judged by themselves, beside all together."""
TYPE_EVENTS = 100
"""Events in those weeks from which on a type is."""
REOPENED_HOURS = 48
GAP = timedelta(hours=6)
"""An incident that is quiet for so long is over."""
ALERT_WITHIN = timedelta(hours=2)
MOST_A_RUN = 500
"""Cells that are written down of one hour: a site where more are out of the ordinary has another problem."""
CRITICAL = 1e-7
TITLE = 300  # characters


class _Class(msgspec.Struct, frozen=True, kw_only=True):
    """One of the ways in which cells are counted: all types ('') or one, by so many days, and what is to be judged."""

    event_type: str
    days: int
    cells: Ints
    baseline: CountBaseline
    rows: Ints


class _Flag(msgspec.Struct, frozen=True, kw_only=True):
    """A cell that is flagged in one window [start, end) by one class, with its first and last hour that has events."""

    cell: int
    event_type: str
    start: int
    end: int
    first: int
    last: int
    hours: int
    observed: int
    expected: float
    probability: float
    limit: float
    bar: float
    flagged: int
    cells: int


def judge_cells(
    store: Store,
    *,
    bins: SiteBins,
    resolutions: Sequence[int],
    types: Sequence[str],
    now: datetime,
    weeks: int = WEEKS_MOST,
) -> int:
    """Judge every hour that ended and is not judged as it stands, of the last two days; how many anomalies are new.

    types   those that count in risk; empty means all
    weeks   of the past, at most, of which the counters still have hours
    raises  Unavailable  the store cannot be used now; hours that are done stay done
    """
    count_events(store, SiteHours(bins.zone))
    new, finer = 0, _Finer()
    for resolution in sorted(resolutions, reverse=True):
        new += _judge_resolution(store, bins, resolution, types, weeks, now, finer)
    return new


class _Finer:
    """Cells flagged at finer resolutions, by hour: a coarse one that is flagged for them sounds no alarm of its own."""

    def __init__(self) -> None:
        self._cells: dict[int, set[int]] = {}

    def add(self, hour: int, cells: list[int]) -> None:
        self._cells.setdefault(hour, set()).update(cells)

    def explain(self, hour: int, cell: int, resolution: int) -> bool:
        return any(parent(one, resolution) == cell for one in self._cells.get(hour, ()))


def _judge_resolution(
    store: Store, bins: SiteBins, resolution: int, types: Sequence[str], weeks: int, now: datetime, finer: _Finer
) -> int:
    current = bins.hour_of(to_us(now))
    hours = list(bins.hours(current.start - REOPENED_HOURS * HOUR_US, current.start))
    with store.read() as connection:
        digests = fetch_digests(connection, resolution=resolution, from_day=hours[0].day, to_day=hours[-1].day)
        judged = fetch_judged_hours(connection, resolution=resolution, since=hours[0].start)
    changed = [n for n, hour in enumerate(hours) if judged.get(hour.start) != digests.get(hour.start, 0)]
    new = 0
    for day, of_day in _by_day(hours[changed[0] :] if changed else []):
        with store.read() as connection:
            classes = _fit(connection, bins, resolution, types, day, weeks)
            bars = fetch_bars(connection)
        done: dict[int, int] = {}
        for hour in of_day:
            flags = _flags(classes, bins, hour, bars, resolution, to_us(now))
            done[hour.start] = digests.get(hour.start, 0)
            if not flags and hour is not of_day[-1]:
                continue  # written with the next: each commit wears the card
            with store.write() as connection:
                new += _write(connection, flags, hour, resolution, classes, finer, bins.zone, now)
                before = hours[0].start - REOPENED_HOURS * HOUR_US
                write_judged_hours(connection, resolution=resolution, hours=done, before=before)
            done = {}
            finer.add(hour.start, [flag.cell for flag in flags])
    return new


def _by_day(hours: Sequence[Hour]) -> Iterator[tuple[str, list[Hour]]]:
    for day in sorted({hour.day for hour in hours}):
        yield day, [hour for hour in hours if hour.day == day]


def _fit(
    connection: Any, bins: SiteBins, resolution: int, types: Sequence[str], day: str, most_weeks: int
) -> list[_Class]:
    """What is expected on a day, by the whole weeks before it; none with too little past."""
    today = date.fromisoformat(day)
    earliest = today - timedelta(days=7 * most_weeks)
    began = fetch_first_day(connection, resolution=resolution, from_day=earliest.isoformat())
    weeks = (today - date.fromisoformat(began)).days // 7 if began else 0
    if weeks < WEEKS_LEAST:
        return []
    first, days = today - timedelta(days=7 * weeks), 7 * weeks
    span = {"from_day": first.isoformat(), "to_day": (today - timedelta(days=1)).isoformat()}
    found = fetch_classes(connection, resolution=resolution, types=types, **span)
    named = [name for name, events in found.items() if events >= TYPE_EVENTS] if len(found) > 1 else []
    classes = []
    for name in ("", *named[:TYPES_MOST]):
        wanted = (name,) if name else types
        past = fetch_cell_hours(connection, resolution=resolution, types=wanted, **span)
        last = {"from_day": (today - timedelta(days=2)).isoformat(), "to_day": day}
        rows = fetch_cell_hours(connection, resolution=resolution, types=wanted, **last)
        cells = np.unique(np.concatenate([past[:, 0], rows[:, 0]]))
        if not len(cells):
            continue

        def place(us: int) -> tuple[int, int]:
            local = from_us(us).astimezone(bins.zone)
            return (local.date() - first).days, local.hour

        table = tabulate_weeks(past, cells, days=days, place=place)
        baseline = fit_baseline(table.by_hour, table.by_day)
        classes.append(_Class(event_type=name, days=days, cells=cells, baseline=baseline, rows=rows))
    return classes


def _flags(
    classes: Sequence[_Class],
    bins: SiteBins,
    hour: Hour,
    bars: dict[str, tuple[float, int]],
    resolution: int,
    now_us: int,
) -> list[_Flag]:
    """The flagged cells of an hour and of the 24 that end with it, each once, by what is rarest; the rarest first."""
    best: dict[int, _Flag] = {}
    for one in classes:
        for hours in (1, 24):
            start = hour.start if hours == 1 else hour.end - 24 * HOUR_US
            for flag in _judge(one, bins.zone, hour, start, hours, len(classes), bars, resolution, now_us):
                known = best.get(flag.cell)
                if known is None or _rarity(flag) > _rarity(known):
                    best[flag.cell] = flag
    return sorted(best.values(), key=lambda flag: (-_rarity(flag), flag.cell))[:MOST_A_RUN]


def _judge(
    one: _Class,
    zone: ZoneInfo,
    hour: Hour,
    start: int,
    hours: int,
    classes: int,
    bars: dict[str, tuple[float, int]],
    resolution: int,
    now_us: int,
) -> Iterator[_Flag]:
    # The baseline counts its hours from the midnight of a day as many weeks ago: the same weekday as this one.
    label = from_us(hour.start).astimezone(zone).hour
    count = sum_window(one.rows, one.cells, start=start, end=hour.end)
    verdict: CountVerdict = judge_counts(
        one.baseline, count, from_hour=(label - hours + 1) % 168, hours=hours, share=SHARE / classes
    )
    kept = []
    for n in np.flatnonzero(verdict.flagged):
        bar = bar_of(bars, *_names(int(one.cells[n]), resolution, one.event_type), now_us)
        limit = PROBABILITY[hours] / classes * 10.0**-bar
        if verdict.p_value[n] <= limit:
            kept.append((int(n), limit, bar))
    inside = one.rows[(one.rows[:, 1] >= start) & (one.rows[:, 1] < hour.end)]
    for at, limit, bar in kept:
        busy = inside[inside[:, 0] == one.cells[at]]
        yield _Flag(
            cell=int(one.cells[at]),
            event_type=one.event_type,
            start=start,
            end=hour.end,
            first=max(start, int(busy[:, 1].min())),
            last=int(busy[:, 1].max()),
            hours=hours,
            observed=int(count[at]),
            expected=float(verdict.expected[at]),
            probability=max(float(verdict.p_value[at]), 1e-300),
            limit=limit,
            bar=bar,
            flagged=len(kept),
            cells=len(one.cells),
        )


def _write(
    connection: Any,
    flags: Sequence[_Flag],
    hour: Hour,
    resolution: int,
    classes: Sequence[_Class],
    finer: _Finer,
    zone: ZoneInfo,
    now: datetime,
) -> int:
    new = 0
    for flag in flags:
        found = _found(flag, resolution, classes, zone)
        # The day that ends with an hour tells neither when it began nor that it goes on; the hours do.
        written = record_found(connection, found, gap=GAP, now=now, reaches_back=flag.hours == 1)
        new += written.new
        late = now - from_us(flag.end) > ALERT_WITHIN
        if written.new and not late and not finer.explain(hour.start, flag.cell, resolution):
            raise_alert(
                connection,
                kind=ALERT,
                subject=found.subject,
                severity="critical" if flag.probability <= CRITICAL else "warning",
                title=explain(found, zone)[:TITLE],
                detail={"anomaly": written.id, "kind": found.kind, "h3_index": to_hex(flag.cell)},
                now=now,
            )
    return new


def _found(flag: _Flag, resolution: int, classes: Sequence[_Class], zone: ZoneInfo) -> Found:
    subject, family = _names(flag.cell, resolution, flag.event_type)
    cube = _rarity(flag) ** 3
    return Found(
        kind="cell_count",
        subject=subject,
        family=family,
        started_at=from_us(flag.first),
        last_at=from_us(min(flag.end, SiteBins(zone).hour_of(flag.last).end)),
        score=round(cube / (1.0 + cube), 6),
        observed=flag.observed,
        expected=round(flag.expected, 6),
        probability=flag.probability,
        version=f"{VERSION}, labels {RULE}",
        resolution=resolution,
        cell=flag.cell,
        event_type=flag.event_type,
        place=centre(flag.cell),
        bar=round(flag.bar, 3),
        detail={
            "window": [flag.start, flag.end],
            "hours": flag.hours,
            "flagged": flag.flagged,
            "cells": flag.cells,
            "share": SHARE / len(classes),
            "days": classes[0].days,
        },
    )


def _rarity(flag: _Flag) -> float:
    """The decades of its probability by those of its threshold; 1 at the threshold."""
    return log10(flag.probability) / log10(flag.limit)


def _names(cell: int, resolution: int, event_type: str) -> tuple[str, str]:
    """Whose bar a cell is judged by: the cell, and all cells of its resolution and class."""
    return f"cell/{to_hex(cell)}", f"family/cells/{resolution}/{event_type}"
