"""Devices near a place, along a route and in an area, the nearest first. Called by `serve` and the command line."""

from datetime import datetime

import msgspec
import sqlalchemy as sa

from appliance.model.device import Device
from appliance.spatial.shape import Area, Corridor, Disc, Shape
from appliance.store.device.registry import fetch_devices_by_key
from appliance.store.near.search import DEVICES, check_area, find_places
from appliance.store.paging import read_key, read_numbers, write_numbers


class NearDevice(Device, frozen=True, kw_only=True):
    """A device with how far its place lies from the place or the route that was asked for; None in an area."""

    distance_m: float | None


class NearDevicePage(msgspec.Struct, frozen=True, kw_only=True):
    """Devices by ascending distance, in an area in the order in which they became known; `next_cursor` is None on the
    last page.
    """

    items: list[NearDevice]
    next_cursor: str | None


def fetch_devices_in(
    connection: sa.Connection, shape: Shape, *, now: datetime, cursor: str | None, limit: int
) -> NearDevicePage:
    """One page of at most `limit` devices in a shape; those without a place are in none.

    raises  Rejected  an area's edges cross, or the cursor is not one that a page gave
    """
    if isinstance(shape, Area):
        check_area(connection, shape)
    after = _read_cursor(cursor)
    places = [place for place in find_places(connection, shape, DEVICES) if after is None or place > after]
    chosen = {key: distance for distance, key in places[:limit]}
    measured = isinstance(shape, Disc | Corridor)
    items = [
        NearDevice(
            **{name: getattr(device, name) for name in Device.__struct_fields__},
            distance_m=chosen[device.id] if measured else None,
        )
        for device in fetch_devices_by_key(connection, list(chosen), now=now)
    ]
    last = places[limit - 1] if len(places) > limit else None
    return NearDevicePage(items=items, next_cursor=f"{write_numbers(last[0])}.{last[1]}" if last else None)


def _read_cursor(cursor: str | None) -> tuple[float, int] | None:
    if cursor is None:
        return None
    distance, _, key = cursor.partition(".")
    return read_numbers(distance, 1)[0], read_key(key)
