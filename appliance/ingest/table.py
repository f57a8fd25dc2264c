"""CSV to events: a header row, then a row an event, in the native columns or in those that `--map` names.

Called by `ingest.files`. A row that cannot be read is a `Rejected` beside its line, and reading goes on with the
next; only what makes the whole file unreadable (no header, a mapped column that is not there) is raised.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any, Protocol

from appliance.errors import Rejected
from appliance.ingest.mapping import NEEDED, TARGETS, ColumnMap, nearest, split_columns
from appliance.ingest.options import AHEAD_ROWS, ReadOptions, Row
from appliance.ingest.place import coordinate
from appliance.ingest.record import somewhere
from appliance.ingest.table_quick import quick_row
from appliance.ingest.text import CONVERT, delimiter_of, fault
from appliance.ingest.times import TimeReader
from appliance.model.event import Event
from appliance.model.native import read_event

LAT, LNG = 90.0, 180.0  # the most there are, in degrees
Record = tuple[int, list[str] | Rejected]
"""The physical line on which a record begins, and its fields or why there are none."""


class _Reader(Protocol):
    """What `csv.reader` returns; the line number is that of the last line read."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...


def read_table(lines: Iterable[str], options: ReadOptions) -> Iterator[Row]:
    """Rows of a CSV text, quotes and line breaks inside quotes honoured; blank lines are passed over.

    raises  Rejected  the header is missing or broken, or does not hold what the map or an event needs
    """
    source = iter(lines)
    first, blank = "", 0
    for first in source:
        if first.strip():
            break
        blank += 1
    else:
        raise Rejected("the file is empty: expected a header row")
    reader = csv.reader(chain((first,), source), delimiter=delimiter_of(first), strict=True)
    records = _records(reader, blank)
    _, header = next(records)
    if isinstance(header, Rejected):
        raise Rejected(f"the header row cannot be read: {header.reason}")
    rows = RowReader(header, options)
    for line, fields in rows.look_ahead(records):
        if isinstance(fields, Rejected):
            yield line, fields
            continue
        try:
            yield line, rows.read(fields)
        except Rejected as rejected:
            yield line, rejected


class RowReader:
    """Turns the fields of a row into an event, by a header and a map that are bound once.

    raises  Rejected  a column that the map or an event needs is not in the header; the nearest is named
    """

    def __init__(self, header: list[str], options: ReadOptions) -> None:
        self._names = _names(header, options.map)
        self._width = len(header)
        self._nowhere = options.nowhere
        self._receipt: dict[str, Any] = {
            "source": options.source,
            "received_at": options.received_at,
            "clock_trusted": options.clock_trusted,
        }
        places = _places(self._names, options.map)
        self._written = {name: "+".join(self._names[index] for index in indices) for name, indices in places.items()}
        # optional members taken from a column only because it has their name
        self._by_name = places.keys() - options.map.columns.keys() - set(NEEDED)
        self._constants = {
            name: CONVERT[name](text, f"--map {name}=={text}")
            for name, text in options.map.constants.items()
            if name != "event_timestamp"
        }
        convert = {**CONVERT, **{name: coordinate(name, options.map.pair) for name in options.map.pair}}
        self._members = [
            (name, indices[0], convert[name], self._names[indices[0]])
            for name, indices in places.items()
            if name != "event_timestamp"
        ]
        self._time_columns = places.get("event_timestamp", ())
        self._constant_time = (options.map.constants.get("event_timestamp", ""),)
        time_names = [self._names[index] for index in self._time_columns] or ["--map event_timestamp"]
        native = "event_timestamp" not in options.map.columns
        self._times = TimeReader(columns=time_names, formats=options.formats, zone=options.zone, near_1970=native)
        taken = {index for indices in places.values() for index in indices}
        self._others = [(index, name) for index, name in enumerate(self._names) if index not in taken]
        self._quick = quick_row(places, self._others, self._times, options)

    def look_ahead(self, records: Iterator[Record]) -> Iterator[Record]:
        """The same records; where the first of them tell what their times mean, these are looked at before."""
        if not self._times.undecided:
            return records
        first = list(islice(records, AHEAD_ROWS))
        for _, fields in first:
            if not isinstance(fields, Rejected) and len(fields) == self._width:
                self._times.learn([fields[index] for index in self._time_columns])
        return chain(first, records)

    def read(self, fields: list[str]) -> Event:
        """The event of one row.

        raises  Rejected  with the column's name as its path
        """
        if len(fields) != self._width:
            raise Rejected(
                f"the row has {len(fields)} fields, the header {self._width}; "
                "a field with the delimiter or a line break in it needs quotes"
            )
        text = "".join(fields)
        if text.isprintable():
            event = self._quick.read(fields, len(text)) if self._quick else None
            if event is not None:
                return somewhere(event) if self._nowhere else event
        elif not text.isascii() or "\0" in text:
            self._refuse_broken(fields)
        raw: dict[str, Any] = dict(self._constants)
        try:
            self._fill(raw, fields)
            event = read_event(raw, **self._receipt)
        except Rejected as rejected:
            raise self._named(rejected, raw) from None
        return somewhere(event) if self._nowhere else event

    def _fill(self, raw: dict[str, Any], fields: list[str]) -> None:
        for name, index, convert, column in self._members:
            text = fields[index].strip()
            if text and (value := convert(text, column)) is not None:
                raw[name] = value
        raw["event_timestamp"] = self._times.read(
            tuple([fields[index] for index in self._time_columns]) or self._constant_time
        )
        given = raw.pop("attributes_json", None)
        if self._others:
            attributes = {name: text for index, name in self._others if (text := fields[index].strip())}
            given = {**attributes, **given} if given else attributes
        raw["attributes"] = given

    def _refuse_broken(self, fields: list[str]) -> None:
        for index, field in enumerate(fields):
            wrong = fault(field)
            if wrong:
                raise Rejected(wrong, self._names[index])

    def _named(self, rejected: Rejected, raw: dict[str, Any]) -> Rejected:
        """The same complaint in the words of the file: its column, and what the user can do about it."""
        reason, path = rejected.reason, rejected.path
        if path.startswith("$."):
            member = path.removeprefix("$.")
            path = self._written.get(member, path)
            reason = reason if member in raw else "required, and missing"
            if (
                member == "latitude"
                and LAT < abs(raw.get("latitude") or 0.0) <= LNG
                and abs(raw.get("longitude") or LNG) <= LAT
            ):
                reason += "; longitude and latitude may be the other way round"
        if path in self._by_name:
            reason += f"; if the column means something else, --map {path}= keeps it as an attribute"
        return Rejected(reason, path)


