"""JSON texts in a file, each with the line it begins on: one a line, one a record separator, or one in all.

Shared by `ingest.jsonl` and `ingest.geojson`. Only a text that spreads over the file is held whole, and no larger than
`MAX_DOCUMENT_BYTES`; the others pass as a stream.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

import msgspec

from appliance.errors import Rejected
from appliance.ingest.text import fault

MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
RECORD_SEPARATOR = "\x1e"  # RFC 8142


class Document(NamedTuple):
    """One JSON text, undecoded, or why there is none, and the physical line it begins on, from 1."""

    line: int
    text: bytes | Rejected


def documents(lines: Iterable[str], opening: str) -> Iterator[Document]:
    """The JSON texts of a file; blank lines are passed over.

    opening  characters that, where the first line is no JSON text by itself, begin one that fills the file; where a
             list and an object both may, an object above another is a line of its own, cut short
    raises   Rejected  such a text is larger than `MAX_DOCUMENT_BYTES`
    """
    numbered = enumerate(lines, start=1)
    first = next(((line, text) for line, text in numbered if text.strip()), None)
    if first is None:
        return
    everything = chain((first,), numbered)
    if first[1].startswith(RECORD_SEPARATOR):
        yield from _separated(everything)
    elif first[1].lstrip().startswith(tuple(opening)) and not _is_json(first[1]):
        second = next(((line, text) for line, text in numbered if text.strip()), None)
        everything = chain((first,), (second,) if second else (), numbered)
        if len(opening) > 1 and second and _is_cut_short(first[1], second[1]):
            yield from (_document(line, text) for line, text in everything if text.strip())
        else:
            yield _joined(first[0], (text for _, text in everything))
    else:
        yield from (_document(line, text) for line, text in everything if text.strip())


def elements(document: bytes, raws: Iterable[msgspec.Raw], line: int) -> Iterator[tuple[int, msgspec.Raw]]:
    """Each undecoded part of a document with the line it begins on.

    document  beginning on `line`; `raws` are parts of it, in order
    """
    position = 0
    for raw in raws:
        part = bytes(raw)
        found = max(document.find(part, position), position)
        line += document.count(b"\n", position, found)
        yield line, raw
        line += part.count(b"\n")
        position = found + len(part)


def _separated(numbered: Iterable[tuple[int, str]]) -> Iterator[Document]:
    begun, held = 0, list[str]()
    for line, text in numbered:
        if text.startswith(RECORD_SEPARATOR):
            if held:
                yield _joined(begun, held)
            begun, held = line, []
        held.append(text.removeprefix(RECORD_SEPARATOR))
    yield _joined(begun, held)


def _joined(line: int, texts: Iterable[str]) -> Document:
    held, size = [], 0
    for text in texts:
        size += len(text)
        if size > MAX_DOCUMENT_BYTES:
            raise Rejected(
                f"one JSON text of more than {MAX_DOCUMENT_BYTES >> 20} MB, begun on line {line}: "
                "write one record a line (GeoJSONSeq, JSONL), which is read as a stream"
            )
        held.append(text)
    return _document(line, "".join(held))


def _document(line: int, text: str) -> Document:
    wrong = fault(text)
    return Document(line, Rejected(wrong) if wrong else text.encode())


def _is_cut_short(first: str, second: str) -> bool:
    """Whether a first line that begins an object is one of many, and not the head of a collection."""
    return first.lstrip().startswith("{") and second.lstrip().startswith("{") and '"features"' not in first


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False
    return True
