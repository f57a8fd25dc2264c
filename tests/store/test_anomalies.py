"""Anomalies in the store: an incident is one row, what people say of it, what is learned from that, and the bounds."""

from datetime import datetime, timedelta

import msgspec
import pytest

from appliance.errors import Conflict, NotFound, Rejected
from appliance.model.anomaly import Anomaly, AnomalyChange
from appliance.spatial.cells import cell_of, centre, to_hex
from appliance.store.alerts import AlertFilter, fetch_alerts, raise_alert
from appliance.store.anomaly.labels import bar_of, close_quiet_alerts, fetch_bars, fetch_thresholds, label_anomaly
from appliance.store.anomaly.ledger import AnomalyFilter, fetch_anomalies, fetch_anomaly
from appliance.store.audit import fetch_audit
from appliance.store.engine import Store, raw_connection
from tests.conftest import NOW
from tests.store.anomalies import CELL, HOUR, burst, put, spike


def get(store: Store, anomaly_id: int) -> Anomaly:
    with store.read() as connection:
        return fetch_anomaly(connection, anomaly_id)


def label(store: Store, anomaly_id: int, state: str, *, note: str | None = None, now: datetime = NOW) -> Anomaly:
    with store.write() as connection:
        change = AnomalyChange(state=state, note=note)  # type: ignore[arg-type]
        return label_anomaly(connection, anomaly_id, change, who="amal", now=now)


def wanted(store: Store, **members: object) -> list[int]:
    with store.read() as connection:
        return [one.id for one in fetch_anomalies(connection, AnomalyFilter(**members), limit=100).items]


def bar(store: Store, subject: str, family: str, now: datetime = NOW) -> float:
    with store.read() as connection:
        return bar_of(fetch_bars(connection), subject, family, round(now.timestamp() * 1e6))


def test_an_incident_that_goes_on_is_one_row_with_its_greatest_score(store: Store) -> None:
    (first,) = put(store, burst())
    (again,) = put(store, burst(NOW, score=0.8, observed=9))
    (more,) = put(store, burst(NOW + HOUR, score=0.95, observed=20))
    assert [(one.id, one.new) for one in (first, again, more)] == [(1, True), (1, False), (1, False)]
    one = get(store, 1)
    assert (one.started_at, one.last_at, one.score, one.observed) == (NOW - HOUR, NOW + 2 * HOUR, 0.95, 20)


def test_what_begins_after_the_gap_is_another(store: Store) -> None:
    put(store, burst(), burst(NOW + 2 * HOUR))
    assert len(wanted(store)) == 2


def test_the_same_found_again_writes_nothing(store: Store) -> None:
    put(store, burst())
    before = get(store, 1)
    put(store, burst())
    assert get(store, 1) == before


def test_the_same_window_with_other_numbers_overwrites_its_own(store: Store) -> None:
    put(store, burst())
    rev = get(store, 1).rev
    put(store, burst(observed=12, score=0.8))
    one = get(store, 1)
    assert (one.observed, one.score, one.rev > rev) == (12, 0.8, True)


def test_the_list_is_of_what_lasted_into_a_time_and_is_turned_page_by_page(store: Store) -> None:
    for hours in (1, 5, 9):
        put(store, burst(NOW - hours * HOUR), gap=timedelta())
    assert wanted(store) == [1, 2, 3]
    assert wanted(store, from_time=NOW - 4.5 * HOUR) == [1, 2]
    assert wanted(store, to_time=NOW - 5 * HOUR) == [3]
    with store.read() as connection:
        page = fetch_anomalies(connection, AnomalyFilter(), limit=2)
        rest = fetch_anomalies(connection, AnomalyFilter(), cursor=page.next_cursor, limit=2)
    assert [one.id for one in page.items + rest.items] == [1, 2, 3]
    assert rest.next_cursor is None


def test_the_list_is_narrowed_by_kind_state_device_cell_and_box(store: Store) -> None:
    far = cell_of(lat=43.65, lng=-79.38, resolution=8)
    put(store, burst(), burst(cell=far), spike(), spike(device="a/lost", place=None))
    label(store, 2, "explained")
    assert sorted(wanted(store, kind="series")) == [3, 4]
    assert sorted(wanted(store, state="open")) == [1, 3, 4]
    assert wanted(store, device="a/lost") == [4]
    assert sorted(wanted(store, public=True)) == [1, 2]
    assert wanted(store, cell=far) == [2]
    lng, lat = centre(CELL)
    assert sorted(wanted(store, cell=cell_of(lat=lat, lng=lng, resolution=5))) == [1, 3]
    assert sorted(wanted(store, bbox=(47.0, 29.0, 48.5, 30.0))) == [1, 3]
    assert sorted(wanted(store, bbox=(170.0, 29.0, -70.0, 50.0))) == [2]


