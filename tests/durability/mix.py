"""What devices send, from a seed: single events, arrays, MessagePack, corrections, repeats, measured values, garbage.

Every item carries a number of its own in what the store keeps of it, so that an audit finds it whatever its identity is
made of. Its key is `<table>:<number>`. Pure.
"""

import json
import random
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from firmware_bridge.topic import PREFIX

AGENCY = "ledger"
DEVICES = 40
RECALLED = 200  # messages back that may be sent again or corrected


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A message, and what of it must lie in the store.

    keys      items that must be there once
    ids       what its sender looks for on the `ack` topic
    replaces  items that are gone once this is stored
    known     it has an identity of its own, so it may be sent any number of times
    """

    topic: str
    payload: bytes
    keys: tuple[str, ...]
    ids: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    known: bool = True


class Mix:
    """An endless iterator of messages. The same seed and start make the same messages."""

    def __init__(self, seed: int, start: datetime) -> None:
        self._random = random.Random(seed)
        self._start = start
        self._number = 0
        self._recent: deque[Outgoing] = deque(maxlen=RECALLED)
        self._makers: tuple[tuple[int, Callable[[], Outgoing]], ...] = (
            (40, self._single),
            (8, self._array),
            (8, self._packed),
            (8, self._nameless),
            (5, self._again),
            (5, self._corrected),
            (10, self._tasmota),
            (6, self._zigbee),
            (5, self._frigate),
            (5, self._garbage),
        )

    def __iter__(self) -> Iterator[Outgoing]:
        """Itself."""
        return self

    def __next__(self) -> Outgoing:
        """The next message."""
        (make,) = self._random.choices([maker for _, maker in self._makers], [weight for weight, _ in self._makers])
        return make()

    def _next(self) -> tuple[int, datetime]:
        """A number nobody had, and a time near it: some come late, some in the wrong order."""
        self._number += 1
        late = timedelta(seconds=self._random.choice((0, 0, 0, 0, 5, 90, 7_200, 200_000)))
        return self._number, self._start + timedelta(milliseconds=7 * self._number) - late

    def _device(self) -> str:
        return f"{AGENCY}/dev{self._random.randrange(DEVICES)}"

    def _event(self) -> tuple[int, dict[str, Any]]:
        number, at = self._next()
        return number, {
            "event_id": f"ev-{number}",
            "event_type": self._random.choice(("motion", "intrusion", "crowd")),
            "event_timestamp": at.isoformat(),
            "longitude": 47.5 + self._random.randrange(20) / 50,
            "latitude": 29.0 + self._random.randrange(20) / 50,
            "value": number,
            "attributes": {"zone": "gate", "note": "x" * self._random.randrange(200)},
        }

    def _events(self, events: list[tuple[int, dict[str, Any]]], payload: bytes) -> Outgoing:
        made = Outgoing(
            topic=f"{PREFIX}/{self._device()}/event",
            payload=payload,
            keys=tuple(f"event:{number}" for number, _ in events),
            ids=tuple(event["event_id"] for _, event in events if "event_id" in event),
        )
        self._recent.append(made)
        return made

    def _single(self) -> Outgoing:
        number, event = self._event()
        return self._events([(number, event)], json.dumps(event).encode())

    def _array(self) -> Outgoing:
        events = [self._event() for _ in range(self._random.randrange(2, 25))]
        return self._events(events, json.dumps([event for _, event in events]).encode())

    def _packed(self) -> Outgoing:
        events = [self._event() for _ in range(self._random.randrange(1, 6))]
        return self._events(events, msgspec.msgpack.encode([event for _, event in events]))

    def _nameless(self) -> Outgoing:
        """An event without an id: its content is its identity."""
        number, event = self._event()
        del event["event_id"]
        return self._events([(number, event)], json.dumps(event).encode())

    def _again(self) -> Outgoing:
        """A message that was sent before, word for word."""
        return self._random.choice(self._recent) if self._recent else self._single()

    def _corrected(self) -> Outgoing:
        """A single event once more with a higher revision and another value; corrected once at most."""
        singles = [made for made in self._recent if len(made.ids) == 1 and made.payload[:1] == b"{"]
        if not singles:
            return self._single()
        former = self._random.choice(singles)
        self._recent.remove(former)
        number, _ = self._next()
        event = {**json.loads(former.payload), "value": number, "rev": 1}
        return Outgoing(
            topic=former.topic,
            payload=json.dumps(event).encode(),
            keys=(f"event:{number}",),
            ids=former.ids,
            replaces=former.keys,
        )

    def _tasmota(self) -> Outgoing:
        """A measured value with the time of its device."""
        number, at = self._next()
        document = {"Time": at.strftime("%Y-%m-%dT%H:%M:%S"), "ANALOG": {"Illuminance": number}}
        return Outgoing(
            topic=f"tele/plug{self._random.randrange(DEVICES)}/SENSOR",
            payload=json.dumps(document).encode(),
            keys=(f"reading:{number}",),
        )

    def _zigbee(self) -> Outgoing:
        """A measured value with neither time nor id: sent twice by its device, it is two."""
        number, _ = self._next()
        return Outgoing(
            topic=f"zigbee2mqtt/lamp{self._random.randrange(DEVICES)}",
            payload=json.dumps({"illuminance": number, "linkquality": 100}).encode(),
            keys=(f"reading:{number}",),
            known=False,
        )

    def _frigate(self) -> Outgoing:
        """A tracked object, known by Frigate's own id."""
        number, at = self._next()
        when = at.astimezone(UTC).timestamp()
        after = {
            "id": f"{when:.6f}-{number}",
            "camera": f"cam{self._random.randrange(DEVICES)}",
            "frame_time": when,
            "start_time": when,
            "end_time": None,
            "label": "person",
            "top_score": 0.9,
            "false_positive": False,
        }
        return Outgoing(
            topic="frigate/events",
            payload=json.dumps({"type": "new", "before": after, "after": after}).encode(),
            keys=(f"object:{number}",),
        )

    def _garbage(self) -> Outgoing:
        """What nobody understands; it must lie in quarantine."""
        number, _ = self._next()
        return Outgoing(
            topic=f"{PREFIX}/{self._device()}/event",
            payload=f"{{torn {number}".encode(),
            keys=(f"garbage:{number}",),
            known=False,
        )
