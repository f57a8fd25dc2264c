"""The incident sets of the fieldkit: how each is read, by the options that `hexpost backtest` would be given."""

import csv
import gzip
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from appliance.cli.backtesting import Wanted, read_incidents
from appliance.cli.backtesting_report import Reading
from appliance.clock import EPOCH
from appliance.forecast.incidents import Incidents
from appliance.ingest.files import ReadOptions
from appliance.ingest.mapping import parse_map
from appliance.model.discovery import read_discovery
from appliance.spatial.cells import cell_of

FOLDER = Path(os.environ.get("HEXPOST_FIELDKIT", ".")) / "datasets"
NEW_HAVEN_CRASHES = "crashes_newhaven_2017_2020.csv.gz"


class IncidentSet(msgspec.Struct, frozen=True, kw_only=True):
    """One file. `counts` says whether it belongs to the mean over the sets, or else why it does not."""

    name: str
    file: str
    maps: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    tz: str = "America/New_York"
    resolution: int = 9
    odd: str = ""


SETS = (
    IncidentSet(
        name="crime Toronto",
        file="crime_toronto_2017_2018.csv.gz",
        maps=("latitude=Lat", "longitude=Long", "event_type=MCI", "event_timestamp=occurrencedate+occurrencehour"),
        tz="America/Toronto",
    ),
    IncidentSet(
        name="reports New Haven",
        file="reports_newhaven_older.csv.gz",
        maps=("latitude=lat", "longitude=lng", "event_type==report", "event_timestamp=created_at"),
    ),
    IncidentSet(
        name="requests NYC 311",
        file="requests_nyc311_animals_2025.csv.gz",
        maps=("latitude=Latitude", "longitude=Longitude", "event_type=Descriptor", "event_timestamp=Created Date"),
        formats=("%m/%d/%Y %H:%M",),
    ),
    IncidentSet(name="crashes New Haven", file=NEW_HAVEN_CRASHES),
    IncidentSet(
        name="crashes Massachusetts",
        file="crashes_massachusetts_ne_2022_2023.csv.gz",
        maps=("latitude=lat", "longitude=lng", "event_type==crash", "event_timestamp=date+time", "severity="),
        formats=("%m/%d/%Y+%I:%M %p",),
    ),
    IncidentSet(
        name="crashes NYC sample",
        file="crashes_nyc_2016_sample.csv.gz",
        maps=("latitude=LATITUDE", "longitude=LONGITUDE", "event_type==crash", "event_timestamp=DATE+TIME"),
        formats=("%m/%d/%Y+%H:%M:%S",),
    ),
    IncidentSet(
        name="earthquakes (res 4)",
        file="earthquakes_1965_2016.csv.gz",
        maps=("latitude=Latitude", "longitude=Longitude", "event_type==quake", "event_timestamp=Date"),
        formats=("%m/%d/%Y",),
        tz="UTC",
        resolution=4,
    ),
    IncidentSet(
        name="taxi trips NYC",
        file="taxi_nyc_2009_2015_sample.csv.gz",
        maps=("latitude=pickuplat", "longitude=pickuplon", "event_type==trip", "event_timestamp=pickup_datetime"),
    ),
    IncidentSet(
        name="bike trips Jersey City",
        file="bike_jerseycity_201509.csv.gz",
        maps=(
            "latitude=Start Station Latitude",
            "longitude=Start Station Longitude",
            "event_type==trip",
            "event_timestamp=Start Time",
        ),
        odd="ten days of fixed stations",
    ),
    IncidentSet(
        name="fires",
        file="fires_modis_20180922.csv.gz",
        maps=("latitude=latitude", "longitude=longitude", "event_type==fire", "event_timestamp=acq_date+acq_time"),
        formats=("%Y-%m-%d+%H%M",),
        tz="UTC",
        odd="one day",
    ),
)


def read_set(chosen: IncidentSet, folder: Path = FOLDER) -> Incidents:
    """Read a set.

    raises  Rejected  it cannot be read
    """
    incidents = Incidents()
    if chosen.file == NEW_HAVEN_CRASHES:
        for n, (day, hour, lat, lng) in enumerate(_new_haven_crashes(folder / chosen.file), 1):
            incidents.add(cell_of(lat=lat, lng=lng, resolution=chosen.resolution), day, hour, identity=n)
        return incidents
    zone = ZoneInfo(chosen.tz)
    options = ReadOptions(
        source="backtest", received_at=datetime.now(UTC), map=parse_map(chosen.maps), formats=chosen.formats, zone=zone
    )
    reading = Reading(name=chosen.name, resolution=chosen.resolution)
    wanted = Wanted((), read_discovery(["discovered_by=patrol"]), "reported")
    read_incidents(folder / chosen.file, options, incidents, reading, wanted, zone, progress=False)
    incidents.drop_duplicates()
    return incidents


def _new_haven_crashes(file: Path) -> Iterator[tuple[int, int, float, float]]:
    """(day, hour, lat, lng): the day is in hundreds of seconds, which no format of `--time-format` says."""
    with gzip.open(file, "rt", newline="", encoding="utf-8") as text:
        for row in csv.DictReader(text):
            day = EPOCH.toordinal() + int(row["d"]) * 100 // 86_400
            yield day, int(row["t"][:2] or 0), float(row["x"]), float(row["y"])
