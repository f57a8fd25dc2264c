"""Checks that what the store says of itself is so; run by `hexpost verify` and by tests."""

import contextlib

import msgspec

from appliance.aggregate.hours import SiteHours
from appliance.errors import Corrupt
from appliance.spatial.geometry import read_point
from appliance.store.counts import Tally
from appliance.store.engine import Store, raw_connection

LIMIT_S = 600.0  # a check reads everything
INDEXED = ("h3_cells", "zones", "devices")
PARTS = ("stored", "folded", "duplicate", "quarantined", "shed")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One check: whether it holds, and what was found."""

    name: str
    holds: bool
    detail: str


def verify_store(store: Store, *, hours: SiteHours) -> list[Finding]:
    """Integrity of the file, geometry of the tables, balance of the items, counters against the events, series."""
    return [
        _integrity(store),
        _geometries(store),
        _balance(store),
        _events_against_totals(store),
        _counters(store, hours),
        _series(store),
    ]


def _integrity(store: Store) -> Finding:
    with store.read(LIMIT_S) as connection:
        answer = [row[0] for row in raw_connection(connection).execute("PRAGMA integrity_check(10)")]
    return Finding(name="file", holds=answer == ["ok"], detail="; ".join(answer))


def _geometries(store: Store) -> Finding:
    """Points and cells are sound, indexes agree with their tables; an event has both place and cell, or neither."""
    with store.read(LIMIT_S) as connection:
        bad_events, unplaced, bad_cells, *indexes = (
            raw_connection(connection)
            .execute(
                "SELECT (SELECT count(*) FROM events "
                "WHERE (geom IS NULL) <> (h3_index IS NULL) OR ST_SRID(geom) <> 4326), "
                "(SELECT count(*) FROM events WHERE geom IS NULL), "
                "(SELECT count(*) FROM h3_cells WHERE NOT ST_IsValid(geom)), "
                + ", ".join(f"(SELECT CheckSpatialIndex('{table}', 'geom'))" for table in INDEXED)
            )
            .fetchone()
        )
    unsound = [table for table, sound in zip(INDEXED, indexes, strict=True) if sound != 1]
    return Finding(
        name="geometry",
        holds=(bad_events, bad_cells, unsound) == (0, 0, []),
        detail=f"{bad_events} events in the wrong place, {unplaced} wait for one, {bad_cells} invalid cells, "
        f"spatial indexes {'sound' if not unsound else f'bad: {unsound}'}",
    )


def _balance(store: Store) -> Finding:
    with store.read() as connection:
        totals: dict[str, int] = dict(
            raw_connection(connection).execute("SELECT term, sum(items) FROM item_totals GROUP BY term").fetchall()
        )
    parts = {term: totals.get(term, 0) for term in PARTS}
    received = totals.get("received", 0)
    text = " + ".join(f"{items} {term}" for term, items in parts.items())
    return Finding(name="balance", holds=received == sum(parts.values()), detail=f"{received} received = {text}")


def _events_against_totals(store: Store) -> Finding:
    with store.read(LIMIT_S) as connection:
        rows, stored = (
            raw_connection(connection)
            .execute(
                "SELECT (SELECT count(*) FROM events), "
                "(SELECT coalesce(sum(items), 0) FROM item_totals WHERE term = 'stored' AND reason = '')"
            )
            .fetchone()
        )
    return Finding(name="events", holds=rows == stored, detail=f"{rows} rows, {stored} counted as stored")


def _counters(store: Store, hours: SiteHours) -> Finding:
    """Count every event again and compare with the counters, cell by cell and hour by hour."""
    with store.read(LIMIT_S) as connection:
        raw = raw_connection(connection)
        resolutions = [int(r) for r in raw.execute("SELECT resolutions FROM site").fetchone()[0].split(",") if r]
        tally = Tally(hours, resolutions)
        for us, event_type, geom in raw.execute(
            "SELECT event_timestamp, event_type, geom FROM events WHERE geom IS NOT NULL"
        ):
            with contextlib.suppress(Corrupt):  # the counter of an event whose place cannot be read comes out wrong
                lng, lat = read_point(geom)
                tally.add(us=us, lng=lng, lat=lat, event_type=event_type)
        kept = {
            row[:5]: row[5]
            for row in raw.execute(
                "SELECT resolution, day, h3_index, hour, event_type, event_count FROM event_counts WHERE event_count"
            )
        }
    wrong = sum(kept.get(key) != count for key, count in tally.counts.items()) + len(kept.keys() - tally.counts.keys())
    return Finding(name="counters", holds=wrong == 0, detail=f"{len(kept)} counters, {wrong} wrong")


def _series(store: Store) -> Finding:
    with store.read(LIMIT_S) as connection:
        readings, lost = (
            raw_connection(connection)
            .execute(
                "SELECT count(*), coalesce(sum(series_pk NOT IN (SELECT series_pk FROM reading_series)), 0) "
                "FROM reading_values"
            )
            .fetchone()
        )
    return Finding(name="readings", holds=lost == 0, detail=f"{readings} readings, {lost} of no known series")
