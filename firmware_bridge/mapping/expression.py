"""Expressions of a mapping file, compiled once into functions.

"$.level"                            what stands at the path
"{station}"                          a named part of the topic, also within text: "pump-{station}"
"literal", 3, true                   itself
{ path = "$.t", scale = 0.1 }        a number, scaled and moved: value * scale + offset
{ path = "$.s", enum = "door" }      a word looked up in [enums.door]
{ path = ["$.a", "$.b"] }            the first that is there
"""

import math
import re
import types
import typing
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from appliance.errors import Rejected
from firmware_bridge.notation.json_path import MISSING, compile_one, parse_path
from firmware_bridge.notation.members import flag_of, number_of, text_of, whole_of

Word = bool | int | float | str
"""What an enum may give."""
Value = Callable[[Any, Any, Mapping[str, str]], Any]
"""(message, item, parts of the topic) -> what it says there, or `MISSING`."""

_PART = re.compile(r"\{(\w+)\}")
_KEYS = ("path", "enum", "scale", "offset")


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What an expression may refer to: the file's enums, the named parts of its topics, and whether there are items."""

    enums: Mapping[str, Mapping[str, Word]]
    parts: frozenset[str]
    items: bool


def compile_value(expression: Any, scope: Scope, place: str) -> Value:
    """A function for an expression.

    raises  Rejected  it is none, or refers to what is not there, at `place`
    """
    if isinstance(expression, dict):
        return _compile_table(expression, scope, place)
    constant = constant_of(expression, place)
    if constant is not MISSING:
        return lambda _message, _item, _parts: constant
    if expression[0] in "$@":
        return _compile_path(expression, scope, place)
    return _compile_template(expression, scope, place)


def constant_of(expression: Any, place: str) -> Any:
    """What a literal is; `MISSING` for an expression that asks the message.

    raises  Rejected  it is neither
    """
    if isinstance(expression, str):
        return MISSING if expression[:1] in ("$", "@") or _PART.search(expression) else expression
    if isinstance(expression, dict):
        return MISSING
    if isinstance(expression, bool | int) or (isinstance(expression, float) and math.isfinite(expression)):
        return expression
    got = expression if isinstance(expression, float) else type(expression).__name__
    raise Rejected(f"expected text, a finite number, a boolean or a table, got {got}", place)


def words_of(expression: Any, scope: Scope) -> Mapping[str, Word]:
    """The enum whose words an expression gives; empty where it gives others."""
    return scope.enums[expression["enum"]] if isinstance(expression, dict) and "enum" in expression else {}


def parse_single(path: str, scope: Scope, place: str) -> tuple[bool, Callable[[Any], Any]]:
    """(whether it begins at the item, a function that gives what stands there) of a path to one place.

    raises  Rejected  it is none, names several places, or begins at an item where there are none
    """
    root, steps = parse_path(path, place)
    if None in steps:
        raise Rejected(f"{path!r} names several places; `*` belongs in `each`", place)
    if root == "@" and not scope.items:
        raise Rejected(f"{path!r} begins at an item, and there are none: the message has no `each`", place)
    return root == "@", compile_one(steps)


def item_field(expression: Any) -> str:
    """The member that an expression takes from the item as it is, as `@.value` does; '' where it is another kind."""
    if not isinstance(expression, str) or expression[:1] != "@":
        return ""
    _, steps = parse_path(expression, "$")
    return steps[0] if len(steps) == 1 and isinstance(steps[0], str) else ""


def _compile_path(path: str, scope: Scope, place: str) -> Value:
    of_item, walk = parse_single(path, scope, place)
    _, steps = parse_path(path, place)
    if len(steps) == 1:  # the usual case, without a call in between
        name = steps[0]
        if of_item:
            return lambda _message, item, _parts: item.get(name, MISSING) if type(item) is dict else MISSING
        return lambda message, _item, _parts: message.get(name, MISSING) if type(message) is dict else MISSING
    if of_item:
        return lambda _message, item, _parts: walk(item)
    return lambda message, _item, _parts: walk(message)


