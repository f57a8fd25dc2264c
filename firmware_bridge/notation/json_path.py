"""The part of JSONPath (RFC 9535) that mapping files use: members, indexes, and `*` where several are wanted.

    $.data.level   $['pm2.5']   $.points[0].v   $.points[*]   $.sensors.*   @.value

`$` is the message, `@` the item of an `each`. A path is compiled once; what is missing is `MISSING`, never an error.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count, islice
from typing import Any, Final

from appliance.errors import Rejected


class Missing:
    """The type of `MISSING`: nothing stands at the path, not even null."""

    def __repr__(self) -> str:
        """As it is shown in messages."""
        return "nothing"


MISSING: Final = Missing()
MAX_EACH = 1_000  # items that one path gives; a message with more is refused
MAX_STEPS = 32

_TOO_MANY = f"more than {MAX_EACH} items in one message"

_STEP = re.compile(r"""\.([\w-]+)|\.(\*)|\[([0-9]{1,9})\]|\[(\*)\]|\['([^']*)'\]|\["([^"]*)"\]""")

Step = str | int | None
"""A member, an index, or None for each."""


def parse_path(text: str, place: str) -> tuple[str, tuple[Step, ...]]:
    """(root, steps) of a path.

    raises  Rejected  it is not one; `place` says where it was written
    """
    root, at, steps = text[:1], 1, list[Step]()
    if root not in ("$", "@"):
        raise Rejected(f"{text!r} is not a path; it begins with $ (the message) or @ (the item)", place)
    while at < len(text):
        found = _STEP.match(text, at)
        if not found:
            raise Rejected(f"{text!r} is not a path from {text[at:]!r} on; use .name, ['name'], [0] or [*]", place)
        steps.append(_step_of(*found.groups()))
        at = found.end()
    if len(steps) > MAX_STEPS:
        raise Rejected(f"a path of {len(steps)} steps, at most {MAX_STEPS} are followed", place)
    return root, tuple(steps)


def compile_one(steps: tuple[Step, ...]) -> Callable[[Any], Any]:
    """A function that gives what stands at the path, or `MISSING`. The steps hold no `*`."""
    if not steps:
        return lambda node: node
    if len(steps) == 1 and isinstance(steps[0], str):
        name = steps[0]
        return lambda node: node.get(name, MISSING) if type(node) is dict else MISSING

    def walk(node: Any) -> Any:
        for step in steps:
            if type(node) is dict:
                node = node.get(step, MISSING)
            elif type(node) is list and type(step) is int and step < len(node):
                node = node[step]
            else:
                return MISSING
        return node

    return walk


def compile_each(steps: tuple[Step, ...]) -> Callable[[Any], list[tuple[str, Any]]]:
    """A function that gives (name, item) for every place that a path with a `*` names.

    The name is the last member or index. It raises `Rejected` where there are more than `MAX_EACH`.
    """
    if steps.index(None) == len(steps) - 1:  # the usual case: all items of one list or object
        to_holder = compile_one(steps[:-1])
        return lambda node: _bounded(_items_of(to_holder(node)))
    return lambda node: _bounded(_each(node, steps, ""))


def compile_items(steps: tuple[Step, ...]) -> Callable[[Any], Sequence[Any]]:
    """The same as `compile_each` without the names, which cost as much as all the rest."""
    if steps.index(None) < len(steps) - 1:
        each = compile_each(steps)
        return lambda node: [item for _, item in each(node)]
    to_holder = compile_one(steps[:-1])

    def items(node: Any) -> Sequence[Any]:
        holder = to_holder(node)
        found = holder if type(holder) is list else list(holder.values()) if type(holder) is dict else ()
        if len(found) > MAX_EACH:
            raise Rejected(_TOO_MANY)
        return found

    return items


def _step_of(member: str, every: str, index: str, each: str, quoted: str, doubly: str) -> Step:
    """The step of a match, by the one group that took part."""
    if every or each:
        return None
    return int(index) if index else next(name for name in (member, quoted, doubly) if name is not None)


def _bounded(items: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    found = list(islice(items, MAX_EACH + 1))
    if len(found) > MAX_EACH:
        raise Rejected(_TOO_MANY)
    return found


def _items_of(node: Any) -> Iterable[tuple[str, Any]]:
    if type(node) is dict:
        return node.items()
    return zip(map(str, count()), node, strict=False) if type(node) is list else ()


def _each(node: Any, steps: tuple[Step, ...], name: str) -> Iterator[tuple[str, Any]]:
    if not steps:
        yield name, node
        return
    step, rest = steps[0], steps[1:]
    if step is not None:
        found = compile_one((step,))(node)
        if found is not MISSING:
            yield from _each(found, rest, str(step))
        return
    for key, item in _items_of(node):
        yield from _each(item, rest, key)
