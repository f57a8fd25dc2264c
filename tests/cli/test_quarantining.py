"""`hexpost quarantine`: messages nobody understood, from the command line, for people and for machines."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from appliance.cli.quarantining import quarantine_group
from appliance.store.audit import fetch_audit
from appliance.store.engine import Store
from tests.bridge.gauges import hear, mend
from tests.store.checks import assert_sound, totals

GAUGES = [
    ("gauge/north/data", b'{"level_mm": 1200}'),
    ("gauge/north/data", b'{"level_mm": 1200}'),
    ("hexpost/v1/a/b/event", b'{"latitude":\x1b[2J'),
    ("gate/plates", b'{"plate": "Q7-ZX4401K"}'),
]


@pytest.fixture(autouse=True)
def messages(store: Store) -> None:
    """Three entries of four messages."""
    hear(store, GAUGES)


@pytest.fixture
def data(store: Store) -> Path:
    """The data directory."""
    return store.path.parent


def call(data: Path, *words: str) -> Result:
    """Run a command of the group in this process."""
    return CliRunner().invoke(quarantine_group, [*words, "--data", str(data)])


def answer(data: Path, *words: str) -> Any:
    """What a command says to machines."""
    result = call(data, *words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def ids(data: Path) -> list[int]:
    return [entry["id"] for entry in answer(data, "list")]


def audited(store: Store) -> list[tuple[str, int]]:
    with store.read() as connection:
        return [(entry.action, entry.detail["entries"]) for entry in fetch_audit(connection)]


def test_a_list_is_by_kind_of_reason_with_sums_and_previews(data: Path) -> None:
    shown = call(data, "list").output
    lines = shown.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("no family of firmware"))
    assert lines[start + 1] == "  3 messages in 2 entries, 2026-11-22 07:00:00Z to 2026-11-22 07:00:03Z"
    assert lines[start + 3] == f'    {ids(data)[-1]}  2x  gauge/north/data  {{"level_mm": 1200}}'
    assert "\x1b" not in shown and "·[2J" in shown


def test_a_list_may_be_narrowed_and_says_what_it_leaves_out(data: Path) -> None:
    assert [entry["topic"] for entry in answer(data, "list", "--topic", "gauge/#")] == ["gauge/north/data"]
    assert [entry["topic"] for entry in answer(data, "list", "--reason", "not json")] == ["hexpost/v1/a/b/event"]
    assert "and 1 more; --limit shows more" in call(data, "list", "--limit", "2").output
    assert "no such entries" in call(data, "list", "--topic", "none").output
    assert call(data, "list", "--topic", "a/#/b").exit_code == 1


def test_on_the_box_a_sealed_entry_is_opened_while_its_key_is_there(data: Path) -> None:
    sealed = ids(data)[0]
    shown = answer(data, "show", str(sealed))
    assert (shown["payload"], shown["seal"], shown["cut"]) == ('{"plate": "Q7-ZX4401K"}', "opened", False)
    for key in (data / "secrets" / "daily").iterdir():
        key.write_bytes(b"")
    assert answer(data, "show", str(sealed))["seal"] == "destroyed"
    assert "(sealed, and the key of its day is destroyed)" in call(data, "list").output


def test_after_the_mapping_is_mended_what_is_understood_is_stored(data: Path, store: Store) -> None:
    nothing = call(data, "retry", "--all")
    assert nothing.exit_code == 1
    assert "0 entries understood, 0 items stored; 3 still refused" in nothing.output
    mend(store)
    told = call(data, "retry", "--all")
    assert told.exit_code == 0
    assert "1 entries understood, 1 items stored; 2 still refused" in told.output
    assert "gate/plates\n    no family of firmware knows this topic" in told.output
    assert totals(store) == {"received": 4, "stored": 1, "duplicate": 1, "quarantined": 2}
    assert audited(store) == [("quarantine.retry", 3)] * 2
    assert_sound(store)


def test_some_may_be_retried(data: Path, store: Store) -> None:
    mend(store)
    assert answer(data, "retry", "--topic", "gauge/+/data")["retried"] == 1
    left = ids(data)
    report = json.loads(call(data, "retry", str(left[0]), "--json").output)
    assert (report["retried"], [one["id"] for one in report["refusals"]]) == (0, [left[0]])


def test_entries_are_dropped_together_or_not_at_all(data: Path, store: Store) -> None:
    newest, middle, oldest = ids(data)
    assert call(data, "drop", str(newest), "999").exit_code == 1
    assert ids(data) == [newest, middle, oldest]
    assert answer(data, "drop", str(newest), str(oldest)) == {"dropped": 2}
    assert answer(data, "drop", "--topic", "hexpost/#") == {"dropped": 1}
    assert "nothing is in quarantine" in call(data, "list").output
    assert audited(store) == [("quarantine.drop", 1), ("quarantine.drop", 2)]
    assert_sound(store)


@pytest.mark.parametrize("words", ["retry", "retry 1 --all", "retry --topic # --all", "drop", "drop 1 --topic #"])
def test_which_entries_are_meant_is_said_in_one_way(data: Path, words: str) -> None:
    refused = call(data, *words.split())
    assert refused.exit_code == 2
    assert "by their ids, or by one of the options" in refused.output
