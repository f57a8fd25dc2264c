"""A state in memory, and what becomes of the signs it gives: anomalies and alerts. Called by `job.watching`."""

import logging
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from appliance.anomaly.feedback import RULE
from appliance.anomaly.incident import ALARM
from appliance.anomaly.telling import explain
from appliance.anomaly.watch import VERSION, MoveWatch, SeriesWatch, Sign, base_of
from appliance.clock import from_us, to_us
from appliance.model.alert import Severity
from appliance.model.anomaly import Found
from appliance.store.alerts import raise_alert
from appliance.store.anomaly.labels import ALERT
from appliance.store.anomaly.ledger import extend, raise_score, record_found
from appliance.store.anomaly.watch_states import Kept, fetch_series, fetch_spot, fetch_state
from appliance.store.measured.fresh_rows import Table

log = logging.getLogger(__name__)

GAP = timedelta(minutes=10)
ALERT_WITHIN = timedelta(hours=1)  # what is older is found while catching up, and sounds no alarm
TITLE = 300  # characters
SEVERITY: dict[str, Severity] = {
    "series": "warning",
    "stuck": "warning",
    "impossible": "info",
    "impossible_move": "info",
}

Key = tuple[Table, str]
"""The table that its rows are in; the key of the series in digits, or the device."""


class Held(msgspec.Struct, kw_only=True):
    """A state in memory: whose it is, up to which transaction it has judged, whether that is written."""

    device: str
    metric: str = ""
    unit: str = ""
    watch: SeriesWatch | MoveWatch
    judged: int
    used_at: datetime
    changed: bool = False


def record_sign(
    connection: Any, held: Held, sign: Sign, *, bar: float, loud: bool, zone: ZoneInfo, now: datetime
) -> None:
    """Write what a sign says: a new incident, which sounds an alarm where it is of now; or more of one that goes on.

    bar   decades by which its threshold stands above the standard
    loud  it is rare enough to sound an alarm
    """
    ongoing = held.watch.ongoing.get(sign.kind)
    subject, family = names_of(sign.kind, held)
    found = Found(
        kind=sign.kind,
        subject=subject,
        family=family,
        started_at=_instant(sign.since_s),
        last_at=_instant(max(sign.since_s, ongoing.last_s if ongoing else sign.since_s)),
        score=sign.score,
        observed=sign.observed,
        expected=sign.expected,
        probability=sign.probability,
        version=f"{VERSION}, labels {RULE}",
        device=held.device,
        metric=held.metric,
        unit=held.unit,
        place=fetch_spot(connection, held.device),
        bar=round(bar, 3),
        detail={"alarm": ALARM, **sign.detail},
    )
    if not sign.starts and ongoing is not None and ongoing.anomaly_id:
        raise_score(connection, ongoing.anomaly_id, found)
        return
    written = record_found(connection, found, gap=GAP, now=now)
    if ongoing is not None:
        ongoing.anomaly_id = written.id
    if loud and written.new and abs(now - found.last_at) <= ALERT_WITHIN:
        raise_alert(
            connection,
            kind=ALERT,
            subject=subject,
            severity=SEVERITY[sign.kind],
            title=explain(found, zone)[:TITLE],
            detail={"anomaly": written.id, "kind": sign.kind, "device": held.device, "metric": held.metric},
            now=now,
        )


def names_of(kind: str, held: Held) -> tuple[str, str]:
    """Whose bar a sign is judged by: the subject, and its family."""
    if kind == "impossible_move":
        return f"move/{held.device}", "family/move"
    return f"{kind}/{held.device}/{held.metric}", f"family/{kind}/{base_of(held.metric)}"


def load(connection: Any, key: Key, now: datetime) -> Held | None:
    """The state of a subject, from the store or begun; None where its series is no more."""
    table, subject = key
    kept = fetch_state(connection, table, subject)
    kind: type[SeriesWatch] | type[MoveWatch] = SeriesWatch if table == "reading_values" else MoveWatch
    judged, watch = 0, kind()
    if kept is not None:
        try:
            judged, watch = kept[0], msgspec.msgpack.decode(kept[1], type=kind)
        except msgspec.MsgspecError:
            log.warning("the state of %s %s cannot be read; it begins anew", table, subject)
    if table == "positions":
        return Held(device=subject, watch=watch, judged=judged, used_at=now)
    names = fetch_series(connection, int(subject))
    if names is None:
        return None
    device, metric, unit = names
    return Held(device=device, metric=metric, unit=unit, watch=watch, judged=judged, used_at=now)


def kept_of(key: Key, held: Held) -> Kept:
    """A state as the store keeps it."""
    return Kept(*key, judged=held.judged, state=msgspec.msgpack.encode(held.watch))


def extend_ongoing(connection: Any, held: Held) -> None:
    """Write until when its incidents went on."""
    for ongoing in held.watch.ongoing.values():
        if ongoing.last_s > ongoing.written_s and ongoing.anomaly_id:
            extend(connection, ongoing.anomaly_id, last_at=to_us(_instant(ongoing.last_s)))
            ongoing.written_s = ongoing.last_s


def _instant(seconds: float) -> datetime:
    return from_us(round(seconds * 1e6))
