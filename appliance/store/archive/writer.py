"""The hot side of the archive: batches of raw messages into spool files, durable when `append` returns.

It never stands in the way of ingest: what cannot be written is counted, said once, and the next batch tries again. The
count goes to `count_missed` at once, and into the archive itself with the next batch that can be written, so that the
hour in which messages are missing says so. Called by `Recorder` after the commit.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from appliance.errors import HexpostError
from appliance.model.intake import RawMessage
from appliance.model.plates import may_hold_plate
from appliance.store.archive.spool import Frame, SpoolFile, hour_name
from appliance.store.sealing import Sealer

log = logging.getLogger(__name__)

_encode: Callable[[object], bytes] = msgspec.msgpack.encode
_Row = tuple[str, bytes, datetime, str, bool, bool, str, str]
"""A `spool.Spooled` as it is encoded: building tuples is quicker than building structs."""


class Archive:
    """Appends messages to this process's spool file. One a thread."""

    def __init__(self, folder: Path, *, sealer: Sealer, count_missed: Callable[[int], None]) -> None:
        """`folder` holds the spool files; `sealer` seals what may hold number plates.

        count_missed  told how many messages could not be archived
        """
        self._folder = folder
        self._sealer = sealer
        self._count_missed = count_missed
        self._file: SpoolFile | None = None
        self._missed = Frame(messages=[])
        self.error = ""

    def append(self, messages: Sequence[RawMessage]) -> None:
        """Archive messages durably, in order; never raises for what the disk does."""
        for group in _by_hour(messages):
            try:
                self._write(group)
            except (OSError, HexpostError, ValueError) as error:
                self.close()
                self._miss(group, error)

    def close(self) -> None:
        """Leave the file; the next batch begins another."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, messages: Sequence[RawMessage]) -> None:
        missed = self._missed
        body = self._encode(messages, missed)
        first = messages[0].received_at
        if self._file is not None and self._file.hour != hour_name(first):
            self.close()
        if self._file is not None and self._file.full:
            self._file.finish()
            self._file = None
        while self._file is None or not self._file.write(body):
            self.close()
            self._file = SpoolFile(self._folder, first)
        if missed.missed:
            self._missed = Frame(messages=[])
        if self.error:
            log.warning("archiving again; %d messages are missing", missed.missed)
            self.error = ""

    def _encode(self, messages: Sequence[RawMessage], missed: Frame) -> bytes:
        rows: list[_Row] = [
            (m.topic, m.payload, m.received_at, m.origin, m.retain, m.redelivered, m.clock_quality, "")
            for m in messages
        ]
        tail = (missed.missed, missed.missed_from, missed.missed_to)
        body = _encode((rows, *tail))
        return _encode((self._seal(rows), *tail)) if may_hold_plate(body) else body

    def _seal(self, rows: list[_Row]) -> list[_Row]:
        """The rows with those sealed that may hold a number plate."""
        topics = {topic: may_hold_plate(topic.encode()) for topic in {row[0] for row in rows}}
        found = [n for n, row in enumerate(rows) if topics[row[0]] or may_hold_plate(row[1])]
        if found:
            day = rows[found[0]][2].date()  # one for the batch, which is of one hour
            sealed = self._sealer.seal_many(day, [rows[n][1] for n in found])
            for n, payload in zip(found, sealed, strict=True):
                row = rows[n]
                rows[n] = (row[0], payload, *row[2:7], day.isoformat())
        return rows

    def _miss(self, messages: Sequence[RawMessage], error: Exception) -> None:
        text = f"archiving into {self._folder}: {error}"
        if text != self.error:
            log.error("%s; %d messages are missing, the next are tried again", text, len(messages))
        self.error = text
        before, times = self._missed, [message.received_at for message in messages]
        self._missed = Frame(
            messages=[],
            missed=before.missed + len(messages),
            missed_from=min(filter(None, (before.missed_from, *times))),
            missed_to=max(filter(None, (before.missed_to, *times))),
        )
        self._count_missed(len(messages))


def _by_hour(messages: Sequence[RawMessage]) -> Iterator[Sequence[RawMessage]]:
    """The messages by hour of receipt, each group in order; nearly always one."""
    if not messages:
        return
    times = [message.received_at for message in messages]
    low, high = min(times), max(times)
    if low.replace(minute=0, second=0, microsecond=0) == high.replace(minute=0, second=0, microsecond=0):
        yield messages
        return
    groups: dict[str, list[RawMessage]] = {}
    for message in messages:
        groups.setdefault(hour_name(message.received_at.astimezone(UTC)), []).append(message)
    yield from groups.values()
