"""Sends what is due and moves waves on: the downlink's part of the bridge's loop, called once a second.

A command is marked as sent, and that committed, before it leaves: killed between the two the box forgets one command
rather than give it twice. Without a broker it goes back into the queue, where its time runs on.
"""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from appliance.errors import Rejected, Unavailable
from appliance.model.command import Command, Judge, Target, Weight
from firmware_bridge.downlink.orders import Outbound, write_order
from firmware_bridge.downlink.wave import advance

log = logging.getLogger(__name__)

MAX_A_TICK = 50  # commands; the loop that takes messages in must not wait for those that go out


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
