"""Telling the service manager how a part is: the sd_notify protocol, without a library.

systemd (or `hexpost run`, which speaks the same protocol to its children) hands a datagram socket in
`NOTIFY_SOCKET` and, where it watches for hangs, an interval in `WATCHDOG_USEC`. Without them every call is a no-op,
so that a part started by hand behaves the same. Called by the main loop of each part.
Source: sd_notify(3), sd_watchdog_enabled(3).
"""

import contextlib
import os
import socket
from collections.abc import Mapping

STATUS_CHARACTERS = 200


class Notifier:
    """One connection to the service manager; cheap to call, never raises for a manager that has gone."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """`environment` is the process's own; `WATCHDOG_PID`, where given, must name this process."""
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) if self._address else None
        self.watchdog_s = watchdog_interval_s(environment, os.getpid())

    def ready(self, status: str = "") -> None:
        """The part does its work from now on."""
        self._send("READY=1", *_status(status))

    def status(self, text: str) -> None:
        """One line for `systemctl status` and the screen."""
        self._send(*_status(text))

    def alive(self) -> None:
        """The main loop turns; call it at least every `watchdog_s` seconds where that is not None."""
        self._send("WATCHDOG=1")

    def stopping(self, status: str = "") -> None:
        """The part has begun to stop."""
        self._send("STOPPING=1", *_status(status))

    def close(self) -> None:
        """Close the socket; later calls are no-ops."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def _send(self, *assignments: str) -> None:
        if self._socket is None or not assignments:
            return
        with contextlib.suppress(OSError):  # the manager restarts or its queue is full: the next call tells it again
            self._socket.sendto("\n".join(assignments).encode(), socket.MSG_DONTWAIT, self._address)


def watchdog_interval_s(environment: Mapping[str, str], pid: int) -> float | None:
    """Half the time within which the manager wants to hear of us, seconds; None when it does not watch this process."""
    usec = environment.get("WATCHDOG_USEC", "")
    owner = environment.get("WATCHDOG_PID", "")
    if not usec.isdigit() or int(usec) == 0 or owner not in ("", str(pid)):
        return None
    return int(usec) / 2_000_000


def _address(name: str) -> str:
    if name.startswith("@"):
        return "\0" + name[1:]  # Linux's abstract namespace: no file, no limit of the data directory's path length
    return name if name.startswith("/") else ""


def _status(text: str) -> list[str]:
    return [f"STATUS={' '.join(text.split())[:STATUS_CHARACTERS]}"] if text else []
