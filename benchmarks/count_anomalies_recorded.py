"""Count anomalies on recorded incidents: how many flags a city would see, beside the composite's z >= 2.

    HEXPOST_FIELDKIT=… python -m benchmarks.count_anomalies_recorded

What is an anomaly in them nobody has labelled; the number says what a crew would be asked to look at. The last twelve
weeks of each set are judged as the box would: the baseline learned from the eight weeks before each week, every hour
judged as it ends and the 24 that end with it. A cell and day counts as flagged once.
"""

import gzip
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from appliance.anomaly.counts import DAY_HOURS, WEEK_HOURS
from appliance.ingest.files import ReadOptions, decode_lines, read_rows
from appliance.ingest.mapping import parse_map
from appliance.model.event import Event
from appliance.score.composite import FLAG_Z, z_score
from appliance.spatial.cells import cell_of
from benchmarks.count_anomalies import LEARNED_WEEKS, Ints, cell_days, judge_hourly

JUDGED_WEEKS, COMPOSITE_DAYS = 12, 90
RESOLUTIONS = (7, 8, 9)


class Recorded(NamedTuple):
    """A data set of the fieldkit and how it is read."""

    name: str
    map: str
    zone: str
    formats: tuple[str, ...]


SETS = (
    Recorded(
        "crime_toronto_2017_2018",
        "event_type=MCI|longitude=Long|latitude=Lat|event_timestamp=occurrencedate+occurrencehour",
        "America/Toronto",
        (),
    ),
    Recorded(
        "crashes_massachusetts_ne_2022_2023",
        "event_type==crash|event_id=id|longitude=lng|latitude=lat|event_timestamp=date+time|severity=",
        "America/New_York",
        ("%m/%d/%Y+%I:%M %p",),
    ),
    Recorded(
        "crashes_newhaven_2017_2020",
        "event_type==crash|event_id=id|longitude=y|latitude=x|event_timestamp=d+t",
        "America/New_York",
        ("unix*100+%H:%M",),
    ),
)


def main() -> None:
    """Measure and print."""
    folder = Path(os.environ.get("HEXPOST_FIELDKIT", ".")) / "datasets"
    if not folder.exists():
        sys.exit(f"count_anomalies_recorded: no {folder}; set HEXPOST_FIELDKIT")
    print(f"{'set':36}{'res':>4}{'cells':>7}{'events a cell day':>19}{'flags':>7}{'a cell day':>12}{'z >= 2':>9}")
    for recorded in SETS:
        events = list(read_events(folder, recorded))
        for resolution in RESOLUTIONS:
            hourly = count_hours(events, resolution)
            flagged = cell_days(judge_hourly(hourly, judged_weeks=JUDGED_WEEKS))
            daily = hourly.reshape(len(hourly), -1, DAY_HOURS).sum(axis=2)
            classic = z_score(daily[:, -COMPOSITE_DAYS:]) >= FLAG_Z
            print(
                f"{recorded.name:36}{resolution:4}{len(hourly):7,}{daily.mean():19.3f}{int(flagged.sum()):7}"
                f"{flagged.mean():12.6f}{classic.mean():9.4f}"
            )


def read_events(folder: Path, recorded: Recorded) -> Iterator[tuple[datetime, float, float]]:
    """Local time, latitude and longitude of each event that has them."""
    zone = ZoneInfo(recorded.zone)
    options = ReadOptions(
        source=recorded.name,
        received_at=datetime(2026, 1, 1, tzinfo=UTC),
        map=parse_map(recorded.map.split("|")),
        formats=recorded.formats,
        zone=zone,
    )
    packed = (folder / f"{recorded.name}.csv.gz").read_bytes()
    for _, event in read_rows("csv", decode_lines([gzip.decompress(packed)]), options):
        if isinstance(event, Event) and event.latitude is not None and event.longitude is not None:
            yield event.event_timestamp.astimezone(zone).replace(tzinfo=None), event.latitude, event.longitude


def count_hours(events: list[tuple[datetime, float, float]], resolution: int) -> Ints:
    """(c, hours) events an hour of the cells with any, up to the last whole day."""
    weeks = LEARNED_WEEKS + JUDGED_WEEKS
    end = max(at for at, _, _ in events).replace(hour=0, minute=0, second=0, microsecond=0)
    begin = end - timedelta(weeks=weeks)
    within = [(at, lat, lng) for at, lat, lng in events if begin <= at < end]
    cells, row = np.unique(
        [cell_of(lat=lat, lng=lng, resolution=resolution) for _, lat, lng in within], return_inverse=True
    )
    hourly = np.zeros((len(cells), weeks * WEEK_HOURS), dtype=np.int64)
    hour = np.array([int((at - begin).total_seconds()) // 3600 for at, _, _ in within])
    np.add.at(hourly, (row, hour), 1)
    return hourly


if __name__ == "__main__":
    main()
