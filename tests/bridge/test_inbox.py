"""Where messages wait: what ends the waiting, and what bounds it."""

import threading
import time

from firmware_bridge.inbox import Inbox
from firmware_bridge.mqtt.message import Message
from tests.conftest import NOW

LONG = 60.0


def message(size: int) -> Message:
    return Message(topic="t", payload=b"x" * size, qos=1, mid=1, retain=False, received_at=NOW, connection=1)


def test_waiting_ends_with_the_bytes_of_a_batch_however_few_the_messages_are() -> None:
    """Twenty messages of a hundred events each are a batch; to wait a second for two thousand would be to idle."""
    inbox = Inbox(1_000)
    waited = threading.Event()

    def wait() -> None:
        inbox.wait(100, time.monotonic() + LONG, 1_000)
        waited.set()

    waiter = threading.Thread(target=wait)
    waiter.start()
    inbox.put([message(999)])
    assert not waited.is_set()
    inbox.put([message(1)])
    assert waited.wait(LONG / 2)
    waiter.join()


def test_waiting_ends_with_the_number_of_a_batch() -> None:
    inbox = Inbox(1_000)
    inbox.put([message(1)] * 3)
    assert inbox.wait(3, time.monotonic() + LONG, 1_000) == 3


def test_a_batch_is_bounded_by_number_and_by_bytes_and_holds_at_least_one() -> None:
    inbox = Inbox(1_000)
    inbox.put([message(700)] * 4)
    assert [len(inbox.take(many, size)) for many, size in ((1, 10_000), (10, 1_000), (10, 1), (10, 1))] == [1, 2, 1, 0]
