"""Crowds and incidents of a place: how many people now, and both by the hour, from tiers and counters."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from appliance.aggregate.bins import Hour, SiteBins
from appliance.aggregate.exact import decode_exact, divide
from appliance.aggregate.hours import SiteHours
from appliance.clock import HOUR_US, from_us
from appliance.store.engine import raw_connection
from appliance.store.iot.activity import MOTIONS, PLATE
from appliance.store.settled.settle import fetch_counted, tally_rows
from appliance.store.settled.tally import Tally

Floats = NDArray[np.float64]
PEOPLE = ("crowd_people", "people_present")
"""Metrics that tell how many people there are; of a device the first that it tells counts."""
DENSITY = "crowd_density"
FRESH_US = HOUR_US // 4
NO_INCIDENTS = (*MOTIONS, PLATE)
"""Types of events that are detections: many, and of nothing that anybody would call an incident."""


class CrowdNow(msgspec.Struct, frozen=True, kw_only=True):
    """What the devices of a place told of its crowd within a quarter of an hour.

    people    all devices together; per_m2 the densest; None where nobody told
    age_us    of the oldest that counts
    """

    people: float | None
    per_m2: float | None
    devices: int
    age_us: int | None


def fetch_crowd_now(connection: sa.Connection, devices: Iterable[str], *, now: int) -> dict[str, dict[str, Any]]:
    """Device -> what it told last of its crowd: `people`, `per_m2`, `at`."""
    series = _series(connection, devices)
    rows = raw_connection(connection).execute(
        "SELECT series_pk, observed_at, value FROM reading_values WHERE observed_at >= ? AND observed_at <= ? "
        "AND series_pk IN (SELECT value FROM json_each(?)) ORDER BY observed_at",
        (now - FRESH_US, now + FRESH_US, msgspec.json.encode([*series]).decode()),
    )
    last = {key: (at, value) for key, at, value in rows}
    found: dict[str, dict[str, Any]] = {}
    for key, (at, value) in last.items():
        device, metric = series[key]
        told = found.setdefault(device, {"at": at})
        told["at"] = min(told["at"], at)
        if metric == DENSITY:
            told["per_m2"] = max(told.get("per_m2", 0.0), value)
        else:
            told[metric] = told.get(metric, 0.0) + value
    for told in found.values():
        told["people"] = next((told[metric] for metric in PEOPLE if metric in told), None)
    return found


def crowd_of(told: Mapping[str, Mapping[str, Any]], devices: Iterable[str], *, now: int) -> CrowdNow:
    """The crowd of a group of devices, from what each told."""
    mine = [told[device] for device in devices if device in told]
    people = [one["people"] for one in mine if one.get("people") is not None]
    densities = [one["per_m2"] for one in mine if "per_m2" in one]
    return CrowdNow(
        people=float(sum(people)) if people else None,
        per_m2=max(densities) if densities else None,
        devices=len(mine),
        age_us=now - min(one["at"] for one in mine) if mine else None,
    )


def fetch_hourly_crowd(connection: sa.Connection, devices: Iterable[str], hours: Sequence[Hour]) -> Floats:
    """(n,) how crowded each hour was, against the usual of those that tell; NaN where nobody told.

    Each series is divided by its own mean, and those that tell in an hour are averaged: so one that fails for a week
    changes nothing, and people and people a square metre go together.
    """
    series = _series(connection, devices)
    place = {hour.start: n for n, hour in enumerate(hours)}
    rows = raw_connection(connection).execute(
        "SELECT b.hour, b.series_pk, b.value_count, b.value_total FROM json_each(?1) AS h "
        "CROSS JOIN json_each(?2) AS s CROSS JOIN reading_hours AS b ON b.hour = h.value AND b.series_pk = s.value",
        (msgspec.json.encode([*place]).decode(), msgspec.json.encode([*series]).decode()),
    )
    levels: dict[int, Floats] = {}
    for hour, key, count, total in rows:
        levels.setdefault(key, np.full(len(hours), np.nan))[place[hour]] = divide(decode_exact(total), count)
    told = [of_series / mean for of_series in levels.values() if (mean := float(np.nanmean(of_series))) > 0.0]
    if not told:
        return np.full(len(hours), np.nan)
    table = np.array(told)
    known = np.isfinite(table).sum(axis=0)
    sums = np.nansum(table, axis=0)
    found: Floats = np.where(known > 0, sums / np.maximum(known, 1), np.nan)
    return found


def fetch_hourly_incidents(
    connection: sa.Connection,
    cells: Sequence[int],
    hours: Sequence[Hour],
    *,
    resolution: int,
    bins: SiteBins,
    types: Sequence[str],
) -> dict[str, NDArray[np.int64]]:
    """Type -> (n,) events of each hour in these cells; `types` empty: all but detections.

    cells  of a resolution that is counted
    """
    place = {hour.start: n for n, hour in enumerate(hours)}
    found: dict[str, NDArray[np.int64]] = {}

    def add(event_type: str, hour: int, count: int) -> None:
        if (event_type in types if types else event_type not in NO_INCIDENTS) and hour in place:
            found.setdefault(event_type, np.zeros(len(hours), dtype=np.int64))[place[hour]] += count

    raw = raw_connection(connection)
    days = sorted({hour.day for hour in hours})
    rows = raw.execute(
        "SELECT c.hour, c.event_type, c.event_count FROM json_each(?1) AS d CROSS JOIN json_each(?2) AS k "
        "CROSS JOIN event_counts AS c ON c.resolution = ?3 AND c.day = d.value AND c.h3_index = k.value",
        (msgspec.json.encode(days).decode(), msgspec.json.encode([*cells]).decode(), resolution),
    )
    for hour, event_type, count in rows:
        add(event_type, hour, count)
    tally = Tally(SiteHours(bins.zone), (resolution,))
    tail = raw.execute(
        "SELECT event_timestamp, event_type, geom FROM events WHERE event_pk > ?",
        (fetch_counted(raw).get(resolution, 0),),
    )
    tally_rows(tally, tail)
    wanted = set(cells)
    for (_, _, cell, hour, event_type), count in tally.counts.items():
        if cell in wanted:
            add(event_type, hour, count)
    return found


def fetch_whole_from(connection: sa.Connection, start: int) -> int:
    """The instant from which on, not before `start`, no hour has lost its events: the hours before are folded."""
    row = raw_connection(connection).execute("SELECT max(hour) FROM purged_hours").fetchone()
    return max(start, row[0] + 24 * HOUR_US) if row[0] is not None else start


def fetch_deaf_spans(connection: sa.Connection, start: int, now: int) -> list[tuple[int, int]]:
    """[begin, end) of outages of the broker and the box since an instant: nobody could be heard."""
    rows = raw_connection(connection).execute(
        "SELECT began_at, coalesce(ended_at, ?2) FROM outages WHERE kind IN ('broker', 'box') "
        "AND coalesce(ended_at, ?2) > ?1 ORDER BY began_at",
        (start, now),
    )
    return [(began, ended) for began, ended in rows]


def fetch_device_outages(
    connection: sa.Connection, start: int, now: int
) -> list[tuple[int, int, frozenset[str] | None]]:
    """[begin, end) and the devices of every outage since an instant; None: all of them."""
    rows = raw_connection(connection).execute(
        "SELECT began_at, coalesce(ended_at, ?2), kind, devices_json FROM outages WHERE coalesce(ended_at, ?2) > ?1",
        (start, now),
    )
    return [
        (began, ended, frozenset(msgspec.json.decode(text)) if kind == "segment" else None)
        for began, ended, kind, text in rows
    ]


def site_days(hours: Sequence[Hour]) -> list[date]:
    """The days of hours, each once, in their order."""
    return [date.fromisoformat(day) for day in dict.fromkeys(hour.day for hour in hours)]


def hour_of_week(hour: Hour, bins: SiteBins) -> int:
    """0..167 by the site's clock, from Monday midnight."""
    local = from_us(hour.start).astimezone(bins.zone)
    return local.weekday() * 24 + local.hour


def _series(connection: sa.Connection, devices: Iterable[str]) -> dict[int, tuple[str, str]]:
    """Series -> (device, metric without channel) of those that tell of a crowd."""
    metrics = (*PEOPLE, DENSITY)
    conditions = " OR ".join("metric = ? OR metric LIKE ? || '.%'" for _ in metrics)
    values = [one for metric in metrics for one in (metric, metric)]
    rows = raw_connection(connection).execute(
        "SELECT series_pk, device, metric FROM reading_series "
        f"WHERE device IN (SELECT value FROM json_each(?)) AND ({conditions})",
        (msgspec.json.encode([*devices]).decode(), *values),
    )
    return {key: (device, metric.partition(".")[0]) for key, device, metric in rows}