def test_a_life_goes_forward_and_a_wrong_word_is_taken_back(store: Store) -> None:
    put(store, spike())
    assert label(store, 1, "acknowledged").state == "acknowledged"
    one = label(store, 1, "false", note="a kettle")
    assert (one.state, one.labelled_by, one.labelled_at, one.note) == ("false", "amal", NOW, "a kettle")
    assert label(store, 1, "explained").note == "a kettle"
    with pytest.raises(Conflict, match="is explained"):
        label(store, 1, "acknowledged")
    with pytest.raises(Rejected, match="'open' is none of"):
        label(store, 1, "open")
    with pytest.raises(Rejected, match="1001 characters"):
        label(store, 1, "explained", note="x" * 1_001)
    with pytest.raises(NotFound, match="anomaly 9"):
        label(store, 9, "false")
    with store.read() as connection:
        entries = fetch_audit(connection, subject="anomaly/1")
    assert [(entry.action, entry.detail["from"], entry.detail["to"]) for entry in entries] == [
        ("anomaly.label", "false", "explained"),
        ("anomaly.label", "acknowledged", "false"),
        ("anomaly.label", "open", "acknowledged"),
    ]


def test_saying_the_same_again_changes_nothing(store: Store) -> None:
    put(store, spike())
    first = label(store, 1, "false", note="a kettle")
    assert label(store, 1, "false", now=NOW + HOUR) == first


def test_what_is_explained_or_false_closes_its_alert(store: Store) -> None:
    put(store, spike())
    with store.write() as connection:
        raise_alert(
            connection,
            kind="anomaly",
            subject=spike().subject,
            severity="warning",
            title="x",
            detail={},
            now=NOW,
        )
    label(store, 1, "acknowledged")
    with store.read() as connection:
        assert [alert.state for alert in fetch_alerts(connection, AlertFilter())[0]] == ["open"]
    label(store, 1, "explained")
    with store.read() as connection:
        assert [alert.state for alert in fetch_alerts(connection, AlertFilter())[0]] == ["closed"]


def test_a_false_one_raises_the_bar_of_its_subject_and_a_little_that_of_its_family(store: Store) -> None:
    put(store, spike())
    label(store, 1, "false")
    assert bar(store, "series/a/b/temperature", "family/series/temperature") == pytest.approx(0.6)
    assert bar(store, "series/a/other/temperature", "family/series/temperature") == pytest.approx(0.1)
    assert bar(store, "series/a/b/humidity", "family/series/humidity") == 0.0
    month = NOW + timedelta(days=30)
    assert bar(store, "series/a/b/temperature", "family/series/temperature", month) == pytest.approx(0.3)


def test_a_correction_leaves_nothing_of_the_mistake(store: Store) -> None:
    put(store, spike())
    label(store, 1, "false")
    label(store, 1, "explained")
    assert bar(store, "series/a/b/temperature", "family/series/temperature") == 0.0
    with store.read() as connection:
        thresholds = fetch_thresholds(connection, 1, now=NOW)
    assert [(one.false_count, one.true_count, one.version) for one in thresholds] == [(0, 1, 2), (0, 1, 2)]


def test_the_table_is_bounded_by_number_and_age_and_what_goes_is_counted(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.store.anomaly.ledger.KEEP_ROWS", 3)
    for hours in range(6):
        put(store, burst(NOW - (18 - 3 * hours) * HOUR), gap=timedelta())
    assert wanted(store) == [6, 5, 4]
    put(store, burst(NOW + timedelta(days=401)), now=NOW + timedelta(days=402))
    assert wanted(store) == [7]
    with store.read() as connection:
        row = raw_connection(connection).execute("SELECT items FROM item_totals WHERE reason = 'anomalies'").fetchone()
    assert row == (6,)


def test_thresholds_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.store.anomaly.labels.MAX_THRESHOLDS", 4)
    for n in range(4):
        put(store, spike(device=f"a/{n}"))
        label(store, n + 1, "false", now=NOW + n * HOUR)
    with store.read() as connection:
        assert len(fetch_bars(connection)) == 4
        assert "series/a/0/temperature" not in fetch_bars(connection)


def test_what_is_read_back_is_what_was_found(store: Store) -> None:
    put(store, burst())
    one, found = get(store, 1), burst()
    assert one.h3_index == to_hex(CELL)
    for name in set(Anomaly.__struct_fields__) & set(msgspec.structs.asdict(found)):
        assert getattr(one, name) == getattr(found, name), name


def test_the_alert_of_an_incident_that_is_long_over_is_closed(store: Store) -> None:
    put(store, spike(NOW - 30 * HOUR), spike(NOW - HOUR, device="a/new"))
    with store.write() as connection:
        for device in ("a/b", "a/new"):
            subject = f"series/{device}/temperature"
            raise_alert(connection, kind="anomaly", subject=subject, severity="info", title="x", detail={}, now=NOW)
        raise_alert(connection, kind="other", subject="y", severity="info", title="x", detail={}, now=NOW)
        assert close_quiet_alerts(connection, before=NOW - 24 * HOUR, now=NOW) == 1
        assert close_quiet_alerts(connection, before=NOW - 24 * HOUR, now=NOW) == 0
        alerts = fetch_alerts(connection, AlertFilter(state="open"))[0]
    assert sorted(alert.subject for alert in alerts) == ["series/a/new/temperature", "y"]
