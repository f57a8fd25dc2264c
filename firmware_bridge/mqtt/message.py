"""A message as the bridge takes it in, whatever brought it: the broker, or a line of a serial port."""

from datetime import datetime

import msgspec


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One publication as it came; `connection` numbers the connection it came on, `dup` marks a redelivery.

    `mid` is the packet identifier to acknowledge; 0 where there is none (QoS 0).
    """

    topic: str
    payload: bytes
    qos: int
    mid: int
    retain: bool
    received_at: datetime
    connection: int
    dup: bool = False
