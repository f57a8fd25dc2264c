"""Scores of profiles that do not follow from the counts, as the forecast writes them: only those that changed.

`risk_scores` shows them beside the composite profile's.
"""

from collections.abc import Mapping

import msgspec
import sqlalchemy as sa

from appliance.model.change import Slice
from appliance.store.engine import raw_connection
from appliance.store.revisions import announce, take_revisions
from appliance.store.risk.rows import bury

Score = tuple[float, str]
"""risk_score, risk_level."""


class DayScores(msgspec.Struct, frozen=True, kw_only=True):
    """A profile's scores of one day: cell -> score.

    A day with too many cells for one transaction is written in parts, each the cells `between` two numbers, both
    inclusive.
    """

    resolution: int
    day: str
    profile: str
    scores: Mapping[int, Score]
    between: tuple[int, int] = (0, 2**63 - 1)


def write_scores(connection: sa.Connection, found: DayScores) -> int:
    """Make the table say of one day what was found, touching only rows whose values differ; how many did."""
    raw, of_day = raw_connection(connection), (found.resolution, found.day)
    stored = {
        row[0]: row[1:]
        for row in raw.execute(
            "SELECT h3_index, risk_score, risk_level FROM forecast_scores "
            "WHERE resolution = ? AND day = ? AND h3_index BETWEEN ? AND ? AND profile = ?",
            (*of_day, *found.between, found.profile),
        )
    }
    changed = [(cell, score) for cell, score in found.scores.items() if stored.get(cell) != score]
    gone = sorted(stored.keys() - found.scores.keys())
    if not changed and not gone:
        return 0
    rev = take_revisions(connection, len(changed) + len(gone))
    raw.executemany(
        "REPLACE INTO forecast_scores (resolution, day, h3_index, profile, risk_score, risk_level, rev, run_id) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
        [(*of_day, cell, found.profile, *score, rev + n) for n, (cell, score) in enumerate(changed)],
    )
    raw.executemany(
        "DELETE FROM forecast_scores WHERE resolution = ? AND day = ? AND h3_index = ? AND profile = ?",
        [(*of_day, cell, found.profile) for cell in gone],
    )
    at = Slice(kind="risk_scores", resolution=found.resolution, day=found.day)
    bury(connection, at, gone, rev + len(changed), found.profile)
    announce(connection, at, rev + len(changed) + len(gone) - 1)
    return len(changed) + len(gone)
