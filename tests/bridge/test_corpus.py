"""The recorded messages through the whole of decoding and a real store: once, redelivered, in another order."""

import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from appliance.aggregate.hours import SiteHours
from appliance.model.intake import RawMessage
from appliance.store.engine import FILE_NAME, Store, raw_connection
from appliance.store.verify import verify_store
from firmware_bridge.canonical import Surroundings
from firmware_bridge.decode import Decoder
from firmware_bridge.gather import Gatherer
from firmware_bridge.liveness.skew import judge
from tests.bridge.samples import RECEIVED, Sample, make_decoder, needs_kit, samples
from tests.conftest import NOW, make_recorder
from tests.empty_store import put_store

pytestmark = needs_kit
AROUND = Surroundings(
    standing=lambda _: None,
    judge=lambda _, told, received, live: judge(told, received, None, trusted=True, live=live),
    plate_key=b"k" * 32,
)
TABLES = {
    "events": "source, event_id, event_type, event_timestamp, clock_quality, severity, value, attributes_json",
    "readings": "device, metric, observed_at, value, unit, clock_quality",
    "positions": "device, observed_at, longitude, latitude, speed_mps, heading_deg",
    "devices": "source, family",
    "quarantine": "topic, reason, count",
}


class Delivery(NamedTuple):
    """A message as the broker hands it over; its time of receipt goes with it into any order."""

    number: int
    sample: Sample
    redelivered: bool = False


def deliveries() -> list[Delivery]:
    return [Delivery(number, sample) for number, sample in enumerate(samples())]


class Run(NamedTuple):
    """What a store holds after the deliveries, and its balance."""

    content: dict[str, list[Any]]
    totals: dict[str, int]


def store_all(folder: Path, order: Sequence[Delivery], *, batch: int = 50) -> Run:
    """Deliver, in batches as the bridge has them, into a fresh store."""
    store = Store(put_store(folder / FILE_NAME, counted=(7, 8)))
    recorder, decoder = make_recorder(store, NOW, quarantine_rows=1_000), make_decoder()
    gatherer = Gatherer(AROUND, memory=decoder.memory)
    for start in range(0, len(order), batch):
        for delivery in order[start : start + batch]:
            deliver(delivery, decoder, gatherer)
        recorder.record(gatherer.take(decoder.memory.take_changed()))
    with store.read() as connection:
        raw = raw_connection(connection)
        content = {
            table: sorted(raw.execute(f"SELECT {columns} FROM {table}").fetchall(), key=repr)
            for table, columns in TABLES.items()
        }
        rows = raw.execute("SELECT term, sum(items) FROM item_totals GROUP BY term").fetchall()
    assert all(finding.holds for finding in verify_store(store, hours=SiteHours(ZoneInfo("UTC"))))
    store.close()
    return Run(content, dict(rows))


def deliver(delivery: Delivery, decoder: Decoder, gatherer: Gatherer) -> None:
    sample = delivery.sample
    received_at = RECEIVED + timedelta(seconds=delivery.number)
    decoded = decoder.decode(sample.topic, sample.payload, received_at=received_at, retain=sample.retain)
    gatherer.add(
        RawMessage(
            topic=sample.topic,
            payload=sample.payload,
            received_at=received_at,
            retain=sample.retain,
            redelivered=delivery.redelivered,
        ),
        decoded,
    )


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return store_all(tmp_path_factory.mktemp("once") / "box", deliveries())


def test_nearly_everything_is_kept_and_what_is_refused_says_why(once: Run) -> None:
    assert once.totals["quarantined"] <= 3
    assert once.totals["received"] > 600
    assert len(once.content["devices"]) > 100


def test_each_message_delivered_again_changes_nothing(once: Run, tmp_path: Path) -> None:
    twice = [again for one in deliveries() for again in (one, one._replace(redelivered=True))]
    assert store_all(tmp_path / "box", twice).content == once.content


def test_everything_delivered_again_after_a_lost_connection_changes_nothing(once: Run, tmp_path: Path) -> None:
    everything = deliveries()
    again = [one._replace(redelivered=True) for one in everything]
    assert store_all(tmp_path / "box", [*everything, *again]).content == once.content


@pytest.mark.parametrize("seed", range(4))
def test_the_order_between_devices_does_not_matter(once: Run, tmp_path: Path, seed: int) -> None:
    assert store_all(tmp_path / "box", shuffled(deliveries(), seed)).content == once.content


@pytest.mark.parametrize("batch", [1, 1_000])
def test_the_size_of_a_batch_does_not_matter(once: Run, tmp_path: Path, batch: int) -> None:
    assert store_all(tmp_path / "box", deliveries(), batch=batch).content == once.content


def shuffled(order: Sequence[Delivery], seed: int) -> list[Delivery]:
    """Another order; the messages of one device stay in theirs, and announcements before what they announce."""
    chance, decoder = random.Random(seed), make_decoder()
    queues: dict[str, list[Delivery]] = defaultdict(list)
    for delivery in order:
        sample = delivery.sample
        seen = decoder.decode(sample.topic, sample.payload, received_at=RECEIVED, retain=sample.retain).observations
        announced = sample.family == "ha_discovery"
        queues["announced" if announced else seen[0].device if seen else sample.topic].append(delivery)
    mixed = []
    while queues:
        name = chance.choice(sorted(queues))
        mixed.append(queues[name].pop(0))
        if not queues[name]:
            del queues[name]
    return mixed
