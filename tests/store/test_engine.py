"""The store under trouble: full disk, slow reads, damage; each told in words that name the remedy."""

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from appliance.errors import Corrupt, Unavailable
from appliance.model.intake import Intake
from appliance.store.engine import Store, raw_connection
from appliance.store.event.pages import EventFilter, fetch_events
from appliance.store.file import sqlite
from appliance.store.intake.batch import Recorder
from appliance.wiring import open_box, open_recorder, open_store
from tests.conftest import NOW, make_event, make_recorder

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n"


def fill_up(store: Store, pages: int | None) -> None:
    """Let the file grow no further, as a full disk would; None gives the space back."""
    with store.write() as connection:
        raw = raw_connection(connection)
        now = raw.execute("PRAGMA page_count").fetchone()[0]
        raw.execute(f"PRAGMA max_page_count = {now + pages if pages is not None else 2**30}")


def test_a_full_disk_is_a_reason_to_wait_and_nothing_half_is_written(store: Store, recorder: Recorder) -> None:
    fill_up(store, 2)
    events = [make_event(event_id=f"e{n}", attributes={"text": "x" * 500}) for n in range(200)]
    with pytest.raises(Unavailable, match=r"(?s)full.*free space"):
        recorder.record(Intake(events=events))
    fill_up(store, None)
    with store.read() as connection:
        assert fetch_events(connection, EventFilter(), cursor=None, limit=1).items == []
    assert recorder.record(Intake(events=events)).outcomes.count("stored") == 200


@pytest.mark.parametrize("raw", [False, True])
def test_a_read_that_takes_too_long_is_stopped(store: Store, raw: bool) -> None:
    with pytest.raises(Unavailable, match="took too long"), store.read(limit_s=0.1) as connection:
        if raw:
            raw_connection(connection).execute(ENDLESS).fetchall()
        else:
            connection.exec_driver_sql(ENDLESS).all()


def test_a_damaged_file_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "hexpost.db").write_bytes(b"not a database at all" * 400)
    with pytest.raises((Corrupt, Unavailable), match=r"damaged|not a database"), Store(tmp_path / "hexpost.db").read():
        pass


def test_a_writer_waits_for_another_and_both_are_stored(store: Store) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def write(source: str) -> None:
        recorder = make_recorder(store, NOW)
        for n in range(20):
            recorder.record(Intake(events=[make_event(source=source, event_id=f"e{n}")]))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, ("a/1", "a/2", "a/3", "a/4")))
    with store.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM events").scalar_one() == 80


def test_a_writer_that_waits_too_long_says_so_and_the_next_may_wait_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.write():
        monkeypatch.setattr(sqlite, "BUSY_MS", 20)
        with pytest.raises(Unavailable, match=r"another process has held .* try again"), store.write():
            pass
    monkeypatch.undo()
    with store.write() as connection:
        waits_ms = raw_connection(connection).execute("PRAGMA busy_timeout").fetchone()[0]
    assert waits_ms == sqlite.BUSY_MS


def test_a_process_that_opens_the_store_twice_keeps_its_locks_and_nobody_takes_the_wal_away(tmp_path: Path) -> None:
    """A second look at the file must not end the locks of the first: what is committed then would lie in no file."""
    with closing(open_box(None, tmp_path, {})) as box:
        first, _second = open_store(box), open_store(box)
        open_recorder(box, first).record(Intake(events=[make_event(event_id="before")]))
        count_elsewhere(tmp_path)
        open_recorder(box, first).record(Intake(events=[make_event(event_id="after")]))
        assert count_elsewhere(tmp_path) == 2


def count_elsewhere(data: Path) -> int:
    """How many events another process finds, which opens the store and leaves it again."""
    command = [sys.executable, "-m", "appliance.cli", "status", "--json", "--data", str(data)]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return int(told["store"]["events"])
