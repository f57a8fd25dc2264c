"""What was measured since somebody last looked, in the order in which it was committed.

Rows lie in the order of their own time, and come in any. Each transaction that writes some gets a number, which its
rows carry, and leaves a note of the spans of time in which they lie. So a follower finds them by their primary key and
sees each exactly once, and a row that comes a week late is as new as any other. The notes are few bytes a transaction
and bounded; what goes unseen because nobody followed for too long is counted. Written by `readings` and `positions`,
read by `job.watching`.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import msgspec
import sqlalchemy as sa

from appliance.store.engine import raw_connection

MAX_NOTES = 200_000  # two days of a commit a second, some 10 MB
MERGE_US = 60_000_000  # rows with less than this between them are one span

Table = Literal["reading_values", "positions"]
Span = tuple[int, int]
"""The first and the last instant, both inclusive, in microseconds."""

_ADD_SKIPPED = """
INSERT INTO item_totals (term, reason, items) VALUES ('unjudged', ?, ?)
ON CONFLICT DO UPDATE SET items = items + excluded.items
"""


class Fresh(NamedTuple):
    """Rows of one table above `after` up to `upto`: their spans, and how many at most."""

    table: Table
    spans: list[Span]
    rows: int


class News(NamedTuple):
    """What was committed above a cursor, up to `upto`."""

    upto: int
    fresh: list[Fresh]


def note_fresh(raw: Any, table: Table, times: Sequence[int]) -> int:
    """The number for rows about to be written at these instants, ascending, at least one; in the same transaction."""
    spans = msgspec.msgpack.encode(_spans(times))
    key: int = raw.execute(
        "INSERT INTO fresh_rows (table_name, spans, row_count) VALUES (?, ?, ?)", (table, spans, len(times))
    ).lastrowid
    gone = raw.execute(
        "DELETE FROM fresh_rows WHERE recorded <= ? RETURNING table_name, row_count", (key - MAX_NOTES,)
    ).fetchall()
    raw.executemany(_ADD_SKIPPED, gone)
    return key


def fetch_news(connection: sa.Connection, after: int, *, rows: int) -> News:
    """What was committed above a cursor, the earliest first: some `rows` rows, and at least one transaction."""
    upto, taken = after, 0
    spans: dict[Table, list[Span]] = {}
    counts: dict[Table, int] = {}
    for key, table, packed, count in raw_connection(connection).execute(
        "SELECT recorded, table_name, spans, row_count FROM fresh_rows WHERE recorded > ? ORDER BY recorded", (after,)
    ):
        if taken and taken + count > rows:
            break
        upto, taken = key, taken + count
        spans.setdefault(table, []).extend((first, last) for first, last in msgspec.msgpack.decode(packed))
        counts[table] = counts.get(table, 0) + count
    return News(upto, [Fresh(table, _joined(spans[table]), counts[table]) for table in spans])


def forget_fresh(connection: sa.Connection, upto: int) -> None:
    """Drop the notes up to a number, but for the newest of all: numbers must not come again."""
    raw_connection(connection).execute(
        "DELETE FROM fresh_rows WHERE recorded <= ? AND recorded < (SELECT max(recorded) FROM fresh_rows)", (upto,)
    )


def _spans(times: Iterable[int]) -> list[Span]:
    return _joined((us, us) for us in times)


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Spans that touch or nearly do as one, ascending."""
    found: list[Span] = []
    for first, last in sorted(spans):
        if found and first - found[-1][1] <= MERGE_US:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found
