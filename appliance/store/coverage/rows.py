"""Coverage of cells: what the jobs process found, a row for each cell that devices look at and day.

Written by difference. The site's revision moves when something changed that a map shows (a cell became unknown or
known), and not with each hundredth of a share; an unknown cell gets its place in the grid, so that it can be drawn.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import TypeVar

import msgspec
import sqlalchemy as sa

from appliance.coverage.judge import CellCoverage, Coverage
from appliance.coverage.line import Line, line_of
from appliance.coverage.looking import Looking, Watcher
from appliance.model.device import Place
from appliance.spatial.geometry import read_point
from appliance.store.cells import ensure_cells
from appliance.store.device.registry import view_of_place
from appliance.store.device.spans import fetch_ours, fetch_spans
from appliance.store.engine import Store, raw_connection
from appliance.store.step import Step

STEP_ROWS = 4_000  # in one transaction
T = TypeVar("T")

_ROW = "coverage, watched, cause, devices, down"


class CoverageState(msgspec.Struct, frozen=True, kw_only=True):
    """How far coverage is computed: up to an instant, with the newest span, outage and step of the clock known then.

    deaf_since  since when the bridge is not heard of; None while it is
    """

    computed_to: int
    span_pk: int
    outage_pk: int
    step_pk: int
    deaf_since: int | None = None


def fetch_watchers(connection: sa.Connection) -> list[Watcher]:
    """Every device that has a place and is not ignored."""
    rows = raw_connection(connection).execute(
        "SELECT device_pk, geom, heading_deg, view_angle_deg, range_m FROM devices "
        "WHERE geom IS NOT NULL AND registration <> 'ignored'"
    )
    found = []
    for key, geom, heading_deg, angle_deg, range_m in rows:
        lng, lat = read_point(geom)
        place = Place(longitude=lng, latitude=lat, heading_deg=heading_deg, view_angle_deg=angle_deg, range_m=range_m)
        found.append(Watcher(key=key, lng=lng, lat=lat, view=view_of_place(place)))
    return found


def fetch_lines(connection: sa.Connection, start: int, end: int, keys: Iterable[int]) -> dict[int, Line]:
    """Device -> its line over [start, end)."""
    ours, wanted = fetch_ours(connection, start, end), sorted(set(keys))
    spans = fetch_spans(connection, start, end, wanted)
    return {key: line_of(spans.get(key, ()), ours, start, end) for key in wanted}


def fetch_state(connection: sa.Connection) -> CoverageState:
    """How far it was computed."""
    row = raw_connection(connection).execute(
        "SELECT computed_to, span_pk, outage_pk, step_pk, deaf_since FROM coverage_state"
    )
    return CoverageState(**dict(zip(CoverageState.__struct_fields__, row.fetchone(), strict=True)))


def write_state(connection: sa.Connection, state: CoverageState) -> None:
    """Write down how far it is computed."""
    raw_connection(connection).execute(
        "UPDATE coverage_state SET computed_to = ?, span_pk = ?, outage_pk = ?, step_pk = ?, deaf_since = ?",
        msgspec.structs.astuple(state),
    )


def fetch_newest(connection: sa.Connection) -> tuple[int, int, int]:
    """The newest span, outage and step of the clock, by their keys."""
    raw = raw_connection(connection)
    names = (("span_pk", "device_spans"), ("outage_pk", "outages"), ("step_pk", "clock_steps"))
    span, outage, step = (
        raw.execute(f"SELECT coalesce(max({key}), 0) FROM {table}").fetchone()[0] for key, table in names
    )
    return span, outage, step


def fetch_earliest_effect(connection: sa.Connection, since: CoverageState) -> int | None:
    """From when on what is new since then changes how devices were, in microseconds; None where nothing is.

    What a step of the clock moved is counted from the beginning of its boot, as it was stamped and as it is now.
    """
    raw = raw_connection(connection)
    found = raw.execute(
        "SELECT min(coalesce((SELECT min(p.from_time) FROM device_spans AS p WHERE p.device_pk = s.device_pk "
        "AND p.to_time = s.from_time AND p.state = 'stale'), s.from_time)) FROM device_spans AS s WHERE span_pk > ?",
        (since.span_pk,),
    ).fetchall()
    found += raw.execute("SELECT min(began_at) FROM outages WHERE outage_pk > ?", (since.outage_pk,)).fetchall()
    found += raw.execute(
        "SELECT min(b.seen_us + min(b.base_us, coalesce(b.offset_us, b.base_us))) FROM boots AS b "
        "JOIN clock_steps AS c USING (boot_id) WHERE c.step_pk > ?",
        (since.step_pk,),
    ).fetchall()
    return min((row[0] for row in found if row[0] is not None), default=None)


def write_watchers(store: Store, resolution: int, looking: Looking) -> int:
    """Make the table say who looks at which cells of a resolution, in short transactions; how many rows differed."""
    with store.read() as connection:
        rows = raw_connection(connection).execute(
            "SELECT h3_index, device_pk FROM cell_watchers WHERE resolution = ?", (resolution,)
        )
        stored = set(rows)
    wanted = {(cell, key) for cell, keys in looking.cells.items() for key in keys}
    for statement, differing in (
        ("DELETE FROM cell_watchers WHERE resolution = ? AND h3_index = ? AND device_pk = ?", stored - wanted),
        ("INSERT INTO cell_watchers (resolution, h3_index, device_pk) VALUES (?, ?, ?)", wanted - stored),
    ):
        for part in _parts(sorted(differing)):
            with store.write() as connection:
                raw_connection(connection).executemany(statement, [(resolution, *row) for row in part])
    return len(stored ^ wanted)


def write_day_coverage(store: Store, resolution: int, day: str, found: Mapping[int, CellCoverage]) -> int:
    """Make the table say of one day what was found, touching only rows that differ, in short transactions; how many
    rows did. Called by one process alone.
    """
    with store.read() as connection:
        rows = raw_connection(connection).execute(
            f"SELECT h3_index, {_ROW} FROM cell_coverage WHERE resolution = ? AND day = ?", (resolution, day)
        )
        stored = {row[0]: row[1:] for row in rows}
    wanted = {cell: msgspec.structs.astuple(one) for cell, one in found.items()}
    changed = sorted(cell for cell, row in wanted.items() if stored.get(cell) != row)
    gone = sorted(stored.keys() - wanted.keys())
    for part in _parts(changed):
        with store.write() as connection:
            raw_connection(connection).executemany(
                f"REPLACE INTO cell_coverage (resolution, day, h3_index, {_ROW}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [(resolution, day, cell, *wanted[cell]) for cell in part],
            )
            ensure_cells(connection, resolution, [cell for cell in part if wanted[cell][0] == "unknown"])
            if any(stored.get(cell, (None,))[0] != wanted[cell][0] for cell in part):
                announce_coverage(connection)
    for part in _parts(gone):
        with store.write() as connection:
            raw_connection(connection).executemany(
                "DELETE FROM cell_coverage WHERE resolution = ? AND day = ? AND h3_index = ?",
                [(resolution, day, cell) for cell in part],
            )
            announce_coverage(connection)
    return len(changed) + len(gone)


def drop_days_after(connection: sa.Connection, day: str) -> None:
    """Remove what was computed for days that have not come: a clock stood wrong."""
    if raw_connection(connection).execute("DELETE FROM cell_coverage WHERE day > ?", (day,)).rowcount:
        announce_coverage(connection)


def announce_coverage(connection: sa.Connection) -> None:
    """Move the site's revision, by which tiles and feeds are kept, and note which one is coverage's."""
    raw = raw_connection(connection)
    rev = raw.execute("UPDATE site SET rev = rev + 1 RETURNING rev").fetchone()[0]
    raw.execute("UPDATE coverage_state SET rev = ?", (rev,))


def purge_coverage(connection: sa.Connection, *, before_day: str) -> Step:
    """The oldest day before this one."""
    raw = raw_connection(connection)
    row = raw.execute("SELECT min(day) FROM cell_coverage WHERE day < ?", (before_day,)).fetchone()
    if row[0] is None:
        return Step()
    return Step(deleted=raw.execute("DELETE FROM cell_coverage WHERE day = ?", (row[0],)).rowcount, more=True)


class Covered(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of coverage over a range of days, for one resolution or one of its cells.

    heard  days (ISO) on which anything was heard anywhere at the site
    cells  (day, cell) -> coverage, for cells that devices look at
    """

    heard: set[str]
    cells: dict[tuple[str, int], Coverage]

    def of(self, day: str, cell: int) -> Coverage:
        """A cell's coverage: as its devices make it, else as the site's day does."""
        known = self.cells.get((day, cell))
        return known or ("observed" if day in self.heard else "unknown")


