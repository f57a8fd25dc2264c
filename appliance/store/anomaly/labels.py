"""What people say of anomalies, and what the detectors learn from it.

A label may be corrected: the threshold is computed from the labels as they stand, not step by step, so that a mistake
leaves nothing behind. Each change is in the audit log, and closes the alert of what is explained or false.
"""

from datetime import datetime
from typing import Any, get_args

import sqlalchemy as sa

from appliance.anomaly.feedback import fade, learn
from appliance.clock import from_us, to_us
from appliance.errors import Conflict, Rejected
from appliance.model.anomaly import MAX_NOTE, Anomaly, AnomalyChange, Label, State, Threshold
from appliance.store.alerts import close_alert
from appliance.store.anomaly.ledger import fetch_anomaly, next_rev
from appliance.store.audit import insert_audit
from appliance.store.engine import raw_connection

ALERT = "anomaly"
"""The kind of an anomaly's alert; its subject is the anomaly's."""
MAX_THRESHOLDS = 5_000  # the one that was changed the longest ago goes
MAX_LABELS = 1_000  # that are looked at, the newest: older ones have faded

_ALLOWED: dict[State, tuple[Label, ...]] = {
    "open": ("acknowledged", "explained", "false"),
    "acknowledged": ("acknowledged", "explained", "false"),
    "explained": ("explained", "false"),
    "false": ("explained", "false"),
}


def label_anomaly(
    connection: sa.Connection, anomaly_id: int, change: AnomalyChange, *, who: str, now: datetime
) -> Anomaly:
    """Say what an anomaly was; it as it then is. The same again, with the same note, changes nothing.

    raises  NotFound
    raises  Rejected  a state that nobody can give, or a note that is too long
    raises  Conflict  it is explained or false already, and is not to be merely acknowledged
    """
    before = fetch_anomaly(connection, anomaly_id)
    if change.state not in get_args(Label):
        raise Rejected(f"{change.state!r} is none of {', '.join(get_args(Label))}", "$.state")
    if change.note is not None and len(change.note) > MAX_NOTE:
        raise Rejected(f"{len(change.note)} characters, more than {MAX_NOTE}", "$.note")
    if change.state not in _ALLOWED[before.state]:
        raise Conflict(f"anomaly {anomaly_id} is {before.state}; it can become explained or false, not acknowledged")
    note = before.note if change.note is None else change.note
    if (change.state, note) == (before.state, before.note):
        return before
    raw = raw_connection(connection)
    moved = change.state != before.state
    raw.execute(
        "UPDATE anomalies SET state = ?, note = ?, labelled_by = ?, labelled_at = iif(?, ?, labelled_at), rev = ? "
        "WHERE anomaly_id = ?",
        (change.state, note, who, moved, to_us(now), next_rev(raw), anomaly_id),
    )
    detail = {"from": before.state, "to": change.state, "note": note}
    insert_audit(connection, who=who, action="anomaly.label", subject=f"anomaly/{anomaly_id}", at=now, detail=detail)
    if moved:
        _learn(raw, anomaly_id, now)
        if change.state in ("explained", "false"):
            close_alert(connection, kind=ALERT, subject=before.subject, now=now)
    return fetch_anomaly(connection, anomaly_id)


def fetch_bars(connection: sa.Connection) -> dict[str, tuple[float, int]]:
    """Subject or family -> decades above the standard as they were at an instant (microseconds)."""
    rows = raw_connection(connection).execute("SELECT subject, decades, changed_at FROM anomaly_thresholds")
    return {row[0]: (row[1], row[2]) for row in rows}


def bar_of(bars: dict[str, tuple[float, int]], subject: str, family: str, now_us: int) -> float:
    """Decades by which the bar of a subject stands above the standard now, its family's included."""
    return sum(
        fade(decades, (now_us - at) / 1e6) for decades, at in (bars[name] for name in (subject, family) if name in bars)
    )


def fetch_thresholds(connection: sa.Connection, anomaly_id: int, *, now: datetime) -> list[Threshold]:
    """What labels have taught for an anomaly's subject and family; those that are at the standard are not there."""
    rows = (
        raw_connection(connection)
        .execute(
            "SELECT t.subject, decades, false_count, true_count, changed_at, t.version FROM anomaly_thresholds AS t "
            "JOIN anomalies AS a ON t.subject IN (a.subject, a.family) WHERE anomaly_id = ? ORDER BY t.subject",
            (anomaly_id,),
        )
        .fetchall()
    )
    return [
        Threshold(
            subject=row[0],
            decades=round(fade(row[1], (now - from_us(row[4])).total_seconds()), 3),
            false_count=row[2],
            true_count=row[3],
            changed_at=from_us(row[4]),
            version=row[5],
        )
        for row in rows
    ]


def close_quiet_alerts(connection: sa.Connection, *, before: datetime, now: datetime, limit: int = 200) -> int:
    """Close the alerts of incidents of which nothing was seen since an instant; how many. Nobody may be there to."""
    rows = raw_connection(connection).execute(
        "SELECT a.subject FROM alerts AS a WHERE a.kind = ? AND a.state <> 'closed' AND NOT EXISTS "
        "(SELECT 1 FROM anomalies AS n WHERE n.subject = a.subject AND n.last_at >= ?) LIMIT ?",
        (ALERT, to_us(before), limit),
    )
    return sum(close_alert(connection, kind=ALERT, subject=subject, now=now) for (subject,) in rows.fetchall())


def _learn(raw: Any, anomaly_id: int, now: datetime) -> None:
    """Compute the bars of its subject and its family anew from all their labels."""
    subject, family = raw.execute(
        "SELECT subject, family FROM anomalies WHERE anomaly_id = ?", (anomaly_id,)
    ).fetchone()
    for name, column in ((subject, "subject"), (family, "family")):
        labels = [
            (at / 1e6, state == "false")
            for state, at in raw.execute(
                f"SELECT state, labelled_at FROM anomalies WHERE {column} = ? AND labelled_at IS NOT NULL "
                "AND state IN ('explained', 'false') ORDER BY labelled_at DESC LIMIT ?",
                (name, MAX_LABELS),
            )
        ]
        decades = learn(labels, now.timestamp(), family=column == "family")
        false = sum(taught for _, taught in labels)
        raw.execute(
            "INSERT INTO anomaly_thresholds VALUES (?, ?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET "
            "decades = excluded.decades, changed_at = excluded.changed_at, false_count = excluded.false_count, "
            "true_count = excluded.true_count, version = version + 1",
            (name, decades, to_us(now), false, len(labels) - false),
        )
    raw.execute(
        "DELETE FROM anomaly_thresholds WHERE subject IN "
        "(SELECT subject FROM anomaly_thresholds ORDER BY changed_at DESC LIMIT -1 OFFSET ?)",
        (MAX_THRESHOLDS,),
    )
