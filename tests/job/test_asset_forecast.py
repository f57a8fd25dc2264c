"""An asset expects its share of what the forecast says of its cells."""

from datetime import timedelta

import pytest

from appliance.forecast.scale import risk_score
from appliance.job.asset_risk import AssetRisks
from appliance.model.asset import AssetChange
from appliance.spatial.cells import to_hex
from appliance.store.asset.registry import put_asset
from appliance.store.asset.risk import fetch_asset_risk
from appliance.store.engine import Store
from appliance.store.forecast.slices import fetch_forecast, fetch_means
from tests.job.site import PLACES, TODAY, Site


def test_an_asset_expects_its_share_of_the_forecast_of_its_cells(store: Store) -> None:
    site = Site(store)
    site.live(10)
    site.record(site.now)
    site.forecast()
    geometry = {"type": "LineString", "coordinates": [list(PLACES[0]), list(PLACES[-1])]}
    with store.write() as connection:
        put_asset(connection, "ring", AssetChange(geometry=geometry), resolutions=site.risk.resolutions)
    assets = AssetRisks(
        store, risk=site.risk, zone=site.hours.zone, clock=lambda: site.now, scale=risk_score, means=fetch_means
    )
    assets.perform_due()
    with store.read() as connection:
        page = fetch_forecast(connection, day=TODAY, resolution=8, horizon="next_day", limit=1_000)
        (today,) = fetch_asset_risk(connection, "ring", from_day=TODAY, to_day=TODAY)
        (before,) = fetch_asset_risk(
            connection, "ring", from_day=TODAY - timedelta(days=1), to_day=TODAY - timedelta(days=1)
        )
        cells = connection.exec_driver_sql("SELECT h3_index, share FROM asset_cells").all()
    means = {row.h3_index: row.mean for row in page.items}
    wanted = sum(share * means.get(to_hex(cell), 0.0) for cell, share in cells)
    assert wanted > 0 and len(cells) > 3
    assert today.expected_events == pytest.approx(wanted, abs=1e-5)
    assert (today.basis, today.basis_days) == ("forecast", 0)
    assert before.basis == "counts_28d"  # nothing was forecast of it


def test_a_new_forecast_is_taken_up_without_a_run(store: Store) -> None:
    site = Site(store)
    site.live(10)
    site.record(site.now)
    with store.write() as connection:
        geometry = {"type": "Point", "coordinates": list(PLACES[0])}
        put_asset(connection, "s1", AssetChange(geometry=geometry), resolutions=site.risk.resolutions)
    assets = AssetRisks(
        store, risk=site.risk, zone=site.hours.zone, clock=lambda: site.now, scale=risk_score, means=fetch_means
    )
    assert assets.perform_due() > 0
    assert assets.perform_due() == 0
    site.forecast()
    assert assets.perform_due() > 0
    with store.read() as connection:
        (today,) = fetch_asset_risk(connection, "s1", from_day=TODAY, to_day=TODAY)
    assert today.basis == "forecast"
