"""Which bins must be computed (again), and from when on a table is whole: written with each row, read by the jobs.

Rows are written in the order in which they come, their time may be any. What was written to is marked by the quarter of
an hour, in the transaction that wrote it: a batch marks one or two quarters, mostly such as are marked already, which
costs a look and no page. A quarter lies in one hour of the site, wherever the site is.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from appliance.aggregate.bins import QUARTER_US
from appliance.model.tier import Ladder

ALWAYS = -(2**62)
"""The horizon of a table that has lost nothing."""

Span = Literal["quarter", "day"]


def fetch_horizon(raw: Any, table: str) -> int:
    """The instant, in microseconds, from which on a table is whole."""
    row = raw.execute("SELECT kept_from FROM horizons WHERE table_name = ?", (table,)).fetchone()
    return int(row[0]) if row else ALWAYS


def raise_horizon(raw: Any, table: str, kept_from: int) -> None:
    """Say that nothing before an instant is kept; a horizon never goes back."""
    raw.execute(
        "INSERT INTO horizons VALUES (?, ?) ON CONFLICT DO UPDATE SET kept_from = max(kept_from, excluded.kept_from)",
        (table, kept_from),
    )


def mark_written(raw: Any, ladder: Ladder, times: Iterable[int]) -> None:
    """Re-open the bins of rows that were written, changed or removed at these instants, in the same transaction.

    The rows are at or after the horizon; older ones belong in the ladder's late table.
    """
    quarters = {us // QUARTER_US for us in times}
    raw.executemany(
        "INSERT OR IGNORE INTO open_bins (ladder, span, bin) VALUES (?, 'quarter', ?)",
        [(ladder.name, quarter * QUARTER_US) for quarter in sorted(quarters)],
    )


def mark_days(raw: Any, ladder: Ladder, days: Iterable[str]) -> None:
    """Re-open days of which hours have changed."""
    raw.executemany(
        "INSERT OR IGNORE INTO open_bins (ladder, span, bin) VALUES (?, 'day', ?)",
        [(ladder.name, day) for day in sorted(set(days))],
    )


def fetch_open(raw: Any, ladder: Ladder, span: Span) -> list[Any]:
    """The marked spans, ascending, those included that somebody began to take up."""
    rows = raw.execute(
        "SELECT DISTINCT bin FROM open_bins WHERE ladder = ? AND span = ? ORDER BY bin", (ladder.name, span)
    )
    return [row[0] for row in rows]


def take(raw: Any, ladder: Ladder, span: Span, bins: Sequence[Any]) -> None:
    """Note that spans are being taken up: what is written from now on marks them anew."""
    keys = [(ladder.name, span, one) for one in bins]
    raw.executemany("INSERT OR IGNORE INTO open_bins (ladder, span, bin, taken) VALUES (?, ?, ?, 1)", keys)
    raw.executemany("DELETE FROM open_bins WHERE ladder = ? AND span = ? AND bin = ? AND taken = 0", keys)


def close(raw: Any, ladder: Ladder, span: Span, bins: Sequence[Any]) -> None:
    """Note that spans are taken up, as they were when they were taken."""
    raw.executemany(
        "DELETE FROM open_bins WHERE ladder = ? AND span = ? AND bin = ? AND taken = 1",
        [(ladder.name, span, one) for one in bins],
    )
