"""`hexpost watchlist` and `hexpost threshold`: what a technician types, and what is refused with its remedy."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from appliance.cli.main import hexpost
from appliance.store.audit import fetch_audit
from appliance.wiring import Box, find_store, open_box, open_store

PLATE = "KWT 4711"


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    """A box with an empty store."""
    monkeypatch.setenv("HEXPOST_DATA", str(tmp_path))
    made = open_box(None, None, {"HEXPOST_DATA": str(tmp_path)})
    open_store(made).close()
    return made


def call(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(hexpost, arguments, input=typed)


def test_a_plate_is_added_listed_by_its_label_and_removed(box: Box) -> None:
    added = call("watchlist", "add", PLATE, "--label", "white van", "--expires", "2999-01-01T00:00:00Z", "--json")
    entry = json.loads(added.output)
    assert (entry["label"], entry["hits"], entry["expired"]) == ("white van", 0, False)
    listed = call("watchlist", "list")
    assert "white van" in listed.output and "until 2999-01-01" in listed.output and "not read yet" in listed.output
    removed = call("watchlist", "remove", str(entry["id"]))
    assert removed.exit_code == 0
    assert call("watchlist", "list").output == "the watch list is empty\n"
    with find_store(box).read() as connection:
        audit = [(one.action, one.who.startswith("cli:")) for one in fetch_audit(connection)]
    assert audit == [("watchlist.remove", True), ("watchlist.add", True)]


def test_a_plate_that_is_asked_for_is_not_echoed_and_lies_nowhere_in_clear(box: Box) -> None:
    added = call("watchlist", "add", "--label", "white van", typed=f"{PLATE}\n")
    assert added.exit_code == 0
    assert "4711" not in added.output
    for file in box.data.rglob("*"):
        if file.is_file():
            assert b"4711" not in file.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("add", PLATE, "--label", f"the {PLATE}"), "holds the plate itself"),
        (("add", PLATE, "--label", "van", "--hash", "0" * 32), "and not both"),
        (("add", PLATE, "--label", "van", "--expires", "2001-01-01T00:00:00Z"), "a time to come"),
        (("add", PLATE, "--label", "van", "--expires", "tomorrow"), "expires_at"),
        (("add", "*", "--label", "van"), "no letter and no digit"),
        (("remove", "7"), "no entry 7"),
    ],
)
def test_what_cannot_be_is_refused_and_says_why_without_the_plate(
    box: Box, arguments: tuple[str, ...], told: str
) -> None:
    refused = call("watchlist", *arguments)
    assert refused.exit_code == 1
    assert told in refused.output
    assert "4711" not in refused.output


def test_thresholds_are_listed_set_and_taken_back(box: Box) -> None:
    listed = call("threshold", "list").output
    assert "pm2_5  above 75, cleared at 50 ug/m3, after 1800 s  warning  default: WHO" in listed
    put = call("threshold", "set", "water_level", "--raise-at", "3.2", "--clear-at", "3", "--note", "the ford")
    assert put.output == "water_level  above 3.2, cleared at 3 m, after 600 s  warning  site: the ford\n"
    off = call("threshold", "set", "pm2_5", "--raise-at", "75", "--clear-at", "50", "--off", "--json")
    assert json.loads(off.output)["enabled"] is False
    assert call("threshold", "remove", "pm2_5").exit_code == 0
    refused = call("threshold", "remove", "pm2_5")
    assert (refused.exit_code, "no threshold of 'pm2_5' was set" in refused.output) == (1, True)
    refused = call("threshold", "set", "co", "--raise-at", "3", "--clear-at", "3")
    assert (refused.exit_code, "differs from raise_at" in refused.output) == (1, True)
    assert call("threshold", "set", "co", "--raise-at", "3", "--clear-at", "2", "--zone", "x").exit_code == 1
