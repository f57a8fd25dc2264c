"""What the tests of this room ask of a store: its balance, and whether `hexpost verify` is content."""

from zoneinfo import ZoneInfo

import msgspec

from appliance.aggregate.hours import SiteHours
from appliance.model.event import Event
from appliance.store.engine import Store
from appliance.store.totals import fetch_totals
from appliance.store.verify import verify_store
from tests.conftest import make_event


def totals(store: Store, term: str | None = None) -> dict[str, int]:
    """Items by term, reasons added up; or those of one term by reason. What is nothing is left out."""
    found: dict[str, int] = {}
    with store.read() as connection:
        for total in fetch_totals(connection):
            if term is None or total.term == term:
                name = total.term if term is None else total.reason
                found[name] = found.get(name, 0) + total.items
    return {name: items for name, items in found.items() if items}


def event_at(place: tuple[float, float] | None, **members: object) -> Event:
    """A native event at (lng, lat), or without a place."""
    lng, lat = place or (None, None)
    return msgspec.structs.replace(make_event(**members), longitude=lng, latitude=lat)


def assert_sound(store: Store, zone: str = "UTC") -> None:
    """Every check of `hexpost verify` holds."""
    findings = verify_store(store, hours=SiteHours(ZoneInfo(zone)))
    assert [finding for finding in findings if not finding.holds] == []
