"""One series of values as CSV: a header that names a time and a value, then a row a value.

Unlike `ingest.table` it makes no events: it gives the fields as they stand beside what they mean. Called by
`hexpost detect`.
"""

import csv
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain
from math import nan
from typing import NamedTuple
from zoneinfo import ZoneInfo

from appliance.errors import Rejected
from appliance.ingest.mapping import nearest, split_columns
from appliance.ingest.text import CONVERT, delimiter_of
from appliance.ingest.times import TimeReader


class SeriesRow(NamedTuple):
    """One row.

    line       physical line, from 1, on which the row ends
    timestamp  as it stands, of several columns joined by a space; `at` is the aware UTC instant
    text       the value as it stands; `value` is the number, NaN where there is none
    """

    line: int
    timestamp: str
    text: str
    at: datetime
    value: float


def read_series(
    lines: Iterable[str],
    *,
    time_column: str = "timestamp",
    value_column: str = "value",
    formats: tuple[str, ...] = (),
    zone: ZoneInfo | None = None,
) -> Iterator[SeriesRow]:
    """Rows in their order, one at a time; blank lines are passed over, other columns ignored.

    lines                       with their ends, as `ingest.text.decode_lines` gives them
    time_column, value_column   as in the header, upper or lower case; a time in several columns is joined by +
    formats, zone               as in `ingest.times.TimeReader`
    raises  Rejected  no header, a column that is not in it, or a row that cannot be read; names the line
    """
    source = iter(lines)
    first = next(source, "").removeprefix("\ufeff")
    reader = csv.reader(chain((first,), source), delimiter=delimiter_of(first), strict=True)
    try:
        header = next(reader, [])
        written = split_columns("event_timestamp", time_column, [name.strip() for name in header])
        time_at, value_at = (
            [_place(header, name, "--time") for name in written],
            _place(header, value_column, "--value"),
        )
        names = [header[place].strip() for place in time_at]
        times = TimeReader(columns=names, formats=formats, zone=zone, near_1970=True)
        width = max(*time_at, value_at) + 1
        for fields in reader:
            if not fields:
                continue
            if len(fields) < width:
                raise Rejected(f"the row has {len(fields)} fields, the header {len(header)}; add what is missing")
            texts, text = tuple([fields[place] for place in time_at]), fields[value_at]
            yield SeriesRow(reader.line_num, " ".join(texts), text, times.read(texts), _value(text, value_column))
    except (Rejected, csv.Error) as error:
        raise Rejected(f"line {max(reader.line_num, 1)}: {error}") from None


def _place(header: list[str], column: str, option: str) -> int:
    names = [name.strip().casefold() for name in header]
    if column.casefold() not in names:
        raise Rejected(
            f"the header has no column {column!r}{nearest(column, header)}; name it with {option}, "
            "and begin the file with a header like timestamp,value"
        )
    return names.index(column.casefold())


def _value(text: str, column: str) -> float:
    try:
        number = CONVERT["value"](word, column) if (word := text.strip()) else None
    except Rejected as rejected:
        raise Rejected(f"{rejected.reason}; leave it empty where there is no value", column) from None
    return nan if number is None else float(number)
