"""The supervisor with real child processes: restarts, order, hangs, orphans."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from appliance.cli.supervisor.child import Child
from appliance.cli.supervisor.lifecycle import Limits, State
from appliance.cli.supervisor.supervise import ChildStatus, Supervisor, hold_lock, prefixed
from appliance.errors import Conflict

Until = Callable[[Callable[[], bool]], None]
Obedient = Callable[..., tuple[str, ...]]
Seen = dict[str, ChildStatus]
Act = tuple[Callable[[Seen], bool], Callable[[Seen], object]]


class Play:
    """Runs children; each act waits for its condition, does its deed and hands over to the next; then all stop."""

    def __init__(self, children: Sequence[Child], *acts: Act) -> None:
        self._acts = list(acts)
        self._deadline_s = time.monotonic() + 30.0
        self.history: list[tuple[str, str]] = []
        self.lines: list[tuple[str, str]] = []
        self.last: Seen = {}
        self._supervisor = Supervisor(
            children, on_status=self._see, on_line=lambda name, line: self.lines.append((name, line)), refresh_s=0.02
        )

    def run(self) -> int:
        exit_code = self._supervisor.run()
        assert not self._acts, f"not all came true; last seen {self.last}"
        return exit_code

    def _see(self, statuses: tuple[ChildStatus, ...]) -> None:
        for status in statuses:
            if status.name not in self.last or self.last[status.name].state is not status.state:
                self.history.append((status.name, status.state))
        self.last = {status.name: status for status in statuses}
        if self._acts and self._acts[0][0](self.last):
            self._acts.pop(0)[1](self.last)
        if not self._acts or time.monotonic() > self._deadline_s:
            self._supervisor.stop()


def up(*names: str) -> Callable[[Seen], bool]:
    return lambda seen: all(seen[name].state is State.UP for name in names)


def nothing(_: Seen) -> None:
    return None


def kill(name: str, signum: int = signal.SIGKILL) -> Callable[[Seen], None]:
    def deed(seen: Seen) -> None:
        pid = seen[name].pid
        assert pid is not None
        os.kill(pid, signum)

    return deed


def is_gone(pid: int) -> bool:
    """A zombie waits only for whoever inherited it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_a_killed_child_comes_back_and_the_others_never_notice(obedient: Obedient) -> None:
    children = [Child(name=name, argv=obedient()) for name in ("bridge", "serve", "jobs")]
    pids: dict[str, int | None] = {}

    def remember_and_kill(seen: Seen) -> None:
        pids.update({name: status.pid for name, status in seen.items()})
        kill("serve")(seen)

    def is_back(seen: Seen) -> bool:
        return seen["serve"].restarts == 1 and up("serve")(seen)

    def remember_later(seen: Seen) -> None:
        pids.update({f"{name} later": status.pid for name, status in seen.items()})

    play = Play(children, (up("bridge", "serve", "jobs"), remember_and_kill), (is_back, remember_later))
    assert play.run() == 0
    assert (pids["bridge later"], pids["jobs later"]) == (pids["bridge"], pids["jobs"])
    assert pids["serve later"] != pids["serve"]
    assert play.last["bridge"].restarts == 0


def test_parts_start_after_the_broker_accepts_and_stop_before_it(obedient: Obedient, port: int) -> None:
    listen = f"import socket; server = socket.create_server(('127.0.0.1', {port}))"
    broker = Child(name="broker", argv=obedient(listen), address=("127.0.0.1", port))
    parts = [Child(name=name, argv=obedient(), after=("broker",)) for name in ("bridge", "serve")]
    play = Play([*parts, broker], (up("broker", "bridge", "serve"), nothing))
    assert play.run() == 0
    order = play.history
    assert order.index(("broker", "up")) < min(order.index((name, "starting")) for name in ("bridge", "serve"))
    assert order.index(("broker", "stopping")) >= max(order.index((name, "stopped")) for name in ("bridge", "serve"))
    assert [line for _, line in play.lines].count("stopped") == 3  # each ended by itself, none was killed


def test_a_child_that_refuses_its_configuration_is_reported_and_not_started_again(obedient: Obedient) -> None:
    refuses = (sys.executable, "-c", "import sys; print('no key mqtt.prot'); sys.exit(2)")
    children = [Child(name="bridge", argv=refuses), Child(name="serve", argv=obedient())]

    def has_failed(seen: Seen) -> bool:
        return seen["bridge"].state is State.FAILED and up("serve")(seen)

    play = Play(children, (has_failed, nothing))
    assert play.run() == 2
    assert (play.last["bridge"].restarts, play.last["bridge"].exit_code) == (0, 2)
    assert play.last["bridge"].tail == ("no key mqtt.prot",)


