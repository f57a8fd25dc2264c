"""What commands that read files of events share: how to say what is in them, and their bytes."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from appliance.errors import Rejected

CHUNK_BYTES = 1 << 20
MOST = 0.9  # of the rows, to speak of the file


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--map`, `--time-format`, `--tz` and `--encoding`.

    It is handed `maps`, `formats`, `tz` and `encoding`.
    """
    for option in (
        click.option("--encoding", default="utf-8", help="Of the text, where it is not UTF-8, as cp1252."),
        click.option("--tz", default=None, help="The zone of times without an offset, as America/Toronto."),
        click.option(
            "--time-format",
            "formats",
            multiple=True,
            help="As strptime, parts joined by + like the columns; or the day's alone.",
        ),
        click.option(
            "--map",
            "maps",
            multiple=True,
            help="event_timestamp=Date+Time, longitude=Long, latitude+longitude=Place, event_type==crash, "
            "severity= for none.",
        ),
    ):
        command = option(command)
    return command


def find_zone(name: str | None) -> ZoneInfo | None:
    """The zone that `--tz` names, or None.

    raises  Rejected  there is no such zone
    """
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Rejected(f"--tz {name!r} is not an IANA zone; write it as America/Toronto") from None


def is_evening_before(when: datetime, zone: ZoneInfo) -> bool:
    """Whether an instant is midnight UTC and another hour in the zone: by which exports often mean the day itself."""
    return when.hour == when.minute == when.second == 0 and when.astimezone(zone).hour != 0


def say_evenings(evenings: int, of: int, zone: ZoneInfo) -> None:
    """Where most times are such: what they may mean, and how to read them so."""
    if evenings > MOST * of:
        click.echo(
            f"  {evenings:,} times are midnight UTC, so of another hour and perhaps day in {zone.key}; if they stand "
            "for days, spell what follows in --time-format, as in '%Y-%m-%dT00:00:00Z' or '%Y/%m/%d 00:00:00+00'"
        )


def unpacked(file: Path, told: Callable[[int], object]) -> Iterator[bytes]:
    """The bytes of a file, unpacked where its name ends with .gz; `told` hears how many of its own were read since.

    raises  Rejected  it cannot be read, or not unpacked
    """
    try:
        with file.open("rb") as packed:
            source = gzip.GzipFile(fileobj=packed) if file.suffix == ".gz" else packed
            at = 0
            while chunk := source.read(CHUNK_BYTES):
                yield chunk
                told(packed.tell() - at)
                at = packed.tell()
    except (OSError, EOFError, zlib.error) as error:
        raise Rejected(f"reading {file}: {error}") from None
