"""Text of doubtful origin: bytes to lines, and values out of JSON and columns, bounded and refused politely.

Shared by the readers of `ingest`; nothing here raises anything but `Rejected`.
"""

import codecs
import math
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

import msgspec

from appliance.errors import Rejected
from appliance.ingest.place import holds_two

MAX_LINE_BYTES = 64 * 1024 * 1024  # a whole GeoJSON document may stand on one line; a Pi can still hold it
MAX_DEPTH = 32  # levels of lists and objects in one record; what reads it later must not run out of stack
_UNDECODABLE = re.compile("[\ud800-\udfff]")
NOTHING = frozenset({"na", "n/a", "nan", "null", "none", "-"})
"""Words that stand in a column of numbers where there is none."""
FULL_CIRCLE = 360.0  # degrees; no longitude is more, in any convention
_COMMA = re.compile(r"[+-]?(?:(?P<thousands>[1-9]\d{0,2},\d{3})|\d+,\d+)\Z")
_QUOTED = re.compile(r'"[^"]*"')
DELIMITERS = ",;\t|"
_WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff")


def decode_lines(chunks: Iterable[bytes], encoding: str = "utf-8") -> Iterator[str]:
    """Lines, with their ends, from the bytes of a file in pieces of any size.

    Bytes that are not of the encoding pass as lone surrogates, so that only their own row is refused; a byte order
    mark is dropped; one of UTF-16, as spreadsheets write their Unicode text, says what the file is. Line ends are LF,
    CR LF or CR.
    encoding  one that writes ASCII as ASCII, as `known_encoding` gives it
    raises  Rejected  a line of more than `MAX_LINE_BYTES`, or UTF-16 that is broken
    """
    held: list[bytes] = []
    size, first = 0, True
    chunks = iter(chunks)
    for chunk in chunks:
        if first and chunk:
            if chunk.startswith(_WIDE_BOMS):
                yield from decode_lines(_narrowed(chain((chunk,), chunks)))
                return
            chunk, first = chunk.removeprefix(b"\xef\xbb\xbf"), False  # noqa: PLW2901
        if size and b"\n" not in chunk and b"\r" not in chunk and not held[-1].endswith((b"\n", b"\r")):
            held.append(chunk)
            size += len(chunk)
        else:
            lines = b"".join([*held, chunk]).splitlines(keepends=True)
            held = [] if chunk.endswith(b"\n") else lines[-1:]  # it may go on in the next piece
            size = len(held[0]) if held else 0
            for line in lines[: len(lines) - len(held)]:
                yield line.decode(encoding, "surrogateescape")
        if size > MAX_LINE_BYTES:
            raise Rejected(f"a line is longer than {MAX_LINE_BYTES >> 20} MB; write one record a line")
    if held:
        yield b"".join(held).decode(encoding, "surrogateescape")


