"""JSONL to events: an object a line, or an array of them, on a line or over the whole file.

Called by `ingest.files`, for files and for the bodies of uploads.
"""

from collections.abc import Iterable, Iterator

import msgspec

from appliance.errors import Rejected
from appliance.ingest.documents import Document, documents, elements
from appliance.ingest.options import ReadOptions, Row
from appliance.ingest.record import RecordReader
from appliance.ingest.text import decode_json


def read_jsonl(lines: Iterable[str], options: ReadOptions) -> Iterator[Row]:
    """A row for each object; what is no JSON, or no event, is a `Rejected` beside its line.

    raises  Rejected  an array over many lines that is too large to hold, or options that cannot be
    """
    reader = RecordReader(options)
    for document in documents(lines, opening="["):
        try:
            parts = _parts(document)
        except Rejected as rejected:
            yield document.line, rejected
            continue
        for line, part in parts:
            try:
                yield line, reader.read(decode_json(part))
            except Rejected as rejected:
                yield line, rejected


def _parts(document: Document) -> Iterable[tuple[int, bytes | msgspec.Raw]]:
    line, text = document
    if isinstance(text, Rejected):
        raise text
    if not text.lstrip().startswith(b"["):
        return [(line, text)]
    try:
        return elements(text, msgspec.json.decode(text, type=list[msgspec.Raw]), line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Rejected(f"not JSON: {error}") from None
