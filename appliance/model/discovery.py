"""Which incidents nobody reported: a patrol came upon them. They say where patrols went, so they are kept apart.

A rule is `ATTRIBUTE=VALUE`, as in `discovered_by=patrol`; `event_type=VALUE` is about the type itself. Letters may be
large or small. The site's rules are `risk.discovered`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from appliance.errors import Rejected

EVENT_TYPE = "event_type"
EXAMPLE = "discovered_by=patrol"


class Discovery(msgspec.Struct, frozen=True):
    """Rules: types of events, and attribute -> values, in small letters; one that holds is enough."""

    types: frozenset[str] = frozenset()
    attributes: Mapping[str, frozenset[str]] = {}

    def tells(self, event_type: str, attributes: Mapping[str, Any]) -> bool:
        """Whether an event was discovered by a patrol."""
        if event_type.casefold() in self.types:
            return True
        given = ((attributes.get(name), values) for name, values in self.attributes.items())
        return any(value is not None and str(value).strip().casefold() in values for value, values in given)


def read_discovery(rules: Iterable[str], name: str = "risk.discovered") -> Discovery:
    """Rules as they are written.

    raises  Rejected  one is not of the form ATTRIBUTE=VALUE; `name` says where it stands
    """
    types: set[str] = set()
    attributes: dict[str, frozenset[str]] = {}
    for rule in rules:
        key, equals, value = (part.strip() for part in rule.partition("="))
        if not (key and equals and value):
            raise Rejected(f"{name} {rule!r}: the form is ATTRIBUTE=VALUE, as in {EXAMPLE}")
        if key == EVENT_TYPE:
            types.add(value.casefold())
        else:
            attributes[key] = attributes.get(key, frozenset()) | {value.casefold()}
    return Discovery(frozenset(types), attributes)
