"""JSON to events: an object a line, an array of them, or GeoJSON features, on a line or over the whole file.

Called by `ingest.files`, for files and for the bodies of uploads. A file named `.json` may be any of these.
"""

from collections.abc import Iterable, Iterator

import msgspec

from appliance.errors import Rejected
from appliance.ingest.documents import Document, documents
from appliance.ingest.geojson import features_of, is_feature, read_feature
from appliance.ingest.options import ReadOptions, Row
from appliance.ingest.record import Part, RecordReader, parts_of
from appliance.ingest.text import decode_json


def read_jsonl(lines: Iterable[str], options: ReadOptions) -> Iterator[Row]:
    """A row for each object; what is no JSON, or no event, is a `Rejected` beside its line.

    raises  Rejected  an array over many lines that is too large to hold, or options that cannot be
    """
    reader = RecordReader(options)
    for part in reader.look_ahead(part for document in documents(lines, opening="[{") for part in _parts(document)):
        record: object = None
        try:
            record = decode_json(part.json())
            yield part.line, read_feature(record, reader) if is_feature(record) else reader.read(record)
        except Rejected as rejected:
            yield part.line, reader.placed_in(part, _explained(rejected, record))


def _parts(document: Document) -> Iterator[Part]:
    line, text = document
    if isinstance(text, Rejected):
        return iter([Part(line, text)])
    if not text.lstrip().startswith(b"["):
        features = _features(text)
        return iter([Part(line, text)]) if features is None else parts_of(text, features, line, "$.features")
    try:
        return parts_of(text, msgspec.json.decode(text, type=list[msgspec.Raw]), line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        return iter([Part(line, Rejected(f"not JSON: {error}"))])


def _features(text: bytes) -> list[msgspec.Raw] | None:
    if b'"FeatureCollection"' not in text:
        return None
    try:
        return features_of(text)
    except Rejected:
        return None  # as any other object, or none: said when it is read


def _explained(rejected: Rejected, record: object) -> Rejected:
    """The same complaint; where the object is no record but holds a list of them, how to get at these."""
    if not isinstance(record, dict) or not rejected.reason.endswith("missing"):
        return rejected
    for name, value in record.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            remedy = f"write these one a line, as jq -c '.{name}[]' does"
            if name == "features" and "attributes" in value[0]:
                remedy = "this is Esri JSON: ask its service for f=geojson, or convert it with ogr2ogr -f GeoJSON"
            return Rejected(f"{rejected.reason}; the object holds records in {name!r}: {remedy}", rejected.path)
    return rejected