def _compile_template(text: str, scope: Scope, place: str) -> Value:
    texts = _PART.split(text)  # text, name, text, name, ..., text
    names = texts[1::2]
    for name in names:
        if name not in scope.parts:
            known = ", ".join(f"{{{part}}}" for part in sorted(scope.parts)) or "none"
            raise Rejected(f"no topic of this message has a part {{{name}}}; there are {known}", place)
    if len(names) == 1 and texts == ["", names[0], ""]:
        whole = names[0]
        return lambda _message, _item, parts: parts.get(whole, MISSING)

    def fill(_message: Any, _item: Any, parts: Mapping[str, str]) -> Any:
        if any(name not in parts for name in names):
            return MISSING
        return "".join(parts[piece] if n % 2 else piece for n, piece in enumerate(texts))

    return fill


def _compile_table(table: dict[str, Any], scope: Scope, place: str) -> Value:
    if not set(table) <= set(_KEYS) or "path" not in table:
        raise Rejected(
            f"expected path and any of enum, scale, offset; got {', '.join(sorted(table)) or 'nothing'}", place
        )
    get = _compile_paths(table["path"], scope, f"{place}.path")
    scaled = "scale" in table or "offset" in table
    if "enum" not in table:
        return _scaled(get, *_factors(table, place)) if scaled else get
    if scaled:
        raise Rejected("a value is either looked up or scaled: enum, or scale and offset", place)
    name = table["enum"]
    if not isinstance(name, str) or name not in scope.enums:
        raise Rejected(f"there is no [enums.{name}] in this file", f"{place}.enum")
    return _looked_up(get, scope.enums[name])


def _compile_paths(given: Any, scope: Scope, place: str) -> Value:
    paths = given if isinstance(given, list) else [given]
    if not paths or not all(isinstance(path, str) for path in paths):
        raise Rejected("expected a path, or a list of them", place)
    values = [compile_value(path, scope, place) for path in paths]
    return values[0] if len(values) == 1 else _first_of(values)


def _factors(table: dict[str, Any], place: str) -> tuple[float, float]:
    found = []
    for name, usual in (("scale", 1.0), ("offset", 0.0)):
        number = number_of(table.get(name, usual))
        if number is None or isinstance(table.get(name), str):
            raise Rejected("expected a finite number", f"{place}.{name}")
        found.append(number)
    return found[0], found[1]


def _first_of(values: list[Value]) -> Value:
    def first(message: Any, item: Any, parts: Mapping[str, str]) -> Any:
        for value in values:
            found = value(message, item, parts)
            if found is not MISSING and found is not None:
                return found
        return MISSING

    return first


def _looked_up(get: Value, words: Mapping[str, Word]) -> Value:
    def look_up(message: Any, item: Any, parts: Mapping[str, str]) -> Any:
        found = get(message, item, parts)
        if type(found) is bool:
            found = "true" if found else "false"
        elif type(found) is float and found.is_integer():
            found = int(found)
        return words.get(str(found), MISSING) if type(found) in (str, int, float) else MISSING

    return look_up


def _scaled(get: Value, scale: float, offset: float) -> Value:
    def change(message: Any, item: Any, parts: Mapping[str, str]) -> Any:
        number = number_of(get(message, item, parts))
        if number is None:
            return MISSING
        changed = number * scale + offset
        return changed if math.isfinite(changed) else MISSING

    return change


Coercion = Callable[[Any], Any]
"""A value as a field takes it, or None where it cannot be."""


def is_time(annotation: Any) -> bool:
    """Whether a field of this type holds an instant: what it is depends on the site's zone."""
    return datetime in _kinds(annotation)


def coercion_for(annotation: Any) -> Coercion:
    """How a value becomes what a field of this type holds."""
    kinds = _kinds(annotation)
    for kind, coercion in _COERCIONS.items():
        if kind in kinds:
            return coercion
    for kind in kinds:
        if typing.get_origin(kind) is typing.Literal:
            words = typing.get_args(kind)
            return lambda value: value if type(value) is str and value in words else None
    return lambda value: text_of(value) or None


def _kinds(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, or the one type; `Literal[...] | None` is a union of another make than `int | None`."""
    is_union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    return typing.get_args(annotation) if is_union else (annotation,)


_COERCIONS: dict[type, Coercion] = {float: number_of, bool: flag_of, int: whole_of}
