"""What devices tell of themselves, folded into the registry with the batch that brought it.

A source that nobody has entered becomes a device whose registration is pending. What a person set stays: a report fills
a name only where there is none. Called by `intake.batch`.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from appliance.clock import to_us
from appliance.model.facts import merge_facts
from appliance.model.intake import DeviceReport, Fix
from appliance.store.engine import raw_connection
from appliance.store.totals import add_totals

MAX_DEVICES = 50_000
MAX_TOPICS = 50  # of one device
MAX_NAME = 200  # characters
SOURCES_A_QUERY = 500
AHEAD = timedelta(minutes=5)  # a fix further ahead of its receipt is not believed

_INSERT = """
INSERT INTO devices (source, family, name, facts_json, topics_json, last_seen, state, cause, state_at, first_seen)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_TELL = "UPDATE devices SET family = ?, name = ?, facts_json = ?, topics_json = ?, last_seen = ? WHERE device_pk = ?"
_STATE = "UPDATE devices SET state = ?, cause = ?, state_at = ? WHERE device_pk = ?"
_FIX = """
UPDATE devices SET fix_at = ?, fix_longitude = ?, fix_latitude = ?
WHERE source = ? AND (fix_at IS NULL OR fix_at < ? OR fix_at > ?)
"""


class _Told(msgspec.Struct, frozen=True):
    """What a device told of itself, as the columns hold it."""

    family: str = ""
    name: str = ""
    facts_json: str = "{}"
    topics_json: str = "[]"


class _State(msgspec.Struct, frozen=True):
    """The state of a device, why and since when."""

    state: str
    cause: str
    state_at: int


class _Device(msgspec.Struct, frozen=True):
    """A row of the registry; one that is not there yet has no key."""

    key: int | None
    told: _Told
    state: _State
    first_seen: int
    last_seen: int


def fold_reports(connection: sa.Connection, reports: Sequence[DeviceReport], *, max_devices: int = MAX_DEVICES) -> None:
    """Write what reports taught; beyond `max_devices` an unknown source is only counted, as `devices_refused`."""
    if not reports:
        return
    raw = raw_connection(connection)
    before = _fetch(raw, sorted({report.source for report in reports}))
    after = dict(before)
    room = max_devices
    if any(report.source not in before for report in reports):
        room -= raw.execute("SELECT count(*) FROM devices").fetchone()[0]
    refused = 0
    for report in reports:
        device = after.get(report.source)
        if device is None:
            if room <= 0:
                refused += 1
                continue
            room -= 1
            device = _new(report)
        after[report.source] = _heard(device, report)
    _write(raw, before, after)
    add_totals(connection, {("devices_refused", ""): refused})


def keep_last_fixes(connection: sa.Connection, fixes: Sequence[Fix]) -> None:
    """Keep the newest fix of each device that can be believed.

    A fix dated into the future never becomes the last one; where it did, under a wrong clock of ours, it gives way.
    """
    newest: dict[str, Fix] = {}
    for fix in fixes:
        believed = fix.clock_quality in {"good", "missing"} and fix.observed_at <= fix.received_at + AHEAD
        if believed and not fix.transient:
            known = newest.get(fix.device)
            if known is None or known.observed_at < fix.observed_at:
                newest[fix.device] = fix
    rows = []
    for fix in newest.values():
        us = to_us(fix.observed_at)
        rows.append((us, fix.longitude, fix.latitude, fix.device, us, to_us(fix.received_at + AHEAD)))
    raw_connection(connection).executemany(_FIX, rows)


def _fetch(raw: Any, sources: Sequence[str]) -> dict[str, _Device]:
    found = {}
    for start in range(0, len(sources), SOURCES_A_QUERY):
        part = sources[start : start + SOURCES_A_QUERY]
        rows = raw.execute(
            "SELECT source, device_pk, family, name, facts_json, topics_json, state, cause, state_at, first_seen, "
            f"last_seen FROM devices WHERE source IN ({', '.join('?' * len(part))})",
            part,
        )
        for row in rows:
            found[row[0]] = _Device(row[1], _Told(*row[2:6]), _State(*row[6:9]), row[9], row[10])
    return found


def _new(report: DeviceReport) -> _Device:
    seen = to_us(report.seen_at)
    state = _State("offline", "will", seen) if report.state == "offline" else _State("online", "", seen)
    return _Device(None, _Told(), state, seen, seen)


def _heard(device: _Device, report: DeviceReport) -> _Device:
    seen = to_us(report.seen_at)
    return _Device(
        device.key,
        _told(device.told, report),
        _state(device.state, report, seen),
        device.first_seen,
        max(device.last_seen, seen),
    )


def _told(told: _Told, report: DeviceReport) -> _Told:
    name = told.name
    if not name and isinstance(report.facts.get("name"), str):
        name = report.facts["name"][:MAX_NAME]
    return _Told(
        told.family or report.family,
        name,
        _merged_facts(told.facts_json, report.facts),
        _merged_topics(told.topics_json, report.topics),
    )


def _state(state: _State, report: DeviceReport, seen: int) -> _State:
    """A birth or last will decides, except under maintenance; a device that was never heard is there once it is."""
    if state.state == "maintenance":
        return state
    wanted = report.state or ("online" if state.state == "pending" else state.state)
    if wanted == state.state:
        return state
    cause = {"online": "birth", "offline": "will"}.get(report.state or "", "")
    return _State(wanted, cause, seen)


def _merged_facts(text: str, facts: Mapping[str, Any]) -> str:
    if not facts:
        return text
    known = msgspec.json.decode(text)
    merged = dict(known)
    merge_facts(merged, facts)
    return text if merged == known else msgspec.json.encode(merged).decode()


def _merged_topics(text: str, topics: Sequence[str]) -> str:
    if not topics:
        return text
    known = msgspec.json.decode(text)
    merged = list(dict.fromkeys([*known, *topics]))[:MAX_TOPICS]
    return text if merged == known else msgspec.json.encode(merged).decode()


def _write(raw: Any, before: Mapping[str, _Device], after: Mapping[str, _Device]) -> None:
    """Write only what differs; the state on its own, since an index hangs on it."""
    fresh, told, states, seen = [], [], [], []
    for source, device in after.items():
        known, tell = before.get(source), msgspec.structs.astuple(device.told)
        if known is None:
            fresh.append((source, *tell, device.last_seen, *msgspec.structs.astuple(device.state), device.first_seen))
            continue
        if device.told != known.told:
            told.append((*tell, device.last_seen, device.key))
        elif device.last_seen != known.last_seen:
            seen.append((device.last_seen, device.key))
        if device.state != known.state:
            states.append((*msgspec.structs.astuple(device.state), device.key))
    raw.executemany(_INSERT, fresh)
    raw.executemany(_TELL, told)
    raw.executemany(_STATE, states)
    raw.executemany("UPDATE devices SET last_seen = ? WHERE device_pk = ?", seen)
