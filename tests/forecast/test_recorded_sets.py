"""The forecast on the recorded incident sets, beside the plain count of all history."""

import numpy as np
import pytest

from appliance.errors import Rejected
from appliance.forecast.incidents import Incidents
from appliance.job.backtesting import perform_backtest
from benchmarks.backtest import compare
from benchmarks.incident_sets import FOLDER, SETS, read_set

recorded = pytest.mark.skipif(not (FOLDER / SETS[0].file).exists(), reason="HEXPOST_FIELDKIT has no incident sets")
USUAL = [chosen for chosen in SETS if not chosen.odd]


@recorded
@pytest.mark.deep
@pytest.mark.timeout(900)
def test_the_forecast_beats_the_plain_count_on_the_mean_and_is_calibrated_on_every_set() -> None:
    gains: dict[str, list[list[float]]] = {"next_shift": [], "next_day": [], "next_7_days": []}
    far_worse = compared = 0
    for chosen in USUAL:
        for trial in perform_backtest(read_set(chosen), test_days=90)[0]:
            base, ours, errors = compare(trial)
            far_worse += int((ours < base - 2 * errors).sum())
            compared += len(errors)
            gains[trial.horizon].append((ours / base - 1).tolist())
            scores = {row.method: row.log_score for row in trial.rows()}
            ours_score, base_score = scores["calibrated"], scores["count_all"]
            assert ours_score is not None and base_score is not None
            assert ours_score > base_score, (chosen.name, trial.horizon)
            found = trial.calibration()
            assert 0.88 <= found.coverage <= 0.92, (chosen.name, trial.horizon)
            assert 0.86 <= found.busy_coverage <= 0.94, (chosen.name, trial.horizon)
    assert (np.mean(gains["next_shift"], axis=0) > 0.05).all()
    assert (np.mean(gains["next_day"], axis=0) > 0.0).all()
    assert (np.mean(gains["next_7_days"], axis=0) > 0.0).all()
    assert (compared, far_worse) == (72, 0)


@recorded
def test_one_day_of_fires_is_too_short_and_says_so() -> None:
    fires = next(chosen for chosen in SETS if chosen.name == "fires")
    incidents: Incidents = read_set(fires)
    with pytest.raises(Rejected, match="span 2 days"):
        perform_backtest(incidents, test_days=90)
