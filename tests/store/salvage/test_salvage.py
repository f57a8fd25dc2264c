"""A store that is damaged or gone: set aside, a new one records at once, and what can be read comes back by itself."""

import os
import random
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from appliance.clock import from_us
from appliance.errors import Corrupt
from appliance.model.event import Event
from appliance.model.intake import DeviceReport, Intake, RawMessage, Reading
from appliance.model.settings import Settings
from appliance.store.backup.taking import Wish, take_backup
from appliance.store.clock.box_clock import BoxClock
from appliance.store.engine import FILE_NAME, Store
from appliance.store.file import health
from appliance.store.file.health import FOLDER, cast_doubt, examine
from appliance.store.salvage.ledger import Salvage, fetch_salvage
from appliance.store.users import check_password, upsert_user
from appliance.wiring import Box, StoreOutbox, backup_folder, open_recorder, open_store
from appliance.wiring_care import salvage
from tests.board import Board
from tests.conftest import NOW, examples, make_event
from tests.store.checks import assert_sound
from tests.store.registry import change

PASSWORD = "correct horse battery"
EVENTS = 3_000


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a box with three thousand events, readings, a user and a device that a person has placed."""
    data = tmp_path_factory.mktemp("filled") / "data"
    fill(box_of(data))
    return data


@pytest.fixture
def box(filled: Path, tmp_path: Path) -> Box:
    """A box with a copy of that data, to damage."""
    return box_of(Path(shutil.copytree(filled, tmp_path / "data")))


def box_of(data: Path) -> Box:
    return Box(settings=Settings(), data=data, time=BoxClock(Board(NOW)))


def fill(box: Box) -> None:
    store = open_store(box)
    recorder = open_recorder(box, store)
    for start in range(0, EVENTS, 500):
        record(recorder, range(start, start + 500))
    with store.write() as connection:
        upsert_user(connection, name="amal", role="admin", password=PASSWORD, now=NOW)
    change(store, "agency/cam7", name="Gate", registration="approved", longitude=47.9, latitude=29.3)
    store.close()


def record(recorder: object, numbers: range) -> None:
    report = DeviceReport(source="agency/cam7", family="native", seen_at=NOW, items=1)
    readings = [
        Reading(
            device="d", metric="temperature", observed_at=from_us(n * 1_000_000), received_at=NOW, value=n, unit="Cel"
        )
        for n in numbers
    ]
    intake = Intake(events=[event(n) for n in numbers], readings=readings, reports=[report])
    recorder.record(intake)  # type: ignore[attr-defined]


def event(n: int) -> Event:
    return make_event(event_id=f"e{n:05}", attributes={"words": "of some length " * 10})


def back_up(box: Box) -> None:
    store = open_store(box)
    take_backup(store, Wish(site_id="box", folder=backup_folder(box), now=NOW))
    store.close()


def ids(box: Box) -> set[str]:
    store = open_store(box)
    with store.read() as connection:
        found = {row[0] for row in connection.exec_driver_sql("SELECT event_id FROM events")}
    store.close()
    return found


def state(box: Box) -> Salvage | None:
    store = open_store(box)
    with store.read() as connection:
        found = fetch_salvage(connection)
    store.close()
    return found


def check(box: Box) -> None:
    store = open_store(box)
    assert_sound(store)
    store.close()


def overwrite(path: Path, at: int, how_many: int, seed: int = 1) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(random.Random(seed).randbytes(how_many))


def destroy(box: Box, how: str) -> None:
    path = box.data / FILE_NAME
    if how == "gone":
        path.unlink()
    elif how == "head":
        overwrite(path, 0, 100)
    elif how == "cut off":
        os.truncate(path, path.stat().st_size // 2)
    elif how == "not a database":
        path.write_bytes(b"this is a letter\n" * 1_000)
    else:
        overwrite(path, 4096, 8 * 4096)


WAYS = ("gone", "head", "cut off", "not a database", "schema")


@pytest.mark.parametrize("how", WAYS)
def test_a_box_whose_store_is_lost_records_at_once_lets_people_in_and_gets_it_back_from_the_backup(
    box: Box, how: str
) -> None:
    back_up(box)
    destroy(box, how)
    store = open_store(box)
    open_recorder(box, store).record(Intake(events=[make_event(event_id="new")]))
    with store.read() as connection:
        assert check_password(connection, "amal", PASSWORD).role == "admin"
        found = fetch_salvage(connection)
    store.close()
    assert found is not None
    assert FILE_NAME in found.words
    assert "a new store records" in found.words
    assert ids(box) == {"new"}
    done = salvage(box)
    assert done is not None
    assert done.finished_at is not None
    assert ids(box) == {f"e{n:05}" for n in range(EVENTS)} | {"new"}
    check(box)


def test_what_a_person_said_of_a_device_and_what_was_measured_come_back(box: Box) -> None:
    back_up(box)
    destroy(box, "gone")
    store = open_store(box)
    record(open_recorder(box, store), range(EVENTS, EVENTS + 10))  # heard again, and so entered as pending
    store.close()
    salvage(box)
    store = open_store(box)
    with store.read() as connection:
        device = connection.exec_driver_sql("SELECT name, registration, ST_X(geom) FROM devices").one()
        assert tuple(device) == ("Gate", "approved", 47.9)
        assert connection.exec_driver_sql("SELECT count(*) FROM readings").scalar_one() == EVENTS + 10
    store.close()


def test_without_a_backup_what_lies_on_whole_pages_of_the_damaged_file_comes_back(box: Box) -> None:
    path = box.data / FILE_NAME
    size = path.stat().st_size
    for page in range(size * 3 // 5 // 4096, size * 3 // 5 // 4096 + 6):
        overwrite(path, page * 4096, 4096)
    cast_doubt(path, "database disk image is malformed")
    done = salvage(box)
    assert done is not None
    found = ids(box)
    assert EVENTS * 0.9 < len(found) < EVENTS + 1
    assert f"e{EVENTS - 1:05}" in found  # what lies behind the damage too
    check(box)


def test_a_damaged_page_of_the_schema_costs_what_stands_behind_it_and_not_the_whole_file(box: Box) -> None:
    path = box.data / FILE_NAME
    store = Store(path)
    with store.read() as connection:
        page = connection.exec_driver_sql(
            "SELECT pageno FROM dbstat WHERE name = 'sqlite_schema' AND pagetype = 'leaf' ORDER BY path DESC LIMIT 1"
        ).scalar_one()
    store.close()
    overwrite(path, (page - 1) * 4096, 512)
    done = salvage(box)
    assert done is not None
    assert done.balance["unreadable"]["damaged schema"] == 1
    assert ids(box) == {f"e{n:05}" for n in range(EVENTS)}
    check(box)


def test_without_a_schema_and_a_backup_what_the_archive_has_comes_back(box: Box) -> None:
    store = open_store(box)
    events = [event(EVENTS + n) for n in range(20)]
    raw = [
        RawMessage(
            topic="hexpost/v1/agency/cam7/event",
            payload=msgspec.json.encode({"event_id": one.event_id, "event_type": "motion", "event_timestamp": NOW}),
            received_at=NOW - timedelta(minutes=1),
        )
        for one in events
    ]
    open_recorder(box, store).record(Intake(events=events, raw=raw))
    store.close()
    destroy(box, "schema")
    overwrite(box.data / FILE_NAME, 0, 4096)
    done = salvage(box)
    assert done is not None
    assert done.finished_at is not None
    assert ids(box) == {one.event_id for one in events}
    check(box)


def test_what_came_after_the_backup_comes_from_the_damaged_file(box: Box) -> None:
    back_up(box)
    store = open_store(box)
    record(open_recorder(box, store), range(EVENTS, EVENTS + 500))
    store.close()
    path = box.data / FILE_NAME
    overwrite(path, path.stat().st_size * 3 // 5, 4096 * 4)
    cast_doubt(path, "database disk image is malformed")
    salvage(box)
    found = ids(box)
    assert {f"e{n:05}" for n in range(EVENTS)} <= found  # of the backup, whatever the damage
    assert len(found) > EVENTS + 400
    check(box)


def test_damage_met_while_running_is_told_and_dealt_with_at_the_next_start(box: Box) -> None:
    store = open_store(box)
    path = store.path
    with store.write() as connection:
        root = connection.exec_driver_sql("SELECT rootpage FROM sqlite_master WHERE name = 'item_totals'").scalar_one()
    store.close()
    store = Store(path)
    overwrite(path, (root - 1) * 4096, 4096)
    with pytest.raises(Corrupt, match="next start sets it aside"), store.read() as connection:
        connection.exec_driver_sql("SELECT * FROM item_totals").all()
    store.close()
    assert "hexpost.db is damaged" in examine(path)
    salvage(box)
    assert len(ids(box)) == EVENTS
    check(box)


def test_a_doubt_that_does_not_hold_changes_nothing(box: Box) -> None:
    cast_doubt(box.data / FILE_NAME, "disk image is malformed, said a cosmic ray")
    assert len(ids(box)) == EVENTS
    assert not (box.data / FOLDER).exists()
    assert state(box) is None


def test_while_it_is_put_back_the_centre_is_told_nothing_and_the_epoch_is_claimed(box: Box) -> None:
    back_up(box)
    destroy(box, "gone")
    store = open_store(box)
    with store.write() as connection:
        connection.exec_driver_sql("INSERT INTO outbox VALUES ('cell_aggregates', 8, '2026-11-21', 1, 0)")
        assert connection.exec_driver_sql("SELECT claims_epoch FROM site").scalar_one() == 1
    assert StoreOutbox(box, store).next_batch() is None
    store.close()
    salvage(box)
    store = open_store(box)
    assert StoreOutbox(box, store).next_batch() is not None
    store.close()


def test_damaged_files_stay_until_newer_ones_come_and_two_in_any_case(box: Box) -> None:
    for n in range(4):
        box = Box(settings=box.settings, data=box.data, time=BoxClock(Board(NOW.replace(minute=n))))
        destroy(box, "head")
        salvage(box)
    assert len(list((box.data / FOLDER).iterdir())) == health.KEEP


CHILD = """
import os, signal, sys
from pathlib import Path
from appliance.model.settings import Settings
from appliance.store.salvage import work
from appliance.wiring import Box
from appliance.wiring_care import salvage
left = int(sys.argv[2])
update = work.update_salvage
def kill_later(*given, **named):
    global left
    update(*given, **named)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
