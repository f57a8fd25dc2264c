"""The only user of paho: a connection to the broker with a persistent session and acknowledgement by hand.

MQTT 5 is tried first, for its receive maximum; a broker that does not answer it is spoken to in 3.1.1. Messages wait
in a bounded queue; when it is full the network thread stops reading, which the broker feels as back-pressure.
"""

import contextlib
import queue
import random
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Self
from urllib.parse import urlsplit

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from appliance.clock import Clock
from appliance.errors import Rejected, Unavailable

SESSION_S = 7 * 86_400  # how long the broker keeps what came while the bridge was away
CONNACK_S = 5.0  # a broker that has not answered by then does not speak this version
RETRY_FIRST_S, RETRY_MAX_S = 0.5, 30.0
KEEPALIVE_S = 30
MAX_INFLIGHT = 200  # messages published and not yet acknowledged
FORMER_FILTERS = ("hexpost/v1/+/+/event", "hexpost/v1/+/+/status")  # of version 0.1
PROTOCOLS = (MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311)


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where the broker is and how to be let in."""

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = None
    ca_file: str | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One publication as it came; `connection` numbers the connection it came on, `dup` marks a redelivery."""

    topic: str
    payload: bytes
    qos: int
    mid: int
    retain: bool
    received_at: datetime
    connection: int
    dup: bool = False


