"""Who sent a message that does not say so itself: for families whose messages come on topics of anyone's choosing."""

from firmware_bridge.inbound import Inbound


def sender_of(inbound: Inbound) -> str:
    """The device a gateway named in the topic, else the topic itself: whatever publishes there is one sender."""
    return (inbound.parts.get("device") or inbound.topic)[:200] or "unnamed"
