"""The registry as files: CSV and GeoJSON to changes of devices, and devices to the same files.

Reading what was written changes nothing. A column (or property) that is there speaks for its member, an empty one
empties it; a column that is not there leaves the member alone. An empty `registration` says nothing, since every device
has one. Called by the import and export routes and by `hexpost device`.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import msgspec

from appliance.errors import Rejected
from appliance.ingest.text import CONVERT, fault, read_number
from appliance.model.device import SETTINGS, Device
from appliance.model.device_change import DeviceRow, read_change
from appliance.spatial.geojson import feature, point

Row = tuple[int, DeviceRow | Rejected]
"""The physical line, or the place of a feature, from 1, and the change it holds or why it holds none."""

PLACE = ("longitude", "latitude")
NUMBERS = ("height_m", "heading_deg", "view_angle_deg", "range_m")
TEXTS = ("floor", "room", "zone", "group", "segment")
COLUMNS = ("source", "name", "registration", *PLACE, *NUMBERS, *TEXTS, "settings_json")
PROPERTIES = ("source", "name", "registration", *NUMBERS, *TEXTS, "settings")
MAX_ROWS = 50_000  # of one import; a box has a few thousand devices


def read_device_table(lines: Iterable[str]) -> Iterator[Row]:
    """Rows of a CSV text with a header, a device a row; `,`, `;` or a tab between columns. Blank lines are passed over.

    raises  Rejected  there is no header, it has no `source`, a column twice or one that is not of `COLUMNS`, or there
                      are more than `MAX_ROWS` rows
    """
    source = iter(lines)
    first = next(source, "").removeprefix("\ufeff")
    delimiter = next((one for one in ",;\t" if one in first), ",")
    records = _records(csv.reader(chain((first,), source), delimiter=delimiter, strict=True))
    _, header = next(records, (1, None))
    if not isinstance(header, list):
        raise Rejected("expected a header row on the first line" if header is None else header.reason)
    names = _checked_header(header)
    for count, (line, fields) in enumerate(records, start=1):
        if count > MAX_ROWS:
            raise Rejected(f"more than {MAX_ROWS} devices in one file; import it in parts")
        try:
            yield line, fields if isinstance(fields, Rejected) else _table_row(names, fields)
        except Rejected as rejected:
            yield line, rejected


def read_device_features(document: object) -> Iterator[Row]:
    """(place from 1, change) of each feature of a FeatureCollection, or of one Feature.

    The source is the property `source`, else the feature's id; the geometry is a Point, or null for no place.
    Properties other than `PROPERTIES` are passed over, since the export has more for people to see.
    raises  Rejected  the document is neither, or there are more than `MAX_ROWS` features
    """
    kind = document.get("type") if isinstance(document, dict) else None
    features = [document] if kind == "Feature" else document.get("features") if isinstance(document, dict) else None
    if kind not in {"Feature", "FeatureCollection"} or not isinstance(features, list):
        raise Rejected("expected a GeoJSON FeatureCollection or Feature", "$.type")
    if len(features) > MAX_ROWS:
        raise Rejected(f"more than {MAX_ROWS} devices in one file; import it in parts", "$.features")
    for place, one in enumerate(features, start=1):
        try:
            yield place, _feature_row(one)
        except Rejected as rejected:
            yield place, rejected


def write_device_table(devices: Iterable[Device]) -> Iterator[str]:
    """Lines of a CSV text, with their ends: the header, then a device a row."""
    line: list[str] = []
    writer = csv.writer(_Sink(line), lineterminator="\r\n")
    for fields in chain((COLUMNS,), map(_fields, devices)):
        writer.writerow(fields)
        yield line.pop()


def write_device_features(devices: Iterable[Device]) -> Iterator[str]:
    """Pieces of a FeatureCollection's text, a feature a line; a device without a place has a geometry of null."""
    before = '{"type":"FeatureCollection","features":['
    for device in devices:
        place = point(*device.place.point) if device.place.point else None
        written = msgspec.json.encode(feature(place, _properties(device), id=device.source)).decode()
        yield f"{before}\n{written}"
        before = ","
    yield f"{before if before != ',' else ''}\n]}}\n"


class _Sink:
    """What `csv.writer` writes to: each row becomes an element of a list."""

    def __init__(self, rows: list[str]) -> None:
        self.write = rows.append


