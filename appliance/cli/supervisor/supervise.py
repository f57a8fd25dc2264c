"""`hexpost run` and `hexpost demo`: the parts and the broker as child processes of one supervisor.

What systemd does on a box, for a laptop, a container or a demonstration: start in order, restart what dies, stop in
the reverse order, leave nothing behind. The decisions are in `lifecycle`, the operating system in `child`; here is
the loop between them. It must be called from the main thread of a process without other threads: the kernel ties
children to the thread that made them, and fork does not go with threads.
"""

import contextlib
import fcntl
import logging
import os
import random
import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

import msgspec

from appliance.cli.supervisor.child import Child, Process, Tail
from appliance.cli.supervisor.lifecycle import Action, Event, Life, State, step
from appliance.errors import Conflict, Unavailable
from appliance.store.file.durable import DATA_MODE

LOG = logging.getLogger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PROBE_S = 0.05  # how often a port is tried that is to open
PROBE_TIMEOUT_S = 0.2
LAST_READS = 8  # of 64 KB, what a pipe holds at most, once its writers are dead
PATIENCE_S = 10.0  # the parts start without a broker that does not come: they record from HTTP and files all the same


class ChildStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One child for the screen: `for_s` seconds in `state`, `text` its own last status, `tail` its last lines."""

    name: str
    state: State
    for_s: float
    pid: int | None
    restarts: int
    exit_code: int | None
    text: str
    tail: tuple[str, ...]


OnStatus = Callable[[tuple[ChildStatus, ...]], None]
OnLine = Callable[[str, str], None]


class _Ward:
    """A child, its life, and its process while it has one."""

    def __init__(self, child: Child, now_s: float) -> None:
        self.child = child
        self.life = Life(since_s=now_s)
        self.process: Process | None = None
        self.text = ""
        self.tail = Tail()
        self.was_up = False


class Supervisor:
    """Runs children until it is told to stop, or until none of the parts can run.

    on_status   called on every change and every `refresh_s` seconds
    on_line     called with (child, line) for each line a child writes; None keeps them only in the tail
    monotonic   seconds on a steady clock
    chance      0..1, spreads the restarts
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        on_status: OnStatus,
        on_line: OnLine | None = None,
        environment: Mapping[str, str] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
        refresh_s: float = 1.0,
    ) -> None:
        names = {child.name for child in children}
        if len(names) != len(children) or any(set(child.after) - names for child in children):
            raise ValueError("children need different names, and `after` names children")
        self._on_status, self._on_line = on_status, on_line
        self._environment = os.environ if environment is None else environment
        self._monotonic, self._chance, self._refresh_s = monotonic, chance, refresh_s
        self._begun_s = monotonic()
        self._wards = {child.name: _Ward(child, self._begun_s) for child in children}
        self._selector = selectors.DefaultSelector()
        self._stopping = False
        self._changed = True
        self._reported_s = 0.0

    def run(self) -> int:
        """Supervise; the exit code: 0 after a clean stop, 2 when a child refused its configuration for good."""
        with self._signals_stop(), contextlib.closing(self._selector):
            try:
                while not all(ward.life.is_over for ward in self._wards.values()):
                    self._advance()
                    self._report()
                    self._wait()
                self._report()
            finally:
                self._end_all()
        return 2 if any(ward.life.state is State.FAILED for ward in self._wards.values()) else 0

    def stop(self) -> None:
        """Begin a clean stop; for callbacks. A second call changes nothing."""
        self._changed = self._changed or not self._stopping
        self._stopping = True

    # what the passing of time brings

    def _advance(self) -> None:
        if self._serves_nobody():
            self._stopping = True
        for ward in self._wards.values():
            self._apply(ward, Event.TICK)
            if self._stopping:
                if all(other.life.is_over for other in self._followers(ward.child.name)):
                    self._stop_once(ward)
            elif ward.life.state is State.WAITING and self._may_start(ward):
                self._apply(ward, Event.START)
            if ward.life.state is State.STARTING and ward.child.address and _accepts(ward.child.address):
                self._apply(ward, Event.READY)

    def _serves_nobody(self) -> bool:
        """Every part has failed for good: a broker alone, or an errand, is no reason to go on."""
        services = [ward for ward in self._wards.values() if not ward.child.limits.once]
        before_others = {name for ward in services for name in ward.child.after}
        parts = [ward for ward in services if ward.child.name not in before_others]
        return bool(parts) and all(ward.life.state is State.FAILED for ward in parts)

    def _followers(self, name: str) -> list[_Ward]:
        return [ward for ward in self._wards.values() if name in ward.child.after]

    def _may_start(self, ward: _Ward) -> bool:
        waited = self._monotonic() - self._begun_s >= PATIENCE_S
        earlier = [self._wards[name] for name in ward.child.after]
        return waited or all(other.was_up or other.life.is_over for other in earlier)

    def _stop_once(self, ward: _Ward) -> None:
        if ward.life.state is not State.STOPPING and not ward.life.is_over:
            self._apply(ward, Event.STOP)

    # one event of one child

    def _apply(self, ward: _Ward, event: Event, exit_code: int | None = None) -> None:
        before = ward.life
        now_s = self._monotonic()
        ward.life, action = step(
            before, event, ward.child.limits, now_s=now_s, exit_code=exit_code, chance=self._chance()
        )
        ward.was_up = ward.was_up or ward.life.state is State.UP
        self._changed = self._changed or ward.life.state is not before.state
        self._act(ward, action)

    def _act(self, ward: _Ward, action: Action) -> None:
        if action is Action.SPAWN:
            self._spawn(ward)
        elif ward.process is not None and action is Action.TERMINATE:
            ward.process.terminate()
        elif ward.process is not None and action is Action.KILL:
            self._take_line(ward, f"{ward.child.name} did not answer while {ward.life.state}; it is killed")
            ward.process.kill()

    def _spawn(self, ward: _Ward) -> None:
        ward.text = ""
        try:
            process = Process(ward.child, self._environment)
        except Unavailable as error:
            self._take_line(ward, str(error))
            self._apply(ward, Event.EXITED, exit_code=127)
            return
        ward.process = process
        self._selector.register(process.output_descriptor, selectors.EVENT_READ, (ward, self._hear_output))
        self._selector.register(process.notify_descriptor, selectors.EVENT_READ, (ward, self._hear_notices))
        self._selector.register(process.exit_descriptor, selectors.EVENT_READ, (ward, self._hear_exit))

    # what the children say

    def _wait(self) -> None:
        now_s = self._monotonic()
        moments = [ward.life.due_s for ward in self._wards.values() if ward.life.due_s is not None]
        probes = any(ward.life.state is State.STARTING and ward.child.address for ward in self._wards.values())
        moments.append(self._reported_s + self._refresh_s)
        timeout_s = 0.0 if self._changed else max(0.0, min(moments) - now_s)
        for key, _ in self._selector.select(min(timeout_s, PROBE_S) if probes else timeout_s):
            if key.data is None:
                _drain(key.fd)
                continue
            ward, hear = key.data
            if key.fd in self._selector.get_map():  # an exit heard in this round closes the others
                hear(ward)

    def _hear_output(self, ward: _Ward) -> None:
        process = ward.process
        if process is None:
            return
        for line in process.read_lines() or ():
            self._take_line(ward, line)
        if process.output_is_closed:
            self._forget(process.output_descriptor)

    def _hear_notices(self, ward: _Ward) -> None:
        if ward.process is None:
            return
        notice = ward.process.notices()
        if notice.status is not None:
            self._changed = self._changed or notice.status != ward.text
            ward.text = notice.status
        if notice.ready and ward.child.address is None:
            self._apply(ward, Event.READY)
        if notice.alive:
            self._apply(ward, Event.ALIVE)

    def _hear_exit(self, ward: _Ward) -> None:
        process = ward.process
        if process is None:
            return
        self._hear_notices(ward)
        exit_code = process.reap()
        for _ in range(LAST_READS):
            if not process.output_is_closed:
                self._hear_output(ward)
        for descriptor in (process.output_descriptor, process.notify_descriptor, process.exit_descriptor):
            self._forget(descriptor)
        process.close()
        ward.process = None
        self._apply(ward, Event.EXITED, exit_code=exit_code)

    def _forget(self, descriptor: int) -> None:
        if descriptor in self._selector.get_map():
            self._selector.unregister(descriptor)

    def _take_line(self, ward: _Ward, line: str) -> None:
        ward.tail.add(line)
        if self._on_line is not None:
            self._on_line(ward.child.name, line)

    # outward

    def _report(self) -> None:
        now_s = self._monotonic()
        if not self._changed and now_s < self._reported_s + self._refresh_s:
            return
        self._changed, self._reported_s = False, now_s
        try:
            self._on_status(tuple(_status(ward, now_s) for ward in self._wards.values()))
        except Exception:  # outermost loop: a screen that fails must not take the parts down
            LOG.exception("the status callback failed; the parts go on")

    @contextlib.contextmanager
    def _signals_stop(self) -> Iterator[None]:
        """SIGTERM, SIGINT and SIGHUP begin a clean stop; the wake-up socket ends the select they arrive in."""
        reader, writer = socket.socketpair()
        reader.setblocking(False)
        writer.setblocking(False)
        self._selector.register(reader, selectors.EVENT_READ, None)

        def begin_stop(_signum: int, _frame: FrameType | None) -> None:
            self._stopping = True

        wakeup = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        handlers = {signum: signal.signal(signum, begin_stop) for signum in STOP_SIGNALS}
        try:
            yield
        finally:
            for signum, handler in handlers.items():
                signal.signal(signum, handler)
            signal.set_wakeup_fd(wakeup)
            reader.close()
            writer.close()

    def _end_all(self) -> None:
        """Only after an error of the supervisor itself is there anything left to kill."""
        for ward in self._wards.values():
            if ward.process is not None:
                ward.process.reap()
                ward.process.close()
                ward.process = None


