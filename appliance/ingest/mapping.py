"""Which column of a file gives which member of an event: the `--map` options.

`parse_map` reads them once for a command; `ingest.table` and `ingest.record` bind them to what a file holds.
"""

import difflib
from collections.abc import Iterable

import msgspec

from appliance.errors import Rejected

TARGETS = (
    "event_id", "event_type", "event_timestamp", "longitude", "latitude", "severity", "value", "rev", "attributes_json",
)  # fmt: skip
"""Members that a column can be mapped to; `attributes_json` holds a JSON object."""
NEEDED = ("event_type", "event_timestamp", "longitude", "latitude")
"""Members without which a row is no event."""
JOINABLE = "event_timestamp"
"""The one member that may be spread over several columns, as in `event_timestamp=day+hour`."""


PLACE = frozenset({"longitude", "latitude"})
"""The members that may come from one column together, as in `latitude+longitude=Location`: in the order said."""


class ColumnMap(msgspec.Struct, frozen=True, kw_only=True):
    """From member to the column it comes from, as written (`day+hour`; empty: from none), or to a constant for all.

    pair  longitude and latitude in the order in which the one column they share holds them; empty where they do not
    """

    columns: dict[str, str] = {}
    constants: dict[str, str] = {}
    pair: tuple[str, ...] = ()


def parse_map(options: Iterable[str]) -> ColumnMap:
    """`name=Column`, `event_timestamp=Day+Hour`, `latitude+longitude=Place`, `name==constant`, or `name=` for an
    optional member, each name once.

    `severity=` leaves the event without one, whatever a column of that name means in this file; it is then kept as
    an attribute like the others.
    raises  Rejected  another form, an unknown name (the nearest is named) or a name given twice
    """
    columns: dict[str, str] = {}
    constants: dict[str, str] = {}
    pair: tuple[str, ...] = ()
    for option in options:
        name, equals, given = option.partition("=")
        name = name.strip()
        both = tuple(part.strip() for part in name.split("+"))
        names = both if len(both) == len(PLACE) and frozenset(both) == PLACE else (name,)
        constant = given.startswith("=")
        given = given[1:] if constant else given
        given = given.strip()
        if len(names) > 1 and (not given or constant):
            raise Rejected(f"--map {option!r}: the form is {name}=Column")
        if not equals or (not given and (constant or name in NEEDED)):
            raise Rejected(f"--map {option!r}: the form is name=Column, or name==constant for all rows")
        for one in names:
            if one not in TARGETS:
                raise Rejected(f"--map {option!r}: an event has no {one!r}{nearest(one, TARGETS)}")
            if one in columns or one in constants:
                raise Rejected(f"--map {option!r}: {one} is mapped twice")
            (constants if constant else columns)[one] = given
        pair = names if len(names) > 1 else pair
    return ColumnMap(columns=columns, constants=constants, pair=pair)


def split_columns(name: str, written: str, header: Iterable[str] = ()) -> tuple[str, ...]:
    """The columns that a mapped member comes from; a column whose own name holds a `+` is one column.

    raises  Rejected  several columns for a member that takes one
    """
    if written in set(header):
        return (written,)
    parts = tuple(part.strip() for part in written.split("+"))
    if len(parts) > 1 and name != JOINABLE:
        raise Rejected(f"--map {name}={written}: only {JOINABLE} may be joined from several columns")
    return parts


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown word: the nearest known one, or all there are."""
    names = [name for name in known if name]
    folded = {name.casefold(): name for name in reversed(names)}
    close = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {folded[close[0]]!r}?"
    return f"; there are {', '.join(names[:40])}" if names else ""
