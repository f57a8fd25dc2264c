"""The value templates of Home Assistant that make words of what they find, and the word they make of a value.

One that chooses between two words:

    {{ 'ON' if value_json.contact == false else 'OFF' }}   {% if value_json.power > 0.5 %}on{% else %}off{% endif %}

One that asks, and says True or False: `{{ value_json.door == 'open' }}`. One with a word for each of several values:

    {{ {0: 'off', 1: 'heat'}[value_json.value] | default('off') }}
    {% if value == 'a' %}A{% elif value == 'b' %}B{% endif %}

Called by `config`, and for the word itself by `state`.
"""

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from firmware_bridge.family.homeassistant.entity import word_of
from firmware_bridge.family.homeassistant.template import FILTER, MAX_TEMPLATE, STEP, Path, path_of, place_in, plain
from firmware_bridge.notation.members import number_of

MAX_MAPPING = 2_000  # characters of a template that has a word for each value
MAX_WORDS = 100

Wording = dict[str, Any]
"""`choice`: what is compared (None: whether it is true), the word where it fits, the word where it does not, and,
unless it is equality, the sign. Or `words`: a word for each value, and `else`: the word for any other, None for the
value itself."""

_FALSE = frozenset(("", "false", "0"))  # as Jinja takes a value alone
_ORDER: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le
}  # fmt: skip
_PLACE = rf"\(?\s*(value_json|value)((?:{STEP})*)\s*(?:{FILTER})*\)?\s*"
_LITERAL = r"'[^']*'|\"[^\"]*\"|-?\d{1,9}(?:\.\d{1,9})?|[Tt]rue|[Ff]alse"
_CONDITION = rf"(not\s+)?{_PLACE}(?:(==|!=|>=|<=|>|<|is\s+equalto|is\s+eq|is)\s*({_LITERAL})\s*)?"
_WORD = r"'[^']*'|\"[^\"]*\""
_CHOICE = re.compile(rf"\{{\{{-?\s*({_WORD})\s+if\s+{_CONDITION}else\s+({_WORD})\s*-?\}}\}}\Z")
_QUESTION = re.compile(rf"\{{\{{-?\s*{_CONDITION}-?\}}\}}\Z")
_ASKED = re.compile(rf"\s*{_CONDITION}\Z")
_MISSING = re.compile(r".*\bis\s+(?:undefined|not\s+defined)\s*\Z")
_BRANCH = re.compile(r"\{%-?\s*(if|elif|else|endif)\b([^%]{0,200}?)-?%\}")
_SAID = re.compile(rf"([\w .-]*)|\{{\{{-?\s*({_WORD})\s*-?\}}\}}")
_MAPPING = re.compile(
    rf"\{{\{{-?\s*\{{([^{{}}]+)\}}\s*(?:\[\s*{_PLACE}\]|\.get\(\s*{_PLACE}(?:,\s*({_WORD})\s*)?\))\s*"
    rf"(?:\|\s*default\(\s*({_WORD}|{_PLACE})[^()]*\)\s*)?(?:{FILTER})*-?\}}\}}\Z"
)
_PAIR = re.compile(rf"\s*({_LITERAL})\s*:\s*({_WORD})\s*(?:,|\Z)")


def wording_of(template: str) -> tuple[Path, Wording] | None:
    """Where a template looks, and the words it makes of what it finds; None where it makes none that are understood."""
    text = plain(template)
    if len(text) > MAX_MAPPING:
        return None
    if text.startswith("{%"):
        return _branches_of(text)
    if found := _MAPPING.match(text):
        return _mapping_of(found)
    if len(text) > MAX_TEMPLATE:
        return None
    if found := _CHOICE.match(text):
        fitting, *asked, other = found.groups()
        return _choice(asked, fitting[1:-1], other[1:-1])
    found = _QUESTION.match(text)
    return _choice(found.groups(), "True", "False") if found and (found[1] or found[4]) else None


