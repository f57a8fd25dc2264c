"""The bridge's connection to the broker: a session that lasts, acknowledgement by hand, and a link that mends itself.

MQTT is spoken by `mqtt`, since a client that reads packet by packet costs three times what decoding and storing a
message does. Version 5 is tried first, for its receive maximum; a broker that does not answer it is spoken to in
3.1.1. One thread owns the socket; when the inbox is full it stops reading, which the broker feels as back-pressure.
"""

import contextlib
import logging
import os
import random
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

from appliance.clock import Clock
from firmware_bridge.address import Address
from firmware_bridge.inbox import Inbox
from firmware_bridge.mqtt import wire
from firmware_bridge.mqtt.message import Message
from firmware_bridge.mqtt.reader import Malformed, Packet, Reader
from firmware_bridge.mqtt.wire import MQTT_3_1_1, MQTT_5, Will

log = logging.getLogger(__name__)

SESSION_S = 7 * 86_400  # how long the broker keeps what came while the bridge was away
CONNACK_S = 5.0  # a broker that has not answered by then does not speak this version
RETRY_FIRST_S, RETRY_MAX_S = 0.5, 30.0
KEEPALIVE_S = 30
CHUNK_BYTES = 262_144
MAX_UNSENT = 8_388_608  # bytes that wait for a broker that does not read; then nothing more is published
MAX_UNCONFIRMED = 200  # messages at QoS 1 that the broker has not confirmed
GOODBYE_S = 2.0
RIVAL_S = 20.0  # a connection that is closed sooner after it was accepted may have been taken by another client
FORMER_FILTERS = ("hexpost/v1/+/+/event", "hexpost/v1/+/+/status")  # of version 0.1
LEVELS = (MQTT_5, MQTT_3_1_1)
WRONG_VERSION = {1, 0x84}  # CONNACK: unacceptable protocol version, in either version's words
REASONS = {
    2: "the client id is refused", 3: "the broker is unavailable", 4: "wrong user name or password",
    5: "not authorized", 0x85: "the client id is refused", 0x86: "wrong user name or password", 0x87: "not authorized",
    0x88: "the broker is unavailable", 0x89: "the broker is busy", 0x8B: "the broker is shutting down",
    0x8D: "the broker heard nothing for too long", 0x8E: "another client has taken our client id",
    0x97: "the broker's quota is exceeded", 0x9F: "too many connections",
}  # fmt: skip


class Lost(Exception):
    """The connection is no more; the text says why."""


class Ticket(NamedTuple):
    """A message that was published at QoS 1, to ask after."""

    connection: int
    mid: int


class BrokerClient:
    """A connection that mends itself. `start` and `stop` once; `messages` is read by one thread."""

    def __init__(
        self,
        address: Address,
        *,
        client_id: str,
        filters: tuple[str, ...],
        receive_maximum: int,
        will: tuple[str, bytes],
        birth: tuple[str, bytes],
        clock: Clock,
    ) -> None:
        self.messages = Inbox(receive_maximum)
        self.connected = threading.Event()
        self.last_error = ""
        self._address = address
        self._client_id = client_id
        self._filters = filters
        self._receive_maximum = receive_maximum
        self._will = Will(*will)
        self._birth = Will(*birth)
        self._clock = clock
        self._connection = 0
        self._stop = threading.Event()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.messages.on_room = self._rouse
        self._lock = threading.Lock()  # of what follows: other threads acknowledge and publish
        self._level = MQTT_5
        self._unsent = bytearray()
        self._unconfirmed: set[int] = set()
        self._confirmable = MAX_UNCONFIRMED
        self._mid = 0
        self._keepalive_s = KEEPALIVE_S
        self._heard_at = self._sent_at = self._accepted_at = 0.0
        self._reached = self._understood = self._accepted = False
        self._thread = threading.Thread(target=self._keep_connected, name="broker-link", daemon=True)

    def start(self) -> None:
        """Begin connecting; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Disconnect cleanly, leaving the session to the broker."""
        self._stop.set()
        self._rouse()
        self._thread.join(timeout=CONNACK_S + GOODBYE_S)

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Tell the broker that messages are durable, in the order in which they came.

        Those that came on an earlier connection are left alone: the broker sends them again, while their numbers may by
        now stand for others.
        """
        with self._lock:
            mids = [one.mid for one in messages if one.qos and one.connection == self._connection]
            self._unsent += wire.encode_pubacks(mids)
        self._rouse()

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 0, expiry_s: int | None = None
    ) -> bool:
        """Publish if there is a connection, and say whether there was: nothing waits here for a later one.

        expiry_s  how long a broker of MQTT 5 keeps it for a subscriber that is away
        """
        return self.publish_all([(topic, payload)], retain=retain, qos=qos, expiry_s=expiry_s)

    def publish_all(
        self,
        messages: Sequence[tuple[str, bytes]],
        *,
        retain: bool = False,
        qos: int = 0,
        expiry_s: int | None = None,
    ) -> bool:
        """Publish (topic, payload) of each, as `publish` does; all of them or none."""
        return self._publish(messages, retain=retain, qos=qos, expiry_s=expiry_s) is not None

    def publish_tracked(self, topic: str, payload: bytes) -> Ticket | None:
        """Publish at QoS 1 as `publish` does; with the ticket, `is_confirmed` says whether the broker has it."""
        mids = self._publish([(topic, payload)], retain=False, qos=1, expiry_s=None)
        return Ticket(*mids[0]) if mids else None

    def is_confirmed(self, ticket: Ticket) -> bool | None:
        """Whether the broker has what a ticket stands for; None while it may still say so, False where it cannot."""
        with self._lock:
            if ticket.connection != self._connection:
                return False
            return None if ticket.mid in self._unconfirmed else True

    def _publish(
        self, messages: Sequence[tuple[str, bytes]], *, retain: bool, qos: int, expiry_s: int | None
    ) -> list[tuple[int, int]] | None:
        """(connection, number) of each message; None where nothing was published."""
        sent = []
        with self._lock:
            if not self.connected.is_set() or len(self._unsent) > MAX_UNSENT:
                return None
            if qos and len(self._unconfirmed) + len(messages) > self._confirmable:
                return None
            for topic, payload in messages:
                mid = self._next_mid() if qos else 0
                sent.append((self._connection, mid))
                self._unsent += wire.encode_publish(
                    topic, payload, level=self._level, qos=qos, mid=mid, retain=retain, expiry_s=expiry_s
                )
        self._rouse()
        return sent

    def _next_mid(self) -> int:
        while True:
            self._mid = self._mid % 0xFFFF + 1
            if self._mid not in self._unconfirmed:
                self._unconfirmed.add(self._mid)
                return self._mid

    def _rouse(self) -> None:
        """Have the thread look at what there is to send, or whether there is room again."""
        os.eventfd_write(self._wake, 1)

    # ------------------------------------------------------------ the thread that owns the socket

    def _keep_connected(self) -> None:
        wait, version = RETRY_FIRST_S, 0
        while not self._stop.is_set():
            self._begin_connection(LEVELS[version])
            try:
                with contextlib.closing(self._open_socket()) as link:
                    self._converse(link)
            except (Lost, Malformed, OSError, ValueError) as error:
                self._say_lost(error)
            finally:
                self.connected.clear()
            if self._accepted:
                wait = RETRY_FIRST_S
            elif self._reached and not self._understood:
                version = (version + 1) % len(LEVELS)
            if not self._stop.is_set():
                self._stop.wait(wait * random.uniform(0.5, 1.0))
                wait = min(wait * 2, RETRY_MAX_S)

    def _begin_connection(self, level: int) -> None:
        """Nothing of an earlier connection counts: neither what waited to be sent nor what waited to be confirmed."""
        with self._lock:
            self._level = level
            self._connection += 1
            self._unsent.clear()
            self._unconfirmed.clear()
            self._confirmable = MAX_UNCONFIRMED
        self._keepalive_s = KEEPALIVE_S
        self._reached = self._understood = self._accepted = False

    def _say_lost(self, error: Exception) -> None:
        text = f"{self._address.host}:{self._address.port}: {error}"
        if text != self.last_error and not self._stop.is_set():
            log.warning("the broker: %s", text)
        self.last_error = text

    def _open_socket(self) -> socket.socket:
        address = self._address
        link = socket.create_connection((address.host, address.port), timeout=CONNACK_S)
        try:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if address.tls:
                context = ssl.create_default_context(cafile=address.ca_file)
                link = context.wrap_socket(link, server_hostname=address.host)
            link.setblocking(False)
        except BaseException:
            link.close()
            raise
        self._reached = True
        return link

    def _converse(self, link: socket.socket) -> None:
        """Speak with the broker until the connection ends.

        raises  Lost, Malformed, OSError  it has ended
        """
        self._unsent += wire.encode_connect(
            level=self._level,
            client_id=self._client_id,
            keepalive_s=KEEPALIVE_S,
            session_s=SESSION_S,
            receive_maximum=self._receive_maximum,
            will=self._will,
            username=self._address.username,
            password=self._address.password,
        )
        reader = Reader(self._level, self._connection)
        began = self._heard_at = self._sent_at = time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake, selectors.EVENT_READ)
            while not self._stop.is_set():
                self._turn(link, selector, reader)
                if not self._accepted and time.monotonic() - began > CONNACK_S:
                    raise Lost("no answer")
        self._say_goodbye(link)

    def _turn(self, link: socket.socket, selector: selectors.BaseSelector, reader: Reader) -> None:
        """Send what waits, receive what is there, keep the connection alive; sleeps at most a second."""
        self._send(link)
        room = self.messages.has_room
        held = (
            room and isinstance(link, ssl.SSLSocket) and link.pending() > 0
        )  # decrypted already: the socket is silent
        _watch(selector, link, read=room, write=bool(self._unsent))
        ready = {key.fileobj for key, _ in selector.select(0.0 if held else 1.0)}
        if self._wake in ready:
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._wake)
        if room and (held or link in ready):
            self._receive(link, reader)
        self._keep_alive()

    def _send(self, link: socket.socket) -> None:
        with self._lock:
            while self._unsent:
                try:
                    sent = link.send(self._unsent[:CHUNK_BYTES])
                except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                    return
                del self._unsent[:sent]
                self._sent_at = time.monotonic()

    def _receive(self, link: socket.socket, reader: Reader) -> None:
        try:
            data = link.recv(CHUNK_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        if not data:
            raise Lost("the broker closed the connection" + self._rival())
        self._heard_at = time.monotonic()
        self.messages.put(reader.feed(data, self._clock()))
        if reader.packets:
            for packet in reader.packets:
                self._take(packet)
            reader.packets.clear()

    def _rival(self) -> str:
        """What may be behind a connection that is soon closed: Mosquitto 2.0.11 does not say that it is another's."""
        if not self._accepted or time.monotonic() - self._accepted_at > RIVAL_S:
            return ""
        return f"; does another program use the client id {self._client_id!r}? Give each its own [mqtt] client_id"

    def _take(self, packet: Packet) -> None:
        if packet.kind == wire.CONNACK:
            self._take_connack(packet)
        elif packet.kind == wire.SUBACK:
            refused = [name for name, code in zip(self._filters, packet.codes, strict=False) if code >= 0x80]
            if refused:
                raise Lost(f"the broker refuses the subscription to {', '.join(refused)}; look at its access list")
            self.last_error = ""
            self.connected.set()
        elif packet.kind == wire.PUBACK:
            with self._lock:
                self._unconfirmed.discard(packet.mid)
        elif packet.kind == wire.DISCONNECT:
            raise Lost(REASONS.get(packet.codes[0], f"the broker ended the connection ({packet.codes[0]:#x})"))

    def _take_connack(self, packet: Packet) -> None:
        (code,) = packet.codes
        self._understood = code not in WRONG_VERSION
        if code:
            raise Lost(f"refused: {REASONS.get(code, f'reason {code:#x}')}")
        self._accepted, self._accepted_at = True, time.monotonic()
        self._confirmable = min(MAX_UNCONFIRMED, packet.receive_maximum)
        self._keepalive_s = KEEPALIVE_S if packet.keepalive_s is None else packet.keepalive_s
        former = [topic_filter for topic_filter in FORMER_FILTERS if topic_filter not in self._filters]
        with self._lock:  # an earlier program's filters would deliver a message twice
            self._unsent += wire.encode_unsubscribe(0xFFFF, former, level=self._level) if former else b""
            self._unsent += wire.encode_subscribe(0xFFFE, self._filters, level=self._level)
            self._unsent += wire.encode_publish(self._birth.topic, self._birth.payload, level=self._level, retain=True)

    def _keep_alive(self) -> None:
        """Ping where nothing was sent for long; give up where nothing is heard although it should be.

        A client that does not read cannot hear: while there is no room silence proves nothing.
        """
        if not self._accepted or not self._keepalive_s:
            return
        now = time.monotonic()
        if not self.messages.has_room:
            self._heard_at = now
        if now - self._heard_at > self._keepalive_s * 1.5:
            raise Lost(f"nothing heard for {now - self._heard_at:.0f} s")
        if now - min(self._sent_at, self._heard_at) > self._keepalive_s / 2:
            with self._lock:
                self._unsent += wire.PING
            self._sent_at = now

    def _say_goodbye(self, link: socket.socket) -> None:
        """Tell the world that the bridge is gone, and the broker that it need not."""
        with self._lock:
            if self._accepted:
                self._unsent += wire.encode_publish(
                    self._will.topic, self._will.payload, level=self._level, retain=True
                )
            self._unsent += wire.BYE
        until = time.monotonic() + GOODBYE_S
        with contextlib.suppress(OSError):
            while self._unsent and time.monotonic() < until:
                self._send(link)
                if self._unsent:
                    time.sleep(0.01)


def _watch(selector: selectors.BaseSelector, link: socket.socket, *, read: bool, write: bool) -> None:
    """Have the selector look at the link for just this; with nothing to look for it is taken out."""
    wanted = (selectors.EVENT_READ if read else 0) | (selectors.EVENT_WRITE if write else 0)
    watched = selector.get_map().get(link)
    if watched is None:
        if wanted:
            selector.register(link, wanted)
    elif not wanted:
        selector.unregister(link)
    elif watched.events != wanted:
        selector.modify(link, wanted)
