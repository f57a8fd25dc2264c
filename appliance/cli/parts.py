"""`hexpost bridge`, `serve`, `jobs` and `sync`: one long-running part each, in the foreground.

Each tells the service manager when it is ready and that it is alive, and ends cleanly on SIGTERM or SIGINT.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click
import msgspec

from appliance.cli.options import common, log_to_stderr
from appliance.cli.sd_notify import Notifier
from appliance.wiring import Box, broker_address, open_context, open_recorder, open_store, pulse_reporter


@contextmanager
def running(box: Box, part: str) -> Iterator[tuple[threading.Event, Notifier]]:
    """A part's frame: logging, signals to a stop event, and the service manager told of the end."""
    log_to_stderr(box, part)
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    notifier = Notifier(os.environ)
    try:
        yield stop, notifier
    finally:
        notifier.stopping()
        notifier.close()


@click.command("bridge")
@common
def bridge_command(box: Box, as_json: bool) -> None:
    """Carry messages from the broker into the store.

    Example: hexpost bridge --data /var/lib/hexpost
    """
    from firmware_bridge.bridge import Bridge
    from firmware_bridge.client import BrokerClient
    from firmware_bridge.topic import FILTERS, health_topic

    mqtt, site = box.settings.mqtt, box.settings.site
    address = broker_address(box)
    with running(box, "bridge") as (stop, notifier):
        store = open_store(box)
        health = health_topic(site.id)
        client = BrokerClient(
            address,
            client_id=mqtt.client_id,
            filters=FILTERS,
            receive_maximum=mqtt.receive_maximum,
            will=(health, msgspec.json.encode({"site": site.id, "state": "offline"})),
            birth=(health, msgspec.json.encode({"site": site.id, "state": "online"})),
            clock=box.clock,
        )
        bridge = Bridge(
            client,
            open_recorder(box, store),
            batch_items=mqtt.batch_items,
            batch_ms=mqtt.batch_ms,
            clock_trusted=box.clock_trusted,
            report=pulse_reporter(box, "bridge", notifier.alive),
        )
        notifier.ready(f"from {address.host}:{address.port}")
        bridge.run(stop)
        store.close()


@click.command("jobs")
@common
def jobs_command(box: Box, as_json: bool) -> None:
    """Compute risk on schedule and when asked.

    Example: hexpost jobs --data /var/lib/hexpost
    """
    from appliance.job.schedule import Jobs

    with running(box, "jobs") as (stop, notifier):
        store = open_store(box)
        jobs = Jobs(
            store,
            risk=box.settings.risk,
            zone=box.settings.zone,
            clock=box.clock,
            report=pulse_reporter(box, "jobs", notifier.alive),
        )
        notifier.ready()
        jobs.run(stop)
        store.close()


@click.command("serve")
@common
def serve_command(box: Box, as_json: bool) -> None:
    """Serve the API, the tiles, the live stream and the map.

    Example: hexpost serve --data /var/lib/hexpost
    """
    from appliance.serve.server import serve

    with running(box, "serve") as (stop, notifier):
        store = open_store(box)
        serve(
            open_context(box, store),
            stop=stop,
            ready=notifier.ready,
            report=pulse_reporter(box, "serve", notifier.alive),
        )
        store.close()