work.update_salvage = kill_later
salvage(Box(settings=Settings(), data=Path(sys.argv[1])))
"""


@pytest.mark.parametrize("writes", [1, 4, 9, 14])
def test_putting_back_that_is_killed_goes_on_and_stores_nothing_twice(box: Box, writes: int) -> None:
    back_up(box)
    destroy(box, "head")
    argv = [sys.executable, "-c", CHILD, str(box.data), str(writes)]
    assert subprocess.run(argv, check=False, env=dict(os.environ)).returncode == -9
    salvage(box)
    assert ids(box) == {f"e{n:05}" for n in range(EVENTS)}
    check(box)


def test_of_processes_that_start_together_one_sets_it_aside(box: Box) -> None:
    back_up(box)
    destroy(box, "schema")
    code = (
        "import sys; from pathlib import Path; from appliance.model.settings import Settings; "
        "from appliance.wiring import Box, open_store; open_store(Box(settings=Settings(), data=Path(sys.argv[1])))"
    )
    started = [subprocess.Popen([sys.executable, "-c", code, str(box.data)], env=dict(os.environ)) for _ in range(4)]
    assert [one.wait() for one in started] == [0, 0, 0, 0]
    assert len(list((box.data / FOLDER).iterdir())) == 1


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(examples(80)))
def test_whatever_page_is_damaged_the_box_starts_and_records_and_what_the_backup_has_comes_back(
    box: Box, seed: int
) -> None:
    back_up(box)
    path = box.data / FILE_NAME
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 5)):
        overwrite(path, chance.randrange(path.stat().st_size - 600), chance.choice((1, 16, 512)), seed)
    for attempt in range(3):  # a part that meets damage ends and is started again
        store = open_store(box)
        try:
            open_recorder(box, store).record(Intake(events=[make_event(event_id=f"new{attempt}")]))
            with store.read() as connection:
                connection.exec_driver_sql("PRAGMA quick_check(1)").all()
                sound = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one() == "ok"
        except Corrupt:
            sound = False
        finally:
            store.close()
        if sound:
            break
        cast_doubt(path, "the daily check found damage")
    salvage(box)
    found = ids(box)
    if state(box) is not None:
        assert {f"e{n:05}" for n in range(EVENTS)} <= found
        check(box)
    assert any(name.startswith("new") for name in found)
