"""Parameters: learned as a young site grows, then left alone; drift is found and proposed, never applied in silence."""

from datetime import date, timedelta

import msgspec
import pytest

from appliance.forecast.parameters import Parameters
from appliance.forecast.past import PARTS
from appliance.job.forecast_learning import DRIFT_EVERY
from appliance.store.engine import Store
from appliance.store.forecast.parameters import (
    StoredParameters,
    accept_parameters,
    fetch_active,
    fetch_parameters,
    save_parameters,
)
from appliance.store.forecast.runs import fetch_checks
from tests.conftest import NOW
from tests.job.site import TODAY, Site


def versions(site: Site) -> dict[str, StoredParameters]:
    """By state; one each."""
    with site.store.read() as connection:
        return {one.state: one for one in reversed(fetch_parameters(connection))}


def test_the_first_run_learns_and_the_next_days_leave_it_alone(store: Store) -> None:
    site = Site(store)
    site.live(40)
    site.forecast()
    first = versions(site)["active"]
    assert (first.learned_days, first.learned_until, first.reason) == (40, TODAY, "the first")
    assert first.events > 50 and first.parameters != Parameters()
    site.live(3, until=TODAY + timedelta(days=3))
    site.now = NOW + timedelta(days=3)
    site.forecast()
    assert versions(site) == {"active": first}


def test_a_site_that_has_grown_by_a_half_learns_anew_and_the_old_version_is_kept(store: Store) -> None:
    site = Site(store)
    site.live(30)
    site.forecast()
    first = versions(site)["active"]
    site.live(15, until=TODAY + timedelta(days=15))
    site.now = NOW + timedelta(days=15)
    site.forecast()
    found = versions(site)
    assert found["active"].learned_days == 45
    assert "grown from 30 to 45 days" in found["active"].reason
    assert found["retired"].version == first.version


def test_an_import_that_doubles_the_history_is_learned_from_on_the_same_day(store: Store) -> None:
    site = Site(store)
    site.live(20)
    site.forecast()
    site.live(15, until=TODAY - timedelta(days=20))
    site.forecast()
    assert versions(site)["active"].learned_days == 20  # at most once a day
    site.live(15, until=TODAY - timedelta(days=35))
    site.forecast()
    assert versions(site)["active"].learned_days == 50


def that_call_everything_alike(learned_until: date, days: int = 400) -> StoredParameters:
    """Parameters by which one cell is as good as another; learned from a year, so that they stand."""
    even = tuple(float(part == "even") for part in PARTS)
    horizons = {name: msgspec.structs.replace(own, weights=even) for name, own in Parameters().horizons.items()}
    parameters = Parameters(horizons=horizons, events=9_000)
    return StoredParameters(
        resolution=8,
        version=parameters.version,
        parameters=parameters,
        code_version=parameters.code_version,
        state="active",
        reason="the first",
        learned_at=NOW - timedelta(days=60),
        learned_days=days,
        learned_until=learned_until,
        watermark=1,
        events=9_000,
    )


@pytest.fixture
def drifted(store: Store) -> Site:
    """A site whose parameters no longer fit, forecast once."""
    site = Site(store)
    site.live(100)
    with store.write() as connection:
        save_parameters(connection, that_call_everything_alike(TODAY - timedelta(days=50)))
    site.forecast()
    return site


def test_parameters_that_have_drifted_stay_in_force_and_others_are_proposed(drifted: Site) -> None:
    found = versions(drifted)
    assert found["active"].version == that_call_everything_alike(TODAY).version
    assert found["proposed"].learned_until == TODAY
    assert "drift, next_7_days" in found["proposed"].reason or "drift, next_day" in found["proposed"].reason
    with drifted.store.read() as connection:
        checks = fetch_checks(connection)
    assert all(check.judged for check in checks)
    assert any("hit rate" in check.drift for check in checks)
    assert not any(check.offered for check in checks)  # and meanwhile the plain count stands in
    ((severity, title, detail, state),) = drifted.rows("SELECT severity, title, detail_json, state FROM alerts")
    assert (severity, state) == ("warning", "open")
    assert f"`hexpost forecast accept {found['proposed'].version}`" in title
    assert msgspec.json.decode(detail)["in_force"] == found["active"].version


def test_what_is_proposed_serves_once_it_is_accepted(drifted: Site) -> None:
    proposed = versions(drifted)["proposed"]
    with drifted.store.write() as connection:
        accepted = accept_parameters(connection, proposed.version, now=NOW)
    assert accepted.state == "active"
    assert drifted.rows("SELECT kind, state FROM alerts") == [("forecast_drift", "closed")]
    run = drifted.forecast()
    assert run is not None and run.parameter_version == proposed.version
    with drifted.store.read() as connection:
        checks = fetch_checks(connection)
    assert {check.parameter_version for check in checks} == {proposed.version}
    assert [check.offered for check in checks if check.horizon == "next_day"] == [True]
    assert versions(drifted)["retired"].version == that_call_everything_alike(TODAY).version


def test_drift_is_looked_for_once_a_week(drifted: Site) -> None:
    first = versions(drifted)["proposed"]
    judged, before = [], 0
    for day in (1, DRIFT_EVERY.days - 1, DRIFT_EVERY.days):
        drifted.live(day - before, until=TODAY + timedelta(days=day))
        before, drifted.now = day, NOW + timedelta(days=day)
        drifted.forecast()
        with drifted.store.read() as connection:
            judged.append({check.judged for check in fetch_checks(connection)})
    assert judged == [{False}, {False}, {True}]
    assert drifted.rows("SELECT kind, times FROM alerts") == [("forecast_drift", 2)]  # told again, not anew
    found = versions(drifted)
    assert found["proposed"].learned_until == TODAY + timedelta(days=7)  # in place of the one a week old
    assert found["proposed"].version == first.version or found["retired"].version == first.version


def test_parameters_are_not_judged_by_days_that_taught_them(store: Store) -> None:
    site = Site(store)
    site.live(60)
    with store.write() as connection:
        save_parameters(connection, that_call_everything_alike(TODAY - timedelta(days=3)))
    site.forecast()
    with store.read() as connection:
        checks = fetch_checks(connection)
        assert fetch_active(connection, 8) == that_call_everything_alike(TODAY - timedelta(days=3))
    assert [(check.judged, check.drift) for check in checks] == [(False, "")] * 2
    assert all(check.figures is not None for check in checks)


def test_a_newer_program_learns_in_its_own_way(store: Store) -> None:
    site = Site(store)
    site.live(30)
    old = msgspec.structs.replace(that_call_everything_alike(TODAY), code_version="calibrated-0")
    with store.write() as connection:
        save_parameters(connection, old)
    site.forecast()
    assert "otherwise than calibrated-0" in versions(site)["active"].reason
