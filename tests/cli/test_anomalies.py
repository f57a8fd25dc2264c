"""`hexpost anomaly`: listed, shown and labelled from the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from appliance.cli.anomalies import anomaly_group
from appliance.spatial.cells import to_hex
from appliance.store.engine import Store
from tests.store.anomalies import CELL, burst, put, spike


@pytest.fixture
def data(store: Store) -> Path:
    """A data directory in which two were found."""
    put(store, burst(), spike(device="a/\x1b[2J"))
    return store.path.parent


def call(data: Path, *words: str) -> Result:
    return CliRunner().invoke(anomaly_group, [*words, "--data", str(data)])


def answer(data: Path, *words: str) -> Any:
    result = call(data, *words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_they_are_listed_with_their_reason_and_nothing_that_a_terminal_obeys(data: Path) -> None:
    shown = call(data, "list").output
    assert f"     1  open  {to_hex(CELL)}: 14 events between 11:00 and 12:00 on 2026-11-22" in shown
    assert "\x1b" not in shown
    assert [one["id"] for one in answer(data, "list", "--kind", "series")] == [2]
    assert [one["id"] for one in answer(data, "list", "--from", "2026-11-22", "--to", "2026-11-22")] == [2, 1]
    assert call(data, "list", "--state", "false").output == "no such anomalies\n"


def test_one_is_labelled_and_shown_with_what_was_learned(data: Path) -> None:
    labelled = call(data, "label", "1", "false", "--note", "a parade")
    assert labelled.output.startswith("anomaly 1 is false: 14 events")
    shown = answer(data, "show", "1")
    assert (shown["state"], shown["note"], [one["false_count"] for one in shown["thresholds"]]) == (
        "false", "a parade", [1, 1],
    )  # fmt: skip
    assert "a parade" in call(data, "list").output


def test_what_is_not_there_says_where_to_look(data: Path) -> None:
    result = call(data, "show", "9")
    assert result.exit_code == 1
    assert "hexpost anomaly list" in result.output
    assert call(data, "label", "1", "open").exit_code == 2
