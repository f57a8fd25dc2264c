"""A store that kept a row for each deviation becomes one where they follow from baselines, and says the same."""

from pathlib import Path

import pytest

from appliance.store.file import migrations, sqlite
from tests.store.older import migrate_up_to

NAME = "0018_judged_days"
DAYS = ("2026-11-20", "2026-11-21")
FLAGS = "SELECT resolution, day, h3_index, z_score, flagged, rev FROM anomaly_flags ORDER BY 1, 2, 3"


@pytest.fixture
def flagged_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of the schema before, with two days of three cells at two resolutions."""
    path = migrate_up_to(NAME, tmp_path, monkeypatch)
    connection = sqlite.connect(path)
    rev = 0
    for resolution in (7, 8):
        for day in DAYS:
            for cell, (n, z) in enumerate(((0, -0.25), (4, 2.5), (3, 0.0))):
                rev += 2
                at = (resolution, day, cell + 100 * resolution)
                connection.execute(
                    "INSERT INTO cell_aggregates VALUES (?, ?, ?, ?, 0.5, 0.25, ?, 1)", (*at, n, rev - 1)
                )
                connection.execute("INSERT INTO anomaly_flags VALUES (?, ?, ?, ?, ?, ?, 1)", (*at, z, z >= 2, rev))
    connection.close()
    return path


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite.connect(path)
    found: list[tuple[object, ...]] = connection.execute(query).fetchall()
    connection.close()
    return found


def test_deviations_flags_and_revisions_are_what_they_were(flagged_store: Path) -> None:
    before = rows(flagged_store, FLAGS)
    assert NAME in migrations.migrate(flagged_store, timezone="UTC")
    assert len(before) == 12
    assert rows(flagged_store, FLAGS) == before


def test_nothing_is_taken_to_stand_that_the_next_run_has_not_seen(flagged_store: Path) -> None:
    migrations.migrate(flagged_store, timezone="UTC")
    assert rows(flagged_store, "SELECT DISTINCT cells, changes FROM judged_days") == [("", "")]
