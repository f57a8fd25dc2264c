"""How devices were over time: a row for each time in one state, and what of it is asked.

The bridge notes a change when it judges one; nothing is written while nothing changes. A box that was off closes no
spans, since that would write thousands of rows at every start: when it did not listen is told by the outages of the
broker and the box, by the gaps of the boot ledger, and by `coverage_state.deaf_since`, and holds for all devices alike.
"""

import itertools
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from appliance.clock import to_us
from appliance.coverage.line import Interval, Span, merged
from appliance.errors import Unavailable
from appliance.model.field import StateChange
from appliance.store.clock.boots import fetch_boots
from appliance.store.engine import Store, raw_connection
from appliance.store.step import STEP_ROWS, Step

log = logging.getLogger(__name__)

MAX_SPANS = 500_000  # the newest; some 30 MB
SPAN_DAYS = 90
KEYS_A_QUERY = 500
EVER_US = 2**62
MAX_FOLLOWED = 4  # a stale device may get another cause before it is clear how it is
MIN_GAP_US = 60_000_000  # a restart of the box's parts is no outage, as in the bridge's own rule


def take_up_spans(store: Store) -> None:
    """`begin_spans` when the bridge starts; it starts also where the store cannot be written now, as on a full disk."""
    try:
        with store.write() as connection:
            begin_spans(connection)
    except Unavailable as error:
        log.warning("spans of devices are taken up at the next start: %s", error)


def begin_spans(connection: sa.Connection) -> int:
    """Have every device an open span that says what `devices` says; how many did not.

    What was written of a device outside the bridge's news, as when it was heard for the first time, is taken up here.
    """
    raw = raw_connection(connection)
    rows = raw.execute(
        "SELECT d.device_pk, d.state, d.cause, d.state_at FROM devices AS d LEFT JOIN device_spans AS s "
        "ON s.device_pk = d.device_pk AND s.to_time IS NULL "
        "WHERE s.span_pk IS NULL OR s.state <> d.state OR s.cause <> d.cause"
    ).fetchall()
    for device, state, cause, at in rows:
        _begin_span(raw, device, state, cause, at)
    return len(rows)


def write_spans(connection: sa.Connection, changes: Iterable[StateChange]) -> None:
    """End the spans of devices that changed and begin new ones; what is not registered is passed over."""
    raw = raw_connection(connection)
    written = False
    for change in changes:
        row = raw.execute("SELECT device_pk FROM devices WHERE source = ?", (change.source,)).fetchone()
        if row is not None:
            _begin_span(raw, row[0], change.state, change.cause, to_us(change.at))
            written = True
    if written:
        raw.execute(
            "DELETE FROM device_spans WHERE span_pk <= (SELECT max(span_pk) FROM device_spans) - ? "
            "AND to_time IS NOT NULL",
            (MAX_SPANS,),
        )


def fetch_spans(
    connection: sa.Connection, start: int, end: int, keys: Sequence[int] | None = None
) -> dict[int, list[Span]]:
    """Device -> its spans that touch [start, end) in the order in which they were written; of all, or of these keys.

    Of a device that is stale at the end what follows comes too, for it says how that ended.
    """
    raw = raw_connection(connection)
    select = "SELECT device_pk, state, cause, from_time, to_time FROM device_spans"
    rows: list[Any] = []
    if keys is None:
        rows += raw.execute(f"{select} WHERE to_time IS NULL AND from_time <= ?", (end,))
        rows += raw.execute(f"{select} WHERE to_time > ? AND from_time <= ? ORDER BY to_time", (start, end))
    for at in range(0, len(keys or ()), KEYS_A_QUERY):
        part = list(keys or ())[at : at + KEYS_A_QUERY]
        marks = ", ".join("?" * len(part))
        rows += raw.execute(
            f"{select} WHERE device_pk IN ({marks}) AND from_time <= ? AND (to_time IS NULL OR to_time > ?)",
            (*part, end, start),
        )
    found: dict[int, list[Span]] = defaultdict(list)
    for key, state, cause, began, ended in sorted(rows, key=lambda row: (row[0], row[3], row[4] or EVER_US)):
        found[key].append(Span(state=state, cause=cause, start=began, end=ended))
    for key, spans in found.items():
        _follow_stale(raw, key, spans, end)
    return found


def fetch_ours(connection: sa.Connection, start: int, end: int) -> list[Interval]:
    """When in [start, end) we did not listen: the broker or the box was down, or the bridge is not heard of."""
    raw = raw_connection(connection)
    rows = raw.execute(
        "SELECT began_at, ended_at FROM outages WHERE (ended_at IS NULL OR ended_at > ?) AND began_at < ? "
        "AND (kind = 'box' OR (kind = 'broker' AND device_count = 0))",  # with devices: they have spans of it
        (start, end),
    ).fetchall()
    rows += raw.execute("SELECT deaf_since, NULL FROM coverage_state WHERE deaf_since IS NOT NULL").fetchall()
    boots = fetch_boots(raw)
    for before, after in itertools.pairwise(boots):
        began = (after.base_us if after.offset_us is None else after.offset_us) + after.seen_us
        if began - before.last_time_us > MIN_GAP_US:
            rows.append((before.last_time_us, began))
    inside = ((max(began, start), end if ended is None else min(ended, end)) for began, ended in rows)
    return merged(inside)


def purge_spans(connection: sa.Connection, *, before: int, limit: int = STEP_ROWS) -> Step:
    """Spans that ended before an instant."""
    deleted: int = (
        raw_connection(connection)
        .execute(
            "DELETE FROM device_spans WHERE span_pk IN "
            "(SELECT span_pk FROM device_spans WHERE to_time < ? ORDER BY to_time LIMIT ?)",
            (before, limit),
        )
        .rowcount
    )
    return Step(deleted=deleted, more=deleted >= limit)


def _follow_stale(raw: Any, key: int, spans: list[Span], end: int) -> None:
    """Add the spans up to the one that says how a device's last one, which is stale beyond the end, ended."""
    for _ in range(MAX_FOLLOWED):
        last = spans[-1]
        if last.state != "stale" or last.end is None or last.end <= end:
            return
        row = raw.execute(
            "SELECT state, cause, from_time, to_time FROM device_spans WHERE device_pk = ? AND from_time = ?",
            (key, last.end),
        ).fetchone()
        if row is None:
            return
        spans.append(Span(state=row[0], cause=row[1], start=row[2], end=row[3]))


def _begin_span(raw: Any, device: int, state: str, cause: str, at: int) -> None:
    """End a device's open span and begin another; one that would have lasted no time is replaced."""
    row = raw.execute(
        "SELECT span_pk, from_time FROM device_spans WHERE device_pk = ? AND to_time IS NULL", (device,)
    ).fetchone()
    if row is not None and row[1] < at:
        raw.execute("UPDATE device_spans SET to_time = ? WHERE span_pk = ?", (at, row[0]))
    elif row is not None:
        raw.execute("DELETE FROM device_spans WHERE span_pk = ?", (row[0],))
    raw.execute(
        "INSERT INTO device_spans (device_pk, state, cause, from_time) VALUES (?, ?, ?, ?)", (device, state, cause, at)
    )