@contextlib.contextmanager
def hold_lock(path: Path, work: str = "run") -> Iterator[None]:
    """Be the only `hexpost run`, or other command, of a data directory while the context lasts.

    The kernel frees it however we end.
    raises  Conflict  another one holds it, with its process number
    """
    path.parent.mkdir(mode=DATA_MODE, parents=True, exist_ok=True)
    with path.open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read(32).strip() or "unknown"
            raise Conflict(
                f"hexpost {work}: the lock {path} is held by process {holder}: this data directory has a `hexpost "
                f"{work}` already; stop that one, or give this one another --data"
            ) from None
        with contextlib.suppress(OSError):  # on a full disk it is the lock that counts, not the number in it
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
        yield


def prefixed(name: str, line: str, width: int) -> str:
    """A child's line for a log shared by all: `bridge | …`, the bar at the same column for each."""
    return f"{name.ljust(width)} | {line}"


def _status(ward: _Ward, now_s: float) -> ChildStatus:
    life = ward.life
    return ChildStatus(
        name=ward.child.name,
        state=life.state,
        for_s=max(0.0, now_s - life.since_s),
        pid=ward.process.pid if ward.process else None,
        restarts=life.restarts,
        exit_code=life.exit_code,
        text=ward.text,
        tail=ward.tail.lines(),
    )


def _accepts(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=PROBE_TIMEOUT_S).close()
    except OSError:
        return False
    return True


def _drain(descriptor: int) -> None:
    with contextlib.suppress(BlockingIOError):
        while os.read(descriptor, 4096):
            pass
