"""Every recorded message of the field kit, family by family: what became of it, as a table that is looked at."""

from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

from firmware_bridge.canonical import Surroundings, keep_observations
from firmware_bridge.decoded import Decoded
from tests.bridge.samples import RECEIVED, make_decoder, needs_kit, samples

GOLDEN = Path(__file__).parent / "golden" / "fieldkit_payloads.txt"
AROUND = Surroundings(standing=lambda _: None, judge=lambda *_: "good", plate_key=b"k" * 32)
COLUMNS = ("messages", "events", "readings", "positions", "state", "folded", "quarantined")


def count(decoded: Decoded, retain: bool) -> Counter[str]:
    """What one message became, in items."""
    kept = keep_observations(decoded.observations, received_at=RECEIVED, retained=retain, around=AROUND)
    return Counter(
        messages=1,
        events=len(kept.events),
        readings=len(kept.readings),
        positions=len(kept.fixes),
        state=sum(kept.items.values()) + len(kept.answers),
        folded=sum(kept.folded.values()) + bool(decoded.folded),
        quarantined=len(decoded.rejections),
    )


@needs_kit
def test_every_recorded_message_ends_where_the_table_says(golden: Callable[[Path, str], None]) -> None:
    decoder = make_decoder()
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    reasons: list[str] = []
    for sample in samples():
        decoded = decoder.decode(sample.topic, sample.payload, received_at=RECEIVED, retain=sample.retain)
        found = count(decoded, sample.retain)
        rows[sample.family] += found
        assert sum(found.values()) > 1, f"{sample.name} left no trace"
        reasons += [f"{sample.name}: {rejection.reason}" for rejection in decoded.rejections]
    lines = [f"{'family':18}" + "".join(f"{column:>13}" for column in COLUMNS)]
    lines += [f"{family:18}" + "".join(f"{row[column]:13}" for column in COLUMNS) for family, row in rows.items()]
    golden(GOLDEN, "\n".join([*lines, "", "quarantined, and why:", *reasons]) + "\n")
