"""A conversation with one family through the decoder itself: topics and payloads in, observations or a refusal out."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from appliance.model.observation import AnyObservation, Observation
from firmware_bridge.decode import Decoder
from firmware_bridge.inbound import Family

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Conversation:
    """What one family makes of messages in their order, and what it has learned."""

    def __init__(self, *families: Family) -> None:
        self.decoder = Decoder(families, zone=UTC)

    def tell(self, topic: str, said: Any) -> list[Observation]:
        """The observations of a message that must not be refused."""
        decoded = self.decoder.decode(topic, as_bytes(said), received_at=NOW)
        assert not decoded.rejections, decoded.rejections[0].reason
        return list(decoded.observations)

    def refusal(self, topic: str, said: Any) -> str:
        """Why a message is refused; '' if it is not."""
        decoded = self.decoder.decode(topic, as_bytes(said), received_at=NOW)
        return decoded.rejections[0].reason if decoded.rejections else ""


def as_bytes(said: Any) -> bytes:
    """Text as it is, anything else as JSON."""
    return said if isinstance(said, bytes) else said.encode() if isinstance(said, str) else msgspec.json.encode(said)


def well_typed(observations: Sequence[Observation]) -> bool:
    """Whether every field holds what it declares: written to JSON and read back strictly, nothing changes."""
    written = msgspec.json.encode(list(observations))
    return msgspec.json.decode(written, type=list[AnyObservation]) == list(observations)
