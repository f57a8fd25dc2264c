"""The memory of the bridge over many messages: is it flat?

    SOAK_MESSAGES=10000000 nice -n 10 python -m benchmarks.soak

A publisher over a raw socket keeps a real Mosquitto, `hexpost bridge` and `hexpost jobs` busy with single events of a
thousand devices, readings of a hundred and some garbage, all different. The bridge's resident memory is read from /proc
four times a second. Flat means: the line through the second half of the run rises by less than 10 MB a 10 M messages
and the last tenth's median is no more than 5 % above that of the second.
"""

import json
import os
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from firmware_bridge.topic import PREFIX
from tests.conftest import wait_for
from tests.durability import wire
from tests.durability.audit import totals
from tests.durability.processes import Site

MESSAGES = int(os.environ.get("SOAK_MESSAGES", "10000000"))
DEVICES, METERS = 1_000, 100
WINDOW = 1_000
LAG = 20_000  # messages that may wait in the broker: a bridge that falls behind is waited for
EVERY_S = 0.25
MB = 1_048_576


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """The bridge at one moment: items it has taken so far, resident bytes and those of them its own, open files."""

    messages: int
    resident: int
    own: int
    files: int


def messages() -> Iterator[tuple[str, bytes]]:
    """Topic and payload, all different: of fifty 40 events, 9 readings and one that nobody understands."""
    start, number = datetime.now(UTC) - timedelta(days=1), 0
    while True:
        number += 1
        at = start + timedelta(milliseconds=8 * number)
        if number % 50 == 0:
            yield f"{PREFIX}/soak/dev{number % DEVICES}/event", b"{torn %d" % number
        elif number % 5 == 0:
            said = {"Time": at.strftime("%Y-%m-%dT%H:%M:%S"), "ANALOG": {"Illuminance": number % 5_000}}
            yield f"tele/meter{number // 5 % METERS}/SENSOR", json.dumps(said).encode()
        else:
            event = {
                "event_id": f"ev-{number:09d}",
                "event_type": ("motion", "intrusion", "crowd")[number % 3],
                "event_timestamp": at.isoformat(),
                "longitude": 47.5 + (number % DEVICES * 7919 % 10_000) / 10_000,
                "latitude": 29.0 + (number % DEVICES * 104_729 % 10_000) / 10_000,
                "attributes": {"zone": "gate"},
            }
            yield f"{PREFIX}/soak/dev{number % DEVICES}/event", json.dumps(event).encode()


class Source:
    """Publishes at QoS 1 with a window, one connection."""

    def __init__(self, port: int) -> None:
        self._line = socket.create_connection(("127.0.0.1", port))
        self._line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._line.sendall(wire.connect("soak", keepalive_s=0))
        self._stream = wire.Stream()
        self._unacknowledged = 0
        self._mid = 0
        self.sent = 0

    def send(self, batch: list[tuple[str, bytes]]) -> None:
        """Send a batch, and wait until no more than the window is unacknowledged."""
        parts = []
        for topic, payload in batch:
            self._mid = self._mid % 60_000 + 1
            parts.append(wire.publish(topic, payload, self._mid))
        self._line.sendall(b"".join(parts))
        self.sent += len(batch)
        self._unacknowledged += len(batch)
        while self._unacknowledged > WINDOW:
            data = self._line.recv(65_536)
            if not data:
                sys.exit("benchmarks.soak: the broker has closed the connection")
            self._unacknowledged -= sum(packet.kind == wire.PUBACK for packet in self._stream.feed(data))


def look(site: Site) -> Sample:
    """Read /proc and the balance."""
    process = Path(f"/proc/{site.bridge.pid}")
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    return Sample(
        messages=totals(site.file).get("received", 0),
        resident=int(status["VmRSS"].split()[0]) * 1024,
        own=int(status["RssAnon"].split()[0]) * 1024,
        files=len(list((process / "fd").iterdir())),
    )


def run(site: Site, samples: list[Sample]) -> None:
    """Publish everything, never more than `LAG` ahead of the bridge, looking four times a second."""
    source, coming, looked = Source(site.port), messages(), 0.0
    while source.sent < MESSAGES:
        source.send([next(coming) for _ in range(min(200, MESSAGES - source.sent))])
        while True:
            if time.monotonic() - looked >= EVERY_S:
                looked = time.monotonic()
                samples.append(look(site))
                _tell(samples)
            if source.sent - samples[-1].messages < LAG:
                break
            time.sleep(EVERY_S / 5)
    wait_for(lambda: look(site).messages >= MESSAGES, deadline_s=300, what="the bridge to drain")
    samples.append(look(site))


def _tell(samples: list[Sample]) -> None:
    if len(samples) % 240 == 0:
        last = samples[-1]
        print(f"  {last.messages:>11,} items  {last.resident / MB:6.1f} MB, own {last.own / MB:6.1f}", end="")
        print(f"  {last.files} files", flush=True)


def judge(samples: list[Sample]) -> str:
    """Start, median, end and slope, by messages."""
    half = [one for one in samples if one.messages >= samples[-1].messages / 2]
    slope, _ = statistics.linear_regression([one.messages for one in half], [one.resident for one in half])
    tenth = max(1, len(samples) // 10)
    second, last = (
        statistics.median(one.resident for one in part) for part in (samples[tenth : 2 * tenth], samples[-tenth:])
    )
    resident = [one.resident / MB for one in samples]
    flat = slope * 10_000_000 < 10 * MB and last <= 1.05 * second
    return (
        f"{samples[-1].messages:,} items: first {resident[0]:.1f} MB, second tenth {second / MB:.1f}, "
        f"median {statistics.median(resident):.1f}, last tenth {last / MB:.1f}, most {max(resident):.1f}; "
        f"second half rises {slope * 10_000_000 / MB:+.1f} MB a 10 M; last tenth / second tenth {last / second:.3f}: "
        f"{'flat' if flat else 'NOT FLAT'}"
    )


def main() -> None:
    """Run and print."""
    folder, samples, began = Path(tempfile.mkdtemp(prefix="hexpost-soak-")), list[Sample](), time.monotonic()
    try:
        with Site(folder) as site:
            site.jobs.environment["HEXPOST__RISK__EVERY_S"] = "3600"
            site.jobs.start()  # it seals the archive, whose spool is bounded, and counts
            samples.append(look(site))
            run(site, samples)
        taken = time.monotonic() - began
        print(f"soak  {judge(samples)}; {samples[-1].messages / taken:,.0f} messages/s, {taken:,.0f} s")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
