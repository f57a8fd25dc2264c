"""The bridge's connection before a broker that does what the test says: what holds when the other end misbehaves."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from firmware_bridge import client as client_module
from firmware_bridge.address import Address
from firmware_bridge.client import BrokerClient
from firmware_bridge.mqtt import wire
from firmware_bridge.mqtt.message import Message
from firmware_bridge.mqtt.reader import Packet, Reader
from firmware_bridge.mqtt.wire import MQTT_3_1_1, MQTT_5
from tests.conftest import wait_for

CONNACK = {MQTT_5: bytes.fromhex("2003000000"), MQTT_3_1_1: bytes.fromhex("20020000")}
SUBACK = {MQTT_5: bytes.fromhex("9004fffe0001"), MQTT_3_1_1: bytes.fromhex("9003fffe01")}
REFUSED = {MQTT_5: bytes.fromhex("9004fffe0087"), MQTT_3_1_1: bytes.fromhex("9003fffe80")}


class Peer:
    """The broker's end of one connection."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link
        link.settimeout(10)
        self.connect = self._whole()
        self.level = self.connect[8]
        self._reader = Reader(self.level, 0)
        self.packets: list[Packet | Message] = []

    def _whole(self) -> bytes:
        data = b""
        while len(data) < 2 or len(data) < 2 + data[1]:
            data += self.link.recv(4096)
        return data

    def welcome(self, suback: bytes | None = None) -> "Peer":
        self.link.sendall(CONNACK[self.level])
        self.expect(wire.SUBSCRIBE)
        self.link.sendall(suback or SUBACK[self.level])
        return self

    def send(self, mid: int, payload: bytes = b"x", qos: int = 1) -> None:
        self.link.sendall(wire.encode_publish("a/b", payload, level=self.level, qos=qos, mid=mid))

    def expect(self, kind: int, how_many: int = 1) -> list[Packet]:
        """Read until so many packets of a kind have come."""
        return self.read_until(
            lambda: [one for one in self.packets if isinstance(one, Packet) and one.kind == kind], how_many
        )

    def read_until(self, found: Callable[[], list[Any]], how_many: int) -> list[Any]:
        """Read until so many are found."""
        while len(found()) < how_many:
            data = self.link.recv(65_536)
            assert data, f"closed before {how_many} were found; had {self.packets}"
            self.packets += self._reader.feed(data, datetime.now(UTC))
            self.packets += self._reader.packets
            self._reader.packets.clear()
        return found()

    def published(self, topic: str) -> list[bytes]:
        return [one.payload for one in self.packets if isinstance(one, Message) and one.topic == topic]


