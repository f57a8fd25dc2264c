"""Simulated devices as the box commands them: whom a command is for, and which of them fail their updates.

What a device answers is its family's matter. Called by `schedule` for each command that comes in.
"""

from collections.abc import Iterable, Mapping, Sequence

from firmware_bridge.simulation.chance import Chance, sample
from firmware_bridge.simulation.firmware import Clock, Firmware, Obeyed, Order, State


def choose_failing(states: Sequence[State], families: Mapping[str, Firmware], count: int, chance: Chance) -> list[str]:
    """Let so many devices fail every update, out of those whose family takes any; their sources, sorted."""
    able = [state for state in states if families[state.unit.family].answer is not None and not state.behind]
    for state in sample(chance, able, count):
        state.fails_updates = True
    return sorted(state.unit.source for state in able if state.fails_updates)


def order_filters(firmwares: Iterable[Firmware]) -> tuple[str, ...]:
    """Where all of these hear commands."""
    return tuple(dict.fromkeys(topic_filter for firmware in firmwares for topic_filter in firmware.filters))


def obey(order: Order, firmwares: Iterable[Firmware], states: Mapping[str, State], now: Clock) -> Obeyed | None:
    """Who does what at a command; None where it is for nobody here, or its device is cut off and hears nothing."""
    hearing = {source: state for source, state in states.items() if not state.silent}
    answers = (firmware.answer(order, hearing, now) for firmware in firmwares if firmware.answer is not None)
    return next((obeyed for obeyed in answers if obeyed is not None), None)
