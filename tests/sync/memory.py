"""The centre as a plain model: dictionaries and the rules of `sync.change`, nothing else.

It is the reference that PostgreSQL is held against, and a centre whose links break on demand.
"""

import copy
import threading
from collections.abc import Iterable, Iterator
from typing import Literal

from appliance.errors import Unavailable
from appliance.model.change import COLUMNS, Batch, ChangeKind, Position, Slice
from appliance.model.settings import Site
from sync.change import Applied, Receipt, check_batch, judge
from tests.sync.box import Contents

Fault = Literal["", "refused", "request lost", "reply lost"]
Key = tuple[object, ...]

KEYS: dict[ChangeKind, tuple[str, ...]] = {
    "h3_cells": ("h3_index",),
    "cell_aggregates": ("resolution", "day", "h3_index"),
    "risk_scores": ("resolution", "day", "h3_index", "profile"),
    "anomaly_flags": ("resolution", "day", "h3_index"),
}


class MemoryCentre:
    """What a centre keeps."""

    def __init__(self) -> None:
        self.positions: dict[str, Position] = {}
        self.ledger: dict[tuple[str, int, int], Applied] = {}
        self.tables: dict[ChangeKind, dict[Key, tuple[int, Key]]] = {kind: {} for kind in COLUMNS}
        self.lock = threading.Lock()

    def backup(self) -> "MemoryCentre":
        kept = MemoryCentre()
        kept.restore(self)
        return kept

    def restore(self, backup: "MemoryCentre") -> None:
        self.positions = dict(backup.positions)
        self.ledger = dict(backup.ledger)
        self.tables = copy.deepcopy(backup.tables)

    def contents(self, site_id: str) -> Contents:
        return {kind: {row for key, (_, row) in t.items() if key[0] == site_id} for kind, t in self.tables.items()}

    def upstream(self, faults: Iterable[Fault] = ()) -> "MemoryUpstream":
        return MemoryUpstream(self, iter(faults))

    def apply(self, batch: Batch) -> Receipt:
        central = self.positions.get(batch.site_id, Position(epoch=0, last_seq=0))
        name = (batch.site_id, batch.epoch, batch.seq)
        if not judge(batch, central, self.ledger.get(name)):
            return Receipt(seq=batch.seq, n_rows=len(batch.rows), n_changed=0, duplicate=True)
        changed = self._upsert(batch) + self._remove(batch)
        self.ledger[name] = Applied(slice=batch.slice, upto_rev=batch.upto_rev)
        self.positions[batch.site_id] = Position(epoch=batch.epoch, last_seq=batch.seq)
        return Receipt(seq=batch.seq, n_rows=len(batch.rows), n_changed=changed)

    def _upsert(self, batch: Batch) -> int:
        kind = batch.slice.kind
        columns, table = COLUMNS[kind], self.tables[kind]
        newest = {}
        for row in sorted(batch.rows, key=lambda row: row[-1]):
            newest[(batch.site_id, *(row[columns.index(k)] for k in KEYS[kind]))] = row
        changed = 0
        for key, row in newest.items():
            held = table.get(key)
            if held is None or (held[0], held[1][-1]) < (batch.epoch, row[-1]):
                table[key] = (batch.epoch, row)
                changed += 1
        return changed

    def _remove(self, batch: Batch) -> int:
        table, gone = self.tables[batch.slice.kind], {(cell, profile): rev for cell, rev, profile in batch.gone}
        columns, doomed = COLUMNS[batch.slice.kind], []
        cell_at, profile_at = columns.index("h3_index"), columns.index("profile") if "profile" in columns else None
        for key, (epoch, row) in table.items():
            if key[0] != batch.site_id or not _of_slice(batch.slice, row):
                continue
            named = (row[cell_at], "" if profile_at is None else row[profile_at])
            buried = named in gone and (epoch, row[-1]) <= (batch.epoch, gone[named])  # type: ignore[index, operator]
            if buried or (batch.complete and batch.slice.day and epoch < batch.epoch):
                doomed.append(key)
        for key in doomed:
            del table[key]
        return len(doomed)


class MemoryUpstream:
    """A link to a `MemoryCentre`; each greeting and each batch meets the next fault, if any is left."""

    def __init__(self, centre: MemoryCentre, faults: Iterator[Fault]) -> None:
        self.centre = centre
        self.greetings = 0
        self._faults = faults
        self._site_id: str | None = None

    def hello(self, site: Site) -> Position:
        if next(self._faults, ""):
            raise Unavailable("greeting the centre: no answer")
        self.greetings += 1
        self._site_id = site.id
        return self.centre.positions.get(site.id, Position(epoch=0, last_seq=0))

    def send(self, batch: Batch) -> Receipt:
        if self._site_id is None:
            raise Unavailable("there is no link; greet the centre first")
        check_batch(batch, self._site_id)
        fault = next(self._faults, "")
        if fault in ("refused", "request lost"):
            raise Unavailable("sending: the link broke")
        with self.centre.lock:
            receipt = self.centre.apply(batch)
        if fault == "reply lost":
            raise Unavailable("sending: the link broke")
        return receipt

    def close(self) -> None:
        self._site_id = None


def _of_slice(at: Slice, row: Key) -> bool:
    columns = COLUMNS[at.kind]
    same_day = "day" not in columns or row[columns.index("day")] == at.day
    return row[columns.index("resolution")] == at.resolution and same_day
