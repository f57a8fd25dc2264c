"""Which family a topic belongs to: templates compiled once, topics looked up once and remembered.

`decode` asks for each message; a topic seen before costs one look into a dictionary.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from firmware_bridge.inbound import Family, Route, reader_of

REMEMBERED = 50_000  # topics; a fleet has a few each, a flood of invented ones must not fill the memory
LONGEST_REMEMBERED = 256  # characters; no device's topic is as long, and MQTT allows 65,535


class Found(msgspec.Struct, frozen=True):
    """Whose message it is, the named parts of its topic, and what reads its payload."""

    family: Family
    route: Route
    parts: dict[str, str]
    read: Callable[[bytes], Any]


class Router:
    """The routes of many families. More words in common with the topic win, then the order of the families."""

    def __init__(self, families: Sequence[Family]) -> None:
        self.families: Mapping[str, Family] = {family.name: family for family in families}
        routes = [
            (family, route, tuple(route.template.split("/")), reader_of(route))
            for family in families
            for route in family.routes
        ]
        self._routes = sorted(routes, key=lambda entry: _precision(entry[2]))
        self._known: OrderedDict[str, Found | None] = OrderedDict()

    @property
    def known(self) -> Mapping[str, Found | None]:
        """What was found for the topics it knows by heart."""
        return self._known

    @property
    def remembered(self) -> int:
        """How many topics it knows by heart."""
        return len(self._known)

    def find(self, topic: str) -> Found | None:
        """The family and route of a topic; None where no template has it."""
        try:
            return self._known[topic]
        except KeyError:
            found = next(self._matches(topic), None)
            if len(topic) <= LONGEST_REMEMBERED:
                self._known[topic] = found
                if len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
            return found

    def _matches(self, topic: str) -> Iterator[Found]:
        levels = topic.split("/")
        for family, route, template, read in self._routes:
            parts = match_template(template, levels)
            if parts is not None:
                yield Found(family, route, parts, read)


def match_template(template: Sequence[str], levels: Sequence[str]) -> dict[str, str] | None:
    """The named parts of a topic, or None where it is not of this template; `{name...}` takes one level or more."""
    spread = next((n for n, level in enumerate(template) if level.endswith("...}")), None)
    if spread is None:
        return _match(template, levels) if len(template) == len(levels) else None
    after = len(template) - spread - 1
    if len(levels) < len(template):
        return None
    head = _match(template[:spread], levels[:spread])
    tail = _match(template[spread + 1 :], levels[len(levels) - after :])
    if head is None or tail is None:
        return None
    middle = "/".join(levels[spread : len(levels) - after])
    return {**head, template[spread][1:-4]: middle, **tail} if middle else None


def _match(template: Sequence[str], levels: Sequence[str]) -> dict[str, str] | None:
    parts = {}
    for wanted, level in zip(template, levels, strict=True):
        if wanted.startswith("{"):
            if not level:
                return None
            parts[wanted[1:-1]] = level
        elif wanted != level:
            return None
    return parts


def _precision(template: Sequence[str]) -> tuple[int, int, int]:
    """For sorting: most literal levels first, then without a spread, then the longer."""
    literal = sum(not level.startswith("{") for level in template)
    return (-literal, sum(level.endswith("...}") for level in template), -len(template))
