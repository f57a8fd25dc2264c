"""What a simulated device is while it runs, and what a family of firmware has to know to be simulated.

A family is a module beside this one with a public `FIRMWARE`; `families` lists them. Functions are given the state of
one device and its own clock's time, and say what it publishes; they may change the state (counters, values), and
nothing else.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from firmware_bridge.simulation.chance import Chance
from firmware_bridge.simulation.fleet import Naming, Unit


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One publication.

    qos       as the firmware publishes it
    events    identities of the incidents that it tells; the same again is the same incident
    nameless  incidents that it tells without time or id: each publication is one more
    state     whose state it tells, as in `zigbee2mqtt/Door|contact`, and `active` which: told again it is no further
              incident. '' where what it tells happens in a moment
    opaque    its topic may carry any bytes: nothing on it is garbage
    """

    topic: str
    payload: bytes
    retain: bool = False
    qos: int = 0
    events: tuple[str, ...] = ()
    nameless: int = 0
    state: str = ""
    active: bool = False
    opaque: bool = False


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a device does after a while: publish, take a new firmware or interval, start anew."""

    after_s: float
    message: Message | None = None
    firmware: str = ""
    interval_s: float = 0.0
    restart: bool = False


PULL, STEP = 0.02, 0.15
"""Of each report: the part of the way back to what is usual, and the greatest step as a part of the spread."""


class State(msgspec.Struct, kw_only=True):
    """One device while it runs.

    interval_s     between its reports
    ahead_s        its clock less the true time
    booted_s       when it last started, in seconds of the simulation; `uptime_s` since then, when it is asked
    reporting      how often its interval was set; reports of an earlier one no longer come
    level          the value that it measures, as far as one is enough
    measured       what it measured last, by name, where it measures the air
    busy_until     its own clock's time until which an incident lasts
    silent         how many things keep it silent now
    life           how often it was cut off: what it was about to say before, it does not say after
    behind         the devices that are heard through this one
    unsettled      settings that a later command refers to
    """

    unit: Unit
    chance: Chance
    firmware: str
    interval_s: float
    ahead_s: float = 0.0
    booted_s: float = 0.0
    uptime_s: float = 0.0
    sequence: int = 0
    battery: float = 100.0
    reporting: int = 0
    level: float = 0.0
    measured: dict[str, float] = {}
    busy_until: datetime | None = None
    silent: int = 0
    life: int = 0
    fails_updates: bool = False
    behind: list["State"] = []
    unsettled: dict[str, str] = {}

    def measure(self, name: str, usual: float, spread: float) -> float:
        """The next value of the air: about `usual`, within some `spread`, and never a step that air does not take."""
        last = self.measured.get(name)
        if last is None:
            value = usual + spread * (2 * self.chance.random() - 1)
        else:
            value = last + PULL * (usual - last) + STEP * spread * (2 * self.chance.random() - 1)
        self.measured[name] = value
        return value

    def next_number(self) -> int:
        """1, 2, 3, ... over the device's life."""
        self.sequence += 1
        return self.sequence


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A command as it came."""

    topic: str
    payload: bytes


Speak = Callable[[State, datetime], list[Message]]
Happen = Callable[[State, datetime], list[Step]]
Clock = Callable[[State], datetime]
"""A device's own time."""
Obeyed = tuple[State, list[Step]]
Answer = Callable[[Order, Mapping[str, State], Clock], Obeyed | None]


class Firmware(msgspec.Struct, frozen=True, kw_only=True):
    """A family that can be simulated.

    version            the firmware of a new device
    birth              what it says when it starts, or is back
    will               what the broker, or its gateway, says when it is gone for `will_after_s`
    report             what it says in its own rhythm, about `report_messages` of them; nothing that is an incident
    happen             something took place: about `incident_messages`, the first at once
    filters            where it hears commands
    answer             whom a command is for and what that device does; None where nobody here is meant
    """

    family: str
    naming: Naming
    version: str
    birth: Speak
    will: Speak
    will_after_s: float
    report: Speak
    happen: Happen
    report_messages: float
    incident_messages: float
    filters: tuple[str, ...] = ()
    answer: Answer | None = None


def said(after_s: float, *messages: Message) -> list[Step]:
    """Messages that all come after so many seconds."""
    return [Step(after_s=after_s, message=message) for message in messages]
