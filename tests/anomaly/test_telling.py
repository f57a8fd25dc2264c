"""An anomaly in words and numbers, at the site's own time."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from appliance.anomaly.telling import explain
from appliance.model.anomaly import Found
from tests.store.anomalies import burst, spike

AT = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
KUWAIT = ZoneInfo("Asia/Kuwait")


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (
            burst(AT),
            "14 events between 02:00 and 03:00 on 2026-11-21 where 1.8 are usual; by chance in this cell once in "
            "40,000 hours; 3 of 5,210 cells flagged at a false-discovery rate of 1 %, by 56 days before",
        ),
        (
            spike(AT),
            "temperature of a/b was 41.25 Cel at 02:00 on 2026-11-21 where it had been 21.31 of late; among its own "
            "past something so rare comes once in 250,000 values",
        ),
        (
            spike(AT, bar=1.0, probability=None, unit="1", detail={"stream": "level"}),
            "temperature of a/b was 41.25 at 02:00 on 2026-11-21 on the average of its last twenty or so values where "
            "21.31 is usual; it had to be 10 times rarer than the standard asks for",
        ),
        (
            spike(AT, probability=None, device="{at} {0}", detail={"stream": "roughness"}),
            "temperature of {at} {0} differed at 02:00 on 2026-11-21 by 41.25 Cel from one value to the next where "
            "21.31 is usual",
        ),
        (
            spike(AT, kind="stuck", observed=9.5, expected=0.4, detail={"value": 43.2, "values": 570.0}),
            "temperature of a/b had stayed at 43.2 Cel since 02:00 on 2026-11-21 for 9.5 hours (570 values); it is "
            "not used to staying longer than 24 minutes",
        ),
        (
            spike(AT, kind="impossible", metric="temperature.probe1", expected=20.1, detail={"seconds": 60.0}),
            "temperature.probe1 of a/b went from 20.1 to 41.25 Cel within 60 s at 02:00 on 2026-11-21; no more than "
            "3 a minute is possible",
        ),
        (
            spike(AT, kind="impossible_move", observed=1_230, detail={"distance_m": 12_300.0, "seconds": 10.0}),
            "a/b moved 12,300 m within 10 s at 02:00 on 2026-11-21, 1,230 m/s; nothing here moves faster than 100 m/s",
        ),
    ],
)
def test_it_says_what_was_seen_what_is_usual_and_how_rare_that_is(found: Found, words: str) -> None:
    assert explain(found, KUWAIT) == words


def test_a_day_is_told_from_its_first_hour_to_its_last() -> None:
    detail = {**burst(AT).detail, "window": [0, 86_400_000_000], "hours": 24}
    words = explain(burst(AT, event_type="fire", detail=detail, probability=1e-12), ZoneInfo("UTC"))
    assert words.startswith(
        "14 fire events between 00:00 on 1970-01-01 and 00:00 on 1970-01-02 where 1.8 are usual; by chance in this "
        "cell once in more than 1,000,000,000 days"
    )
