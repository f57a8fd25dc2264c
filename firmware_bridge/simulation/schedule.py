"""The run of a fleet: a heap of what comes next. Given the time, the messages that are due.

The same fleet, plan, beginning and chances give the same messages, however the calls of `due` cut the time; a command
changes only what its own device does. Called by `simulator`, which publishes them and hands in the commands.
"""

import heapq
import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from typing import NamedTuple

import msgspec

from appliance.errors import Rejected
from firmware_bridge.simulation.chance import MakeChance, between, hits, sample
from firmware_bridge.simulation.device import choose_failing, obey, order_filters
from firmware_bridge.simulation.families import FAMILIES
from firmware_bridge.simulation.faults import (
    EVERYWHERE,
    FLOOD_FACTOR,
    OF_DEVICES,
    OF_MESSAGES,
    Fault,
    Kind,
    Silence,
    clock_error,
    garble,
)
from firmware_bridge.simulation.firmware import Message, Order, State, Step
from firmware_bridge.simulation.fleet import GATEWAY, Unit
from firmware_bridge.simulation.rhythm import next_arrival
from firmware_bridge.simulation.tally import Tally

REPORTS = 0.4  # of the messages; the others come with what happens
JITTER = 0.02  # of an interval
REPEATED_AFTER_S = 2.0  # a duplicate, on average
FLAP_EVERY_S, FLAP_FOR_S = 120.0, (5.0, 30.0)
JUMP_S = 600.0  # until the network has set a lost clock, where no end is asked
UP_FOR_S = 30 * 86_400.0  # at most, at the beginning
LOST_CLOCK = 2000  # the year in which a clock without a battery begins


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How a fleet runs, all in seconds of the simulation.

    rate_per_s    messages of the whole fleet, over the mean of a day
    rhythm        (24,) how lively each hour is, 1 being the mean
    boot_s        within which all devices start
    fails_updates how many devices fail every update
    """

    rate_per_s: float
    rhythm: tuple[float, ...]
    boot_s: float = 5.0
    faults: tuple[Fault, ...] = ()
    silences: tuple[Silence, ...] = ()
    fails_updates: int = 0


class Due(NamedTuple):
    """What is to be done: publish a message, or cut or restore a device's link.

    by_broker  the message is a last will: where the device has a connection of its own, the broker says it
    """

    at_s: float
    source: str
    message: Message | None = None
    link: str = ""
    by_broker: bool = False


class Schedule:
    """One run; `began` (aware) is where simulated time begins, `zone` the site's, in which some clocks tell it."""

    def __init__(
        self, fleet: Sequence[Unit], plan: Plan, *, began: datetime, zone: tzinfo, make_chance: MakeChance
    ) -> None:
        self.tally = Tally()
        self._plan = plan
        self._began = began.astimezone(UTC)
        self._zone = zone
        self._turns: list[tuple[float, int, Callable[[float], None]]] = []
        self._number = 0
        self._due: list[Due] = []
        self._now_s = 0.0
        self._flooding: dict[str, Fault] = {}
        per_unit = plan.rate_per_s / len(fleet)
        self.states = {unit.source: self._new_state(unit, per_unit, make_chance) for unit in fleet}
        for state in self.states.values():
            if state.unit.via in self.states:
                self.states[state.unit.via].behind.append(state)
        self._own = [state for state in self.states.values() if state.unit.kind != GATEWAY]
        self._firmwares = [FAMILIES[family] for family in dict.fromkeys(unit.family for unit in fleet)]
        self.failing = choose_failing(self._own, FAMILIES, plan.fails_updates, make_chance("updates"))
        self._by_message = {kind: [f for f in plan.faults if f.kind == kind] for kind in OF_MESSAGES}
        self._plan_faults(make_chance)
        self._plan_silences()
        for state in self.states.values():
            self._begin(state, per_unit)

    @property
    def filters(self) -> tuple[str, ...]:
        """Where the fleet hears commands."""
        return order_filters(self._firmwares)

    def due(self, until_s: float) -> list[Due]:
        """All that is to be done up to this time, in order; the time never goes back."""
        while self._turns and self._turns[0][0] <= until_s:
            at_s, _, act = heapq.heappop(self._turns)
            self._now_s = at_s
            act(at_s)
        self._now_s = max(self._now_s, until_s)
        due, self._due = self._due, []
        return due

    def order(self, topic: str, payload: bytes) -> None:
        """Hand in a command, at the time up to which `due` was asked."""
        obeyed = obey(Order(topic=topic, payload=payload), self._firmwares, self.states, self._clock)
        if obeyed is not None:
            self.tally.orders += 1
            self._take(*obeyed, self._now_s)

    # --- what each device does by itself ---

    def _new_state(self, unit: Unit, rate_per_s: float, make_chance: MakeChance) -> State:
        chance = make_chance(f"life/{unit.source}")
        firmware = FAMILIES[unit.family]
        interval_s = firmware.report_messages / (REPORTS * rate_per_s) if rate_per_s else math.inf
        return State(
            unit=unit,
            chance=chance,
            firmware=firmware.version,
            interval_s=interval_s,
            booted_s=-between(chance, 0.0, UP_FOR_S),
            behind=[],
            unsettled={},
        )

    def _begin(self, state: State, rate_per_s: float) -> None:
        boot_s = between(state.chance, 0.0, self._plan.boot_s)
        self._at(boot_s, partial(self._say_birth, state))
        self._at(boot_s + between(state.chance, 0.0, state.interval_s), partial(self._report, state, 0))
        incidents_per_s = (1 - REPORTS) * rate_per_s / FAMILIES[state.unit.family].incident_messages
        self._await_incident(state, incidents_per_s, boot_s)

    def _report(self, state: State, reporting: int, at_s: float) -> None:
        if reporting != state.reporting:
            return
        if not self._is_silent(state):
            for message in FAMILIES[state.unit.family].report(state, self._clock(state)):
                self._say(state, message)
        wait_s = state.interval_s * max(0.5, state.chance.gauss(1.0, JITTER))
        self._at(at_s + wait_s, partial(self._report, state, reporting))

    def _await_incident(self, state: State, rate_per_s: float, after_s: float) -> None:
        flood = self._flooding.get(state.unit.source)

        def factor(at_s: float) -> float:
            hour = self._local(at_s).hour
            flooding = flood is not None and flood.from_s <= at_s < flood.to_s
            return self._plan.rhythm[hour] * (FLOOD_FACTOR if flooding else 1.0)

        def happen(at_s: float) -> None:
            if not self._is_silent(state):
                steps = FAMILIES[state.unit.family].happen(state, self._clock(state))
                self._take(state, steps, at_s)
            self._await_incident(state, rate_per_s, at_s)

        highest = max(self._plan.rhythm) * (FLOOD_FACTOR if flood else 1.0)
        self._at(next_arrival(state.chance, after_s, rate_per_s=rate_per_s, factor=factor, highest=highest), happen)

    def _take(self, state: State, steps: Iterable[Step], from_s: float) -> None:
        """Do each step in its time, unless the device is cut off before."""
        life = state.life
        for step in steps:
            if step.after_s <= 0:
                self._step(state, step, life, from_s)
            else:
                self._at(from_s + step.after_s, partial(self._step, state, step, life))

    def _step(self, state: State, step: Step, life: int, at_s: float) -> None:
        if life != state.life or self._is_silent(state):
            self.tally.unsent += step.message is not None
            return
        if step.interval_s:
            state.interval_s = step.interval_s
            state.reporting += 1
            self._at(at_s + step.interval_s, partial(self._report, state, state.reporting))
        state.firmware = step.firmware or state.firmware
        if step.message is not None:
            self._say(state, step.message)
        if step.restart:
            state.booted_s = at_s
            self._say_birth(state, at_s)

    # --- faults ---

    def _plan_faults(self, make_chance: MakeChance) -> None:
        for number, fault in enumerate(self._plan.faults):
            chance = make_chance(f"fault/{number}/{fault.kind}")
            if fault.kind == "flood":
                for state in sample(chance, self._own, int(fault.amount)):
                    self._flooding[state.unit.source] = fault
            elif fault.kind in OF_DEVICES:
                for state in sample(chance, self._own, round(fault.amount * len(self._own))):
                    self._plan_fault(state, fault)

    def _plan_fault(self, state: State, fault: Fault) -> None:
        if fault.kind == "skew":
            self._shift_clock(state, clock_error(state.chance), fault.from_s, fault.to_s)
        elif fault.kind == "jump":
            lost = self._began.replace(year=LOST_CLOCK, month=1, day=1) - self._began
            to_s = fault.to_s if math.isfinite(fault.to_s) else fault.from_s + JUMP_S
            self._shift_clock(state, lost.total_seconds(), fault.from_s, to_s)
        elif fault.kind == "flapping":
            self._at(fault.from_s, partial(self._flap, state, fault))
        else:
            self._at(fault.from_s, partial(self._cut, state))
            self._at(fault.to_s, partial(self._restore, state, restart=True))

    def _shift_clock(self, state: State, by_s: float, from_s: float, to_s: float) -> None:
        def shift(by_s: float) -> Callable[[float], None]:
            def act(_at_s: float) -> None:
                state.ahead_s += by_s

            return act

        self._at(from_s, shift(by_s))
        self._at(to_s, shift(-by_s))

    def _flap(self, state: State, fault: Fault, at_s: float) -> None:
        """Gone after a while, and soon back; its link breaks, so that its will comes at once."""
        gone_s = at_s + state.chance.expovariate(1 / FLAP_EVERY_S)
        back_s = gone_s + between(state.chance, *FLAP_FOR_S)
        if gone_s < fault.to_s:
            self._at(gone_s, partial(self._cut, state, will_after_s=1.0))
            self._at(back_s, partial(self._restore, state))
            self._at(back_s, partial(self._flap, state, fault))

    def _plan_silences(self) -> None:
        for silence in self._plan.silences:
            everywhere = silence.segment == EVERYWHERE
            struck = [one for one in self.states.values() if everywhere or one.unit.segment == silence.segment]
            if not struck:
                segments = sorted({one.unit.segment for one in self._own} - {""})
                raise Rejected(f"no segment {silence.segment!r}; there are {', '.join([*segments, EVERYWHERE])}")
            for state in struck:
                self._at(silence.from_s, partial(self._cut, state))
                self._at(silence.to_s, partial(self._restore, state))

    def _cut(self, state: State, at_s: float, will_after_s: float | None = None) -> None:
        """Nothing of the device is heard any more; after a while whoever looks after it says that it is gone."""
        state.silent += 1
        state.life += 1
        life = state.life
        self._due.append(Due(at_s, state.unit.source, link="cut"))

        def say_will(then_s: float) -> None:
            gateway = self.states.get(state.unit.via)
            if state.silent and state.life == life and not (gateway and gateway.silent):
                for message in FAMILIES[state.unit.family].will(state, self._clock(state)):
                    self._publish(state, message, then_s, by_broker=True)

        after_s = FAMILIES[state.unit.family].will_after_s if will_after_s is None else will_after_s
        self._at(at_s + after_s, say_will)

    def _restore(self, state: State, at_s: float, *, restart: bool = False) -> None:
        state.silent -= 1
        if restart:
            state.booted_s = at_s
        if not state.silent:
            self._due.append(Due(at_s, state.unit.source, link="restore"))
            self._say_birth(state, at_s)

    # --- publishing ---

    def _say_birth(self, state: State, at_s: float) -> None:
        if not self._is_silent(state):
            state.uptime_s = at_s - state.booted_s
            for message in FAMILIES[state.unit.family].birth(state, self._clock(state)):
                self._say(state, message)

    def _say(self, state: State, message: Message) -> None:
        """Publish, and what goes wrong with it."""
        at_s = self._now_s
        self._publish(state, message, at_s)
        if self._goes_wrong("duplicates", state, at_s):
            after_s = state.chance.expovariate(1 / REPEATED_AFTER_S)
            self._at(at_s + after_s, partial(self._repeat, state, message))
        if self._goes_wrong("garbage", state, at_s):
            self.tally.garbage += 1
            self._due.append(Due(at_s, state.unit.source, garble(message, state.chance)))

    def _repeat(self, state: State, message: Message, at_s: float) -> None:
        if not self._is_silent(state):
            self.tally.duplicates += 1
            self._publish(state, message, at_s)

    def _publish(self, state: State, message: Message, at_s: float, *, by_broker: bool = False) -> None:
        self.tally.add(state.unit.family, message)
        self._due.append(Due(at_s, state.unit.source, message, by_broker=by_broker))

    def _goes_wrong(self, kind: Kind, state: State, at_s: float) -> bool:
        return any(
            fault.from_s <= at_s < fault.to_s and hits(state.chance, fault.amount) for fault in self._by_message[kind]
        )

    def _is_silent(self, state: State) -> bool:
        gateway = self.states.get(state.unit.via)
        return bool(state.silent or (gateway is not None and gateway.silent))

    def _clock(self, state: State) -> datetime:
        """The device's own time; asked for whatever a device says, so that its uptime is right too."""
        state.uptime_s = self._now_s - state.booted_s
        return self._local(self._now_s + state.ahead_s)

    def _local(self, at_s: float) -> datetime:
        return (self._began + timedelta(seconds=at_s)).astimezone(self._zone)

    def _at(self, at_s: float, act: Callable[[float], None]) -> None:
        if math.isfinite(at_s):
            self._number += 1
            heapq.heappush(self._turns, (at_s, self._number, act))
