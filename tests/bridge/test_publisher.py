"""Publishing for `hexpost replay` and `simulate` before a broker that goes and comes back, or does not."""

import contextlib
import threading
from collections.abc import Iterator

import pytest

from appliance.errors import Unavailable
from firmware_bridge import publisher as publisher_module
from firmware_bridge.address import Address
from firmware_bridge.mqtt import wire
from firmware_bridge.mqtt.message import Message
from firmware_bridge.publisher import Publisher
from tests.bridge.test_client import CONNACK, Broker, Peer


@pytest.fixture
def broker() -> Iterator[Broker]:
    with contextlib.closing(Broker()) as made:
        yield made


def welcome(broker: Broker) -> Peer:
    peer = broker.accept()
    peer.link.sendall(CONNACK[peer.level])
    return peer


def acknowledge(peer: Peer, payload: bytes) -> None:
    """Take messages up to this one."""
    peer.read_until(lambda: [one for one in peer.published("a/b") if one == payload], 1)
    mids = [one.mid for one in peer.packets if isinstance(one, Message)]
    peer.link.sendall(wire.encode_pubacks(mids))


def test_a_broker_that_restarts_is_waited_for(broker: Broker) -> None:
    """`hexpost simulate` ended in a traceback of paho's when the box was started anew."""
    restarted = threading.Thread(target=lambda: acknowledge(welcome(broker), b"2"))
    with Publisher(Address(host="127.0.0.1", port=broker.port)) as publisher:
        first = welcome(broker)
        publisher.publish("a/b", b"1")
        acknowledge(first, b"1")
        publisher.flush()
        first.link.close()
        restarted.start()
        publisher.publish("a/b", b"2")
        restarted.join(15)
        assert not restarted.is_alive()


def test_one_that_does_not_come_back_is_said_to_be_gone(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher_module, "RETRY_MAX_S", 0.2)
    with (
        Publisher(Address(host="127.0.0.1", port=broker.port)) as publisher,
        pytest.raises(Unavailable, match="is gone and does not come back"),
    ):
        publisher.publish("a/b", b"1")
