"""The part of Home Assistant's value templates that names a place in a message, and the reading of that place.

    {{ value_json.temperature }}   {{ value_json['DS18B20'].Temperature | round(1) }}   {{ value }}

Filters that only shape a number for show are passed over. A template that does sums with constants is understood:

    {{ value_json.voltage / 1000 }}   {{ (value_json.temp_f | float - 32) * 5 / 9 }}

What else computes is not understood, and said so.
"""

import re
from collections.abc import Sequence
from typing import Any

MAX_TEMPLATE = 300  # characters; longer ones compute
MAX_STEPS = 8

_STEP = r"\.\w+|\['[^']*'\]|\[\"[^\"]*\"\]|\[\d{1,6}\]"
_FILTER = r"\|\s*(?:float|int|round|default|is_defined|string|lower|upper|trim)\b\s*(?:\([^()]*\)\s*)?"
_TEMPLATE = re.compile(rf"\{{\{{-?\s*(value_json|value)((?:{_STEP})*)\s*((?:{_FILTER})*)-?\}}\}}\Z")
_EACH = re.compile(_STEP)
_SUM = r"[-+*/]\s*\d{1,9}(?:\.\d{1,9})?\s*\)?\s*"
_SUMS = re.compile(
    rf"\{{\{{-?\s*\(*\s*(value_json|value)((?:{_STEP})*)\s*(?:{_FILTER})*\)?\s*((?:{_SUM}(?:{_FILTER})*){{1,4}})\)?\s*"
    rf"(?:{_FILTER})*-?\}}\}}\Z"
)
_EACH_SUM = re.compile(r"([-+*/])\s*(\d{1,9}(?:\.\d{1,9})?)\s*(\)?)")

Path = list[str | int]


def path_of(template: str) -> Path | None:
    """Where in a message a template looks.

    returns  [] for the message itself (no template, or `{{ value }}`); None where the template computes
    """
    text = template.strip()
    if not text:
        return []
    found = _TEMPLATE.match(text) if len(text) <= MAX_TEMPLATE else None
    if found is None:
        return None
    steps = _EACH.findall(found[2])
    if len(steps) > MAX_STEPS or (steps and found[1] == "value"):
        return None
    return [_step(step) for step in steps]


def sum_of(template: str) -> tuple[Path, float, float] | None:
    """Where a template looks, and the factor and offset of the sums it does with what it finds there.

    returns  None where it does no sums, divides by nothing, or needs more than left to right to be read
    """
    text = template.strip()
    found = _SUMS.match(text) if len(text) <= MAX_TEMPLATE else None
    if found is None:
        return None
    steps = _EACH.findall(found[2])
    factor, offset, added = 1.0, 0.0, False
    for sign, digits, closed in _EACH_SUM.findall(found[3]):
        number = float(digits)
        if sign in "*/":
            if added or (sign == "/" and number == 0):
                return None
            number = number if sign == "*" else 1 / number
            factor, offset = factor * number, offset * number
        else:
            offset += number if sign == "+" else -number
        added = sign in "+-" and not closed
    if len(steps) > MAX_STEPS or (steps and found[1] == "value"):
        return None
    return [_step(step) for step in steps], factor, offset


def value_at(document: Any, path: Sequence[str | int]) -> Any:
    """What stands there, None where nothing does."""
    for step in path:
        if type(document) is dict:
            document = document.get(step)
        elif type(document) is list and type(step) is int and step < len(document):
            document = document[step]
        else:
            return None
    return document


def _step(text: str) -> str | int:
    if text[0] == ".":
        return text[1:]
    return text[2:-2] if text[1] in "'\"" else int(text[1:-1])
