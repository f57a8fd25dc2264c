"""Real files of many publishers, where the field kit is at hand (`HEXPOST_FIELDKIT` names its folder)."""

import gzip
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from appliance.errors import Rejected
from appliance.ingest.files import decode_lines, kind_of, read_rows
from appliance.model.event import Event

KIT = os.environ.get("HEXPOST_FIELDKIT", "")
pytestmark = pytest.mark.skipif(not KIT, reason="HEXPOST_FIELDKIT is not set")


class DataSet(NamedTuple):
    """How a file is imported, and what is known of it: rows, those refused by column, local days, first and last."""

    name: str
    maps: str
    zone: str
    rows: int
    refused: dict[str, int]
    days: int
    first: str
    last: str
    formats: tuple[str, ...] = ()


NEW_YORK = "America/New_York"
TORONTO = "event_type=MCI|longitude=Long|latitude=Lat|event_timestamp=occurrencedate+occurrencehour"
FIRES = "event_type==fire|event_timestamp=acq_date+acq_time"
SETS = [
    DataSet(
        "crime_toronto_2017_2018", TORONTO, "America/Toronto", 62_003, {}, 730, "2017-01-01", "2018-12-31"
    ),
    DataSet(
        "crime_toronto_2017_2018", TORONTO, "America/Toronto", 62_003, {}, 730, "2017-01-01", "2018-12-31",
        ("%Y/%m/%d %H:%M:%S%z+%H",),
    ),
    DataSet(
        "reports_newhaven_older",
        "event_type=origin_model_label|longitude=lng|latitude=lat|event_timestamp=created_at",
        NEW_YORK, 6_810, {}, 1_340, "2008-04-11", "2014-12-16",
    ),
    DataSet(
        "requests_nyc311_animals_2025",
        "event_type=Complaint Type|event_id=Unique Key|longitude=Longitude|latitude=Latitude"
        "|event_timestamp=Created Date",
        NEW_YORK, 4_969, {"Longitude": 62}, 73, "2025-01-01", "2025-03-14", ("%m/%d/%Y %H:%M",),
    ),
    DataSet(
        "bike_jerseycity_201509",
        "event_type==trip|longitude=Start Station Longitude|latitude=Start Station Latitude"
        "|event_timestamp=Start Time|value=Trip Duration",
        NEW_YORK, 6_668, {}, 10, "2015-09-21", "2015-09-30",
    ),
    DataSet(
        "gps_beijing_geolife_u1", "event_type==fix|longitude=lng|latitude=lat|event_timestamp=datetime",
        "UTC", 108_607, {}, 45, "2008-10-23", "2008-12-15",
    ),
    DataSet(
        "taxi_nyc_2009_2015_sample",
        "event_type==pickup|longitude=pickuplon|latitude=pickuplat|event_timestamp=pickup_datetime",
        "UTC", 13_611, {}, 1_535, "2009-01-01", "2015-06-30",
    ),
    DataSet(
        "earthquakes_1965_2016",
        "event_type==earthquake|longitude=Longitude|latitude=Latitude|event_timestamp=Date|value=Magnitude",
        "UTC", 23_412, {}, 12_398, "1965-01-02", "2016-12-30", ("%m/%d/%Y",),
    ),
    DataSet("fires_modis_20180922", FIRES, "UTC", 27_381, {}, 2, "2018-09-22", "2018-09-23"),
    DataSet(
        "fires_modis_20180922", FIRES, "UTC", 27_381, {}, 2, "2018-09-22", "2018-09-23", ("%Y-%m-%d+%H%M",)
    ),
    DataSet(
        "crashes_newhaven_2017_2020",
        "event_type==crash|event_id=id|longitude=y|latitude=x|event_timestamp=d+t",
        NEW_YORK, 12_499, {}, 1_393, "2017-01-01", "2020-11-09", ("unix*100+%H:%M",),
    ),
    DataSet(
        "crashes_massachusetts_ne_2022_2023",
        "event_type==crash|event_id=id|longitude=lng|latitude=lat|event_timestamp=date+time|severity=",
        NEW_YORK, 26_898, {"lng": 949, "time": 182}, 730, "2022-01-01", "2023-12-31", ("%m/%d/%Y+%I:%M %p",),
    ),
    DataSet(
        "crashes_nyc_2016_sample",
        "event_type==crash|longitude=LONGITUDE|latitude=LATITUDE|event_timestamp=DATE+TIME",
        NEW_YORK, 7_303, {}, 215, "2016-01-01", "2016-12-03", ("%m/%d/%Y %H:%M:%S",),
    ),
]  # fmt: skip


def chunks(path: Path) -> Iterator[bytes]:
    with gzip.open(path) as file:
        while chunk := file.read(1 << 16):
            yield chunk


@pytest.mark.parametrize("data", SETS, ids=[f"{one.name}{'-by-format' * bool(one.formats)}" for one in SETS])
def test_every_row_of_a_real_file_is_read_or_refused_by_its_column(data: DataSet, options: Callable[..., Any]) -> None:
    path = Path(KIT) / "datasets" / f"{data.name}.csv.gz"
    refused, days, rows = Counter[str](), set[str](), 0
    zone = ZoneInfo(data.zone)
    made = options(*data.maps.split("|"), formats=data.formats, tz=data.zone)
    for _, one in read_rows(kind_of(path.name), decode_lines(chunks(path)), made):
        rows += 1
        if isinstance(one, Rejected):
            refused[one.path] += 1
        else:
            days.add(one.event_timestamp.astimezone(zone).date().isoformat())
    assert (rows, dict(refused)) == (data.rows, data.refused)
    assert (len(days), min(days), max(days)) == (data.days, data.first, data.last)


def test_toronto_keeps_what_it_does_not_map_and_its_hours(options: Callable[..., Any]) -> None:
    path = Path(KIT) / "datasets" / "crime_toronto_2017_2018.csv.gz"
    made = options(*TORONTO.split("|"), tz="America/Toronto")
    events = [one for _, one in read_rows("csv", decode_lines(chunks(path)), made) if isinstance(one, Event)]
    assert events[0].attributes["occurrencedayofweek"] == "Sunday"  # published with blanks behind it
    hours = Counter(event.event_timestamp.astimezone(ZoneInfo("America/Toronto")).hour for event in events)
    assert sorted(hours) == list(range(24))
