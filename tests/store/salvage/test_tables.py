"""What a person would miss comes back with a store that was lost; nothing of it acts or sounds again by itself."""

from collections import Counter
from datetime import timedelta
from itertools import chain
from pathlib import Path

import pytest

from appliance.clock import to_us
from appliance.model.alert import AlertFilter
from appliance.model.intake import Intake
from appliance.model.settings import Settings
from appliance.store.alerts import AlertOutlet, fetch_alerts, is_raised, raise_alert
from appliance.store.backup.taking import Wish, take_backup
from appliance.store.clock.box_clock import BoxClock
from appliance.store.engine import FILE_NAME, Store, raw_connection
from appliance.store.event.pins import fetch_pins, pin_events
from appliance.store.salvage.ledger import fetch_salvage
from appliance.store.salvage.merge import table_columns
from appliance.store.salvage.rules import AGAIN, LOST
from appliance.store.salvage.tables import BY_KEY, BY_RECORDER, BY_RULE, COMPUTED, LEFT
from appliance.wiring import Box, backup_folder, open_recorder, open_store
from appliance.wiring_care import salvage
from tests.board import Board
from tests.conftest import NOW, make_event

BEFORE = to_us(NOW - timedelta(hours=2))


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """A box on which people have left their traces."""
    made = Box(settings=Settings(), data=tmp_path / "data", time=BoxClock(Board(NOW)))
    store = open_store(made)
    open_recorder(made, store).record(Intake(events=[make_event(event_id=f"e{n}") for n in range(50)]))
    with store.write() as connection:
        pin_events(connection, "case-7", [10, 20], now=NOW)
        for kind, subject in (("asset_risk", "substation"), ("environment", "series/1")):
            raise_alert(connection, kind=kind, subject=subject, severity="critical", title="High", detail={}, now=NOW)
        for statement in TRACES:
            raw_connection(connection).execute(statement, {"at": BEFORE})
    store.close()
    return made


TRACES = (
    "INSERT INTO anomalies (kind, subject, family, started_at, last_at, found_at, state, score, observed, bar, "
    "detail_json, version, labelled_by, labelled_at, note, rev) VALUES "
    "('series', 'series/d/level', 'series/level', :at, :at, :at, 'false', 0.7, 3, 0, '{}', '1', 'amal', :at, "
    "'a drill', 1)",
    "INSERT INTO anomaly_thresholds VALUES ('series/d/level', 0.5, :at, 1, 0, 1)",
    "INSERT INTO assets (asset_id, name, criticality, buffer_m, rev, geom) "
    "VALUES ('substation', 'Substation 4', 5, 50, 1, MakePoint(47.9, 29.3, 4326))",
    "INSERT INTO environment_thresholds VALUES ('water_level', 'ford', 3.2, 3.0, 60, 'critical', 1, '', 'amal', :at)",
    "INSERT INTO watch_list VALUES (41, 'off the list since', 'old', '', 'amal', :at, NULL)",
    "INSERT INTO watch_list_hits VALUES (1, 41, 'old', 'lpr/gate', 'p1', :at, '', NULL, NULL)",
    "DELETE FROM watch_list",
    "INSERT INTO watch_list VALUES (42, 'a hash', 'white van', 'stolen', 'amal', :at, NULL)",
    "INSERT INTO watch_list_hits VALUES (2, 42, 'white van', 'lpr/gate', 'p2', :at, '', NULL, NULL)",
    "INSERT INTO forecast_parameters VALUES "
    "(9, '', 'learned', '{}', '1', 'active', 'a year', :at, 365, '2026-11-01', 1, 90000), "
    "(9, '', 'earlier', '{}', '1', 'retired', '', :at, 90, '2026-02-01', 1, 9000)",
    "INSERT INTO commands (command_id, device, family, command, parameters_json, state, requested_by, created_at, "
    "expires_at, changed_at) VALUES ('c1', 'tasmota/pump', 'tasmota', 'reboot', '{}', 'queued', 'amal', :at, "
    "9000000000000000, :at), ('c2', 'tasmota/pump', 'tasmota', 'reboot', '{}', 'done', 'amal', :at, :at, :at)",
    "INSERT INTO firmware_waves (wave_id, image_id, family, version, state, size, stop_after, timeout_s, url, "
    "created_by, created_at) VALUES ('w1', 'i1', 'tasmota', '14', 'running', 1, 1, 60, '', 'amal', :at)",
    "INSERT INTO outages (kind, segment, devices_json, device_count, began_at) "
    "VALUES ('segment', 'switch:a', '[]', 5, :at)",
    "INSERT INTO backtests (state, resolution, test_days, asked_at, made_at, report_json) VALUES "
    "('done', 9, 28, :at, :at, '{}'), ('queued', 9, 28, :at + 1, NULL, NULL)",
    "INSERT INTO boots (boot_id, base_us, wall_us, seen_us, last_us, offset_us, evidence, known_us) "
    "VALUES ('the boot before', 0, 0, 0, 1000000, :at - 9000000, 'network', 0)",
)


