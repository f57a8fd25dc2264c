"""What the bridge must still know after a restart: what families of firmware learned, and which messages came last.

Both are written in the transaction of the batch that taught them, and read once when the bridge starts.
"""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from appliance.model.intake import Learned
from appliance.store.engine import raw_connection

DIGEST_BYTES = 8
KEEP_BATCHES = 64  # more than a broker can hold unacknowledged: receive_maximum messages in batches of any size

_LEARN = """
INSERT INTO learned (family, key, value_json) VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET value_json = excluded.value_json
"""


def insert_learned(connection: sa.Connection, learned: Sequence[Learned]) -> None:
    """Keep what was learned, forget what is None; of one key the last wins."""
    if not learned:
        return
    last = {(one.family, one.key): one.value for one in learned}
    raw = raw_connection(connection)
    gone = [key for key, value in last.items() if value is None]
    raw.executemany("DELETE FROM learned WHERE family = ? AND key = ?", gone)
    kept = [(*key, msgspec.json.encode(value).decode()) for key, value in last.items() if value is not None]
    raw.executemany(_LEARN, kept)


def fetch_learned(connection: sa.Connection) -> list[Learned]:
    """Everything that families remember."""
    rows = raw_connection(connection).execute("SELECT family, key, value_json FROM learned ORDER BY family, key")
    return [Learned(family=family, key=key, value=msgspec.json.decode(text)) for family, key, text in rows]


def insert_digests(connection: sa.Connection, digests: bytes) -> None:
    """Keep the digests of a batch, and those of the batches before it, 64 in all."""
    if not digests:
        return
    raw = raw_connection(connection)
    batch = raw.execute("INSERT INTO message_digests (digests) VALUES (?)", (digests,)).lastrowid
    raw.execute("DELETE FROM message_digests WHERE batch <= ?", (batch - KEEP_BATCHES,))


def fetch_digests(connection: sa.Connection) -> list[bytes]:
    """The digests of the last batches, 8 bytes each, in the order in which they were written.

    A digest is there as often as its message came: the gatherer counts them.
    """
    rows = raw_connection(connection).execute("SELECT digests FROM message_digests ORDER BY batch")
    return [
        digests[at : at + DIGEST_BYTES]
        for (digests,) in rows
        for at in range(0, len(digests) - DIGEST_BYTES + 1, DIGEST_BYTES)
    ]
