"""Alerts: one of a kind and subject, seldom told again to spare the card, changed forward, followed by rev."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from appliance.errors import Conflict, NotFound
from appliance.model.alert import Alert, AlertFilter, AlertState, Severity
from appliance.store import alerts
from appliance.store.alerts import (
    AlertOutlet,
    change_alert,
    close_alert,
    fetch_alert,
    fetch_alerts,
    fetch_alerts_after,
    fetch_last_rev,
    raise_alert,
)
from appliance.store.audit import fetch_audit
from appliance.store.engine import Store
from appliance.store.totals import fetch_totals
from tests.conftest import NOW

SECOND = timedelta(seconds=1)


def put(
    store: Store,
    subject: str = "north",
    *,
    kind: str = "risk",
    severity: Severity = "warning",
    at: datetime = NOW,
    **detail: Any,
) -> int | None:
    with store.write() as connection:
        return raise_alert(
            connection,
            kind=kind,
            subject=subject,
            severity=severity,
            title=f"{subject} is at risk",
            detail=detail,
            now=at,
        )


def end(store: Store, subject: str = "north", *, at: datetime = NOW) -> bool:
    with store.write() as connection:
        return close_alert(connection, kind="risk", subject=subject, now=at)


def change(
    store: Store, alert_id: int, state: AlertState | None = None, note: str | None = None, *, at: datetime = NOW
) -> Alert:
    with store.write() as connection:
        return change_alert(connection, alert_id, state=state, note=note, who="amal", now=at)


def get(store: Store, alert_id: int) -> Alert:
    with store.read() as connection:
        return fetch_alert(connection, alert_id)


def found(store: Store, **wanted: Any) -> list[int]:
    with store.read() as connection:
        return [one.alert_id for one in fetch_alerts(connection, AlertFilter(**wanted))[0]]


def counted(store: Store, term: str) -> int:
    with store.read() as connection:
        return sum(total.items for total in fetch_totals(connection) if total.term == term)


def test_an_alert_is_raised_with_what_is_known(store: Store) -> None:
    key = put(store, risk=81.5)
    assert key is not None
    alert = get(store, key)
    assert (alert.kind, alert.subject, alert.severity, alert.state) == ("risk", "north", "warning", "open")
    assert (alert.title, alert.detail, alert.times) == ("north is at risk", {"risk": 81.5}, 1)
    assert alert.raised_at == alert.last_at == alert.changed_at == NOW
    assert (alert.acknowledged_at, alert.closed_at, alert.note) == (None, None, "")


def test_of_a_kind_and_subject_one_is_open_and_the_same_again_counts(store: Store) -> None:
    key = put(store, risk=80)
    assert put(store, risk=85, at=NOW + 60 * SECOND) is None
    assert key is not None
    alert = get(store, key)
    assert (alert.times, alert.last_at, alert.detail) == (2, NOW + 60 * SECOND, {"risk": 85})
    assert (alert.raised_at, alert.changed_at, alert.rev) == (NOW, NOW, 1)
    other, third = put(store, "south"), put(store, kind="outage")
    assert found(store) == [third, other, key]


def test_told_again_within_the_minute_nothing_is_written(store: Store) -> None:
    key = put(store, risk=80)
    assert key is not None
    before = get(store, key)
    for seconds in (1, 30, 59):
        assert put(store, risk=90, at=NOW + seconds * SECOND) is None
    assert get(store, key) == before


def test_a_clock_that_was_set_back_does_not_silence_it(store: Store) -> None:
    key = put(store, risk=80)
    assert key is not None
    put(store, risk=90, at=NOW - timedelta(days=1))
    assert get(store, key).detail == {"risk": 90}


def test_one_that_is_acknowledged_is_not_raised_beside(store: Store) -> None:
    key = put(store)
    assert key is not None
    change(store, key, "acknowledged")
    assert put(store, at=NOW + 60 * SECOND) is None
    assert (get(store, key).state, get(store, key).times) == ("acknowledged", 2)


def test_one_that_becomes_worse_says_so_at_once_and_is_open_again(store: Store) -> None:
    key = put(store, severity="warning")
    assert key is not None
    change(store, key, "acknowledged")
    assert put(store, severity="critical", at=NOW + SECOND) is None
    alert = get(store, key)
    assert (alert.severity, alert.state, alert.changed_at, alert.rev) == ("critical", "open", NOW + SECOND, 3)
    put(store, severity="info", at=NOW + 90 * SECOND)
    assert (get(store, key).severity, get(store, key).times) == ("critical", 3)  # better is not told


def test_its_rule_closes_it_and_may_raise_a_new_one(store: Store) -> None:
    key = put(store)
    assert key is not None
    assert end(store, at=NOW + SECOND)
    assert not end(store, at=NOW + 2 * SECOND)
    alert = get(store, key)
    assert (alert.state, alert.closed_at, alert.closed_by) == ("closed", NOW + SECOND, "")
    again = put(store, at=NOW + 3 * SECOND)
    assert again is not None and again > key


def test_a_person_acknowledges_notes_and_closes_and_the_audit_log_says_who(store: Store) -> None:
    key = put(store)
    assert key is not None
    assert change(store, key, "acknowledged", "on our way").acknowledged_by == "amal"
    assert change(store, key, note="all quiet").note == "all quiet"
    alert = change(store, key, "closed", at=NOW + SECOND)
    assert (alert.state, alert.closed_by, alert.closed_at, alert.note) == ("closed", "amal", NOW + SECOND, "all quiet")
    with store.read() as connection:
        log = fetch_audit(connection, subject=f"alert/{key}")
    assert [entry.action for entry in log] == ["alert.close", "alert.note", "alert.acknowledge"]
    assert {entry.who for entry in log} == {"amal"}
    assert log[-1].detail == {"kind": "risk", "subject": "north", "note": "on our way"}


def test_asking_twice_changes_once(store: Store) -> None:
    key = put(store)
    assert key is not None
    once = change(store, key, "closed", "done")
    assert change(store, key, "closed", "done", at=NOW + SECOND) == once
    with store.read() as connection:
        assert len(fetch_audit(connection, subject=f"alert/{key}")) == 1


@pytest.mark.parametrize("state", ["open", "acknowledged"])
def test_what_is_closed_stays_so(store: Store, state: AlertState) -> None:
    key = put(store)
    assert key is not None
    change(store, key, "closed")
    with pytest.raises(Conflict, match="is closed"):
        change(store, key, state)
    with pytest.raises(NotFound):
        change(store, key + 1, "closed")


def test_a_list_is_narrowed_and_turned_page_by_page(store: Store) -> None:
    keys = [put(store, f"s{n}", severity="critical" if n == 2 else "info", at=NOW + n * SECOND) for n in range(5)]
    assert keys[0] is not None
    change(store, keys[0], "acknowledged")
    assert found(store, severity="critical") == [keys[2]]
    assert found(store, state="acknowledged") == [keys[0]]
    assert found(store, kind="risk", from_time=NOW + 3 * SECOND) == [keys[4], keys[3]]
    assert found(store, kind="none") == []
    with store.read() as connection:
        first, cursor = fetch_alerts(connection, limit=3)
        second, last = fetch_alerts(connection, cursor=cursor, limit=3)
    assert [one.alert_id for one in (*first, *second)] == keys[::-1]
    assert last is None


def test_whoever_follows_sees_each_as_it_is_in_the_order_of_change(store: Store) -> None:
    first, second = put(store, "a"), put(store, "b")
    assert first is not None
    change(store, first, "acknowledged")
    with store.read() as connection:
        told = fetch_alerts_after(connection, 0, 10)
        assert [(one.subject, one.state) for one in told] == [("b", "open"), ("a", "acknowledged")]
        assert told[-1].rev == fetch_last_rev(connection) == 3
        assert [one.alert_id for one in fetch_alerts_after(connection, 2, 10)] == [first]
        assert fetch_alerts_after(connection, 3, 10) == []
    assert second is not None


def test_an_outlet_goes_on_where_it_was(store: Store) -> None:
    put(store, "a")
    put(store, "b")
    outlet = AlertOutlet(store, "mqtt")
    assert [one.subject for one in outlet.fetch_untold(1)] == ["a"]
    assert [one.subject for one in outlet.fetch_untold(9)] == ["a", "b"]
    outlet.mark_told(1, passed_over=1)
    outlet.mark_told(0, passed_over=0)  # late news of an earlier one takes nothing back
    assert [one.subject for one in AlertOutlet(store, "mqtt").fetch_untold(9)] == ["b"]
    assert [one.subject for one in AlertOutlet(store, "other").fetch_untold(9)] == ["a", "b"]
    assert counted(store, "alerts_passed_over") == 1


def test_the_newest_closed_ones_stay_and_the_others_are_counted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "KEEP_CLOSED", 2)
    keys = [put(store, f"s{n}") for n in range(5)]
    for n in (3, 0, 1, 2):
        end(store, f"s{n}", at=NOW + n * SECOND)
    assert found(store) == [keys[4], keys[3], keys[2]]  # the last one is open, two are kept
    assert counted(store, "alerts_let_go") == 2


def test_a_revision_is_never_given_twice(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "KEEP_CLOSED", 0)
    key = put(store)
    end(store)
    with store.read() as connection:
        before = fetch_last_rev(connection)
    put(store, "south")
    with store.read() as connection:
        assert fetch_last_rev(connection) == before + 1
    end(store, "south")
    assert key not in found(store)


def test_too_many_open_ones_are_refused_and_counted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "MAX_OPEN", 2)
    put(store, "a")
    put(store, "b")
    assert put(store, "c") is None
    assert (len(found(store)), counted(store, "alerts_refused")) == (2, 1)
    end(store, "a")
    assert put(store, "c") is not None


def test_a_detail_without_bound_is_a_mistake_of_the_rule(store: Store) -> None:
    with pytest.raises(ValueError, match="more than"):
        put(store, names=["x" * 1_000] * 20)
