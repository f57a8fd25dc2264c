"""What cameras detected against what they usually do: their nights, and the last hours of a group of them.

Puts the activity that the store counted into the arrays that `iot.night` and `anomaly.counts` judge. Called by
`picture`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

import msgspec
import numpy as np

from appliance.aggregate.bins import Hour, SiteBins
from appliance.anomaly.counts import CountVerdict, fit_baseline, judge_counts
from appliance.anomaly.negative_binomial import mid_p
from appliance.clock import HOUR_US, from_us, to_us
from appliance.iot.night import FROM_HOUR, NIGHTS, TO_HOUR, Night, NightVerdict
from appliance.iot.night import judge_nights as judge_each
from appliance.iot.surprise import share_of
from appliance.iot.zone_risk import Finding
from appliance.model.device import Device
from appliance.store.iot.activity import Activity, Ints

Judged = tuple[Ints, CountVerdict]
"""(g,) what each group detected in a window, and what is said of it."""
Outages = Sequence[tuple[int, int, frozenset[str] | None]]

BASE_DAYS, WEEK = 28, 7
LEAST_DAYS = 14
LOOK_BACK_DAYS = BASE_DAYS + 3
"""Days of activity that all of this reads."""


class _Window(msgspec.Struct, frozen=True, kw_only=True):
    """A night: the hours that count, how long they are together, and the noons around it."""

    starts: list[int]
    start: int
    end: int
    hours: float
    noon_before: int
    noon_after: int


def judge_nights(
    devices: Iterable[Device], activity: Activity, outages: Outages, bins: SiteBins, now: int
) -> dict[str, NightVerdict]:
    """Source -> what is said of its last night, or of the one that it is, so far; of those that detected anything."""
    tonight, before = _windows(bins, now)
    windows = [tonight, *before]
    counts = np.array([_count(activity, window.starts) for window in windows])
    around = np.array([_count_between(activity, window.noon_before, window.noon_after) for window in windows])
    dark = [_outages_of(window, outages) for window in windows]
    cases: dict[str, tuple[Night, list[Night]]] = {}
    for device in devices:
        row = activity.sources.get(device.source)
        if row is None:
            continue
        down = device.state == "offline" and to_us(device.state_at) <= tonight.start
        first = to_us(device.first_seen)
        nights = [
            Night(
                count=int(counts[n, row]),
                around=int(around[n, row]),
                hours=window.hours,
                watched=first <= window.start and not _is_dark(dark[n], window, device.source),
            )
            for n, window in enumerate(windows)
        ]
        last = msgspec.structs.replace(nights[0], watched=nights[0].watched and not down)
        cases[device.source] = (last, nights[1:])
    return dict(zip(cases, judge_each([*cases.values()], mid_p), strict=True))


def judge_motion(
    groups: Mapping[str, Sequence[str]], activity: Activity, bins: SiteBins, now: int
) -> dict[str, Finding]:
    """Group -> whether its devices detected more in the last whole hour, or the last 24, than their week lets expect.

    groups  name -> sources
    """
    hour = bins.hour_of(now)
    last = date.fromisoformat(bins.day_of(hour.start - 24 * HOUR_US)) - timedelta(days=1)
    base = last - timedelta(days=BASE_DAYS - 1)
    by_days: dict[int, list[str]] = {}
    found: dict[str, Finding] = {}
    nothing = np.zeros(len(activity.hours), np.int64)
    sums = {name: sum(map(activity.of, sources), nothing) for name, sources in groups.items()}
    for name, of_group in sums.items():
        days = _days_told(of_group, activity.hours, bins, last)
        if days is None:
            found[name] = Finding(s=None, words="no device has told of motion")
        elif days < LEAST_DAYS:
            found[name] = Finding(s=None, words=f"{days} days of motion; {LEAST_DAYS} needed", numbers={"days": days})
        else:
            by_days.setdefault(min(BASE_DAYS, days // WEEK * WEEK), []).append(name)
    for days, names in by_days.items():
        table = np.array([sums[name] for name in names])
        found |= dict(zip(names, _judge_sums(table, activity.hours, bins, hour, base, days), strict=True))
    return found


def _days_told(of_group: Ints, hours: Ints, bins: SiteBins, last: date) -> int | None:
    """Whole days from the first motion of a group to the last day of the baseline; None where it told of none."""
    told = np.flatnonzero(of_group)
    if not len(told):
        return None
    return max(0, (last - date.fromisoformat(bins.day_of(int(hours[told[0]])))).days)


def _judge_sums(sums: Ints, hours: Ints, bins: SiteBins, hour: Hour, base: date, days: int) -> list[Finding]:
    """sums  (g, h) int64  what each group detected in each of the hours."""
    by_hour = np.zeros((len(sums), 168), dtype=np.int64)
    by_day = np.zeros((len(sums), days), dtype=np.int64)
    skipped = BASE_DAYS - days
    for column, start in enumerate(hours.tolist()):
        day, slot = _slot(start, base, bins)
        if skipped <= day < BASE_DAYS:
            by_hour[:, slot] += sums[:, column]
            by_day[:, day - skipped] += sums[:, column]
    baseline = fit_baseline(by_hour, by_day)
    told = []
    for length in (1, 24):
        begin = bins.hour_of(hour.start - 1).start if length == 1 else hour.start - 24 * HOUR_US
        counts = sums[:, (hours >= begin) & (hours < hour.start)].sum(axis=1)
        from_hour = _slot(begin, base, bins)[1]
        told.append((counts, judge_counts(baseline, counts, from_hour=from_hour, hours=length)))
    return [_motion_finding(row, told[0], told[1], days) for row in range(len(sums))]


def _motion_finding(row: int, hour: Judged, day: Judged, days: int) -> Finding:
    (count_1, verdict_1), (count_24, verdict_24) = hour, day
    p_value = min(1.0, 2.0 * min(float(verdict_1.p_value[row]), float(verdict_24.p_value[row])))
    numbers = {
        "last_hour": int(count_1[row]),
        "last_hour_expected": float(verdict_1.expected[row]),
        "last_24_hours": int(count_24[row]),
        "last_24_hours_expected": float(verdict_24.expected[row]),
        "p_value": p_value,
        "baseline_days": days,
    }
    words = (
        f"{count_1[row]} detections in the last whole hour, {verdict_1.expected[row]:.1f} expected; {count_24[row]} in "
        f"24 whole hours, {verdict_24.expected[row]:.1f} expected (p {p_value:.2g}, from {days} days)"
    )
    return Finding(s=share_of(p_value), words=words, numbers=numbers)


def _slot(start: int, base: date, bins: SiteBins) -> tuple[int, int]:
    """(days since `base`, hour of a week that begins on the weekday of `base`) of an hour of the site."""
    local = from_us(start).astimezone(bins.zone)
    day = (local.date() - base).days
    return day, day % WEEK * 24 + local.hour


def _windows(bins: SiteBins, now: int) -> tuple[_Window, list[_Window]]:
    """The last night that has begun, as far as it has come, and those before it; of these the same hours count."""
    day = from_us(now).astimezone(bins.zone).date()
    if _night_hours(day, bins)[0].start > now:
        day -= timedelta(days=1)
    hours = _night_hours(day, bins)
    begun = [hour for hour in hours if hour.start <= now]
    clock = {_clock(hour, bins) for hour in begun} if now < hours[-1].end else set(range(FROM_HOUR, TO_HOUR))
    before = [_night_hours(day - timedelta(days=n), bins) for n in range(1, NIGHTS + 1)]
    counted = [[hour for hour in night if _clock(hour, bins) in clock] for night in before]
    return _window(begun, day, bins, now), [
        _window(night, day - timedelta(days=n), bins, now) for n, night in enumerate(counted, 1) if night
    ]


def _window(hours: Sequence[Hour], day: date, bins: SiteBins, now: int) -> _Window:
    return _Window(
        starts=[hour.start for hour in hours],
        start=hours[0].start,
        end=min(hours[-1].end, now),
        hours=sum(min(hour.end, now) - hour.start for hour in hours) / HOUR_US,
        noon_before=_noon(day - timedelta(days=1), bins),
        noon_after=_noon(day, bins),
    )


def _count(activity: Activity, starts: Sequence[int]) -> Ints:
    """(s,) the motions of each source in these hours."""
    found: Ints = activity.motions[:, np.isin(activity.hours, starts)].sum(axis=1, dtype=np.int64)
    return found


def _count_between(activity: Activity, start: int, end: int) -> Ints:
    """(s,) the motions of each source in the hours that begin in [start, end)."""
    first, last = np.searchsorted(activity.hours, (start, end))
    found: Ints = activity.motions[:, first:last].sum(axis=1, dtype=np.int64)
    return found


def _outages_of(window: _Window, outages: Outages) -> list[tuple[int, frozenset[str] | None]]:
    """How much of a night each outage took, and of whom."""
    took = ((min(ended, window.end) - max(began, window.start), names) for began, ended, names in outages)
    return [(away, names) for away, names in took if away > 0]


def _is_dark(dark: Sequence[tuple[int, frozenset[str] | None]], window: _Window, source: str) -> bool:
    """Whether outages took more than half of a night from a device."""
    away = sum(away for away, names in dark if names is None or source in names)
    return 2 * away > window.end - window.start


def _night_hours(day: date, bins: SiteBins) -> list[Hour]:
    return [hour for hour in bins.hours_of_day(day.isoformat()) if FROM_HOUR <= _clock(hour, bins) < TO_HOUR]


def _clock(hour: Hour, bins: SiteBins) -> int:
    """What the site's clock shows when an hour begins."""
    return from_us(hour.start).astimezone(bins.zone).hour


def _noon(day: date, bins: SiteBins) -> int:
    return to_us(datetime(day.year, day.month, day.day, 12, tzinfo=bins.zone))
