"""`hexpost anomaly`: what is out of the ordinary, listed, shown and labelled on the box."""

from typing import TYPE_CHECKING, Any

import click
import msgspec

from appliance.cli.options import DAY, common, to_json
from appliance.cli.quarantining import who_asks
from appliance.wiring import Box, find_store

if TYPE_CHECKING:
    from appliance.model.anomaly import Anomaly

KINDS = ("cell_count", "series", "stuck", "impossible", "impossible_move")
STATES = ("open", "acknowledged", "explained", "false")


@click.group("anomaly")
def anomaly_group() -> None:
    """What is out of the ordinary in cells, series and devices.

    Example: hexpost anomaly list --state open
    """


@anomaly_group.command("list")
@click.option("--from", "from_day", type=DAY, help="Those that lasted into this day or a later one.")
@click.option("--to", "to_day", type=DAY, help="Those that began on this day or an earlier one.")
@click.option("--kind", type=click.Choice(KINDS), help="Those of one kind.")
@click.option("--state", type=click.Choice(STATES), help="Those in one state.")
@click.option("--device", metavar="SOURCE", help="Those of one device.")
@click.option("--h3", metavar="CELL", help="Those in an H3 cell.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="The latest so many.")
@common
def anomaly_list(
    box: Box,
    as_json: bool,
    from_day: Any,
    to_day: Any,
    kind: Any,
    state: Any,
    device: str | None,
    h3: str | None,
    limit: int,
) -> None:
    """The latest first, each with its reason.

    Example: hexpost anomaly list --kind series --state open --from 2026-11-20
    """
    from appliance.clock import day_bounds
    from appliance.spatial.cells import from_hex
    from appliance.store.anomaly.ledger import AnomalyFilter, fetch_anomalies
    from appliance.store.quarantine import printable

    zone = box.settings.zone
    wanted = AnomalyFilter(
        from_time=day_bounds(from_day, zone)[0] if from_day else None,
        to_time=day_bounds(to_day, zone)[1] if to_day else None,
        kind=kind,
        state=state,
        device=device,
        cell=from_hex(h3) if h3 else None,
    )
    with find_store(box).read() as connection:
        found = [_told(box, one) for one in fetch_anomalies(connection, wanted, limit=limit).items]
    if as_json:
        click.echo(to_json(found))
        return
    for one in found:
        cell = f"{one.h3_index}: " if one.h3_index else ""
        click.echo(f"{one.id:>6}  {one.state}  {cell}{printable(one.explanation)}")
        if one.note:
            click.echo(f"        {printable(one.labelled_by)}: {printable(one.note)}")
    if not found:
        click.echo("no such anomalies")


@anomaly_group.command("show")
@click.argument("anomaly_id", type=int, metavar="ID")
@common
def anomaly_show(box: Box, as_json: bool, anomaly_id: int) -> None:
    """One, with what labels have taught of its like.

    Example: hexpost anomaly show 12
    """
    from appliance.store.anomaly.labels import fetch_thresholds
    from appliance.store.anomaly.ledger import fetch_anomaly

    with find_store(box).read() as connection:
        found = fetch_anomaly(connection, anomaly_id)
        thresholds = fetch_thresholds(connection, anomaly_id, now=box.clock())
    click.echo(to_json({**msgspec.structs.asdict(_told(box, found)), "thresholds": thresholds}))


@anomaly_group.command("label")
@click.argument("anomaly_id", type=int, metavar="ID")
@click.argument("state", type=click.Choice(STATES[1:]))
@click.option("--note", metavar="TEXT", help="Why; what was there keeps standing without it.")
@common
def anomaly_label(box: Box, as_json: bool, anomaly_id: int, state: Any, note: str | None) -> None:
    """Say what it was. False ones raise the bar of their like for a while, explained ones lower it again.

    Example: hexpost anomaly label 12 explained --note "fair in the park"
    """
    from appliance.model.anomaly import AnomalyChange
    from appliance.store.anomaly.labels import label_anomaly
    from appliance.store.quarantine import printable

    with find_store(box).write() as connection:
        changed = label_anomaly(
            connection, anomaly_id, AnomalyChange(state=state, note=note), who=who_asks(), now=box.clock()
        )
    told = _told(box, changed)
    click.echo(to_json(told) if as_json else f"anomaly {told.id} is {told.state}: {printable(told.explanation)}")


def _told(box: Box, found: "Anomaly") -> "Anomaly":
    from appliance.anomaly.telling import explain

    return msgspec.structs.replace(found, explanation=explain(found, box.settings.zone))
