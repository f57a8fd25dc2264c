"""Files in, risk out, by the commands a technician types: on Toronto's incidents, against plain words."""

import csv
import gzip
import json
import os
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import h3
import pytest

from appliance.store.engine import FILE_NAME, Store
from tests.flow.box import RunningBox
from tests.score.test_composite import plain_composite

pytestmark = pytest.mark.flow
CARRIED = Path(__file__).parents[2] / "appliance" / "cli" / "demo_data" / "toronto_incidents.csv.gz"
SITE = 'timezone = "America/Toronto"'
FROM, TO = date(2018, 10, 1), date(2018, 12, 29)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBox]:
    """A box that is not running: only its store, with the carried incidents in it."""
    box = RunningBox(tmp_path_factory.mktemp("box"), site=SITE)
    box.hexpost("import", str(CARRIED))
    yield box


def counts_by_plain_means(resolution: int) -> Counter[tuple[int, date]]:
    """Incidents by cell and local day, straight from the file."""
    counts: Counter[tuple[int, date]] = Counter()
    with gzip.open(CARRIED, "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            cell = h3.latlng_to_cell(float(row["latitude"]), float(row["longitude"]), resolution)
            counts[int(cell, 16), datetime.fromisoformat(row["event_timestamp"]).date()] += 1
    return counts


@pytest.mark.parametrize("resolution", [7, 8, 9])
def test_composite_risk_of_real_incidents_equals_an_independent_plain_implementation(
    box: RunningBox, resolution: int
) -> None:
    box.hexpost("analyze", "--from", FROM.isoformat(), "--to", TO.isoformat(), "--resolution", str(resolution))
    expected = plain_composite(counts_by_plain_means(resolution), FROM, TO)
    store = Store(box.data / FILE_NAME)
    with store.read(limit_s=60) as connection:
        rows = connection.exec_driver_sql(
            "SELECT h3_index, day, event_count, rolling_7d_avg, growth_rate, risk_score, risk_level, z_score, flagged "
            "FROM mv_daily_risk WHERE resolution = ? AND day BETWEEN ? AND ?",
            (resolution, FROM.isoformat(), TO.isoformat()),
        ).all()
    store.close()
    assert len(rows) == len(expected) > 10_000
    for cell, day, n, rolling, growth, score, level, z, flagged in rows:
        want = expected[cell, date.fromisoformat(day)]
        assert n == want[0]
        assert (rolling, growth, score, z) == pytest.approx((want[1], want[2], want[3], want[5]), abs=1e-9)
        assert (level, bool(flagged)) == (want[4], want[6]), (cell, day, score, z)


def test_a_second_import_changes_nothing(box: RunningBox) -> None:
    before = box.hexpost("status", "--json")
    (report,) = json.loads(box.hexpost("import", str(CARRIED), "--json"))
    assert (report["accepted"], report["rejected"]) == (0, 0)
    assert report["duplicate"] == json.loads(before)["store"]["events"] == 16_176
    assert json.loads(box.hexpost("status", "--json"))["store"]["events"] == 16_176


def test_refused_rows_are_named_with_line_and_reason(box: RunningBox, tmp_path: Path) -> None:
    file = tmp_path / "mixed.csv"
    file.write_text(
        "event_type,event_timestamp,longitude,latitude,attributes_json\n"
        "theft,2026-11-20T10:00:00Z,-79.4,43.7,{}\n"
        "theft,2026-11-20T10:00:00Z,-79.4,143.7,{}\n"
        "theft,yesterday,-79.4,43.7,{}\n"
        "theft,2026-11-20T10:00:00Z,-79.4,43.7,{}\n"
    )
    kept = tmp_path / "refused.jsonl"
    printed = box.hexpost("import", str(file), "--rejected", str(kept))
    assert "1 accepted, 1 duplicate, 2 rejected" in printed
    assert "line 3: $.latitude" in printed or "line 3: latitude" in printed
    assert "line 4:" in printed
    assert [json.loads(line)["line"] for line in kept.read_text().splitlines()] == [3, 4]


def test_days_written_as_midnight_utc_are_told(box: RunningBox, tmp_path: Path) -> None:
    file = tmp_path / "days.csv"
    file.write_text("event_type,event_timestamp,longitude,latitude\ncrash,2013/03/07 00:00:00+00,-79.4,43.7\n")
    printed = box.hexpost("import", str(file), "--tz", "America/Toronto")
    assert "1 times are midnight UTC, so of another hour and perhaps day in America/Toronto" in printed
    printed = box.hexpost("import", str(file), "--tz", "America/Toronto", "--time-format", "%Y/%m/%d 00:00:00+00")
    assert "1 accepted" in printed
    assert "times are" not in printed


def test_an_id_that_several_rows_share_is_told(box: RunningBox, tmp_path: Path) -> None:
    file = tmp_path / "victims.csv"
    row = "7,shooting,2026-11-20T10:00:00Z,-79.4,43.7,{}\n"
    file.write_text("event_id,event_type,event_timestamp,longitude,latitude,age\n" + row.format(20) + row.format(30))
    printed = box.hexpost("import", str(file))
    assert "1 accepted, 1 duplicate" in printed
    assert "future" not in printed
    assert "1 duplicates differ from what is stored under their id: map event_id" in printed
    file.write_text(file.read_text() + row.format(40).replace("7,", "8,").replace("2026", "2104"))
    (again,) = json.loads(box.hexpost("import", str(file), "--json"))
    assert again["future"] == 1
    assert (again["accepted"], again["duplicate"], again["differing"]) == (1, 2, 1)


def test_options_that_do_not_fit_the_file_stop_the_import(box: RunningBox) -> None:
    box.hexpost("import", str(CARRIED), "--map", "longitude=Longitude", expect=1)
    box.hexpost("import", str(CARRIED), "--tz", "Toronto", expect=1)


def test_the_store_verifies_after_all_this(box: RunningBox) -> None:
    assert "FAIL" not in box.hexpost("verify")


@pytest.mark.skipif(not os.environ.get("HEXPOST_FIELDKIT"), reason="the field kit does not lie beside the checkout")
def test_the_whole_toronto_set_is_imported_with_its_own_columns(tmp_path: Path) -> None:
    box = RunningBox(tmp_path, site=SITE)
    file = Path(os.environ["HEXPOST_FIELDKIT"]) / "datasets" / "crime_toronto_2017_2018.csv.gz"
    columns = ("longitude=Long", "latitude=Lat", "event_type=MCI", "event_timestamp=occurrencedate+occurrencehour")
    options = [part for column in columns for part in ("--map", column)]
    first, second = (
        json.loads(box.hexpost("import", str(file), *options, "--tz", "America/Toronto", "--json"))[0] for _ in range(2)
    )
    assert first["accepted"] + first["duplicate"] == 62_003
    assert first["rejected"] == 0
    assert (second["accepted"], second["duplicate"]) == (0, 62_003)
    box.hexpost("analyze", "--from", "2017-01-01", "--to", "2018-12-31", "--resolution", "7")
    store = Store(box.data / FILE_NAME)
    with store.read(limit_s=60) as connection:
        days, events = connection.exec_driver_sql(
            "SELECT count(DISTINCT day), sum(event_count) FROM cell_aggregates WHERE resolution = 7"
        ).one()
    store.close()
    assert (days, events) == ((date(2018, 12, 31) - date(2017, 1, 1) + timedelta(days=1)).days, first["accepted"])
