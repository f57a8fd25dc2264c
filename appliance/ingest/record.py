"""One decoded JSON object to an event: the native members, or those that the same `--map` options name.

Shared by `ingest.jsonl` and `ingest.geojson`. Without a map, a format or a zone this is `model.native.read_event`, so
that a line of JSONL is the same event, with the same identity, as the same message over MQTT.
"""

from typing import Any

from appliance.errors import Rejected
from appliance.ingest.mapping import split_columns
from appliance.ingest.options import ReadOptions
from appliance.ingest.place import coordinate
from appliance.ingest.text import CONVERT
from appliance.ingest.times import TimeReader
from appliance.model.event import Event
from appliance.model.native import read_event


class RecordReader:
    """Reads objects whose members are named by a map that is bound once.

    raises  Rejected  a constant that the member cannot be, a format that is none
    """

    def __init__(self, options: ReadOptions) -> None:
        given = options.map
        self._options = options
        self._sources = {name: split_columns(name, written) for name, written in given.columns.items() if written}
        self._time_names = self._sources.pop("event_timestamp", ("event_timestamp",))
        self._times = TimeReader(columns=self._time_names, formats=options.formats, zone=options.zone)
        self._constants = {
            name: CONVERT[name](text, f"--map {name}=={text}")
            for name, text in given.constants.items()
            if name != "event_timestamp"
        }
        self._places = {name: coordinate(name, given.pair) for name in given.pair}
        self._constant_time = given.constants.get("event_timestamp")
        self._taken = {name for names in self._sources.values() for name in names} | set(self._time_names)
        self._replaced = (given.columns.keys() | self._constants.keys()) - {"event_timestamp"}

    def read(self, record: object) -> Event:
        """The event of one object; members that nothing maps are kept as attributes.

        raises  Rejected  with the path of the member, or the name of the one mapped to it
        """
        options = self._options
        raw = self._native(record) if isinstance(record, dict) else record
        try:
            return read_event(
                raw, source=options.source, received_at=options.received_at, clock_trusted=options.clock_trusted
            )
        except Rejected as rejected:
            names = self._sources.get(rejected.path.removeprefix("$."))
            raise Rejected(rejected.reason, names[0] if names else rejected.path) from None

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
        if len(values) == 1 and not isinstance(values[0], str) and not self._options.formats:
            return values[0]
        for name, value in zip(self._time_names, values, strict=True):
            if isinstance(value, bool) or not (value is None or isinstance(value, str | int | float)):
                raise Rejected("expected a time as text or number", name)
        return self._times.read(tuple(["" if value is None else str(value) for value in values]))

    @staticmethod
    def _object(value: object) -> dict[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise Rejected("expected an object", "attributes")
        return value
