"""Checks that what the store says of itself is so; run by `hexpost verify` and by tests."""

import contextlib

import msgspec

from appliance.aggregate.bins import SiteBins
from appliance.aggregate.hours import SiteHours
from appliance.errors import Corrupt
from appliance.model.tier import LADDERS, Ladder
from appliance.spatial.geometry import read_point
from appliance.store.engine import Store, raw_connection
from appliance.store.settled.settle import fetch_counted, fetch_resolutions
from appliance.store.settled.tally import Tally
from appliance.store.verify_tiers import find_wrong_bins

LIMIT_S = 600.0  # a check reads everything
INDEXED = ("h3_cells", "zones", "devices", "assets")
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
        _identities(store),
        _cells(store),
        _counters(store, hours),
        _series(store),
        *(_tiers(store, ladder, SiteBins(hours.zone)) for ladder in LADDERS),
    ]


def verify_copy(store: Store) -> list[Finding]:
    """What must hold in a copy before it counts: the file, the geometry and its indexes, the balance."""
    return [_integrity(store), _geometries(store), _balance(store), _events_against_totals(store)]


def _integrity(store: Store) -> Finding:
    answer: list[str] = []
    try:
        with store.read(LIMIT_S) as connection:
            answer += (row[0] for row in raw_connection(connection).execute("PRAGMA integrity_check(10)"))
    except Corrupt as error:  # some damage ends the check itself
        answer.append(str(error))
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
        rows, stored, purged = (
            raw_connection(connection)
            .execute(
                "SELECT (SELECT count(*) FROM events), "
                "(SELECT coalesce(sum(items), 0) FROM item_totals WHERE term = 'stored' AND reason = ''), "
                "(SELECT coalesce(sum(items), 0) FROM item_totals WHERE term = 'purged')"
            )
            .fetchone()
        )
    deleted = f", {purged} deleted since" if purged else ""
    return Finding(
        name="events", holds=rows == stored - purged, detail=f"{rows} rows, {stored} counted as stored{deleted}"
    )


def _identities(store: Store) -> Finding:
    """Each settled event has its key, each key its event, and no event of the tail is there twice."""
    with store.read(LIMIT_S) as connection:
        missing, astray, twice = (
            raw_connection(connection)
            .execute(
                "SELECT (SELECT count(*) FROM events AS e LEFT JOIN event_keys AS k "
                "ON k.source = e.source AND k.event_id = e.event_id WHERE k.event_pk IS NOT e.event_pk "
                "AND e.event_pk <= (SELECT indexed_pk FROM settled)), "
                "(SELECT count(*) FROM event_keys AS k LEFT JOIN events AS e ON e.event_pk = k.event_pk "
                "WHERE e.event_pk IS NULL OR k.event_pk > (SELECT indexed_pk FROM settled)), "
                "(SELECT count(*) - count(DISTINCT source || char(0) || event_id) FROM events "
                "WHERE event_pk > (SELECT indexed_pk FROM settled)) "
                "+ (SELECT count(*) FROM events AS e JOIN event_keys AS k "
                "ON k.source = e.source AND k.event_id = e.event_id WHERE k.event_pk <> e.event_pk)"
            )
            .fetchone()
        )
    return Finding(
        name="identities",
        holds=(missing, astray, twice) == (0, 0, 0),
        detail=f"{missing} events without a key, {astray} keys without an event, {twice} stored twice",
    )


def _cells(store: Store) -> Finding:
    """Each settled event with a place has its entry in the spatial index, where and when it is."""
    with store.read(LIMIT_S) as connection:
        entries, missing, wrong, outside = (
            raw_connection(connection)
            .execute(
                "SELECT (SELECT count(*) FROM event_cells), "
                "(SELECT count(*) FROM events WHERE h3_index IS NOT NULL AND "
                "event_pk <= (SELECT indexed_pk FROM settled) AND NOT EXISTS (SELECT 1 FROM event_cells AS c "
                "WHERE c.segment = events.event_pk >> 16 AND c.h3_index = events.h3_index "
                "AND c.event_timestamp = events.event_timestamp AND c.event_pk = events.event_pk)), "
                "(SELECT count(*) FROM event_cells AS c JOIN events AS e ON e.event_pk = c.event_pk "
                "WHERE e.h3_index IS NOT c.h3_index OR e.event_timestamp <> c.event_timestamp), "
                "(SELECT count(*) FROM event_cells AS c JOIN event_segments AS s USING (segment) "
                "WHERE c.event_timestamp NOT BETWEEN s.first_time AND s.last_time)"
            )
            .fetchone()
        )
    return Finding(
        name="cells",
        holds=(missing, wrong, outside) == (0, 0, 0),
        detail=f"{entries} entries, {missing} missing, {wrong} wrong, {outside} outside the times of their segment",
    )


def _counters(store: Store, hours: SiteHours) -> Finding:
    """Count every counted event again and compare with the counters, cell by cell and hour by hour.

    Not those of hours of which events have been deleted: there the counters are all that is left.
    """
    with store.read(LIMIT_S) as connection:
        raw = raw_connection(connection)
        purged = {row[0] for row in raw.execute("SELECT hour FROM purged_hours")}
        tally, counted = Tally(hours, fetch_resolutions(connection)), fetch_counted(raw)
        for key, us, event_type, geom in raw.execute(
            "SELECT event_pk, event_timestamp, event_type, geom FROM events "
            "WHERE geom IS NOT NULL AND event_pk <= (SELECT max(event_pk) FROM counted)"
        ):
            with contextlib.suppress(Corrupt):  # the counter of an event whose place cannot be read comes out wrong
                lng, lat = read_point(geom)
                resolutions = [resolution for resolution, upto in counted.items() if key <= upto]
                tally.add(us=us, lng=lng, lat=lat, event_type=event_type, resolutions=resolutions)
        kept = {
            row[:5]: row[5]
            for row in raw.execute(
                "SELECT resolution, day, h3_index, hour, event_type, event_count FROM event_counts WHERE event_count"
            )
            if row[3] not in purged
        }
    found = {key: count for key, count in tally.counts.items() if key[3] not in purged}
    wrong = sum(kept.get(key) != count for key, count in found.items()) + len(kept.keys() - found.keys())
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


def _tiers(store: Store, ladder: Ladder, bins: SiteBins) -> Finding:
    """Bins are what their rows, and days what their hours are, as far back as these are kept."""
    seen, wrong = find_wrong_bins(store, ladder, bins)
    return Finding(name=f"tiers of {ladder.name}", holds=wrong == 0, detail=f"{seen} bins, {wrong} wrong")
