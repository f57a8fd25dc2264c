"""Reports: what devices tell of themselves is folded into the registry, and takes nothing from what a person set."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from appliance.clock import to_us
from appliance.model.facts import MAX_TOLD
from appliance.model.intake import DeviceReport, Intake
from appliance.store.device.reports import MAX_TOPICS, fold_reports
from appliance.store.engine import Store, raw_connection
from tests.conftest import NOW, make_recorder
from tests.store.checks import assert_sound, totals


def report(seconds: float = 0.0, **members: Any) -> DeviceReport:
    """A report so many seconds after `NOW`."""
    return DeviceReport(
        **{"source": "shelly/1", "family": "shelly", "seen_at": NOW + timedelta(seconds=seconds), **members}
    )


def fold(store: Store, *reports: DeviceReport) -> None:
    make_recorder(store, NOW).record(Intake(reports=list(reports)))


def device(store: Store, columns: str, source: str = "shelly/1") -> tuple[Any, ...]:
    with store.read() as connection:
        query = f"SELECT {columns} FROM devices WHERE source = ?"
        row: tuple[Any, ...] = raw_connection(connection).execute(query, (source,)).fetchone()
    return row


def change(store: Store, **columns: object) -> None:
    """What a person or the bridge's liveness writes."""
    marks = ", ".join(f"{name} = ?" for name in columns)
    with store.write() as connection:
        raw_connection(connection).execute(f"UPDATE devices SET {marks}", tuple(columns.values()))


def at(seconds: float) -> int:
    return to_us(NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("told", "state", "cause"), [(None, "online", ""), ("online", "online", ""), ("offline", "offline", "will")]
)
def test_an_unknown_source_waits_for_approval_and_is_as_it_says(
    store: Store, told: str | None, state: str, cause: str
) -> None:
    fold(store, report(state=told, items=2))
    assert device(store, "family, registration, state, cause, state_at, first_seen, last_seen") == (
        "shelly", "pending", state, cause, at(0), at(0), at(0),
    )  # fmt: skip
    assert totals(store) == {"received": 2, "folded": 2}
    assert_sound(store)


@pytest.mark.parametrize(
    ("before", "told", "after"),
    [
        (("online", "birth"), "offline", ("offline", "will", 9)),
        (("offline", "silence"), "online", ("online", "birth", 9)),
        (("stale", "silence"), "online", ("online", "birth", 9)),
        (("online", "birth"), "online", ("online", "birth", 0)),
        (("offline", "outage:switch:north"), "offline", ("offline", "outage:switch:north", 0)),
        (("stale", "silence"), None, ("stale", "silence", 0)),  # whether one word is enough is liveness' to say
        (("pending", "never heard"), None, ("online", "", 9)),
        (("pending", "never heard"), "offline", ("offline", "will", 9)),
        (("maintenance", "window"), "offline", ("maintenance", "window", 0)),
    ],
)
def test_a_birth_or_a_last_will_decides_except_under_maintenance(
    store: Store, before: tuple[str, str], told: str | None, after: tuple[str, str, int]
) -> None:
    fold(store, report())
    change(store, state=before[0], cause=before[1])
    fold(store, report(9, state=told, facts={"firmware": "2"}))
    state, cause, state_at = after
    assert device(store, "state, cause, state_at, facts_json") == (state, cause, at(state_at), '{"firmware":"2"}')


def test_the_reports_of_one_batch_count_in_their_order(store: Store) -> None:
    fold(store, report(0, state="online"), report(1, state="offline"), report(2, facts={"model": "1PM"}))
    assert device(store, "state, cause, state_at, last_seen, facts_json") == (
        "offline", "will", at(1), at(2), '{"model":"1PM"}',
    )  # fmt: skip


def test_facts_are_merged_key_by_key(store: Store) -> None:
    fold(store, report(facts={"model": "1PM", "firmware": "1.0", "battery_percent": 80.0}))
    fold(store, report(facts={"firmware": "1.1"}), report(facts={"battery_percent": 79.0}))
    facts = msgspec.json.decode(device(store, "facts_json")[0])
    assert facts == {"model": "1PM", "firmware": "1.1", "battery_percent": 79.0}


def test_what_it_told_without_a_fact_of_its_own_is_merged_name_by_name_and_bounded(store: Store) -> None:
    fold(store, report(facts={"told": {"state": "ON", "mode": "heat"}}), report(facts={"told": {"state": "OFF"}}))
    told = msgspec.json.decode(device(store, "facts_json")[0])["told"]
    assert told == {"state": "OFF", "mode": "heat"}
    fold(store, *(report(facts={"told": {f"name {n}": n, "state": "ON"}}) for n in range(100)))
    told = msgspec.json.decode(device(store, "facts_json")[0])["told"]
    assert (len(told), told["state"], told["name 0"]) == (MAX_TOLD, "ON", 0)


def test_a_word_that_comes_late_does_not_take_last_seen_back(store: Store) -> None:
    fold(store, report(10))
    fold(store, report(5))
    assert device(store, "first_seen, last_seen") == (at(10), at(10))


def test_the_family_and_the_name_are_filled_and_never_replaced(store: Store) -> None:
    fold(store, report(family=""))
    fold(store, report(facts={"name": "shellyplug-5EFA"}))
    fold(store, report(family="tasmota", facts={"name": "another"}))
    assert device(store, "family, name") == ("shelly", "shellyplug-5EFA")
    change(store, name="Harbour gate")
    fold(store, report(facts={"name": "shellyplug-5EFA"}))
    assert device(store, "name") == ("Harbour gate",)


def test_topics_are_a_bounded_set(store: Store) -> None:
    fold(store, report(topics=("a", "b")))
    fold(store, report(topics=("b", "c")))
    assert device(store, "topics_json") == ('["a","b","c"]',)
    fold(store, report(topics=tuple(f"t{n}" for n in range(60))))
    assert len(msgspec.json.decode(device(store, "topics_json")[0])) == MAX_TOPICS


def test_what_a_person_set_stays(store: Store) -> None:
    fold(store, report())
    change(store, registration="approved", zone="harbour", segment="switch:north", rev=7)
    fold(store, report(1, state="offline", facts={"via": "gateway"}, topics=("t",)))
    assert device(store, "registration, zone, segment, rev") == ("approved", "harbour", "switch:north", 7)


def test_a_report_that_tells_nothing_new_writes_nothing(store: Store) -> None:
    told = report(state="online", facts={"model": "1PM"}, topics=("a",))
    fold(store, told)
    with store.write() as connection:
        before = raw_connection(connection).total_changes
        fold_reports(connection, [told])
        assert raw_connection(connection).total_changes == before


def test_the_registry_is_bounded_and_who_is_refused_is_counted(store: Store) -> None:
    with store.write() as connection:
        fold_reports(connection, [report(source=f"d/{n}") for n in (1, 2, 1, 3, 3)], max_devices=2)
        fold_reports(connection, [report(source="d/1"), report(source="d/4")], max_devices=2)
    with store.read() as connection:
        assert connection.exec_driver_sql("SELECT source FROM devices ORDER BY 1").all() == [("d/1",), ("d/2",)]
    assert totals(store) == {"devices_refused": 3}
    assert_sound(store)


def test_a_batch_may_bring_any_number_of_devices(store: Store) -> None:
    crowd = [report(source=f"d/{n}", items=1) for n in range(1_200)]
    fold(store, *crowd)
    fold(store, *crowd)
    with store.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM devices").scalar_one() == 1_200
    assert totals(store) == {"received": 2_400, "folded": 2_400}
