"""What decoding costs, family by family, beside a bare `msgspec` decode of the same bytes.

    HEXPOST_FIELDKIT=… python -m benchmarks.decode [--devices 500] [--family NAME]

Every recorded message of the field kit goes through `Decoder.decode` (topic to observations) as the bridge calls it,
against `msgspec.json.decode` of the payload alone. Messages that are no JSON have no reference and are left out.

Each recording is sent by many devices, each with a name and a time of its own, so that what is remembered of a topic,
a device or a second counts for what it is in a fleet and not for what it would be with one message again and again.
Caches are warm: a device has spoken before. Both sides take turns within milliseconds, without garbage collection, and
the least of many rounds counts: what else the machine does can only add.

The columns: µs a message, its ratio to the bare decode and that of the floor, each the median of the family's
messages; `all` is the ratio of the sums, where a long message weighs more. The floor is the same entry with a family
that knows every topic and says nothing.
"""

import argparse
import gc
import itertools
import re
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC
from typing import Any, NamedTuple

import msgspec

from firmware_bridge.decode import Decoder
from firmware_bridge.decoded import Decoded
from firmware_bridge.inbound import Family, Route
from tests.bridge.samples import KIT, RECEIVED, Sample, make_decoder, samples

SWEEPS = 3  # over the whole kit, so that no family is measured in one bad moment only
ROUNDS = 4  # of each sweep, a message's sides in turn

_CLOCK = re.compile(rb"(?<=[T ]\d\d:)\d\d:\d\d(?=\D)")
_UNIX = re.compile(rb"(?<![\d.])(1[5-9]\d{5})\d{3}(?=\D|\d{3}\D)")

Message = tuple[str, bytes]


class Cost(NamedTuple):
    """Microseconds of one message."""

    ours: float
    floor: float
    bare: float


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--devices", type=int, default=500, help="how many send each message (default 500)")
    parser.add_argument("--family", default="", help="only this one, message by message")
    options = parser.parse_args()
    if not KIT:
        sys.exit("HEXPOST_FIELDKIT is not set: it names the folder with the recorded messages")
    chosen = [sample for sample in samples() if options.family in ("", sample.family) and is_json(sample.payload)]
    costs = measure_all(chosen, options.devices)
    if options.family:
        for sample in chosen:
            cost = costs[sample.name]
            print(f"{sample.name:24}{len(sample.payload):6} B{cost.ours:8.2f} us  bare {cost.bare:6.2f}", end="")
            print(f"  ratio {cost.ours / cost.bare:5.1f}  floor {cost.floor / cost.bare:4.1f}  {sample.topic}")
    print_table(chosen, costs)


def print_table(chosen: Sequence[Sample], costs: dict[str, Cost]) -> None:
    """A line for each family, and the median of all."""
    by_family: dict[str, list[Cost]] = defaultdict(list)
    for sample in chosen:
        by_family[sample.family].append(costs[sample.name])
    rows = {family: _figures(found) for family, found in by_family.items()}
    print(f"{'family':20}{'messages':>9}{'us':>8}{'bare us':>9}{'ratio':>7}{'all':>7}{'floor':>7}{'messages/s':>12}")
    for family, row in sorted(rows.items(), key=lambda entry: entry[1][2]):
        print(f"{family:20}{len(by_family[family]):9}" + _columns(row))
    medians = [statistics.median(column) for column in zip(*rows.values(), strict=True)]
    print(f"{'median family':20}{len(chosen):9}" + _columns(medians))


def _figures(found: Sequence[Cost]) -> list[float]:
    middle = statistics.median
    ours, bare = sum(cost.ours for cost in found), sum(cost.bare for cost in found)
    return [
        middle(cost.ours for cost in found),
        middle(cost.bare for cost in found),
        middle(cost.ours / cost.bare for cost in found),
        ours / bare,
        middle(cost.floor / cost.bare for cost in found),
        len(found) / ours * 1e6,
    ]


