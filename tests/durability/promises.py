"""What had been promised at an instant, read off the line: PUBACKs and `ack` topics of the bridge, HTTP answers.

Pure.
"""

import re
from collections import defaultdict

import msgspec

from firmware_bridge.topic import PREFIX, is_ours
from tests.durability import wire
from tests.durability.recording import Op, Record

_EVENT_ID = re.compile(rb'"event_id":"([^"]+)"')


class _Connection:
    """One connection: packets of both directions, and what came in by its number."""

    def __init__(self) -> None:
        self.sent, self.received = wire.Stream(), wire.Stream()
        self.version = 4
        self.came: dict[int, tuple[str, bytes]] = {}


class Promises:
    """Follows the records of the line.

    messages  (topic, payload) of others that the bridge has acknowledged to the broker
    ids       (source, event id) that it has named on an `ack` topic
    """

    def __init__(self) -> None:
        self.messages: set[tuple[str, bytes]] = set()
        self.ids: set[tuple[str, str]] = set()
        self._connections: dict[tuple[int, int], _Connection] = {}

    def take(self, record: Record) -> None:
        """Follow one record; those of files are passed over."""
        if record.op == Op.CONNECT:
            self._connections[record.handle] = _Connection()
        elif record.op == Op.SEND:
            connection = self._connections[record.handle]
            for packet in connection.sent.feed(record.data):
                self._note_sent(connection, packet)
        elif record.op == Op.RECV:
            connection = self._connections[record.handle]
            for packet in connection.received.feed(record.data):
                if packet.kind == wire.PUBLISH:
                    came = wire.read_publish(packet, connection.version)
                    connection.came[came.mid] = (came.topic, came.payload)

    def _note_sent(self, connection: _Connection, packet: wire.Packet) -> None:
        if packet.kind == wire.CONNECT:
            connection.version = wire.version_of(packet.body)
        elif packet.kind == wire.PUBACK:
            topic, payload = connection.came[wire.acknowledged(packet.body)]
            if not is_ours(topic):  # what the box said itself and the broker remembered
                self.messages.add((topic, payload))
        elif packet.kind == wire.PUBLISH:
            sent = wire.read_publish(packet, connection.version)
            if sent.topic.endswith("/ack"):
                source = sent.topic.removeprefix(f"{PREFIX}/").removesuffix("/ack")
                self.ids.update((source, one) for one in msgspec.json.decode(sent.payload)["event_ids"])


class Answers:
    """Follows the records of a server's line; as `Promises`, for the ids that `POST /v1/events/upload` answered."""

    SOURCE = "admin"  # who uploads

    def __init__(self) -> None:
        self.messages: set[tuple[str, bytes]] = set()
        self.ids: set[tuple[str, str]] = set()
        self._said: defaultdict[tuple[int, int], bytes] = defaultdict(bytes)

    def take(self, record: Record) -> None:
        """Follow one record; an id counts as answered with the bytes that hold it."""
        if record.op == Op.CONNECT:
            self._said.pop(record.handle, None)
        elif record.op == Op.SEND:
            said = self._said[record.handle] + record.data
            end = 0
            for found in _EVENT_ID.finditer(said):
                self.ids.add((self.SOURCE, found[1].decode()))
                end = found.end()
            self._said[record.handle] = said[end:]
