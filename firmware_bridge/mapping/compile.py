"""A mapping file compiled into a family: its messages become handlers like those written in Python.

Called by `wiring` for the files that come with the program and for a technician's own. Everything is resolved when the
file is compiled, so that a message costs a few function calls.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from appliance.errors import Rejected
from appliance.model.observation import DeviceHealth, Observation
from firmware_bridge.inbound import Context, Family, Form, Handler, Inbound, Route
from firmware_bridge.mapping.expression import Scope, Value, compile_value, parse_single
from firmware_bridge.mapping.file import MappingFile, MessagePart, read_mapping_file
from firmware_bridge.mapping.observation import Holds, Make, compile_conditions, compile_observation
from firmware_bridge.mapping.sweep import Common
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.json_path import MISSING, compile_each, compile_items, parse_path
from firmware_bridge.notation.members import number_of, text_of
from firmware_bridge.topic import PREFIX

MAX_OBSERVATIONS = 1_000  # of one message; one with more is refused
BY_SHAPE = ("agency", "device")  # the parts of a topic where a message was known by its shape

_PART = re.compile(r"\{(\w+)(\.\.\.)?\}")

_Items = Callable[[Any], Sequence[tuple[str, Any]]]
_Require = Callable[[Any], None]
_Members = Callable[[Any, Any, Mapping[str, str], Context], Common]


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of message, compiled."""

    fits: Holds | None
    shape: Holds | None
    read: Handler


def compile_mapping(text: str) -> Family:
    """A family from its mapping file.

    raises  Rejected  with the path of what is wrong in the file
    """
    file = read_mapping_file(text)
    by_topic: dict[str, list[_Message]] = {}
    forms: dict[str, Form] = {}
    shaped: list[_Message] = []
    for n, part in enumerate(file.message):
        place = f"$.message[{n}]"
        message = _compile_message(file, part, place)
        if message.shape:
            shaped.append(message)
        elif not part.topics:
            raise Rejected("it has neither a topic nor a shape, so it could never be found", place)
        for topic in dict.fromkeys(part.topics):
            by_topic.setdefault(topic, []).append(message)
            if forms.setdefault(topic, part.form) != part.form:
                raise Rejected(f"messages on {topic} are given different forms", f"{place}.form")
    return Family(
        name=file.family.name,
        title=file.family.title or file.family.name,
        source=file.family.source,
        routes=tuple(
            Route(template=topic, handle=_first_that_fits(messages), form=forms[topic])
            for topic, messages in by_topic.items()
        ),
        recognise=_recogniser(shaped) if shaped else None,
    )


def _parts_of(topic: str, place: str) -> list[str]:
    """The named parts of a template."""
    names, spreads = [], 0
    for level in topic.split("/"):
        named = _PART.fullmatch(level)
        if named:
            names.append(named[1])
            spreads += bool(named[2])
        elif any(sign in level for sign in "{}#+"):
            raise Rejected(f"{topic!r}: a level is {{name}}, {{name...}} or a word, and not {level!r}", place)
    if not topic.strip("/") or topic.startswith(f"{PREFIX}/"):
        raise Rejected(f"{topic!r} cannot be a template: it is empty, or Hexpost's own", place)
    if len(set(names)) != len(names) or spreads > 1:
        raise Rejected(f"{topic!r} names a level twice, or has more than one {{name...}}", place)
    return names


def _first_that_fits(messages: list[_Message]) -> Handler:
    if len(messages) == 1 and messages[0].fits is None:
        return messages[0].read

    def handle(inbound: Inbound, context: Context) -> Sequence[Observation]:
        for message in messages:
            if message.fits is None or message.fits(inbound.document, MISSING):
                return message.read(inbound, context)
        raise Rejected("no message of the mapping file fits; its `when` conditions say which are known")

    return handle


def _recogniser(shaped: list[_Message]) -> Callable[[Any], Handler | None]:
    def recognise(document: Any) -> Handler | None:
        for message in shaped:
            is_it = message.shape is not None and message.shape(document, MISSING)
            if is_it and (message.fits is None or message.fits(document, MISSING)):
                return message.read
        return None

    return recognise


def _compile_message(file: MappingFile, part: MessagePart, place: str) -> _Message:
    parts = {name for topic in part.topics for name in _parts_of(topic, f"{place}.topic")}
    parts.update(BY_SHAPE if part.shape else ())
    whole = Scope(enums=file.enums, parts=frozenset(parts), items=False)
    return _Message(
        fits=compile_conditions(part.when, whole, f"{place}.when"),
        shape=compile_conditions(dict.fromkeys(part.shape, True), whole, f"{place}.shape"),
        read=_compile_each(file, part, whole, place) if part.each else _compile_whole(file, part, whole, place),
    )


def _compile_whole(file: MappingFile, part: MessagePart, scope: Scope, place: str) -> Handler:
    """A handler for a message that is one thing."""
    require = _compile_require(part.require, scope, place)
    members_of = _compile_members(file, part, scope, place)
    makes = [compile_observation(file, *entry) for entry in _entries(part, scope, place)]

    def read(inbound: Inbound, context: Context) -> Sequence[Observation]:
        document, parts = inbound.document, inbound.parts
        require(document)
        common = members_of(document, MISSING, parts, context)
        found: list[Observation] = []
        for make in makes:
            make(document, MISSING, parts, common, found)
        return found or [_heard(common)]

    return read


