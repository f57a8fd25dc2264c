"""What `hexpost run` and `hexpost demo` show: one calm screen on a terminal, a line per change in a log.

`Snapshot` is all it knows; the command fills one from the supervisor, the pulses and the store's counters. Building
the picture and finding what changed are pure; `Screen` alone touches the terminal. Unknown numbers are `None` and
shown as a dash: a counter that could not be read is not zero.
"""

from types import TracebackType

import msgspec
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from appliance.cli.supervisor.supervise import ChildStatus, prefixed

UNKNOWN = "–"
STYLES = {"up": "green", "starting": "cyan", "waiting": "dim", "backing off": "yellow", "failed": "bold red"}


class PartLine(msgspec.Struct, frozen=True, kw_only=True):
    """One process: `state` as `lifecycle.State`, `for_s` seconds in it, `text` its own last word."""

    name: str
    state: str
    for_s: float = 0.0
    restarts: int = 0
    exit_code: int | None = None
    text: str = ""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The box at one instant. Counts in items and rows, `free_bytes` where the data directory lies.

    `url` is the map's, `login` a hint at how to enter (never a secret that was not made for the demonstration).
    `is_ready` says that the URL answers.
    """

    site: str
    url: str
    login: str = ""
    broker: str
    data: str
    parts: tuple[PartLine, ...]
    is_ready: bool = False
    messages_per_s: float | None = None
    events_total: int | None = None
    events_last_minute: int | None = None
    pending: int | None = None
    last_run: str = ""
    sync: str = ""
    sync_pending: int | None = None
    free_bytes: int | None = None


class Screen:
    """A context that shows snapshots; on a terminal in place, elsewhere as lines of what changed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: Snapshot | None = None
        # No refresh thread: the supervisor forks, and calls show() often enough.
        self._live = Live(console=console, auto_refresh=False, transient=False) if console.is_terminal else None

    def __enter__(self) -> "Screen":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, snapshot: Snapshot) -> None:
        """Draw it, or write what is new in it."""
        if self._live is not None:
            self._live.update(render(snapshot), refresh=True)
        else:
            for line in changes(self._last, snapshot):
                self.line(line)
        self._last = snapshot

    def child_line(self, name: str, line: str) -> None:
        """A child's output: passed on in a log, kept from a screen (`hexpost run` shows the tail of what failed)."""
        if self._live is None:
            self.line(prefixed(name, line, 6))

    def line(self, text: str) -> None:
        """A line of its own, above the picture where there is one."""
        self._console.print(Text(text), soft_wrap=True)


def part_line(status: ChildStatus) -> PartLine:
    """A child as the screen shows it; a part that failed for good shows its last line, which says why."""
    last = status.tail[-1] if status.tail else ""
    text = last if status.state in ("failed", "backing off") else status.text
    return PartLine(
        name=status.name,
        state=str(status.state),
        for_s=status.for_s,
        restarts=status.restarts,
        exit_code=status.exit_code,
        text=text,
    )


def render(snapshot: Snapshot) -> RenderableType:
    """The screen: where to look, the processes, the flow, the store."""
    head = Text.assemble(("Map  ", "bold"), (snapshot.url, "bold cyan" if snapshot.is_ready else "dim"))
    if not snapshot.is_ready:
        head.append("  starting …", "dim")
    lines = [head, Text(f"     {snapshot.login}", "dim")] if snapshot.login else [head]
    body = Group(*lines, Text(), _part_table(snapshot), Text(), _figure_table(snapshot))
    return Panel(body, title=Text(snapshot.site), subtitle="Ctrl-C stops", title_align="left", subtitle_align="right")


def screen_text(snapshot: Snapshot, *, width: int) -> str:
    """The screen as plain text of so many columns."""
    console = Console(width=width, no_color=True, legacy_windows=False, force_terminal=False)
    with console.capture() as capture:
        console.print(render(snapshot))
    return capture.get()


def changes(before: Snapshot | None, now: Snapshot) -> list[str]:
    """What a log should say between two snapshots: each process that changed its state, and the URL once it answers."""
    known = {part.name: part for part in before.parts} if before else {}
    lines = [] if before else [f"{now.site}: data in {now.data}, broker {now.broker}"]
    for part in now.parts:
        earlier = known.get(part.name)
        if earlier is None or (earlier.state, earlier.restarts) != (part.state, part.restarts):
            lines.append(f"{part.name} is {_state_words(part)}" + (f": {part.text}" if part.text else ""))
    if now.is_ready and not (before and before.is_ready):
        lines.extend(line for line in (now.login, f"Map: {now.url}") if line)
    return lines


def _part_table(snapshot: Snapshot) -> Table:
    table = Table(box=None, pad_edge=False, expand=True)
    table.add_column("part", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("for", justify="right", no_wrap=True)
    table.add_column("restarts", justify="right", no_wrap=True)
    table.add_column("says", ratio=1, no_wrap=True, overflow="ellipsis")
    for part in snapshot.parts:
        state = Text(part.state, STYLES.get(part.state, ""))
        restarts = str(part.restarts) if part.restarts else UNKNOWN
        table.add_row(part.name, state, duration(part.for_s), restarts, Text(part.text))
    return table


def _figure_table(snapshot: Snapshot) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    rate = UNKNOWN if snapshot.messages_per_s is None else f"{snapshot.messages_per_s:,.1f}"
    table.add_row("broker", Text(snapshot.broker))
    table.add_row("messages", f"{rate} a second, {count(snapshot.pending)} pending")
    table.add_row(
        "events", f"{count(snapshot.events_total)} stored, {count(snapshot.events_last_minute)} in the last minute"
    )
    table.add_row("last run", Text(snapshot.last_run or UNKNOWN))
    table.add_row("sync", Text(f"{snapshot.sync or UNKNOWN}, {count(snapshot.sync_pending)} pending"))
    table.add_row("data", Text(f"{snapshot.data}, {size(snapshot.free_bytes)} free"))
    return table


def _state_words(part: PartLine) -> str:
    words = part.state
    if part.state in ("failed", "backing off") and part.exit_code is not None:
        words += f" after {_exit_words(part.exit_code)}"
    return f"{words} (restart {part.restarts})" if part.restarts else words


def _exit_words(exit_code: int) -> str:
    return f"signal {-exit_code}" if exit_code < 0 else f"exit {exit_code}"


def count(number: int | None) -> str:
    """`12,345`, or a dash for unknown."""
    return UNKNOWN if number is None else f"{number:,}"


def size(number: int | None) -> str:
    """`512 MB`, `79.2 GB`, in powers of ten as disks are sold; a dash for unknown."""
    if number is None:
        return UNKNOWN
    return f"{number / 1e9:,.1f} GB" if number >= 1e9 else f"{number / 1e6:,.0f} MB"


def duration(seconds: float) -> str:
    """`8 s`, `5 min`, `3 h`, `12 d`: the largest whole unit."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} s"