def read_address(url: str, *, username: str = "", password: str | None = None, ca_file: str = "") -> Address:
    """The address in `mqtt://host:port` or `mqtts://host:port`.

    raises  Rejected  another scheme, no host, a port that is none, or a password in the URL
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        raise Rejected(f"mqtt.url {url!r}: the port is not a number below 65536") from None
    if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
        raise Rejected(f"mqtt.url {url!r}: expected mqtt://host:port or mqtts://host:port")
    if parts.password:
        raise Rejected("mqtt.url holds a password; put it in a file and name that in mqtt.password_file")
    tls = parts.scheme == "mqtts"
    return Address(
        host=parts.hostname,
        port=port or (8883 if tls else 1883),
        tls=tls,
        username=parts.username or username or None,
        password=password,
        ca_file=ca_file or None,
    )


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
        self.messages: queue.Queue[Message] = queue.Queue(maxsize=receive_maximum)
        self.connected = threading.Event()
        self.last_error = ""
        self._address = address
        self._client_id = client_id
        self._filters = filters
        self._receive_maximum = receive_maximum
        self._will = will
        self._birth = birth
        self._clock = clock
        self._connection = 0
        self._stop = threading.Event()
        self._lost = threading.Event()
        self._client: mqtt.Client | None = None
        self._thread = threading.Thread(target=self._keep_connected, name="broker-link", daemon=True)

    def start(self) -> None:
        """Begin connecting; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Disconnect cleanly, leaving the session to the broker."""
        self._stop.set()
        self._lost.set()
        self._thread.join(timeout=CONNACK_S + 2)

    def acknowledge(self, message: Message) -> None:
        """Tell the broker that a message is durable.

        One that came on an earlier connection is left alone: the broker sends it again, while its number may by now
        stand for another message.
        """
        if message.qos and self._client is not None and message.connection == self._connection:
            self._client.ack(message.mid, message.qos)

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 0, expiry_s: int | None = None
    ) -> bool:
        """Publish if there is a connection, and say whether there was: nothing waits here for a later one.

        expiry_s  how long a broker of MQTT 5 keeps it for a subscriber that is away
        """
        client = self._client
        if client is None or not self.connected.is_set():
            return False
        properties = None
        if expiry_s is not None and client.protocol == MQTTProtocolVersion.MQTTv5:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.MessageExpiryInterval = expiry_s
        client.publish(topic, payload, qos=qos, retain=retain, properties=properties)
        return True

    def _keep_connected(self) -> None:
        wait, version = RETRY_FIRST_S, 0
        while not self._stop.is_set():
            self._lost.clear()
            client = self._new_client(PROTOCOLS[version])
            if self._connect(client):
                wait = RETRY_FIRST_S
                self._lost.wait()
            elif self.last_error.startswith("no answer") or "protocol" in self.last_error.lower():
                version = (version + 1) % len(PROTOCOLS)
            self._end(client)
            if not self._stop.is_set():
                self._stop.wait(wait * random.uniform(0.5, 1.0))
                wait = min(wait * 2, RETRY_MAX_S)

    def _connect(self, client: mqtt.Client) -> bool:
        """Connect and wait for the broker's answer; whether it took us in."""
        try:
            v5 = client.protocol == MQTTProtocolVersion.MQTTv5
            client.connect(
                self._address.host,
                self._address.port,
                KEEPALIVE_S,
                clean_start=False if v5 else mqtt.MQTT_CLEAN_START_FIRST_ONLY,
                properties=self._session() if v5 else None,
            )
        except (OSError, ValueError) as error:
            self.last_error = f"{self._address.host}:{self._address.port}: {error}"
            return False
        self.last_error = f"no answer from {self._address.host}:{self._address.port}"
        client.loop_start()
        waited = 0.0
        while not self.connected.wait(0.05) and not self._lost.is_set() and waited < CONNACK_S:
            waited += 0.05
        return self.connected.is_set()

    def _end(self, client: mqtt.Client) -> None:
        if self._stop.is_set() and self.connected.is_set():
            client.publish(*self._will, qos=0, retain=True)
        self.connected.clear()
        client.disconnect()
        client.loop_stop()

    def _session(self) -> Properties:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_S
        properties.ReceiveMaximum = self._receive_maximum
        return properties

    def _new_client(self, protocol: MQTTProtocolVersion) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            protocol=protocol,
            manual_ack=True,
            reconnect_on_failure=False,
            clean_session=False if protocol != MQTTProtocolVersion.MQTTv5 else None,
        )
        _secure(client, self._address)
        client.will_set(*self._will, qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        self._client = client
        return client

    def _on_connect(
        self, client: mqtt.Client, _userdata: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        if reason.is_failure:
            self.last_error = f"refused: {reason}"
            self._lost.set()
            return
        self._connection += 1
        self.last_error = ""
        self._subscribe(client)
        client.publish(*self._birth, qos=0, retain=True)
        self.connected.set()

    def _subscribe(self, client: mqtt.Client) -> None:
        """Ask for the filters; an earlier program's would deliver a message twice and are taken back."""
        former = [topic_filter for topic_filter in FORMER_FILTERS if topic_filter not in self._filters]
        if former:
            client.unsubscribe(former)
        if client.protocol == MQTTProtocolVersion.MQTTv5:  # what the bridge publishes does not come back to it
            options = SubscribeOptions(qos=1, noLocal=True)
            client.subscribe([(topic_filter, options) for topic_filter in self._filters])
        else:
            client.subscribe([(topic_filter, 1) for topic_filter in self._filters])

    def _on_disconnect(
        self, _client: mqtt.Client, _userdata: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        self.connected.clear()
        if str(reason) not in {"Success", "Normal disconnection"} and not self.last_error:
            self.last_error = f"connection lost: {reason}"
        self._lost.set()

    def _on_message(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        received = Message(
            topic=message.topic,
            payload=bytes(message.payload),
            qos=message.qos,
            mid=message.mid,
            retain=message.retain,
            received_at=self._clock(),
            connection=self._connection,
            dup=message.dup,
        )
        while not self._stop.is_set():
            try:
                self.messages.put(received, timeout=0.5)
                return
            except queue.Full:
                continue


class Publisher:
    """Publishes and waits for the broker's acknowledgements; for `hexpost replay` and `simulate`. A context manager."""

    def __init__(self, address: Address, *, will: tuple[str, bytes] | None = None) -> None:
        """`will` is what the broker says, retained, when the connection is lost; one with a will then stays lost."""
        self._address = address
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv311, reconnect_on_failure=will is None
        )
        self._client.max_inflight_messages_set(MAX_INFLIGHT)
        self._waiting: deque[mqtt.MQTTMessageInfo] = deque()
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
        """Hand one message over; waits while too many are unacknowledged."""
        self._waiting.append(self._client.publish(topic, payload, qos=qos, retain=retain))
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
        wanted = [(topic_filter, 1) for topic_filter in filters]
        self._client.on_message = lambda _client, _userdata, message: on_message(message.topic, bytes(message.payload))
        self._client.on_subscribe = lambda *_: confirmed.set()
        self._client.on_connect = lambda client, *_: client.subscribe(wanted)
        if self._client.is_connected():
            self._client.subscribe(wanted)
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
        message.wait_for_publish(timeout=RETRY_MAX_S)
        if not message.is_published():
            raise Unavailable("the broker has stopped acknowledging; what it did not acknowledge is not published")


def _secure(client: mqtt.Client, address: Address) -> None:
    if address.username:
        client.username_pw_set(address.username, address.password)
    if address.tls:
        client.tls_set(ca_certs=address.ca_file, tls_version=ssl.PROTOCOL_TLS_CLIENT)
