"""What a device measured, in bins, a page at a time: for `/devices/{source}/history` and `hexpost query history`."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec

from appliance.aggregate.bins import SiteBins
from appliance.aggregate.exact import divide
from appliance.aggregate.steps import STEPS, Step, choose_step
from appliance.clock import from_us, to_us
from appliance.errors import Rejected
from appliance.model.tier import READINGS
from appliance.store.engine import raw_connection
from appliance.store.measured.history import DAY_US, Found, History, fetch_kept_from, find_series
from appliance.store.measured.open_bins import ALWAYS
from appliance.store.paging import read_cursor

MAX_SPAN_US: dict[Step, int] = {"raw": DAY_US, "minute": 2 * DAY_US, "hour": 100 * DAY_US, "day": 4_000 * DAY_US}
"""What one page looks through: some thousand bins, or the rows of a day."""


class HistoryBin(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured in [start, end); of a single row both are its time.

    tier     where it was found: a tier, or `raw` where it was computed from the rows just now
    stddev   of the sample; None of a single value
    """

    start: datetime
    end: datetime
    tier: Step
    count: int
    sum: float
    mean: float
    min: float
    max: float
    stddev: float | None
    first: float
    last: float


class HistoryPage(msgspec.Struct, frozen=True, kw_only=True):
    """Bins of one series, the oldest first; those without a value are left out.

    kept_from    since when bins of this step are kept; None: since the first value
    next_cursor  None on the last page; a page may be short and not the last
    """

    device: str
    metric: str
    unit: str
    step: Step
    kept_from: datetime | None
    items: list[HistoryBin]
    next_cursor: str | None


def fetch_history_page(
    connection: Any,
    bins: SiteBins,
    *,
    device: str,
    metric: str | None,
    unit: str | None,
    step: str,
    from_time: datetime,
    to_time: datetime,
    cursor: str | None,
    limit: int,
) -> HistoryPage:
    """One page of the bins that [from_time, to_time) touches; `step` auto is chosen by how long and how old that is.

    raises  Rejected  no metric, or a unit is needed to tell one series; an unknown step or cursor
    """
    raw = raw_connection(connection)
    key, metric, unit = _series(connection, device, metric, unit)
    start, end = to_us(from_time), to_us(to_time)
    kept = fetch_kept_from(raw, READINGS)
    chosen = choose_step(start, end, kept) if step == "auto" else _read_step(step)
    at, given = (start, 0) if cursor is None else _read_cursor(cursor, end)
    upto = min(end, at + MAX_SPAN_US[chosen])
    found = list(islice(_from(raw, bins, key, chosen, at, upto, is_first=cursor is None), given, given + limit + 1))
    following = f"{upto}.0" if upto < end else None
    if len(found) > limit:
        again = sum(one[0] == found[limit][0] for one in found[:limit]) + given * (found[limit][0] == at)
        following = f"{found[limit][0]}.{again}"
    return HistoryPage(
        device=device,
        metric=metric,
        unit=unit,
        step=chosen,
        kept_from=None if kept[chosen] == ALWAYS else from_us(kept[chosen]),
        items=[_bin(one) for one in found[:limit]],
        next_cursor=following,
    )


def fetch_history(
    connection: Any,
    bins: SiteBins,
    *,
    device: str,
    metric: str | None,
    unit: str | None,
    step: str,
    from_time: datetime,
    to_time: datetime,
    limit: int,
) -> HistoryPage:
    """As `fetch_history_page`, page after page up to `limit` bins; with a cursor where there are more.

    raises  Rejected  as there
    """
    found: HistoryPage | None = None
    while found is None or (found.next_cursor is not None and len(found.items) < limit):
        page = fetch_history_page(
            connection,
            bins,
            device=device,
            metric=metric,
            unit=unit,
            step=step if found is None else found.step,
            from_time=from_time,
            to_time=to_time,
            cursor=found.next_cursor if found else None,
            limit=limit - (len(found.items) if found else 0),
        )
        found = msgspec.structs.replace(page, items=[*(found.items if found else []), *page.items])
    return found


def _series(connection: Any, device: str, metric: str | None, unit: str | None) -> tuple[int, str, str]:
    if metric is None:
        raise Rejected("needed: which of the device's metrics, as /readings shows them", "metric")
    found = [series for series in find_series(raw_connection(connection), device, metric) if unit in (None, series[1])]
    if len(found) > 1:
        names = ", ".join(repr(name) for _, name in found)
        raise Rejected(f"{metric} of {device} comes in several units, {names}; name one", "unit")
    return (found[0][0], metric, found[0][1]) if found else (-1, metric, unit or "")


def _read_step(step: str) -> Step:
    for known in STEPS:
        if step == known:
            return known
    raise Rejected(f"no step {step[:20]!r}; there are auto, {', '.join(STEPS)}", "step")


def _from(raw: Any, bins: SiteBins, key: int, step: Step, at: int, upto: int, *, is_first: bool) -> Iterator[Found]:
    """What a page is taken of; a later page begins with a bin, not within one."""
    if at < upto:
        for found in History(raw, READINGS, bins, key).find(step, at, upto):
            if is_first or found[0] >= at:
                yield found


def _read_cursor(cursor: str, end: int) -> tuple[int, int]:
    """Where a page begins, and how many rows of that instant the page before had."""
    at, given = read_cursor(cursor)
    if at >= end or given < 0:
        raise Rejected("not a cursor of this list; leave it out for the first page", "cursor")
    return at, given


def _bin(found: Found) -> HistoryBin:
    start, end, tier, (moments,) = found
    return HistoryBin(
        start=from_us(start),
        end=from_us(end),
        tier=tier,
        count=moments.count,
        sum=divide(moments.total, 1),
        mean=moments.mean,
        min=moments.lowest,
        max=moments.highest,
        stddev=moments.deviation,
        first=moments.first[1],
        last=moments.last[1],
    )
