"""Thresholds of measured values as the site sets them, and how each series stands to its own.

The jobs process judges readings (`iot.thresholds`) and writes here what turned; what it has not written is judged again
after a restart, from the state that is written, and comes out the same.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from appliance.clock import to_us
from appliance.errors import Conflict, NotFound, Rejected
from appliance.iot.limits import DEFAULTS, metric_of, threshold_of
from appliance.iot.thresholds import Phase, ThresholdState
from appliance.model.iot import Threshold, ThresholdChange, check_threshold
from appliance.store.audit import insert_audit
from appliance.store.device.zones import ZONE_OF_DEVICE, fetch_zone
from appliance.store.engine import raw_connection
from firmware_bridge.notation.metrics import UNITS

MAX_THRESHOLDS = 2_000

_SET = "metric, zone, raise_at, clear_at, hold_s, severity, enabled, note"
_VALUES = """
WITH watched AS MATERIALIZED (SELECT value ->> 0 AS series_pk, value ->> 1 AS last_at FROM json_each(?))
SELECT v.observed_at, v.series_pk, v.value FROM reading_values AS v
CROSS JOIN watched AS w ON w.series_pk = v.series_pk AND v.observed_at > w.last_at
WHERE v.observed_at >= ? AND v.observed_at < ? AND (v.observed_at, v.series_pk, v.value) > (?, ?, ?)
AND v.clock_quality NOT IN ('future', 'ancient')
ORDER BY v.observed_at, v.series_pk, v.value LIMIT ?
"""


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """A series that has a threshold."""

    series_pk: int
    device: str
    metric: str
    unit: str
    zone: str
    threshold: Threshold


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A series that has a threshold and has told something, and how it stands to it."""

    series: Watched
    state: ThresholdState


def fetch_site_thresholds(connection: sa.Connection) -> dict[tuple[str, str], Threshold]:
    """(metric, zone) -> what a person set."""
    rows = raw_connection(connection).execute(f"SELECT {_SET} FROM environment_thresholds")
    return {(row[0], row[1]): _threshold(row) for row in rows}


def fetch_thresholds(connection: sa.Connection) -> list[Threshold]:
    """Every threshold: what a person set, and the defaults in whose place nothing was set; by metric and zone."""
    site = fetch_site_thresholds(connection)
    kept = [default for metric, default in DEFAULTS.items() if (metric, "") not in site]
    return sorted([*site.values(), *kept], key=lambda one: (one.metric, one.zone))


def put_threshold(
    connection: sa.Connection, metric: str, zone: str, change: ThresholdChange, *, who: str, now: datetime
) -> Threshold:
    """Set a threshold for a metric, everywhere or in one zone; who did it is in the audit log.

    raises  Rejected  it makes no hysteresis, or the metric's name holds a channel
            NotFound  no such zone
            Conflict  there are `MAX_THRESHOLDS`
    """
    check_threshold(change)
    if metric_of(metric) != metric:
        raise Rejected(f"a threshold is for all channels: {metric_of(metric)!r}", "metric")
    if zone:
        fetch_zone(connection, zone)
    raw = raw_connection(connection)
    if raw.execute("SELECT count(*) FROM environment_thresholds").fetchone()[0] >= MAX_THRESHOLDS:
        raise Conflict(f"there are {MAX_THRESHOLDS} thresholds; remove some first")
    row = (metric, zone, change.raise_at, change.clear_at, change.hold_s, change.severity, change.enabled, change.note)
    raw.execute(
        f"REPLACE INTO environment_thresholds ({_SET}, changed_by, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*row, who, to_us(now)),
    )
    _audit(connection, "threshold.set", metric, zone, who=who, now=now, detail=msgspec.structs.asdict(change))
    return _threshold(row)


def delete_threshold(connection: sa.Connection, metric: str, zone: str, *, who: str, now: datetime) -> None:
    """Take back what was set, so that what lies behind it holds again.

    raises  NotFound  nothing was set
    """
    deleted = (
        raw_connection(connection)
        .execute("DELETE FROM environment_thresholds WHERE metric = ? AND zone = ?", (metric, zone))
        .rowcount
    )
    if not deleted:
        where = f"in zone {zone!r}" if zone else "for every zone"
        raise NotFound(
            f"no threshold of {metric[:64]!r} was set {where}; `hexpost threshold list` shows those there are"
        )
    _audit(connection, "threshold.remove", metric, zone, who=who, now=now, detail={})


