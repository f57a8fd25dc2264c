"""A fleet, its run, and what the product makes of what it publishes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from firmware_bridge.canonical import Surroundings, keep_observations
from firmware_bridge.edges import Edges
from firmware_bridge.simulation.families import FAMILIES, NAMINGS
from firmware_bridge.simulation.firmware import Message
from firmware_bridge.simulation.fleet import Asked, Unit, make_fleet
from firmware_bridge.simulation.rhythm import day_rhythm
from firmware_bridge.simulation.schedule import Due, Plan, Schedule
from firmware_bridge.simulator import seeded
from tests.bridge.samples import make_decoder

BEGAN = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
CENTRE = (47.97, 29.37)
AROUND = Surroundings(standing=lambda _source: None, judge=lambda *_: "good", plate_key=b"k" * 32)


class Heard(NamedTuple):
    """What the product's decoder made of a run: identities of events, devices, reasons of refusals."""

    events: set[tuple[str, str]]
    devices: set[str]
    refused: list[str]
    wrongly_told: list[Message]


def fleet_of(devices: int, *families: str, seed: int = 1, **asked: Any) -> list[Unit]:
    """A fleet of these families, or of all."""
    wanted = Asked(devices=devices, families=families or tuple(FAMILIES), centre=CENTRE, radius_m=1_000, **asked)
    return make_fleet(wanted, NAMINGS, seeded(seed))


def schedule_of(
    fleet: Sequence[Unit], *, seed: int = 1, rhythm: str = "even", zone: str = "UTC", **plan: Any
) -> Schedule:
    """A run of ten messages a second, unless the plan says otherwise."""
    made = Plan(**{"rate_per_s": 10.0, "rhythm": day_rhythm(rhythm), **plan})
    return Schedule(fleet, made, began=BEGAN, zone=ZoneInfo(zone), make_chance=seeded(seed))


def messages(dues: Sequence[Due]) -> list[Message]:
    """What was published."""
    return [due.message for due in dues if due.message is not None]


def hear(dues: Sequence[Due]) -> Heard:
    """Decode a run as the bridge does, in order, each message in a moment of its own."""
    decoder = make_decoder()
    edges = Edges(decoder.memory)
    heard = Heard(set(), set(), [], [])
    for number, due in enumerate(dues):
        if due.message is None:
            continue
        received_at = BEGAN + timedelta(seconds=due.at_s, microseconds=number)
        decoded = decoder.decode(due.message.topic, due.message.payload, received_at=received_at)
        told, new = (
            keep_observations(
                decoded.observations, received_at=received_at, retained=False, around=AROUND, is_news=is_news
            )
            for is_news in (lambda _: True, edges.is_news)
        )
        events = [(event.source, event.event_id) for event in (*new.events, *decoded.events)]
        heard.events.update(events)
        heard.devices.update(seen.device for seen in decoded.observations)
        heard.devices.update(source for source, _ in events)
        heard.refused.extend(f"{due.message.topic}: {refused.reason}" for refused in decoded.rejections)
        if len(told.events) + len(decoded.events) != len(due.message.events) + due.message.nameless:
            heard.wrongly_told.append(due.message)
    return heard
