"""Kills by the thousand: is everything that was acknowledged stored, once; and what Mosquitto itself loses.

    LEDGER_KILLS=1000 python -m benchmarks.ledger

(a) The bridge is killed (`kill -9`) so often, at moments of a seed, under a publisher at QoS 1 with a ledger: events,
arrays, MessagePack, corrections, repeats, readings of two firmwares, garbage. (b) One of both is killed, a tenth as
often, and the publisher sends again until it sees its ids on the `ack` topic. (c) The broker alone is killed, a tenth
as often, and the publisher trusts its acknowledgement: what is missing then is Mosquitto's own loss, here with the
kills so close that it has not yet saved its state. (d) The same with a fiftieth of the kills, 12 to 30 s apart.
"""

import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.durability.processes import Site
from tests.durability.storm import (
    Account,
    kill_bridge,
    kill_broker,
    kill_broker_seldom,
    kill_either,
    open_publisher,
    settle,
)

KILLS = int(os.environ.get("LEDGER_KILLS", "1000"))
SEED = int(os.environ.get("LEDGER_SEED", "20261126"))
PER_S = float(os.environ.get("LEDGER_PER_S", "300"))
PARTS = os.environ.get("LEDGER_PARTS", "abcd")

Strike = Callable[[Site, random.Random], None]


def storm(strike: Strike, kills: int, *, until_seen: bool) -> Account:
    """A storm over a site of its own, whose folder stays behind where something is wrong."""
    folder, chance = Path(tempfile.mkdtemp(prefix="hexpost-ledger-")), random.Random(SEED)
    with Site(folder) as site, open_publisher(site, seed=SEED, per_s=PER_S, until_seen=until_seen) as sender:
        for number in range(1, kills + 1):
            strike(site, chance)
            if number % 100 == 0:
                print(f"  {number} kills, {len(sender.ledger):,} messages", flush=True)
        account = settle(site, sender)
    if account.faults:
        print(f"  FAULTS, kept in {folder}: {account.faults}")
    else:
        shutil.rmtree(folder)
    return account


def show(name: str, account: Account, began: float) -> None:
    """One paragraph a storm."""
    found = account.audit
    print(f"{name}: {account.bridge_kills:,} kills of the bridge, {account.broker_kills:,} of the broker, ", end="")
    print(f"{account.messages:,} messages, {account.sent_again:,} sent again, {time.monotonic() - began:,.0f} s")
    print(f"  promised {found.promised:,} items: {len(found.missing)} missing, {len(found.doubled)} doubled, ", end="")
    print(f"{len(found.strange)} strange")
    print(
        f"  of {found.acknowledged:,} items that the broker acknowledged, {len(found.lost):,} that nobody else ", end=""
    )
    print(f"promised are lost; {len(found.repeated)} without identity are there more than once")
    print(f"  balance {account.totals}")
    print("  " + "; ".join(f"{one['name']}: {one['detail']}" for one in account.findings), flush=True)


def main() -> None:
    """Strike and print; fails where a promise was broken."""
    broken = False
    for part, name, strike, kills, until_seen in (
        ("a", "the bridge killed", kill_bridge, KILLS, False),
        ("b", "both killed, sent until seen", kill_either, max(1, KILLS // 10), True),
        ("c", "the broker killed, its acknowledgement trusted", kill_broker, max(1, KILLS // 10), False),
        ("d", "the broker killed after it saved, its acknowledgement trusted", kill_broker_seldom, KILLS // 50, False),
    ):
        if part in PARTS:
            began = time.monotonic()
            account = storm(strike, kills, until_seen=until_seen)
            show(name, account, began)
            broken = broken or bool(account.faults)
    sys.exit(broken)


if __name__ == "__main__":
    main()
