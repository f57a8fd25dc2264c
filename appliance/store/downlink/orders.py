"""An order by a person to one device: named as people name it, checked by what its family takes, then queued.

Called by `serve` and `cli`, so that both refuse the same things in the same words.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from appliance.errors import Rejected
from appliance.model.command import Command
from appliance.store.device.registry import device_key
from appliance.store.downlink.commands import fetch_target, insert_command
from appliance.store.downlink.firmware import fetch_image, image_parameters, image_url
from appliance.store.engine import raw_connection
from firmware_bridge.downlink.orders import write_order


def order_command(
    connection: sa.Connection,
    *,
    device: str,
    command: str,
    parameters: Mapping[str, Any],
    base_url: str,
    ttl_s: int,
    who: str,
    now: datetime,
) -> Command:
    """Queue a command for a device, named by source or id. `{"image": ID}` stands for an image's address and hashes.

    raises  NotFound     the device or the image is not known
            Rejected     its family does not take this, and what it does take; or the image is for another family
            Conflict     too many commands of this device are open
            Unavailable  too many are open altogether
    """
    source = source_of(connection, device)
    said = dict(parameters)
    if command == "firmware_update" and "image" in said:
        image = fetch_image(connection, str(said.pop("image")))
        family = fetch_target(connection, source).family
        if image.family != family:
            raise Rejected(f"the image is for {image.family}, {source} is of {family}", "parameters.image")
        said |= image_parameters(image, image_url(image, base_url))
    queued = insert_command(
        connection, device=source, command=command, parameters=said, ttl_s=ttl_s, requested_by=who, now=now
    )
    write_order(queued, fetch_target(connection, source))  # refused: the caller's transaction takes it all back
    return queued


def source_of(connection: sa.Connection, device: str) -> str:
    """A device's source from its source, or its id in digits.

    raises  NotFound
    """
    key = device_key(connection, device)
    row = raw_connection(connection).execute("SELECT source FROM devices WHERE device_pk = ?", (key,)).fetchone()
    return str(row[0])
