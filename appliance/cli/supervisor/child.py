"""One child process as the operating system has it: spawned, heard, signalled, reaped.

Each child leads a process group of its own, so that Ctrl-C in a terminal reaches only the supervisor, and so that
what a child leaves behind can be ended with it. The kernel signals it when the supervisor dies, however it dies: no
orphan keeps a port. Output and notifications are read without blocking. Called by `supervise`, which decides.
"""

import contextlib
import ctypes
import os
import secrets
import signal
import socket
import struct
import subprocess
from collections import deque
from collections.abc import Callable, Mapping

import msgspec

from appliance.cli.supervisor.lifecycle import Limits
from appliance.errors import Unavailable

PR_SET_PDEATHSIG = 1  # prctl(2)
LIBC = ctypes.CDLL(None, use_errno=True)
READ_BYTES = 65_536
LINE_CHARACTERS = 2_000  # a longer line is cut into several
TAIL_LINES = 100
STATUS_CHARACTERS = 200
NOTICES_AT_ONCE = 100  # per turn of the loop, so that a chatty child cannot hold it
CREDENTIALS = struct.Struct("iII")  # pid, uid, gid: unix(7)
MANAGER_VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


class Child(msgspec.Struct, frozen=True, kw_only=True):
    """What to run. It is up when `address` (host, port) accepts connections or, without one, when it says READY=1.

    It starts after the children named in `after` and stops before them. `orphan_signal` is what the kernel sends it
    when the supervisor is killed: SIGKILL for parts, whose promises hold at any instant.
    """

    name: str
    argv: tuple[str, ...]
    after: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    address: tuple[str, int] | None = None
    orphan_signal: int = int(signal.SIGKILL)
    limits: Limits = Limits()


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What a child said over its notification socket since last asked."""

    ready: bool = False
    alive: bool = False
    status: str | None = None


class Process:
    """A running child; close() after it has ended."""

    def __init__(self, child: Child, environment: Mapping[str, str]) -> None:
        """Start it.

        raises  Unavailable  the program cannot be started; the message says which and why
        """
        self._notify, name = _notify_socket()
        variables = {key: value for key, value in environment.items() if key not in MANAGER_VARIABLES}
        variables |= {"PYTHONUNBUFFERED": "1"} | child.environment | {"NOTIFY_SOCKET": name}
        if child.limits.watchdog_s is not None:
            variables["WATCHDOG_USEC"] = str(round(child.limits.watchdog_s * 1_000_000))
        try:
            self._popen = subprocess.Popen(
                child.argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=variables,
                process_group=0,
                preexec_fn=_dies_with(os.getpid(), child.orphan_signal),  # noqa: PLW1509  no threads, see supervise
            )
        except OSError as error:
            self._notify.close()
            raise Unavailable(
                f"cannot start {child.name}: {child.argv[0]}: {error.strerror}; is it installed?"
            ) from None
        self.pid = self._popen.pid
        self.exit_descriptor = os.pidfd_open(self.pid)
        assert self._popen.stdout is not None
        self.output_descriptor = self._popen.stdout.fileno()
        os.set_blocking(self.output_descriptor, False)
        self.output_is_closed = False
        self._partial = b""

    @property
    def notify_descriptor(self) -> int:
        """Readable when the child has said something."""
        return self._notify.fileno()

    def read_lines(self) -> list[str] | None:
        """The complete lines that can be read now; None when there is nothing to read. See also `output_is_closed`."""
        try:
            chunk = os.read(self.output_descriptor, READ_BYTES)
        except BlockingIOError:
            return None
        self.output_is_closed = not chunk
        *whole, self._partial = (self._partial + chunk).split(b"\n")
        if self.output_is_closed or len(self._partial) > LINE_CHARACTERS:
            whole.append(self._partial)
            self._partial = b""
        cut = (line[at : at + LINE_CHARACTERS] for line in whole for at in range(0, len(line), LINE_CHARACTERS))
        return [line.decode(errors="replace").rstrip("\r") for line in cut]

    def notices(self) -> Notice:
        """Everything said since the last call, folded into one; messages of other users are ignored."""
        said: dict[str, str] = {}
        for _ in range(NOTICES_AT_ONCE):
            try:
                data, ancillary, _, _ = self._notify.recvmsg(4096, socket.CMSG_SPACE(CREDENTIALS.size))
            except BlockingIOError:
                break
            if _is_ours(ancillary):
                pairs = (line.partition("=") for line in data.decode(errors="replace").splitlines())
                said |= {key: value for key, _, value in pairs}
        status = said.get("STATUS")
        return Notice(
            ready=said.get("READY") == "1",
            alive=said.get("WATCHDOG") == "1",
            status=None if status is None else status[:STATUS_CHARACTERS],
        )

    def terminate(self) -> None:
        """Ask it to stop; only the leader, which knows in which order its own helpers stop."""
        self._popen.terminate()

    def kill(self) -> None:
        """End the whole process group now."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def reap(self) -> int:
        """The exit code of a process that has ended, after ending whatever it left in its group.

        The group first, while the unreaped leader still keeps its number from being given to others.
        """
        self.kill()
        return self._popen.wait()

    def close(self) -> None:
        """Give back the descriptors."""
        assert self._popen.stdout is not None
        self._popen.stdout.close()
        os.close(self.exit_descriptor)
        self._notify.close()


class Tail:
    """The last lines a child wrote, bounded."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=TAIL_LINES)

    def add(self, line: str) -> None:
        """Keep a line, forgetting the oldest beyond `TAIL_LINES`."""
        self._lines.append(line)

    def lines(self) -> tuple[str, ...]:
        """Oldest first."""
        return tuple(self._lines)


def _notify_socket() -> tuple[socket.socket, str]:
    """A datagram socket and its NOTIFY_SOCKET name, abstract because a path may not exceed 107 bytes."""
    name = f"hexpost/{os.getpid()}/{secrets.token_hex(8)}"
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    receiver.bind(f"\0{name}")
    return receiver, f"@{name}"


def _is_ours(ancillary: list[tuple[int, int, bytes]]) -> bool:
    """An abstract socket has no file mode, so the sender's user is checked instead (root may speak for anyone)."""
    users = [
        CREDENTIALS.unpack(data)[1]
        for level, kind, data in ancillary
        if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS
    ]
    return bool(users) and users[0] in (0, os.getuid())


def _dies_with(supervisor: int, signum: int) -> Callable[[], None]:
    """Run in the child between fork and exec: one system call and a check that it did not come too late."""

    def before_exec() -> None:
        LIBC.prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0)
        if os.getppid() != supervisor:
            os._exit(1)

    return before_exec
