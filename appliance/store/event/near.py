"""Events near a place, along a route and in an area, newest first. Called by `serve` and the command line."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from appliance.clock import from_us
from appliance.spatial.shape import Area, Shape
from appliance.store.event.pages import (
    COLUMNS,
    EventFilter,
    StoredEvent,
    attributes_of,
    hex_of,
    instant,
    next_cursor,
    place_of,
    window_of,
)
from appliance.store.near.search import check_area, find_events


class NearEvent(StoredEvent, frozen=True, kw_only=True, gc=False):
    """An event with how far it lies from the place or the route that was asked for; None in an area."""

    distance_m: float | None


class NearEventPage(msgspec.Struct, frozen=True, kw_only=True):
    """Events by descending time; `next_cursor` is None on the last page."""

    items: list[NearEvent]
    next_cursor: str | None


def fetch_events_in(
    connection: sa.Connection, shape: Shape, wanted: EventFilter, *, cursor: str | None, limit: int
) -> NearEventPage:
    """One page of at most `limit` events in a shape; the filter's `bbox` is not looked at.

    raises  Rejected  an area's edges cross, or the cursor is not one that a page gave
    """
    if isinstance(shape, Area):
        check_area(connection, shape)
    rows, away = find_events(connection, shape, window_of(wanted, cursor), columns=COLUMNS, limit=limit + 1)
    distances: Sequence[float | None] = away or [None] * len(rows)
    items = [_event(row, distance_m) for row, distance_m in zip(rows[:limit], distances[:limit], strict=True)]
    return NearEventPage(items=items, next_cursor=next_cursor(rows, limit))


def _event(row: tuple[Any, ...], distance_m: float | None) -> NearEvent:
    """From a row of `COLUMNS`. Each member is written out: through a dict a page of a thousand takes twice as long."""
    lng, lat = place_of(row[13])
    at = from_us(row[4])
    return NearEvent(
        event_id=row[1],
        source=row[2],
        event_type=row[3],
        event_timestamp=at,
        received_at=at if row[5] == row[4] else instant(row[5]),  # of a device without a clock
        recorded_at=at if row[6] == row[4] else instant(row[6]),
        clock_quality=row[7],
        h3_index=hex_of(row[8]),
        longitude=lng,
        latitude=lat,
        severity=row[9],
        value=row[10],
        attributes=attributes_of(row[11]),
        rev=row[12],
        distance_m=distance_m,
    )
