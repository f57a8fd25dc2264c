"""Runs a simulated fleet against a real broker, in real time or faster: `hexpost simulate`.

One connection publishes for all devices, unless some are given connections of their own: then their last wills are the
broker's. Commands that come in are handed to the schedule between two messages, on the one thread that publishes.
"""

import logging
import queue
import random
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta

import msgspec

from appliance.errors import Rejected
from firmware_bridge.address import Address
from firmware_bridge.publisher import Publisher
from firmware_bridge.simulation.families import FAMILIES
from firmware_bridge.simulation.firmware import State
from firmware_bridge.simulation.fleet import GATEWAY
from firmware_bridge.simulation.schedule import Due, Schedule

log = logging.getLogger(__name__)

TICK_S = 0.02  # between two looks at the heap
REPORT_EVERY_S = 1.0
MAX_CONNECTIONS = 500  # each is a thread
MAX_ORDERS = 1_000  # commands that wait to be looked at

Report = Callable[[float, int], None]
"""(seconds since the beginning, messages published)."""


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What a box that misses nothing has made of a run: events stored, and entries in quarantine."""

    events: int
    quarantined: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A run, for comparison with the box's balance; `messages` are per family, duplicates included."""

    seed: int
    devices: int
    gateways: int
    seconds: float
    published: int
    messages: dict[str, int]
    duplicates: int
    garbage: int
    unsent: int
    orders: int
    orders_lost: int
    failing: list[str]
    expected: Expected


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How fast simulated time goes, and for how many real seconds; None until it is stopped."""

    speed: float = 1.0
    duration_s: float | None = None

    def beginning(self, now: datetime) -> datetime:
        """Where simulated time begins, so that at the end it is the present: no device is ever ahead of its box.

        raises  Rejected  it goes faster than real time and nobody says for how long
        """
        if self.speed < 1:
            raise Rejected("simulated time cannot go slower than real time; --speed is 1 or more")
        if self.duration_s is None:
            if self.speed > 1:
                raise Rejected("faster than real time needs --duration, so that it ends at the present")
            return now
        return now - timedelta(seconds=self.duration_s * (self.speed - 1))


def seeded(seed: int) -> Callable[[str], random.Random]:
    """Chances by name, all of one seed."""
    return lambda name: random.Random(f"{seed}/{name}")


class Simulator:
    """One run of a schedule. `connections` of the devices get connections of their own."""

    def __init__(
        self,
        schedule: Schedule,
        address: Address,
        *,
        pace: Pace,
        began: datetime,
        connections: int = 0,
        qos: int | None = 1,
    ) -> None:
        """`began` is what wills that tell a time tell; `qos` None: that of each firmware, with which some may be lost.

        raises  Rejected  more connections than `MAX_CONNECTIONS`
        """
        if not 0 <= connections <= MAX_CONNECTIONS:
            raise Rejected(f"at most {MAX_CONNECTIONS} connections, since each needs a thread; not {connections}")
        self._schedule = schedule
        self._pace = pace
        self._qos = qos
        self._orders: queue.Queue[tuple[str, bytes]] = queue.Queue(maxsize=MAX_ORDERS)
        self._orders_lost = 0
        self._seconds = 0.0
        self._shared = Publisher(address)
        speaking = [state for state in schedule.states.values() if not state.unit.via and _will_of(state, began)]
        self._own = {
            state.unit.source: Publisher(address, will=_will_of(state, began)) for state in speaking[:connections]
        }

    def run(self, stop: threading.Event, report: Report | None = None) -> None:
        """Publish until the time is over or `stop` is set.

        raises  Unavailable  the broker is not there, or stops acknowledging
        """
        with ExitStack() as stack:
            for publisher in (self._shared, *self._own.values()):
                stack.enter_context(publisher)
            if self._schedule.filters:
                self._shared.subscribe(self._schedule.filters, self._hear)
            self._loop(stop, report)
            for publisher in (self._shared, *self._own.values()):
                publisher.flush()

    def summary(self, seed: int) -> Summary:
        """What was done so far."""
        tally, states = self._schedule.tally, self._schedule.states.values()
        gateways = sum(state.unit.kind == GATEWAY for state in states)
        return Summary(
            seed=seed,
            devices=len(states) - gateways,
            gateways=gateways,
            seconds=round(self._seconds, 3),
            published=tally.published,
            messages=dict(sorted(tally.messages.items())),
            duplicates=tally.duplicates,
            garbage=tally.garbage,
            unsent=tally.unsent,
            orders=tally.orders,
            orders_lost=self._orders_lost,
            failing=self._schedule.failing,
            expected=Expected(events=tally.events, quarantined=tally.garbage),
        )

    def _loop(self, stop: threading.Event, report: Report | None) -> None:
        begun, reported_s = time.monotonic(), 0.0
        while True:
            elapsed_s = time.monotonic() - begun
            if self._pace.duration_s is not None:
                elapsed_s = min(elapsed_s, self._pace.duration_s)
            for due in self._schedule.due(elapsed_s * self._pace.speed):
                self._do(due)
            self._obey()
            self._seconds = time.monotonic() - begun
            if report is not None and elapsed_s - reported_s >= REPORT_EVERY_S:
                reported_s = elapsed_s
                report(elapsed_s, self._schedule.tally.published)
            if elapsed_s == self._pace.duration_s or stop.wait(TICK_S):
                return

    def _do(self, due: Due) -> None:
        own = self._own.get(due.source)
        if own is not None and due.link == "cut":
            own.break_off()
        elif own is not None and due.link == "restore":
            own.reconnect()
        message = due.message
        if message is None or (own is not None and due.by_broker):
            return
        qos = message.qos if self._qos is None else self._qos
        (own or self._shared).publish(message.topic, message.payload, retain=message.retain, qos=qos)

    def _hear(self, topic: str, payload: bytes) -> None:
        """A command; on the network's thread."""
        try:
            self._orders.put_nowait((topic, payload))
        except queue.Full:
            self._orders_lost += 1

    def _obey(self) -> None:
        while True:
            try:
                topic, payload = self._orders.get_nowait()
            except queue.Empty:
                return
            self._schedule.order(topic, payload)


def _will_of(state: State, began: datetime) -> tuple[str, bytes] | None:
    """The last will that a device leaves with its broker when it connects."""
    said = FAMILIES[state.unit.family].will(state, began)
    return (said[0].topic, said[0].payload) if said else None
