"""What decoding costs, family by family, beside a bare `msgspec` decode of the same bytes.

    HEXPOST_FIELDKIT=… python -m benchmarks.decode [--seconds 0.2]

Every recorded message of the field kit, through `Decoder.decode` (topic to observations) as the bridge calls it,
against `msgspec.json.decode` of the payload alone; messages that are no JSON have no reference and are left out. For
each family the median over its messages of the ratio. The bar: at most 3 for the median family.
"""

import argparse
import statistics
import sys
import timeit
from collections import defaultdict

import msgspec

from tests.bridge.samples import KIT, RECEIVED, make_decoder, samples


def main() -> None:
    """Measure and print a small table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=0.02, help="how long each message is measured (default 0.02)")
    seconds = parser.parse_args().seconds
    if not KIT:
        sys.exit("HEXPOST_FIELDKIT is not set: it names the folder with the recorded messages")
    decoder = make_decoder()
    bare = msgspec.json.Decoder().decode
    ours: dict[str, list[float]] = defaultdict(list)
    ratios: dict[str, list[float]] = defaultdict(list)
    for sample in samples():
        try:
            reference = time_us(lambda p=sample.payload: bare(p), seconds)
        except msgspec.DecodeError:
            continue
        took = time_us(
            lambda s=sample: decoder.decode(s.topic, s.payload, received_at=RECEIVED, retain=s.retain), seconds
        )
        ours[sample.family].append(took)
        ratios[sample.family].append(took / reference)
    print(f"{'family':20}{'messages':>9}{'p50 us':>9}{'worst us':>10}{'ratio p50':>11}{'ratio worst':>13}")
    for family, found in ratios.items():
        took_all = ours[family]
        print(
            f"{family:20}{len(found):9}{statistics.median(took_all):9.1f}{max(took_all):10.1f}"
            f"{statistics.median(found):11.1f}{max(found):13.1f}"
        )
    medians = [statistics.median(found) for found in ratios.values()]
    print(f"{'median family':20}{sum(map(len, ratios.values())):9}{'':19}{statistics.median(medians):11.1f}")


def time_us(call: object, seconds: float) -> float:
    """Microseconds of one call: the best of five rounds, each as long as asked for."""
    timer = timeit.Timer(call)  # type: ignore[arg-type]
    number = max(1, int(seconds / 5 / max(timer.timeit(20) / 20, 1e-9)))
    return min(timer.repeat(5, number)) / number * 1e6


if __name__ == "__main__":
    main()
