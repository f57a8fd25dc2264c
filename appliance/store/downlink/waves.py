"""Waves of firmware in the store: begun by a person, moved on by the bridge, stopped by either.

`StoreDownlink` is the store as `firmware_bridge.commander` asks for it. A wave's step and the commands that it takes
are one transaction, so that a bridge killed in the middle goes on where it was and orders nobody twice.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from appliance.clock import from_us, to_us
from appliance.errors import Conflict, NotFound, Rejected
from appliance.model.command import MAX_TTL_S, Command, Judge, Progress, Target, Wave, WaveDevice, Weight
from appliance.store.audit import insert_audit
from appliance.store.downlink import commands
from appliance.store.downlink.firmware import fetch_image, image_parameters, image_url
from appliance.store.engine import Store, raw_connection

MAX_DEVICES = 2_000  # of one wave
MAX_UNFINISHED = 10
KEEP_FINISHED = 200  # waves remembered

_COLUMNS = (
    "wave_id, image_id, family, version, state, size, stop_after, timeout_s, url, created_by, created_at, "
    "finished_at, message"
)


class StoreDownlink:
    """The store as `commander.DownlinkStore`: a call is one transaction, and one that finds nothing writes nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def advance_waves(self, now: datetime, judge: Judge) -> None:
        """As `advance_waves`."""
        with self._store.read() as connection:
            busy = _unfinished(connection)
        if busy:
            with self._store.write() as connection:
                advance_waves(connection, now, judge)

    def fetch_due(self, now: datetime, limit: int) -> list[tuple[Command, Target]]:
        """As `commands.fetch_due`, with what is known of each device."""
        with self._store.read() as connection:
            busy = commands.has_work(connection, now)
        if not busy:
            return []
        with self._store.write() as connection:
            due = commands.fetch_due(connection, now, limit)
            return [pair for command in due if (pair := _with_target(connection, command, now))]

    def mark_sent(self, command_id: str, awaits: Mapping[str, Weight], now: datetime) -> bool:
        """As `commands.mark_sent`."""
        with self._store.write() as connection:
            return commands.mark_sent(connection, command_id, awaits, now)

    def mark_unsent(self, command_id: str) -> None:
        """As `commands.mark_unsent`."""
        with self._store.write() as connection:
            commands.mark_unsent(connection, command_id)

    def mark_failed(self, command_id: str, reason: str, now: datetime) -> None:
        """As `commands.mark_failed`."""
        with self._store.write() as connection:
            commands.mark_failed(connection, command_id, reason, now)


def insert_wave(
    connection: sa.Connection,
    *,
    image_id: str,
    devices: Sequence[str],
    size: int,
    stop_after: int,
    timeout_s: int,
    base_url: str,
    created_by: str,
    now: datetime,
) -> Wave:
    """Begin to bring an image to devices, in the order given; the bridge does the rest.

    raises  NotFound  the image or a device is not known
            Rejected  a number is out of bounds, or a device is of another family
            Conflict  a device is in an unfinished wave, or too many waves are unfinished
    """
    image = fetch_image(connection, image_id)
    names = list(dict.fromkeys(devices))
    for name, value, high in (
        ("size", size, 500),
        ("stop_after", stop_after, 500),
        ("timeout_s", timeout_s, MAX_TTL_S),
    ):
        if not 1 <= value <= high:
            raise Rejected(f"{value} is not between 1 and {high}", name)
    if not 1 <= len(names) <= MAX_DEVICES:
        raise Rejected(f"a wave has 1 to {MAX_DEVICES} devices, not {len(names)}", "devices")
    for device in names:
        family = commands.fetch_target(connection, device).family
        if family != image.family:
            raise Rejected(f"{device} is of the family {family!r}, the image is for {image.family!r}", "devices")
    _check_free(connection, names)
    wave = Wave(
        wave_id=secrets.token_hex(8),
        image_id=image_id,
        family=image.family,
        version=image.version,
        state="running",
        size=size,
        stop_after=stop_after,
        timeout_s=timeout_s,
        url=image_url(image, base_url),
        created_by=created_by,
        created_at=now,
        devices=tuple(WaveDevice(device=device, state="waiting") for device in names),
    )
    _insert(connection, wave)
    detail = {
        "image_id": image_id,
        "version": image.version,
        "devices": len(names),
        "size": size,
        "stop_after": stop_after,
    }
    insert_audit(connection, who=created_by, action="firmware.wave", subject=wave.wave_id, at=now, detail=detail)
    return wave


