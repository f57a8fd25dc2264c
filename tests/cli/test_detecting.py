"""`hexpost detect`: a series in, the same rows out, with a score and a flag."""

import csv
import gzip
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from appliance.cli.main import hexpost

FIRST = datetime(2026, 11, 1)  # noqa: DTZ001 - files of sensors often have no offset
SPIKE = 900


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A sawtooth a minute, one value missing, and a spike."""
    values = [f"{20 + n % 7 / 10:.1f}" for n in range(1_000)]
    values[500], values[SPIKE] = "", "95.0"
    rows = [f"{FIRST + timedelta(minutes=n)},{value}" for n, value in enumerate(values)]
    path = tmp_path / "temperature.csv"
    path.write_text("\n".join(["timestamp,value", *rows]) + "\n", encoding="utf-8")
    return path


def detect(*arguments: str, given: str | bytes | None = None) -> Result:
    return CliRunner().invoke(hexpost, ["detect", *arguments], input=given)


def test_every_row_comes_out_as_it_stood_and_the_spike_is_flagged(file: Path) -> None:
    done = detect(str(file))
    assert done.exit_code == 0, done.output
    out = list(csv.reader(done.stdout.splitlines()))
    assert out[0] == ["timestamp", "value", "score", "flag"]
    assert [",".join(row[:2]) for row in out] == file.read_text(encoding="utf-8").splitlines()
    assert [n for n, row in enumerate(out[1:]) if row[3] == "1"] == [SPIKE]
    assert all(0.0 <= float(row[2]) <= 1.0 and len(row[2]) == 8 for row in out[1:])
    assert out[501][2:] == ["0.000000", "0"]


def test_the_same_from_standard_input_and_from_a_packed_file(file: Path, tmp_path: Path) -> None:
    packed = tmp_path / "packed.csv.gz"
    packed.write_bytes(gzip.compress(file.read_bytes()))
    expected = detect(str(file)).stdout
    assert detect("-", given=file.read_bytes()).stdout == expected
    assert detect(str(packed)).stdout == expected


def test_for_machines_it_says_where_the_flags_are(file: Path) -> None:
    report = json.loads(detect(str(file), "--json").stdout)
    assert (report["rows"], report["missing"], report["flagged"]) == (1_000, 1, 1)
    (flag,) = report["flags"]
    assert (flag["line"], flag["timestamp"], flag["value"]) == (SPIKE + 2, "2026-11-01 15:00:00", "95.0")
    assert 0.5 < flag["score"] < 1.0


def test_a_row_that_cannot_be_read_ends_it_with_its_line_after_those_before(file: Path) -> None:
    done = detect("-", given="timestamp,value\n2026-11-01 00:00,1\n2026-11-01 00:01,wet\n2026-11-01 00:02,1\n")
    assert done.exit_code == 1
    assert done.stdout.splitlines()[1:] == ["2026-11-01 00:00,1,0.000000,0"]
    assert done.stderr == (
        "hexpost: detecting in standard input: line 3: value: 'wet' is not a number; "
        "leave it empty where there is no value\n"
    )


def test_a_file_that_is_not_in_the_order_of_time_is_said_to_be(file: Path) -> None:
    head, *rows = file.read_text(encoding="utf-8").splitlines()
    newest_first = "\n".join([head, *reversed(rows)])
    done = detect("-", given=newest_first)
    assert done.exit_code == 0
    assert len(done.stdout.splitlines()) == 1_001
    assert "999 of 1,000 rows are older than one before them" in done.stderr
    assert json.loads(detect("-", "--json", given=newest_first).stdout)["unordered"] == 999
    assert detect(str(file)).stderr == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--tz", "Mars/Base"), "is not an IANA zone"),
        (("--value", "temp"), "no column 'temp'"),
        (("--time-format", "%d.%m.%Y"), "line 2"),
    ],
)
def test_options_that_do_not_fit_say_so(file: Path, arguments: tuple[str, ...], said: str) -> None:
    done = detect(str(file), *arguments)
    assert done.exit_code == 1 and said in done.stderr


def test_a_file_that_is_broken_says_so(tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv.gz"
    broken.write_bytes(gzip.compress(b"timestamp,value\n" + b"2026-11-01 00:00,1\n" * 9_999)[:-20])
    done = detect(str(broken))
    assert done.exit_code == 1 and "reading" in done.stderr


def test_the_zone_gives_the_hours_of_the_day_and_changes_no_stamp(file: Path) -> None:
    rows = [line.rsplit(",", 2)[0] for line in detect(str(file), "--tz", "America/Toronto").stdout.splitlines()]
    assert rows[1:] == file.read_text(encoding="utf-8").splitlines()[1:]
