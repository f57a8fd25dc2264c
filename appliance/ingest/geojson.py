"""GeoJSON points to events: a FeatureCollection, a Feature, or a sequence of them (RFC 8142 or one a line).

Called by `ingest.files`. Properties are read as the members of a native event, by the same map as columns of a table;
the geometry is the place and the feature's id the event's, unless the map says otherwise.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from appliance.errors import Rejected
from appliance.ingest.documents import Document, documents, elements
from appliance.ingest.options import ReadOptions, Row
from appliance.ingest.record import RecordReader
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
    placed = {"longitude", "latitude"} <= options.map.columns.keys() | options.map.constants.keys()
    for document in documents(lines, opening="{"):
        try:
            parts = _parts(document)
        except Rejected as rejected:
            yield document.line, rejected
            continue
        for line, part in parts:
            try:
                yield line, _read_feature(decode_json(part), reader, placed=placed)
            except Rejected as rejected:
                yield line, rejected


def _parts(document: Document) -> Iterable[tuple[int, bytes | msgspec.Raw]]:
    line, text = document
    if isinstance(text, Rejected):
        raise text
    try:
        whole = msgspec.json.decode(text, type=_Collection)
    except RecursionError:
        raise Rejected("not GeoJSON: nested too deep") from None
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise Rejected(f"not GeoJSON: {error}") from None
    if whole.type == "FeatureCollection":
        if whole.features is None:
            raise Rejected("a FeatureCollection without features", "$.features")
        return elements(text, whole.features, line)
    return [(line, text)]


def _read_feature(feature: object, reader: RecordReader, *, placed: bool) -> Event:
    """One feature; `placed` says that the map takes the place from its properties."""
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        raise Rejected("expected a Feature", "$.type")
    properties = feature.get("properties") or {}
    if not isinstance(properties, dict):
        raise Rejected("expected an object", "$.properties")
    record = {name: value for name, value in properties.items() if value is not None}
    if not placed:
        record["longitude"], record["latitude"] = _point(feature.get("geometry"))
    if record.get("event_id") in (None, "") and feature.get("id") is not None:
        record["event_id"] = feature["id"]
    return reader.read(record)


def _point(geometry: object) -> tuple[Any, Any]:
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if not isinstance(geometry, dict) or kind != "Point":
        raise Rejected(f"expected a Point, got {kind or 'none'}", "$.geometry")
    place = geometry.get("coordinates")
    if not isinstance(place, list) or len(place) < 2:
        raise Rejected("expected [longitude, latitude]", "$.geometry.coordinates")
    return place[0], place[1]
