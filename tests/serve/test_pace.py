"""Uploads of one credential: as fast as the box bears, then told to wait, and never stored in part."""

import pytest
from litestar.testing import TestClient

from appliance.errors import TooFast
from appliance.serve.app import create_app
from appliance.serve.pace import MAX_NAMES, Pace
from tests.serve.conftest import MakeContext


def test_the_next_one_waits_until_what_came_before_is_made_up_for() -> None:
    at = [0.0]
    pace = Pace(rate=10, burst=100, monotonic=lambda: at[0])
    pace.check("amal")
    pace.charge("amal", 150)
    with pytest.raises(TooFast) as refused:
        pace.check("amal")
    assert refused.value.retry_after_s == pytest.approx(5.0)
    pace.check("badr")
    at[0] = 5.0
    pace.check("amal")


def test_a_rate_of_nothing_lets_everybody_pass_and_names_are_bounded() -> None:
    free = Pace(rate=0, burst=1, monotonic=lambda: 0.0)
    free.charge("amal", 10_000)
    free.check("amal")
    pace = Pace(rate=10, burst=1, monotonic=lambda: 0.0)
    for n in range(MAX_NAMES + 1):
        pace.charge(f"u{n}", 100)
    pace.check("u0")


def test_an_upload_that_is_too_fast_is_429_and_says_how_long_to_wait(
    make_context: MakeContext, bearer: dict[str, str]
) -> None:
    rows = [
        {
            "event_id": f"e{n}",
            "event_type": "m",
            "event_timestamp": "2026-11-21T10:00:00Z",
            "longitude": 1,
            "latitude": 2,
        }
        for n in range(20)
    ]
    context = make_context("[http]\nupload_rate = 0.1\nupload_burst = 10")
    with TestClient(create_app(context)) as client:
        assert client.post("/v1/events/upload", json=rows, headers=bearer).json()["accepted"] == 20
        refused = client.post("/v1/events/upload", json=rows, headers=bearer)
    assert refused.status_code == 429
    assert 90 <= int(refused.headers["Retry-After"]) <= 100
    assert "rows a second" in refused.json()["detail"]
