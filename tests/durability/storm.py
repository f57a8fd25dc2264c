"""A storm over a site: kills and freezes at moments of a seed, and the account afterwards.

Used by the tests, and by `benchmarks.ledger` for as many kills as one has time for.
"""

import random
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import filterfalse
from typing import Any

import msgspec

from appliance.cli.supervisor.broker import AUTOSAVE_S
from appliance.wiring import open_box
from tests.conftest import wait_for
from tests.durability.archived import faults_of_archive
from tests.durability.audit import Audit, audit, fetch_stored, totals
from tests.durability.mix import Mix
from tests.durability.moments import any_moment, choose
from tests.durability.processes import Process, Site
from tests.durability.publisher import Publisher

DRAIN_S = 120.0
STILL_LOOKS = 60  # of 50 ms: longer than the pause between two attempts to connect


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a run: messages sent, kills, the audit, the balance, what `hexpost verify` found.

    archive  what is wrong with the raw archive; looked for only while the broker lived
    """

    messages: int
    sent_again: int
    bridge_kills: int
    broker_kills: int
    audit: Audit
    totals: dict[str, int]
    findings: Sequence[dict[str, Any]]
    archive: Sequence[str]

    @property
    def faults(self) -> list[str]:
        """Everything that is not as it must be, for a test to show."""
        wrong = {"missing": self.audit.missing, "doubled": self.audit.doubled, "strange": self.audit.strange}
        found = [f"{len(keys)} {word}: {sorted(keys)[:20]}" for word, keys in wrong.items() if keys]
        found += [f"verify: {finding}" for finding in self.findings if not finding["holds"]]
        return found + [f"archive: {fault}" for fault in self.archive]


def open_publisher(site: Site, *, seed: int, per_s: float, until_seen: bool = False) -> Publisher:
    """A publisher of the mix.

    One that looks for its ids sends no corrections: an `ack` names the event and not its revision, so the answer to
    the first would be taken for the answer to the second.
    """
    mix = Mix(seed, datetime.now(UTC))
    messages = filterfalse(lambda made: until_seen and made.replaces, mix)
    return Publisher(site.port, iter(messages), folder=site.folder, per_s=per_s, until_seen=until_seen)


def kill_bridge(site: Site, chance: random.Random) -> None:
    """Kill the bridge at a moment of the seed's choice, and start it again."""
    choose(chance)(chance, site.file)
    site.bridge.kill()
    site.bridge.start()


def kill_part(site: Site, chance: random.Random) -> None:
    """Kill one of the two that write into the store, or both at once, and start them again."""
    choose(chance)(chance, site.file)
    killed = chance.choice(((site.bridge,), (site.jobs,), (site.bridge, site.jobs)))
    for process in killed:
        process.kill()
    for process in killed:
        process.start()


def kill_broker(site: Site, chance: random.Random) -> None:
    """Kill the broker, and start it again."""
    any_moment(chance, site.file)
    site.broker.kill()
    site.start_broker()


def kill_broker_seldom(site: Site, chance: random.Random) -> None:
    """Kill the broker after it has saved its state once or a few times, and start it again."""
    threading.Event().wait(chance.uniform(1.2, 3.0) * AUTOSAVE_S)
    site.broker.kill()
    site.start_broker()


def kill_either(site: Site, chance: random.Random) -> None:
    """Kill the one or the other."""
    chance.choice((kill_bridge, kill_broker))(site, chance)


def freeze(site: Site, process: Process, chance: random.Random, *, at_most_s: float) -> None:
    """Stop a process in its tracks at a moment of the seed's choice, for a while of the seed's choice."""
    choose(chance)(chance, site.file)
    freeze_for(process, chance.uniform(0.0, at_most_s))


def freeze_for(process: Process, seconds: float) -> None:
    """Stop a process in its tracks for so long."""
    process.freeze()
    threading.Event().wait(seconds)
    process.thaw()


def settle(site: Site, sender: Publisher) -> Account:
    """Let the publisher finish and the bridge drain, stop it, and draw up the account."""
    sender.finish()
    wait_for(sender.is_done, deadline_s=DRAIN_S, what="an answer to every message")
    _drain(site)
    site.jobs.stop()
    site.bridge.stop()
    broker_lives = site.broker.kills == 0
    came = {(entry.message.topic, entry.message.payload) for entry in sender.ledger if entry.acknowledged}
    return Account(
        messages=len(sender.ledger),
        sent_again=sum(entry.sent - 1 for entry in sender.ledger),
        bridge_kills=site.bridge.kills,
        broker_kills=site.broker.kills,
        audit=audit(sender.ledger, fetch_stored(site.file), broker_lives=broker_lives),
        totals=totals(site.file),
        findings=site.hexpost("verify"),
        archive=faults_of_archive(open_box(site.config, site.data, {}), came if broker_lives else set()),
    )


def _drain(site: Site) -> None:
    """Wait until nothing more arrives at a bridge that is connected."""
    wait_for(site.has_session, deadline_s=60, what="the bridge to be connected")
    seen: list[dict[str, int]] = []

    def stands_still() -> bool:
        seen.append(totals(site.file))
        return len(seen) > STILL_LOOKS and seen[-1] == seen[-STILL_LOOKS]

    wait_for(stands_still, deadline_s=DRAIN_S, what="the bridge to drain the broker's queue")
