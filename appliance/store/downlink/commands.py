"""The queue of commands: what is to go out, what did, and what came of it.

`serve` and the command line put commands in; the bridge takes what is due and says that it sent it; intake applies the
devices' answers in the transaction of the messages that brought them. A state only moves forward:
queued, sent, accepted, running, then done, failed, expired or cancelled.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from appliance.clock import from_us, to_us
from appliance.errors import Conflict, NotFound, Rejected, Unavailable
from appliance.model.command import MAX_TTL_S, Command, CommandState, Target, Weight
from appliance.model.intake import CommandAnswer
from appliance.store.audit import insert_audit
from appliance.store.engine import raw_connection

KEEP_FINISHED = 10_000  # commands remembered beyond the open ones
MAX_OPEN = 5_000
MAX_OPEN_A_DEVICE = 20  # more would only pile up before a device that does not listen
MAX_PARAMETERS = 4_096  # bytes of JSON; what small firmware takes in one message
MAX_MESSAGE = 500  # characters kept of what a device says
SILENCE_US = 3_600_000_000  # one hour: accepted or running, and not a word since
RANK: Mapping[CommandState, int] = {"queued": 0, "sent": 1, "accepted": 2, "running": 3}

_COLUMNS = (
    "command_id, device, family, command, parameters_json, state, created_at, expires_at, requested_by, sent_at, "
    "changed_at, progress_percent, message, wave_id"
)
_IS_OPEN = "state IN ('queued', 'sent', 'accepted', 'running')"  # in the words of the index `commands_open`
_OVERDUE = f"""{_IS_OPEN} AND expires_at <= :now
AND (state IN ('queued', 'sent') OR changed_at <= :now - :silence)"""
_OF_NOW = """created_at >= coalesce(
(SELECT base_us + seen_us FROM boots WHERE offset_us IS NULL ORDER BY boot_pk DESC LIMIT 1), created_at)"""
_WHY = """CASE state WHEN 'queued' THEN 'its time was over before it could go out'
WHEN 'sent' THEN iif(awaits_json = '{}', 'sent; this firmware gives no answer to it', 'sent, and never answered')
ELSE 'was ' || state || ', and then silent for an hour' END"""
_SILENCE = {"silence": SILENCE_US}


def insert_answers(connection: sa.Connection, answers: Sequence[CommandAnswer], now: int) -> None:
    """Apply devices' answers to the commands they are about, within the caller's transaction.

    `now` in microseconds. An answer with an id is about that command, if it was sent to that device (or, for firmware
    behind a gateway, to its family). One without is about the oldest command sent to the device that awaits its method
    and that it can be an answer to. Answers to what is final, or to nothing that was asked, change nothing; a
    device's late word corrects `expired`.
    """
    raw = raw_connection(connection)
    for answer in answers:
        found = _find_by_id(raw, answer) if answer.command_id else _find_by_method(raw, answer)
        if found is not None:
            _apply(raw, found, answer, now)


class _Found(msgspec.Struct, frozen=True):
    command_id: str
    state: CommandState
    weight: Weight


def _find_by_id(raw: Any, answer: CommandAnswer) -> _Found | None:
    row = raw.execute(
        "SELECT device, family, state, awaits_json FROM commands "
        "WHERE command_id = ? AND sent_at IS NOT NULL AND state NOT IN ('done', 'failed', 'cancelled')",
        (answer.command_id,),
    ).fetchone()
    if row is None:
        return None
    device, family, state, awaits = row
    by_gateway = family != "native" and answer.device.partition("/")[0] == device.partition("/")[0]
    if answer.device != device and not by_gateway:
        return None
    weights: dict[str, Weight] = msgspec.json.decode(awaits)
    return _Found(answer.command_id, state, weights.get(answer.method, weights.get("", "final")))


def _find_by_method(raw: Any, answer: CommandAnswer) -> _Found | None:
    rows = raw.execute(
        f"SELECT command_id, state, awaits_json FROM commands WHERE device = ? AND {_IS_OPEN} AND sent_at <= ? "
        "ORDER BY command_pk",
        (answer.device, to_us(answer.received_at)),
    )
    for command_id, state, awaits in rows.fetchall():
        weights: dict[str, Weight] = msgspec.json.decode(awaits)
        known = {method.casefold(): weight for method, weight in weights.items() if method}
        weight = known.get(answer.method.casefold())
        if weight is None or (weight == "interim" and answer.outcome != "failed" and RANK[state] >= RANK["accepted"]):
            continue
        return _Found(command_id, state, weight)
    return None


def _apply(raw: Any, found: _Found, answer: CommandAnswer, now: int) -> None:
    outcome: CommandState = "accepted" if answer.outcome == "done" and found.weight == "interim" else answer.outcome
    if RANK.get(outcome, 9) < RANK.get(found.state, 9):  # overtaken; `expired` yields to a final word only
        return
    raw.execute(
        "UPDATE commands SET state = ?, progress_percent = coalesce(?, progress_percent), "
        "message = iif(? = '', message, ?), changed_at = ? WHERE command_id = ?",
        (
            outcome,
            answer.progress_percent,
            answer.message,
            answer.message[:MAX_MESSAGE],
            now,
            found.command_id,
        ),
    )


def insert_command(
    connection: sa.Connection,
    *,
    device: str,
    command: str,
    parameters: Mapping[str, Any],
    ttl_s: int,
    requested_by: str,
    now: datetime,
    wave_id: str | None = None,
) -> Command:
    """Put a command in the queue of a device, and the fact in the audit log.

    raises  NotFound     the registry does not know the device
            Rejected     the time to live or the parameters are out of bounds
            Conflict     too many commands of this device are open
            Unavailable  too many are open altogether
    """
    raw = raw_connection(connection)
    family = fetch_target(connection, device).family
    text = msgspec.json.encode(parameters).decode()
    if not 1 <= ttl_s <= MAX_TTL_S:
        raise Rejected(f"{ttl_s} is not between 1 and {MAX_TTL_S} seconds", "ttl_s")
    if len(text) > MAX_PARAMETERS:
        raise Rejected(f"{len(text)} bytes of JSON, at most {MAX_PARAMETERS} are sent to a device", "parameters")
    _check_room(raw, device)
    command_id = secrets.token_hex(8)
    raw.execute(
        "INSERT INTO commands (command_id, device, family, command, parameters_json, state, requested_by, created_at, "
        "expires_at, changed_at, wave_id) VALUES (?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?, ?)",
        (
            command_id,
            device,
            family,
            command,
            text,
            requested_by,
            to_us(now),
            to_us(now + timedelta(seconds=ttl_s)),
            to_us(now),
            wave_id,
        ),
    )
    raw.execute(
        f"DELETE FROM commands WHERE command_pk <= (SELECT max(command_pk) FROM commands) - ? AND NOT {_IS_OPEN}",
        (KEEP_FINISHED,),
    )
    detail = {"command_id": command_id, "command": command, "parameters": dict(parameters), "ttl_s": ttl_s}
    insert_audit(connection, who=requested_by, action="command.queue", subject=device, at=now, detail=detail)
    return fetch_command(connection, command_id)


def has_work(connection: sa.Connection, now: datetime) -> bool:
    """Whether `fetch_due` would find or change anything: a look that writes nothing."""
    row = raw_connection(connection).execute(
        f"SELECT 1 FROM commands WHERE (state = 'queued' AND {_OF_NOW}) OR ({_OVERDUE}) LIMIT 1",
        {"now": to_us(now), **_SILENCE},
    )
    return row.fetchone() is not None


def fetch_due(connection: sa.Connection, now: datetime, limit: int) -> list[Command]:
    """Commands to send, the longest waiting first; those whose time is over expire in the same transaction.

    So after however long an absence of the box or the broker, nothing stale goes out: while the time is not known, what
    was asked for before the machine started waits, since nobody knows for how long it was off. A device with a command
    that it has not yet answered gets the next one all the same.
    """
    raw = raw_connection(connection)
    at = {"now": to_us(now), **_SILENCE}
    raw.execute(f"UPDATE commands SET state = 'expired', message = {_WHY}, changed_at = :now WHERE {_OVERDUE}", at)
    rows = raw.execute(
        f"SELECT {_COLUMNS} FROM commands WHERE state = 'queued' AND {_OF_NOW} ORDER BY command_pk LIMIT ?", (limit,)
    )
    return [_command(row) for row in rows.fetchall()]


def mark_sent(connection: sa.Connection, command_id: str, awaits: Mapping[str, Weight], now: datetime) -> bool:
    """Say that a command is about to be published; False where it was cancelled or expired meanwhile: then it is not.

    Committed before the message leaves: killed between the two, the box forgets a command rather than send it twice.
    """
    cursor = raw_connection(connection).execute(
        "UPDATE commands SET state = 'sent', sent_at = ?, changed_at = ?, awaits_json = ? "
        "WHERE command_id = ? AND state = 'queued' AND expires_at > ?",
        (to_us(now), to_us(now), msgspec.json.encode(awaits).decode(), command_id, to_us(now)),
    )
    return bool(cursor.rowcount)


def mark_unsent(connection: sa.Connection, command_id: str) -> None:
    """Take `mark_sent` back: there was no broker to publish to. Its time goes on running."""
    raw_connection(connection).execute(
        "UPDATE commands SET state = 'queued', sent_at = NULL WHERE command_id = ? AND state = 'sent'", (command_id,)
    )


def mark_failed(connection: sa.Connection, command_id: str, reason: str, now: datetime) -> None:
    """Give up a command that cannot be put into the words of its device."""
    raw_connection(connection).execute(
        f"UPDATE commands SET state = 'failed', message = ?, changed_at = ? WHERE command_id = ? AND {_IS_OPEN}",
        (reason[:MAX_MESSAGE], to_us(now), command_id),
    )


def cancel_command(connection: sa.Connection, command_id: str, *, who: str, now: datetime) -> Command:
    """Take a command back that has not gone out.

    raises  NotFound  there is none with this id
            Conflict  it has gone out, or is over
    """
    found = fetch_command(connection, command_id)
    cursor = raw_connection(connection).execute(
        "UPDATE commands SET state = 'cancelled', changed_at = ? WHERE command_id = ? AND state = 'queued'",
        (to_us(now), command_id),
    )
    if cursor.rowcount == 0:
        raise Conflict(f"command {command_id} is {found.state}; only one that is still queued can be taken back")
    detail = {"command_id": command_id, "command": found.command}
    insert_audit(connection, who=who, action="command.cancel", subject=found.device, at=now, detail=detail)
    return fetch_command(connection, command_id)


def fetch_command(connection: sa.Connection, command_id: str) -> Command:
    """One command.

    raises  NotFound
    """
    row = raw_connection(connection).execute(
        f"SELECT {_COLUMNS} FROM commands WHERE command_id = ?", (command_id,)
    ).fetchone()  # fmt: skip
    if row is None:
        raise NotFound(f"command {command_id[:40]!r} is not known; the last {KEEP_FINISHED:,} are kept")
    return _command(row)


def fetch_commands(
    connection: sa.Connection,
    *,
    device: str | None = None,
    state: str | None = None,
    wave_id: str | None = None,
    cursor: int | None = None,
    limit: int = 100,
) -> tuple[list[Command], int | None]:
    """Commands, newest first, and the cursor of the next page."""
    rows = raw_connection(connection).execute(
        f"SELECT {_COLUMNS}, command_pk FROM commands WHERE (?1 IS NULL OR device = ?1) AND (?2 IS NULL OR state = ?2) "
        "AND (?3 IS NULL OR wave_id = ?3) AND (?4 IS NULL OR command_pk < ?4) ORDER BY command_pk DESC LIMIT ?5",
        (device, state, wave_id, cursor, limit + 1),
    )
    found = rows.fetchall()
    return [_command(row[:-1]) for row in found[:limit]], found[limit - 1][-1] if len(found) > limit else None


def fetch_target(connection: sa.Connection, device: str) -> Target:
    """What is known of a device that a command would go to.

    raises  NotFound
    """
    raw = raw_connection(connection)
    row = raw.execute("SELECT family, topics_json, facts_json FROM devices WHERE source = ?", (device,)).fetchone()
    if row is None:
        raise NotFound(f"no device {device[:80]!r} in the registry; it appears there when it is first heard")
    learned = raw.execute(
        "SELECT value_json FROM learned WHERE family = ? AND key = ?", (row[0], f"command/{device}")
    ).fetchone()
    return Target(
        device=device,
        family=row[0],
        topics=tuple(msgspec.json.decode(row[1])),
        facts=msgspec.json.decode(row[2]),
        announced=msgspec.json.decode(learned[0]) if learned else {},
    )


def _check_room(raw: Any, device: str) -> None:
    mine, all_open = raw.execute(
        f"SELECT count(*) FILTER (WHERE device = ?), count(*) FROM commands WHERE {_IS_OPEN}", (device,)
    ).fetchone()
    if mine >= MAX_OPEN_A_DEVICE:
        raise Conflict(f"{mine} commands of {device} are open already; cancel some, or wait until they expire")
    if all_open >= MAX_OPEN:
        raise Unavailable(f"{MAX_OPEN} commands are open already; is the bridge running, and the broker up?")


def _command(row: tuple[Any, ...]) -> Command:
    return Command(
        command_id=row[0],
        device=row[1],
        family=row[2],
        command=row[3],
        parameters=msgspec.json.decode(row[4]),
        state=row[5],
        created_at=from_us(row[6]),
        expires_at=from_us(row[7]),
        requested_by=row[8],
        sent_at=from_us(row[9]) if row[9] is not None else None,
        changed_at=from_us(row[10]),
        progress_percent=row[11],
        message=row[12],
        wave_id=row[13],
    )
