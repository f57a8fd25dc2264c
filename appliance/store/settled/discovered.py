"""Counts of incidents that patrols discovered. Called by `job.backtesting`.

Counters know the type of an event; what else tells of it stands in its attributes, so the events themselves are read,
a part at a time: each read is short, however many there are.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from appliance.aggregate.hours import SiteHours
from appliance.model.discovery import Discovery
from appliance.store.engine import Store, raw_connection
from appliance.store.settled.counts import fetch_hourly_counts
from appliance.store.settled.settle import tally_rows
from appliance.store.settled.tally import Tally

READ_KEYS = 100_000  # events looked at in one read

Place = tuple[str, int, int | None]
"""Day, h3_index, the instant at which the site's hour began; None where of the day only the sum is left."""
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def count_discovered(
    store: Store, *, resolution: int, hours: SiteHours, discovery: Discovery, types: Sequence[str] = ()
) -> Counter[Place]:
    """Discovered events by day, cell and hour; `types` empty means all."""
    found: Counter[Place] = Counter()
    by_type: list[str] = []
    if discovery.types:
        with store.read(limit_s=120.0) as connection:
            known = fetch_types(connection)
        by_type = [one for one in known if one.casefold() in discovery.types and (not types or one in types)]
    if by_type:
        with store.read(limit_s=120.0) as connection:
            for day, cell, hour, count in fetch_hourly_counts(
                connection, resolution=resolution, hours=hours, types=by_type
            ):
                found[day, cell, hour] += count
    if discovery.attributes:
        tally = Tally(hours, (resolution,))
        tally_rows(tally, _told_by_attributes(store, discovery, set(by_type), set(types)))
        for (_, day, cell, hour, _), count in tally.counts.items():
            found[day, cell, hour] += count
    return found


def fetch_types(connection: sa.Connection) -> list[str]:
    """Every type of event that was ever counted, or that came since."""
    raw = raw_connection(connection)
    rows = raw.execute("SELECT DISTINCT event_type FROM event_counts UNION SELECT DISTINCT event_type FROM events")
    return sorted(row[0] for row in rows)


def discovery_known_from(connection: sa.Connection, hours: SiteHours, discovery: Discovery) -> date | None:
    """The day from which on no event is gone, so that their attributes can be looked at; None: none is gone at all."""
    if not discovery.attributes:
        return None
    last = raw_connection(connection).execute("SELECT max(hour) FROM purged_hours").fetchone()[0]
    return date.fromisoformat(hours.place(last)[0]) + timedelta(days=1) if last is not None else None


def _told_by_attributes(
    store: Store, discovery: Discovery, without: Collection[str], types: Collection[str]
) -> Iterator[tuple[int, str, bytes | None]]:
    """(event_timestamp, event_type, geom) of events whose attributes say so; not those of the types `without`."""
    named = " OR ".join("instr(attributes_json, ?)" for _ in discovery.attributes)
    names = [msgspec.json.encode(name).decode() for name in discovery.attributes]
    with store.read() as connection:
        last = raw_connection(connection).execute("SELECT coalesce(max(event_pk), 0) FROM events").fetchone()[0]
    for start in range(0, last + 1, READ_KEYS):
        with store.read() as connection:
            rows = raw_connection(connection).execute(
                "SELECT event_timestamp, event_type, geom, attributes_json FROM events "
                f"WHERE event_pk >= ? AND event_pk < ? AND ({named})",
                (start, start + READ_KEYS, *names),
            )
            kept = [
                (us, event_type, point)
                for us, event_type, point, attributes in rows
                if event_type not in without
                and (not types or event_type in types)
                and discovery.tells("", _decode(attributes))
            ]
        yield from kept
