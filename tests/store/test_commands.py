"""The queue of commands: what goes out and what no longer does, which answers count, and that all of it is audited."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from appliance.clock import to_us
from appliance.errors import Conflict, NotFound, Rejected
from appliance.model.command import Command, Weight
from appliance.model.intake import CommandAnswer
from appliance.store.audit import KEEP, fetch_audit, insert_audit
from appliance.store.downlink import commands
from appliance.store.downlink.orders import order_command
from appliance.store.engine import Store
from tests.conftest import NOW

LATER = NOW + timedelta(seconds=10)
CAMERA = "agency/cam7"


def enter(store: Store, source: str, family: str = "native", **columns: Any) -> None:
    """A device in the registry."""
    row = {"facts_json": "{}", "topics_json": "[]", "device_group": "", "registration": "approved", **columns}
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    with store.write() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO devices (source, family, state, state_at, first_seen, last_seen, {names}) "
            f"VALUES (?, ?, 'online', 0, 0, 0, {marks})",
            (source, family, *row.values()),
        )


def queue(store: Store, device: str = CAMERA, command: str = "reboot", ttl_s: int = 60, **parameters: Any) -> Command:
    """A command that was just asked for."""
    with store.write() as connection:
        return commands.insert_command(
            connection,
            device=device,
            command=command,
            parameters=parameters,
            ttl_s=ttl_s,
            requested_by="amal",
            now=NOW,
        )


def send(store: Store, command: Command, awaits: dict[str, Weight], at: datetime = NOW) -> bool:
    """The bridge marks it as sent."""
    with store.write() as connection:
        return commands.mark_sent(connection, command.command_id, awaits, at)


def answer(store: Store, outcome: str, device: str = CAMERA, at: datetime = LATER, **members: Any) -> None:
    """What a device says."""
    said = CommandAnswer(device=device, outcome=outcome, received_at=at, **members)  # type: ignore[arg-type]
    with store.write() as connection:
        commands.insert_answers(connection, [said], to_us(at))


def due(store: Store, at: datetime) -> list[str]:
    """Ids of what would go out."""
    with store.write() as connection:
        return [command.command_id for command in commands.fetch_due(connection, at, 100)]


def look(store: Store, command: Command) -> tuple[str, str]:
    """State and message of a command now."""
    with store.read() as connection:
        found = commands.fetch_command(connection, command.command_id)
    return found.state, found.message


def test_a_command_is_due_until_its_time_is_over_and_then_never(store: Store) -> None:
    enter(store, CAMERA)
    command = queue(store, ttl_s=60)
    assert due(store, NOW + timedelta(seconds=59)) == [command.command_id]
    assert due(store, NOW + timedelta(seconds=60)) == []
    assert look(store, command) == ("expired", "its time was over before it could go out")
    assert not send(store, command, {}, NOW + timedelta(seconds=61))
    assert due(store, NOW) == []  # also when the clock goes back


def test_a_command_that_expired_between_the_look_and_the_sending_does_not_go_out(store: Store) -> None:
    enter(store, CAMERA)
    command = queue(store, ttl_s=60)
    assert due(store, NOW) == [command.command_id]
    assert not send(store, command, {}, NOW + timedelta(seconds=60))


@pytest.mark.parametrize(
    ("awaits", "message"),
    [({"": "final"}, "sent, and never answered"), ({}, "sent; this firmware gives no answer to it")],
)
def test_a_command_without_an_answer_expires(store: Store, awaits: dict[str, Weight], message: str) -> None:
    enter(store, CAMERA)
    command = queue(store)
    assert send(store, command, awaits)
    due(store, NOW + timedelta(seconds=60))
    assert look(store, command) == ("expired", message)


def test_an_accepted_command_outlives_its_time_and_expires_after_an_hour_of_silence(store: Store) -> None:
    enter(store, CAMERA)
    command = queue(store)
    send(store, command, {"": "final"})
    answer(store, "accepted", command_id=command.command_id)
    due(store, LATER + timedelta(minutes=59))
    assert look(store, command)[0] == "accepted"
    due(store, LATER + timedelta(minutes=60))
    assert look(store, command) == ("expired", "was accepted, and then silent for an hour")


def test_what_could_not_be_published_waits_and_its_time_runs_on(store: Store) -> None:
    enter(store, CAMERA)
    command = queue(store)
    send(store, command, {"": "final"})
    with store.write() as connection:
        commands.mark_unsent(connection, command.command_id)
    assert due(store, NOW + timedelta(seconds=59)) == [command.command_id]
    assert due(store, NOW + timedelta(seconds=60)) == []


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        (["accepted"], "accepted"),
        (["accepted", "running", "done"], "done"),
        (["running", "accepted"], "running"),  # overtaken on the way
        (["failed", "done"], "failed"),
        (["done", "failed"], "done"),
    ],
)
def test_a_state_only_moves_forward(store: Store, outcomes: list[str], state: str) -> None:
    enter(store, CAMERA)
    command = queue(store)
    send(store, command, {"": "final"})
    for outcome in outcomes:
        answer(store, outcome, command_id=command.command_id)
    assert look(store, command)[0] == state


def test_a_late_final_word_corrects_expired_and_nothing_less_does(store: Store) -> None:
    enter(store, CAMERA)
    command = queue(store)
    send(store, command, {"": "final"})
    due(store, NOW + timedelta(seconds=60))
    answer(store, "running", command_id=command.command_id)
    assert look(store, command)[0] == "expired"
    answer(store, "done", command_id=command.command_id, message="rebooted")
    assert look(store, command) == ("done", "rebooted")


def test_progress_and_message_are_kept(store: Store) -> None:
    enter(store, CAMERA)
    command = queue(store)
    send(store, command, {"": "final"})
    answer(store, "running", command_id=command.command_id, message="writing", progress_percent=40.0)
    answer(store, "running", command_id=command.command_id)
    with store.read() as connection:
        found = commands.fetch_command(connection, command.command_id)
    assert (found.state, found.message, found.progress_percent) == ("running", "writing", 40.0)


@pytest.mark.parametrize(
    ("family", "device", "answerer", "counts"),
    [
        ("native", CAMERA, CAMERA, True),
        ("native", CAMERA, "agency/cam8", False),  # nobody answers for another
        ("zigbee2mqtt", "zigbee2mqtt/door", "zigbee2mqtt/bridge", True),  # its gateway does
        ("zigbee2mqtt", "zigbee2mqtt/door", "tasmota/door", False),
    ],
)
def test_an_answer_by_id_counts_from_the_device_or_its_gateway(
    store: Store, family: str, device: str, answerer: str, counts: bool
) -> None:
    enter(store, device, family)
    command = queue(store, device)
    send(store, command, {"": "final"})
    answer(store, "done", answerer, command_id=command.command_id)
    assert (look(store, command)[0] == "done") is counts


def test_an_answer_to_a_command_that_never_went_out_changes_nothing(store: Store) -> None:
    enter(store, CAMERA)
    command = queue(store)
    answer(store, "done", command_id=command.command_id)
    answer(store, "done", command_id="nobody knows it")
    assert look(store, command)[0] == "queued"


def test_answers_without_an_id_are_told_apart_by_method_and_order(store: Store) -> None:
    plug = "tasmota/plug"
    enter(store, plug, "tasmota")
    first, second = queue(store, plug, "interval", interval_s=60), queue(store, plug, "interval", interval_s=90)
    for command in (first, second):
        send(store, command, {"TelePeriod": "final"})
    answer(store, "done", plug, method="Power")
    answer(store, "done", "tasmota/other", method="TelePeriod")
    assert [look(store, one)[0] for one in (first, second)] == ["sent", "sent"]
    answer(store, "done", plug, method="TELEPERIOD")
    assert [look(store, one)[0] for one in (first, second)] == ["done", "sent"]


def test_a_word_said_before_the_command_went_out_is_no_answer_to_it(store: Store) -> None:
    plug = "tasmota/plug"
    enter(store, plug, "tasmota")
    command = queue(store, plug)
    send(store, command, {"Restart": "final"}, NOW)
    answer(store, "done", plug, at=NOW - timedelta(seconds=1), method="Restart")
    assert look(store, command)[0] == "sent"


def test_an_interim_answer_only_says_that_the_device_took_it(store: Store) -> None:
    plug = "tasmota/plug"
    enter(store, plug, "tasmota")
    command = queue(store, plug, "firmware_update")
    send(store, command, {"OtaUrl": "interim", "Upgrade": "final"})
    for method, outcome, state in [
        ("OtaUrl", "done", "accepted"),
        ("Upgrade", "running", "running"),
        ("Upgrade", "failed", "failed"),
    ]:
        answer(store, outcome, plug, method=method)
        assert look(store, command)[0] == state


def test_only_a_queued_command_can_be_taken_back(store: Store) -> None:
    enter(store, CAMERA)
    waiting, gone = queue(store), queue(store)
    send(store, gone, {"": "final"})
    with store.write() as connection:
        assert commands.cancel_command(connection, waiting.command_id, who="amal", now=NOW).state == "cancelled"
    with pytest.raises(Conflict, match="is sent; only one that is still queued"), store.write() as connection:
        commands.cancel_command(connection, gone.command_id, who="amal", now=NOW)
    assert due(store, NOW) == []


def test_a_device_has_a_bounded_number_of_open_commands(store: Store) -> None:
    enter(store, CAMERA)
    for _ in range(commands.MAX_OPEN_A_DEVICE):
        queue(store)
    with pytest.raises(Conflict, match="20 commands of agency/cam7 are open"):
        queue(store)


@pytest.mark.parametrize(
    ("device", "ttl_s", "parameters", "error", "reason"),
    [
        ("agency/nobody", 60, {}, NotFound, "no device 'agency/nobody'"),
        (CAMERA, 0, {}, Rejected, "between 1 and 604800"),
        (CAMERA, 604_801, {}, Rejected, "between 1 and 604800"),
        (CAMERA, 60, {"x": "y" * 5_000}, Rejected, "at most 4096"),
    ],
)
def test_what_cannot_be_queued_is_refused(
    store: Store, device: str, ttl_s: int, parameters: dict[str, Any], error: type[Exception], reason: str
) -> None:
    enter(store, CAMERA)
    with pytest.raises(error, match=reason):
        queue(store, device, ttl_s=ttl_s, **parameters)


def test_an_order_that_the_family_does_not_take_leaves_nothing_behind(store: Store) -> None:
    enter(store, "zigbee2mqtt/door", "zigbee2mqtt")
    with pytest.raises(Rejected, match="it takes config, firmware_update, interval"), store.write() as connection:
        order_command(
            connection,
            device="zigbee2mqtt/door",
            command="reboot",
            parameters={},
            base_url="",
            ttl_s=60,
            who="amal",
            now=NOW,
        )
    with store.read() as connection:
        assert commands.fetch_commands(connection) == ([], None)
        assert fetch_audit(connection) == []


def test_pages_of_commands_follow_one_another(store: Store) -> None:
    enter(store, CAMERA)
    ids = [queue(store).command_id for _ in range(5)]
    with store.read() as connection:
        first, cursor = commands.fetch_commands(connection, device=CAMERA, limit=3)
        rest, end = commands.fetch_commands(connection, device=CAMERA, cursor=cursor, limit=3)
    assert [one.command_id for one in first + rest] == ids[::-1]
    assert end is None


def test_who_asked_is_in_the_audit_log_which_can_only_grow(store: Store) -> None:
    enter(store, CAMERA)
    command = queue(store)
    with store.read() as connection:
        (entry,) = fetch_audit(connection, subject=CAMERA)
    assert (entry.who, entry.action, entry.at) == ("amal", "command.queue", NOW)
    assert entry.detail["command_id"] == command.command_id
    for statement in ("UPDATE audit_log SET who = 'nobody'", "DELETE FROM audit_log"):
        with pytest.raises(sa.exc.IntegrityError, match="append only"), store.write() as connection:
            connection.exec_driver_sql(statement)


def test_the_audit_log_keeps_its_newest_entries(store: Store) -> None:
    with store.write() as connection:
        insert_audit(connection, who="amal", action="first", subject="s", at=NOW)
        connection.exec_driver_sql("UPDATE sqlite_sequence SET seq = ? WHERE name = 'audit_log'", (KEEP,))
        insert_audit(connection, who="amal", action="second", subject="s", at=NOW)
    with store.read() as connection:
        assert [entry.action for entry in fetch_audit(connection)] == ["second"]
