"""What the tests of anomalies share: some that were found."""

from datetime import datetime, timedelta
from typing import Any

from appliance.clock import to_us
from appliance.model.anomaly import Found
from appliance.spatial.cells import cell_of, centre, to_hex
from appliance.store.anomaly.ledger import Recorded, record_found
from appliance.store.engine import Store
from tests.conftest import NOW

HOUR = timedelta(hours=1)
CELL = cell_of(lat=29.37, lng=47.97, resolution=8)


def burst(at: datetime = NOW - HOUR, *, cell: int = CELL, **members: Any) -> Found:
    """Fourteen events in the hour that begins at an instant."""
    given = {
        "kind": "cell_count",
        "subject": f"cell/{to_hex(cell)}",
        "family": "family/cells/8/",
        "started_at": at,
        "last_at": at + HOUR,
        "score": 0.9,
        "observed": 14,
        "expected": 1.8,
        "probability": 2.5e-5,
        "version": "counts 1",
        "resolution": 8,
        "cell": cell,
        "place": centre(cell),
        "detail": {
            "window": [to_us(at), to_us(at + HOUR)],
            "hours": 1,
            "flagged": 3,
            "cells": 5_210,
            "share": 0.01,
            "days": 56,
        },
    }
    return Found(**{**given, **members})


def spike(at: datetime = NOW - HOUR, *, device: str = "a/b", **members: Any) -> Found:
    """A temperature that is not usual."""
    given = {
        "kind": "series",
        "subject": f"series/{device}/temperature",
        "family": "family/series/temperature",
        "started_at": at,
        "last_at": at,
        "score": 0.7,
        "observed": 41.25,
        "expected": 21.31,
        "probability": 4e-6,
        "version": "watch 1",
        "device": device,
        "metric": "temperature",
        "unit": "Cel",
        "place": (47.97, 29.37),
    }
    return Found(**{**given, **members})


def put(store: Store, *found: Found, gap: timedelta = HOUR, now: datetime = NOW) -> list[Recorded]:
    """Write what was found."""
    with store.write() as connection:
        return [record_found(connection, one, gap=gap, now=now) for one in found]
