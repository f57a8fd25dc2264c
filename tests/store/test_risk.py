"""Risk runs in the store: equal to the definition, only what changed is written, what is gone is gone."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from appliance.aggregate.hours import SiteHours
from appliance.errors import Conflict, Corrupt
from appliance.job import risk_run, schedule
from appliance.job.risk_run import perform_run
from appliance.job.schedule import Jobs
from appliance.model.intake import Intake
from appliance.model.risk import Run
from appliance.model.settings import Risk
from appliance.spatial.cells import cell_of
from appliance.store.engine import Store
from appliance.store.intake.batch import Recorder
from appliance.store.risk.picture import fetch_day_picture, fetch_feed, fetch_grid, fetch_hotspots, fetch_risk
from appliance.store.risk.runs import fetch_last_done, fetch_queued, insert_run, requeue_unfinished, update_run
from appliance.store.settled.day_counts import SETTLED
from tests.conftest import NOW, make_event
from tests.score.test_composite import plain_composite

DAY = date(2026, 11, 1)
END = date(2026, 11, 21)


def run(
    store: Store, from_day: date = DAY, to_day: date = END, resolution: int = 8, look_for_lost: bool = False
) -> Run:
    """A run from asking to done."""
    with store.write() as connection:
        asked = insert_run(connection, resolution=resolution, from_day=from_day, to_day=to_day, now=NOW)
    hours = SiteHours(ZoneInfo("UTC"))
    return perform_run(store, asked, hours=hours, types=(), clock=lambda: NOW, look_for_lost=look_for_lost)


def fill(recorder: Recorder, how_many: int = 60) -> None:
    """Events over three weeks and a few cells, the same every time."""
    events = [
        make_event(
            event_id=f"e{n}",
            event_timestamp=f"2026-11-{1 + (n * 7) % 21:02d}T{n % 24:02d}:00:00Z",
            longitude=47.9 + (n % 5) / 40,
        )
        for n in range(how_many)
    ]
    recorder.record(Intake(events=events))


def picture(store: Store) -> dict[tuple[int, str], tuple]:
    """The view, row by row."""
    with store.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT h3_index, day, event_count, rolling_7d_avg, growth_rate, risk_score, risk_level, z_score, flagged "
            "FROM mv_daily_risk"
        ).all()
    return {(row[0], row[1]): tuple(row[2:]) for row in rows}


def revisions(store: Store) -> dict[str, int]:
    """Highest revision by table."""
    with store.read() as connection:
        return {
            table: connection.exec_driver_sql(f"SELECT max(rev) FROM {table}").scalar_one()
            for table in ("cell_aggregates", "risk_scores", "anomaly_flags", "h3_cells")
        }


def test_the_view_equals_the_definition(store: Store, recorder: Recorder) -> None:
    from collections import Counter

    fill(recorder)
    counts: Counter[tuple[int, date]] = Counter()
    for n in range(60):
        cell = cell_of(lat=29.37, lng=47.9 + (n % 5) / 40, resolution=8)
        counts[cell, date(2026, 11, 1 + (n * 7) % 21)] += 1
    run(store)
    expected = plain_composite(counts, DAY, END)
    found = picture(store)
    assert found.keys() == {(cell, day.isoformat()) for cell, day in expected}
    for (cell, day), row in expected.items():
        got = found[cell, day.isoformat()]
        assert got[0] == row[0]
        assert all(abs(a - b) < 1e-9 for a, b in zip(got[1:4], row[1:4], strict=True))
        assert (got[4], bool(got[6])) == (row[4], row[6])


def test_a_second_run_changes_nothing_and_gives_no_revision(store: Store, recorder: Recorder) -> None:
    fill(recorder)
    first = run(store)
    before = (picture(store), revisions(store))
    second = run(store)
    assert first.rows_changed > 0
    assert second.rows_changed == 0
    assert (picture(store), revisions(store)) == before


def test_a_late_event_reopens_its_day_like_a_run_from_nothing(store: Store, recorder: Recorder) -> None:
    fill(recorder)
    run(store)
    recorder.record(Intake(events=[make_event(event_id="late", event_timestamp="2026-11-05T10:00:00Z")]))
    run(store)
    late = picture(store)
    with store.write() as connection:
        for table in ("cell_aggregates", "judged_days", "baselines", "baseline_sets"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    run(store)
    assert picture(store) == late


def test_a_row_whose_values_stand_keeps_its_revision(store: Store, recorder: Recorder) -> None:
    fill(recorder)
    run(store)
    before = revisions(store)["cell_aggregates"]
    recorder.record(Intake(events=[make_event(event_id="x", event_timestamp="2026-11-21T10:00:00Z", latitude=29.5)]))
    run(store)
    with store.read() as connection:
        days = connection.exec_driver_sql(
            "SELECT DISTINCT day FROM cell_aggregates WHERE rev > ? AND h3_index <> ?",
            (before, cell_of(lat=29.5, lng=47.97, resolution=8)),
        ).all()
    assert days == []  # another cell's event rescales scores, and leaves the counts of the others alone


def rows_written(store: Store, after: int) -> dict[str, int]:
    """Rows of each table with a revision above this one."""
    with store.read() as connection:
        return {
            table: connection.exec_driver_sql(f"SELECT count(*) FROM {table} WHERE rev > ?", (after,)).scalar_one()
            for table in ("cell_aggregates", "risk_scores", "baselines", "anomaly_flags")
        }


def test_one_more_event_changes_all_deviations_of_its_cell_by_one_row(store: Store, recorder: Recorder) -> None:
    fill(recorder)
    run(store)
    before, deviations = max(revisions(store).values()), picture(store)
    recorder.record(Intake(events=[make_event(event_id="x", event_timestamp="2026-11-21T10:00:00Z", longitude=47.9)]))
    done = run(store)
    written = rows_written(store, before)
    assert (written["baselines"], written["anomaly_flags"]) == (1, 21)
    assert written["cell_aggregates"] == 1
    cell = cell_of(lat=29.37, lng=47.9, resolution=8)
    changed = {key for key, row in picture(store).items() if row[5] != deviations[key][5]}
    assert changed == {(cell, f"2026-11-{day:02d}") for day in range(1, 22)}
    assert done.rows_changed == written["cell_aggregates"] + written["risk_scores"] + 21


def test_the_next_day_leaves_the_counts_of_the_days_before_alone(store: Store, recorder: Recorder) -> None:
    fill(recorder)
    run(store)
    before = max(revisions(store).values())
    run(store, DAY + timedelta(days=1), END + timedelta(days=1))
    assert rows_written(store, before)["cell_aggregates"] == 5  # cells, on the new day
    with store.read() as connection:
        last = connection.exec_driver_sql("SELECT h3_index, z_score FROM anomaly_flags WHERE day = '2026-11-01'").all()
    assert len(last) == 5  # which keep what they were judged by


def test_a_baseline_that_no_day_is_judged_by_is_deleted(store: Store, recorder: Recorder) -> None:
    fill(recorder)
    run(store)
    run(store, DAY - timedelta(days=1), END)
    with store.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM baseline_sets").scalar_one() == 1
        assert connection.exec_driver_sql("SELECT count(*) FROM baselines").scalar_one() == 5


def test_other_types_of_event_are_another_picture(store: Store, recorder: Recorder) -> None:
    fill(recorder)
    theft = make_event(event_id="t", event_type="theft", event_timestamp="2026-11-05T10:00:00Z")
    recorder.record(Intake(events=[theft]))
    hours = SiteHours(ZoneInfo("UTC"))
    totals = []
    for types in ((), ("theft",), ("motion",), ()):
        with store.write() as connection:
            asked = insert_run(connection, resolution=8, from_day=DAY, to_day=END, now=NOW)
        perform_run(store, asked, hours=hours, types=types, clock=lambda: NOW)
        totals.append(sum(row[0] for row in picture(store).values()))
    assert totals == [61, 1, 60, 61]


def test_rows_of_cells_that_left_the_run_are_removed_and_leave_a_tombstone_for_the_centre(
    store: Store, recorder: Recorder
) -> None:
    recorder.record(Intake(events=[make_event(event_timestamp="2026-11-01T10:00:00Z")]))
    run(store, DAY, END)
    with store.write() as connection:
        connection.exec_driver_sql("UPDATE outbox SET acked_rev = rev")
    run(store, DAY + timedelta(days=10), END)  # the event now lies beyond the lookback
    assert {day for _, day in picture(store)} == {f"2026-11-{n:02d}" for n in range(1, 11)}
    with store.read() as connection:
        gone = connection.exec_driver_sql("SELECT count(*) FROM tombstones WHERE kind = 'risk_scores'").scalar_one()
    assert gone == 11


def test_nothing_is_buried_of_which_the_centre_knows_nothing(store: Store, recorder: Recorder) -> None:
    recorder.record(Intake(events=[make_event(event_timestamp="2026-11-01T10:00:00Z")]))
    run(store, DAY, END)
    run(store, DAY + timedelta(days=10), END)
    with store.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM tombstones").scalar_one() == 0


def test_ordinals_are_never_reordered(store: Store, recorder: Recorder) -> None:
    fill(recorder, 20)
    run(store)
    with store.read() as connection:
        before = fetch_grid(connection, 8)
    recorder.record(Intake(events=[make_event(event_id="new", latitude=-10.0)]))
    run(store)
    with store.read() as connection:
        after = fetch_grid(connection, 8)
    assert after.cells[: len(before.cells)] == before.cells
    assert len(after.cells) == len(before.cells) + 1
    assert after.version != before.version


def test_a_day_on_which_nothing_was_heard_is_unknown_and_never_low(store: Store, recorder: Recorder) -> None:
    recorder.record(Intake(events=[make_event(event_timestamp="2026-11-01T10:00:00Z")]))
    run(store)
    with store.read() as connection:
        (silent,) = fetch_risk(connection, day=END, resolution=8, bbox=None, after_cell=0, limit=10).items
        (heard,) = fetch_risk(connection, day=DAY, resolution=8, bbox=None, after_cell=0, limit=10).items
        days = [DAY + timedelta(days=n) for n in range(21)]
        scores, flags = fetch_feed(connection, resolution=8, days=days, cells=1)
        day = fetch_day_picture(connection, day=END, resolution=8)
    assert (silent.coverage, heard.coverage) == ("unknown", "observed")
    assert (scores[0].tolist(), scores[20].tolist()) == ([200], [254])
    assert flags.tolist()[0][0] in (0, 1)
    assert day.columns["coverage"] == "unknown"


def test_the_columns_of_a_day_say_what_its_rows_say(store: Store, recorder: Recorder) -> None:
    fill(recorder)
    run(store)
    with store.read() as connection:
        day = fetch_day_picture(connection, day=END, resolution=8)
        rows = fetch_risk(connection, day=END, resolution=8, bbox=None, after_cell=0, limit=100).items
    assert len(rows) == len(day.cells) == 5
    assert [f"{cell:x}" for cell in day.cells] == [row.h3_index for row in rows]
    assert day.columns["h3"].tolist() == day.cells
    assert (day.columns["day"], day.columns["coverage"]) == (rows[0].day, rows[0].coverage)
    assert day.columns["risk_level"] == [row.risk_level for row in rows]
    for name in ("event_count", "rolling_7d_avg", "growth_rate", "risk_score", "z_score", "flagged"):
        assert day.columns[name].tolist() == [getattr(row, name) for row in rows]


def test_a_day_without_rows_has_empty_columns(store: Store) -> None:
    with store.read() as connection:
        day = fetch_day_picture(connection, day=END, resolution=8)
    assert day.cells == day.columns["risk_level"] == day.columns["risk_score"].tolist() == []


@pytest.mark.parametrize("table", ["cell_aggregates", "baselines"])
def test_a_day_of_which_a_row_is_lost_is_not_drawn_and_analyze_puts_it_back(
    store: Store, recorder: Recorder, table: str
) -> None:
    fill(recorder)
    run(store)
    whole = picture(store)
    of_day = "" if table == "baselines" else "AND day = '2026-11-21'"
    with store.write() as connection:
        connection.exec_driver_sql(f"DELETE FROM {table} WHERE h3_index = (SELECT min(h3_index) FROM {table}) {of_day}")
    with store.read() as connection, pytest.raises(Corrupt, match="hexpost analyze"):
        fetch_day_picture(connection, day=END, resolution=8)
    run(store, look_for_lost=True)
    assert picture(store) == whole


def test_the_feed_has_a_byte_for_cells_without_a_row(store: Store, recorder: Recorder) -> None:
    recorder.record(Intake(events=[make_event(event_timestamp="2026-11-01T10:00:00Z")]))
    run(store)
    with store.read() as connection:
        scores, _ = fetch_feed(connection, resolution=8, days=[DAY - timedelta(days=1), DAY], cells=1)
    assert scores.tolist() == [[255], [200]]


def test_hotspots_are_the_cells_above_medium_the_worst_first(store: Store, recorder: Recorder) -> None:
    fill(recorder)
    run(store)
    with store.read() as connection:
        hotspots = fetch_hotspots(connection, from_day=DAY, to_day=END, resolution=8, limit=10)
    view = picture(store)
    worst = {cell: max(row[3] for (other, _), row in view.items() if other == cell) for cell, _ in view}
    assert [spot.h3_index for spot in hotspots] == [
        f"{cell:x}" for cell, score in sorted(worst.items(), key=lambda item: -item[1]) if score > 50
    ]
    assert all(spot.days_high >= 1 for spot in hotspots)


def test_risk_is_given_a_page_at_a_time_and_by_box(store: Store, recorder: Recorder) -> None:
    fill(recorder)
    run(store)
    with store.read() as connection:
        whole = fetch_risk(connection, day=END, resolution=8, bbox=None, after_cell=0, limit=100)
        first = fetch_risk(connection, day=END, resolution=8, bbox=None, after_cell=0, limit=2)
        rest = fetch_risk(connection, day=END, resolution=8, bbox=None, after_cell=int(first.next_cursor, 16), limit=9)
        west = fetch_risk(connection, day=END, resolution=8, bbox=(47.0, 29.0, 47.91, 30.0), after_cell=0, limit=9)
        across = fetch_risk(connection, day=END, resolution=8, bbox=(170.0, 29.0, 47.91, 30.0), after_cell=0, limit=9)
    assert first.items + rest.items == whole.items
    assert rest.next_cursor is None
    assert 0 < len(west.items) < len(whole.items)
    assert across.items == west.items


def test_a_run_killed_half_way_is_done_again(store: Store, recorder: Recorder) -> None:
    fill(recorder)
    with store.write() as connection:
        asked = insert_run(connection, resolution=8, from_day=DAY, to_day=END, now=NOW)
        update_run(connection, asked.run_id, state="running", progress=0.4)
    with store.write() as connection:
        assert requeue_unfinished(connection) == 1
        assert fetch_queued(connection) is not None


def test_a_run_that_is_asked_to_stop_leaves_the_days_it_has_and_is_done_again(
    store: Store, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(recorder)
    monkeypatch.setattr(risk_run, "ROWS_A_TRANSACTION", 1)  # a day a step
    with store.write() as connection:
        asked = insert_run(connection, resolution=8, from_day=DAY, to_day=END, now=NOW)
    turns = iter([False, False, True])
    left = perform_run(
        store,
        asked,
        hours=SiteHours(ZoneInfo("UTC")),
        types=(),
        clock=lambda: NOW,
        stopping=lambda: next(turns),
    )
    assert (left.state, 0 < left.progress < 1) == ("running", True)
    assert {day for _, day in picture(store)} == {"2026-11-01", "2026-11-02"}
    with store.write() as connection:
        assert requeue_unfinished(connection) == 1
    run(store)
    whole = picture(store)
    assert len({day for _, day in whole}) == 21


def test_a_run_that_another_one_overtakes_says_so_and_the_next_puts_it_right(
    store: Store, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(recorder)
    with store.write() as connection:
        asked = insert_run(connection, resolution=8, from_day=DAY, to_day=END, now=NOW, state="running")

    def overtake() -> bool:
        run(store, DAY, END + timedelta(days=1))
        return False

    with pytest.raises(Conflict, match="ask for this one again"):
        perform_run(store, asked, hours=SiteHours(ZoneInfo("UTC")), types=(), clock=lambda: NOW, stopping=overtake)
    run(store)
    again = picture(store)
    with store.write() as connection:
        for table in ("cell_aggregates", "judged_days", "baselines", "baseline_sets"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    run(store)
    assert {key: row for key, row in again.items() if key[1] <= END.isoformat()} == picture(store)


def test_the_schedule_asks_only_when_there_is_something_new(store: Store, recorder: Recorder) -> None:
    jobs = Jobs(store, risk=Risk(), zone=ZoneInfo("UTC"), clock=lambda: NOW, report=lambda _: None)
    fill(recorder)
    assert [queued.resolution for queued in jobs.queue_due()] == [7, 8]
    assert jobs.perform_next()
    assert jobs.perform_next()
    assert not jobs.perform_next()
    assert jobs.queue_due() == []
    recorder.record(Intake(events=[make_event(event_id="new")]))
    assert len(jobs.queue_due()) == 2
    with store.read() as connection:
        assert fetch_last_done(connection, 8) is not None


def test_between_runs_what_waits_is_counted_and_days_are_summed_of_the_types_that_count(
    store: Store, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "COUNT_ROWS", 1)
    risk = Risk(types=["theft"])
    jobs = Jobs(store, risk=risk, zone=ZoneInfo("UTC"), clock=lambda: NOW, report=lambda _: None)
    for n in range(SETTLED + 1):
        at = "2026-11-05T10:00:00Z" if n == 0 else "2026-11-22T10:00:00Z"
        recorder.record(Intake(events=[make_event(event_id=f"e{n}", event_type="theft", event_timestamp=at)]))
        assert not jobs.perform_next()
    with store.read() as connection:
        kept = connection.exec_driver_sql("SELECT DISTINCT day, types FROM packed_days").all()
    assert [tuple(row) for row in kept] == [("2026-11-05", "theft")]


def test_the_same_request_waiting_is_not_asked_twice(store: Store) -> None:
    with store.write() as connection:
        first = insert_run(connection, resolution=8, from_day=DAY, to_day=END, now=NOW)
        second = insert_run(connection, resolution=8, from_day=DAY, to_day=END, now=NOW)
    assert first.run_id == second.run_id
