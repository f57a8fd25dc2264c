"""`hexpost import` of Parquet: a table of events, or files of a raw archive; what was stored is read back and compared.

A table's columns are the members of native events, or those that `--map` names, as in the other formats; a column
`source` says whose an event is. Messages of an archive are decoded by the families that the box knows, as they came.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import click
import msgspec

from appliance.cli.importing_report import ImportReport, add_rejection
from appliance.clock import EPOCH
from appliance.errors import Rejected
from appliance.ingest.native_form import raw_events
from appliance.ingest.options import ReadOptions
from appliance.ingest.record import RecordReader
from appliance.model.event import Event
from appliance.model.intake import Intake, RawMessage
from appliance.store.archive.read import Unread, read_archive_file
from appliance.store.engine import Store
from appliance.store.event.read_back import ReadBack
from appliance.store.intake.batch import Recorder
from appliance.store.parquet import count_rows, is_archive_file, read_records
from appliance.wiring import Box, open_archive_sealer
from appliance.wiring_archive import open_rereader

MAX_READERS = 10_000  # sources of one table
PART_BYTES = 1_048_576  # of messages decoded between commits

Advance = Callable[[int], None]


def import_parquet(
    file: Path, options: ReadOptions, box: Box, store: Store, recorder: Recorder, *, named: bool, progress: bool
) -> ImportReport:
    """Import one file; its report compares what was in it with what of that the store now has.

    named   the source was named, and counts for every row
    raises  Rejected  the file cannot be read
    """
    back, begun = ReadBack(), time.monotonic()
    report = ImportReport(file=str(file), rejections=[], statistics=back.comparison)
    with click.progressbar(length=count_rows(file), label=file.name, file=sys.stderr, hidden=not progress) as bar:
        if is_archive_file(file):
            _import_archive(file, box, store, recorder, back, report, bar.update)
        else:
            _import_table(file, options, store, recorder, back, report, bar.update, named=named)
    report.seconds = round(time.monotonic() - begun, 3)
    return report


def _import_table(
    file: Path,
    options: ReadOptions,
    store: Store,
    recorder: Recorder,
    back: ReadBack,
    report: ImportReport,
    advance: Advance,
    *,
    named: bool,
) -> None:
    readers: dict[str, RecordReader] = {}
    line = 0
    for records in read_records(file):
        events: list[Event] = []
        for record in records:
            line += 1
            try:
                own = record.pop("source", None) if not named else None
                events.append(_reader(readers, options, own if isinstance(own, str) else "", records).read(record))
            except Rejected as rejected:
                add_rejection(report, line, rejected)
        intake = Intake(events=events, refused=len(records) - len(events), raw=raw_events(events, "file"))
        receipt = recorder.record(intake)
        _count(report, receipt.outcomes)
        report.differing += receipt.differing
        with store.read() as connection:
            back.compare(connection, events)
        advance(len(records))


def _reader(
    readers: dict[str, RecordReader], options: ReadOptions, source: str, records: Sequence[dict[str, Any]]
) -> RecordReader:
    """The reader of a source, one each; '' is that of the options. A new one looks at the records that lie ahead."""
    reader = readers.get(source)
    if reader is None:
        if len(readers) >= MAX_READERS:
            readers.clear()
        own = msgspec.structs.replace(options, source=source) if source else options
        reader = readers[source] = RecordReader(own)
        reader.learn(records)
    return reader


def _import_archive(
    file: Path,
    box: Box,
    store: Store,
    recorder: Recorder,
    back: ReadBack,
    report: ImportReport,
    advance: Advance,
) -> None:
    """Decode and store messages. They are not archived again: they lie in an archive."""
    rereader = open_rereader(box, store, EPOCH)
    unread = Unread(faults=[])
    for part in _parts(read_archive_file(file, sealer=open_archive_sealer(box), unread=unread)):
        for message in part:
            rereader.add(message)
        taken = rereader.take()
        intake = msgspec.structs.replace(taken, reports=[], answers=[], learned=[], digests=b"", raw=())
        receipt = recorder.record(intake)
        report.messages += len(part)
        _count(report, receipt.outcomes)
        report.accepted += receipt.readings_stored + receipt.fixes_stored
        report.duplicate += receipt.readings_duplicate + receipt.fixes_duplicate
        report.rejected += len(intake.rejections)
        with store.read() as connection:
            back.compare(connection, intake.events, intake.readings, intake.fixes)
        advance(len(part))
    report.destroyed = unread.destroyed


def _parts(batches: Iterator[list[RawMessage]]) -> Iterator[list[RawMessage]]:
    """Batches cut so that the events of one part fit into memory, whatever its messages hold."""
    for batch in batches:
        messages = iter(batch)
        while part := list(islice(messages, 1)):
            size = len(part[0].payload)
            while size < PART_BYTES and (more := next(messages, None)) is not None:
                part.append(more)
                size += len(more.payload)
            yield part


def _count(report: ImportReport, outcomes: Sequence[str]) -> None:
    report.accepted += outcomes.count("stored")
    report.corrected += outcomes.count("corrected")
    report.duplicate += outcomes.count("duplicate")
