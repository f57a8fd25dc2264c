"""One decoded JSON object to an event: the native members, or those that the same `--map` options name.

Shared by `ingest.jsonl` and `ingest.geojson`. Without a map, a format or a zone this is `model.native.read_event`, so
that a line of JSONL is the same event, with the same identity, as the same message over MQTT.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any, NamedTuple

import msgspec

from appliance.errors import Rejected
from appliance.ingest.documents import elements
from appliance.ingest.mapping import PLACE, split_columns
from appliance.ingest.options import AHEAD_ROWS, ReadOptions
from appliance.ingest.place import coordinate, is_nowhere
from appliance.ingest.text import CONVERT, decode_json
from appliance.ingest.times import TimeReader
from appliance.model.event import Event
from appliance.model.native import read_event

OPTIONAL = frozenset("event_id severity value rev".split())
"""Members that a record need not have, so that one of the name may mean something else in somebody's file."""


class Part(NamedTuple):
    """One undecoded JSON value, or why there is none, and the physical line it begins on; `within` is its path in the
    list that it is an element of, where the line does not tell it from others."""

    line: int
    text: bytes | msgspec.Raw | Rejected
    within: str = ""

    def json(self) -> bytes | msgspec.Raw:
        """
        raises  Rejected  there is none
        """
        if isinstance(self.text, Rejected):
            raise self.text
        return self.text


def parts_of(document: bytes, raws: Iterable[msgspec.Raw], line: int, path: str = "$") -> Iterator[Part]:
    """The elements of the list at `path` of a document that begins on a line."""
    for place, (at, raw) in enumerate(elements(document, raws, line)):
        yield Part(at, raw, f"{path}[{place}]" if at == line else "")


class RecordReader:
    """Reads objects whose members are named by a map that is bound once.

    raises  Rejected  a constant that the member cannot be, a format that is none
    """

    def __init__(self, options: ReadOptions) -> None:
        given = options.map
        self._options = options
        self.placed = (
            given.columns.keys() | given.constants.keys() >= PLACE
        )  # the map says where longitude and latitude are
        self._sources = {name: split_columns(name, written) for name, written in given.columns.items() if written}
        self._time_names = self._sources.pop("event_timestamp", ("event_timestamp",))
        self._chosen = "event_timestamp" in given.columns
        self._times = TimeReader(
            columns=self._time_names, formats=options.formats, zone=options.zone, near_1970=not self._chosen
        )
        self._constants = {
            name: CONVERT[name](text, f"--map {name}=={text}")
            for name, text in given.constants.items()
            if name != "event_timestamp"
        }
        self._places = {name: coordinate(name, given.pair) for name in given.pair}
        self._constant_time = given.constants.get("event_timestamp")
        self._taken = {name for names in self._sources.values() for name in names} | set(self._time_names)
        self._replaced = (given.columns.keys() | self._constants.keys()) - {"event_timestamp"}

    def look_ahead(self, parts: Iterator[Part]) -> Iterator[Part]:
        """The same parts; where the first of them tell what their times mean, these are looked at before."""
        if not self._times.undecided:
            return parts
        first = list(islice(parts, AHEAD_ROWS))
        for part in first:
            try:
                record = decode_json(part.json())
            except Rejected:
                continue  # said when its turn comes
            if isinstance(record, dict):
                properties = record.get("properties")  # of a GeoJSON feature
                self.learn([properties if isinstance(properties, dict) else record])
        return chain(first, parts)

    def learn(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Look at records ahead of reading from the first, where they tell what their times mean."""
        if self._times.undecided:
            for record in records:
                self._times.learn([_text(record.get(name)) for name in self._time_names])

    def placed_in(self, part: Part, rejected: Rejected) -> Rejected:
        """The same complaint with the place of its part, where a person is to find it."""
        if not self._options.places or not part.within:
            return rejected
        path = rejected.path.removeprefix("$")
        return Rejected(rejected.reason, part.within + (path if path[:1] in {"", ".", "["} else f".{path}"))

    def read(self, record: object) -> Event:
        """The event of one object; members that nothing maps are kept as attributes.

        raises  Rejected  with the path of the member, or the name of the one mapped to it
        """
        options = self._options
        raw = self._native(record) if isinstance(record, dict) else record
        try:
            event = read_event(
                raw, source=options.source, received_at=options.received_at, clock_trusted=options.clock_trusted
            )
        except Rejected as rejected:
            member, reason = rejected.path.removeprefix("$."), rejected.reason
            names = self._sources.get(member)
            if names is None and options.map.columns and member in OPTIONAL:
                reason += f"; if the member means something else, --map {member}= keeps it as an attribute"
            raise Rejected(reason, names[0] if names else rejected.path) from None
        return somewhere(event) if options.nowhere else event

    def _native(self, record: dict[str, Any]) -> dict[str, Any]:
        raw = {name: value for name, value in record.items() if name not in self._taken}
        # A member whose value the map takes from elsewhere: what stands under its own name is an attribute.
        extra = {name: raw.pop(name) for name in self._replaced if name in raw}
        raw.update(self._constants)
        for name, (source,) in self._sources.items():
            value = record.get(source)
            if value is not None and value != "" and name in self._places:
                raw[name] = self._places[name](value, source)
            elif value is not None and value != "":
                raw[name] = CONVERT[name](value.strip(), source) if isinstance(value, str) else value
        if "attributes_json" in self._replaced:
            extra |= self._object(raw.pop("attributes_json", None))
        if extra:
            raw["attributes"] = {**self._object(raw.get("attributes")), **extra}
        raw["event_timestamp"] = self._time(record)
        return raw

    def _time(self, record: dict[str, Any]) -> object:
        if self._constant_time is not None:
            return self._times.read((self._constant_time,))
        values = [record.get(name) for name in self._time_names]
        if len(values) == 1 and not self._options.formats and not self._is_text(values[0]):
            return values[0]
        for name, value in zip(self._time_names, values, strict=True):
            if isinstance(value, bool) or not (value is None or isinstance(value, str | int | float)):
                raise Rejected("expected a time as text or number", name)
        return self._times.read(tuple([_text(value) for value in values]))

    def _is_text(self, value: object) -> bool:
        """Whether a time is to be read as a column's text: also a number in a member that somebody chose."""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return isinstance(value, str) or (number and self._chosen)

    @staticmethod
    def _object(value: object) -> dict[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise Rejected("expected an object", "attributes")
        return value


def somewhere(event: Event) -> Event:
    """The event.

    raises  Rejected  its coordinates are those by which exports say that the place is not known
    """
    if is_nowhere(event.longitude, event.latitude):
        told = f"{event.longitude:g}, {event.latitude:g} says that the place is not known"
        raise Rejected(told, "longitude, latitude")
    return event


def _text(value: object) -> str:
    """A member as a column would have it: nothing for none, and whole numbers without a point."""
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