def _records(reader: Any) -> Iterator[tuple[int, list[str] | Rejected]]:
    """Rows that are not blank, each with the line it begins on."""
    line = 1
    while True:
        try:
            fields: list[str] | Rejected = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            fields = Rejected(f"not CSV: {error}; look for a quote that is not closed or not doubled")
        if fields:
            yield line, fields
        line = reader.line_num + 1


def _checked_header(fields: list[str]) -> list[str]:
    names = [field.strip() for field in fields]
    for name, count in Counter(names).items():
        if name not in COLUMNS:
            raise Rejected(f"no column {name[:60]!r} is known; there are {', '.join(COLUMNS)}")
        if count > 1:
            raise Rejected(f"the header names {name!r} {count} times; remove all but one")
    if "source" not in names:
        raise Rejected("no column source, which says whose row it is")
    return names


def _table_row(names: list[str], fields: list[str]) -> DeviceRow:
    if len(fields) != len(names):
        raise Rejected(
            f"the row has {len(fields)} fields, the header {len(names)}; a field with the delimiter in it needs quotes"
        )
    told: dict[str, Any] = {}
    for name, text in zip(names, fields, strict=True):
        wrong = fault(text)
        if wrong:
            raise Rejected(wrong, name)
        told[name] = _value(name, text)
    return _device_row(told, columns=True)


def _value(name: str, text: str) -> Any:
    """What a field means; texts as they are written, since a source may hold any space."""
    if name in PLACE or name in NUMBERS:
        return read_number(text.strip(), name) if text.strip() else None
    if name == "settings_json":
        return CONVERT["attributes_json"](text, name) if text.strip() else {}
    return text


def _feature_row(one: object) -> DeviceRow:
    if not isinstance(one, dict) or one.get("type") != "Feature":
        raise Rejected("expected a Feature", "$.type")
    properties = one.get("properties") or {}
    if not isinstance(properties, dict):
        raise Rejected("expected an object", "$.properties")
    told = {name: properties[name] for name in PROPERTIES if name in properties}
    told.setdefault("source", one.get("id"))
    for name in ("name", *TEXTS):
        if name in told and told[name] is None:
            told[name] = ""
    if "settings" in told:
        told["settings_json"] = told.pop("settings") or {}
    if "geometry" in one:
        told["longitude"], told["latitude"] = _point(one["geometry"])
    return _device_row(told, columns=False)


def _point(geometry: object) -> tuple[Any, Any]:
    if geometry is None:
        return None, None
    if not isinstance(geometry, dict) or geometry.get("type") != "Point":
        raise Rejected("expected a Point, or null", "$.geometry")
    place = geometry.get("coordinates")
    if not isinstance(place, list) or len(place) < 2:
        raise Rejected("expected [longitude, latitude]", "$.geometry.coordinates")
    return place[0], place[1]


def _device_row(told: dict[str, Any], *, columns: bool) -> DeviceRow:
    """The change that a row tells; its complaints name the column, or the path in the feature."""
    source = told.pop("source", None)
    if source in (None, ""):
        raise Rejected("required, and missing", "source" if columns else "$.properties.source")
    if told.get("registration", "") in (None, ""):
        told.pop("registration", None)
    if "settings_json" in told:
        settings = told.pop("settings_json")
        # What the row does not set is not set: it speaks for all of them.
        told["settings"] = {**dict.fromkeys(SETTINGS), **settings} if isinstance(settings, dict) else settings
    try:
        return read_change({"source": source, "change": told}, DeviceRow)
    except Rejected as rejected:
        raise Rejected(rejected.reason, _named(rejected.path, columns=columns)) from None


def _named(path: str, *, columns: bool) -> str:
    """A path in a change, in the words of the file."""
    member = path.removeprefix("$.").removeprefix("change.")
    if columns:
        return member.replace("settings", "settings_json", 1) if member.startswith("settings") else member
    return "$.geometry.coordinates" if member in PLACE else f"$.properties.{member}"


def _fields(device: Device) -> list[Any]:
    values = _properties(device) | {"longitude": device.place.longitude, "latitude": device.place.latitude}
    settings = values.pop("settings")
    values["settings_json"] = msgspec.json.encode(settings).decode() if settings else ""
    return [values[name] for name in COLUMNS]


def _properties(device: Device) -> dict[str, Any]:
    place = msgspec.structs.asdict(device.place)
    return {
        "source": device.source,
        "name": device.name,
        "registration": device.registration,
        **{name: place[name] for name in (*NUMBERS, "floor", "room")},
        "zone": device.zone,
        "group": device.group,
        "segment": device.segment,
        "settings": msgspec.to_builtins(device.settings),
    }