def test_when_every_part_refuses_the_broker_stops_too(obedient: Obedient) -> None:
    refuses = (sys.executable, "-c", "raise SystemExit(2)")
    children = [
        Child(name="broker", argv=obedient()),
        Child(name="bridge", argv=refuses, after=("broker",)),
        Child(name="serve", argv=refuses, after=("broker",)),
    ]
    play = Play(children, (lambda seen: seen["broker"].state is State.STOPPED, nothing))
    assert play.run() == 2


def test_an_errand_runs_once_after_the_parts_are_up(obedient: Obedient) -> None:
    errand = (sys.executable, "-c", "print('imported')")
    children = [
        Child(name="serve", argv=obedient()),
        Child(name="import", argv=errand, after=("serve",), limits=Limits(once=True)),
    ]
    play = Play(children, (lambda seen: seen["import"].state is State.STOPPED and up("serve")(seen), nothing))
    assert play.run() == 0
    assert play.last["import"].tail == ("imported",)
    assert play.history.index(("serve", "up")) < play.history.index(("import", "up"))


def test_when_every_part_refuses_an_errand_does_not_keep_the_box_running() -> None:
    refuses = Child(name="serve", argv=(sys.executable, "-c", "raise SystemExit(2)"))
    waits = "import threading; threading.Event().wait()"
    errand = Child(name="replay", argv=(sys.executable, "-c", waits), after=("serve",), limits=Limits(once=True))
    play = Play([refuses, errand], (lambda seen: seen["replay"].state is State.STOPPED, nothing))
    assert play.run() == 2


def test_parts_start_without_a_broker_that_cannot(obedient: Obedient) -> None:
    broker = Child(name="broker", argv=(sys.executable, "-c", "raise SystemExit(2)"))
    play = Play([broker, Child(name="bridge", argv=obedient(), after=("broker",))], (up("bridge"), nothing))
    assert play.run() == 2


def test_a_flapping_child_backs_off(obedient: Obedient) -> None:
    dies = Child(name="bridge", argv=(sys.executable, "-c", "raise SystemExit(1)"), limits=Limits(first_delay_s=0.01))
    play = Play([dies, Child(name="serve", argv=obedient())], (lambda seen: seen["bridge"].restarts >= 4, nothing))
    assert play.run() == 0
    assert ("bridge", "backing off") in play.history
    assert ("serve", "backing off") not in play.history


def test_a_program_that_is_not_there_says_so_and_is_tried_again() -> None:
    absent = Child(name="bridge", argv=("/nowhere/hexpost", "bridge"), limits=Limits(first_delay_s=0.01))
    play = Play([absent], (lambda seen: seen["bridge"].restarts >= 1, nothing))
    play.run()
    assert "cannot start bridge: /nowhere/hexpost" in play.last["bridge"].tail[0]


def test_a_child_whose_watchdog_falls_silent_is_killed_and_comes_back(obedient: Obedient) -> None:
    hangs = Child(name="bridge", argv=obedient(), limits=Limits(watchdog_s=0.3, first_delay_s=0.01))
    play = Play([hangs], (lambda seen: seen["bridge"].restarts >= 1 and up("bridge")(seen), nothing))
    assert play.run() == 0
    assert ("bridge", "bridge did not answer while up; it is killed") in play.lines


def test_a_child_that_ignores_the_stop_is_killed_when_its_grace_is_over() -> None:
    deaf = (
        "import os, signal, threading; from appliance.cli.supervisor.sd_notify import Notifier;"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); Notifier(os.environ).ready(); threading.Event().wait()"
    )
    child = Child(name="bridge", argv=(sys.executable, "-c", deaf), limits=Limits(grace_s=0.2))
    play = Play([child], (up("bridge"), nothing))
    assert play.run() == 0
    assert play.last["bridge"].exit_code == -signal.SIGKILL


def test_what_a_dead_child_leaves_in_its_group_dies_with_it(obedient: Obedient, until: Until) -> None:
    body = "import subprocess; print('helper', subprocess.Popen(['sleep', '300']).pid, flush=True)"
    child = Child(name="serve", argv=obedient(body))

    def has_helper(seen: Seen) -> bool:
        return any("helper" in line for line in seen["serve"].tail)

    play = Play([child], (has_helper, kill("serve")), (lambda seen: seen["serve"].restarts == 1, nothing))
    play.run()
    helper = next(line for _, line in play.lines if line.startswith("helper"))
    until(lambda: is_gone(int(helper.split()[1])))


