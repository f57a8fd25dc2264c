"""A site whose mapping is wrong at first: messages go in as the bridge takes them, and what is stored is looked at."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from appliance.job.counting import count_events
from appliance.model.event import Event
from appliance.model.intake import Intake, RawMessage
from appliance.model.settings import Settings
from appliance.store.clock.box_clock import BoxClock
from appliance.store.device.field import StoreField
from appliance.store.engine import FILE_NAME, raw_connection
from appliance.store.verify import verify_store
from appliance.wiring import Box, open_recorder, open_store
from appliance.wiring_archive import ReprocessReport, reprocess
from appliance.wiring_families import load_families, mapping_folder
from firmware_bridge.canonical import Surroundings
from firmware_bridge.decode import Decoder
from firmware_bridge.field import Field
from firmware_bridge.gather import Gatherer
from tests.board import Board
from tests.empty_store import put_store
from tests.store.archive.messages import HOUR
from tests.store.registry import change

NOW = HOUR + timedelta(days=2)
POSITION = (
    "observed_at, device, received_at, longitude, latitude, altitude_m, accuracy_m, speed_mps, heading_deg, "
    "clock_quality"
)  # all but the number of the transaction, which is another when a row is written anew

WRONG = """
[family]
name = "cart"
title = "Carts"
source = "a test"

[metrics]
level_mm = { metric = "level", unit = "m", scale = 0.01 }

[[message]]
topic = "cart/{device}/data"
device = "{device}"
time = "$.ts"

[[message.observation]]
kind = "readings"
only = ["level_mm"]

[[message]]
topic = "cart/{device}/alarm"
device = "{device}"
time = "$.ts"
id = "$.seq"
longitude = "$.at[0]"
latitude = "$.at[1]"

[[message.observation]]
kind = "alarm"
name = "tilt"
active = "$.on"
severity = { path = "$.sev", scale = 0.1 }
"""
MENDED = (
    WRONG.replace("scale = 0.01 }", "scale = 0.001 }").replace("scale = 0.1 }", "scale = 0.01 }")
    + """
[[message]]
topic = "cart/{device}/where"
device = "{device}"
time = "$.ts"
longitude = "$.at[0]"
latitude = "$.at[1]"

[[message.observation]]
kind = "position"
"""
)


class Site:
    """A box in a folder, with a mapping file of carts."""

    def __init__(self, folder: Path, mapping: str = WRONG, **settings: Any) -> None:
        self.board = Board(NOW)
        self.box = Box(settings=msgspec.convert(settings, Settings), data=folder, time=BoxClock(self.board))
        self.map(mapping)
        if not (folder / FILE_NAME).exists():
            put_store(folder / FILE_NAME)
        self.store = open_store(self.box)
        self.field = Field(
            StoreField(self.store, self.box.clock),
            clock=self.box.clock,
            clock_trusted=lambda: True,
            monotonic=lambda: 0.0,
            alert=lambda _: None,
        )
        self.field.start()
        self.recorder = open_recorder(self.box, self.store)
        self.decoder = Decoder(load_families(self.box), zone=UTC)
        around = Surroundings(
            standing=self.field.standing, judge=self.field.judge, plate_key=self.box.secret("plates.key")
        )
        self.gatherer = Gatherer(around, memory=self.decoder.memory)

    def map(self, mapping: str) -> None:
        """Write the mapping file anew; what comes in is decoded by it only after `reload`."""
        file = mapping_folder(self.box) / "cart.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(mapping)

    def reload(self) -> None:
        """Decode what comes in by the mapping file as it is now."""
        self.decoder.replace(load_families(self.box))

    def hear(self, *messages: RawMessage) -> None:
        """A batch, as the bridge takes it."""
        for message in messages:
            decoded = self.decoder.decode(
                message.topic, message.payload, received_at=message.received_at, retain=message.retain
            )
            self.gatherer.add(message, decoded)
        self.recorder.record(self.gatherer.take(self.decoder.memory.take_changed()))

    def register(self, device: str, longitude: float, latitude: float) -> None:
        """A person says where a device stands, and the bridge learns of it."""
        change(self.store, device, longitude=longitude, latitude=latitude)
        self.field.start()

    def upload(self, events: Sequence[Event], raw: Sequence[RawMessage]) -> None:
        """Events from elsewhere."""
        self.recorder.record(Intake(events=list(events), raw=list(raw)))

    def reprocess(
        self, start: datetime = HOUR, end: datetime = HOUR + timedelta(days=1), *, dry_run: bool = False
    ) -> ReprocessReport:
        """Decode the archive anew."""
        return reprocess(self.box, self.store, start=start, end=end, who="cli:test", dry_run=dry_run)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the store."""
        with self.store.read() as connection:
            rows: list[tuple[Any, ...]] = raw_connection(connection).execute(sql).fetchall()
        return rows

    def content(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that decoding makes, without the keys and times that recording gives."""
        count_events(self.store, self.box.hours())
        return {
            "events": self.query(
                "SELECT source, event_id, event_type, event_timestamp, received_at, severity, value, attributes_json, "
                "rev, h3_index, geom FROM events ORDER BY 1, 2"
            ),
            "readings": self.query("SELECT * FROM readings ORDER BY device, metric, observed_at, value"),
            "positions": self.query(f"SELECT {POSITION} FROM positions ORDER BY device, observed_at, longitude"),
            "counts": self.query("SELECT * FROM event_counts WHERE event_count ORDER BY 1, 2, 3, 4, 5"),
        }

    def identities(self) -> list[tuple[Any, ...]]:
        """(source, id, key, time of recording) of the events."""
        return self.query("SELECT source, event_id, event_pk, recorded_at FROM events ORDER BY 1, 2")

    def check(self) -> None:
        """`hexpost verify` is content."""
        findings = verify_store(self.store, hours=self.box.hours())
        assert all(finding.holds for finding in findings), findings

    def close(self) -> None:
        """Give the store back."""
        self.store.close()


def level(n: int, mm: float, *, device: str = "c1", **members: Any) -> RawMessage:
    """A cart's level."""
    return raw(n, f"cart/{device}/data", {"ts": instant(n), "level_mm": mm}, **members)


def alarm(n: int, sev: float = 50, *, on: bool = True, device: str = "c1", at: Any = (47.97, 29.37)) -> RawMessage:
    """A cart that tilts, or stands again."""
    told = {"ts": instant(n), "seq": f"s{n}", "on": on, "sev": sev}
    return raw(n, f"cart/{device}/alarm", {**told, **({"at": at} if at else {})})


def where(n: int, *, device: str = "c1") -> RawMessage:
    """Where a cart is: nobody understands it before the mapping is mended."""
    return raw(n, f"cart/{device}/where", {"ts": instant(n), "at": [47.9 + n / 1000, 29.3]})


def native(n: int, *, event_id: str = "", source: str = "city/cam1", **members: Any) -> RawMessage:
    """A native event."""
    told = {"event_type": "motion", "event_timestamp": instant(n), "longitude": 47.97, "latitude": 29.37}
    return raw(n, f"hexpost/v1/{source}/event", {**told, "event_id": event_id or f"e{n}", **members})


def raw(n: int, topic: str, told: Any, **members: Any) -> RawMessage:
    """The message that came n seconds into the hour."""
    payload = told if isinstance(told, bytes) else json.dumps(told).encode()
    return RawMessage(topic=topic, payload=payload, received_at=HOUR + timedelta(seconds=n), **members)


def instant(n: int) -> str:
    """The time that a device told with its nth message."""
    return (HOUR + timedelta(seconds=n)).isoformat()