def _columns(row: Sequence[float]) -> str:
    return f"{row[0]:8.2f}{row[1]:9.2f}{row[2]:7.2f}{row[3]:7.2f}{row[4]:7.2f}{row[5]:12,.0f}"


def measure_all(chosen: Sequence[Sample], devices: int) -> dict[str, Cost]:
    """The least of all sweeps, by the name of the sample."""
    best: dict[str, Cost] = {}
    for _, sample in itertools.product(range(SWEEPS), chosen):
        cost = measure(sample, devices)
        best[sample.name] = Cost(*map(min, cost, best.get(sample.name, cost)))
    return best


def measure(sample: Sample, devices: int) -> Cost:
    """One recorded message, as many devices would send it."""
    decoder, bare = make_decoder(), msgspec.json.Decoder().decode
    nothing = Family(name="silent", title="", source="", routes=(Route(template="{all...}", handle=lambda *_: ()),))
    silent = Decoder([nothing], zone=UTC)
    messages = vary(sample, devices, decoder)
    plain = [(topic.removeprefix("hexpost/"), payload) for topic, payload in messages]
    sides: tuple[Callable[[], Any], ...] = (
        lambda: _decode_each(decoder.decode, messages, sample.retain),
        lambda: _decode_each(silent.decode, plain, sample.retain),
        lambda: _decode_bare(bare, messages),
    )
    for side in sides:
        side()
    gc.collect()
    gc.disable()
    try:
        rounds = [[_seconds(side) for side in sides] for _ in range(ROUNDS)]
    finally:
        gc.enable()
    return Cost(*(min(column) / len(messages) * 1e6 for column in zip(*rounds, strict=True)))


def _decode_each(decode: Callable[..., Decoded], messages: Sequence[Message], retain: bool) -> None:
    for topic, payload in messages:
        decode(topic, payload, received_at=RECEIVED, retain=retain)


def _decode_bare(decode: Callable[[bytes], Any], messages: Sequence[Message]) -> None:
    for _topic, payload in messages:
        decode(payload)


def _seconds(call: Callable[[], Any]) -> float:
    """Of this thread, so that what waits for the processor does not count."""
    began = time.thread_time()
    call()
    return time.thread_time() - began


def vary(sample: Sample, devices: int, decoder: Decoder) -> list[Message]:
    """The message as many devices would send it, at many times; each says the same kinds of things as the recorded."""
    expected = _kinds(decoder, sample.topic, sample.payload)
    observed = decoder.decode(sample.topic, sample.payload, received_at=RECEIVED).observations
    name = observed[0].device.partition("/")[2] if observed else ""
    messages = []
    for number in range(devices):
        topic, payload = _rename(sample, name, number), _shift(sample.payload, number)
        if len(name) > 4:
            payload = payload.replace(name.encode(), _other(name, number).encode())
        if _kinds(decoder, topic, payload) != expected:
            topic, payload = sample.topic, sample.payload
        messages.append((topic, payload))
    return messages


def _kinds(decoder: Decoder, topic: str, payload: bytes) -> list[type]:
    return [type(one) for one in decoder.decode(topic, payload, received_at=RECEIVED).observations]


def _rename(sample: Sample, name: str, number: int) -> str:
    if sample.topic.endswith(f"/raw/{sample.family}"):  # brought by a gateway, as the samples without a topic are
        return sample.topic.replace("replay/", f"replay/{number:03x}-")
    return sample.topic.replace(name, _other(name, number)) if len(name) > 4 else sample.topic


def _other(name: str, number: int) -> str:
    return f"{name[:-3]}{number:03x}"


def _shift(payload: bytes, number: int) -> bytes:
    clock = b"%02d:%02d" % (number * 7 % 60, number % 60)
    return _UNIX.sub(rb"\g<1>%03d" % number, _CLOCK.sub(clock, payload)) if number < 1000 else payload


def is_json(payload: bytes) -> bool:
    """Whether there is anything to compare with."""
    try:
        msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


if __name__ == "__main__":
    main()
