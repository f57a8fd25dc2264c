"""When to strike: at random instants of a seed, more often where it hurts.

A process dies most tellingly while it commits, while it copies the log back into the file, and while it starts. From
outside these show as changes of the files, so the striker watches those.
"""

import random
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

STARTING_S = 1.2  # about as long as the bridge takes to begin
GIVE_UP_S = 6.0  # a moment that does not come is struck anyway
LOOK_S = 0.0005

Moment = Callable[[random.Random, Path], None]
"""Returns when the moment has come; the path is the store's."""


def any_moment(chance: random.Random, _file: Path) -> None:
    """Whenever it falls."""
    _wait(chance.uniform(0.0, 3.0))


def while_starting(chance: random.Random, _file: Path) -> None:
    """Before or just after the first batch."""
    _wait(chance.uniform(0.0, STARTING_S))


def while_committing(chance: random.Random, file: Path) -> None:
    """In the writing of the log, a few commits after the start."""
    for _ in range(chance.randrange(1, 6)):
        _until_changed(file.with_name(file.name + "-wal"))
    _wait(chance.uniform(0.0, 0.004))


def while_checkpointing(chance: random.Random, file: Path) -> None:
    """In the copying of the log into the file."""
    _until_changed(file)
    _wait(chance.uniform(0.0, 0.03))


MOMENTS: Sequence[tuple[Moment, int]] = (
    (any_moment, 3),
    (while_committing, 4),
    (while_checkpointing, 2),
    (while_starting, 1),
)
"""With how often each is chosen, of ten."""


def choose(chance: random.Random) -> Moment:
    """The kind of the next moment."""
    return chance.choices([moment for moment, _ in MOMENTS], [weight for _, weight in MOMENTS])[0]


def _until_changed(file: Path) -> None:
    before, end = _stamp(file), time.monotonic() + GIVE_UP_S
    while _stamp(file) == before and time.monotonic() < end:
        _wait(LOOK_S)


def _stamp(file: Path) -> tuple[int, int]:
    try:
        status = file.stat()
    except FileNotFoundError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


def _wait(seconds: float) -> None:
    threading.Event().wait(seconds)
