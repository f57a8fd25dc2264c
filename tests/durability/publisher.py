"""A publisher at QoS 1 over a socket of its own, and its ledger: what was sent, what the broker acknowledged, what the
bridge said is stored.

One thread does all, so the ledger is in the order of the line. When the connection breaks it comes back and sends again
what has an identity; what has none it sends once, since nobody could tell the second from the first.
"""

import contextlib
import select
import socket
import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from pathlib import Path

import msgspec

from firmware_bridge.topic import PREFIX
from tests.durability import wire
from tests.durability.mix import AGENCY, Outgoing

WINDOW = 200  # messages sent and not yet acknowledged
KEEPALIVE_S = 60
RESEND_S = 3.0  # how long a device waits for its id before it sends again
RETRY_S = 0.1


class Entry(msgspec.Struct, kw_only=True):
    """A message in the ledger, by its place there.

    seeks   its sender looks for its ids on the `ack` topic
    unseen  those that were not there yet
    """

    place: int
    message: Outgoing
    seeks: bool
    unseen: set[str]
    sent: int = 0
    acknowledged: bool = False
    sent_at: float = 0.0


class Publisher:
    """Sends `per_s` messages a second until it is told to finish; a context manager."""

    def __init__(
        self, port: int, messages: Iterator[Outgoing], *, folder: Path, per_s: float, until_seen: bool = False
    ) -> None:
        """`until_seen`: send again until every id was on the `ack` topic."""
        self.ledger: list[Entry] = []
        self._port = port
        self._messages = messages
        self._per_s = per_s
        self._until_seen = until_seen
        self._log = (folder / "ledger.log").open("a", encoding="ascii")
        self._inflight: OrderedDict[int, Entry] = OrderedDict()
        self._waiting: OrderedDict[int, Entry] = OrderedDict()  # by place: acknowledged, not yet seen
        self._by_id: defaultdict[str, list[Entry]] = defaultdict(list)
        self._mid = 0
        self._finishing = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher")
        self._line: socket.socket | None = None
        self._stream = wire.Stream()

    def __enter__(self) -> "Publisher":
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        self._thread.join()
        self._log.close()

    def finish(self) -> None:
        """Begin nothing new, only bring to an end what was begun."""
        self._finishing.set()

    def is_done(self) -> bool:
        """Whether all that was sent was acknowledged, and seen where that is asked for."""
        assert self._thread.is_alive(), "the publisher has died"
        return self._finishing.is_set() and not self._inflight and not self._waiting

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            if self._line is None and not self._connect():
                self._stop.wait(RETRY_S)
                due = time.monotonic()
                continue
            try:
                self._read(timeout_s=min(0.02, max(0.0, due - time.monotonic())))
                now = time.monotonic()
                if now >= due and len(self._inflight) < WINDOW:
                    due = max(due, now - 1.0) + 1.0 / self._per_s
                    self._send_next(now)
            except OSError:
                self._disconnect()
        self._disconnect()

    def _connect(self) -> bool:
        try:
            line = socket.create_connection(("127.0.0.1", self._port), timeout=5)
        except OSError:
            return False
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.settimeout(60)  # a frozen broker takes nothing for a while
        self._line, self._stream = line, wire.Stream()
        with contextlib.suppress(OSError):
            line.sendall(wire.connect("ledger", keepalive_s=KEEPALIVE_S))
            if self._until_seen:
                line.sendall(wire.subscribe(f"{PREFIX}/{AGENCY}/+/ack", 65_535))
            again = [entry for entry in self._inflight.values() if entry.message.known]
            self._inflight = OrderedDict(
                (self._next_mid(), entry) for entry in again
            )  # before any is sent: it may fail
            for mid, entry in self._inflight.items():
                self._transmit(mid, entry)
        return True

    def _disconnect(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    def _read(self, *, timeout_s: float) -> None:
        assert self._line is not None
        if not select.select([self._line], [], [], timeout_s)[0]:
            return
        data = self._line.recv(65_536)
        if not data:
            raise ConnectionResetError
        for packet in self._stream.feed(data):
            if packet.kind == wire.PUBACK:
                self._note_acknowledged(wire.acknowledged(packet.body))
            elif packet.kind == wire.PUBLISH:
                publication = wire.read_publish(packet)
                if publication.mid:
                    self._line.sendall(wire.puback(publication.mid))
                self._note_seen(msgspec.json.decode(publication.payload)["event_ids"])

    def _send_next(self, now: float) -> None:
        """The message that has waited too long for its ids, else a new one."""
        if self._waiting:
            place, entry = next(iter(self._waiting.items()))
            if now - entry.sent_at > RESEND_S:
                self._waiting.move_to_end(place)
                self._send(entry)
                return
        if not self._finishing.is_set():
            message = next(self._messages)
            ids = set(message.ids) if self._until_seen else set()
            entry = Entry(place=len(self.ledger), message=message, seeks=bool(ids), unseen=ids)
            self.ledger.append(entry)
            for event_id in ids:
                self._by_id[event_id].append(entry)
            self._send(entry)

    def _send(self, entry: Entry) -> None:
        mid = self._next_mid()
        self._inflight[mid] = entry
        self._transmit(mid, entry)

    def _next_mid(self) -> int:
        self._mid = self._mid % 60_000 + 1
        return self._mid

    def _transmit(self, mid: int, entry: Entry) -> None:
        assert self._line is not None
        entry.sent += 1
        entry.sent_at = time.monotonic()
        self._log.write(f"sent {mid} {' '.join(entry.message.keys)}\n")
        self._line.sendall(wire.publish(entry.message.topic, entry.message.payload, mid))

    def _note_acknowledged(self, mid: int) -> None:
        entry = self._inflight.pop(mid, None)
        if entry is None:
            return
        entry.acknowledged = True
        self._log.write(f"acknowledged {mid}\n")
        if entry.unseen:
            self._waiting.setdefault(entry.place, entry)

    def _note_seen(self, ids: list[str]) -> None:
        for event_id in ids:
            self._log.write(f"seen {event_id}\n")
            for entry in self._by_id.pop(event_id, ()):
                entry.unseen.discard(event_id)
                if not entry.unseen:
                    self._waiting.pop(entry.place, None)