def advance_waves(connection: sa.Connection, now: datetime, judge: Judge) -> None:
    """Let `judge` say what each unfinished wave does next; write down the commands it takes, and what changed."""
    for wave_id in _unfinished(connection):
        wave = fetch_wave(connection, wave_id)
        step = judge(wave, _progress(connection, wave_id), now)
        after = tuple(
            _order(connection, step.wave, one, now) if one.device in step.orders else one for one in step.wave.devices
        )
        _save(connection, wave, msgspec.structs.replace(step.wave, devices=after), now)


def stop_wave(connection: sa.Connection, wave_id: str, *, who: str, now: datetime) -> Wave:
    """Order nobody else. Devices under way are watched to their end; the rest is set aside by the bridge's next look.

    raises  NotFound  there is none with this id
            Conflict  it is over
    """
    wave = fetch_wave(connection, wave_id)
    if wave.state != "running":
        raise Conflict(f"wave {wave_id} is {wave.state} already")
    raw_connection(connection).execute("UPDATE firmware_waves SET state = 'stopped' WHERE wave_id = ?", (wave_id,))
    insert_audit(connection, who=who, action="firmware.wave_stop", subject=wave_id, at=now)
    return fetch_wave(connection, wave_id)


def fetch_wave(connection: sa.Connection, wave_id: str) -> Wave:
    """One wave with its devices.

    raises  NotFound
    """
    row = raw_connection(connection).execute(
        f"SELECT {_COLUMNS} FROM firmware_waves WHERE wave_id = ?", (wave_id,)
    ).fetchone()  # fmt: skip
    if row is None:
        raise NotFound(f"no wave {wave_id[:40]!r}; the last {KEEP_FINISHED} are kept")
    return _wave(connection, row)


def fetch_waves(connection: sa.Connection, limit: int = 50) -> list[Wave]:
    """Waves, newest first."""
    rows = raw_connection(connection).execute(
        f"SELECT {_COLUMNS} FROM firmware_waves ORDER BY wave_pk DESC LIMIT ?", (limit,)
    )
    return [_wave(connection, row) for row in rows.fetchall()]


def fetch_members(connection: sa.Connection, names: Sequence[str]) -> list[str]:
    """Devices named one by one, or by the name of a group, which stands for its approved devices.

    raises  NotFound  a name is neither
    """
    raw, found = raw_connection(connection), []
    for name in names:
        if raw.execute("SELECT 1 FROM devices WHERE source = ?", (name,)).fetchone():
            found.append(name)
            continue
        members = raw.execute(
            "SELECT source FROM devices WHERE device_group = ? AND registration = 'approved' ORDER BY source", (name,)
        ).fetchall()
        if not members:
            raise NotFound(f"{name[:80]!r} is no device, and no group with approved devices")
        found += [source for (source,) in members]
    return list(dict.fromkeys(found))


def _with_target(connection: sa.Connection, command: Command, now: datetime) -> tuple[Command, Target] | None:
    try:
        return command, commands.fetch_target(connection, command.device)
    except NotFound as gone:
        commands.mark_failed(connection, command.command_id, str(gone), now)
        return None


def _unfinished(connection: sa.Connection) -> list[str]:
    rows = raw_connection(connection).execute(
        "SELECT wave_id FROM firmware_waves WHERE finished_at IS NULL ORDER BY wave_pk"
    )
    return [wave_id for (wave_id,) in rows.fetchall()]


def _check_free(connection: sa.Connection, devices: Sequence[str]) -> None:
    unfinished = [fetch_wave(connection, wave_id) for wave_id in _unfinished(connection)]
    if len(unfinished) >= MAX_UNFINISHED:
        raise Conflict(f"{MAX_UNFINISHED} waves are unfinished; wait, or stop some")
    taken = {
        one.device: wave.wave_id for wave in unfinished for one in wave.devices if one.state in ("waiting", "ordered")
    }
    for device in devices:
        if device in taken:
            raise Conflict(f"{device} is in the wave {taken[device]}, which is not over")


