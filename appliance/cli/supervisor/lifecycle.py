"""The life of one supervised process, as a table: state and event in, state and action out.

    WAITING ──start──► STARTING ──ready──► UP
                         │  ▲               │
                  exited │  │ due           │ exited
                         ▼  │               ▼
                      BACKING_OFF ◄─────────┘         exit code 2, anywhere: FAILED, for a person to mend
    any of them ──stop──► STOPPING ──exited──► STOPPED

`due_s` is the next instant at which silence means something: in STARTING and UP the process is hung and killed, in
BACKING_OFF it is started again, in STOPPING its grace is over. Time, exit code and chance are arguments; nothing
here starts or ends a process. Called by `supervise`.
"""

import enum

import msgspec
from msgspec.structs import replace

USAGE_EXIT = 2  # the command line or the configuration is wrong: starting again cannot help


class State(enum.StrEnum):
    """Where a child is in its life."""

    WAITING = "waiting"
    STARTING = "starting"
    UP = "up"
    BACKING_OFF = "backing off"
    FAILED = "failed"
    STOPPING = "stopping"
    STOPPED = "stopped"


class Event(enum.StrEnum):
    """What can happen to it. TICK is time passing, ALIVE a watchdog message, EXITED also a start that failed."""

    START = "start"
    READY = "ready"
    ALIVE = "alive"
    EXITED = "exited"
    TICK = "tick"
    STOP = "stop"


class Action(enum.StrEnum):
    """What the supervisor has to do about it."""

    NONE = "none"
    SPAWN = "spawn"
    TERMINATE = "terminate"
    KILL = "kill"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds. The first restart is quick, since most deaths are single; then the delay doubles.

    After `steady_s` up, an earlier death no longer counts. A start may take `start_s` (a migration of a large store
    takes minutes on a card). `watchdog_s` is how long an UP child may be silent, None: for ever. `grace_s` is given
    to a clean stop before SIGKILL. A child that runs `once` is an errand, not a service: it is up as soon as it is
    started, and exit 0 is its end.
    """

    first_delay_s: float = 0.25
    longest_delay_s: float = 30.0
    steady_s: float = 60.0
    start_s: float = 300.0
    watchdog_s: float | None = None
    grace_s: float = 10.0
    once: bool = False


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """One child: in `state` since `since_s`; `failures` in a row make the delay, `restarts` are counted for ever."""

    state: State = State.WAITING
    since_s: float = 0.0
    due_s: float | None = None
    failures: int = 0
    restarts: int = 0
    exit_code: int | None = None

    @property
    def runs(self) -> bool:
        """Whether there is a process."""
        return self.state in (State.STARTING, State.UP, State.STOPPING)

    @property
    def is_over(self) -> bool:
        """Whether nothing will happen to it any more."""
        return self.state in (State.FAILED, State.STOPPED)


def step(
    life: Life, event: Event, limits: Limits, *, now_s: float, exit_code: int | None = None, chance: float = 0.5
) -> tuple[Life, Action]:
    """The next life and what to do; an event that means nothing in a state changes nothing.

    now_s      seconds on any steady clock
    exit_code  with EXITED: as `Popen.returncode`, negative for a signal
    chance     0..1, spreads the delay over its upper half, so that parts that died together do not return together
    """
    is_due = life.due_s is not None and now_s >= life.due_s
    following, action = life, Action.NONE
    match life.state, event:
        case (State.WAITING, Event.START):
            following, action = _start(life, limits, now_s), Action.SPAWN
        case (State.STARTING, Event.READY):
            following = _enter(life, State.UP, now_s, limits.watchdog_s)
        case (State.UP, Event.ALIVE) if limits.watchdog_s is not None and life.due_s is not None:
            following = replace(life, due_s=now_s + limits.watchdog_s)
        case ((State.STARTING | State.UP | State.STOPPING), Event.TICK) if is_due:
            following, action = replace(life, due_s=None), Action.KILL
        case ((State.STARTING | State.UP), Event.EXITED):
            following = _after_exit(life, limits, now_s, exit_code, chance)
        case (State.BACKING_OFF, Event.TICK) if is_due:
            following, action = _start(replace(life, restarts=life.restarts + 1), limits, now_s), Action.SPAWN
        case ((State.STARTING | State.UP), Event.STOP):
            following, action = _enter(life, State.STOPPING, now_s, limits.grace_s), Action.TERMINATE
        case ((State.WAITING | State.BACKING_OFF), Event.STOP):
            following = _enter(life, State.STOPPED, now_s, None)
        case (State.STOPPING, Event.EXITED):
            following = _enter(replace(life, exit_code=exit_code), State.STOPPED, now_s, None)
    return following, action


def delay_s(failures: int, limits: Limits, chance: float) -> float:
    """Seconds before the restart after so many failures (1 or more) in a row: doubling, capped, half by chance."""
    doublings = min(failures - 1, 30)  # beyond this the cap holds anyway, and 2**n stays a small number
    whole = min(limits.longest_delay_s, limits.first_delay_s * 2.0**doublings)
    return whole * (0.5 + 0.5 * chance)


def _start(life: Life, limits: Limits, now_s: float) -> Life:
    if limits.once:
        return _enter(life, State.UP, now_s, None)
    return _enter(life, State.STARTING, now_s, limits.start_s)


def _after_exit(life: Life, limits: Limits, now_s: float, exit_code: int | None, chance: float) -> Life:
    ended = replace(life, exit_code=exit_code)
    if exit_code == USAGE_EXIT:
        return _enter(ended, State.FAILED, now_s, None)
    if limits.once and exit_code == 0:
        return _enter(ended, State.STOPPED, now_s, None)
    was_steady = life.state is State.UP and now_s - life.since_s >= limits.steady_s
    failures = 1 if was_steady else life.failures + 1
    ended = replace(ended, failures=failures)
    return _enter(ended, State.BACKING_OFF, now_s, delay_s(failures, limits, chance))


def _enter(life: Life, state: State, now_s: float, due_in_s: float | None) -> Life:
    due_s = None if due_in_s is None else now_s + due_in_s
    return replace(life, state=state, since_s=now_s, due_s=due_s)