class Broker:
    """Listens on the loopback."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(15)
        self.port: int = self._listener.getsockname()[1]
        self._peers: list[Peer] = []

    def accept(self) -> Peer:
        peer = Peer(self._listener.accept()[0])
        self._peers.append(peer)
        return peer

    def close(self) -> None:
        for peer in self._peers:
            peer.link.close()
        self._listener.close()


@pytest.fixture
def broker() -> Iterator[Broker]:
    with contextlib.closing(Broker()) as made:
        yield made


@pytest.fixture
def client(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Iterator[BrokerClient]:
    monkeypatch.setattr(client_module, "CONNACK_S", 0.3)
    monkeypatch.setattr(client_module, "RETRY_FIRST_S", 0.01)
    made = make_client(broker)
    made.start()
    yield made
    made.stop()


def make_client(broker: Broker, **members: Any) -> BrokerClient:
    plain = {
        "client_id": "bridge", "filters": ("#",), "receive_maximum": 8, "will": ("health", b"offline"),
        "birth": ("health", b"online"), "clock": lambda: datetime.now(UTC),
    }  # fmt: skip
    return BrokerClient(Address(host="127.0.0.1", port=broker.port), **{**plain, **members})


def received(client: BrokerClient, how_many: int) -> list[Message]:
    wait_for(lambda: len(client.messages) >= how_many)
    return client.messages.take(how_many, 10**9)


def test_a_session_that_another_client_takes_is_said_to_be_that(broker: Broker, client: BrokerClient) -> None:
    """Two boxes on one broker with the default client id; Mosquitto 2.0.11 closes the connection without a reason."""
    peer = broker.accept().welcome()
    assert client.connected.wait(10)
    peer.link.close()
    wait_for(lambda: "another program use the client id 'bridge'" in client.last_error)
    assert "[mqtt] client_id" in client.last_error


def test_it_keeps_its_session_and_says_that_it_is_there(broker: Broker, client: BrokerClient) -> None:
    peer = broker.accept().welcome()
    assert (peer.level, peer.connect[9] & 0x02) == (MQTT_5, 0)  # no clean start
    assert client.connected.wait(10)
    peer.read_until(lambda: peer.published("health"), 1)
    client.stop()
    peer.expect(wire.DISCONNECT)
    assert peer.published("health") == [b"online", b"offline"]


def test_acknowledgements_go_out_in_the_order_of_the_messages(broker: Broker, client: BrokerClient) -> None:
    peer = broker.accept().welcome()
    for mid in (5, 3, 9):
        peer.send(mid)
    peer.send(0, qos=0)
    client.acknowledge(received(client, 4))
    assert [one.mid for one in peer.expect(wire.PUBACK, 3)] == [5, 3, 9]


def test_a_message_of_an_earlier_connection_is_not_acknowledged_on_a_later_one(
    broker: Broker, client: BrokerClient
) -> None:
    first = broker.accept().welcome()
    first.send(1)
    old = received(client, 1)
    first.link.close()
    second = broker.accept().welcome()
    assert client.connected.wait(10)
    second.send(2)
    client.acknowledge([*old, *received(client, 1)])
    assert [one.mid for one in second.expect(wire.PUBACK)] == [2]


@pytest.mark.parametrize("answer", ["nothing", "hangs up", "refuses", "refuses in its own words"])
def test_a_broker_that_does_not_know_version_5_is_spoken_to_in_3_1_1(
    broker: Broker, client: BrokerClient, answer: str
) -> None:
    first = broker.accept()
    if answer == "hangs up":
        first.link.close()
    elif answer == "refuses":
        first.link.sendall(bytes.fromhex("2003008400"))
    elif answer == "refuses in its own words":
        first.link.sendall(bytes.fromhex("20020001"))
    second = broker.accept().welcome()
    assert second.level == MQTT_3_1_1
    assert client.connected.wait(10)
    second.send(7)
    client.acknowledge(received(client, 1))
    assert [one.mid for one in second.expect(wire.PUBACK)] == [7]


def test_who_is_not_let_in_says_why_and_stays_with_the_version(broker: Broker, client: BrokerClient) -> None:
    broker.accept().link.sendall(bytes.fromhex("2003008600"))
    wait_for(lambda: "wrong user name or password" in client.last_error)
    assert broker.accept().level == MQTT_5
    assert not client.connected.is_set()


def test_a_refused_subscription_is_not_called_connected(broker: Broker, client: BrokerClient) -> None:
    broker.accept().welcome(REFUSED[MQTT_5])
    wait_for(lambda: "refuses the subscription to #" in client.last_error)
    assert not client.connected.is_set()


def test_a_full_inbox_stops_the_broker_and_nothing_is_lost(broker: Broker, client: BrokerClient) -> None:
    peer = broker.accept().welcome()
    large = b"x" * 100_000
    sender = threading.Thread(target=lambda: [peer.send(0, large, qos=0) for _ in range(400)])
    sender.start()
    wait_for(lambda: not client.messages.has_room)
    assert sender.is_alive()  # 40 MB do not fit the sockets' buffers: it waits for room
    got = 0
    while got < 400:
        got += len(client.messages.take(5, 10**9))
    sender.join(10)
    assert not sender.is_alive()
    assert client.connected.is_set()


def test_a_quiet_connection_is_kept_alive(
    broker: Broker, client: BrokerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = broker.accept()
    peer.link.sendall(bytes.fromhex("2006000003130001"))  # the broker asks for a keepalive of one second
    peer.expect(wire.SUBSCRIBE)
    peer.link.sendall(SUBACK[MQTT_5])
    peer.expect(wire.PINGREQ)
    wait_for(lambda: "nothing heard" in client.last_error)  # the ping was not answered
    assert broker.accept().level == MQTT_5


def test_nothing_is_published_without_a_connection_or_beyond_what_the_broker_takes(
    broker: Broker, client: BrokerClient
) -> None:
    assert not client.publish("a", b"x")
    peer = broker.accept()
    peer.link.sendall(bytes.fromhex("2006000003210002"))  # receive maximum 2
    peer.expect(wire.SUBSCRIBE)
    peer.link.sendall(SUBACK[MQTT_5])
    assert client.connected.wait(10)
    assert [client.publish("cmd", b"x", qos=1) for _ in range(3)] == [True, True, False]
    assert client.publish_all([("a", b"1"), ("a", b"2")])
    assert peer.read_until(lambda: peer.published("cmd"), 2) == [b"x", b"x"]
    assert peer.read_until(lambda: peer.published("a"), 2) == [b"1", b"2"]
    peer.link.sendall(wire.encode_pubacks([1]))
    wait_for(lambda: client.publish("cmd", b"y", qos=1))


def test_a_ticket_tells_whether_the_broker_has_a_message(broker: Broker, client: BrokerClient) -> None:
    assert client.publish_tracked("alert", b"x") is None
    peer = broker.accept().welcome()
    assert client.connected.wait(10)
    first, second = client.publish_tracked("alert", b"1"), client.publish_tracked("alert", b"2")
    assert first is not None and second is not None
    assert peer.read_until(lambda: peer.published("alert"), 2) == [b"1", b"2"]
    peer.link.sendall(wire.encode_pubacks([second.mid]))
    wait_for(lambda: client.is_confirmed(second))
    assert client.is_confirmed(first) is None
    peer.link.close()
    broker.accept().welcome()
    wait_for(lambda: client.is_confirmed(first) is False)


def test_what_is_not_mqtt_ends_the_connection_and_the_next_one_is_clean(broker: Broker, client: BrokerClient) -> None:
    broker.accept().welcome().link.sendall(bytes.fromhex("30ffffffffff"))
    wait_for(lambda: "more than four bytes" in client.last_error)
    peer = broker.accept().welcome()
    peer.send(1)
    assert received(client, 1)[0].mid == 1
