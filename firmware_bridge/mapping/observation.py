"""The observations of a mapping file, compiled: each entry becomes a function that adds them from a message."""

import typing
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from appliance.errors import Rejected
from appliance.model.observation import AnyObservation, Observation
from firmware_bridge.mapping.expression import (
    Coercion,
    Scope,
    Value,
    coercion_for,
    compile_value,
    constant_of,
    is_time,
    item_field,
    parse_single,
    words_of,
)
from firmware_bridge.mapping.file import MappingFile
from firmware_bridge.mapping.sweep import Common, Sweep
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.json_path import MISSING
from firmware_bridge.notation.members import number_of, text_of

MAX_ATTRIBUTE = 4_096  # bytes of JSON of one list or object that is kept as an attribute

KINDS: dict[str, type[Observation]] = {
    str(kind.__struct_config__.tag): kind for kind in typing.get_args(AnyObservation)
}
"""What `kind` may say, beside `readings`."""
_OF_MESSAGE = {"device", "observed_at", "observation_id"}
_OF_ENTRY = {"kind", "when", "attributes"}
_OF_SWEEP = {"kind", "when", "of", "only", "except", "channel", "name", "value"}


Make = Callable[[Any, Any, Mapping[str, str], Common, list[Observation]], None]
"""(message, item, parts of the topic, common, the list to add to)."""
Holds = Callable[[Any, Any], bool]


def compile_observation(file: MappingFile, entry: dict[str, Any], scope: Scope, place: str) -> Make:
    """A function for one [[message.observation]].

    raises  Rejected  no such kind or field, or a value that the field cannot hold, at `place`
    """
    kind = entry.get("kind")
    if kind == "readings":
        return _compile_sweep(file, entry, scope, place)
    if not isinstance(kind, str) or kind not in KINDS:
        raise Rejected(f"no kind {kind!r}; there are readings, {', '.join(KINDS)}", f"{place}.kind")
    struct = KINDS[kind]
    _check_fields(struct, entry, place)
    hints = typing.get_type_hints(struct)
    constants: dict[str, Any] = {}
    times: list[tuple[str, Value]] = []
    fields: list[tuple[str, Value, Coercion]] = []
    for name in entry.keys() - _OF_ENTRY:
        where, expression = f"{place}.{name}", entry[name]
        get, literal = compile_value(expression, scope, where), constant_of(expression, where)
        if is_time(hints[name]):
            times.append((name, get))
            continue
        coerce = coercion_for(hints[name])
        if literal is MISSING:
            fields.append((name, get, coerce))
            _check_words(words_of(expression, scope), coerce, hints[name], where)
        elif literal != "":
            constants[name] = _coerced(literal, coerce, where)
    needed = [field.name for field in msgspec.structs.fields(struct) if field.required and field.name != "device"]
    needed = [name for name in needed if name not in constants]
    attributes = _compile_attributes(entry, scope, place)
    holds = compile_conditions(entry.get("when", {}), scope, f"{place}.when")

    def make(message: Any, item: Any, parts: Mapping[str, str], common: Common, found: list[Observation]) -> None:
        given = {
            "device": common.device,
            "observed_at": common.observed_at,
            "observation_id": common.observation_id,
            "longitude": common.longitude,
            "latitude": common.latitude,
            **constants,
        }
        for name, get, coerce in fields:
            value = get(message, item, parts)
            if value is not MISSING and value is not None and (value := coerce(value)) is not None:
                given[name] = value
        for name in needed:
            if name not in given:
                return  # what it is about does not stand in this message
        for name, get in times:
            given[name] = read_instant(get(message, item, parts), common.zone)
        if attributes is not None:
            given["attributes"] = attributes(message, item, parts)
        found.append(struct(**given))

    return _only_where(holds, make)


def compile_conditions(when: object, scope: Scope, place: str) -> Holds | None:
    """Whether all conditions hold: path -> a value, a list of values, true (is there), false (is not there or null).

    returns  None where there are no conditions
    raises   Rejected  it is no table of conditions, at `place`
    """
    if not isinstance(when, dict):
        raise Rejected(f'expected a table of conditions, as in {{ "$.type" = "alarm" }}, got {when!r}', place)
    tests = [_compile_condition(path, wanted, scope, place) for path, wanted in when.items()]
    if len(tests) <= 1:
        return tests[0] if tests else None

    return lambda message, item: all(test(message, item) for test in tests)


def _compile_condition(path: str, wanted: Any, scope: Scope, place: str) -> Holds:
    of_item, get = parse_single(path, scope, place)
    if isinstance(wanted, bool):
        return lambda message, item: (
            ((found := get(item if of_item else message)) is not MISSING and found is not None) is wanted
        )
    choices = wanted if isinstance(wanted, list) else [wanted]
    for choice in choices:
        if not isinstance(choice, str | bool | int | float):
            kind = type(choice).__name__
            raise Rejected(f"expected true, false, a value or a list of values, got {kind}", f"{place}.{path}")
    texts = {choice for choice in choices if isinstance(choice, str)}
    others = [(type(choice) is bool, choice) for choice in choices if not isinstance(choice, str)]  # `true` is not 1

    field = item_field(path)
    if field and not others:  # the usual case, without a call in between
        return lambda _message, item: type(item) is dict and type(said := item.get(field)) is str and said in texts

    def is_one(message: Any, item: Any) -> bool:
        found = get(item if of_item else message)
        if type(found) is str:
            return found in texts
        return bool(others) and type(found) in (int, float, bool) and (type(found) is bool, found) in others

    return is_one


