"""Which days' counters have changed since somebody looked: each transaction that changes any takes the next number.

Whoever changes `event_counts` says so here, in the same transaction; `day_counts` and `risk.rows` ask.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any


def note_changed(raw: Any, days: Iterable[tuple[int, str]]) -> int:
    """The counters of these (resolution, day) are changed in this transaction; the number of the change, 0 for none."""
    rows = sorted(set(days))
    if not rows:
        return 0
    change: int
    (change,) = raw.execute("UPDATE settled SET changes = changes + 1 RETURNING changes").fetchone()
    raw.executemany("REPLACE INTO changed_days VALUES (?, ?, ?)", [(*row, change) for row in rows])
    return change


def forget_days(raw: Any) -> None:
    """Any counter may be another now: every sum is made anew, and every day of risk compared row by row."""
    raw.execute("DELETE FROM packed_days")
    raw.execute("DELETE FROM day_changes")
    raw.execute("UPDATE judged_days SET changes = ''")


def fetch_changes(raw: Any, resolution: int, first: date, last: date) -> dict[str, int]:
    """The number of the last change of each day that ever had one, both days inclusive."""
    return dict(
        raw.execute(
            "SELECT day, change FROM changed_days WHERE resolution = ? AND day BETWEEN ? AND ?",
            (resolution, first.isoformat(), last.isoformat()),
        )
    )
