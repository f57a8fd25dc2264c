"""What the tests of the readers share: options with a fixed receipt, and reading a text whole."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from appliance.errors import Rejected
from appliance.ingest.files import FileKind, ReadOptions, Row, decode_lines, read_rows
from appliance.ingest.mapping import parse_map

RECEIVED = datetime(2026, 11, 21, 12, tzinfo=UTC)

Read = Callable[..., list[Row]]


@pytest.fixture(scope="session")
def options() -> Callable[..., ReadOptions]:
    """Options from what a command line would say."""

    def make(*maps: str, formats: tuple[str, ...] = (), tz: str | None = None) -> ReadOptions:
        zone = ZoneInfo(tz) if tz else None
        return ReadOptions(source="file", received_at=RECEIVED, map=parse_map(maps), formats=formats, zone=zone)

    return make


@pytest.fixture(scope="session")
def read(options: Callable[..., ReadOptions]) -> Read:
    """Every row of a text or of bytes, read as the command would."""

    def run(kind: FileKind, text: str | bytes, *maps: str, **given: Any) -> list[Row]:
        data = text.encode() if isinstance(text, str) else text
        return list(read_rows(kind, decode_lines([data]), options(*maps, **given)))

    return run


@pytest.fixture(scope="session")
def told() -> Callable[[list[Row]], list[tuple[int, str]]]:
    """Rows as (line, type of the event or the complaint)."""

    def tell(rows: list[Row]) -> list[tuple[int, str]]:
        return [(line, str(one) if isinstance(one, Rejected) else one.event_type) for line, one in rows]

    return tell
