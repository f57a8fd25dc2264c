"""Rows of any Parquet file as plain objects, a batch at a time, for `hexpost import`."""

import math
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from appliance.errors import Rejected
from appliance.store.archive.hours import is_archive_schema

BATCH_ROWS = 2_000
_OBJECTS = ("attributes", "attributes_json")  # may be written as JSON text


def is_archive_file(path: Path) -> bool:
    """Whether this is a file of a raw archive, and not a table of events.

    raises  Rejected  it is not Parquet, or cannot be read
    """
    with _open(path) as file:
        return is_archive_schema(file.schema_arrow)


def count_rows(path: Path) -> int:
    """How many rows a file has, by its footer.

    raises  Rejected  it is not Parquet, or cannot be read
    """
    with _open(path) as file:
        return int(file.metadata.num_rows)


def read_records(path: Path) -> Iterator[list[dict[str, Any]]]:
    """The rows in order, as the members of JSON objects; what is null or no number is left out.

    Times with a zone stay times, those without are text without an offset: whose they are, a person has to say.
    raises  Rejected  the file is not Parquet, or is damaged
    """
    with _open(path) as file:
        batches = file.iter_batches(batch_size=BATCH_ROWS)
        while True:
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError) as error:
                raise Rejected(f"reading {path}: {error}") from None
            if batch is None:
                return
            yield [_record(row) for row in _in_microseconds(batch).to_pylist()]


def _in_microseconds(batch: Any) -> Any:
    """The batch without times in nanoseconds, as pandas writes them: Python has none, and only pandas' own type holds
    them."""
    columns = list(batch.columns)
    for place, field in enumerate(batch.schema):
        if getattr(field.type, "unit", "") == "ns":
            zone = getattr(field.type, "tz", None)
            coarse = pa.timestamp("us", zone) if pa.types.is_timestamp(field.type) else _COARSE[field.type.id]
            columns[place] = columns[place].cast(coarse, safe=False)
    return pa.record_batch(columns, names=batch.schema.names)


def _open(path: Path) -> Any:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise Rejected(f"reading {path}: {error}; is it Parquet?") from None


def _record(row: dict[str, Any]) -> dict[str, Any]:
    record = {name: _plain(value) for name, value in row.items()}
    for name in _OBJECTS:
        if isinstance(record.get(name), str):
            record["attributes"] = _object(record.pop(name))
    return {name: value for name, value in record.items() if value is not None}


def _object(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return text  # refused as what it is, with its path


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    write = _WRITE.get(type(value))
    return write(value) if write else value


_COARSE = {pa.time64("ns").id: pa.time64("us"), pa.duration("ns").id: pa.duration("us")}
_WRITE: dict[type, Callable[[Any], Any]] = {
    float: lambda value: None if math.isnan(value) else value,
    datetime: lambda value: value if value.tzinfo is not None else value.isoformat(sep=" "),
    date: date.isoformat,
    time: time.isoformat,
    timedelta: timedelta.total_seconds,
    Decimal: float,
    bytes: lambda value: value.decode("utf-8", errors="replace"),
}
