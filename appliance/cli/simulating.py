"""`hexpost simulate`: a fleet that does not exist, on a broker that does."""

import csv
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from appliance.cli.options import common, to_json
from appliance.errors import Rejected, Unavailable
from appliance.wiring import Box, broker_address
from firmware_bridge.simulation.families import FAMILIES, NAMINGS
from firmware_bridge.simulation.faults import Fault, Silence, read_duration, read_fault, read_silence
from firmware_bridge.simulation.fleet import Asked, Unit, make_fleet
from firmware_bridge.simulation.rhythm import RHYTHMS, day_rhythm
from firmware_bridge.simulation.schedule import Plan, Schedule

if TYPE_CHECKING:
    from firmware_bridge.simulator import Pace

T = TypeVar("T", Fault, Silence)
LOG_EVERY_S = 60.0
KUWAIT = (47.9774, 29.3759)  # (lng, lat) of the examples, where neither the site nor an option says where it is


@click.command("simulate")
@click.option("--devices", type=click.IntRange(min=1), default=20, show_default=True, help="Gateways come on top.")
@click.option("--families", default="all", show_default=True, help=f"Dealt out in turn, of {', '.join(FAMILIES)}.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same fleet and run.")
@click.option("--rate", type=click.FloatRange(min=0), default=10.0, show_default=True, help="Messages a real second.")
@click.option("--rhythm", type=click.Choice(RHYTHMS), default="street", show_default=True, help="Of the day.")
@click.option("--speed", type=click.FloatRange(min=1), default=1.0, show_default=True, help="Times real time.")
@click.option("--duration", metavar="TIME", help="As in 30s, 5m, 2h; else until it is stopped.")
@click.option("--fault", "faults", multiple=True, metavar="KIND=N[@FROM[-TO]]", help="As in skew=0.1, flood=1@10s-20s.")
@click.option("--segment", "segments", multiple=True, metavar="NAME=N", help="So many devices behind one switch.")
@click.option("--silence", "silences", multiple=True, metavar="NAME@FROM[-TO]", help="A segment, or all, falls silent.")
@click.option("--fail-updates", type=click.IntRange(min=0), default=0, help="So many devices fail every update.")
@click.option("--connections", type=click.IntRange(min=0), default=0, help="So many devices get a real last will.")
@click.option("--firmware-qos", is_flag=True, help="Publish at the QoS of each firmware, instead of always at 1.")
@click.option("--centre", metavar="LNG,LAT", help="Of the fleet; else the site's own place, else Kuwait.")
@click.option("--radius", "radius_m", type=click.FloatRange(min=1), default=1_500.0, show_default=True, help="Metres.")
@click.option("--registry", type=click.Path(dir_okay=False, path_type=Path), help="Write the fleet for device import.")
@common
def simulate_command(
    box: Box, as_json: bool, seed: int, connections: int, firmware_qos: bool, registry: Path | None, **asked: Any
) -> None:
    """Publish what a fleet of several families would, faults included, and say what a box should have made of it.

    A fault is skew, jump, flapping or power_cut (share of the devices), duplicates or garbage (share of the messages),
    or flood (number of devices).

    Example: hexpost simulate --devices 50 --families frigate,tasmota --segment switch-north=50
    --silence switch-north@20s --duration 1m --registry fleet.csv
    """
    from firmware_bridge.simulator import Simulator, seeded

    make_chance, pace = seeded(seed), _pace(asked)
    fleet = make_fleet(_asked(box, asked), NAMINGS, make_chance)
    began = pace.beginning(box.clock())
    schedule = Schedule(fleet, _plan(asked, pace), began=began, zone=box.settings.zone, make_chance=make_chance)
    if registry is not None:
        write_registry(registry, fleet)
    qos = None if firmware_qos else 1
    simulator = Simulator(schedule, broker_address(box), pace=pace, began=began, connections=connections, qos=qos)
    if not as_json:
        since = f"{began.astimezone(UTC):%Y-%m-%dT%H:%MZ}"
        click.echo(f"{len(fleet)} devices and gateways, simulated time begins {since}", err=True)
    on_terminal = sys.stderr.isatty() and not as_json
    try:
        simulator.run(_stopped_by_signal(), None if as_json else progress(on_terminal))
    except Unavailable:
        if simulator.summary(seed).published:  # a box is held against what it was told before the broker was lost
            click.echo(to_json(simulator.summary(seed)))
        raise
    if on_terminal:
        click.echo(err=True)  # the line that was written over ends
    click.echo(to_json(simulator.summary(seed)))


