"""`hexpost clock`, and what `hexpost status` says of the time."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from appliance.cli.main import hexpost
from appliance.store.audit import fetch_audit
from appliance.store.clock.boots import fetch_boots
from appliance.store.clock.box_clock import BoxClock
from appliance.store.clock.machine_clock import Machine
from appliance.store.engine import FILE_NAME, Store, raw_connection
from tests.board import Board
from tests.empty_store import put_store


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data directory of a box that last knew the time in the year 2060: no clock of ours is believed after that."""
    monkeypatch.setenv("HEXPOST_DATA", str(tmp_path))
    store = Store(put_store(tmp_path / FILE_NAME))
    clock = BoxClock(Board(datetime(1970, 1, 1, tzinfo=UTC), synchronised=False))
    clock.attach(store)
    clock.say(datetime(2060, 1, 1, tzinfo=UTC))
    store.close()
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(hexpost, arguments)


def test_it_says_why_the_time_is_not_known_and_what_to_do(data: Path) -> None:
    for command in (("clock", "show"), ("status",)):
        shown = call(*command)
        assert shown.exit_code == 0, shown.output
        text = " ".join(shown.output.split())
        assert "clock not trusted since 2060-01-01T00:00:0" in text
        assert "hexpost clock set TIME" in text
    assert json.loads(call("status", "--json").output)["clock"]["trusted"] is False


def test_a_persons_word_is_taken_and_written_down(data: Path) -> None:
    said = call("clock", "set", "2060-02-01T12:00:00Z")
    assert (said.exit_code, said.output.split(" for ")[0]) == (0, "it is 2060-02-01T12:00:00Z")
    assert "moved by 31.5 days" in said.output
    assert "a person told it" in call("clock", "show").output
    store = Store(data / FILE_NAME)
    with store.read() as connection:
        (entry,) = fetch_audit(connection)
        last = fetch_boots(raw_connection(connection))[-1]
    assert (entry.action, entry.subject) == ("clock.set", "box clock")
    assert (last.evidence, last.boot_id) == ("person", Machine().boot_id)
    store.close()


def test_the_system_clock_is_taken_on_a_persons_word(data: Path) -> None:
    said = call("clock", "trust", "--json")
    assert said.exit_code == 0, said.output
    told = datetime.fromisoformat(json.loads(said.output)["box_time"])
    assert abs(told - datetime.now(UTC)) < timedelta(seconds=30)


@pytest.mark.parametrize(
    ("time", "words"),
    [
        ("yesterday", "is not a time"),
        ("2026-11-26T12:00:00", "needs its offset"),
        ("2019-01-01T00:00:00Z", "is before"),
    ],
)
def test_a_time_that_cannot_be_is_refused(data: Path, time: str, words: str) -> None:
    refused = call("clock", "set", time)
    assert refused.exit_code == 1
    assert words in refused.output