def _check_fields(struct: type[Observation], entry: dict[str, Any], place: str) -> None:
    kind = entry["kind"]
    fields = {field.name: field for field in msgspec.structs.fields(struct)}
    allowed = fields.keys() - _OF_MESSAGE - {"attributes"}
    for name in entry:
        if name not in allowed | _OF_ENTRY:
            of_message = " (the message's `device`, `time` and `id` hold for all)" if name in _OF_MESSAGE else ""
            raise Rejected(f"{kind} has no {name}{of_message}; it has {', '.join(sorted(allowed))}", f"{place}.{name}")
    for name, field in fields.items():
        if field.required and name != "device" and name not in entry:
            raise Rejected(f"{kind} needs {name}", place)
    if ("longitude" in entry) != ("latitude" in entry):
        raise Rejected("a place has both longitude and latitude, or neither", place)


def _check_words(words: Mapping[str, Any], coerce: Coercion, annotation: Any, place: str) -> None:
    """That what an enum gives is what the field takes; text that says nothing is a way to leave it out."""
    for word, given in words.items():
        if given != "" and coerce(given) is None:
            raise Rejected(f"the enum gives {given!r} for {word!r}, which is none of {_shown(annotation)}", place)


def _coerced(literal: Any, coerce: Coercion, place: str) -> Any:
    value = coerce(literal)
    if value is None:
        raise Rejected(f"{literal!r} cannot stand here", place)
    return value


def _shown(annotation: Any) -> str:
    return getattr(annotation, "__name__", str(annotation)).replace("typing.", "")


def _compile_attributes(
    entry: dict[str, Any], scope: Scope, place: str
) -> Callable[[Any, Any, Mapping[str, str]], dict[str, Any]] | None:
    given = entry.get("attributes", {})
    if not isinstance(given, dict):
        raise Rejected(f"expected a table of expressions, got {given!r}", f"{place}.attributes")
    if not given:
        return None
    wanted = [(name, compile_value(value, scope, f"{place}.attributes.{name}")) for name, value in given.items()]

    def attributes(message: Any, item: Any, parts: Mapping[str, str]) -> dict[str, Any]:
        told = {}
        for name, get in wanted:
            value = get(message, item, parts)
            if value is not MISSING:
                told[name] = value
                if type(value) is dict or type(value) is list:
                    _check_size(name, value)
        return told

    return attributes


def _check_size(name: str, value: Any) -> None:
    size = len(msgspec.json.encode(value))
    if size > MAX_ATTRIBUTE:
        raise Rejected(f"{size} bytes for the attribute {name}, at most {MAX_ATTRIBUTE} are kept")


def _compile_sweep(file: MappingFile, entry: dict[str, Any], scope: Scope, place: str) -> Make:
    """Every number below `of`, or the one `value` of that `name`, by the file's metrics and then the common ones."""
    for key in entry:
        if key not in _OF_SWEEP:
            raise Rejected(f"readings has no {key}; it has {', '.join(sorted(_OF_SWEEP))}", f"{place}.{key}")
    if ("name" in entry) != ("value" in entry) or ("name" in entry and "of" in entry):
        raise Rejected("readings takes either `of`, or `name` and `value` together", place)
    holds = compile_conditions(entry.get("when", {}), scope, f"{place}.when")
    given_channel = entry.get("channel", "")
    channel = compile_value(given_channel, scope, f"{place}.channel") if given_channel != "" else None
    sweep = Sweep(file.metrics, only=_names(entry, "only", place), but=_names(entry, "except", place))
    make = _compile_pair(entry, sweep, channel, scope, place) if "name" in entry else None
    return _only_where(holds, make or _compile_all(entry, sweep, channel, scope, place))


def _only_where(holds: Holds | None, make: Make) -> Make:
    if holds is None:
        return make

    def make_where(message: Any, item: Any, parts: Mapping[str, str], common: Common, found: list[Observation]) -> None:
        if holds(message, item):
            make(message, item, parts, common, found)

    return make_where


def _compile_all(entry: dict[str, Any], sweep: Sweep, channel: Value | None, scope: Scope, place: str) -> Make:
    given = entry.get("of", "@" if scope.items else "$")
    if constant_of(given, f"{place}.of") is not MISSING:
        raise Rejected(f"{given!r} is not a path; it begins with $ (the message) or @ (the item)", f"{place}.of")
    of = compile_value(given, scope, f"{place}.of")

    def make(message: Any, item: Any, parts: Mapping[str, str], common: Common, found: list[Observation]) -> None:
        where = text_of(channel(message, item, parts)) if channel else ""
        sweep.read(of(message, item, parts), where, common, found)

    return make


def _compile_pair(entry: dict[str, Any], sweep: Sweep, channel: Value | None, scope: Scope, place: str) -> Make:
    name_of = compile_value(entry["name"], scope, f"{place}.name")
    value_of = compile_value(entry["value"], scope, f"{place}.value")
    name_field, value_field = item_field(entry["name"]), item_field(entry["value"])

    def make_plain(_message: Any, item: Any, _parts: Any, common: Common, found: list[Observation]) -> None:
        if type(item) is dict:
            name, number = item.get(name_field), number_of(item.get(value_field))
            if number is not None and (type(name) is str or type(name) is int):
                sweep.add(str(name), number, "", common, found)

    if name_field and value_field and channel is None:  # the usual case, at half the cost
        return make_plain

    def make(message: Any, item: Any, parts: Mapping[str, str], common: Common, found: list[Observation]) -> None:
        name, number = name_of(message, item, parts), number_of(value_of(message, item, parts))
        if number is not None and (type(name) is str or type(name) is int):
            where = text_of(channel(message, item, parts)) if channel else ""
            sweep.add(str(name), number, where, common, found)

    return make


def _names(entry: dict[str, Any], key: str, place: str) -> frozenset[str]:
    given = entry.get(key, [])
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise Rejected(f"expected a list of names, got {given!r}", f"{place}.{key}")
    return frozenset(given)
