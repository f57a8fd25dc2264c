"""`hexpost verify`: what holds in a sound store, and that each kind of damage is found and named."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from appliance.aggregate.bins import SiteBins
from appliance.aggregate.hours import SiteHours
from appliance.clock import to_us
from appliance.job.counting import count_events
from appliance.model.intake import DeviceReport, Intake, Reading
from appliance.model.tier import READINGS
from appliance.store.engine import Store, raw_connection
from appliance.store.intake.batch import Recorder
from appliance.store.measured.tiers import roll_up_days, roll_up_hours
from appliance.store.settled.settle import settle_index
from appliance.store.verify import verify_store
from tests.conftest import NOW, make_event
from tests.store.checks import assert_sound, event_at


@pytest.fixture
def filled(store: Store, recorder: Recorder) -> Store:
    """A store with an event, one without a place, a reading and a device."""
    recorder.record(
        Intake(
            events=[make_event(), event_at(None, event_id="unplaced")],
            readings=[Reading(device="a/b", metric="co2", observed_at=NOW, received_at=NOW, value=400.0)],
            reports=[DeviceReport(source="a/b", family="native", seen_at=NOW, items=1)],
        )
    )
    with store.write() as connection:
        settle_index(connection)
    count_events(store, SiteHours(ZoneInfo("UTC")))
    return store


def test_a_filled_store_is_sound(filled: Store) -> None:
    assert_sound(filled)


@pytest.mark.parametrize(
    ("damage", "name", "detail"),
    [
        ("UPDATE events SET geom = NULL WHERE event_id = 'e1'", "geometry", "1 events in the wrong place"),
        ("UPDATE events SET h3_index = 1 WHERE geom IS NULL", "geometry", "wrong place, 1 wait for one"),
        ("UPDATE events SET geom = SetSRID(geom, 3857)", "geometry", "1 events in the wrong place"),
        ("UPDATE events SET geom = x'00'", "counters", "2 wrong"),
        ("DELETE FROM idx_devices_geom_node", "geometry", "spatial indexes bad"),
        ("DELETE FROM reading_series", "readings", "1 readings, 1 of no known series"),
        ("UPDATE item_totals SET items = items + 1 WHERE term = 'received'", "balance", "5 received"),
        ("DELETE FROM events WHERE event_id = 'unplaced'", "events", "1 rows, 2 counted as stored"),
        ("DELETE FROM event_keys", "identities", "2 events without a key, 0 keys without"),
        ("UPDATE event_keys SET event_pk = 77 WHERE event_id = 'e1'", "identities", "1 events without a key, 1 keys"),
        ("UPDATE events SET event_id = 'unplaced' WHERE event_id = 'e1'", "identities", "1 stored twice"),
        ("DELETE FROM event_cells", "cells", "0 entries, 1 missing"),
        ("UPDATE event_cells SET event_timestamp = 5", "cells", "1 missing, 1 wrong"),
        ("UPDATE event_counts SET event_count = 2 WHERE resolution = 8", "counters", "2 counters, 1 wrong"),
    ],
)
def test_damage_is_found_and_named(filled: Store, damage: str, name: str, detail: str) -> None:
    with filled.write() as connection:
        raw_connection(connection).execute(damage)
    findings = verify_store(filled, hours=SiteHours(ZoneInfo("UTC")))
    found = {finding.name: finding.detail for finding in findings if not finding.holds}
    assert detail in found[name]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE reading_hours SET value_highest = 500",
        "DELETE FROM reading_hours",
        "UPDATE reading_minutes SET value_count = 2",
        "UPDATE reading_days SET value_first = 1",
        "UPDATE reading_values SET value = 401",
    ],
)
def test_a_bin_that_is_not_what_it_was_computed_from_is_found(filled: Store, damage: str) -> None:
    bins, later = SiteBins(ZoneInfo("UTC")), to_us(NOW + timedelta(days=2))
    assert roll_up_hours(filled, READINGS, bins, later) == 2
    assert roll_up_days(filled, READINGS, bins, later) == 1
    assert_sound(filled)
    with filled.write() as connection:
        raw_connection(connection).execute(damage)
    findings = verify_store(filled, hours=SiteHours(ZoneInfo("UTC")))
    found = {finding.name: finding.detail for finding in findings if not finding.holds}
    assert found["tiers of readings"].split(", ")[1] in ("1 wrong", "2 wrong")
