"""ChirpStack's gateways, and what their events and those of devices have in common. Used by `family`.

The gateway bridge writes Protocol Buffers unless it is told to write JSON. Of these the statistics are read; what else
comes so only says that its gateway lives.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from appliance.errors import Rejected
from appliance.model.observation import DeviceHealth, EnvironmentReading, Observation, Position
from firmware_bridge.family.chirpstack.protobuf import read_statistics
from firmware_bridge.inbound import Context, Inbound
from firmware_bridge.lorawan.uplink import body_bytes
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, number_of, object_of, text_of
from firmware_bridge.notation.protobuf import read_fields

_CONNECTED = 2 << 3  # the field `state` of gw.ConnState; offline, its 0, is left out on the wire
_GATEWAY_NUMBERS = {
    "rxPacketsReceived": "packets_received",
    "rxPacketsReceivedOk": "packets_received_ok",
    "rxPacketsReceivedOK": "packets_received_ok",
    "txPacketsReceived": "packets_to_send",
    "txPacketsEmitted": "packets_sent",
}


def handle_gateway(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """An event of a gateway; one that cannot be read still says that the gateway lives."""
    event = _json_of(inbound)
    gateway = inbound.parts.get("gateway") or eui_of(_named_in(event))
    if not gateway:
        raise Rejected("no gateway is named", "$.gatewayId")
    device = f"lorawan/{gateway}"
    at = read_instant(event.get("time"), context.zone)
    found: list[Observation] = [
        EnvironmentReading(device=device, observed_at=at, metric=metric, value=number, unit="1")
        for name, metric in _GATEWAY_NUMBERS.items()
        if (number := number_of(event.get(name))) is not None
    ]
    place = object_of(event.get("location"))
    latitude, longitude = number_of(place.get("latitude")), number_of(place.get("longitude"))
    if latitude is not None and longitude is not None and (latitude, longitude) != (0, 0):
        found.append(position(device, at, "", latitude, longitude, place))
    found.append(
        DeviceHealth(
            device=device,
            observed_at=at,
            state=_connection_of(inbound, event),
            address=text_of(event.get("ip")),
            firmware=text_of(event.get("configVersion")),
            model=text_of(object_of(event.get("metadata") or event.get("metaData")).get("model")),
        )
    )
    return found


def is_gateway_message(document: Mapping[str, Any]) -> bool:
    """Whether a document of no topic is what a gateway sent: by its id and what only its events have beside it."""
    if "rxInfo" in document and "phyPayload" in document:
        return bool(_named_in(document))
    if "gatewayId" not in document and "gatewayID" not in document:
        return False
    if "rxPacketsReceived" in document or document.get("state") in ("ONLINE", "OFFLINE"):
        return True
    return ("relayId" in document and "events" in document) or _is_answer(document)


def _is_answer(document: Mapping[str, Any]) -> bool:
    """What became of a downlink or a command; the downlink or command itself comes from the server."""
    items = document.get("items")
    sent = type(items) is list and any("phyPayload" in object_of(one) for one in items[:20])
    return ("items" in document and "downlinkId" in document and not sent) or "stdout" in document


def _named_in(event: Mapping[str, Any]) -> Any:
    """The gateway's id, in an uplink frame a step deeper."""
    for told in (event, object_of(event.get("rxInfo"))):
        for name in ("gatewayId", "gatewayID"):
            if name in told:
                return told[name]
    return None


def _connection_of(inbound: Inbound, event: Mapping[str, Any]) -> Literal["online", "offline"] | None:
    """Whether a gateway is connected: its birth or last will says so, in JSON or protobuf; else it just spoke."""
    if inbound.parts.get("state") is None and type(event.get("state")) is not str:
        return "online"
    if event:
        told = flag_of(text_of(event.get("state")))
        return None if told is None else "online" if told else "offline"
    try:
        fields = read_fields(inbound.payload)
    except Rejected:
        return None
    return "online" if (_CONNECTED, 1) in fields else "offline"


def position(
    device: str, at: datetime | None, event_id: str, latitude: float, longitude: float, place: Mapping[str, Any]
) -> Position:
    """A place as ChirpStack writes it."""
    return Position(
        device=device,
        observed_at=at,
        observation_id=event_id,
        longitude=longitude,
        latitude=latitude,
        altitude_m=number_of(place.get("altitude")),
        accuracy_m=number_of(place.get("accuracy")) or None,
    )


def eui_of(value: Any) -> str:
    """Sixteen hexadecimal digits in lower case, from these or from the base64 that v3 may write."""
    text = text_of(value)
    if len(text) == 12 and text.endswith("="):
        return body_bytes(text).hex() or text
    return text.lower() if len(text) == 16 else text


def _json_of(inbound: Inbound) -> Mapping[str, Any]:
    if type(inbound.document) is dict:
        return inbound.document
    if inbound.payload[:1] == b"{":
        return object_of(parsed(inbound.payload))
    if inbound.parts.get("event") != "stats":
        return {}
    try:
        return read_statistics(inbound.payload)
    except Rejected:
        return {}


def parsed(text: str | bytes) -> Any:
    """JSON, or None where it is none."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
