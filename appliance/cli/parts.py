"""`hexpost bridge`, `serve`, `jobs` and `sync`: one long-running part each, in the foreground.

Each tells the service manager when it is ready and that it is alive, and ends cleanly on SIGTERM or SIGINT.
"""

import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from appliance.cli.options import common, hexpost_command, log_to_stderr
from appliance.cli.supervisor.sd_notify import Notifier
from appliance.cli.supervisor.supervise import hold_lock
from appliance.store.engine import FILE_NAME, Store
from appliance.store.file.durable import is_read_only
from appliance.store.file.health import DoubtWatch
from appliance.wiring import Box, archive_folder, open_context, open_store, open_to_read, pulse_reporter

if TYPE_CHECKING:  # each part imports at its start only what it needs
    from appliance.job.backing_up import Child

GIVE_WAY = 10  # niceness of jobs and sync beside the others: what `CPUWeight` in their units says, a tenth
WRITABLE_S = 5.0  # between looks whether a read-only disk can be written again
YOUNG = 50_000  # objects between collections; each batch makes thousands, of which none is part of a cycle


@contextmanager
def only_one(box: Box, part: str) -> Iterator[None]:
    """Be the only one of a part on this data directory: two bridges would take the broker's session from each other.

    The lock lies beside the store, where the parts of systemd and those that a person starts meet.
    raises  Conflict  there is one, with its process number
    """
    with ExitStack() as stack:
        with suppress(OSError):  # a disk that takes no writes is told of where the store is opened
            stack.enter_context(hold_lock(box.data / f"hexpost.{part}-lock", part))
        yield


@contextmanager
def running(box: Box, part: str, *, niceness: int = 0) -> Iterator[tuple[threading.Event, Notifier]]:
    """A part's frame: logging, signals to a stop event, and the service manager told of the end."""
    os.nice(niceness)
    log_to_stderr(box, part)
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    notifier = Notifier(os.environ)
    box.time.start()
    watch = DoubtWatch(box.data / FILE_NAME, stop)
    watch.start()
    try:
        yield stop, notifier
        watch.end()
    finally:
        notifier.stopping()
        box.time.stop()
        notifier.close()


def spare_collections() -> None:
    """Keep what stands by now out of collections, and make them rare.

    One walks all that it knows: tens of milliseconds in the middle of a tile, a quarter of the time of counting.
    """
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 50)


def begun(notifier: Notifier, words: str = "") -> None:
    """A part stands, and does its work from now on."""
    spare_collections()
    notifier.ready(words)


def end_when_writable(box: Box, stop: threading.Event) -> None:
    """End a part that only reads once the disk can be written again: it is started anew, and writes."""
    while not stop.wait(WRITABLE_S):
        if not is_read_only(box.data):
            stop.set()


def serial_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--serial` and `--baud`, of the bridge and of whoever starts one."""
    for option in (
        click.option("--baud", type=int, default=115_200, show_default=True, help="The serial port's speed."),
        click.option(
            "--serial", "port", metavar="DEVICE", help="Also read lines from this serial port: JSON, or NMEA."
        ),
    ):
        command = option(command)
    return command


@click.command("bridge")
@serial_options
@common
def bridge_command(box: Box, as_json: bool, port: str | None, baud: int) -> None:
    """Carry messages from the broker, and from a serial port, into the store.

    Example: hexpost bridge --serial /dev/ttyUSB0 --data /var/lib/hexpost
    """
    from appliance.wiring_bridge import open_bridge, open_client
    from firmware_bridge.serial_port import SerialGateway

    with only_one(box, "bridge"), running(box, "bridge") as (stop, notifier):
        store = open_store(box)
        client = open_client(box, box.clock)
        report = pulse_reporter(box, "bridge", notifier.alive)
        bridge, field = open_bridge(box, store, client, clock=box.clock, clock_trusted=box.clock_trusted, report=report)
        gateway = None
        if port:
            gateway = SerialGateway(
                port,
                baud=baud,
                messages=client.messages,
                clock=box.clock,
                on_time=partial(box.time.hear, "satellite"),
                on_place=field.set_place,
            )
            gateway.start()
        begun(notifier, f"topics {', '.join(box.settings.mqtt.topics)}")
        bridge.run(stop)
        if gateway:
            gateway.stop()
        store.close()


@click.command("jobs")
@common
def jobs_command(box: Box, as_json: bool) -> None:
    """Compute risk on schedule and when asked, and judge what comes in.

    Example: hexpost jobs --data /var/lib/hexpost
    """
    from appliance.job.archiving import ArchiveCare
    from appliance.job.schedule import Jobs
    from appliance.store.archive.spool import SPOOL, is_sealing_due
    from appliance.wiring_jobs import (
        open_asset_risks,
        open_chores,
        open_covering,
        open_disk_keeper,
        open_iot_watch,
        open_redating,
        open_watching,
    )

    with only_one(box, "jobs"), running(box, "jobs", niceness=GIVE_WAY) as (stop, notifier):
        store = open_store(box)
        keeper = open_disk_keeper(box, store)
        report = pulse_reporter(box, "jobs", notifier.alive)
        jobs = Jobs(
            store,
            risk=box.settings.risk,
            zone=box.settings.zone,
            clock=box.clock,
            archive=ArchiveCare(
                hexpost_command(box, "archive", "seal"),
                lambda: is_sealing_due(archive_folder(box) / SPOOL, box.clock()),
            ),
            chores=open_chores(box, store),
            redating=open_redating(box, store),
            covering=open_covering(box, store),
            watching=open_watching(box, store),
            iot=open_iot_watch(box, store),
            assets=open_asset_risks(box, store),
            report=lambda state: report({**state, **keeper.state}),
            children=_children(box, store),
        )
        begun(notifier)
        keeper.start()
        jobs.run(stop)
        keeper.stop()
        store.close()


def _children(box: Box, store: Store) -> list["Child"]:
    """The commands that the jobs process starts when they are due, so that what they take goes back."""
    from appliance.job.backing_up import Child, is_backup_due, is_salvage_due
    from appliance.job.backtest_keeping import AGAIN_S, NICENESS
    from appliance.wiring_jobs import forecast_due, open_backtest_due

    return [
        Child(
            "backup",
            hexpost_command(box, "backup"),
            lambda: is_backup_due(store, box.clock(), clock_trusted=box.clock_trusted()),
        ),
        Child("salvage", hexpost_command(box, "salvage"), lambda: is_salvage_due(store)),
        Child("forecast", hexpost_command(box, "forecast", "run"), forecast_due(box, store)),
        Child(
            "backtest",
            hexpost_command(box, "backtest", "--site", "--keep", "--queued"),
            open_backtest_due(box, store),
            again_s=AGAIN_S,
            niceness=NICENESS,
        ),
    ]


@click.command("serve")
@common
def serve_command(box: Box, as_json: bool) -> None:
    """Serve the API, the tiles, the live stream and the map.

    Example: hexpost serve --data /var/lib/hexpost
    """
    from appliance.serve.server import serve
    from appliance.wiring_bridge import retry_quarantine

    with running(box, "serve") as (stop, notifier):
        store = open_to_read(box)
        if store.read_only:
            threading.Thread(target=end_when_writable, args=(box, stop), daemon=True).start()
        serve(
            open_context(box, store, partial(retry_quarantine, box, store)),
            stop=stop,
            ready=partial(begun, notifier),
            report=pulse_reporter(box, "serve", notifier.alive),
        )
        store.close()
