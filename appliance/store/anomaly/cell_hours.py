"""What the judgement of cells reads of the counters, and which hours it has judged. Called by `job.judging_cells`.

Everything counted must be settled first (`job.counting`): the counters alone are read here.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from appliance.store.engine import raw_connection

Ints = NDArray[np.int64]
_MIX = 1_000_003  # a prime: two events that change places change the digest of their hour


def fetch_classes(
    connection: sa.Connection, *, resolution: int, from_day: str, to_day: str, types: Sequence[str]
) -> dict[str, int]:
    """Event type -> events of days, both inclusive, the most frequent first; `types` empty means all."""
    rows = raw_connection(connection).execute(
        f"SELECT event_type, sum(event_count) AS n FROM event_counts WHERE resolution = ? AND day BETWEEN ? AND ? "
        f"{_of_types(types)} GROUP BY event_type ORDER BY n DESC, event_type",
        (resolution, from_day, to_day, *types),
    )
    return {row[0]: row[1] for row in rows if row[1] > 0}


def fetch_cell_hours(
    connection: sa.Connection, *, resolution: int, from_day: str, to_day: str, types: Sequence[str]
) -> Ints:
    """(n, 3) int64: cell, instant at which the hour began, events; of days, both inclusive; `types` empty means all."""
    rows = raw_connection(connection).execute(
        f"SELECT h3_index, hour, sum(event_count) FROM event_counts WHERE resolution = ? AND day BETWEEN ? AND ? "
        f"{_of_types(types)} GROUP BY day, h3_index, hour",
        (resolution, from_day, to_day, *types),
    )
    row: Any = np.dtype((np.int64, 3))
    found: Ints = np.fromiter(rows, dtype=row)
    return found


def fetch_digests(connection: sa.Connection, *, resolution: int, from_day: str, to_day: str) -> dict[int, int]:
    """Instant of an hour -> digest of its counters, of days, both inclusive; an hour without events is not there."""
    rows = raw_connection(connection).execute(
        f"SELECT hour, sum(event_count * (1 + h3_index % {_MIX} + 31 * length(event_type) + unicode(event_type))) "
        "FROM event_counts WHERE resolution = ? AND day BETWEEN ? AND ? GROUP BY hour",
        (resolution, from_day, to_day),
    )
    return {row[0]: row[1] for row in rows}


def fetch_first_day(connection: sa.Connection, *, resolution: int, from_day: str) -> str | None:
    """The first day from one on that has any events; None where there is none."""
    row = (
        raw_connection(connection)
        .execute("SELECT min(day) FROM event_counts WHERE resolution = ? AND day >= ?", (resolution, from_day))
        .fetchone()
    )
    return str(row[0]) if row[0] is not None else None


def fetch_judged_hours(connection: sa.Connection, *, resolution: int, since: int) -> dict[int, int]:
    """Instant of an hour that was judged -> digest of its counters then."""
    rows = raw_connection(connection).execute(
        "SELECT hour, digest FROM judged_hours WHERE resolution = ? AND hour >= ?", (resolution, since)
    )
    return {row[0]: row[1] for row in rows}


def write_judged_hours(connection: sa.Connection, *, resolution: int, hours: dict[int, int], before: int) -> None:
    """Note hours as judged, and forget those before an instant, and of resolutions that are judged no more."""
    raw: Any = raw_connection(connection)
    raw.executemany(
        "INSERT INTO judged_hours VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET digest = excluded.digest",
        [(resolution, hour, digest) for hour, digest in hours.items()],
    )
    raw.execute("DELETE FROM judged_hours WHERE hour < ?", (before,))


def _of_types(types: Sequence[str]) -> str:
    return f"AND event_type IN ({', '.join('?' * len(types))})" if types else ""
