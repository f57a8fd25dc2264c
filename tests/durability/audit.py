"""The ledger against the store: what is missing, what is there twice, what nobody sent."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from appliance.store.file import sqlite
from tests.durability.mix import AGENCY
from tests.durability.publisher import Entry

_OBJECT = "CAST(substr(event_id, instr(event_id, '-') + 1) AS INTEGER)"  # of `<time>-<number>.object_detection`
_STORED = (
    ("event:", f"SELECT CAST(value AS INTEGER), count(*) FROM events WHERE source LIKE '{AGENCY}/%' GROUP BY 1"),
    ("object:", f"SELECT {_OBJECT}, count(*) FROM events WHERE source LIKE 'frigate/%' GROUP BY 1"),
    ("reading:", "SELECT CAST(value AS INTEGER), count(*) FROM readings GROUP BY 1"),
    ("garbage:", "SELECT substr(CAST(payload AS TEXT), 7), count FROM quarantine"),
)


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """What an audit found, by the keys of the items.

    missing   promised, and not there
    doubled   there more than once
    strange   there, and nobody sent it, or it was replaced
    lost      the broker acknowledged it and nobody promised more, and it is not there
    repeated  without an identity, and there more than once
    promised, acknowledged  how many there were
    """

    missing: frozenset[str]
    doubled: frozenset[str]
    strange: frozenset[str]
    lost: frozenset[str]
    repeated: frozenset[str]
    promised: int
    acknowledged: int


def fetch_stored(file: Path) -> Counter[str]:
    """How often each item lies in the store at this moment."""
    connection = sqlite.connect(file)
    try:
        connection.execute("BEGIN")  # one moment for all tables
        return Counter({f"{table}{key}": count for table, query in _STORED for key, count in connection.execute(query)})
    finally:
        connection.close()


def audit(ledger: Sequence[Entry], stored: Counter[str], *, broker_lives: bool) -> Audit:
    """Compare what was sent with what is stored.

    While the broker lives, all that it acknowledged is promised. Where it was killed, what was seen on the `ack` topic.
    """
    promised: set[str] = set()
    acknowledged: set[str] = set()
    replaced: set[str] = set()
    nameless: set[str] = set()
    for entry in ledger:
        message = entry.message
        trusted = entry.acknowledged and (broker_lives or (entry.seeks and not entry.unseen))
        if entry.acknowledged:
            acknowledged.update(message.keys)
        if trusted:
            promised.update(message.keys)
        if trusted or stored.keys() >= set(message.keys):
            replaced.update(message.replaces)
        if not message.known:
            nameless.update(message.keys)
    double = {key for key, count in stored.items() if count > 1}
    sent = {key for entry in ledger for key in entry.message.keys}
    return Audit(
        missing=frozenset(promised - replaced - stored.keys()),
        doubled=frozenset(double if broker_lives else double - nameless),
        strange=frozenset(stored.keys() - sent) | (replaced & stored.keys()),
        lost=frozenset(acknowledged - promised - replaced - stored.keys()),
        repeated=frozenset(double & nameless),
        promised=len(promised - replaced),
        acknowledged=len(acknowledged - replaced),
    )


def totals(file: Path) -> dict[str, int]:
    """The terms of the balance."""
    connection = sqlite.connect(file)
    try:
        rows: list[Any] = connection.execute("SELECT term, sum(items) FROM item_totals GROUP BY term").fetchall()
        return dict(rows)
    finally:
        connection.close()
