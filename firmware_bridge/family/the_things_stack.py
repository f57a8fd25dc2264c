"""The Things Stack v3 (The Things Network): messages of an application, over MQTT or a webhook without a topic.

A device is `the_things_stack/{device id}`; the gateway that heard it best is `lorawan/{gateway id}`. What a message is
about is a member of the message, so the last levels of the topic add nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from appliance.errors import Rejected
from appliance.model.observation import CommandOutcome, DeviceHealth, Observation, Outcome, Position
from firmware_bridge.family.sender import sender_of
from firmware_bridge.inbound import Context, Family, Handler, Inbound, Route
from firmware_bridge.lorawan.findings import Findings
from firmware_bridge.lorawan.sweep import sweep
from firmware_bridge.lorawan.uplink import Uplink, observe_uplink
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import list_of, number_of, object_of, text_of, whole_of

NAME = "the_things_stack"
MAX_GATEWAYS = 100
MAX_DOWNLINKS = 100
_SERVERS = ("as:", "gs:", "ns:", "js:", "rpc:", "pba:")  # correlation ids that the stack adds itself


class _Sender(msgspec.Struct, frozen=True, kw_only=True):
    """The device of a message and what the stack knows of it."""

    device: str
    device_id: str
    dev_eui: str
    application: str
    at: datetime | None
    context: Context


def handle_message(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """Any message of an application."""
    message = _unwrapped(inbound.document)
    if type(message) is not dict:
        raise Rejected("expected a JSON object, as The Things Stack writes it")
    sender = _sender_of(message, inbound, context)
    for member, handle in _MESSAGES:
        told = message.get(member)
        if type(told) is dict:
            return handle(told, message, sender)
    return [] if "downlinks" in message else [_health(sender)]


def recognise(document: Any) -> Handler | None:
    """By the ids every message has, or an uplink without them."""
    message = _unwrapped(document)
    if type(message) is not dict:
        return None
    ids = message.get("end_device_ids")
    if type(ids) is dict and ("device_id" in ids or "dev_eui" in ids):
        return handle_message
    uplink = message.get("uplink_message")
    return handle_message if type(uplink) is dict and ("rx_metadata" in uplink or "f_port" in uplink) else None


def _unwrapped(document: Any) -> Any:
    """The message itself, where the storage integration or the event stream wraps it."""
    if type(document) is dict:
        for wrap in ("result", "data"):
            inner = document.get(wrap)
            if type(inner) is dict and "end_device_ids" in inner:
                return inner
    return document


def _sender_of(message: Mapping[str, Any], inbound: Inbound, context: Context) -> _Sender:
    ids = object_of(message.get("end_device_ids"))
    dev_eui = text_of(ids.get("dev_eui")).lower()
    device_id = text_of(ids.get("device_id")) or dev_eui or sender_of(inbound)
    return _Sender(
        device=f"{NAME}/{device_id}"[:200],
        device_id=device_id,
        dev_eui=dev_eui,
        application=text_of(object_of(ids.get("application_ids")).get("application_id")),
        at=read_instant(message.get("received_at"), context.zone),
        context=context,
    )


def _uplink(uplink: Mapping[str, Any], message: Mapping[str, Any], sender: _Sender) -> Sequence[Observation]:
    version = object_of(uplink.get("version_ids"))
    brand, model = text_of(version.get("brand_id")), text_of(version.get("model_id"))
    name = text_of(object_of(message.get("end_device_ids")).get("name"))
    gateway, signal, attributes = _heard(uplink)
    decoded = uplink.get("normalized_payload") or uplink.get("decoded_payload")
    percent = number_of(object_of(uplink.get("last_battery_percentage")).get("value"))
    body = uplink.get("frm_payload")
    return observe_uplink(
        Uplink(
            device=sender.device,
            observed_at=read_instant(uplink.get("received_at"), sender.context.zone) or sender.at,
            observation_id=_uplink_id(uplink, sender),
            name=name or sender.device_id,
            manufacturer=brand,
            model_name=model,
            model=f"{brand} {model} | {name} | {sender.device_id} | {sender.application}",
            dev_eui=sender.dev_eui,
            f_port=whole_of(uplink.get("f_port")) or 0,
            body=body if type(body) is str else "",
            decoded=decoded,
            gateway=gateway,
            signal_dbm=signal,
            facts={"battery_percent": percent} if percent is not None and 0 <= percent <= 100 else {},
            attributes=attributes,
        )
    )


def _uplink_id(uplink: Mapping[str, Any], sender: _Sender) -> str:
    """A frame counter counts within a session; JSON leaves out a counter of 0."""
    session = text_of(uplink.get("session_key_id"))
    if not session:
        return ""
    return f"{sender.dev_eui or sender.device_id}-{session}-{whole_of(uplink.get('f_cnt')) or 0}"


def _heard(uplink: Mapping[str, Any]) -> tuple[str, float | None, dict[str, Any]]:
    """The gateway that heard it best, how strongly, and what else tells of the link."""
    best, signal, snr, heard = "", None, None, list_of(uplink.get("rx_metadata"))
    for one in heard[:MAX_GATEWAYS]:
        if type(one) is dict:
            rssi = number_of(one.get("rssi"))
            if not best or (rssi is not None and (signal is None or rssi > signal)):
                best, signal, snr = _gateway_of(one) or best, rssi, number_of(one.get("snr"))
    attributes: dict[str, Any] = {"gateways": len(heard)} if heard else {}
    if snr is not None:
        attributes["snr"] = snr
    lora = object_of(object_of(object_of(uplink.get("settings")).get("data_rate")).get("lora"))
    spreading = whole_of(lora.get("spreading_factor"))
    if spreading is not None:
        attributes["spreading_factor"] = spreading
    count = whole_of(uplink.get("f_cnt"))
    if count is not None:
        attributes["f_cnt"] = count
    return best, signal, attributes


def _gateway_of(heard: Mapping[str, Any]) -> str:
    """A gateway by its id; one that another network lent is named by Packet Broker."""
    broker = heard.get("packet_broker")
    if type(broker) is dict:
        return text_of(broker.get("forwarder_gateway_id")) or text_of(broker.get("forwarder_gateway_eui"))
    ids = object_of(heard.get("gateway_ids"))
    return text_of(ids.get("gateway_id")) or text_of(ids.get("eui"))


def _health(sender: _Sender, **members: Any) -> DeviceHealth:
    return DeviceHealth(
        device=sender.device, observed_at=sender.at, name=sender.device_id, address=sender.dev_eui, **members
    )


def _join(accept: Mapping[str, Any], _message: Mapping[str, Any], sender: _Sender) -> Sequence[Observation]:
    at = read_instant(accept.get("received_at"), sender.context.zone)
    joined = _health(sender, state="online")
    return [msgspec.structs.replace(joined, observed_at=at) if at is not None else joined]


def _downlink(outcome: Outcome, reason: str = "") -> "_Handle":
    """What became of one downlink; its id is the correlation id its sender gave it."""

    def handle(told: Mapping[str, Any], message: Mapping[str, Any], sender: _Sender) -> Sequence[Observation]:
        downlink = told.get("downlink")
        inner = downlink if type(downlink) is dict else told
        error = object_of(told.get("error"))
        said = text_of(error.get("message_format")) or text_of(error.get("name")) or reason
        command_id = _command_id(inner) or _command_id(message)
        answered = [_health(sender)] if "as:up" in str(message.get("correlation_ids"))[:2000] else []
        if not command_id:
            return answered or [_health(sender)]
        return [
            CommandOutcome(
                device=sender.device,
                observed_at=sender.at,
                outcome=outcome,
                command_id=command_id,
                method="downlink",
                message=said,
            ),
            *answered,
        ]

    return handle


def _command_id(told: Mapping[str, Any]) -> str:
    """The first correlation id that a sender chose, else the one the stack gave the downlink."""
    ids = [text for one in list_of(told.get("correlation_ids"))[:50] if (text := text_of(one))]
    own = next((one for one in ids if not one.startswith(_SERVERS)), "")
    return own or next((one for one in ids if one.startswith("as:downlink:")), "")


def _invalidated(told: Mapping[str, Any], _message: Mapping[str, Any], sender: _Sender) -> Sequence[Observation]:
    """Downlinks that a new session made void; the stack sends them again only where it can."""
    found: list[Observation] = [
        CommandOutcome(
            device=sender.device,
            observed_at=sender.at,
            outcome="failed",
            command_id=command_id,
            method="downlink",
            message="the session ended before it was sent",
        )
        for one in list_of(told.get("downlinks"))[:MAX_DOWNLINKS]
        if (command_id := _command_id(object_of(one)))
    ]
    return [*found, _health(sender)]


def _located(told: Mapping[str, Any], _message: Mapping[str, Any], sender: _Sender) -> Sequence[Observation]:
    place = object_of(told.get("location"))
    latitude, longitude = number_of(place.get("latitude")), number_of(place.get("longitude"))
    if latitude is None or longitude is None or not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return [_health(sender)]
    position = Position(
        device=sender.device,
        observed_at=sender.at,
        longitude=longitude,
        latitude=latitude,
        altitude_m=number_of(place.get("altitude")),
        accuracy_m=number_of(place.get("accuracy")) or None,
    )
    return [position, _health(sender)]


def _service(told: Mapping[str, Any], _message: Mapping[str, Any], sender: _Sender) -> Sequence[Observation]:
    """What another service made of the device's data, as LoRa Cloud."""
    findings = Findings(sender.device, sender.at, "")
    sweep(told.get("data"), findings)
    facts = {name: findings.facts[name] for name in ("battery_percent", "voltage_v") if name in findings.facts}
    return [*findings.observations, _health(sender, attributes={"service": text_of(told.get("service"))}, **facts)]


_Handle = Callable[[Mapping[str, Any], Mapping[str, Any], _Sender], Sequence[Observation]]
_MESSAGES: tuple[tuple[str, _Handle], ...] = (
    ("uplink_message", _uplink),
    ("uplink_normalized", _uplink),
    ("join_accept", _join),
    ("downlink_ack", _downlink("done")),
    ("downlink_nack", _downlink("failed", "the device did not acknowledge")),
    ("downlink_failed", _downlink("failed", "the network server could not send it")),
    ("downlink_queued", _downlink("accepted")),
    ("downlink_sent", _downlink("running")),
    ("downlink_queue_invalidated", _invalidated),
    ("location_solved", _located),
    ("service_data", _service),
)


def ignore(_inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """Downlinks on their way to a device."""
    return []


FAMILY = Family(
    name=NAME,
    title="The Things Stack",
    source="https://www.thethingsindustries.com/docs/integrations/data-formats/",
    routes=(
        Route(template="v3/{application}/devices/{device}/{kind...}", handle=handle_message),
        Route(template="v3/{application}/devices/{device}/down/push", handle=ignore, form="bytes"),
        Route(template="v3/{application}/devices/{device}/down/replace", handle=ignore, form="bytes"),
    ),
    recognise=recognise,
)
