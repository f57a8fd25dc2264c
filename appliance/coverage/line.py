"""One device over an interval: the spans that the bridge noted become a line of standings without a gap.

The rules
=========

1. A device watches while it is online. It is not there before it was first heard (`pending`).
2. Stale is a question: where it ends offline the device did not watch from its beginning on, else it did throughout.
3. A device is down by its `own` fault, unless an outage took it: of a `segment` (a switch, a gateway, a mast), or of
   `ours` (our broker, the bridge, the box), which nobody may lay at a device's door.
4. While we did not listen nobody watched for us. Who was down before is down for the same cause still.
5. A device in maintenance does not watch.

Instants are microseconds, intervals half-open. Called by `store` and `job`.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

import msgspec

Standing = Literal["absent", "up", "own", "segment", "ours", "maintenance"]
DOWN: tuple[Standing, ...] = ("ours", "segment", "maintenance", "own")
"""Standings that do not watch; of causes that weigh the same the first is told."""
BROKER = "broker"
_OUTAGE = "outage:"


class Span(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A device was in a state for a cause, as the bridge told it; `end` is None while it lasts."""

    state: str
    cause: str
    start: int
    end: int | None


class Piece(NamedTuple):
    """[start, end) of a line."""

    start: int
    end: int
    standing: Standing


Line = tuple[Piece, ...]
"""Pieces that follow one another without a gap."""
Interval = tuple[int, int]


def standing_of(state: str, cause: str) -> Standing:
    """What a state means for watching; `stale` counts as up until it is clear that it was not."""
    if state == "pending":
        return "absent"
    if state == "maintenance":
        return "maintenance"
    if state != "offline":
        return "up"
    if not cause.startswith(_OUTAGE):
        return "own"
    return "ours" if cause == _OUTAGE + BROKER else "segment"


def line_of(spans: Sequence[Span], ours: Sequence[Interval], start: int, end: int) -> Line:
    """A device's standings over [start, end).

    spans  ascending; of two that overlap the later one holds from its beginning on
    ours   when we did not listen, as `merged` gives them
    """
    pieces: list[Piece] = []
    at = start
    for began, ended, standing in _judged(spans, end):
        if ended <= at:
            continue
        if began > at:
            pieces.append(Piece(at, min(began, end), "absent"))
            at = min(began, end)
        if at >= end:
            break
        pieces += _with_ours(Piece(at, min(ended, end), standing), ours)
        at = min(ended, end)
    if at < end:
        pieces.append(Piece(at, end, "absent"))
    return tuple(_joined(pieces))


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Intervals in their order, those that touch as one."""
    found: list[Interval] = []
    for start, end in sorted(intervals):
        if start >= end:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _judged(spans: Sequence[Span], end: int) -> Iterator[tuple[int, int, Standing]]:
    """(start, end, standing) of each span, cut where the next begins; from the last to the first one knows how stale
    ended.
    """
    found: list[tuple[int, int, Standing]] = []
    following: Span | None = None
    verdict: Standing = "up"
    for span in reversed(spans):
        ended = end if span.end is None else span.end
        if following is not None:
            ended = min(ended, following.start)
        verdict = _verdict(span, following, ended, verdict)
        found.append((span.start, ended, verdict))
        following = span
    return reversed(found)


def _verdict(span: Span, following: Span | None, ended: int, verdict: Standing) -> Standing:
    if span.state != "stale" or following is None or following.start > ended:
        return standing_of(span.state, span.cause)
    return verdict if following.state in {"offline", "stale"} else "up"


def _with_ours(piece: Piece, ours: Sequence[Interval]) -> Iterator[Piece]:
    """A piece, with what of it was up cut out where we did not listen."""
    at = piece.start
    for start, end in ours if piece.standing == "up" else ():
        if end <= at or start >= piece.end:
            continue
        if start > at:
            yield Piece(at, start, "up")
        yield Piece(max(at, start), min(end, piece.end), "ours")
        at = min(end, piece.end)
    if at < piece.end:
        yield Piece(at, piece.end, piece.standing)


def _joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    last: Piece | None = None
    for piece in pieces:
        if last is not None and last.standing == piece.standing:
            last = Piece(last.start, piece.end, last.standing)
            continue
        if last is not None:
            yield last
        last = piece
    if last is not None:
        yield last