def _narrowed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """UTF-16 as UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-16")()
    try:
        for chunk in chunks:
            yield decoder.decode(chunk).encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError:
        raise Rejected("the file says that it is UTF-16, and is not; save it as UTF-8") from None


def delimiter_of(header: str) -> str:
    """What parts the columns of a header: the one of `DELIMITERS` that it holds most often outside quotes."""
    return max(DELIMITERS, key=_QUOTED.sub("", header).count)


def known_encoding(name: str) -> str:
    """The name by which Python knows an encoding.

    raises  Rejected  it knows none, or one in which lines cannot be told apart byte by byte, as UTF-16
    """
    try:
        if "a,\r\n".encode(name) == b"a,\r\n" and b"a,\r\n".decode(name) == "a,\r\n":
            return codecs.lookup(name).name
    except (LookupError, ValueError):
        pass
    raise Rejected(f"{name!r} is not an encoding that can be read; write it as cp1252, latin-1 or utf-8")


def fault(text: str) -> str | None:
    """Why a text cannot be kept: a NUL, or bytes that were not UTF-8; None when it can."""
    if "\0" in text:
        return "holds a NUL byte"
    if not text.isascii() and _UNDECODABLE.search(text):
        return "holds bytes that are not UTF-8; convert the file to UTF-8, or say what it is, as --encoding cp1252"
    return None


def decode_json(text: str | bytes | msgspec.Raw, path: str = "$") -> Any:
    """One JSON value.

    raises  Rejected  not JSON, not UTF-8, or nested deeper than `MAX_DEPTH`
    """
    try:
        value = msgspec.json.decode(text)
    except RecursionError:
        raise Rejected(f"nested deeper than {MAX_DEPTH} levels", path) from None
    except UnicodeError:
        raise Rejected("holds bytes that are not UTF-8", path) from None
    except msgspec.MsgspecError as error:
        raise Rejected(f"not JSON: {error}", path) from None
    if isinstance(value, dict | list) and _too_deep(value):
        raise Rejected(f"nested deeper than {MAX_DEPTH} levels", path)
    return value


def read_number(text: str, path: str) -> float:
    """A number as Python writes it.

    raises  Rejected  it is none, or one to Python alone (`1_000`)
    """
    try:
        if "_" in text:
            raise ValueError
        return float(text)
    except ValueError:
        raise Rejected(f"{text[:40]!r} is not a number", path) from None


def _text(text: str, _path: str) -> str:
    return text


def _number(text: str, path: str) -> float | None:
    """A number, its decimals after a point or a comma; None for a word that says there is none.

    raises  Rejected  neither, or a comma that may part thousands
    """
    comma = _COMMA.match(text)
    if comma and comma["thousands"]:
        plain, decimal = text.replace(",", ""), text.replace(",", ".")
        raise Rejected(f"{text!r} may be {plain} or {decimal}: write it with a point or without a comma", path)
    return _plain(text.replace(",", ".") if comma else text, path)


def _fraction(text: str, path: str) -> float | None:
    """A number too small for thousands, so that a comma can only be a decimal one."""
    return _plain(text.replace(",", ".") if _COMMA.match(text) else text, path)


def _degrees(text: str, path: str) -> float | None:
    if holds_two(text) and not _COMMA.match(text):
        raise Rejected(f"{text[:40]!r} holds two numbers: say their order, as in --map latitude+longitude={path}", path)
    number = _fraction(text, path)
    if number is not None and FULL_CIRCLE < abs(number) < math.inf:
        raise Rejected(
            f"{text[:40]!r} is not degrees but looks like metres of a map projection; convert the file to WGS 84 "
            "longitude and latitude (EPSG:4326) first",
            path,
        )
    return number


def _plain(text: str, path: str) -> float | None:
    return None if text.casefold() in NOTHING else read_number(text, path)


def _whole(text: str, path: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        raise Rejected(f"{text[:40]!r} is not a whole number from 0", path)
    return int(text)


def _object(text: str, path: str) -> dict[str, Any]:
    value = decode_json(text, path)
    if not isinstance(value, dict):
        raise Rejected(f"{text[:40]!r} is not a JSON object", path)
    return value


def _too_deep(holder: dict[str, Any] | list[Any], levels: int = MAX_DEPTH) -> bool:
    if levels == 0:
        return True
    items = holder.values() if isinstance(holder, dict) else holder
    for item in items:  # noqa: SIM110 - once a row: a generator would cost as much as the decoding
        if isinstance(item, (dict, list)) and _too_deep(item, levels - 1):
            return True
    return False


CONVERT: dict[str, Callable[[str, str], Any]] = {
    "event_id": _text,
    "event_type": _text,
    "longitude": _degrees,
    "latitude": _degrees,
    "severity": _fraction,
    "value": _number,
    "rev": _whole,
    "attributes_json": _object,
}
"""From a member's text and the path to blame, to its value, None for none; raises `Rejected`. Times: `ingest.times`."""