def _progress(connection: sa.Connection, wave_id: str) -> dict[str, Progress]:
    rows = raw_connection(connection).execute(
        "SELECT w.device, c.state, coalesce(c.message, ''), coalesce(json_extract(d.facts_json, '$.firmware'), '') "
        "FROM firmware_wave_devices AS w LEFT JOIN devices AS d ON d.source = w.device "
        "LEFT JOIN commands AS c ON c.command_id = w.command_id WHERE w.wave_id = ?",
        (wave_id,),
    )
    return {
        device: Progress(command_state=state, command_message=message, firmware=str(firmware))
        for device, state, message, firmware in rows.fetchall()
    }


def _order(connection: sa.Connection, wave: Wave, one: WaveDevice, now: datetime) -> WaveDevice:
    """Queue the update of one device; it has failed at once where nothing can be queued for it."""
    try:
        command = commands.insert_command(
            connection,
            device=one.device,
            command="firmware_update",
            parameters=image_parameters(fetch_image(connection, wave.image_id), wave.url),
            ttl_s=wave.timeout_s,
            requested_by=wave.created_by,
            now=now,
            wave_id=wave.wave_id,
        )
    except (NotFound, Conflict) as refused:
        return msgspec.structs.replace(one, state="failed", message=str(refused))
    return msgspec.structs.replace(one, command_id=command.command_id)


def _insert(connection: sa.Connection, wave: Wave) -> None:
    raw = raw_connection(connection)
    values = (*msgspec.structs.astuple(wave)[:10], to_us(wave.created_at), None, "")
    raw.execute(f"INSERT INTO firmware_waves ({_COLUMNS}) VALUES ({', '.join('?' * 13)})", values)
    raw.executemany(
        "INSERT INTO firmware_wave_devices (wave_id, ordinal, device, state) VALUES (?, ?, ?, 'waiting')",
        [(wave.wave_id, ordinal, one.device) for ordinal, one in enumerate(wave.devices)],
    )
    old = "wave_pk <= (SELECT max(wave_pk) FROM firmware_waves) - ? AND finished_at IS NOT NULL"
    raw.execute(
        f"DELETE FROM firmware_wave_devices WHERE wave_id IN (SELECT wave_id FROM firmware_waves WHERE {old})",
        (KEEP_FINISHED,),
    )
    raw.execute(f"DELETE FROM firmware_waves WHERE {old}", (KEEP_FINISHED,))


def _save(connection: sa.Connection, before: Wave, after: Wave, now: datetime) -> None:
    """Write down what differs; take back the queued commands of devices that are left."""
    raw = raw_connection(connection)
    for ordinal, (was, one) in enumerate(zip(before.devices, after.devices, strict=True)):
        if one != was:
            ordered_at = to_us(one.ordered_at) if one.ordered_at else None
            raw.execute(
                "UPDATE firmware_wave_devices SET state = ?, command_id = ?, ordered_at = ?, message = ? "
                "WHERE wave_id = ? AND ordinal = ?",
                (one.state, one.command_id, ordered_at, one.message, after.wave_id, ordinal),
            )
        if one.state == "left" and was.state == "ordered" and one.command_id:
            commands.cancel_command(connection, one.command_id, who="system:bridge", now=now)
    if (after.state, after.message, after.finished_at) == (before.state, before.message, before.finished_at):
        return
    finished = to_us(after.finished_at) if after.finished_at else None
    raw.execute(
        "UPDATE firmware_waves SET state = ?, message = ?, finished_at = ? WHERE wave_id = ?",
        (after.state, after.message, finished, after.wave_id),
    )
    if after.state != before.state:
        action, detail = f"firmware.wave_{after.state}", {"message": after.message}
        insert_audit(connection, who="system:bridge", action=action, subject=after.wave_id, at=now, detail=detail)


def _wave(connection: sa.Connection, row: tuple[Any, ...]) -> Wave:
    devices = raw_connection(connection).execute(
        "SELECT device, state, command_id, ordered_at, message FROM firmware_wave_devices WHERE wave_id = ? "
        "ORDER BY ordinal",
        (row[0],),
    )
    names = [name.strip() for name in _COLUMNS.split(",")]
    members = {
        **dict(zip(names, row, strict=True)),
        "created_at": from_us(row[10]),
        "finished_at": from_us(row[11]) if row[11] is not None else None,
    }
    return Wave(
        **members,
        devices=tuple(
            WaveDevice(
                device=device,
                state=state,
                command_id=command_id,
                ordered_at=from_us(at) if at is not None else None,
                message=message,
            )
            for device, state, command_id, at, message in devices.fetchall()
        ),
    )
