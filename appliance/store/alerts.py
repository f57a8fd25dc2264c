"""Alerts: raised and closed by rules, acknowledged and closed by people, told on by outlets.

A rule calls `raise_alert` as often as it finds something and `close_alert` when it no longer does, in the transaction
of what it found; the same told again only counts. Each change that somebody should hear of takes the next `rev`, and
whoever tells alerts on (the bridge, the live stream) follows it: an alert that changed twice meanwhile is told once, as
it is. Open ones and the newest closed ones are kept; the closed ones that go, and what finds no room, are counted.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from appliance.clock import from_us, to_us
from appliance.errors import Conflict, NotFound
from appliance.model.alert import SEVERITIES, Alert, AlertFilter, AlertState, Severity
from appliance.store.audit import insert_audit
from appliance.store.engine import Store, raw_connection
from appliance.store.totals import add_totals

KEEP_CLOSED = 5_000
MAX_OPEN = 5_000  # a site with more is not helped by another
QUIET_US = 60_000_000  # one minute: told again sooner it is not written, to spare the card
MAX_DETAIL = 16_384  # bytes of JSON

_COLUMNS = (
    "alert_pk, kind, subject, severity, title, detail_json, state, raised_at, last_at, times, changed_at, "
    "acknowledged_by, acknowledged_at, closed_by, closed_at, note, rev"
)
# The row with the highest rev is never let go, so this never gives one twice.
_NEXT_REV = "(SELECT coalesce(max(rev), 0) + 1 FROM alerts)"
_FORWARD: Mapping[AlertState, tuple[AlertState, ...]] = {
    "open": ("acknowledged", "closed"),
    "acknowledged": ("closed",),
}


def raise_alert(
    connection: sa.Connection,
    *,
    kind: str,
    subject: str,
    severity: Severity,
    title: str,
    detail: Mapping[str, Any],
    now: datetime,
) -> int | None:
    """Raise an alert; its key, or None where one of this kind and subject is open or acknowledged already.

    That one is then told again: its detail, time and number, at most once a minute. Where it has become worse it says
    so at once, and what was acknowledged is open again. None too where `MAX_OPEN` are open, which is counted.
    raises  ValueError  the detail is longer than `MAX_DETAIL`
    """
    raw = raw_connection(connection)
    values = {
        "kind": kind,
        "subject": subject,
        "severity": severity,
        "title": title,
        "detail": _encode(kind, subject, detail),
        "now": to_us(now),
    }
    found = raw.execute(
        "SELECT alert_pk, severity FROM alerts WHERE kind = ? AND subject = ? AND state <> 'closed'", (kind, subject)
    ).fetchone()
    if found is not None:
        _tell_again(raw, found[0], worse=SEVERITIES.index(severity) > SEVERITIES.index(found[1]), values=values)
        return None
    if raw.execute("SELECT count(*) FROM alerts WHERE state <> 'closed'").fetchone()[0] >= MAX_OPEN:
        add_totals(connection, {("alerts_refused", kind): 1})
        return None
    cursor = raw.execute(
        "INSERT INTO alerts (kind, subject, severity, title, detail_json, raised_at, last_at, changed_at, rev) "
        f"VALUES (:kind, :subject, :severity, :title, :detail, :now, :now, :now, {_NEXT_REV})",
        values,
    )
    return int(cursor.lastrowid)


def close_alert(
    connection: sa.Connection,
    *,
    kind: str,
    subject: str,
    now: datetime,
    title: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> bool:
    """Close the alert of this kind and subject, for its rule; whether there was one.

    title, detail  how it ended, where that is more than that it is over
    raises  ValueError  the detail is longer than `MAX_DETAIL`
    """
    raw = raw_connection(connection)
    cursor = raw.execute(
        "UPDATE alerts SET state = 'closed', closed_at = :now, changed_at = :now, title = coalesce(:title, title), "
        f"detail_json = coalesce(:detail, detail_json), rev = {_NEXT_REV} "
        "WHERE kind = :kind AND subject = :subject AND state <> 'closed'",
        {
            "kind": kind,
            "subject": subject,
            "now": to_us(now),
            "title": title,
            "detail": None if detail is None else _encode(kind, subject, detail),
        },
    )
    if cursor.rowcount:
        _let_old_go(connection)
    return bool(cursor.rowcount)


def is_raised(connection: sa.Connection, *, kind: str, subject: str) -> bool:
    """Whether an alert of this kind and subject is open or acknowledged."""
    row = raw_connection(connection).execute(
        "SELECT 1 FROM alerts WHERE kind = ? AND subject = ? AND state <> 'closed'", (kind, subject)
    )
    return row.fetchone() is not None


def change_alert(
    connection: sa.Connection, alert_id: int, *, state: AlertState | None, note: str | None, who: str, now: datetime
) -> Alert:
    """A person acknowledges or closes an alert, or writes a note to it; the alert after that. Twice is once.

    raises  NotFound  there is no such alert, or no longer
    raises  Conflict  it is beyond that state already
    """
    raw = raw_connection(connection)
    alert = fetch_alert(connection, alert_id)
    moves = state is not None and state != alert.state
    if state is not None and moves and state not in _FORWARD.get(alert.state, ()):
        raise Conflict(f"alert {alert_id} is {alert.state}, it does not become {state} again; a new one may be raised")
    if not moves and (note is None or note == alert.note):
        return alert
    values: dict[str, Any] = {
        "who": who,
        "now": to_us(now),
        "note": note,
        "pk": alert_id,
        "state": state or alert.state,
    }
    stamps = ""
    if moves:
        stamps = f", {state}_by = :who, {state}_at = :now, changed_at = :now"
    raw.execute(
        f"UPDATE alerts SET state = :state, note = coalesce(:note, note), rev = {_NEXT_REV}{stamps} "
        "WHERE alert_pk = :pk",
        values,
    )
    detail = {"kind": alert.kind, "subject": alert.subject, **({"note": note} if note is not None else {})}
    action = "alert." + {"acknowledged": "acknowledge", "closed": "close"}[state] if moves and state else "alert.note"
    insert_audit(connection, who=who, action=action, subject=f"alert/{alert_id}", at=now, detail=detail)
    if moves and state == "closed":
        _let_old_go(connection)
    return fetch_alert(connection, alert_id)


def fetch_alert(connection: sa.Connection, alert_id: int) -> Alert:
    """One alert.

    raises  NotFound
    """
    row = (
        raw_connection(connection).execute(f"SELECT {_COLUMNS} FROM alerts WHERE alert_pk = ?", (alert_id,)).fetchone()
    )
    if row is None:
        raise NotFound(f"no alert {alert_id}; the newest {KEEP_CLOSED} closed ones are kept, GET /v1/alerts lists them")
    return _alert(row)


def fetch_alerts(
    connection: sa.Connection, wanted: AlertFilter | None = None, *, cursor: int | None = None, limit: int = 100
) -> tuple[list[Alert], int | None]:
    """A page of alerts, the last raised first, and the cursor of the next one or None.

    cursor  as an earlier page gave it
    """
    chosen = wanted or AlertFilter()
    conditions = {
        "alert_pk < :cursor": cursor,
        "state = :state": chosen.state,
        "kind = :kind": chosen.kind,
        "severity = :severity": chosen.severity,
        "raised_at >= :from_time": to_us(chosen.from_time) if chosen.from_time else None,
    }
    given = {text: value for text, value in conditions.items() if value is not None}
    where = f"WHERE {' AND '.join(given)}" if given else ""
    rows = (
        raw_connection(connection)
        .execute(
            f"SELECT {_COLUMNS} FROM alerts {where} ORDER BY alert_pk DESC LIMIT :limit",
            {**{text.rpartition(":")[2]: value for text, value in given.items()}, "limit": limit + 1},
        )
        .fetchall()
    )
    return [_alert(row) for row in rows[:limit]], rows[limit - 1][0] if len(rows) > limit else None


def fetch_alerts_after(connection: sa.Connection, rev: int, limit: int) -> list[Alert]:
    """Alerts that changed after a revision, in the order in which they did."""
    rows = raw_connection(connection).execute(
        f"SELECT {_COLUMNS} FROM alerts WHERE rev > ? ORDER BY rev LIMIT ?", (rev, limit)
    )
    return [_alert(row) for row in rows.fetchall()]


def fetch_last_rev(connection: sa.Connection) -> int:
    """The revision of the last change; 0 where there was none."""
    return int(raw_connection(connection).execute("SELECT coalesce(max(rev), 0) FROM alerts").fetchone()[0])


class AlertOutlet:
    """What one outlet has yet to tell, and how far it has come. Each call is one transaction."""

    def __init__(self, store: Store, outlet: str) -> None:
        self._store = store
        self._outlet = outlet

    def fetch_untold(self, limit: int) -> list[Alert]:
        """Changes that were not told yet, the oldest first."""
        with self._store.read() as connection:
            row = (
                raw_connection(connection)
                .execute("SELECT rev FROM alert_outlets WHERE outlet = ?", (self._outlet,))
                .fetchone()
            )
            return fetch_alerts_after(connection, row[0] if row else 0, limit)

    def mark_told(self, rev: int, *, passed_over: int) -> None:
        """All up to this revision need not be told again; so many of them were too old to be told at all."""
        with self._store.write() as connection:
            raw_connection(connection).execute(
                "INSERT INTO alert_outlets (outlet, rev) VALUES (?, ?) "
                "ON CONFLICT DO UPDATE SET rev = max(rev, excluded.rev)",
                (self._outlet, rev),
            )
            add_totals(connection, {("alerts_passed_over", self._outlet): passed_over})


def _encode(kind: str, subject: str, detail: Mapping[str, Any]) -> str:
    text = msgspec.json.encode(detail)
    if len(text) > MAX_DETAIL:
        raise ValueError(f"the detail of alert {kind} {subject} has {len(text)} bytes, more than {MAX_DETAIL}")
    return text.decode()


def _tell_again(raw: Any, alert_pk: int, *, worse: bool, values: dict[str, Any]) -> None:
    if worse:
        raw.execute(
            "UPDATE alerts SET severity = :severity, title = :title, detail_json = :detail, last_at = :now, "
            f"times = times + 1, state = 'open', changed_at = :now, rev = {_NEXT_REV} WHERE alert_pk = :pk",
            {**values, "pk": alert_pk},
        )
    else:
        raw.execute(
            "UPDATE alerts SET title = :title, detail_json = :detail, last_at = :now, times = times + 1 "
            "WHERE alert_pk = :pk AND abs(:now - last_at) >= :quiet",
            {**values, "pk": alert_pk, "quiet": QUIET_US},
        )


def _let_old_go(connection: sa.Connection) -> None:
    cursor = raw_connection(connection).execute(
        "DELETE FROM alerts WHERE alert_pk IN (SELECT alert_pk FROM alerts WHERE state = 'closed' "
        "ORDER BY closed_at DESC, alert_pk DESC LIMIT -1 OFFSET ?) AND rev < (SELECT max(rev) FROM alerts)",
        (KEEP_CLOSED,),
    )
    add_totals(connection, {("alerts_let_go", ""): cursor.rowcount})


def _alert(row: tuple[Any, ...]) -> Alert:
    return Alert(
        alert_id=row[0],
        kind=row[1],
        subject=row[2],
        severity=row[3],
        title=row[4],
        detail=msgspec.json.decode(row[5]),
        state=row[6],
        raised_at=from_us(row[7]),
        last_at=from_us(row[8]),
        times=row[9],
        changed_at=from_us(row[10]),
        acknowledged_by=row[11],
        acknowledged_at=from_us(row[12]) if row[12] is not None else None,
        closed_by=row[13],
        closed_at=from_us(row[14]) if row[14] is not None else None,
        note=row[15],
        rev=row[16],
    )
