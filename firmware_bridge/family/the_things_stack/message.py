"""The shapes of The Things Stack's messages: the members that are read, whatever they hold. Used by `family`.

Source: https://www.thethingsindustries.com/docs/integrations/data-formats/
"""

from typing import Any

import msgspec
from msgspec import UNSET

from firmware_bridge.notation.members import Other, Scalar


class Heard(msgspec.Struct, gc=False):
    """How a gateway heard it; `channel_rssi` is the same for most, and all that some tell."""

    gateway_ids: Any = None
    packet_broker: Any = None
    rssi: Any = None
    channel_rssi: Any = None
    snr: Any = None


class LoRa(msgspec.Struct, gc=False):
    """How it was sent."""

    spreading_factor: Any = None


class DataRate(msgspec.Struct, gc=False):
    """Of which LoRa is one."""

    lora: LoRa | Other = None


class Settings(msgspec.Struct, gc=False):
    """Of the transmission."""

    data_rate: DataRate | Other = None


class UplinkMessage(msgspec.Struct, gc=False):
    """`uplink_message`."""

    session_key_id: Any = None
    f_port: Any = None
    f_cnt: Any = None
    frm_payload: Any = None
    decoded_payload: Any = None
    normalized_payload: Any = None
    rx_metadata: list[Heard | Other] | dict[str, Any] | Scalar = None
    settings: Settings | Other = None
    received_at: Any = None
    last_battery_percentage: Any = None
    locations: Any = None
    version_ids: Any = None


class Message(msgspec.Struct, gc=False):
    """A message of an application: the members that are read, whatever they hold; the others are passed over.

    end_device_ids  as they were sent: word for word the same each time, and looked up rather than read
    """

    end_device_ids: msgspec.Raw = msgspec.Raw()
    received_at: Any = None
    uplink_message: UplinkMessage | Other = None
    uplink_normalized: UplinkMessage | Other = None
    correlation_ids: Any = None
    join_accept: Any = None
    downlink_ack: Any = None
    downlink_nack: Any = None
    downlink_failed: Any = None
    downlink_queued: Any = None
    downlink_sent: Any = None
    downlink_queue_invalidated: Any = None
    location_solved: Any = None
    service_data: Any = None
    simulated: Any = None
    downlinks: Any = UNSET
    result: msgspec.Raw = msgspec.Raw()
    data: msgspec.Raw = msgspec.Raw()
