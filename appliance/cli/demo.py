"""`hexpost demo`: the whole product on real recorded incidents, with nothing to set up.

Half a year of Toronto's incidents, recorded in 2018, is laid over the days up to today, weekday on weekday. Nearly all
are imported as a file; one in four of the last four weeks is held back and published to the broker within half an hour,
in order, and arrives like any device's message. Each demo starts from an empty store of its own.
"""

import csv
import gzip
import json
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import msgspec

from appliance.cli.options import common
from appliance.cli.supervision import PARTS, PROGRAM, supervise_box
from appliance.cli.supervisor.broker import port_is_free
from appliance.cli.supervisor.child import Child
from appliance.cli.supervisor.lifecycle import Limits
from appliance.cli.supervisor.supervise import hold_lock
from appliance.errors import Conflict, Unavailable
from appliance.store.engine import FILE_NAME
from appliance.store.users import upsert_user
from appliance.wiring import Box, open_box, open_store

RECORDED = Path(__file__).parent / "demo_data" / "toronto_incidents.csv.gz"
REPLAYED_DAYS, REPLAYED_OF = 28, 4  # one in four of the last 28 days: an arrival every three seconds or so
REPLAY_MINUTES = 30
PORTS_TRIED = 50
TOPIC = "hexpost/v1/police/dispatch/event"
CONFIG_NAME = "demo.toml"
CONFIG = """\
# Written by `hexpost demo`, and the sign that this directory is a demo's and may be thrown away by the next one.
[site]
id = "demo-toronto"
name = "Hexpost demo: Toronto"
timezone = "America/Toronto"
latitude = 43.7
longitude = -79.4

[http]
port = {http}

[mqtt]
port = {mqtt}

[risk]
every_s = 5

[security]
public_events = true  # the data are published; a real site decides for itself
"""


@click.command("demo")
@common
def demo_command(box: Box, as_json: bool) -> None:
    """Show the whole product on real recorded incidents.

    Example: hexpost demo
    """
    folder = box.data if box.data.name == "demo" else box.data / "demo"
    config = _fresh_folder(folder, box)
    demo = open_box(config, folder, {})
    history, replay, speed = write_recordings(demo, folder / "run")
    name, password = "admin", secrets.token_urlsafe(9)
    with closing(open_store(demo)) as store, store.write() as connection:
        upsert_user(connection, name=name, role="admin", password=password, now=demo.clock())
    options = ("--data", str(folder), "--config", str(config))
    import_history = ("import", str(history), "--source", "police/archive", *options)
    replay_rest = ("replay", str(replay), "--speed", f"{speed:.3f}", *options)
    sys.exit(
        supervise_box(
            demo,
            login=f"user {name}, password {password}",
            besides=[
                Child(name=what, argv=(*PROGRAM, *arguments), after=PARTS, limits=Limits(once=True))
                for what, arguments in (("import", import_history), ("replay", replay_rest))
            ],
        )
    )


def write_recordings(box: Box, folder: Path) -> tuple[Path, Path, float]:
    """The recorded incidents laid over the days up to today: (history CSV, replay JSONL, replay speed)."""
    zone, now = box.settings.zone, box.clock()
    today = now.astimezone(zone).date()
    cut = datetime.combine(today - timedelta(days=REPLAYED_DAYS - 1), datetime.min.time(), zone)
    folder.mkdir(parents=True, exist_ok=True)
    history, replay = folder / "history.csv", folder / "replay.jsonl"
    with history.open("w", newline="", encoding="utf-8") as rows, replay.open("w", encoding="utf-8") as lines:
        writer = csv.writer(rows)
        writer.writerow(("event_type", "event_timestamp", "longitude", "latitude", "attributes_json"))
        for number, row in enumerate(_recorded_rows()):
            when = datetime.fromisoformat(row["event_timestamp"]).astimezone(zone)
            shifted = datetime.combine(when.date() + _shift(today), when.time(), zone)
            if shifted >= now:
                continue
            row["event_timestamp"] = shifted.isoformat()
            if shifted < cut or number % REPLAYED_OF:
                writer.writerow(row.values())
            else:
                lines.write(json.dumps(_publication(row)) + "\n")
    return history, replay, (now - cut).total_seconds() / (REPLAY_MINUTES * 60)


def _shift(today: date) -> timedelta:
    """How far the recording is moved: whole weeks, so that its last weeks end today and weekdays stay weekdays."""
    last = date(2018, 12, 31)
    return today - (last - timedelta(days=(last - today).days % 7))


def _recorded_rows() -> Iterator[dict[str, str]]:
    with gzip.open(RECORDED, "rt", encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def _publication(row: dict[str, str]) -> dict[str, Any]:
    event = {
        "event_type": row["event_type"],
        "event_timestamp": row["event_timestamp"],
        "longitude": float(row["longitude"]),
        "latitude": float(row["latitude"]),
        "attributes": msgspec.json.decode(row["attributes_json"]),
    }
    return {"topic": TOPIC, "at": row["event_timestamp"], "payload": event}


def _fresh_folder(folder: Path, box: Box) -> Path:
    """An empty folder with a configuration; an earlier demo's is thrown away, anything else is left alone.

    raises  Conflict  the folder holds a store that no demo made
    """
    config = folder / CONFIG_NAME
    if (folder / FILE_NAME).exists() and not config.exists():
        raise Conflict(f"{folder} holds a store that is not a demo's; give the demo another --data")
    if config.exists():
        _refuse_if_running(folder)
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    http = _free_port(box.settings.http.host, box.settings.http.port)
    mqtt = _free_port(box.settings.mqtt.host, box.settings.mqtt.port)
    config.write_text(CONFIG.format(http=http, mqtt=mqtt), encoding="utf-8")
    return config


def _refuse_if_running(folder: Path) -> None:
    with hold_lock(folder / "run" / "supervisor.lock"):
        pass


def _free_port(host: str, first: int) -> int:
    for port in range(first, first + PORTS_TRIED):
        if port_is_free(host, port):
            return port
    raise Unavailable(f"no free port on {host} from {first} to {first + PORTS_TRIED - 1}")
