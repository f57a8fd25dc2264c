"""Gauges that nobody understands until a technician writes their mapping: for tests of retrying from quarantine."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from appliance.model.intake import Intake
from appliance.model.settings import Settings
from appliance.store.clock.box_clock import BoxClock
from appliance.store.engine import Store
from appliance.store.intake.batch import Recorder
from appliance.wiring import Box, open_recorder
from appliance.wiring_families import load_families, mapping_folder
from firmware_bridge.decode import Decoder
from tests.board import Board
from tests.conftest import NOW

MAPPING = """
[family]
name = "gauge"
title = "Gauges"
source = "a test"

[metrics]
level_mm = { metric = "water_level", unit = "m", scale = 0.001 }

[[message]]
topic = "gauge/{station}/data"
device = "{station}"
require = ["$.level_mm"]

[[message.observation]]
kind = "readings"
"""
FIRST = NOW - timedelta(hours=5)


def box_of(store: Store) -> Box:
    """The box over a store, at the fixed instant."""
    return Box(settings=Settings(), data=store.path.parent, time=BoxClock(Board(NOW)))


def recorder_at(store: Store, at: datetime) -> Recorder:
    """The box's own recorder at another instant."""
    return open_recorder(Box(settings=Settings(), data=store.path.parent, time=BoxClock(Board(at))), store)


def hear(store: Store, messages: Sequence[tuple[str, bytes]]) -> None:
    """Let messages come in a second after one another, as the bridge takes them; none of them may be understood."""
    decoder = Decoder(load_families(box_of(store)), zone=Settings().zone)
    for n, (topic, payload) in enumerate(messages):
        at = FIRST + timedelta(seconds=n)
        decoded = decoder.decode(topic, payload, received_at=at)
        assert decoded.rejections, (topic, payload)
        recorder_at(store, at).record(Intake(rejections=decoded.rejections))


def mend(store: Store) -> Path:
    """Write the mapping that was missing."""
    folder = mapping_folder(box_of(store))
    folder.mkdir(exist_ok=True)
    file = folder / "gauge.toml"
    file.write_text(MAPPING, encoding="utf-8")
    return file