def lose(box: Box) -> Store:
    """Back it up, lose it, and have a new store that has begun to learn; it is put back."""
    store = open_store(box)
    take_backup(store, Wish(site_id="box", folder=backup_folder(box), now=NOW))
    store.close()
    (box.data / FILE_NAME).unlink()
    store = open_store(box)
    with store.read() as connection:
        assert is_raised(connection, kind="store_lost", subject=fetch_salvage(connection).damaged)  # type: ignore[union-attr]
    open_recorder(box, store).record(Intake(events=[make_event(event_id="new")]))
    with store.write() as connection:
        raw_connection(connection).execute(
            "INSERT INTO forecast_parameters "
            "VALUES (9, '', 'young', '{}', '1', 'active', '', ?, 1, '2026-11-22', 1, 1)",
            (BEFORE,),
        )
    store.close()
    salvage(box)
    return open_store(box)


def rows(store: Store, query: str) -> list[tuple[object, ...]]:
    with store.read() as connection:
        return raw_connection(connection).execute(query).fetchall()


def test_every_table_of_the_schema_has_one_fate_when_a_store_is_put_back(store: Store) -> None:
    fates = Counter(chain(BY_RECORDER, BY_KEY, BY_RULE, *COMPUTED.values(), *LEFT.values()))
    with store.read() as connection:
        tables = table_columns(connection).keys()
    assert fates.keys() ^ tables == set(), "name it in appliance/store/salvage/tables.py"
    assert set(fates.values()) == {1}


def test_what_people_said_and_set_comes_back(box: Box) -> None:
    store = lose(box)
    with store.read() as connection:
        pins = fetch_pins(connection, "case-7")
    names = rows(
        store, f"SELECT event_id FROM events WHERE event_pk IN ({', '.join(str(pin.event_pk) for pin in pins)})"
    )
    assert sorted(names) == [("e19",), ("e9",)]
    assert rows(store, "SELECT state, labelled_by, note FROM anomalies") == [("false", "amal", "a drill")]
    assert rows(store, "SELECT decades FROM anomaly_thresholds") == [(0.5,)]
    assert rows(store, "SELECT name, ST_X(geom) FROM assets") == [("Substation 4", 47.9)]
    assert rows(store, "SELECT metric, zone, raise_at FROM environment_thresholds") == [("water_level", "ford", 3.2)]
    assert rows(store, "SELECT label FROM watch_list") == [("white van",)]
    found = rows(
        store, "SELECT event_id, l.label FROM watch_list_hits LEFT JOIN watch_list AS l USING (entry_id) ORDER BY 1"
    )
    assert found == [("p1", None), ("p2", "white van")]
    assert rows(store, "SELECT state FROM backtests") == [("done",)]
    parameters = rows(store, "SELECT version, state FROM forecast_parameters ORDER BY version")
    assert parameters == [("earlier", "retired"), ("learned", "active"), ("young", "retired")]
    store.close()


def test_what_was_under_way_is_not_gone_on_with(box: Box) -> None:
    store = lose(box)
    assert rows(store, "SELECT command_id, state, message FROM commands ORDER BY command_id") == [
        ("c1", "failed", LOST),
        ("c2", "done", ""),
    ]
    assert rows(store, "SELECT state, message FROM firmware_waves") == [("stopped", LOST)]
    assert rows(store, "SELECT ended_at >= began_at FROM outages") == [(1,)]
    store.close()


def test_alerts_come_back_and_do_not_sound_again(box: Box) -> None:
    store = lose(box)
    with store.read() as connection:
        alerts, _ = fetch_alerts(connection, AlertFilter())
    found = {alert.kind: (alert.state, alert.note) for alert in alerts if alert.kind != "store_lost"}
    assert found == {"asset_risk": ("open", ""), "environment": ("closed", AGAIN)}
    untold = {alert.kind for alert in AlertOutlet(store, "mqtt").fetch_untold(10)}
    assert untold <= {"store_lost"}
    store.close()


def test_the_boot_ledger_comes_back_before_this_boot(box: Box) -> None:
    store = lose(box)
    boots = [row[0] for row in rows(store, "SELECT boot_id FROM boots ORDER BY boot_pk")]
    assert boots[0] == "the boot before"
    assert len(boots) == len(set(boots)) == 2
    store.close()


def test_put_back_twice_nothing_stands_there_twice(box: Box) -> None:
    store = lose(box)
    tables = sorted((BY_KEY | BY_RULE) - {"audit_log"})
    before = {table: rows(store, f"SELECT count(*) FROM {table}") for table in tables}
    with store.write() as connection:
        raw_connection(connection).execute("UPDATE salvage SET finished_at = NULL, position_json = '{}'")
    store.close()
    salvage(box)
    store = open_store(box)
    assert {table: rows(store, f"SELECT count(*) FROM {table}") for table in tables} == before
    store.close()


def test_a_lost_store_is_an_alert_until_it_is_put_back_and_then_says_what_came_back(box: Box) -> None:
    store = lose(box)
    with store.read() as connection:
        alerts, _ = fetch_alerts(connection, AlertFilter(kind="store_lost"))
    (alert,) = alerts
    assert (alert.severity, alert.state, alert.closed_by) == ("critical", "closed", "")
    assert "what could be read was put back" in alert.title
    assert alert.detail["put_back"]["events"] == 50
    assert alert.detail["put_back"]["pinned_events"] == 2
    assert alert.detail["unreadable"] == {}
    assert store.path.name in alert.detail["reason"]
    store.close()
