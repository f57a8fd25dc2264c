"""What every command shares: the common options, the exit codes, output for people and for machines."""

import contextlib
import functools
import logging
import os
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from appliance.errors import HexpostError
from appliance.wiring import Box, open_box

FAILED, USAGE = 1, 2


def common(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--config`, `--data` and `--json`, and hand it a `Box` and `as_json`; errors become exit codes."""

    @click.option("--config", type=click.Path(path_type=Path), help="The TOML file. [HEXPOST_CONFIG]")
    @click.option("--data", type=click.Path(path_type=Path), help="The data directory. [HEXPOST_DATA]")
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for machines.")
    @functools.wraps(command)
    def wrapped(*args: Any, config: Path | None, data: Path | None, as_json: bool, **options: Any) -> Any:
        try:
            box = open_box(config, data, os.environ)
        except HexpostError as error:
            say_error(error, as_json=as_json)
            sys.exit(USAGE)
        try:
            with contextlib.closing(box):
                return command(*args, box=box, as_json=as_json, **options)
        except HexpostError as error:
            say_error(error, as_json=as_json)
            sys.exit(FAILED)

    return wrapped


def box_options(box: Box) -> tuple[str, ...]:
    """The options by which a child process finds the same box."""
    return ("--data", str(box.data), *(("--config", str(box.config)) if box.config else ()))


def hexpost_command(box: Box, *arguments: str) -> list[str]:
    """The command line of another process that works on the same box."""
    return [sys.executable, "-m", "appliance.cli", *arguments, *box_options(box)]


def say_error(error: HexpostError, *, as_json: bool) -> None:
    """One line on standard error; as JSON where the command's answer would have been JSON."""
    if as_json:
        click.echo(to_json({"error": type(error).__name__, "message": str(error)}), err=True)
    else:
        click.echo(f"hexpost: {error}", err=True)


def to_json(value: Any) -> str:
    """JSON of Structs, dates and what they hold, indented."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def shown(at: datetime | None) -> str:
    """An instant for people: `2026-11-21 10:00:00Z`, or never."""
    return f"{at:%Y-%m-%d %H:%M:%S}Z" if at else "never"


def log_to_stderr(box: Box, part: str) -> None:
    """Log lines for the journal: it stamps them itself, so they carry no time. Nothing is written to a file."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a child still at work when it is due again is no news
    logging.getLogger(__name__).info("%s of %s starts, data in %s", part, box.settings.site.id, box.data)


class Days(click.ParamType[Any]):
    """A calendar day, `YYYY-MM-DD`."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The date, or a usage error."""
        from datetime import date

        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a day; write it as 2026-11-21", param, ctx)


DAY = Days()
