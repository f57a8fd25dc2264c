"""The only user of pyserial: lines from a serial port into the same queue that the broker's messages wait in.

A radio gateway writes JSON, one message a line: `{"topic": …, "payload": …}` is taken as if published there, anything
else as brought by a gateway named after the port. A GNSS receiver writes NMEA: its fixes become positions, and tell
the box the time and, in a vehicle, the place. The port may vanish and come back.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Any

import msgspec
import serial

from appliance.clock import Clock
from appliance.errors import Rejected
from firmware_bridge.inbox import Inbox
from firmware_bridge.mqtt.message import Message
from firmware_bridge.notation.nmea import GnssFix, read_sentence
from firmware_bridge.topic import PREFIX, raw_topic

log = logging.getLogger(__name__)

MAX_LINE = 65_536  # bytes; what is longer is cut off and counted, up to the next end of line
READ_S = 0.5
RETRY_FIRST_S, RETRY_MAX_S = 0.5, 10.0
POSITION_EVERY = timedelta(seconds=5)  # a receiver tells its place each second; the store need not


class SerialGateway:
    """Reads one port on a thread of its own until it is stopped."""

    def __init__(
        self,
        port: str,
        *,
        baud: int,
        messages: Inbox,
        clock: Clock,
        on_time: Callable[[datetime], None],
        on_place: Callable[[float, float], None],
    ) -> None:
        self.name = PurePath(port).name or "port"
        self.connected = threading.Event()
        self.lines = 0
        self.shed: dict[str, int] = {}
        self.last_error = ""
        self._port = port
        self._baud = baud
        self._messages = messages
        self._clock = clock
        self._on_time = on_time
        self._on_place = on_place
        self._position_at: datetime | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"serial-{self.name}", daemon=True)

    def start(self) -> None:
        """Begin reading; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End reading."""
        self._stop.set()
        self._thread.join(timeout=READ_S * 4)

    def _run(self) -> None:
        wait_s = RETRY_FIRST_S
        while not self._stop.is_set():
            try:
                with serial.Serial(self._port, self._baud, timeout=READ_S) as port:
                    self.last_error, wait_s = "", RETRY_FIRST_S
                    self.connected.set()
                    self._read(port)
            except (serial.SerialException, OSError) as error:
                if str(error) != self.last_error:
                    log.error("%s: %s; trying again", self._port, error)
                self.last_error = str(error)
            self.connected.clear()
            self._stop.wait(wait_s)
            wait_s = min(wait_s * 2, RETRY_MAX_S)

    def _read(self, port: Any) -> None:
        buffer = b""
        skipping = False
        while not self._stop.is_set():
            buffer += port.read(max(1, port.in_waiting))
            *lines, buffer = buffer.split(b"\n")
            for line in lines:
                if len(line) > MAX_LINE:
                    self._count("line too long")
                elif not skipping:
                    self.take(line.strip())
                skipping = False
            if len(buffer) > MAX_LINE:
                self._count("line too long")
                buffer, skipping = b"", True

    def take(self, line: bytes) -> None:
        """Take one line."""
        if not line:
            return
        self.lines += 1
        if line.startswith(b"$"):
            self._take_sentence(line)
            return
        topic, payload = read_line(line, self.name)
        self._put(topic, payload)

    def _take_sentence(self, line: bytes) -> None:
        try:
            fix = read_sentence(line.decode("ascii", "replace"))
        except Rejected as rejected:
            self._count(f"nmea: {rejected.reason.split(';')[0][:40]}")
            return
        if fix is None:
            return
        if fix.observed_at is not None:
            self._on_time(fix.observed_at)
        if fix.longitude is not None and fix.latitude is not None:
            self._on_place(fix.longitude, fix.latitude)
            self._put_position(fix, line)

    def _put_position(self, fix: GnssFix, line: bytes) -> None:
        at = fix.observed_at
        if at is None or (self._position_at is not None and timedelta() <= at - self._position_at < POSITION_EVERY):
            return
        self._position_at = at
        self._put(raw_topic(f"serial/{self.name}", "gnss"), line)

    def _put(self, topic: str, payload: bytes) -> None:
        received = Message(
            topic=topic, payload=payload, qos=0, mid=0, retain=False, received_at=self._clock(), connection=0
        )
        while not self._stop.is_set():
            if self._messages.put_within(received, READ_S):
                return  # until then the port's own buffer waits, and then the sender

    def _count(self, reason: str) -> None:
        self.shed[reason] = self.shed.get(reason, 0) + 1


def read_line(line: bytes, port: str) -> tuple[str, bytes]:
    """(topic, payload) of a line that is no NMEA: the ones it names, else those of a gateway called after the port."""
    try:
        document: Mapping[str, Any] | Any = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        document = None
    if isinstance(document, dict):
        topic, payload = document.get("topic"), document.get("payload")
        if isinstance(topic, str) and topic and "payload" in document:
            return topic, payload.encode() if isinstance(payload, str) else msgspec.json.encode(payload)
        if "event_type" in document:
            return f"{PREFIX}/serial/{port}/event", line
    return raw_topic(f"serial/{port}", "any"), line
