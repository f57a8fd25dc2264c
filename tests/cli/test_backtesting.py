"""`hexpost backtest`: a file or the site in, rows and a report out."""

import csv
import gzip
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from appliance.cli.main import hexpost
from appliance.model.intake import Intake
from appliance.store.engine import Store
from appliance.store.forecast.backtests import ask_backtest, list_backtests
from tests.conftest import NOW, make_event, make_recorder

HORIZONS = ["next_shift", "next_day", "next_7_days"]
METHODS = ["last_week", "count_28d", "count_all", "kde", "composite", "calibrated"]
FIRST = datetime(2026, 3, 2, tzinfo=UTC)
MAPPED = (
    "--map", "event_timestamp=When", "--map", "latitude=Lat", "--map", "longitude=Long", "--map", "event_type=Kind",
)  # fmt: skip


def write_rows(path: Path, *, days: int = 60, by: str = "citizen") -> list[list[str]]:
    """Four incidents a day: three at one corner in the evening, one anywhere."""
    rng = random.Random(4)
    rows = []
    for day in range(days):
        for n in range(4):
            at = FIRST + timedelta(
                days=day, hours=18 if n < 3 else rng.randrange(24), minutes=15 * n + rng.randrange(15)
            )
            lat, lng = (29.37, 47.97) if n < 3 else (29.35 + rng.random() / 25, 47.95 + rng.random() / 25)
            rows.append([at.isoformat(), f"{lat:.5f}", f"{lng:.5f}", "theft" if n else "fire", by])
    with path.open("a", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows(rows)
    return rows


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "incidents.csv"
    path.write_text("When,Lat,Long,Kind,discovered_by\n", encoding="utf-8")
    write_rows(path)
    return path


def backtest(*arguments: str) -> Result:
    return CliRunner().invoke(hexpost, ["backtest", *arguments])


def rows_of(*arguments: str) -> list[dict[str, object]]:
    done = backtest(*arguments, "--json")
    assert done.exit_code == 0, done.output
    rows: list[dict[str, object]] = json.loads(done.stdout)
    return rows


def test_for_machines_it_is_a_list_of_rows_with_exactly_these_names(file: Path) -> None:
    rows = rows_of(str(file), *MAPPED, "--test-days", "14")
    assert all(list(row) == ["horizon", "method", "area", "hit_rate", "pai", "pei", "log_score"] for row in rows)
    assert [(row["horizon"], row["method"], row["area"]) for row in rows] == [
        (horizon, method, area) for horizon in HORIZONS for method in METHODS for area in (0.01, 0.02, 0.05)
    ]
    best = {row["method"]: row["hit_rate"] for row in rows if row["horizon"] == "next_day" and row["area"] == 0.05}
    assert best["calibrated"] == best["count_all"] and 0.75 <= float(str(best["calibrated"])) <= 1


def test_for_people_it_is_a_table_bars_and_the_calibration(file: Path) -> None:
    done = backtest(str(file), *MAPPED, "--test-days", "14")
    assert done.exit_code == 0, done.output
    assert "240 incidents in 60 days from 2026-03-02, the last 14 tested; resolution 9" in done.stdout
    for word in (*HORIZONS, *METHODS, "PAI", "PEI*", "log score", "█", "calibrated less count_all", "90 % interval"):
        assert word in done.stdout


def test_the_same_packed_and_rows_told_twice_count_once(file: Path, tmp_path: Path) -> None:
    text = file.read_text(encoding="utf-8")
    packed = tmp_path / "packed.csv.gz"
    packed.write_bytes(gzip.compress((text + text.splitlines()[1] + "\n").encode()))
    assert rows_of(str(packed), *MAPPED) == rows_of(str(file), *MAPPED)
    assert "left out: 1 told twice" in backtest(str(packed), *MAPPED).stdout


def test_what_patrols_discovered_is_kept_apart(file: Path) -> None:
    reported = rows_of(str(file), *MAPPED)
    write_rows(file, days=40, by="Patrol")
    assert rows_of(str(file), *MAPPED) == reported
    assert "discovered by patrols: 160, kept apart" in backtest(str(file), *MAPPED).stdout
    assert "160 incidents in 40 days" in backtest(str(file), *MAPPED, "--part", "discovered").stdout
    assert "400 incidents in 60 days" in backtest(str(file), *MAPPED, "--part", "all").stdout
    other = backtest(str(file), *MAPPED, "--discovered", "discovered_by=citizen")
    assert "160 incidents in 40 days" in other.stdout


def test_types_days_and_the_zone_are_chosen(file: Path) -> None:
    assert "60 incidents in 60 days" in backtest(str(file), *MAPPED, "--type", "fire").stdout
    # Incidents at 18 o'clock UTC fall on the next day in Auckland.
    assert "from 2026-03-03" in backtest(str(file), *MAPPED, "--type", "fire", "--tz", "Pacific/Auckland").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "--site"),
        (("FILE", "--site"), 2, "--site"),
        (("FILE", "--keep"), 2, "--keep goes with --site"),
        (("--site", "--queued"), 2, "--queued with both"),
        (("--site", "--keep", "--part", "all"), 2, "each part apart"),
        (("--site", "--map", "latitude=Lat"), 2, "are for a FILE"),
        (("--site", "--tz", "America/Toronto"), 2, "are for a FILE"),
        (("FILE", "--map", "latitude=Lat"), 1, "name it with --map event_type=Column"),
        (("FILE", *MAPPED, "--tz", "Mars/Base"), 1, "IANA zone"),
        (("FILE", *MAPPED, "--discovered", "patrol"), 1, "ATTRIBUTE=VALUE"),
        (("FILE", *MAPPED, "--type", "flood"), 1, "no incidents to test with"),
    ],
)
def test_what_does_not_fit_says_so(file: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    done = backtest(*(str(file) if word == "FILE" else word for word in arguments))
    assert (done.exit_code, said in done.output + done.stderr) == (code, True), done.output


def test_rows_that_cannot_be_read_are_counted_and_the_first_is_shown(file: Path) -> None:
    with file.open("a", encoding="utf-8") as out:
        out.write("2026-03-05T10:00:00Z,,,theft,citizen\nyesterday,29.37,47.97,theft,citizen\n")
    done = backtest(str(file), *MAPPED)
    assert "240 incidents" in done.stdout
    assert "2 cannot be read" in done.stdout and "line 242: " in done.stdout


def fill(store: Store, rows: list[list[str]]) -> None:
    """The rows of a file as a site's own events."""
    events = [
        make_event(
            event_id=f"{by}{n}",
            event_type=kind,
            event_timestamp=at,
            latitude=float(lat),
            longitude=float(lng),
            attributes={"discovered_by": by},
        )
        for n, (at, lat, lng, kind, by) in enumerate(rows)
    ]
    make_recorder(store, NOW).record(Intake(events=events))


@pytest.mark.parametrize("resolution", [8, 9])
def test_the_site_is_tested_by_its_counters_and_where_it_has_none_by_its_events(
    store: Store, tmp_path: Path, resolution: int
) -> None:
    path = tmp_path / "same.csv"
    path.write_text("When,Lat,Long,Kind,discovered_by\n", encoding="utf-8")
    fill(store, write_rows(path, days=30))
    found = rows_of("--site", "--data", str(store.path.parent), "--resolution", str(resolution))
    assert found == rows_of(str(path), *MAPPED, "--resolution", str(resolution))


def test_of_the_site_too_what_patrols_discovered_is_kept_apart(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "same.csv"
    path.write_text("When,Lat,Long,Kind,discovered_by\n", encoding="utf-8")
    fill(store, write_rows(path, days=30))
    fill(store, write_rows(path, days=20, by="patrol"))
    site = ("--site", "--data", str(store.path.parent))
    for part in ("reported", "discovered", "all"):
        assert rows_of(*site, "--part", part) == rows_of(str(path), *MAPPED, "--part", part)
    assert "discovered by patrols: 80, kept apart (--part)" in backtest(*site).stdout
    fires = rows_of(*site, "--discovered", "event_type=fire")
    assert fires == rows_of(str(path), *MAPPED, "--discovered", "event_type=fire") != rows_of(*site)


def test_the_site_can_say_by_what_patrols_are_known(store: Store, tmp_path: Path) -> None:
    fill(store, write_rows(tmp_path / "rows.csv", days=30))
    fill(store, write_rows(tmp_path / "rows.csv", days=20, by="beat-7"))
    config = tmp_path / "hexpost.toml"
    config.write_text("[risk]\ndiscovered = ['discovered_by=beat-7']\n", encoding="utf-8")
    told = backtest("--site", "--data", str(store.path.parent), "--config", str(config)).stdout
    assert "the site: 120 incidents in 30 days" in told and "discovered by patrols: 80" in told


def test_what_is_kept_is_what_was_asked_for_and_else_a_new_one(store: Store, tmp_path: Path) -> None:
    fill(store, write_rows(tmp_path / "rows.csv", days=100))
    with store.write() as connection:
        asked = ask_backtest(connection, resolution=7, test_days=20, now=NOW)
    keep = ("--site", "--keep", "--data", str(store.path.parent))
    own = json.loads(backtest(*keep, "--test-days", "10", "--json").stdout)
    assert (own["state"], own["resolution"], own["report"]["reported"]["test_days"]) == ("done", 8, 10)
    made = json.loads(backtest(*keep, "--queued", "--json").stdout)
    assert (made["backtest_pk"], made["resolution"], made["test_days"]) == (asked.backtest_pk, 7, 20)
    assert len(made["report"]["reported"]["rows"]) == len(HORIZONS) * len(METHODS) * 3
    assert f"backtest {own['backtest_pk'] + 1} is done" in backtest(*keep).stdout


def test_one_that_cannot_be_kept_fails_where_somebody_waits_and_is_in_the_ledger(store: Store, tmp_path: Path) -> None:
    fill(store, write_rows(tmp_path / "rows.csv", days=10))
    keep = ("--site", "--keep", "--data", str(store.path.parent))
    done = backtest(*keep)
    assert done.exit_code == 1 and "not enough history yet: 40 incidents over 10 days" in done.stderr
    quiet = backtest(*keep, "--queued")
    assert quiet.exit_code == 0 and "is failed: not enough history" in quiet.stdout
    with store.read() as connection:
        assert [one.state for one in list_backtests(connection)] == ["failed", "failed"]


def test_an_export_of_another_country_is_read_as_it_lies(tmp_path: Path) -> None:
    """Semicolons, decimal commas, Latin-1, the day in three columns, and a place that is not known written -1."""
    rng, lines = random.Random(5), ["N\xfamero;NK Any;Mes;Dia;Hora;Lat;Lon"]
    for day in range(60):
        at = FIRST + timedelta(days=day)
        for n in range(3):
            place = f"{41 + rng.random() / 50:.6f};{2 + rng.random() / 50:.6f}".replace(".", ",") if n else "-1;-1"
            lines.append(f"S{day}-{n};{at.year};{at.month};{at.day};{6 * n};{place}")
    path = tmp_path / "accidents.csv"
    path.write_bytes("\r\n".join(lines).encode("latin-1"))
    maps = ("latitude=Lat", "longitude=Lon", "event_type==crash", "event_timestamp=NK Any+Mes+Dia+Hora")
    options = [word for one in maps for word in ("--map", one)]
    refused = backtest(str(path), *options, "--tz", "Europe/Madrid")
    assert refused.exit_code == 1
    assert "the header holds bytes that are not UTF-8" in refused.stderr
    done = backtest(str(path), *options, "--tz", "Europe/Madrid", "--encoding", "latin-1")
    assert done.exit_code == 0, done.output
    assert "120 incidents in 60 days from 2026-03-02" in done.stdout
    assert "left out: 60 cannot be read" in done.stdout
    assert "line 2: longitude, latitude: -1, -1 says that the place is not known" in done.stdout


def test_a_place_in_one_column_is_read_by_the_order_that_is_said(tmp_path: Path) -> None:
    rng, lines = random.Random(6), ["When,Kind,Location"]
    for day in range(60):
        at = FIRST + timedelta(days=day, hours=5)
        lines.append(f'{at:%m/%d/%Y %I:%M:%S %p},theft,"({41 + rng.random() / 50:.6f}, {-87 - rng.random() / 50:.6f})"')
    path = tmp_path / "crimes.csv"
    path.write_text("\n".join(lines), encoding="utf-8-sig")
    options = ["--map", "event_timestamp=When", "--map", "event_type=Kind", "--tz", "America/Chicago"]
    told = backtest(str(path), *options, "--map", "latitude=Location", "--map", "longitude=Location")
    assert "say their order, as in --map latitude+longitude=Location" in told.stderr
    told = backtest(str(path), *options, "--map", "latitude+longitude=Location")
    assert "--time-format '%m/%d/%Y %I:%M:%S %p'" in told.stderr
    form = ("--time-format", "%m/%d/%Y %I:%M:%S %p")
    done = backtest(str(path), *options, "--map", "latitude+longitude=Location", *form)
    assert done.exit_code == 0, done.output
    assert "60 incidents in 60 days from 2026-03-02" in done.stdout


def test_days_that_a_slip_put_into_another_age_can_be_left_out(file: Path) -> None:
    with file.open("a", encoding="utf-8") as out:
        out.write("1916-03-10T08:00:00Z,29.37,47.97,theft,\n2026-08-01T08:00:00Z,29.37,47.97,theft,\n")
    done = backtest(str(file), *MAPPED)
    assert done.exit_code == 1 and "--from and --to" in done.stderr
    done = backtest(str(file), *MAPPED, "--from", "2026-03-03", "--to", "2026-04-30", "--test-days", "14")
    assert "236 incidents in 59 days from 2026-03-03" in done.stdout
    assert "6 of other days" in done.stdout
    assert backtest("--site", "--keep", "--from", "2026-03-03").exit_code == 2


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("%Y-%m-%d", "nearly all times are midnight, as of a file that tells days only"),
        (
            "%Y/%m/%d 00:00:00+00",
            "240 times are midnight UTC, so of another hour and perhaps day in America/Los_Angeles",
        ),
    ],
)
def test_a_file_that_tells_days_only_is_told_from_one_with_times(tmp_path: Path, written: str, says: str) -> None:
    path = tmp_path / "days.csv"
    write_rows(path)
    rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    lines = [",".join([datetime.fromisoformat(row[0]).strftime(written), *row[1:]]) for row in rows]
    numbered = (f"{line},{number}" for number, line in enumerate(lines))
    path.write_text("\n".join(["When,Lat,Long,Kind,by,id", *numbered]), encoding="utf-8")
    done = backtest(str(path), *MAPPED, "--map", "event_id=id", "--tz", "America/Los_Angeles", "--test-days", "14")
    assert done.exit_code == 0, done.output
    assert says in done.stdout
