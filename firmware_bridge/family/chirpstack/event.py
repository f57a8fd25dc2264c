"""The shape of ChirpStack's events: what is read of them, whatever it holds; all else is passed over.

An event has some forty members in objects within objects, of which a dozen say something. Read into these shapes it
costs half of what plain objects do. Used by `family`.
"""

from typing import Any

import msgspec
from msgspec import UNSET

from appliance.errors import Rejected
from firmware_bridge.family.chirpstack.protobuf import read_event_members
from firmware_bridge.inbound import NOT_JSON
from firmware_bridge.notation.members import Other, Scalar, whole_of


class Heard(msgspec.Struct, rename="camel", gc=False):
    """How a gateway heard it."""

    gateway_id: Any = UNSET
    gateway_id_v3: Any = msgspec.field(default=UNSET, name="gatewayID")
    rssi: Any = UNSET
    snr: Any = UNSET
    snr_v3: Any = msgspec.field(default=UNSET, name="loRaSNR")
    time: Any = UNSET


class LoRa(msgspec.Struct, rename="camel", gc=False):
    """How it was sent."""

    spreading_factor: Any = UNSET


class Modulation(msgspec.Struct, gc=False):
    """Of which LoRa is one."""

    lora: LoRa | Other = None


class Sent(msgspec.Struct, rename="camel", gc=False):
    """`txInfo`."""

    modulation: Modulation | Other = None
    lo_ra_modulation_info: LoRa | Other = None


class Event(msgspec.Struct, rename="camel", gc=False):
    """An event of a device: the members that are read, whatever they hold; the others are passed over.

    device_info  as it was sent: it is word for word the same each time, and looked up rather than read
    """

    device_info: msgspec.Raw = msgspec.Raw()
    deduplication_id: Any = UNSET
    time: Any = UNSET
    published_at: Any = UNSET
    f_cnt: Any = UNSET
    f_port: Any = UNSET
    dr: Any = UNSET
    data: Any = UNSET
    object: Any = UNSET
    object_json: Any = msgspec.field(default=UNSET, name="objectJSON")
    rx_info: list[Heard | Other] | dict[str, Any] | Scalar = None
    tx_info: Sent | Other = None
    margin: Any = UNSET
    external_power_source: Any = UNSET
    battery_level_unavailable: Any = UNSET
    battery_level: Any = UNSET
    battery: Any = UNSET
    acknowledged: Any = UNSET
    queue_item_id: Any = UNSET
    gateway_id: Any = UNSET
    gateway_id_v3: Any = msgspec.field(default=UNSET, name="gatewayID")
    downlink_id: Any = UNSET
    downlink_id_v3: Any = msgspec.field(default=UNSET, name="downlinkID")
    level: Any = UNSET
    code: Any = UNSET
    type: Any = UNSET
    description: Any = UNSET
    error: Any = UNSET
    context: Any = UNSET
    location: Any = UNSET
    integration_name: Any = UNSET
    event_type: Any = UNSET


def read_event(payload: bytes) -> Event:
    """An event from its JSON.

    raises  Rejected  it is no object
    """
    try:
        return _read(payload)
    except NOT_JSON:
        raise Rejected("expected a JSON object, as ChirpStack's JSON marshaler writes it") from None


def read_binary_event(kind: str, payload: bytes) -> Event:
    """An event from its Protocol Buffers.

    raises  Rejected  it is none
    """
    return read_event(msgspec.json.encode(read_event_members(kind, payload)))


def spreading_of(sent: Any) -> int | None:
    """The spreading factor, in v4 a step deeper than in v3."""
    if type(sent) is not Sent:
        return None
    lora = sent.modulation.lora if type(sent.modulation) is Modulation else None
    if type(lora) is not LoRa:
        lora = sent.lo_ra_modulation_info
    return whole_of(lora.spreading_factor) if type(lora) is LoRa else None


_read = msgspec.json.Decoder(Event).decode
