"""A place that stands in one column or member: two numbers in an order that a person says, WKT, or GeoJSON.

`--map latitude+longitude=Location` gives the order. Called by `ingest.table` and `ingest.record` for each row.
"""

import re
from collections.abc import Callable
from typing import Any

from appliance.errors import Rejected

NOWHERE = (0.0, -1.0)
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?"
_PAIR = re.compile(rf"[(\[]?\s*({_NUMBER})(?:\s*[,;]\s*|\s+)({_NUMBER})\s*[)\]]?\Z")
_LAST_PAIR = re.compile(rf"\(\s*({_NUMBER})(?:\s*[,;]\s*|\s+)({_NUMBER})\s*\)\Z")  # below an address of several lines
_POINT = re.compile(rf"(?:SRID=\d+;)?\s*POINT\s*Z?M?\s*\(\s*({_NUMBER})\s+({_NUMBER})(?:\s+{_NUMBER})*\s*\)\Z", re.I)
_BOUNDS = {"longitude": 180.0, "latitude": 90.0}


def is_nowhere(longitude: float | None, latitude: float | None) -> bool:
    """Whether coordinates are those by which exports say that the place is not known: 0, 0 or -1, -1."""
    return longitude == latitude and longitude in NOWHERE


def holds_two(text: str) -> bool:
    """Whether a text is a place rather than one number."""
    return bool(_PAIR.match(text) or _LAST_PAIR.search(text) or _POINT.match(text))


def coordinate(name: str, order: tuple[str, ...]) -> Callable[[Any, str], float]:
    """What takes one coordinate out of a place: (value, path to blame) to degrees.

    name   longitude or latitude; `order` is that of both where nothing else says it. WKT and GeoJSON have their own
    """
    at, x_first = order.index(name), ("longitude", "latitude").index(name)
    other = "+".join(reversed(order))

    def take(value: Any, path: str) -> float:
        pair, own = _two(value, path)
        number = pair[x_first if own else at]
        if not abs(number) <= _BOUNDS[name]:
            reason = f"{number} is not between -{_BOUNDS[name]:g} and {_BOUNDS[name]:g}"
            swapped = not own and abs(pair[1 - at]) <= _BOUNDS[name] and abs(number) <= _BOUNDS["longitude"]
            hint = f"; the {order[1 - at]} may come first: --map {other}={path}" if swapped and at == 0 else ""
            raise Rejected(reason + hint, path)
        return number

    return take


def _two(value: Any, path: str) -> tuple[tuple[float, float], bool]:
    """Both numbers as they stand, and whether their form says that x comes first."""
    if isinstance(value, str):
        text = value.strip()
        if found := _POINT.match(text):
            return (float(found[1]), float(found[2])), True
        found = _PAIR.match(text) or _LAST_PAIR.search(text)
        if found is None:
            raise Rejected(f"{text[:40]!r} is not a place: expected (29.37, 47.97) or POINT (47.97 29.37)", path)
        return (float(found[1]), float(found[2])), False
    own = isinstance(value, dict)
    if isinstance(value, dict):
        value = value["coordinates"] if "coordinates" in value else [value.get("longitude"), value.get("latitude")]
    try:
        if isinstance(value, list) and len(value) > 1 and not any(isinstance(one, bool) for one in value[:2]):
            return (float(value[0]), float(value[1])), own
    except (TypeError, ValueError, OverflowError):
        pass
    raise Rejected("expected a place: [29.37, 47.97], a text of two numbers, or a GeoJSON Point", path)
