"""The part of Home Assistant's value templates that names a place in a message, and the reading of that place.

    {{ value_json.temperature }}   {{ value_json['DS18B20'].Temperature | round(1) }}   {{ value }}

Filters that only shape a number for show are passed over. A template that does sums with constants is understood:

    {{ value_json.voltage / 1000 }}   {{ (value_json.temp_f | float - 32) * 5 / 9 }}

And one that chooses between two words:

    {{ 'ON' if value_json.contact == false else 'OFF' }}   {% if value_json.state == 1 %}ON{% else %}OFF{% endif %}

What else computes is not understood, and said so.
"""

import re
from collections.abc import Sequence
from typing import Any

MAX_TEMPLATE = 300  # characters; longer ones compute
MAX_STEPS = 8

_STEP = r"\.\w+|\['[^']*'\]|\[\"[^\"]*\"\]|\[\d{1,6}\]"
_GET = re.compile(r"\.get\(\s*(?:'([\w .-]*)'|\"([\w .-]*)\")\s*(?:,[^()]{0,40})?\)")
_CALL = re.compile(r"(?<!\|)(?<!\| )\b(?:float|int)\(")
_DEFINED = re.compile(
    r"\{%-?\s*if\s+[^%{}]{1,120}?\s+is\s+defined\s*-?%\}\s*(\{\{[^{}]+\}\})\s*(?:\{%-?\s*else\b.*)?\{%-?\s*endif\s*-?%\}\Z"
)
_FILTER = r"\|\s*(?:float|int|round|default|is_defined|string|lower|upper|trim)\b\s*(?:\([^()]*\)\s*)?"
_TEMPLATE = re.compile(
    rf"\{{\{{-?\s*\(?\s*(value_json|value)((?:{_STEP})*)\s*((?:{_FILTER})*)\)?\s*(?:{_FILTER})*-?\}}\}}\Z"
)
_EACH = re.compile(_STEP)
_SUM = r"[-+*/]\s*\d{1,9}(?:\.\d{1,9})?\s*\)?\s*"
_SUMS = re.compile(
    rf"\{{\{{-?\s*\(*\s*(value_json|value)((?:{_STEP})*)\s*(?:{_FILTER})*\)?\s*((?:{_SUM}(?:{_FILTER})*){{1,4}})\)?\s*"
    rf"(?:{_FILTER})*-?\}}\}}\Z"
)
_IF = (
    rf"(value_json|value)((?:{_STEP})*)\s*(?:{_FILTER})*"
    r"(?:(==|!=)\s*('[^']*'|\"[^\"]*\"|-?\d{1,9}(?:\.\d{1,9})?|[Tt]rue|[Ff]alse)\s*)?"
)
_WORD = r"(?:'([^']*)'|\"([^\"]*)\")"
_CHOICES = (
    re.compile(rf"\{{\{{-?\s*{_WORD}\s+if\s+{_IF}else\s+{_WORD}\s*-?\}}\}}\Z"),
    re.compile(
        rf"\{{%-?\s*if\s+{_IF}-?%\}}\s*([\w ]*?)\s*\{{%-?\s*else\s*-?%\}}\s*([\w ]*?)\s*\{{%-?\s*endif\s*-?%\}}\Z"
    ),
)
_EACH_SUM = re.compile(r"([-+*/])\s*(\d{1,9}(?:\.\d{1,9})?)\s*(\)?)")

Path = list[str | int]


def path_of(template: str) -> Path | None:
    """Where in a message a template looks.

    returns  [] for the message itself (no template, or `{{ value }}`); None where the template computes
    """
    text = _plain(template)
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
    text = _plain(template)
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


def choice_of(template: str) -> tuple[Path, str | None, str, str] | None:
    """Where a template looks, what it compares that with (None: it asks whether it is true), and its two words.

    returns  (path, compared, the word where it fits, the word where it does not), or None where it does not choose
    """
    text = _plain(template)
    if len(text) > MAX_TEMPLATE:
        return None
    if found := _CHOICES[0].match(text):
        one, two, root, places, sign, compared, three, four = found.groups()
        fitting, other = one or two or "", three or four or ""
    elif found := _CHOICES[1].match(text):
        root, places, sign, compared, fitting, other = found.groups()
    else:
        return None
    steps = _EACH.findall(places)
    if len(steps) > MAX_STEPS or (steps and root == "value"):
        return None
    if sign == "!=":
        fitting, other = other, fitting
    return [_step(step) for step in steps], compared.strip("'\"") if compared else None, fitting, other


def _plain(template: str) -> str:
    """The same said more plainly: what is asked first whether it is there, `.get('x')`, `float(x)`."""
    text = template.strip()
    if len(text) > MAX_TEMPLATE:
        return text
    if found := _DEFINED.match(text):
        text = found[1]
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
