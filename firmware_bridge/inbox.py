"""Where messages wait between the threads that receive them and the one that stores them: bounded, in order.

Messages are put and taken many at a time. Fed by `client` and `serial_port`, emptied by `bridge`.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from firmware_bridge.mqtt.message import Message

MAX_BYTES = 33_554_432  # of waiting payloads: two thousand pictures would be gigabytes


class Inbox:
    """Holds `maximum` messages, and what one put brings beyond; whoever puts asks `has_room` or waits for it."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._waiting: deque[Message] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self.on_room: Callable[[], None] = lambda: None

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def has_room(self) -> bool:
        """Whether more may be put."""
        return len(self._waiting) < self._maximum and self._bytes < MAX_BYTES

    def put(self, messages: Sequence[Message]) -> None:
        """Add messages; never waits."""
        if messages:
            with self._changed:
                self._waiting.extend(messages)
                self._bytes += sum([len(message.payload) for message in messages])
                self._changed.notify_all()

    def put_within(self, message: Message, timeout_s: float) -> bool:
        """Add a message once there is room; whether there was in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.has_room, timeout_s):
                return False
            self._waiting.append(message)
            self._bytes += len(message.payload)
            self._changed.notify_all()
            return True

    def wait(self, how_many: int, until: float, size: int = MAX_BYTES) -> int:
        """Wait until so many messages are there, or payloads of so many bytes, or until an instant of the monotonic
        clock; not longer than more fit."""
        with self._changed:
            while (
                len(self._waiting) < how_many
                and self._bytes < size
                and self.has_room
                and (left := until - time.monotonic()) > 0
            ):
                self._changed.wait(left)
            return len(self._waiting)

    def take(self, how_many: int, max_bytes: int) -> list[Message]:
        """Take messages, oldest first: at most so many, and no more once their payloads have so many bytes."""
        taken: list[Message] = []
        size = 0
        with self._changed:
            full = not self.has_room
            while self._waiting and len(taken) < how_many and size < max_bytes:
                message = self._waiting.popleft()
                taken.append(message)
                size += len(message.payload)
            self._bytes -= size
            if full:
                self._changed.notify_all()
        if full and self.has_room:
            self.on_room()
        return taken
