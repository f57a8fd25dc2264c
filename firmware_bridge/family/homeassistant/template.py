"""The part of Home Assistant's value templates that names a place in a message, and the reading of that place.

    {{ value_json.temperature }}   {{ value_json['DS18B20'].Temperature | round(1) }}   {{ value }}

Filters that only shape a number for show are passed over. A template that does sums with constants is understood:

    {{ value_json.voltage / 1000 }}   {{ (value_json.temp_f | float - 32) * 5 / 9 }}

One that makes words of what it finds is for `words`. What else computes is not understood, and said so.
"""

import re
from collections.abc import Sequence
from typing import Any

MAX_TEMPLATE = 300  # characters; longer ones compute
MAX_STEPS = 8

STEP = r"\.\w+|\['[^']*'\]|\[\"[^\"]*\"\]|\[\d{1,6}\]"
_GET = re.compile(r"\.get\(\s*(?:'([\w .-]*)'|\"([\w .-]*)\")\s*(?:,[^()]{0,40})?\)")
_CALL = re.compile(r"(?<!\|)(?<!\| )\b(?:float|int)\(")
_ASKS = r"(?:[^%{}]{1,150}?\s+is\s+defined|['\"][\w .-]+['\"]\s+in\s+value_json[\w.]*)\s*"
_DEFINED = re.compile(
    rf"\{{%-?\s*if\s+{_ASKS}-?%\}}\s*(\{{\{{[^{{}}]+\}}\}})\s*(?:\{{%-?\s*else\b.*)?\{{%-?\s*endif\s*-?%\}}\Z"
)
_IF_THERE = re.compile(
    rf"\{{%-?\s*if\s+(value_json(?:{STEP})+)\s*-?%\}}\s*(\{{\{{-?\s*\1\s*(?:\|[^{{}}]*)?\}}\}})\s*\{{%-?\s*endif\s*-?%\}}\Z"
)
_IF_DEFINED = re.compile(rf"\{{\{{-?\s*([^{{}}%]{{1,120}}?)\s+if\s+{_ASKS}else\b[^{{}}]{{0,60}}\}}\}}\Z")
FILTER = r"\|\s*(?:float|int|round|default|is_defined|string|lower|upper|title|capitalize|trim)\b\s*(?:\([^()]*\)\s*)?"
_TEMPLATE = re.compile(
    rf"\{{\{{-?\s*\(?\s*(value_json|value)((?:{STEP})*)\s*((?:{FILTER})*)\)?\s*(?:{FILTER})*-?\}}\}}\Z"
)
_EACH = re.compile(STEP)
_SUM = r"[-+*/]\s*\d{1,9}(?:\.\d{1,9})?\s*\)?\s*"
_SUMS = re.compile(
    rf"\{{\{{-?\s*\(*\s*(value_json|value)((?:{STEP})*)\s*(?:{FILTER})*\)?\s*((?:{_SUM}(?:{FILTER})*){{1,4}})\)?\s*"
    rf"(?:{FILTER})*-?\}}\}}\Z"
)
_EACH_SUM = re.compile(r"([-+*/])\s*(\d{1,9}(?:\.\d{1,9})?)\s*(\)?)")

Path = list[str | int]


def path_of(template: str) -> Path | None:
    """Where in a message a template looks.

    returns  [] for the message itself (no template, or `{{ value }}`); None where the template computes
    """
    text = plain(template)
    if not text:
        return []
    found = _TEMPLATE.match(text) if len(text) <= MAX_TEMPLATE else None
    if found is None:
        return None
    return place_in(found[1], found[2])


def place_in(root: str, steps: str) -> Path | None:
    """The steps behind `value_json` as a path; None where they are too many, or where plain `value` has some."""
    each = _EACH.findall(steps)
    return None if len(each) > MAX_STEPS or (each and root == "value") else [_step(step) for step in each]


def sum_of(template: str) -> tuple[Path, float, float] | None:
    """Where a template looks, and the factor and offset of the sums it does with what it finds there.

    returns  None where it does no sums, divides by nothing, or needs more than left to right to be read
    """
    text = plain(template)
    found = _SUMS.match(text) if len(text) <= MAX_TEMPLATE else None
    if found is None:
        return None
    path = place_in(found[1], found[2])
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
    return None if path is None else (path, factor, offset)


def plain(template: str) -> str:
    """The same said more plainly: what is asked first whether it is there, `.get('x')`, `float(x)`."""
    text = template.strip()
    if len(text) > MAX_TEMPLATE:
        return text
    if found := _DEFINED.match(text):
        text = found[1]
    elif found := _IF_THERE.match(text):
        text = found[2]
    elif found := _IF_DEFINED.match(text):
        text = f"{{{{ {found[1]} }}}}"
    return _CALL.sub("(", _GET.sub(lambda found: f"['{found[1] or found[2]}']", text))


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
