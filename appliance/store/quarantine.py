"""What could not be understood: kept, bounded and sealed where it may hold a number plate; read back, and cleared.

Written with an intake. When there is no more room, the kind of reason with the most entries gives up its oldest, so
that a flood of one mistake does not wash away what is rare.
"""

import hashlib
import heapq
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from appliance.clock import from_us, to_us
from appliance.errors import Conflict, Corrupt, NotFound
from appliance.model.intake import Rejection
from appliance.store.audit import insert_audit
from appliance.store.engine import raw_connection
from appliance.store.sealing import Sealer
from appliance.store.topic_filter import read_filter
from appliance.store.totals import add_totals

MAX_PAYLOAD = 65_536  # bytes kept of a message; more is a file, not a message
MAX_KIND = 120  # characters
PREVIEW = 200  # characters of a payload in a list
NAMED = 100  # ids of entries in the audit log

Seal = Literal["", "opened", "closed", "destroyed", "damaged"]
"""'' in clear; sealed and opened; sealed and nobody gave a sealer; its key is gone; it does not open."""

GONE = "is not there; `hexpost quarantine list` shows those that are"
_COLUMNS = "quarantine_pk, topic, payload, reason, count, first_seen, last_seen, sealed_day, kind"
_VARYING = re.compile(r"'[^']*'|\"[^\"]*\"|[0-9]+(?:\.[0-9]+)?")
_INSERT = """
INSERT INTO quarantine (topic, payload, reason, digest, count, first_seen, last_seen, sealed_day, kind, payload_bytes)
VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?, ?)
ON CONFLICT (digest) DO UPDATE SET count = count + 1, last_seen = excluded.last_seen
RETURNING count
"""


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """How much is kept: entries, and bytes of their payloads."""

    rows: int
    payload_bytes: int


class Seals(msgspec.Struct, frozen=True, kw_only=True):
    """How number plates are kept: under the key of their day, told apart by a digest under the site's key."""

    sealer: Sealer
    plate_key: bytes


class QuarantineFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries are meant: an MQTT topic filter, a kind of reason, words that the reason holds. All by default."""

    topic: str | None = None
    kind: str | None = None
    reason: str | None = None


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """A message nobody understood, how often it came and why it was refused.

    `payload` is empty when it is sealed and could not be opened; `seal` says why. The reason of a sealed one is told
    without the values in it. `kind` is the reason without what varies. `cut`: as much is kept as of a longer message.
    """

    id: int
    topic: str
    payload: bytes
    reason: str
    kind: str
    count: int
    first_seen: datetime
    last_seen: datetime
    seal: Seal = ""

    @property
    def cut(self) -> bool:
        """Whether the end of the message may be missing."""
        return len(self.payload) >= MAX_PAYLOAD

    @property
    def preview(self) -> str:
        """The beginning of the payload, fit for a line on a screen."""
        return printable(self.payload[: 4 * PREVIEW].decode(errors="backslashreplace"))[:PREVIEW]


class QuarantinedKind(msgspec.Struct, frozen=True, kw_only=True):
    """All entries with one kind of reason: how many, and how often their messages came."""

    kind: str
    entries: int
    count: int
    first_seen: datetime
    last_seen: datetime


def insert_rejections(
    connection: sa.Connection, rejections: Sequence[Rejection], now: int, *, room: Room, seals: Seals | None
) -> None:
    """Quarantine what was not understood; the same message again only counts.

    Without `seals` nothing is kept of the payload of one that may hold a plate.
    raises  Unavailable  the key of the day cannot be read or made now
    """
    raw = raw_connection(connection)
    fresh = 0
    for rejection in rejections:
        fresh += raw.execute(_INSERT, _row(rejection, now, seals)).fetchall()[0][0] == 1
    if fresh:
        gone = [(key,) for key in _surplus(raw, room)]
        raw.executemany("DELETE FROM quarantine WHERE quarantine_pk = ?", gone)
        add_totals(connection, {("quarantine_evicted", ""): len(gone)})


def fetch_quarantine(
    connection: sa.Connection,
    wanted: QuarantineFilter | None = None,
    *,
    before_id: int | None = None,
    limit: int = 100,
    sealer: Sealer | None = None,
) -> list[Quarantined]:
    """Newest entries first; with a sealer also what is in the sealed ones, as long as the key of their day is there.

    raises  Rejected  the topic is not a filter
    """
    raw = raw_connection(connection)
    where, values = _where(raw, wanted)
    rows = raw.execute(
        f"SELECT {_COLUMNS} FROM quarantine WHERE (? IS NULL OR quarantine_pk < ?) AND {where} "
        "ORDER BY quarantine_pk DESC LIMIT ?",
        (before_id, before_id, *values, limit),
    )
    return [_quarantined(row, sealer) for row in rows]


def fetch_quarantined(connection: sa.Connection, entry_id: int, *, sealer: Sealer | None = None) -> Quarantined:
    """One entry.

    raises  NotFound
    """
    row = (
        raw_connection(connection)
        .execute(f"SELECT {_COLUMNS} FROM quarantine WHERE quarantine_pk = ?", (entry_id,))
        .fetchone()
    )
    if row is None:
        raise NotFound(f"quarantine entry {entry_id} {GONE}")
    return _quarantined(row, sealer)


def fetch_quarantine_kinds(connection: sa.Connection, wanted: QuarantineFilter | None = None) -> list[QuarantinedKind]:
    """The kinds of reasons there are, that of the newest message first.

    raises  Rejected  the topic is not a filter
    """
    raw = raw_connection(connection)
    where, values = _where(raw, wanted)
    rows = raw.execute(
        "SELECT kind, count(*), sum(count), min(first_seen), max(last_seen) FROM quarantine "
        f"WHERE {where} GROUP BY kind ORDER BY max(last_seen) DESC, kind",
        values,
    )
    return [
        QuarantinedKind(
            kind=row[0], entries=row[1], count=row[2], first_seen=from_us(row[3]), last_seen=from_us(row[4])
        )
        for row in rows
    ]


def fetch_quarantine_ids(
    connection: sa.Connection, ids: Sequence[int] | None, wanted: QuarantineFilter | None = None
) -> list[int]:
    """The ids of these entries, or where None are named of those that are meant; the one that came first first.

    raises  NotFound  one that is named is not there
    raises  Rejected  the topic is not a filter
    """
    raw = raw_connection(connection)
    where, values = _where(raw, wanted)
    found = [
        row[0]
        for row in raw.execute(
            f"SELECT quarantine_pk FROM quarantine WHERE {where} ORDER BY first_seen, quarantine_pk", values
        )
    ]
    if ids is None:
        return found
    for missing in set(ids).difference(found):
        raise NotFound(f"quarantine entry {missing} {GONE}")
    named = set(ids)
    return [entry_id for entry_id in found if entry_id in named]


def drop_quarantined(connection: sa.Connection, ids: Sequence[int], *, who: str, at: datetime) -> int:
    """Drop entries for good, and say so in the audit log; how many. In the balance they stay quarantined.

    raises  NotFound  one of them is not there
    """
    for entry_id in ids:
        delete_quarantined(connection, entry_id)
    if ids:
        audit_quarantine(connection, "drop", ids, who=who, at=at)
    return len(ids)


def audit_quarantine(connection: sa.Connection, action: str, ids: Sequence[int], *, who: str, at: datetime) -> None:
    """Write down who did something to entries; of many the first are named."""
    subject = f"quarantine/{ids[0]}" if len(ids) == 1 else "quarantine"
    detail = {"entries": len(ids), "ids": list(ids[:NAMED])}
    insert_audit(connection, who=who, action=f"quarantine.{action}", subject=subject, at=at, detail=detail)


def delete_quarantined(connection: sa.Connection, entry_id: int) -> None:
    """Drop one entry for good.

    raises  NotFound
    """
    cursor = raw_connection(connection).execute("DELETE FROM quarantine WHERE quarantine_pk = ?", (entry_id,))
    if cursor.rowcount == 0:
        raise NotFound(f"quarantine entry {entry_id} {GONE}")


def take_retried(connection: sa.Connection, retried: Mapping[int, int]) -> None:
    """Take entries out whose message is understood now; `retried` is id -> how often it had come.

    raises  Conflict  one was dropped or evicted, or its message came again meanwhile
    """
    raw = raw_connection(connection)
    for entry_id, count in retried.items():
        cursor = raw.execute("DELETE FROM quarantine WHERE quarantine_pk = ? AND count = ?", (entry_id, count))
        if cursor.rowcount == 0:
            raise Conflict(f"quarantine entry {entry_id} changed while it was retried; retry it again if it is there")


def kind_of(reason: str) -> str:
    """A reason without what varies in it, and so without values of the message."""
    return _VARYING.sub("…", reason)[:MAX_KIND]


def printable(text: str) -> str:
    """A text without line ends, control characters and marks that turn the direction of writing."""
    return "".join(character if character.isprintable() else "·" for character in text)


def _where(raw: Any, wanted: QuarantineFilter | None) -> tuple[str, list[str]]:
    """A condition on entries, and its values."""
    where, values = ["1"], []
    if wanted is not None and wanted.topic is not None:
        raw.create_function("is_wanted_topic", 1, read_filter(wanted.topic))
        where.append("is_wanted_topic(topic)")
    if wanted is not None and wanted.kind is not None:
        where.append("kind = ?")
        values.append(wanted.kind)
    if wanted is not None and wanted.reason is not None:
        where.append("instr(lower(reason), lower(?))")
        values.append(wanted.reason)
    return " AND ".join(where), values


def _row(rejection: Rejection, now: int, seals: Seals | None) -> tuple[Any, ...]:
    kind = kind_of(rejection.reason)
    kept, reason, day = rejection.payload[:MAX_PAYLOAD], rejection.reason, ""
    told_apart_by = rejection.payload
    key = b""
    if rejection.sealed:
        today = from_us(now).date()
        day, reason = today.isoformat(), kind  # a reason shows the value that it is about
        kept = seals.sealer.seal(today, kept) if seals else b""
        key = seals.plate_key if seals else b""
        told_apart_by = rejection.payload if seals else b""
    digest = hashlib.blake2b(digest_size=16, key=key)
    for part in (rejection.topic.encode(), told_apart_by, reason.encode()):
        digest.update(len(part).to_bytes(8, "big") + part)
    seen = to_us(rejection.received_at) if rejection.received_at else now
    return rejection.topic, kept, reason, digest.digest(), seen, seen, day, kind, len(kept)


def _surplus(raw: Any, room: Room) -> Iterator[int]:
    """The keys of what must go: again and again the oldest entry of the kind that then has the most."""
    kinds = raw.execute(
        "SELECT count(*), min(last_seen), kind, sum(payload_bytes) FROM quarantine GROUP BY kind"
    ).fetchall()
    rows, size = sum(kind[0] for kind in kinds), sum(kind[3] for kind in kinds)
    queue = [(-count, oldest, kind) for count, oldest, kind, _ in kinds]
    heapq.heapify(queue)
    entries: dict[str, Any] = {}
    while queue and (rows > room.rows or size > room.payload_bytes):
        count, oldest, kind = heapq.heappop(queue)
        if kind not in entries:
            entries[kind] = raw.execute(
                "SELECT quarantine_pk, payload_bytes FROM quarantine WHERE kind = ? ORDER BY last_seen, quarantine_pk",
                (kind,),
            )
        key, entry_bytes = next(entries[kind])
        yield key
        rows, size = rows - 1, size - entry_bytes
        if count < -1:
            heapq.heappush(queue, (count + 1, oldest, kind))


def _quarantined(row: tuple[Any, ...], sealer: Sealer | None) -> Quarantined:
    payload, seal = _opened(bytes(row[2]), row[7], sealer) if row[7] else (bytes(row[2]), "")
    return Quarantined(
        id=row[0],
        topic=row[1],
        payload=payload,
        reason=row[3],
        kind=row[8],
        count=row[4],
        first_seen=from_us(row[5]),
        last_seen=from_us(row[6]),
        seal=seal,
    )


def _opened(sealed: bytes, day: str, sealer: Sealer | None) -> tuple[bytes, Seal]:
    if not sealed:
        return b"", "destroyed"  # never kept
    if sealer is None:
        return b"", "closed"
    try:
        payload = sealer.open(date.fromisoformat(day), sealed)
    except Corrupt:
        return b"", "damaged"
    return (b"", "destroyed") if payload is None else (payload, "opened")
