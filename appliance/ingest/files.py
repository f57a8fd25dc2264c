"""The one entry of `ingest`: lines of a file or of an upload, by kind, to rows.

`hexpost import` and the upload route both read through this, so that a file gives the same events either way. The
caller opens: `read_rows(kind_of(name), decode_lines(chunks), options)`.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import PurePath
from typing import Literal

from appliance.errors import Rejected
from appliance.ingest.geojson import read_geojson
from appliance.ingest.jsonl import read_jsonl
from appliance.ingest.options import ReadOptions, Row
from appliance.ingest.table import read_table
from appliance.ingest.text import decode_lines

__all__ = ["FileKind", "ReadOptions", "Row", "decode_lines", "kind_of", "read_rows"]

FileKind = Literal["csv", "geojson", "jsonl"]

_KINDS: dict[str, FileKind] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".geojson": "geojson",
    ".geojsons": "geojson",
    ".geojsonl": "geojson",
    ".geojsonseq": "geojson",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
}
_READERS: dict[FileKind, Callable[[Iterable[str], ReadOptions], Iterator[Row]]] = {
    "csv": read_table,
    "geojson": read_geojson,
    "jsonl": read_jsonl,
}


def kind_of(name: str) -> FileKind:
    """The kind of a file by the end of its name; `.gz` is looked through.

    raises  Rejected  an end that none of them has
    """
    path = PurePath(name.lower())
    end = (path.with_suffix("") if path.suffix == ".gz" else path).suffix
    if end not in _KINDS:
        raise Rejected(f"{name}: cannot tell the kind by its name; it may end in {', '.join(_KINDS)}, with .gz or not")
    return _KINDS[end]


def read_rows(kind: FileKind, lines: Iterable[str], options: ReadOptions) -> Iterator[Row]:
    """The rows of a file, lazily, in order: (line, event), or (line, why there is none).

    lines   with their ends, as `decode_lines` or a text file opened with `newline=""` gives them
    raises  Rejected  the file as a whole cannot be read, or the options do not fit it
    """
    source = iter(lines)
    try:
        first = next(source, "").removeprefix("\ufeff")
        yield from _READERS[kind](chain((first,), source), options)
    except UnicodeDecodeError as error:
        raise Rejected(f"the file is not UTF-8 ({error.reason}); convert it to UTF-8") from None
