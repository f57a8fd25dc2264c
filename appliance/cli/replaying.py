"""`hexpost replay`: recorded messages published again, in the time they took or faster."""

import base64
import gzip
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from appliance.cli.options import common, to_json
from appliance.errors import Rejected
from appliance.model.native import read_timestamp
from appliance.wiring import Box, broker_address
from firmware_bridge.topic import raw_topic

REPORT_EVERY_S = 1.0


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded publication; `at` is when it was published, None straight after the one before."""

    topic: str
    payload: bytes
    retain: bool
    at: datetime | None


@click.command("replay")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--speed", type=click.FloatRange(min=0), default=1.0, help="Times real time; 0 is as fast as it goes.")
@common
def replay_command(box: Box, as_json: bool, file: Path, speed: float) -> None:
    """Publish recorded lines {topic, payload or payload_b64, at?} to the broker at QoS 1.

    A line without a topic that names its family is brought as a gateway would, on hexpost/v1/replay/…/raw/{family}.

    Example: hexpost replay recording.jsonl --speed 60
    """
    from firmware_bridge.publisher import Publisher

    begun, published = time.monotonic(), 0
    with Publisher(broker_address(box)) as publisher:
        for message in paced(read_recording(file), speed, threading.Event()):
            publisher.publish(message.topic, message.payload, retain=message.retain)
            published += 1
        publisher.flush()
    if not published:
        raise Rejected(
            f"{file} has no line with a topic: nothing was published; expected {{topic, payload or payload_b64, at?}} "
            "a line; events by themselves are for hexpost import"
        )
    seconds = time.monotonic() - begun
    report = {"file": str(file), "published": published, "seconds": round(seconds, 3)}
    click.echo(to_json(report) if as_json else f"{file}: {published:,} messages published in {seconds:.1f} s")


def read_recording(file: Path) -> Iterator[Recorded]:
    """The messages of a recording, in order; a line with neither topic nor family is a note and is passed over.

    raises  Rejected  a line that is not one, with its number
    """
    with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                recorded = _recorded(line, f"{file} line {number}")
                if recorded is not None:
                    yield recorded


def paced(messages: Iterator[Recorded], speed: float, stop: threading.Event) -> Iterator[Recorded]:
    """The messages, each when it is due; `speed` 0 means at once, setting `stop` ends it."""
    begun, first = time.monotonic(), None
    for message in messages:
        if speed and message.at is not None:
            first = first or message.at
            due = begun + (message.at - first).total_seconds() / speed
            if stop.wait(max(0.0, due - time.monotonic())):
                return
        yield message


def _recorded(line: bytes, place: str) -> Recorded | None:
    try:
        raw: dict[str, Any] = msgspec.json.decode(line, type=dict[str, Any])
        topic, family = raw.get("topic"), raw.get("family")
        if not topic and family:
            topic = raw_topic(f"replay/{family}", str(family))
        if not topic:
            return None
        at = read_timestamp(raw["at"], "at") if raw.get("at") is not None else None
        return Recorded(topic=str(topic), payload=_payload(raw), retain=raw.get("retain") is True, at=at)
    except (msgspec.MsgspecError, ValueError, Rejected) as error:
        raise Rejected(f"{place}: {error}; expected {{topic, payload or payload_b64, at?}}") from None


def _payload(raw: dict[str, Any]) -> bytes:
    if "payload_b64" in raw:
        return base64.b64decode(raw["payload_b64"], validate=True)
    if "payload" not in raw:
        raise Rejected("no payload")
    payload = raw["payload"]
    return payload.encode() if isinstance(payload, str) else msgspec.json.encode(payload)
