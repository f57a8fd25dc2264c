"""What the Python broker is told about its clients: all are let in, and their queues are bounded.

amqtt's own anonymous plugin marks sessions as anonymous, and for those it keeps nothing while they are away; the
bridge would lose whatever arrived while it restarts. Loaded by amqtt by name, see `broker.python_broker_config`;
imported by nothing else, so that only the broker's process pays for amqtt.
"""

import logging
from dataclasses import dataclass
from typing import Any

from amqtt.plugins.base import BaseAuthPlugin
from amqtt.session import ApplicationMessage, Session

LOG = logging.getLogger(__name__)

DROPS_PER_LINE = 1_000  # a full queue drops at the rate of arrival; the log must not


class LocalAccess(BaseAuthPlugin):  # type: ignore[misc]
    """Admits everyone: `broker` lets this one listen on the machine itself only."""

    @dataclass
    class Config:
        """`queued_messages` bounds what waits for a client that is away."""

        queued_messages: int

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        self._dropped = 0

    async def authenticate(self, *, session: Session) -> bool:
        """Yes."""
        return session is not None

    async def on_broker_retained_message(self, *, client_id: str | None, retained_message: ApplicationMessage) -> None:
        """Called after a message was queued for an absent client: drop the oldest beyond the bound, and say so."""
        session = self.context.get_session(client_id) if client_id else None
        if session is None or session.retained_messages.qsize() <= self.config.queued_messages:
            return
        session.retained_messages.get_nowait()
        self._dropped += 1
        if self._dropped % DROPS_PER_LINE == 1:
            LOG.warning(
                "the queue of %s, which is away, is full (%d): its oldest messages are dropped, %d in all so far",
                client_id,
                self.config.queued_messages,
                self._dropped,
            )
