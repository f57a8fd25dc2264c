"""`kill -9` and SIGSTOP at random instants of a seed: what was acknowledged is stored, once.

`HEXPOST_KILLS` says how many, `HEXPOST_SEED` which; `python -m benchmarks.ledger` does a thousand and measures.
"""

import os
import random
from pathlib import Path

import pytest

from tests.durability.moments import any_moment
from tests.durability.processes import Site
from tests.durability.storm import freeze, freeze_for, kill_bridge, kill_either, kill_part, open_publisher, settle

KILLS = int(os.environ.get("HEXPOST_KILLS", "30"))
SEED = int(os.environ.get("HEXPOST_SEED", "20261122"))
PER_S = 400.0
BEYOND_KEEPALIVE_S = 65.0  # the bridge's is 30 s: a broker waits half as long again, the bridge as long again

pytestmark = [pytest.mark.deep, pytest.mark.flow, pytest.mark.timeout(180 + 15 * KILLS)]


def test_a_bridge_killed_again_and_again_loses_nothing_and_stores_nothing_twice(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    with Site(tmp_path) as site, open_publisher(site, seed=SEED, per_s=PER_S) as sender:
        for _ in range(KILLS):
            kill_bridge(site, chance)
        account = settle(site, sender)
    assert account.faults == []
    assert account.bridge_kills == KILLS
    assert account.audit.promised > 100 * KILLS


def test_the_jobs_killed_too_leave_counts_and_archive_right(tmp_path: Path) -> None:
    chance = random.Random(SEED + 5)
    with Site(tmp_path) as site, open_publisher(site, seed=SEED + 5, per_s=PER_S) as sender:
        site.jobs.start()
        for _ in range(KILLS):
            kill_part(site, chance)
        account = settle(site, sender)
    assert account.faults == []
    assert min(account.bridge_kills, site.jobs.kills) > KILLS // 3


def test_who_resends_until_its_id_is_on_the_ack_topic_loses_nothing_when_the_broker_is_killed_too(
    tmp_path: Path,
) -> None:
    chance = random.Random(SEED + 1)
    with Site(tmp_path) as site, open_publisher(site, seed=SEED + 1, per_s=PER_S / 2, until_seen=True) as sender:
        for _ in range(KILLS):
            kill_either(site, chance)
        account = settle(site, sender)
    assert account.faults == []
    assert account.broker_kills > 0
    assert account.audit.promised > 50 * KILLS


def test_a_process_frozen_for_a_moment_costs_nothing(tmp_path: Path) -> None:
    chance = random.Random(SEED + 2)
    with Site(tmp_path) as site, open_publisher(site, seed=SEED + 2, per_s=PER_S) as sender:
        for _ in range(KILLS):
            freeze(site, chance.choice((site.bridge, site.broker)), chance, at_most_s=3.0)
        account = settle(site, sender)
    assert account.faults == []
    assert account.bridge_kills == account.broker_kills == 0


@pytest.mark.parametrize("frozen", ["bridge", "broker"])
def test_a_process_frozen_longer_than_the_keepalive_finds_its_way_back(tmp_path: Path, frozen: str) -> None:
    with Site(tmp_path) as site, open_publisher(site, seed=SEED + 3, per_s=PER_S / 4) as sender:
        freeze_for(site.bridge if frozen == "bridge" else site.broker, BEYOND_KEEPALIVE_S)
        account = settle(site, sender)
    assert account.faults == []


def test_a_bridge_killed_while_it_or_its_broker_is_frozen_loses_nothing(tmp_path: Path) -> None:
    chance = random.Random(SEED + 4)
    with Site(tmp_path) as site, open_publisher(site, seed=SEED + 4, per_s=PER_S) as sender:
        for _ in range(KILLS // 3):
            chance.choice((site.bridge, site.broker)).freeze()
            any_moment(chance, site.file)
            site.bridge.kill()
            site.bridge.start()
            site.broker.thaw()
            any_moment(chance, site.file)
        account = settle(site, sender)
    assert account.faults == []