def _records(reader: _Reader, blank: int) -> Iterator[Record]:
    """Records with the line each starts on, counting the blank lines before the first that was read."""
    line = blank + 1
    while True:
        try:
            for fields in reader:
                if fields:
                    yield line, fields
                line = blank + reader.line_num + 1
        except csv.Error as error:
            last = blank + reader.line_num
            lines = f" (lines {line} to {last} were taken for one row)" if last > line else ""
            yield line, Rejected(f"not CSV: {error}{lines}; look for a quote that is not closed or not doubled")
            line = last + 1
        else:
            return


def _names(header: list[str], given: ColumnMap) -> list[str]:
    """The header's names, stripped; a column without one, or with one that was there before, is named by its place."""
    names = [name.strip() or f"column {number}" for number, name in enumerate(header, start=1)]
    read = {
        *TARGETS,
        *given.columns.values(),
        *(part.strip() for one in given.columns.values() for part in one.split("+")),
    }
    count = Counter(names)
    for name in count:
        if count[name] > 1 and name in read:
            raise Rejected(f"the header names {name!r} {count[name]} times; rename all but one")
        wrong = fault(name)
        if wrong:
            raise Rejected(f"the header {wrong}")
    seen: set[str] = set()
    for place, name in enumerate(names):
        if name in seen:
            names[place] = f"{name} (column {place + 1})"
        seen.add(names[place])
    return names


def _places(names: list[str], given: ColumnMap) -> dict[str, tuple[int, ...]]:
    """From member to the indices of its columns: the mapped ones, else the column of the member's own name."""
    place = {name: index for index, name in enumerate(names)}
    places: dict[str, tuple[int, ...]] = {}
    for target in TARGETS:
        if target in given.constants:
            continue
        written = given.columns.get(target)
        if written == "":
            continue
        columns = split_columns(target, written, names) if written is not None else (target,)
        missing = [column for column in columns if column not in place]
        if not missing:
            places[target] = tuple(place[column] for column in columns)
        elif written is not None:
            raise Rejected(f"--map {target}={written}: the header has no {missing[0]!r}{nearest(missing[0], names)}")
        elif target in NEEDED:
            others = [name for name in names if name not in TARGETS]
            raise Rejected(f"no column gives the {target}: name it with --map {target}=Column{nearest(target, others)}")
    return places
