"""The box and a real PostGIS: `hexpost central migrate`, `hexpost sync now`, and a kill in the middle."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from appliance.store.engine import FILE_NAME, Store
from tests.conftest import wait_for
from tests.flow.box import RunningBox
from tests.flow.test_import_and_analyze import CARRIED, SITE

pytestmark = pytest.mark.flow

COLUMNS = (
    "h3_index, resolution, day, event_count, rolling_7d_avg, growth_rate, profile, risk_score, risk_level, z_score"
)


@pytest.fixture
def box(tmp_path: Path, database: str) -> Iterator[RunningBox]:
    """A box with three months of risk and a centre to tell."""
    box = RunningBox(tmp_path, site=SITE, settings=f'[sync]\nurl = "{database}"\nbatch_rows = 500')
    box.hexpost("import", str(CARRIED))
    box.hexpost("analyze", "--from", "2018-10-01", "--to", "2018-12-29", "--resolution", "7")
    box.hexpost("central", "migrate")
    yield box


def view_of_the_box(box: RunningBox) -> list[tuple]:
    """`mv_daily_risk` here, geometry as hexadecimal EWKB, to the last bit."""
    store = Store(box.data / FILE_NAME)
    with store.read(limit_s=60) as connection:
        rows = connection.exec_driver_sql(
            f"SELECT {COLUMNS}, flagged, AsEWKB(geom) FROM mv_daily_risk ORDER BY resolution, day, h3_index, profile"
        ).all()
    store.close()
    return [(*row[:10], bool(row[10]), row[11]) for row in rows]


def view_of_the_centre(database: str) -> list[tuple]:
    """`hexpost.mv_daily_risk` there."""
    with psycopg.connect(database) as connection:
        rows = connection.execute(
            f"SELECT {COLUMNS}, flagged, ST_AsHEXEWKB(geom, 'NDR') FROM hexpost.mv_daily_risk "
            "WHERE site_id = 'testbox' ORDER BY resolution, day, h3_index, profile"
        ).fetchall()
    return [(*row[:2], str(row[2]), *row[3:10], row[10], row[11]) for row in rows]


def test_the_view_at_the_centre_equals_the_boxs_row_for_row(box: RunningBox, database: str) -> None:
    printed = box.hexpost("sync", "now")
    assert " rows sent" in printed
    here, there = view_of_the_box(box), view_of_the_centre(database)
    assert len(here) > 10_000
    assert there == here


def test_a_second_run_sends_nothing(box: RunningBox, database: str) -> None:
    box.hexpost("sync", "now")
    assert box.hexpost("sync", "now").startswith("0 batches, 0 rows sent")
    assert box.hexpost("central", "migrate").strip() == "up to date"


def test_killed_in_the_middle_and_repeated_it_is_still_equal(box: RunningBox, database: str) -> None:
    command = [sys.executable, "-m", "appliance.cli", "sync", "now"]
    for reached in (3, 20, 50):
        with subprocess.Popen([*command, "--config", str(box.config), "--data", str(box.data)]) as sending:
            wait_for(lambda reached=reached: batches(database) >= reached or sending.poll() is not None, what="batches")
            sending.kill()
    box.hexpost("sync", "now")
    assert view_of_the_centre(database) == view_of_the_box(box)


def test_what_changed_and_what_is_gone_reaches_the_centre(box: RunningBox, database: str, tmp_path: Path) -> None:
    box.hexpost("sync", "now")
    late = tmp_path / "late.csv"
    late.write_text(
        "event_type,event_timestamp,longitude,latitude,attributes_json\ntheft,2018-12-01T10:00:00Z,-79.4,43.7,{}\n"
    )
    box.hexpost("import", str(late))
    box.hexpost("analyze", "--from", "2018-11-15", "--to", "2018-12-29", "--resolution", "7")
    box.hexpost("sync", "now")
    assert view_of_the_centre(database) == view_of_the_box(box)


def batches(database: str) -> int:
    """The last batch that the centre has applied."""
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT max(last_seq) FROM hexpost.sync_site").fetchone()
    return int(row[0] or 0) if row else 0