def fetch_covered(
    connection: sa.Connection, resolution: int, from_day: date, to_day: date, cell: int | None = None
) -> Covered:
    """Coverage of an inclusive range of days, of all cells or of one."""
    days = (from_day.isoformat(), to_day.isoformat())
    clause, values = ("", ()) if cell is None else ("AND h3_index = ?", (cell,))
    rows = raw_connection(connection).execute(
        f"SELECT day, h3_index, coverage FROM cell_coverage WHERE resolution = ? AND day BETWEEN ? AND ? {clause}",
        (resolution, *days, *values),
    )
    heard = fetch_heard(connection, from_day, to_day)
    return Covered(heard=heard, cells={(day, found): coverage for day, found, coverage in rows})


def fetch_heard(connection: sa.Connection, from_day: date, to_day: date) -> set[str]:
    """The days (ISO) of an inclusive range on which anything was heard anywhere at the site."""
    rows = raw_connection(connection).execute(
        "SELECT DISTINCT day FROM event_counts WHERE day BETWEEN ? AND ? "
        "AND resolution = (SELECT min(resolution) FROM event_counts)",
        (from_day.isoformat(), to_day.isoformat()),
    )
    return {row[0] for row in rows}


def fetch_covered_ahead(connection: sa.Connection, resolution: int, day: date, cell: int | None = None) -> Covered:
    """Coverage of a day of which there is a forecast: the site's day counts as heard if anything was in the week before
    it, on which a forecast of it may rest."""
    found = fetch_covered(connection, resolution, day - timedelta(days=8), day, cell)
    return msgspec.structs.replace(found, heard={day.isoformat()} if found.heard else set())


def _parts(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), STEP_ROWS):
        yield rows[start : start + STEP_ROWS]
