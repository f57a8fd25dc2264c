"""The archive by hand: what is imported is archived, sealed, listed, verified and in the end deleted."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from appliance.cli.main import hexpost
from appliance.errors import HexpostError
from appliance.ingest.native_form import read_raw_events
from appliance.model.event import Event
from appliance.model.intake import Intake
from appliance.store.archive.read import Unread, read_archive_file
from appliance.wiring import (
    Box,
    archive_folder,
    open_archive,
    open_archive_sealer,
    open_box,
    open_recorder,
    open_store,
)
from appliance.wiring_bridge import destroy_old_keys
from tests.conftest import make_event
from tests.store.archive.messages import message
from tests.store.checks import totals

ROWS = "event_id,event_type,event_timestamp,longitude,latitude,value\n" + "".join(
    f"e{n},crash,2026-11-21T10:00:{n:02}Z,47.9,29.3,{n}\n" for n in range(7)
)


def call(box: Box, *arguments: str, expect: int = 0) -> str:
    done = CliRunner().invoke(hexpost, [*arguments, "--data", str(box.data)])
    assert done.exit_code == expect, done.output
    return done.output


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return open_box(None, tmp_path / "data", {})


def test_what_is_imported_lies_in_the_archive_as_native_events(box: Box, tmp_path: Path) -> None:
    file = tmp_path / "crashes.csv"
    file.write_text(ROWS)
    call(box, "import", str(file))
    sealed = json.loads(call(box, "archive", "seal", "--everything", "--json"))["sealed"]
    assert (sealed["files"], sealed["rows"]) == (1, 1)
    listed = json.loads(call(box, "archive", "list", "--json"))
    path = archive_folder(box) / listed["files"][0]["file"]
    batches = read_archive_file(path, sealer=open_archive_sealer(box), unread=Unread(faults=[]))
    (raw,) = [one for batch in batches for one in batch]
    assert (raw.topic, raw.origin) == ("import/crashes", "file")
    events = read_raw_events(raw)
    assert [event.event_id for event in events if isinstance(event, Event)] == [f"e{n}" for n in range(7)]
    assert "1 files, 1 messages" in call(box, "archive", "list")
    assert "archive: 1 messages sealed" in call(box, "status")


def test_verify_looks_at_the_archive(box: Box, tmp_path: Path) -> None:
    file = tmp_path / "crashes.csv"
    file.write_text(ROWS)
    call(box, "import", str(file))
    call(box, "archive", "seal", "--everything")
    assert "ok   archive: 1 files, 1 messages" in call(box, "verify")
    next(archive_folder(box).rglob("*.parquet")).unlink()
    assert "FAIL archive" in call(box, "verify", expect=1)


def test_what_is_over_its_time_is_deleted(box: Box) -> None:
    store = open_store(box)
    archive = open_archive(box, store)
    assert archive is not None
    archive.append([message(n, at=box.clock() - timedelta(days=n)) for n in (0, 6, 9)])
    told = json.loads(call(box, "archive", "seal", "--json"))
    assert (told["sealed"]["files"], told["deleted"]["files"]) == (2, 1)
    store.close()


def test_a_site_may_keep_no_archive(box: Box) -> None:
    none = msgspec.structs.replace(
        box,
        settings=msgspec.structs.replace(
            box.settings, retention=msgspec.structs.replace(box.settings.retention, archive_days=0)
        ),
    )
    store = open_store(none)
    open_recorder(none, store).record(Intake(events=[make_event()], raw=[message(0)]))
    assert not archive_folder(none).exists()
    store.close()


def test_an_archive_that_cannot_be_written_stops_nothing_and_is_counted(box: Box) -> None:
    box.data.mkdir()
    archive_folder(box).write_bytes(b"in the way")
    store = open_store(box)
    recorder = open_recorder(box, store)
    at = box.clock()  # what is older than the archive keeps would be deleted as it is sealed
    for n in range(3):
        raw = [message(n, at=at), message(n + 1, at=at)]
        recorder.record(Intake(events=[make_event(event_id=f"e{n}")], raw=raw))
    assert totals(store, "archive_missed") == {"": 6} and totals(store, "stored") == {"": 3}
    assert "archive_missed: 6" in call(box, "status")
    archive_folder(box).unlink()
    recorder.record(Intake(events=[make_event(event_id="e3")], raw=[message(4, at=at)]))
    call(box, "archive", "seal", "--everything")
    assert "1 messages sealed" in call(box, "status") and "6 are known to be missing" in call(box, "status")
    store.close()


def test_a_store_that_cannot_be_written_archives_nothing(box: Box) -> None:
    store = open_store(box)
    recorder = open_recorder(box, store)
    with pytest.raises(HexpostError):
        recorder.record(Intake(events=[make_event()], retried={99: 1}, raw=[message(0)]))
    assert not archive_folder(box).exists()
    store.close()


def test_keys_of_archived_plates_go_after_their_days(box: Box) -> None:
    store = open_store(box)
    archive = open_archive(box, store)
    assert archive is not None
    held: dict[str, Any] = {"payload": b'{"plate":"12-34567"}'}
    archive.append([message(1, at=box.clock() - timedelta(days=8), **held), message(2, at=box.clock(), **held)])
    assert destroy_old_keys(box, store, box.clock()) == 1
    assert len(list((box.data / "secrets" / "archive").glob("*.key"))) == 1
    store.close()
