"""Parquet into the store: tables of events and files of an archive, and the proof that what was read is stored."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from click.testing import CliRunner

from appliance.cli.main import hexpost

BEGUN = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


def call(data: Path, *arguments: str, expect: int = 0) -> Any:
    done = CliRunner().invoke(hexpost, ["import", *arguments, "--data", str(data), "--json"])
    assert done.exit_code == expect, done.output
    return json.loads(done.stdout)[0] if done.stdout.startswith("[") else done.stderr


def write(path: Path, **columns: Any) -> str:
    pq.write_table(pa.table(columns), path)
    return str(path)


def table(path: Path, rows: int = 5, **columns: Any) -> str:
    given = {
        "event_id": [f"e{n}" for n in range(rows)],
        "event_type": ["crash"] * rows,
        "event_timestamp": [BEGUN + timedelta(minutes=n) for n in range(rows)],
        "longitude": [47.9 + n / 100 for n in range(rows)],
        "latitude": [29.3] * rows,
        "value": [n + 0.5 for n in range(rows)],
    }
    return write(path, **{**given, **columns})


def test_a_table_is_stored_and_its_statistics_match(tmp_path: Path) -> None:
    report = call(tmp_path / "data", table(tmp_path / "crashes.parquet"))
    assert (report["accepted"], report["duplicate"], report["rejected"]) == (5, 0, 0)
    expected = {
        "items": 5, "values": 5, "value_sum": 12.5, "value_min": 0.5, "value_max": 4.5,
        "first": "2026-11-21T10:00:00Z", "last": "2026-11-21T10:04:00Z",
    }  # fmt: skip
    assert report["statistics"] == {"read": expected, "stored": expected}
    again = call(tmp_path / "data", table(tmp_path / "crashes.parquet"))
    assert (again["accepted"], again["duplicate"]) == (0, 5) and again["statistics"]["stored"] == expected


def test_times_of_a_column_that_was_chosen_are_times_days_or_numbers(tmp_path: Path) -> None:
    zoned = [BEGUN + timedelta(minutes=n) for n in range(5)]
    table(tmp_path / "a.parquet", when=zoned, day=["2026-11-21"] * 5, hhmm=[5, 24, 830, 1948, 2359])
    report = call(tmp_path / "a", str(tmp_path / "a.parquet"), "--map", "event_timestamp=when")
    assert (report["accepted"], report["statistics"]["stored"]["first"]) == (5, "2026-11-21T10:00:00Z")
    report = call(tmp_path / "b", str(tmp_path / "a.parquet"), "--map", "event_timestamp=day+hhmm", "--tz", "UTC")
    stored = report["statistics"]["stored"]
    assert (stored["items"], stored["first"], stored["last"]) == (5, "2026-11-21T00:05:00Z", "2026-11-21T23:59:00Z")


def test_nanoseconds_as_pandas_writes_them_are_times_too(tmp_path: Path) -> None:
    ns = [int(BEGUN.timestamp()) * 1_000_000_000 + n for n in range(5)]
    file = table(
        tmp_path / "ns.parquet",
        event_timestamp=pa.array(ns, pa.timestamp("ns", "UTC")),
        updated=pa.array(ns, pa.timestamp("ns")),
        clock=pa.array(ns[:1] * 5, pa.duration("ns")),
        at=pa.array([1_001] * 5, pa.time64("ns")),
    )
    report = call(tmp_path / "data", file)
    assert (report["accepted"], report["statistics"]["stored"]["last"]) == (5, "2026-11-21T10:00:00Z")


def test_many_rows_pass_in_batches(tmp_path: Path) -> None:
    report = call(tmp_path / "data", table(tmp_path / "many.parquet", rows=5_001))
    assert report["accepted"] == report["statistics"]["stored"]["items"] == 5_001


def test_a_row_that_is_refused_is_named_and_the_rest_counts(tmp_path: Path) -> None:
    file = table(tmp_path / "crashes.parquet", latitude=[29.3, 91.0, None, 29.3, float("nan")])
    report = call(tmp_path / "data", file)
    assert (report["accepted"], report["rejected"]) == (2, 3)
    assert [(row["line"], row["path"]) for row in report["rejections"]] == [
        (2, "$.latitude"), (3, "$.latitude"), (5, "$.latitude")
    ]  # fmt: skip
    assert report["statistics"]["read"]["items"] == report["statistics"]["stored"]["items"] == 2


def test_an_id_that_was_there_with_another_value_fails(tmp_path: Path) -> None:
    call(tmp_path / "data", table(tmp_path / "a.parquet"), "--source", "s")
    report = call(tmp_path / "data", table(tmp_path / "b.parquet", value=[9.0] * 5), "--source", "s", expect=1)
    assert report["duplicate"] == 5
    assert report["statistics"]["read"]["value_sum"] == 45 and report["statistics"]["stored"]["value_sum"] == 12.5


def test_a_correction_in_the_file_counts_once(tmp_path: Path) -> None:
    file = table(tmp_path / "a.parquet", event_id=["a", "a", "b", "c", "d"], rev=[0, 1, 0, 0, 0])
    report = call(tmp_path / "data", file)
    assert (report["accepted"], report["corrected"]) == (4, 1)
    assert call(tmp_path / "data", file)["statistics"]["stored"]["items"] == 4


def test_columns_are_mapped_and_kept_as_in_other_formats(tmp_path: Path) -> None:
    file = write(
        tmp_path / "lights.parquet",
        when=[datetime(2026, 11, 21, 5, 0)],  # noqa: DTZ001
        x=[47.9],
        y=[29.3],
        kind=["outage"],
        attributes_json=['{"pole":7}'],
        source=["city/lights"],
    )
    maps = ["event_timestamp=when", "longitude=x", "latitude=y", "event_type=kind"]
    options = [word for one in maps for word in ("--map", one)]
    report = call(tmp_path / "data", file, *options, "--tz", "America/Toronto")
    assert report["accepted"] == 1, report
    found = CliRunner().invoke(hexpost, ["status", "--json", "--data", str(tmp_path / "data")])
    assert json.loads(found.output)["store"]["events"] == 1


def test_what_is_not_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_text("event_id\n1\n")
    assert "is it Parquet?" in call(tmp_path / "data", str(tmp_path / "x.parquet"), expect=1)
