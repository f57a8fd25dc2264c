"""The rules of sending changes, without I/O: what a batch must be, and when the centre takes it.

`sync.central.merge` follows them at the centre, and every other upstream has to as well; the model in the tests is
made of nothing else. A batch is named by (site, epoch, seq); the centre takes them without a gap, each once.
"""

import msgspec

from appliance.errors import Conflict, Rejected
from appliance.model.change import COLUMNS, Batch, Position, Slice


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The centre's answer to a batch: its number and rows, how many rows the centre had to change, and whether it
    had the batch already."""

    seq: int
    n_rows: int
    n_changed: int
    duplicate: bool = False


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What the centre's ledger remembers of a batch."""

    slice: Slice
    upto_rev: int


def judge(batch: Batch, central: Position, known: Applied | None) -> bool:
    """Whether the centre, standing at `central`, applies a batch (True) or has it already (False).

    The same batch made anew may have lost rows that changed since, so not its content but its slice and revision
    say that it is the same one.

    known   the ledger's entry for the site, epoch and seq of the batch
    raises  Conflict  a gap, an epoch of the past, or another batch under the same number
    """
    name = f"batch {batch.seq} of epoch {batch.epoch} from site {batch.site_id}"
    if batch.epoch < central.epoch:
        raise Conflict(f"applying {name}: the centre is at epoch {central.epoch}; that box was restored or replaced")
    last_seq = central.last_seq if batch.epoch == central.epoch else 0
    if batch.seq <= last_seq:
        if known == Applied(slice=batch.slice, upto_rev=batch.upto_rev):
            return False
        raise Conflict(f"applying {name}: the centre has another batch of that number; do two boxes share site.id?")
    if batch.seq != last_seq + 1:
        raise Conflict(f"applying {name}: the centre waits for batch {last_seq + 1}; greet it again before sending")
    return True


def check_batch(batch: Batch, site_id: str) -> None:
    """Refuse a batch of another site than the one that introduced itself, or with rows outside its slice.

    raises  Rejected  naming the row
    """
    if batch.site_id != site_id:
        raise Rejected(f"a batch of site {batch.site_id} came over the connection of site {site_id}", "$.site_id")
    at, columns = batch.slice, COLUMNS[batch.slice.kind]
    resolution = columns.index("resolution")
    day = columns.index("day") if "day" in columns else None
    for n, row in enumerate(batch.rows):
        if len(row) != len(columns):
            raise Rejected(f"{len(row)} values for the {len(columns)} columns of {at.kind}", f"$.rows[{n}]")
        if row[resolution] != at.resolution or (day is not None and row[day] != at.day):
            raise Rejected(f"not of resolution {at.resolution} and day {at.day!r}", f"$.rows[{n}]")
