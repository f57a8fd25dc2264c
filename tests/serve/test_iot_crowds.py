"""`/v1/iot/crowd-correlation`: a tie is told with its lag, its sample and its confidence, or not at all."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest

from appliance.aggregate.bins import SiteBins
from appliance.clock import rfc3339, to_us
from appliance.model.intake import Reading
from appliance.model.settings_text import read_settings
from appliance.model.tier import READINGS
from appliance.store.engine import Store
from appliance.store.measured.tiers import roll_up_hours
from tests.conftest import NOW, make_event
from tests.serve.conftest import Client
from tests.serve.iot_site import CAMS, CELL, make_site, record


@pytest.fixture
def site(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A zone of a hundred people with four cameras."""
    return make_site(store, monkeypatch)


@pytest.fixture
def crowded(site: Store) -> Callable[[bool], None]:
    """Sixty days of crowds by the hour, and of fights that follow them by three hours, or do not."""

    def fill(tied: bool) -> None:
        rng, hours = np.random.default_rng(8), 60 * 24
        ups = np.convolve(rng.normal(size=hours + 12), np.ones(6) / 6, "same")[:hours] * 2
        start = NOW - timedelta(hours=hours)
        events, readings = [], []
        fights = rng.poisson(0.4 * np.exp(1.2 * np.roll(ups, 3) if tied else 0.0 * ups))
        for n in range(hours):
            at = start + timedelta(hours=n, minutes=5)
            readings.append(
                Reading(
                    device=CAMS[0],
                    metric="crowd_people",
                    observed_at=at,
                    received_at=at,
                    unit="1",
                    value=float(np.round(50 * np.exp(0.5 * ups[n]))),
                    clock_quality="good",
                )
            )
            events += [
                make_event(event_id=f"f{n}-{k}", event_type="fight", source="police", event_timestamp=rfc3339(at))
                for k in range(fights[n])
            ]
        record(site, events, readings)
        roll_up_hours(site, READINGS, SiteBins(read_settings("", {}).zone), to_us(NOW))

    return fill


def test_a_tie_between_crowds_and_incidents_is_found_with_lag_sample_and_confidence(
    admin: Client, crowded: Callable[[bool], None]
) -> None:
    crowded(True)
    for location in ("gate", CELL):
        answer = admin.get(f"/v1/iot/crowd-correlation/{location}").json()
        (found,) = answer["items"]
        assert (found["event_type"], found["verdict"], found["lag_h"]) == ("fight", "associated", 3)
        assert found["interval"][0] < found["rho"] < found["interval"][1]
        assert 0 < found["p_value"] <= 0.05
        assert found["effective_hours"] < found["hours"] == answer["crowd_hours"] == 1_440
        assert (answer["resolution"], answer["types_searched"], answer["max_lag_h"]) == (8, 1, 24)
        assert answer["cell_count"] >= len(answer["cells"]) >= 1


def test_without_a_tie_none_is_told_and_no_coefficient_is_bare(admin: Client, crowded: Callable[[bool], None]) -> None:
    crowded(False)
    (found,) = admin.get("/v1/iot/crowd-correlation/gate").json()["items"]
    assert found["verdict"] == "not shown"
    assert all(found[name] is not None for name in ("rho", "interval", "p_value", "hours", "effective_hours"))
    assert "no tie between crowds and fight beyond chance" in found["words"]


def test_a_place_without_a_crowd_counter_says_so(admin: Client, site: Store) -> None:
    record(site, [make_event(event_id=f"f{n}", event_type="fight") for n in range(40)])
    (found,) = admin.get("/v1/iot/crowd-correlation/gate").json()["items"]
    assert (found["verdict"], found["rho"]) == ("insufficient data", None)
    assert "0 hours with a crowd reading" in found["words"]
