"""Sends what is due: commands, waves and alerts. The bridge's loop calls it once a second.

A command is marked as sent, and that committed, before it leaves: killed between the two the box forgets one command
rather than give it twice. Without a broker it goes back into the queue, where its time runs on. An alert is the other
way round: it is marked as told when the broker has confirmed it, since one told twice is known by `alert_id` and `rev`
while one that is lost is not missed by anybody.
"""

import logging
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

import msgspec

from appliance.clock import rfc3339
from appliance.errors import Rejected, Unavailable
from appliance.model.alert import Alert
from appliance.model.command import Command, Judge, Target, Weight
from firmware_bridge.downlink.orders import Outbound, write_order
from firmware_bridge.downlink.wave import advance

log = logging.getLogger(__name__)

MAX_A_TICK = 50  # commands; the loop that takes messages in must not wait for those that go out
MAX_ALERTS = 20  # in flight to the broker

T = TypeVar("T")


class DownlinkStore(Protocol):
    """What the commander needs of the store; each call is one transaction."""

    def advance_waves(self, now: datetime, judge: Judge) -> None:
        """Let `judge` say what each unfinished wave does next, and write that down with the commands it takes."""

    def fetch_due(self, now: datetime, limit: int) -> list[tuple[Command, Target]]:
        """Commands to send, expired ones set aside."""

    def mark_sent(self, command_id: str, awaits: Mapping[str, Weight], now: datetime) -> bool:
        """Whether it may still go out; then it counts as sent."""

    def mark_unsent(self, command_id: str) -> None:
        """Take `mark_sent` back."""

    def mark_failed(self, command_id: str, reason: str, now: datetime) -> None:
        """Give it up."""


class Publish(Protocol):
    """Hands a message to the broker."""

    def __call__(self, message: Outbound, *, expiry_s: int) -> bool:
        """Whether there was a broker. By MQTT 5 it drops the message for an absent device after `expiry_s`."""


class Commander:
    """The downlink of one bridge."""

    def __init__(self, store: DownlinkStore, publish: Publish) -> None:
        self._store = store
        self._publish = publish
        self._error = ""

    def tick(self, now: datetime) -> int:
        """Do what is due at `now`; how many commands went out. A store that cannot be written now is tried again."""
        try:
            self._store.advance_waves(now, advance)
            sent = sum(self._send(command, target, now) for command, target in self._store.fetch_due(now, MAX_A_TICK))
        except Unavailable as error:
            if str(error) != self._error:
                log.error("the downlink waits: %s", error)
            self._error = str(error)
            return 0
        self._error = ""
        return sent

    def _send(self, command: Command, target: Target, now: datetime) -> bool:
        try:
            order = write_order(command, target)
        except Rejected as rejected:
            self._store.mark_failed(command.command_id, str(rejected), now)
            return False
        if not self._store.mark_sent(command.command_id, order.awaits, now):
            return False
        expiry_s = max(1, int((command.expires_at - now).total_seconds()))
        for number, message in enumerate(order.messages):
            if not self._publish(message, expiry_s=expiry_s):
                self._give_back(command, number, now)
                return False
        return True

    def _give_back(self, command: Command, published: int, now: datetime) -> None:
        """The broker went away: nothing of it is out, and it waits; or half of it is, and it must not be done twice."""
        if published == 0:
            self._store.mark_unsent(command.command_id)
        else:
            reason = f"the broker went away after {published} of the command's messages"
            self._store.mark_failed(command.command_id, reason, now)


class AlertStore(Protocol):
    """What the announcer needs of the store; each call is one transaction."""

    def fetch_untold(self, limit: int) -> list[Alert]:
        """Changes that were not told yet, the oldest first."""

    def mark_told(self, rev: int, *, passed_over: int) -> None:
        """All up to this revision are told, or for so many of them will not be."""


class Broker(Protocol[T]):
    """A way to the broker on which can be asked whether it has a message; `T` is what to ask by."""

    def publish_tracked(self, topic: str, payload: bytes) -> T | None:
        """Publish at QoS 1; None where there is no broker, or it takes no more now."""

    def is_confirmed(self, ticket: T) -> bool | None:
        """Whether the broker has it; None while it may still say so, False where that connection is gone."""


class Announcer(Generic[T]):
    """Tells on one topic what is raised, acknowledged and closed, in the order in which that came about.

    What came about longer ago than `within` is passed over and counted: after an outage the alarms of its beginning do
    not sound again. An alert that changed twice meanwhile is told once, as it is.
    """

    def __init__(
        self, store: AlertStore, broker: Broker[T], topic: str, within: timedelta, *, told: Collection[str] = ()
    ) -> None:
        """`told`: kinds that the bridge tells by itself, whatever the store can do; of these what a person does."""
        self._told_kinds = told
        self._store = store
        self._broker = broker
        self._topic = topic
        self._within = within
        self._flight: list[T] = []
        self._told = (0, 0)  # by the flight, once it has landed: up to which revision, how many were passed over
        self._error = ""

    def tick(self, now: datetime) -> None:
        """Tell what is due at `now`, or note that it has arrived. A store that cannot be used now is tried again."""
        try:
            if self._has_landed():
                self._tell(now)
        except Unavailable as error:
            if str(error) != self._error:
                log.error("alerts wait: %s", error)
            self._error = str(error)
            return
        self._error = ""

    def _has_landed(self) -> bool:
        """Whether nothing is on its way any more: it has arrived, which is written down, or its connection is gone."""
        arrived = [self._broker.is_confirmed(ticket) for ticket in self._flight]
        if self._flight and all(arrived):
            self._store.mark_told(self._told[0], passed_over=self._told[1])
        elif None in arrived and False not in arrived:
            return False
        self._flight = []
        return True

    def _tell(self, now: datetime) -> None:
        """Publish what the broker takes, and remember how far that is."""
        rev = passed_over = 0
        for alert in self._store.fetch_untold(MAX_ALERTS):
            by_person = alert.acknowledged_by or alert.closed_by
            if now - alert.changed_at > self._within:
                passed_over += 1
            elif alert.kind not in self._told_kinds or by_person:
                ticket = self._broker.publish_tracked(self._topic, alert_words(alert))
                if ticket is None:
                    break
                self._flight.append(ticket)
            rev = alert.rev
        self._told = (rev, passed_over)
        if rev and not self._flight:
            self._store.mark_told(rev, passed_over=passed_over)


def alert_words(alert: Alert) -> bytes:
    """An alert as JSON for whoever listens on the topic of alerts; `at` is when it came into its state."""
    return msgspec.json.encode(
        {
            "kind": alert.kind,
            "at": rfc3339(alert.changed_at),
            "alert_id": alert.alert_id,
            "rev": alert.rev,
            "state": alert.state,
            "severity": alert.severity,
            "subject": alert.subject,
            "title": alert.title,
            "detail": alert.detail,
            "raised_at": rfc3339(alert.raised_at),
            "by": alert.closed_by or alert.acknowledged_by,
        }
    )
