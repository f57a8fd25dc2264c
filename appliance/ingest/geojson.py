"""GeoJSON points to events: a FeatureCollection, a Feature, or a sequence of them (RFC 8142 or one a line).

Called by `ingest.files`. Properties are read as the members of a native event, by the same map as columns of a table;
the geometry is the place and the feature's id the event's, unless the map says otherwise.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from appliance.errors import Rejected
from appliance.ingest.documents import Document, documents
from appliance.ingest.options import ReadOptions, Row
from appliance.ingest.record import Part, RecordReader, parts_of
from appliance.ingest.text import decode_json
from appliance.model.event import Event


class _Collection(msgspec.Struct, frozen=True):
    """The members of a GeoJSON object that say what it is; features stay undecoded until their turn."""

    type: str = ""
    features: list[msgspec.Raw] | None = None


def read_geojson(lines: Iterable[str], options: ReadOptions) -> Iterator[Row]:
    """A row for each feature; one without a point, or that is no event, is a `Rejected` beside its line.

    raises  Rejected  a collection that is too large to hold, or options that cannot be
    """
    reader = RecordReader(options)
    for part in reader.look_ahead(part for document in documents(lines, opening="{") for part in _parts(document)):
        try:
            yield part.line, read_feature(decode_json(part.json()), reader)
        except Rejected as rejected:
            yield part.line, reader.placed_in(part, rejected)


def is_feature(record: object) -> bool:
    """Whether an object is a Feature rather than an event."""
    return isinstance(record, dict) and record.get("type") == "Feature" and "geometry" in record


def features_of(text: bytes) -> list[msgspec.Raw] | None:
    """The undecoded features of a collection; None where the text is none.

    raises  Rejected  it is no GeoJSON object, or a collection without features
    """
    try:
        whole = msgspec.json.decode(text, type=_Collection)
    except RecursionError:
        raise Rejected("not GeoJSON: nested too deep") from None
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise Rejected(f"not GeoJSON: {error}") from None
    if whole.type == "FeatureCollection":
        if whole.features is None:
            raise Rejected("a FeatureCollection without features", "$.features")
        return whole.features
    return None


def read_feature(feature: object, reader: RecordReader) -> Event:
    """One feature; its properties are the record, its geometry the place unless the map says another.

    raises  Rejected  it is none, has no point, or is no event
    """
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        raise Rejected("expected a Feature", "$.type")
    properties = feature.get("properties") or {}
    if not isinstance(properties, dict):
        raise Rejected("expected an object", "$.properties")
    record = {name: value for name, value in properties.items() if value is not None}
    if not reader.placed:
        record["longitude"], record["latitude"] = _point(feature.get("geometry"))
    if record.get("event_id") in (None, "") and feature.get("id") is not None:
        record["event_id"] = feature["id"]
    return reader.read(record)


def _parts(document: Document) -> Iterator[Part]:
    line, text = document
    if isinstance(text, Rejected):
        return iter([Part(line, text)])
    try:
        features = features_of(text)
    except Rejected as rejected:
        return iter([Part(line, rejected)])
    return iter([Part(line, text)]) if features is None else parts_of(text, features, line, "$.features")


def _point(geometry: object) -> tuple[Any, Any]:
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if not isinstance(geometry, dict) or kind != "Point":
        raise Rejected(f"expected a Point, got {kind or 'none'}", "$.geometry")
    place = geometry.get("coordinates")
    if not isinstance(place, list) or len(place) < 2:
        raise Rejected("expected [longitude, latitude]", "$.geometry.coordinates")
    return place[0], place[1]
