"""What every reader of `ingest` is given and what it gives back."""

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from appliance.errors import Rejected
from appliance.ingest.mapping import ColumnMap
from appliance.model.event import Event

Row = tuple[int, Event | Rejected]
"""The physical line, from 1, on which a record begins, and the event it holds or why it holds none."""

AHEAD_ROWS = 2_000  # looked at before the first is read, where a column means one thing or another


class ReadOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How one file is to be read: whose it is, when it came, and what a person has said about its columns.

    source         of every event in the file
    received_at    aware UTC, the box's own clock; `clock_trusted` says whether that can be believed
    map            columns of the file for members of the event
    formats, zone  as in `ingest.times.TimeReader`
    nowhere        coordinates of 0, 0 or -1, -1 mean that the place is not known, as in exports; such rows are refused
    places         a complaint about an element of a list names its place in it where the line does not tell
    """

    source: str
    received_at: datetime
    map: ColumnMap = ColumnMap()
    formats: tuple[str, ...] = ()
    zone: ZoneInfo | None = None
    clock_trusted: bool = True
    nowhere: bool = False
    places: bool = False
