"""Lines from a serial port, over a pseudo terminal: the same messages that a broker would bring."""

import os
import pty
import time
import tty
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

import msgspec
import pytest

from appliance.store.clock.box_clock import BoxClock
from firmware_bridge.inbox import Inbox
from firmware_bridge.mqtt.message import Message
from firmware_bridge.serial_port import MAX_LINE, SerialGateway, read_line
from tests.board import Board
from tests.conftest import NOW, wait_for


class Wire:
    """A pseudo terminal with a gateway at its other end."""

    def __init__(self) -> None:
        self.ours, self.theirs = pty.openpty()
        tty.setraw(self.theirs)
        self.board = Board(NOW)
        self.clock = BoxClock(self.board)
        self.messages = Inbox(1_000)
        self.places: list[tuple[float, float]] = []
        self.gateway = SerialGateway(
            os.ttyname(self.theirs),
            baud=9600,
            messages=self.messages,
            clock=self.clock.now,
            on_time=partial(self.clock.hear, "satellite"),
            on_place=lambda lng, lat: self.places.append((lng, lat)),
        )

    def write(self, *lines: bytes) -> None:
        os.write(self.ours, b"".join(line + b"\r\n" for line in lines))

    def read(self) -> Message:
        assert self.messages.wait(1, time.monotonic() + 10)
        return self.messages.take(1, 10**6)[0]


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    wire.gateway.start()
    wait_for(wire.gateway.connected.is_set)
    yield wire
    wire.gateway.stop()
    os.close(wire.ours)
    os.close(wire.theirs)


def sentence(body: str) -> bytes:
    total = 0
    for character in body.encode():
        total ^= character
    return f"${body}*{total:02X}".encode()


def test_a_line_that_names_its_topic_is_a_message_on_it(wire: Wire) -> None:
    wire.write(b'{"topic": "tele/pump/SENSOR", "payload": {"DS18B20": {"Temperature": 20.6}}}')
    message = wire.read()
    assert (message.topic, message.qos) == ("tele/pump/SENSOR", 0)
    assert msgspec.json.decode(message.payload) == {"DS18B20": {"Temperature": 20.6}}


def test_other_lines_come_as_a_gateway_of_the_ports_name_brings_them() -> None:
    event = b'{"event_type": "motion", "event_timestamp": 1763900000}'
    assert read_line(event, "ttyUSB0") == ("hexpost/v1/serial/ttyUSB0/event", event)
    assert read_line(b'{"esp8266id": "1"}', "ttyUSB0")[0] == "hexpost/v1/serial/ttyUSB0/raw/any"
    assert read_line(b"not json", "ttyUSB0") == ("hexpost/v1/serial/ttyUSB0/raw/any", b"not json")
    assert read_line(b'{"topic": "a/b", "payload": "ON"}', "x") == ("a/b", b"ON")


def test_a_fix_gives_position_time_and_place_but_not_each_second(wire: Wire) -> None:
    for second in range(7):
        wire.write(sentence(f"GPRMC,10000{second}.000,A,2922.2000,N,04758.2000,E,0.02,31.66,231126,,,A"))
    first, second_message = wire.read(), wire.read()
    assert b"100000" in first.payload and b"100005" in second_message.payload
    assert first.topic.endswith("/raw/gnss")
    wait_for(lambda: len(wire.places) == 7)
    assert wire.places[0] == (pytest.approx(47.97), pytest.approx(29.37))
    assert len(wire.messages) == 0


def test_a_box_without_a_clock_has_the_receivers_time(wire: Wire) -> None:
    wire.board.restart(datetime(1970, 1, 1, tzinfo=UTC))
    wire.clock.look()
    assert not wire.clock.trusted()
    wire.write(sentence("GPZDA,100000.00,23,11,2026,00,00"))
    wait_for(lambda: wire.clock.look() or wire.clock.trusted())
    wire.board.advance(90)
    assert wire.clock.now() == datetime(2026, 11, 23, 10, 1, 30, tzinfo=UTC)


def test_a_line_without_end_and_a_disturbed_sentence_are_counted_and_the_next_line_is_read(wire: Wire) -> None:
    for _ in range(MAX_LINE // 1000 + 2):
        os.write(wire.ours, b"x" * 1000)
    wire.write(b"", b"$GPRMC,oops*00", b'{"topic": "a", "payload": 1}')
    assert wire.read().topic == "a"
    assert wire.gateway.shed["line too long"] == 1
    assert any(reason.startswith("nmea") for reason in wire.gateway.shed)
