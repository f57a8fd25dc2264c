"""Messages from quarantine decoded once more, after a mapping was mended: each is an intake, or stays for a reason.

An old message tells what was, not what is. So it says nothing of a device that is registered but that it was heard, its
states are news only among the retried ones, what a family learns from it is not kept, and it is no sign of life now.
Called by `wiring`, which records the intakes.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

import msgspec

from appliance.model.intake import DeviceReport, Intake, RawMessage
from firmware_bridge.decode import Decoder
from firmware_bridge.decoded import Decoded, reject
from firmware_bridge.gather import Gatherer

log = logging.getLogger(__name__)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of quarantine: a message that came `count` times, the first time at `first_seen`.

    missing  why its payload is not all there; '' where it is
    """

    id: int
    topic: str
    payload: bytes
    first_seen: datetime
    count: int
    missing: str = ""


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Why an entry stays; `sealed`: the reason may show a number plate."""

    reason: str
    sealed: bool = False


def retry_entries(
    entries: Iterable[Entry],
    decoder: Decoder,
    gatherer: Gatherer,
    *,
    is_registered: Callable[[str], bool],
    clock_trusted: Callable[[datetime], bool],
) -> Iterator[tuple[Entry, Intake | Refused]]:
    """What becomes of each entry, in their order, which is that of their time; each is decoded when it is asked for.

    gatherer       one of its own, with a memory of its own: states are compared among these messages
    is_registered  whether the registry has the device of a source
    clock_trusted  whether the box knew the time then
    """
    for entry in entries:
        if entry.missing:
            yield entry, Refused(reason=entry.missing)
            continue
        decoded = _decode(entry, decoder, clock_trusted(entry.first_seen))
        decoder.memory.take_changed()  # the bridge alone writes what families remember
        if decoded.rejections and decoded.items == len(decoded.rejections):
            first = decoded.rejections[0]
            yield entry, Refused(reason=first.reason, sealed=first.sealed)
            continue
        gatherer.add(RawMessage(topic=entry.topic, payload=entry.payload, received_at=entry.first_seen), decoded)
        intake = gatherer.take([])
        yield (
            entry,
            msgspec.structs.replace(
                intake,
                reports=[_as_it_was(report, is_registered(report.source)) for report in intake.reports],
                raw=(),  # it lies in the archive since it came
                digests=b"",  # they would push those out by which the bridge knows a redelivery
                retried={entry.id: entry.count},
            ),
        )


def _decode(entry: Entry, decoder: Decoder, clock_trusted: bool) -> Decoded:
    """What an entry's message holds; a fault in a decoder costs that entry and no other."""
    try:
        return decoder.decode(
            entry.topic, entry.payload, received_at=entry.first_seen, clock_trusted=clock_trusted, retain=False
        )
    except Exception as error:
        log.exception("quarantine entry %d on %s could not be decoded", entry.id, entry.topic)
        return reject(entry.topic, entry.payload, f"could not be decoded: {type(error).__name__}: {error}")


def _as_it_was(report: DeviceReport, registered: bool) -> DeviceReport:
    """A report without what may have changed since; a device that only old messages tell of is not there now."""
    if registered:
        return msgspec.structs.replace(report, facts={}, state=None)
    return msgspec.structs.replace(report, state="offline")