def write_registry(file: Path, fleet: Sequence[Unit]) -> None:
    """The fleet as a table that `hexpost device import` takes."""
    from appliance.ingest.registry import COLUMNS

    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for unit in fleet:
            told = {"name": unit.id, "registration": "approved"}
            writer.writerow(told.get(column) or _field(unit, column) for column in COLUMNS)


def _field(unit: Unit, column: str) -> object:
    value = getattr(unit, column, "")
    return "" if value is None else value


def _asked(box: Box, asked: dict[str, Any]) -> Asked:
    site = box.settings.site
    centre = (site.longitude, site.latitude)
    families = tuple(FAMILIES) if asked["families"] == "all" else _words(asked["families"])
    return Asked(
        devices=asked["devices"],
        families=families,
        centre=_centre(asked["centre"]) if asked["centre"] else KUWAIT if None in centre else centre,  # type: ignore[arg-type]
        radius_m=asked["radius_m"],
        segments=tuple(map(_segment, asked["segments"])),
    )


def _pace(asked: dict[str, Any]) -> "Pace":
    from firmware_bridge.simulator import Pace

    duration = asked["duration"]
    return Pace(speed=asked["speed"], duration_s=read_duration(duration) if duration else None)


def _plan(asked: dict[str, Any], pace: "Pace") -> Plan:
    """The plan in simulated seconds, from rates and times in real ones."""
    speed = pace.speed
    return Plan(
        rate_per_s=asked["rate"] / speed,
        rhythm=day_rhythm(asked["rhythm"]),
        boot_s=2.0 * speed,
        faults=tuple(_stretched(read_fault(text), speed) for text in asked["faults"]),
        silences=tuple(_stretched(read_silence(text), speed) for text in asked["silences"]),
        fails_updates=asked["fail_updates"],
    )


def _stretched(one: T, speed: float) -> T:
    return msgspec.structs.replace(one, from_s=one.from_s * speed, to_s=one.to_s * speed)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _segment(text: str) -> tuple[str, int]:
    name, _, count = text.rpartition("=")
    if not name or not count.isdecimal():
        raise Rejected(f"{text!r}: write a segment as switch-north=50")
    return name, int(count)


def _centre(text: str) -> tuple[float, float]:
    try:
        longitude, latitude = (float(word) for word in text.split(","))
    except ValueError:
        raise Rejected(f"{text!r}: write the centre as LONGITUDE,LATITUDE in degrees") from None
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        raise Rejected(f"{text!r}: the longitude comes first, -180 to 180, then the latitude, -90 to 90")
    return longitude, latitude


def progress(on_terminal: bool) -> Callable[[float, int], None]:
    """Says how far it is: on a terminal in one line that is written over, elsewhere in a line a minute."""
    told_s = 0.0

    def say(elapsed_s: float, published: int) -> None:
        nonlocal told_s
        words = f"{elapsed_s:6.0f} s  {published:,} messages"
        if on_terminal:
            click.echo(f"\r{words}", nl=False, err=True)
        elif elapsed_s - told_s >= LOG_EVERY_S:
            told_s = elapsed_s
            click.echo(words, err=True)

    return say


def _stopped_by_signal() -> threading.Event:
    """Set by Ctrl-C or SIGTERM: the run ends, and its summary is printed."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop
