"""Publishes and waits for the broker's acknowledgements; for `hexpost replay` and `simulate`. The only user of paho."""

import contextlib
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from appliance.errors import Unavailable
from firmware_bridge.address import Address
from firmware_bridge.client import CONNACK_S, KEEPALIVE_S, RETRY_MAX_S

MAX_INFLIGHT = 200  # messages published and not yet acknowledged


class Publisher:
    """A connection to publish on. A context manager."""

    def __init__(self, address: Address, *, will: tuple[str, bytes] | None = None) -> None:
        """`will` is what the broker says, retained, when the connection is lost; one with a will then stays lost."""
        self._address = address
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv311, reconnect_on_failure=will is None
        )
        self._client.max_inflight_messages_set(MAX_INFLIGHT)
        self._waiting: deque[mqtt.MQTTMessageInfo] = deque()
        self._wanted: list[tuple[str, int]] = []
        self._connected = threading.Event()
        self._client.on_connect = self._came
        self._client.on_disconnect = lambda *_: self._connected.clear()
        _secure(self._client, address)
        if will is not None:
            self._client.will_set(*will, qos=1, retain=True)

    def __enter__(self) -> Self:
        """Connect.

        raises  Unavailable  the broker does not answer
        """
        self._connect()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 1) -> None:
        """Hand one message over; waits while too many are unacknowledged, and while a broker that restarts is away.

        raises  Unavailable  it does not come back, or does not acknowledge, within half a minute
        """
        if not self._connected.wait(RETRY_MAX_S):
            raise Unavailable(f"the broker at {self._address.host}:{self._address.port} is gone and does not come back")
        handed = self._client.publish(topic, payload, qos=qos, retain=retain)
        if handed.rc != mqtt.MQTT_ERR_NO_CONN:  # else paho keeps it for when it is connected again, and answers no more
            self._waiting.append(handed)
        while len(self._waiting) > MAX_INFLIGHT * 2:
            self._settle()

    def flush(self) -> None:
        """Wait until every message is acknowledged.

        raises  Unavailable  one is not, within half a minute
        """
        while self._waiting:
            self._settle()

    def subscribe(self, filters: Sequence[str], on_message: Callable[[str, bytes], None]) -> None:
        """Have `on_message(topic, payload)` called, on the network's thread, for what comes in; again after a loss.

        raises  Unavailable  the broker does not confirm it
        """
        confirmed = threading.Event()
        self._wanted = [(topic_filter, 1) for topic_filter in filters]
        self._client.on_message = lambda _client, _userdata, message: on_message(message.topic, bytes(message.payload))
        self._client.on_subscribe = lambda *_: confirmed.set()
        if self._client.is_connected():
            self._client.subscribe(self._wanted)
        if not confirmed.wait(CONNACK_S):
            raise Unavailable(f"{self._address.host}:{self._address.port} does not confirm a subscription")

    def break_off(self) -> None:
        """Lose the connection, if it has a will: the broker is not told, and says it. Does not wait for the thread.

        raises  Unavailable  what was published before is not acknowledged
        """
        self.flush()
        connection = self._client.socket()
        if isinstance(connection, socket.socket):
            with contextlib.suppress(OSError):  # the broker was quicker
                connection.shutdown(socket.SHUT_RDWR)

    def reconnect(self) -> None:
        """Connect again after `break_off`.

        raises  Unavailable  the broker does not answer
        """
        self._client.loop_stop()
        self._connect()

    def _came(self, client: mqtt.Client, *_: object) -> None:
        """The broker let us in, the first time or after a loss; on the network's thread."""
        if self._wanted:
            client.subscribe(self._wanted)
        self._connected.set()

    def _connect(self) -> None:
        try:
            self._client.connect(self._address.host, self._address.port, KEEPALIVE_S)
        except OSError as error:
            raise Unavailable(
                f"publishing to {self._address.host}:{self._address.port}: {error}; is the broker (`hexpost run`) up?"
            ) from None
        self._client.loop_start()

    def _settle(self) -> None:
        message = self._waiting.popleft()
        try:
            message.wait_for_publish(timeout=RETRY_MAX_S)
            published = message.is_published()
        except (RuntimeError, ValueError):  # handed over in the moment in which the connection went
            published = False
        if not published:
            raise Unavailable("the broker has stopped acknowledging; what it did not acknowledge is not published")


def _secure(client: mqtt.Client, address: Address) -> None:
    if address.username:
        client.username_pw_set(address.username, address.password)
    if address.tls:
        client.tls_set(ca_certs=address.ca_file, tls_version=ssl.PROTOCOL_TLS_CLIENT)
