"""`hexpost plate`: a number plate in clear, where the site keeps them and its time has not passed."""

import base64

import click

from appliance.cli.options import common, to_json
from appliance.errors import NotFound
from appliance.wiring import Box, find_store, open_plate_sealer


@click.command("plate")
@click.argument("source")
@click.argument("event_id")
@common
def plate_command(box: Box, as_json: bool, source: str, event_id: str) -> None:
    """Show the number plate of an event; who asked is written down.

    Example: hexpost plate lpr/gate 7f3a.plate_read
    """
    from appliance.cli.quarantining import who_asks
    from appliance.store.audit import insert_audit
    from appliance.store.event.pages import fetch_event

    store = find_store(box)
    with store.read() as connection:
        event = fetch_event(connection, source, event_id)
    sealed = event.attributes.get("plate_sealed")
    if not isinstance(sealed, str):
        raise NotFound(f"{source} {event_id} has no sealed plate; `security.keep_plates_days` was 0 when it came")
    plate = open_plate_sealer(box).open(event.received_at.date(), base64.b64decode(sealed))
    if plate is None:
        raise NotFound(f"{source} {event_id}: its time has passed, and the key of its day is destroyed")
    with store.write() as connection:
        insert_audit(connection, who=who_asks(), action="plate.show", subject=f"{source} {event_id}", at=box.clock())
    text = plate.decode()
    click.echo(to_json({"plate": text}) if as_json else text)
