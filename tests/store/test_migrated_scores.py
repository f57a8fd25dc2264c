"""A store that kept a row for each composite score becomes one where they follow, and says the same."""

from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from appliance.aggregate.hours import SiteHours
from appliance.job.risk_run import perform_run
from appliance.model.risk import LEVELS
from appliance.score.composite import raw_score, rescale, risk_level
from appliance.spatial.geometry import cell_polygons, multipolygon_blob
from appliance.store.engine import Store
from appliance.store.file import migrations, sqlite
from appliance.store.risk.runs import insert_run
from tests.conftest import NOW
from tests.store.older import migrate_up_to
from tests.store.test_migrated_flags import rows
from tests.sync.box import CELLS

NAME = "0019_composite_view"
TOLD, WAITING, LEGACY = "2026-11-19", "2026-11-20", "2026-11-21"
N, ROLLING, GROWTH = np.array([0, 4, 3]), np.array([1 / 7, 0.3, 5 / 7]), np.array([-1.0, 1 / 3, 0.1])
RAW = raw_score(N, GROWTH, ROLLING)
LOW, HIGH = -0.4, float(RAW.max())
SCORE = rescale(RAW, LOW, HIGH)
OLDER = [1.25, 99.5, 50.0]  # of a run whose extremes nobody noted
SCORES = "SELECT day, h3_index, profile, risk_score, risk_level FROM risk_scores ORDER BY 1, 2, 3"
VIEW = "SELECT * FROM mv_daily_risk ORDER BY day, h3_index, profile"


@pytest.fixture
def scored_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of the schema before, with three days of three cells: one the centre has, one that waits, one of a program
    that noted no extremes, which it has too; and a forecast that waits."""
    path = migrate_up_to(NAME, tmp_path, monkeypatch)
    connection = sqlite.connect(path)
    for ordinal, cell in enumerate(CELLS[:3]):
        outline = multipolygon_blob(cell_polygons(cell))
        row = (cell, ordinal, 1 + ordinal, outline)
        connection.execute("INSERT INTO h3_cells VALUES (NULL, ?, 8, ?, 0, 0, ?, ?)", row)
        connection.execute("INSERT INTO baselines VALUES (1, ?, 1.0, 0.5, 4, 1)", (cell,))
    connection.execute("INSERT INTO baseline_sets VALUES (1, 8, ?, ?)", (TOLD, LEGACY))
    rev = 10
    for day, scores in ((TOLD, SCORE.tolist()), (WAITING, SCORE.tolist()), (LEGACY, OLDER)):
        known = day != LEGACY
        judged = (day, "a" if known else "", "1" if known else "", LOW if known else 0.0, HIGH if known else 0.0)
        connection.execute("INSERT INTO judged_days VALUES (8, ?, 1, ?, ?, ?, ?)", judged)
        for n, cell in enumerate(CELLS[:3]):
            rev += 2
            counts = (int(N[n]), float(ROLLING[n]), float(GROWTH[n]))
            connection.execute("INSERT INTO cell_aggregates VALUES (8, ?, ?, ?, ?, ?, ?, 1)", (day, cell, *counts, rev))
            level = LEVELS[int(risk_level(np.array(scores[n])))]
            row = (day, cell, "composite", scores[n], level, rev + 1)
            connection.execute("INSERT INTO risk_scores VALUES (8, ?, ?, ?, ?, ?, ?, 1)", row)
        acked = rev + 1 if day != WAITING else 13
        connection.execute("INSERT INTO outbox VALUES ('risk_scores', 8, ?, ?, ?)", (day, rev + 1, acked))
    connection.execute("INSERT INTO risk_scores VALUES (8, ?, ?, 'calibrated', 7.5, 'low', 40, 0)", (LEGACY, CELLS[0]))
    connection.execute("UPDATE outbox SET rev = 40 WHERE day = ?", (LEGACY,))
    connection.execute("UPDATE site SET rev = 40")
    connection.close()
    return path


def test_scores_are_what_they_were_to_the_last_bit(scored_store: Path) -> None:
    before = rows(scored_store, SCORES), rows(scored_store, VIEW)
    assert migrations.migrate(scored_store, timezone="UTC")[0] == NAME
    assert (len(before[0]), len(before[1])) == (10, 10)
    assert (rows(scored_store, SCORES), rows(scored_store, VIEW)) == before


def test_what_waits_for_the_centre_waits_and_what_it_has_is_not_told_again(scored_store: Path) -> None:
    migrations.migrate(scored_store, timezone="UTC")
    waits = (
        "SELECT day, count(*) FILTER (WHERE s.rev > acked_rev AND s.rev <= o.rev), count(DISTINCT s.rev), count(*) "
        "FROM outbox AS o JOIN risk_scores AS s USING (resolution, day) WHERE kind = 'risk_scores' GROUP BY day"
    )
    assert rows(scored_store, waits) == [(TOLD, 0, 3, 3), (WAITING, 3, 3, 3), (LEGACY, 4, 4, 4)]
    assert rows(scored_store, "SELECT max(rev) FROM outbox") == rows(scored_store, "SELECT rev FROM site")


def test_a_run_judges_older_days_anew_and_leaves_those_outside_its_interval(scored_store: Path) -> None:
    before = rows(scored_store, SCORES)
    migrations.migrate(scored_store, timezone="UTC")
    store = Store(scored_store)
    with store.write() as connection:
        asked = insert_run(connection, resolution=8, from_day=NOW.date(), to_day=NOW.date(), now=NOW)
        connection.exec_driver_sql("UPDATE site SET resolutions = '8'")
    assert NOW.date().isoformat() > LEGACY
    hours = SiteHours(ZoneInfo("UTC"))
    perform_run(store, asked, hours=hours, types=(), clock=lambda: NOW)
    assert rows(scored_store, SCORES) == before
    with store.write() as connection:
        asked = insert_run(connection, resolution=8, from_day=NOW.date().replace(day=21), to_day=NOW.date(), now=NOW)
    perform_run(store, asked, hours=hours, types=(), clock=lambda: NOW)
    store.close()
    assert rows(scored_store, "SELECT count(*) FROM legacy_scores") == [(0,)]
    left = [row for row in before if row[0] != LEGACY or row[2] == "calibrated"]
    assert rows(scored_store, SCORES) == left  # no event was ever counted, so no cell takes part any more