def fetch_watched(connection: sa.Connection) -> list[Watched]:
    """The series that have a threshold, each with the zone its device is in."""
    site = fetch_site_thresholds(connection)
    metrics = {metric for metric, _ in site} | DEFAULTS.keys()
    raw = raw_connection(connection)
    rows = [
        row
        for row in raw.execute("SELECT series_pk, device, metric, unit FROM reading_series ORDER BY series_pk")
        if metric_of(row[2]) in metrics
    ]
    zones = zones_of(raw, {row[1] for row in rows})
    found = []
    for series_pk, device, metric, unit in rows:
        zone = zones.get(device, "")
        threshold = threshold_of(site, metric_of(metric), unit, zone)
        if threshold is not None:
            found.append(
                Watched(series_pk=series_pk, device=device, metric=metric, unit=unit, zone=zone, threshold=threshold)
            )
    return found


def fetch_threshold_states(connection: sa.Connection) -> dict[int, ThresholdState]:
    """Series -> how it stands, as it was last written."""
    rows = raw_connection(connection).execute(
        "SELECT series_pk, phase, since, raised_at, last_at, last_value, worst FROM environment_states"
    )
    return {row[0]: _state(row[1:]) for row in rows}


def fetch_unalerted(connection: sa.Connection) -> set[int]:
    """Series that are raised and of which nobody was told."""
    return {
        row[0]
        for row in raw_connection(connection).execute(
            "SELECT series_pk FROM environment_states WHERE raised_at IS NOT NULL AND alerted = 0"
        )
    }


def write_threshold_states(
    connection: sa.Connection, states: Mapping[int, ThresholdState], alerted: Iterable[int], *, read_from: int
) -> None:
    """Write states, of which series somebody has been told, and up to when readings are judged."""
    raw, told = raw_connection(connection), set(alerted)
    raw.executemany(
        "INSERT INTO environment_states (series_pk, phase, since, raised_at, last_at, last_value, worst, alerted) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO UPDATE SET phase = excluded.phase, since = excluded.since, "
        "raised_at = excluded.raised_at, last_at = excluded.last_at, last_value = excluded.last_value, "
        "worst = excluded.worst, alerted = iif(raised_at IS excluded.raised_at, alerted, 0)",
        [
            (key, one.phase, one.since, one.raised_at, one.last_at, one.last_value, one.worst)
            for key, one in sorted(states.items())
        ],
    )
    raw.executemany("UPDATE environment_states SET alerted = 1 WHERE series_pk = ?", [(key,) for key in sorted(told)])
    raw.execute("UPDATE iot_followed SET read_from = ?", (read_from,))


def fetch_values(
    connection: sa.Connection,
    last: Mapping[int, int],
    *,
    start: int,
    end: int,
    after: tuple[int, int, float],
    limit: int,
) -> list[tuple[int, int, float]]:
    """(observed_at, series, value) of [start, end) that are newer than the last of their series, in the order of time.

    last   series -> the time of its last value that was judged
    after  the row that the page before ended with
    """
    found: list[tuple[int, int, float]] = (
        raw_connection(connection)
        .execute(_VALUES, (msgspec.json.encode([*last.items()]).decode(), start, end, *after, limit))
        .fetchall()
    )
    return found


def fetch_standings(connection: sa.Connection) -> list[Standing]:
    """Every series that has a threshold and has told something."""
    states = fetch_threshold_states(connection)
    return [
        Standing(series=series, state=states[series.series_pk])
        for series in fetch_watched(connection)
        if series.series_pk in states
    ]


def zones_of(raw: Any, devices: Iterable[str]) -> dict[str, str]:
    """Device -> the zone that it is in, '' for none; a device that is not registered is left out."""
    names = msgspec.json.encode([*devices]).decode()
    return dict(
        raw.execute(
            f"SELECT d.source, coalesce({ZONE_OF_DEVICE}, '') FROM devices AS d "
            "WHERE d.source IN (SELECT value FROM json_each(?))",
            (names,),
        ).fetchall()
    )


def _threshold(row: tuple[Any, ...]) -> Threshold:
    metric, zone, raise_at, clear_at, hold_s, severity, enabled, note = row
    return Threshold(
        metric=metric,
        zone=zone,
        unit=UNITS.get(metric, ""),
        raise_at=raise_at,
        clear_at=clear_at,
        hold_s=hold_s,
        severity=severity,
        enabled=bool(enabled),
        origin="site",
        source=note,
    )


def _state(row: tuple[Any, ...]) -> ThresholdState:
    phases: dict[str, Phase] = {"calm": "calm", "rising": "rising", "raised": "raised", "falling": "falling"}
    return ThresholdState(
        phase=phases[row[0]],
        since=row[1],
        raised_at=row[2],
        last_at=row[3],
        last_value=row[4],
        worst=row[5],
    )


def _audit(
    connection: sa.Connection, action: str, metric: str, zone: str, *, who: str, now: datetime, detail: dict[str, Any]
) -> None:
    subject = f"threshold/{metric}{'/' if zone else ''}{zone}"
    insert_audit(connection, who=who, action=action, subject=subject, at=now, detail=detail)
