"""A number plate in clear: only where it is kept, only for its time, and who asked is written down."""

import base64
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from appliance.cli.main import hexpost
from appliance.model.intake import Intake
from appliance.model.native import read_event
from appliance.store.audit import fetch_audit
from appliance.wiring import Box, find_store, open_box, open_plate_sealer, open_recorder, open_sealer, open_store
from appliance.wiring_bridge import destroy_old_keys, plate_sealer


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    """A box that keeps plates for two days, with one read and one kept as a hash alone."""
    config = tmp_path / "hexpost.toml"
    config.write_text("[security]\nkeep_plates_days = 2\n")
    monkeypatch.setenv("HEXPOST_CONFIG", str(config))
    monkeypatch.setenv("HEXPOST_DATA", str(tmp_path / "data"))
    made = open_box(None, None, {"HEXPOST_CONFIG": str(config), "HEXPOST_DATA": str(tmp_path / "data")})
    now = made.clock()
    sealed = plate_sealer(open_plate_sealer(made))("KWT 4711", now)
    store = open_store(made)
    events = [
        read_event(
            {"event_id": name, "event_type": "plate_read", "event_timestamp": now, "attributes": attributes},
            source="lpr/gate",
            received_at=now,
            unplaced=True,
        )
        for name, attributes in (("kept", {"plate_sealed": sealed}), ("hashed", {"plate_hash": "0" * 32}))
    ]
    open_recorder(made, store).record(Intake(events=events))
    store.close()
    return made


def call(*arguments: str) -> Result:
    return CliRunner().invoke(hexpost, arguments)


def test_it_is_shown_and_the_asking_is_in_the_audit_log(box: Box) -> None:
    shown = call("plate", "lpr/gate", "kept")
    assert (shown.exit_code, shown.output) == (0, "KWT 4711\n")
    with find_store(box).read() as connection:
        (entry,) = fetch_audit(connection)
    assert (entry.action, entry.subject) == ("plate.show", "lpr/gate kept")


def test_it_lies_nowhere_in_clear(box: Box) -> None:
    for file in box.data.rglob("*"):
        if file.is_file():
            assert b"4711" not in file.read_bytes()
            assert base64.b64encode(b"KWT 4711") not in file.read_bytes()


def test_after_its_time_its_key_is_gone_while_quarantine_keeps_its_own(box: Box) -> None:
    today = box.clock().date()
    open_sealer(box).seal(today, b"a message")
    assert destroy_old_keys(box, find_store(box), box.clock() + timedelta(days=2)) == 0
    assert destroy_old_keys(box, find_store(box), box.clock() + timedelta(days=3)) == 1
    refused = call("plate", "lpr/gate", "kept")
    assert refused.exit_code == 1
    assert "its time has passed" in refused.output


@pytest.mark.parametrize(("event_id", "reason"), [("hashed", "no sealed plate"), ("other", "has no event other")])
def test_what_is_not_there_is_said(box: Box, event_id: str, reason: str) -> None:
    refused = call("plate", "lpr/gate", event_id)
    assert refused.exit_code == 1
    assert reason in refused.output
