"""Writing what the bridge found out about its devices, and reading what it begins with."""

import sqlalchemy as sa
from msgspec import json

from appliance.clock import Clock, from_us, rfc3339, to_us
from appliance.model.device import BridgeDevice
from appliance.model.field import FieldNews, OutageNews
from appliance.store.alerts import close_alert, raise_alert
from appliance.store.device.registry import fetch_bridge_devices, fetch_registry_rev
from appliance.store.device.spans import write_spans
from appliance.store.engine import Store, raw_connection

KEEP_OUTAGES = 5_000  # the newest; a site with more has forgotten why
OUTAGE_ALERT = "outage"
MAX_NAMED = 20  # devices in an alert; the outage itself names more


class StoreField:
    """The store as the bridge's `FieldStore`: each call is one transaction."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def registry_rev(self) -> int:
        """Rises with whatever a person changes."""
        with self._store.read() as connection:
            return fetch_registry_rev(connection)

    def devices(self) -> list[BridgeDevice]:
        """Every device."""
        with self._store.read() as connection:
            return fetch_bridge_devices(connection, self._clock())

    def open_outages(self) -> list[OutageNews]:
        """Those that last."""
        with self._store.read() as connection:
            return fetch_open_outages(connection)

    def record(self, news: FieldNews) -> None:
        """Write what is new."""
        with self._store.write() as connection:
            write_field_news(connection, news)


def write_field_news(connection: sa.Connection, news: FieldNews) -> None:
    """States, rhythms and clocks into `devices`, outages into theirs; what is not registered is passed over."""
    raw = raw_connection(connection)
    raw.executemany(
        "UPDATE devices SET state = ?, cause = ?, state_at = ? WHERE source = ?",
        [(change.state, change.cause, to_us(change.at), change.source) for change in news.changes],
    )
    write_spans(connection, news.changes)
    raw.executemany(
        "UPDATE devices SET learned_interval_s = ? WHERE source = ?",
        [(seconds or None, source) for source, seconds in news.intervals_s.items()],
    )
    raw.executemany(
        "UPDATE devices SET skew_ms = ? WHERE source = ?",
        [(milliseconds, source) for source, milliseconds in news.skews_ms.items()],
    )
    for outage in news.outages:
        _write_outage(connection, outage)
        _tell_outage(connection, outage)


def fetch_open_outages(connection: sa.Connection) -> list[OutageNews]:
    """Outages that last, the oldest first."""
    rows = raw_connection(connection).execute(
        "SELECT kind, segment, devices_json, device_count, began_at FROM outages WHERE ended_at IS NULL "
        "ORDER BY began_at"
    )
    return [
        OutageNews(
            kind=row[0],
            segment=row[1],
            devices=tuple(json.decode(row[2], type=list[str])),
            device_count=row[3],
            began_at=from_us(row[4]),
        )
        for row in rows
    ]


def _tell_outage(connection: sa.Connection, outage: OutageNews) -> None:
    """An outage is an alert while it lasts; one that is over before it was known is none."""
    subject = f"{outage.kind}:{outage.segment}" if outage.segment else outage.kind
    if outage.ended_at is not None:
        close_alert(connection, kind=OUTAGE_ALERT, subject=subject, now=outage.ended_at)
        return
    what = outage.segment or f"the {outage.kind}"
    raise_alert(
        connection,
        kind=OUTAGE_ALERT,
        subject=subject,
        severity="critical",
        title=f"{outage.device_count:,} devices are silent together: {what}",
        detail={
            "scope": outage.kind,
            "segment": outage.segment,
            "device_count": outage.device_count,
            "devices": outage.devices[:MAX_NAMED],
            "began_at": rfc3339(outage.began_at),
        },
        now=outage.began_at,
    )


def _write_outage(connection: sa.Connection, outage: OutageNews) -> None:
    """An outage that began is a row; one that ended ends the open row of its segment, or is a row at once."""
    raw = raw_connection(connection)
    named = (json.encode(outage.devices).decode(), outage.device_count)
    ended = to_us(outage.ended_at) if outage.ended_at else None
    if ended is not None:
        closed = raw.execute(
            "UPDATE outages SET ended_at = ?, devices_json = ?, device_count = ? "
            "WHERE kind = ? AND segment = ? AND ended_at IS NULL",
            (ended, *named, outage.kind, outage.segment),
        )
        if closed.rowcount:
            return
    raw.execute(
        "INSERT INTO outages (kind, segment, devices_json, device_count, began_at, ended_at) VALUES (?, ?, ?, ?, ?, ?)",
        (outage.kind, outage.segment, *named, to_us(outage.began_at), ended),
    )
    raw.execute(
        "DELETE FROM outages WHERE ended_at IS NOT NULL AND outage_pk <= (SELECT max(outage_pk) FROM outages) - ?",
        (KEEP_OUTAGES,),
    )
