"""What a decoder is given and what a family of firmware is: the contract between `decode` and `family`.

A family names the topics its firmware publishes on and how each is understood. A handler takes one message apart;
nothing but observations or `Rejected` comes out of it, and it does no I/O. What it must remember from one message to
the next (aliases, announced entities) it keeps in the `Memory` of its context.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, tzinfo
from functools import partial
from typing import Any, Literal

import msgspec

from appliance.errors import Rejected
from appliance.model.intake import Learned
from appliance.model.observation import Observation

Form = Literal["json", "any", "text", "bytes"]
"""How a payload is handed over in `document`: JSON (else refused), JSON or else text, text, or nothing decoded."""

NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, OverflowError)

_NOT_A_NUMBER = re.compile(rb"(?<=[:,\[])(\s*)[-+]?(?:nan|inf|infinity)(?=\s*[,}\]])", re.IGNORECASE)
_AROUND = b"\xef\xbb\xbf\x00 \t\r\n"  # a byte order mark, and the NUL that ends a string in C

MAX_MEMORY = 20_000  # entries of one family; the oldest make room


class Inbound(msgspec.Struct, kw_only=True, gc=False):
    """One message on its way through a handler.

    parts     the named levels of the topic; empty where the family was recognised by the payload's shape
    document  the payload decoded as the route's `form` says
    """

    topic: str
    payload: bytes
    received_at: datetime
    parts: dict[str, str] = {}
    document: Any = None
    retain: bool = False


class Memory:
    """What families remember between messages: bounded, and written to the store with the batch that taught it."""

    def __init__(self, learned: Sequence[Learned] = ()) -> None:
        self._known: dict[str, dict[str, Any]] = {}
        self._changed: dict[tuple[str, str], Any] = {}
        self.evicted = 0
        for one in learned:
            self._known.setdefault(one.family, {})[one.key] = one.value

    def get(self, family: str, key: str) -> Any:
        """What was put under this key, or None."""
        entries = self._known.get(family)
        return entries.get(key) if entries else None

    def put(self, family: str, key: str, value: Any) -> None:
        """Remember a value that JSON can hold; None forgets the key."""
        entries = self._known.setdefault(family, {})
        if entries.get(key) == value:
            return
        entries.pop(key, None)
        if value is not None:
            entries[key] = value
        self._changed[family, key] = value
        while len(entries) > MAX_MEMORY:
            oldest = next(iter(entries))
            del entries[oldest]
            self._changed[family, oldest] = None
            self.evicted += 1

    def keys(self, family: str, prefix: str) -> list[str]:
        """The keys of a family that begin so."""
        return [key for key in self._known.get(family, ()) if key.startswith(prefix)]

    def take_changed(self) -> list[Learned]:
        """What was put since the last call, for the store; a value of None is to be forgotten there too."""
        changed, self._changed = self._changed, {}
        return [Learned(family=family, key=key, value=value) for (family, key), value in changed.items()]

    def put_back(self, taken: Sequence[Learned]) -> None:
        """What was taken could not be written: it is to be taken again, unless it has changed since."""
        for one in taken:
            self._changed.setdefault((one.family, one.key), one.value)


class Context(msgspec.Struct, kw_only=True):
    """What a handler may know besides the message; `zone` is that of device times without an offset."""

    zone: tzinfo
    memory: Memory


Handler = Callable[[Inbound, Context], Sequence[Observation]]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A topic and how its messages are understood.

    template  MQTT levels, `{name}` for one level, `{name...}` for one or more, as in `zigbee2mqtt/{device...}/set`
    shape     what JSON is read into instead of plain objects, where the family reads few members of many: the rest
              is then passed over, which costs a fraction. JSON that is no such thing is handed over plain
    """

    template: str
    handle: Handler
    form: Form = "json"
    shape: Any = Any


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """A family of firmware.

    recognise  the handler for a JSON document (or text, such as XML; or bytes that are neither) by its shape alone, or
               None: for messages whose topic nobody knows, and those on `hexpost/v1/{agency}/{device}/raw/{family}`
    named      as `recognise`, for what a gateway brings on `…/raw/{family}`: it said whose words they are, so less of a
               shape will do
    announced  the handler for a topic that a device announced in an earlier message; it decodes the payload itself
    source     where its messages are documented
    """

    name: str
    title: str
    source: str
    routes: tuple[Route, ...]
    recognise: Callable[[Any], Handler | None] | None = None
    named: Callable[[Any], Handler | None] | None = None
    announced: Callable[[str, "Memory"], Handler | None] | None = None


def read_form(payload: bytes, form: Form) -> Any:
    """A payload as a route wants it.

    raises  Rejected  it is not of that form
    """
    if form == "bytes":
        return None
    if form != "text":
        try:
            return _read_json(payload)
        except NOT_JSON as error:
            mended = _read_mended(payload)
            if mended is not None:
                return mended
            if form == "json":
                raise Rejected(f"not JSON: {error}") from None
    try:
        return payload.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise Rejected(f"neither JSON nor text: {error.reason} at byte {error.start}") from None


def _read_mended(payload: bytes) -> Any:
    """An object or array in what firmware takes for JSON; None where it is none.

    A sensor that failed is `nan` or `inf`, a name is in Latin-1, a string in C ends with its NUL: that member is lost,
    and not the others.
    """
    text = payload.strip(_AROUND)
    if text[:1] not in (b"{", b"["):
        return None
    with suppress(*NOT_JSON):
        return _read_json(_NOT_A_NUMBER.sub(rb"\1null", text).decode("utf-8", "replace"))
    return None


def reader_of(route: Route) -> Callable[[bytes], Any]:
    """The quick way to read a payload as a route wants it; where it raises one of `NOT_JSON`, `read_form` knows why."""
    if route.form in ("bytes", "text"):
        return partial(read_form, form=route.form)
    return msgspec.json.Decoder(route.shape).decode


_read_json = msgspec.json.Decoder().decode
