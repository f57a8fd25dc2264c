"""When a forecast is made again: each new day after 00:05, late data, settings, parameters; never by a wrong clock."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from appliance.aggregate.hours import SiteHours
from appliance.job.forecast_due import REST
from appliance.model.intake import Intake
from appliance.store.engine import Store
from appliance.store.event.pages import place_events
from appliance.store.forecast.parameters import accept_parameters, fetch_active, save_parameters
from appliance.store.settled.counts import ensure_counts
from appliance.store.settled.tally import Tally
from tests.conftest import NOW, make_recorder
from tests.job.site import Site
from tests.store.checks import event_at

YESTERDAY = NOW - timedelta(days=1)


@pytest.fixture
def site(store: Store) -> Site:
    """Ten days of events, forecast at noon."""
    made = Site(store)
    made.live(10)
    made.forecast()
    return made


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_a_new_day_is_due_five_minutes_after_it_began_once(site: Site) -> None:
    assert site.why(at("2026-11-22T23:59:59Z")) == ""
    assert site.why(at("2026-11-23T00:04:59Z")) == ""
    assert site.why(at("2026-11-23T00:05:00Z")) == "a new day"
    site.forecast()
    assert site.why(at("2026-11-23T00:05:10Z")) == ""


def test_what_was_missed_while_the_box_was_off_is_done_when_it_is_on(site: Site) -> None:
    assert site.why(at("2026-12-24T17:00:00Z")) == "a new day"


@pytest.mark.parametrize(
    ("night", "begins"),
    [
        ("2026-03-08", "2026-03-08T05:00:00Z"),  # the night of 23 hours begins in winter time
        ("2026-03-09", "2026-03-09T04:00:00Z"),
        ("2026-11-01", "2026-11-01T04:00:00Z"),
        ("2026-11-02", "2026-11-02T05:00:00Z"),
    ],
)
def test_days_begin_by_the_sites_clock(store: Store, night: str, begins: str) -> None:
    with store.write() as connection:
        ensure_counts(connection, SiteHours(ZoneInfo("America/Toronto")), (7, 8))
    site = Site(store, zone="America/Toronto")
    site.record(at(begins) - timedelta(days=3))
    site.now = at(begins) - timedelta(minutes=1)
    site.forecast()
    assert site.why(at(begins) + timedelta(minutes=4)) == ""
    assert site.why(at(begins) + timedelta(minutes=5)) == "a new day"
    run = site.forecast()
    assert run is not None and run.day.isoformat() == night


def test_with_a_clock_that_cannot_be_believed_nothing_is_due(site: Site) -> None:
    site.trusted = False
    assert site.why(NOW + timedelta(days=400)) == ""
    site.trusted = True
    assert site.why() == "a new day"


def test_a_day_that_a_wrong_clock_forecast_is_done_again(site: Site) -> None:
    site.now = NOW + timedelta(days=3_652)
    site.forecast()
    assert site.why(NOW) == "a new day"
    site.forecast()
    assert {day for _, day, *_ in site.slices()} == {"2026-11-22", "2026-11-23"}


def test_events_of_today_are_not_late(site: Site) -> None:
    site.record(*[NOW] * 40)
    assert site.why(NOW + timedelta(hours=5)) == ""


def test_a_little_late_data_waits_for_an_hour_and_much_as_long_as_a_run_is_cheap(site: Site) -> None:
    run = site.forecast()
    assert run is not None
    site.record(YESTERDAY)
    assert site.why(NOW + timedelta(minutes=59)) == ""
    assert site.why(NOW + timedelta(minutes=60)) == "late data"
    site.record(*[YESTERDAY] * 200)
    assert site.why(NOW + timedelta(seconds=REST * run.took_s * 0.9)) == ""
    assert site.why(NOW + timedelta(seconds=REST * run.took_s * 1.1)) == "late data"
    site.forecast()
    assert site.why(NOW + timedelta(hours=5)) == ""


def test_late_data_is_not_forgotten_by_a_process_that_begins_anew(site: Site) -> None:
    site.record(YESTERDAY)
    site.record(NOW)
    again = Site(site.store)
    assert again.why(NOW + timedelta(hours=2)) == "late data"


def test_a_corrected_event_and_one_that_is_given_a_place_are_late_data(site: Site) -> None:
    site.record(YESTERDAY, event_id="corrected")
    site.forecast()
    site.record(YESTERDAY, event_id="corrected", rev=1, event_type="fire")
    assert site.why(NOW + timedelta(hours=2)) == "late data"
    site.forecast()
    assert site.why(NOW + timedelta(hours=4)) == ""
    make_recorder(site.store, NOW).record(Intake(events=[event_at(None, event_id="unplaced")]))
    site.forecast()
    with site.store.write() as connection:
        assert place_events(connection, "agency/cam7", 47.97, 29.37, Tally(site.hours, (7, 8)), 10)
    assert site.why(NOW + timedelta(hours=6)) == "late data"


@pytest.mark.parametrize("changes", [{"type_weights": {"fire": 2.0}}, {"severity_weight": 1.0}, {"types": ("fire",)}])
def test_other_settings_are_taken_up_at_once(site: Site, changes: dict[str, object]) -> None:
    again = Site(site.store, **changes)
    assert again.why() == "other settings"
    again.forecast()
    assert again.why() == ""


def test_parameters_that_a_person_accepted_are_taken_up_at_once(site: Site) -> None:
    with site.store.write() as connection:
        active = fetch_active(connection, 8)
        assert active is not None
        others = msgspec.structs.replace(active.parameters, class_strengths=(4.0, 8.0, 16.0))
        save_parameters(
            connection,
            msgspec.structs.replace(active, version=others.version, parameters=others, state="proposed"),
        )
    assert site.why() == ""
    with site.store.write() as connection:
        accept_parameters(connection, others.version, now=NOW)
    assert site.why() == "other parameters"
    run = site.forecast()
    assert run is not None and run.parameter_version == others.version
    assert site.why() == ""