def worded(template: object) -> tuple[Path, Wording] | None:
    """Where a template looks, if there is one, and the words it makes; one that only names a place makes none."""
    if type(template) is not str:
        return ([], {}) if template is None else None
    path = path_of(template)
    return (path, {}) if path is not None else wording_of(template)


def said_by(wording: Mapping[str, Any], value: Any) -> Any:
    """The word that a wording has for a value; the value itself where there is no wording."""
    choice = wording.get("choice")
    if choice is None:
        words = wording.get("words")
        if words is None:
            return value
        other = wording.get("else")
        return words.get(word_of(value), value if other is None else other)
    wanted, fitting, other, *sign = choice
    if sign:
        number = float(value) if type(value) is bool else number_of(value)
        return None if number is None else fitting if _ORDER[sign[0]](number, float(wanted)) else other
    fits = word_of(value) not in _FALSE if wanted is None else word_of(value) == word_of(wanted)
    return fitting if fits else other


def _choice(asked: Any, fitting: str, other: str) -> tuple[Path, Wording] | None:
    """From the groups of a condition and the two words."""
    negated, root, steps, sign, compared = asked
    path = place_in(root, steps)
    if path is None:
        return None
    if bool(negated) != (sign == "!="):
        fitting, other = other, fitting
    wanted = compared.strip("'\"") if compared else None
    if sign not in _ORDER:
        return path, {"choice": [wanted, fitting, other]}
    return (path, {"choice": [wanted, fitting, other, sign]}) if number_of(wanted) is not None else None


def _branches_of(text: str) -> tuple[Path, Wording] | None:
    """`if`, any number of `elif`, and an `else` or none; what asks whether the value is missing is passed over."""
    before, *parts = _BRANCH.split(text)
    kinds, asked, bodies = parts[::3], parts[1::3], parts[2::3]
    if before.strip() or kinds[:1] != ["if"] or kinds[-1] != "endif" or bodies[-1].strip() or len(kinds) > MAX_WORDS:
        return None
    said = [_SAID.fullmatch(body.strip()) for body in bodies]
    words = [(found[1] or (found[2] or "")[1:-1]) if found else None for found in said]
    other = words[kinds.index("else")] if kinds[-2] == "else" else ""
    chosen = [
        (_ASKED.match(condition), word)
        for kind, condition, word in zip(kinds, asked, words, strict=True)
        if kind in ("if", "elif") and not _MISSING.match(condition)
    ]
    if other is None or not chosen or "else" in kinds[:-2]:
        return None
    read = [_choice(found.groups(), word, other) if found and word is not None else None for found, word in chosen]
    return _joined([one for one in read if one is not None], len(chosen), other)


def _joined(read: list[tuple[Path, Wording]], wanted: int, other: str) -> tuple[Path, Wording] | None:
    """One choice as it is; several, if all compare the same place for equality, as a word for each value."""
    if len(read) != wanted:
        return None
    if wanted == 1:
        return read[0]
    words: dict[str, str] = {}
    for path, wording in read:
        compared, word, *rest = wording["choice"]
        if path != read[0][0] or compared is None or rest != [other]:
            return None
        words.setdefault(word_of(compared), word)
    return read[0][0], {"words": words, "else": other}


def _mapping_of(found: re.Match[str]) -> tuple[Path, Wording] | None:
    pairs, root, steps, other_root, other_steps, usual, default, *_ = found.groups()
    path = place_in(root or other_root, steps if root else other_steps)
    words: dict[str, str] = {}
    at = 0
    while at < len(pairs) and pairs[at:].strip():
        pair = _PAIR.match(pairs, at)
        if pair is None or len(words) >= MAX_WORDS:
            return None
        words[word_of(pair[1].strip("'\""))] = pair[2][1:-1]
        at = pair.end()
    if path is None or not words:
        return None
    other = usual or default or "''"
    return path, {"words": words, "else": other[1:-1] if other[0] in "'\"" else None}
