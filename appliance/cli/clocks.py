"""`hexpost clock`: what the box takes the time to be and why; and a person's word where nothing else tells it."""

from datetime import datetime

import click

from appliance.cli.options import common, to_json
from appliance.cli.quarantining import who_asks
from appliance.clock import from_us, rfc3339, system_clock, to_us
from appliance.errors import Rejected
from appliance.model.native import read_timestamp
from appliance.store.audit import insert_audit
from appliance.store.clock.boots import count_waiting, fetch_boots
from appliance.store.engine import raw_connection
from appliance.timekeeping import BUILT_US, SECOND_US, WORDS, Boot, distance
from appliance.wiring import Box, find_store

SHOWN = 10  # boots


@click.group("clock")
def clock_group() -> None:
    """The box's time.

    Example: hexpost clock show
    """


@clock_group.command("show")
@common
def show_command(box: Box, as_json: bool) -> None:
    """What time it is for the box, whether it is known and by what, and the last runs of the machine.

    Example: hexpost clock show --json
    """
    with find_store(box).read() as connection:
        raw = raw_connection(connection)
        state, boots = box.time.state(count_waiting(raw)), fetch_boots(raw)[-SHOWN:]
    if as_json:
        click.echo(to_json({"clock": state, "boots": boots}))
        return
    click.echo(f"{rfc3339(state.box_time.replace(microsecond=0))}: {state.words}")
    for boot in reversed(boots):
        click.echo(f"  {_line(boot)}")


@clock_group.command("set")
@click.argument("time")
@common
def set_command(box: Box, as_json: bool, time: str) -> None:
    """Say what time it is now. The system clock is left alone: the box does not count by it.

    Rows that waited for the time are re-dated by the jobs process.
    Example: hexpost clock set 2026-11-26T17:00:00Z
    """
    _say(box, read_timestamp(time, "TIME"), as_json)


@clock_group.command("trust")
@common
def trust_command(box: Box, as_json: bool) -> None:
    """Say that the system clock is right, once it is: after `sudo date -s 2026-11-26T17:00:00Z`, say.

    Example: hexpost clock trust
    """
    _say(box, None, as_json)


def _say(box: Box, instant: datetime | None, as_json: bool) -> None:
    """Take a person's word (None: for the system clock), and write down who gave it.

    raises  Rejected  it cannot be true
    """
    store = find_store(box)
    said = instant or system_clock()
    if to_us(said) < BUILT_US:
        raise Rejected(
            f"{rfc3339(said)} is before {rfc3339(from_us(BUILT_US))}, when this program was made; "
            "say the time: hexpost clock set TIME"
        )
    before = box.clock()
    now = box.time.say(instant)
    with store.write() as connection:
        detail = {"said": rfc3339(said), "box_time_before": rfc3339(before)}
        subject = "system clock" if instant is None else "box clock"
        insert_audit(connection, who=who_asks(), action="clock.set", subject=subject, at=now, detail=detail)
    moved_us = to_us(now) - to_us(before)
    if as_json:
        click.echo(to_json({"box_time": now, "moved_s": moved_us / SECOND_US}))
        return
    click.echo(f"it is {rfc3339(now.replace(microsecond=0))} for the box now; it moved by {distance(moved_us)}")


def _line(boot: Boot) -> str:
    """One run of the machine, for a person."""
    began = rfc3339(from_us(boot.last_time_us - boot.last_us).replace(microsecond=0))
    lasted = f"{began}, lasted {distance(boot.last_us)} or more"
    if boot.evidence == "":
        return f"{lasted}; time not known, so it began then or later"
    if boot.evidence == "estimate":
        return f"{lasted}; {WORDS[boot.evidence]}, off by {distance(boot.spread_us)} at most"
    known_after = distance((boot.known_us or 0) - boot.seen_us)
    return f"{lasted}; known after {known_after}: {WORDS[boot.evidence]}; box time moved by {distance(boot.shift_us)}"
