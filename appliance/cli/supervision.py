"""`hexpost run`: the four parts and, where none is configured, a broker, under one supervisor and on one screen."""

import os
import shlex
import shutil
import sys
import time
from collections import deque
from collections.abc import Sequence

import click
from rich.console import Console

from appliance.cli.options import box_options, common, log_to_stderr
from appliance.cli.parts import serial_options
from appliance.cli.supervisor.broker import broker_child, find_broker, port_is_free
from appliance.cli.supervisor.child import Child
from appliance.cli.supervisor.lifecycle import Limits
from appliance.cli.supervisor.screen import Screen, Snapshot, part_line
from appliance.cli.supervisor.supervise import ChildStatus, Supervisor, hold_lock
from appliance.errors import HexpostError, Unavailable
from appliance.store.engine import Store
from appliance.store.totals import Facts, fetch_facts
from appliance.store.users import fetch_users
from appliance.wiring import Box, fetch_pulses, open_ballast, open_store

PARTS = ("bridge", "serve", "jobs", "sync")
PROGRAM = (sys.executable, "-m", "appliance.cli")  # the very Python that runs this
WATCHDOG_S = 60.0  # a part that has not turned its loop for so long hangs; a risk run or a slow card takes less
WINDOW_S = 60.0  # over which the screen counts arrivals


@click.command("run")
@serial_options
@common
def run_command(box: Box, as_json: bool, port: str | None, baud: int) -> None:
    """Run the whole box in the foreground.

    Example: hexpost run --data ./hexpost-data
    """
    http = box.settings.http
    if not port_is_free(http.host, http.port):
        raise Unavailable(
            f"cannot listen on {http.host}:{http.port}: another program does; "
            f"`ss -ltnp 'sport = :{http.port}'` names it. Stop it, or set another http.port"
        )
    sys.exit(supervise_box(box, serial=("--serial", port, "--baud", str(baud)) if port else ()))


def supervise_box(
    box: Box, *, login: str | None = None, besides: Sequence[Child] = (), serial: Sequence[str] = ()
) -> int:
    """Run the box until a signal, with other commands `besides` its parts; the exit code.

    login   how to enter; None: what to type while there is no user
    serial  the bridge's options of a serial port
    """
    log_to_stderr(box, "run")
    open_ballast(box)  # and with it the data directory
    with hold_lock(box.run_dir / "supervisor.lock"):
        store = open_store(box)
        children = [*box_children(box, serial), *besides]
        view = BoxView(box, store, login=login)
        with Screen(Console(stderr=False)) as screen:
            supervisor = Supervisor(
                children,
                on_status=lambda statuses: screen.show(view.snapshot(statuses)),
                on_line=screen.child_line,
            )
            code = supervisor.run()
        store.close()
    return code


def box_children(box: Box, serial: Sequence[str] = ()) -> list[Child]:
    """The processes of a box, the broker first where it is embedded; `serial` are further options of the bridge.

    raises  Unavailable  the broker's port is taken
    """
    options = box_options(box)
    children = []
    if box.settings.mqtt.url == "embedded":
        broker = find_broker(os.environ.get("PATH", os.defpath))
        children.append(broker_child(broker, box.settings.mqtt, box.data, box.run_dir))
    after = tuple(child.name for child in children)
    limits = Limits(watchdog_s=WATCHDOG_S)
    of_part = {part: (*options, *serial) if part == "bridge" else options for part in PARTS}
    children += [Child(name=part, argv=(*PROGRAM, part, *of_part[part]), after=after, limits=limits) for part in PARTS]
    return children


def login_hint(box: Box, store: Store) -> str:
    """What to type before anyone can log in, to this box and no other; empty once there is a user."""
    with store.read(limit_s=0.5) as connection:
        users = fetch_users(connection)
    typed = f"hexpost user add NAME --role admin --password-file FILE {shlex.join(box_options(box))}"
    return "" if users else f"No users yet: {typed}"


class BoxView:
    """Fills the screen's snapshots from the store and the parts' pulses. One a supervisor."""

    def __init__(self, box: Box, store: Store, *, login: str | None) -> None:
        self._box = box
        self._store = store
        self._login = login
        self._history: deque[tuple[float, int, int]] = deque()

    def snapshot(self, statuses: tuple[ChildStatus, ...]) -> Snapshot:
        """The box now."""
        settings, parts = self._box.settings, {status.name: status for status in statuses}
        pulses = fetch_pulses(self._box)
        bridge, sync = pulses.get("bridge", {}), pulses.get("sync", {})
        facts = self._facts()
        rate, lately = self._rates(int(bridge.get("messages") or 0), facts.events if facts else 0)
        url = settings.mqtt.url
        return Snapshot(
            site=settings.site.name,
            url=f"http://{settings.http.host}:{settings.http.port}/",
            login=self._hint() if self._login is None else self._login,
            broker=f"mqtt://{settings.mqtt.host}:{settings.mqtt.port}" if url == "embedded" else url,
            data=str(self._box.data),
            parts=tuple(part_line(status) for status in statuses),
            is_ready=all(parts[name].state == "up" for name in PARTS),
            messages_per_s=rate,
            events_total=facts.events if facts else None,
            events_last_minute=lately,
            pending=bridge.get("pending"),
            last_run=f"{facts.last_run_at:%H:%M:%S} UTC" if facts and facts.last_run_at else "",
            sync=str(sync.get("state") or "") if settings.sync.url else "off",
            sync_pending=sync.get("pending_rows"),
            free_bytes=shutil.disk_usage(self._box.data).free,
        )

    def _hint(self) -> str:
        try:
            hint = login_hint(self._box, self._store)
        except HexpostError:
            return ""
        if not hint:
            self._login = ""  # there is a user: nobody has to be told any more
        return hint

    def _facts(self) -> Facts | None:
        try:
            with self._store.read(limit_s=0.5) as connection:
                return fetch_facts(connection)
        except HexpostError:
            return None  # the screen shows a gap and asks again in a second

    def _rates(self, messages: int, events: int) -> tuple[float, int]:
        """(messages a second, events in the last minute) from what was seen so far."""
        now = time.monotonic()
        self._history.append((now, messages, events))
        while now - self._history[0][0] > WINDOW_S:
            self._history.popleft()
        recent = next(entry for entry in self._history if now - entry[0] <= 5.0)
        span = max(now - recent[0], 1.0)
        return max(0, messages - recent[1]) / span, max(0, events - self._history[0][2])