def _compile_each(file: MappingFile, part: MessagePart, whole: Scope, place: str) -> Handler:
    """A handler for a message that holds many items; who and when is worked out once where the message says it."""
    root, steps = parse_path(part.each, f"{place}.each")
    if root != "$" or None not in steps:
        raise Rejected(f"{part.each!r} is not a path from $ with a `*`", f"{place}.each")
    scope = Scope(enums=whole.enums, parts=whole.parts | {"each"}, items=True)
    require = _compile_require(part.require, whole, place)
    members_of = _compile_members(file, part, scope, place)
    makes = [compile_observation(file, *entry) for entry in _entries(part, scope, place)]
    names_each = "{each}" in str(msgspec.to_builtins(part))
    if _depends_on_item(part):
        return _read_owners(compile_each(steps), require, members_of, makes, part.id)
    if names_each:
        return _read_named(compile_each(steps), require, members_of, makes)
    items = compile_items(steps)

    def read(inbound: Inbound, context: Context) -> Sequence[Observation]:
        document, parts = inbound.document, inbound.parts
        require(document)
        common = members_of(document, MISSING, parts, context)
        found: list[Observation] = []
        for item in items(document):
            for make in makes:
                make(document, item, parts, common, found)
        return _not_too_many(found) or [_heard(common)]

    return read


def _read_named(items: _Items, require: _Require, members_of: _Members, makes: Sequence[Make]) -> Handler:
    """A handler for items whose name, or number, is part of what they say."""

    def read(inbound: Inbound, context: Context) -> Sequence[Observation]:
        document, parts = inbound.document, inbound.parts
        require(document)
        common = members_of(document, MISSING, parts, context)
        found: list[Observation] = []
        for name, item in items(document):
            named = {**parts, "each": name}
            for make in makes:
                make(document, item, named, common, found)
        return _not_too_many(found) or [_heard(common)]

    return read


def _read_owners(
    items: _Items, require: _Require, members_of: _Members, makes: Sequence[Make], named_by: Any
) -> Handler:
    """A handler for items that are each of a device, a time, a place or an id of their own."""

    def read(inbound: Inbound, context: Context) -> Sequence[Observation]:
        document, parts = inbound.document, inbound.parts
        require(document)
        found: list[Observation] = []
        silent: dict[str, Common] = {}
        for name, item in items(document):
            named = {**parts, "each": name}
            common = _of_item(members_of(document, item, named, context), name, named_by)
            before = len(found)
            for make in makes:
                make(document, item, named, common, found)
            if len(found) == before:
                silent[common.device] = common
        return [*_not_too_many(found), *map(_heard, silent.values())]

    return read


def _not_too_many(found: list[Observation]) -> list[Observation]:
    if len(found) > MAX_OBSERVATIONS:
        raise Rejected(f"{len(found)} observations in one message, at most {MAX_OBSERVATIONS} are taken")
    return found


def _of_item(common: Common, name: str, named_by: Any) -> Common:
    """What the observations of one item share. An id that the message gives for all is made the item's own."""
    if common.observation_id and "@" not in str(named_by) and "{each}" not in str(named_by):
        return msgspec.structs.replace(common, observation_id=f"{common.observation_id}.{text_of(name)}")
    return common


def _entries(part: MessagePart, scope: Scope, place: str) -> Iterable[tuple[dict[str, Any], Scope, str]]:
    return [(entry, scope, f"{place}.observation[{n}]") for n, entry in enumerate(part.observation)]


def _heard(common: Common) -> Observation:
    """That a device was heard, which is worth keeping where it said nothing else."""
    return DeviceHealth(device=common.device, observed_at=common.observed_at)


def _compile_require(paths: Sequence[str], scope: Scope, place: str) -> _Require:
    required = [(path, parse_single(path, scope, f"{place}.require")[1]) for path in paths]

    def require(document: Any) -> None:
        for path, get in required:
            if get(document) is MISSING:
                raise Rejected("required, and missing", path)

    return require


def _depends_on_item(part: MessagePart) -> bool:
    """Whether who, when or where is said by the items of `each`, or an id that has to tell them apart."""
    said = str([part.device, part.time, part.longitude, part.latitude])
    return part.id is not None or "@" in said or "{each}" in said


def _compile_members(file: MappingFile, part: MessagePart, scope: Scope, place: str) -> _Members:
    """What all observations of a message share: device, time, id, place; only what it tells."""
    prefix = f"{file.family.name}/"
    device = compile_value(part.device, scope, f"{place}.device")
    time = _compile_optional(part.time, scope, f"{place}.time")
    identity = _compile_optional(part.id, scope, f"{place}.id")
    longitude = _compile_optional(part.longitude, scope, f"{place}.longitude")
    latitude = _compile_optional(part.latitude, scope, f"{place}.latitude")
    if (longitude is None) != (latitude is None):
        raise Rejected("a place has both longitude and latitude, or neither", place)

    def members_of(message: Any, item: Any, parts: Mapping[str, str], context: Context) -> Common:
        who = text_of(device(message, item, parts)) or parts.get("device", "")
        if not who:
            raise Rejected(f"says nothing of which device it is: {part.device!r} gives no name")
        lng = number_of(longitude(message, item, parts)) if longitude else None
        lat = number_of(latitude(message, item, parts)) if latitude else None
        return Common(
            device=prefix + who,
            zone=context.zone,
            observed_at=read_instant(time(message, item, parts), context.zone) if time else None,
            observation_id=text_of(identity(message, item, parts)) if identity else "",
            longitude=lng if lat is not None else None,
            latitude=lat if lng is not None else None,
        )

    return members_of


def _compile_optional(expression: Any, scope: Scope, place: str) -> Value | None:
    return None if expression is None else compile_value(expression, scope, place)