def test_the_child_s_own_words_and_its_last_lines_are_kept_and_bounded(obedient: Obedient) -> None:
    body = "print('x' * 5000, flush=True)\nfor n in range(500): print(n, flush=True)"
    play = Play([Child(name="serve", argv=obedient(body))], (lambda seen: "499" in seen["serve"].tail, nothing))
    play.run()
    assert play.last["serve"].text == "at work"
    assert len(play.last["serve"].tail) == 100
    assert max(len(line) for _, line in play.lines) <= 2000
    assert sum(len(line) for _, line in play.lines if line.startswith("x")) == 5000


def test_a_screen_that_fails_does_not_take_the_parts_down(obedient: Obedient) -> None:
    calls: list[int] = []

    def broken(statuses: tuple[ChildStatus, ...]) -> None:
        calls.append(1)
        if statuses[0].state is State.UP:
            supervisor.stop()
        raise RuntimeError("no screen")

    supervisor = Supervisor([Child(name="serve", argv=obedient())], on_status=broken, refresh_s=0.02)
    assert supervisor.run() == 0
    assert len(calls) > 1


SUPERVISOR = """
import json, sys
from appliance.cli.supervisor.child import Child
from appliance.cli.supervisor.supervise import Supervisor
argvs = json.loads(sys.argv[1])
def say(statuses):
    if all(status.state == "up" for status in statuses):
        print(json.dumps([status.pid for status in statuses]), flush=True)
raise SystemExit(Supervisor([Child(name=n, argv=tuple(a)) for n, a in argvs.items()], on_status=say).run())
"""


def start_supervisor(obedient: Obedient) -> tuple[subprocess.Popen[str], list[int]]:
    """A supervisor of two in a process of its own, and the pids of its children once they are up."""
    argvs = json.dumps({name: obedient() for name in ("bridge", "serve")})
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SUPERVISOR), argvs], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())


def test_a_supervisor_killed_leaves_no_orphan(obedient: Obedient, until: Until) -> None:
    process, pids = start_supervisor(obedient)
    with process:
        process.kill()
    assert len(pids) == 2
    until(lambda: all(is_gone(pid) for pid in pids))


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_is_a_clean_stop(signum: signal.Signals, obedient: Obedient) -> None:
    process, pids = start_supervisor(obedient)
    with process:
        process.send_signal(signum)
        assert process.wait(20) == 0
    assert all(is_gone(pid) for pid in pids)


def test_two_supervisors_of_one_data_directory_refuse_clearly(tmp_path: Path) -> None:
    lock = tmp_path / "run" / "supervisor.lock"
    refusal = rf"held by process {os.getpid()}.*another --data"
    with hold_lock(lock), pytest.raises(Conflict, match=refusal), hold_lock(lock):
        pass
    with hold_lock(lock):  # free again
        assert lock.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can speak as another user")
def test_nobody_else_on_the_machine_can_say_that_a_child_is_ready() -> None:
    """The child drops to another user before it speaks; a neighbour could do the same to an abstract socket."""
    speaks = (
        "import os, threading; from appliance.cli.supervisor.sd_notify import Notifier;"
        "os.setuid(65534); Notifier(os.environ).ready('hello'); print('said', flush=True); threading.Event().wait()"
    )
    child = Child(name="serve", argv=(sys.executable, "-c", speaks), limits=Limits(grace_s=0.2))
    play = Play([child], (lambda seen: "said" in seen["serve"].tail, nothing))
    play.run()
    assert (play.last["serve"].text, ("serve", "up") in play.history) == ("", False)


def test_lines_of_all_children_align() -> None:
    assert [prefixed("serve", "listening", 6), prefixed("bridge", "connected", 6)] == [
        "serve  | listening",
        "bridge | connected",
    ]


def test_children_need_different_names_and_known_predecessors() -> None:
    with pytest.raises(ValueError, match="different names"):
        Supervisor([Child(name="serve", argv=("x",)), Child(name="serve", argv=("y",))], on_status=lambda _: None)
    with pytest.raises(ValueError, match="after"):
        Supervisor([Child(name="serve", argv=("x",), after=("broker",))], on_status=lambda _: None)
