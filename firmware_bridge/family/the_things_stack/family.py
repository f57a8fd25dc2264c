"""The Things Stack v3 (The Things Network): messages of an application, over MQTT or a webhook without a topic.

A device is `the_things_stack/{device id}`; the gateway that heard it best is `lorawan/{gateway id}`. What a message is
about is a member of the message, so the last levels of the topic add nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import UNSET

from appliance.errors import Rejected
from appliance.model.observation import CommandOutcome, DeviceHealth, Observation, Outcome, Position
from firmware_bridge.family.sender import sender_of
from firmware_bridge.family.the_things_stack.message import DataRate, Heard, LoRa, Message, Settings, UplinkMessage
from firmware_bridge.inbound import NOT_JSON, Context, Family, Handler, Inbound, Route
from firmware_bridge.lorawan.findings import Findings
from firmware_bridge.lorawan.sweep import sweep
from firmware_bridge.lorawan.uplink import Uplink, observe_uplink
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import list_of, number_of, object_of, text_of, whole_of

NAME = "the_things_stack"
MAX_GATEWAYS = 100
MAX_DOWNLINKS = 100
MAX_PLACES = 10  # in an error's message
_SERVERS = ("as:", "gs:", "ns:", "js:", "rpc:", "pba:")  # correlation ids that the stack adds itself


class _Device(msgspec.Struct, frozen=True, gc=False):
    """What `end_device_ids` say."""

    device_id: str = ""
    dev_eui: str = ""
    application: str = ""
    name: str = ""


class _Sender(msgspec.Struct, frozen=True, gc=False):
    """The device of a message, and when it was heard; `simulated` where somebody only tries a decoder out."""

    device: str
    device_id: str
    known: _Device
    at: datetime | None
    zone: tzinfo
    simulated: bool = False


def handle_message(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """Any message of an application."""
    message = inbound.document
    if type(message) is not Message:  # known by its shape, or no message at all
        message = _read_again(inbound.payload)
    if message.result or message.data:
        message = _unwrapped(message)
    sender = _sender_of(message, inbound, context)
    for uplink in (message.uplink_message, message.uplink_normalized):
        if type(uplink) is UplinkMessage:
            return _observe(uplink, sender)
    for member, handle in _MESSAGES:
        told = getattr(message, member)
        if type(told) is dict:
            return handle(told, message, sender)
    return [_health(sender)] if message.downlinks is UNSET else []


def _read_again(payload: bytes) -> Message:
    try:
        return _read_message(payload)
    except NOT_JSON:
        raise Rejected("expected a JSON object, as The Things Stack writes it") from None


def _unwrapped(message: Message) -> Message:
    """The message itself, where the storage integration or the event stream wraps it."""
    for wrapped in (message.result, message.data):
        try:
            inner = _read_message(wrapped)
        except NOT_JSON:
            continue
        if inner.end_device_ids:
            return inner
    return message


def recognise(document: Any) -> Handler | None:
    """By the ids every message has, or an uplink without them."""
    message = _wrapped(document)
    if type(message) is not dict:
        return None
    ids = message.get("end_device_ids")
    if type(ids) is dict and ("device_id" in ids or "dev_eui" in ids):
        return handle_message
    uplink = message.get("uplink_message")
    return handle_message if type(uplink) is dict and ("rx_metadata" in uplink or "f_port" in uplink) else None


def _wrapped(document: Any) -> Any:
    if type(document) is dict:
        for wrap in ("result", "data"):
            inner = document.get(wrap)
            if type(inner) is dict and "end_device_ids" in inner:
                return inner
    return document


def _sender_of(message: Message, inbound: Inbound, context: Context) -> _Sender:
    known = _device_of(bytes(message.end_device_ids))
    device_id = known.device_id or sender_of(inbound)
    at = read_instant(message.received_at, context.zone)
    return _Sender(f"{NAME}/{device_id}"[:200], device_id, known, at, context.zone, message.simulated is True)


@lru_cache(maxsize=8_192)
def _device_of(ids: bytes) -> _Device:
    """What `end_device_ids` say. Read anew they would be a sixth of what a message costs."""
    try:
        said = object_of(msgspec.json.decode(ids)) if ids else {}
    except NOT_JSON as error:
        raise Rejected(f"not JSON: {error}", "$.end_device_ids") from None
    dev_eui = text_of(said.get("dev_eui")).lower()
    application = text_of(object_of(said.get("application_ids")).get("application_id"))
    return _Device(text_of(said.get("device_id")) or dev_eui, dev_eui, application, text_of(said.get("name")))


def _observe(uplink: UplinkMessage, sender: _Sender) -> Sequence[Observation]:
    known = sender.known
    version = object_of(uplink.version_ids)
    brand, model = (text_of(version.get("brand_id")), text_of(version.get("model_id"))) if version else ("", "")
    gateway, signal, attributes = _heard(uplink)
    if sender.simulated:
        attributes["simulated"] = True
    battery, body = uplink.last_battery_percentage, uplink.frm_payload
    percent = number_of(battery.get("value")) if type(battery) is dict else None
    found = observe_uplink(
        Uplink(
            device=sender.device,
            observed_at=read_instant(uplink.received_at, sender.zone) or sender.at,
            observation_id=_uplink_id(uplink, sender),
            name=known.name or sender.device_id,
            manufacturer=brand,
            model_name=model,
            model=f"{brand} {model} | {known.name} | {sender.device_id} | {known.application}",
            dev_eui=known.dev_eui,
            f_port=whole_of(uplink.f_port) or 0,
            body=body if type(body) is str else "",
            decoded=uplink.decoded_payload,
            normalized=uplink.normalized_payload,
            gateway=gateway,
            signal_dbm=signal,
            facts={"battery_percent": percent} if percent is not None and 0 <= percent <= 100 else {},
            attributes=attributes,
        )
    )
    if uplink.locations and not any(type(one) is Position for one in found):
        found += _placed(object_of(uplink.locations), sender)
    return found


def _placed(locations: Mapping[str, Any], sender: _Sender) -> Sequence[Observation]:
    """Where the stack knows the device to be: as something located it, else as its owner entered it."""
    names = sorted(list(locations)[:MAX_GATEWAYS], key=lambda name: name == "user")
    positions = [_position_of(object_of(locations[name]), sender) for name in names]
    return [one for one in positions if one is not None][:1]


def _uplink_id(uplink: UplinkMessage, sender: _Sender) -> str:
    """A frame counter counts within a session; JSON leaves out a counter of 0."""
    session = text_of(uplink.session_key_id)
    if not session:
        return ""
    return f"{sender.known.dev_eui or sender.device_id}-{session}-{whole_of(uplink.f_cnt) or 0}"


def _heard(uplink: UplinkMessage) -> tuple[str, float | None, dict[str, Any]]:
    """The gateway that heard it best, how strongly, and what else tells of the link."""
    best, signal, snr, heard = "", None, None, list_of(uplink.rx_metadata)
    for one in heard[:MAX_GATEWAYS]:
        if type(one) is Heard:
            rssi = number_of(one.channel_rssi if one.rssi is None else one.rssi)
            if not best or (rssi is not None and (signal is None or rssi > signal)):
                best, signal, snr = _gateway_of(one) or best, rssi, number_of(one.snr)
    attributes: dict[str, Any] = {"gateways": len(heard)} if heard else {}
    if snr is not None:
        attributes["snr"] = snr
    spreading = _spreading_of(uplink.settings)
    if spreading is not None:
        attributes["spreading_factor"] = spreading
    count = whole_of(uplink.f_cnt)
    if count is not None:
        attributes["f_cnt"] = count
    return best, signal, attributes


def _spreading_of(settings: Any) -> int | None:
    if type(settings) is Settings and type(settings.data_rate) is DataRate:
        lora = settings.data_rate.lora
        return whole_of(lora.spreading_factor) if type(lora) is LoRa else None
    return None


def _gateway_of(heard: Heard) -> str:
    """A gateway by its id; one that another network lent is named by Packet Broker."""
    broker = heard.packet_broker
    if type(broker) is dict:
        return text_of(broker.get("forwarder_gateway_id")) or text_of(broker.get("forwarder_gateway_eui"))
    ids = object_of(heard.gateway_ids)
    return text_of(ids.get("gateway_id")) or text_of(ids.get("eui"))


def _health(sender: _Sender, **members: Any) -> DeviceHealth:
    return DeviceHealth(
        device=sender.device, observed_at=sender.at, name=sender.device_id, address=sender.known.dev_eui, **members
    )


def _join(accept: Mapping[str, Any], _message: Message, sender: _Sender) -> Sequence[Observation]:
    at = read_instant(accept.get("received_at"), sender.zone)
    joined = _health(sender, state="online")
    return [msgspec.structs.replace(joined, observed_at=at) if at is not None else joined]


def _downlink(outcome: Outcome, reason: str = "") -> "_Handle":
    """What became of one downlink; its id is the correlation id its sender gave it."""

    def handle(told: Mapping[str, Any], message: Message, sender: _Sender) -> Sequence[Observation]:
        downlink = told.get("downlink")
        inner = downlink if type(downlink) is dict else told
        said = _error_of(object_of(told.get("error"))) or reason
        command_id = _command_id(inner) or _first_id(message.correlation_ids)
        answered = [_health(sender)] if "as:up" in str(message.correlation_ids)[:2000] else []
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


def _error_of(error: Mapping[str, Any]) -> str:
    """What went wrong, with the values its message leaves a place for."""
    said = text_of(error.get("message_format")) or text_of(error.get("name"))
    for name, value in list(object_of(error.get("attributes")).items())[:MAX_PLACES]:
        said = said.replace(f"{{{name}}}", text_of(value) or str(whole_of(value)))
    return said[:500]


def _command_id(told: Mapping[str, Any]) -> str:
    return _first_id(told.get("correlation_ids"))


def _first_id(told: Any) -> str:
    """The first correlation id that a sender chose, else the one the stack gave the downlink."""
    ids = [text for one in list_of(told)[:50] if (text := text_of(one))]
    own = next((one for one in ids if not one.startswith(_SERVERS)), "")
    return own or next((one for one in ids if one.startswith("as:downlink:")), "")


def _invalidated(told: Mapping[str, Any], _message: Message, sender: _Sender) -> Sequence[Observation]:
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


def _located(told: Mapping[str, Any], _message: Message, sender: _Sender) -> Sequence[Observation]:
    position = _position_of(object_of(told.get("location")), sender)
    return [position, _health(sender)] if position is not None else [_health(sender)]


def _position_of(place: Mapping[str, Any], sender: _Sender) -> Position | None:
    """A place; JSON leaves out a coordinate of 0."""
    latitude, longitude = number_of(place.get("latitude", 0)), number_of(place.get("longitude", 0))
    if latitude is None or longitude is None or not (latitude or longitude):
        return None
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return None
    return Position(
        device=sender.device,
        observed_at=sender.at,
        longitude=longitude,
        latitude=latitude,
        altitude_m=number_of(place.get("altitude")),
        accuracy_m=number_of(place.get("accuracy")) or None,
    )


def _service(told: Mapping[str, Any], _message: Message, sender: _Sender) -> Sequence[Observation]:
    """What another service made of the device's data, as LoRa Cloud."""
    findings = Findings(sender.device, sender.at, "")
    sweep(told.get("data"), findings)
    facts = {name: findings.facts[name] for name in ("battery_percent", "voltage_v") if name in findings.facts}
    return [*findings.observations, _health(sender, attributes={"service": text_of(told.get("service"))}, **facts)]


_Handle = Callable[[Mapping[str, Any], Message, _Sender], Sequence[Observation]]
_MESSAGES: tuple[tuple[str, _Handle], ...] = (
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


_read_message = msgspec.json.Decoder(Message).decode

FAMILY = Family(
    name=NAME,
    title="The Things Stack",
    source="https://www.thethingsindustries.com/docs/integrations/data-formats/",
    routes=(
        Route(template="v3/{application}/devices/{device}/{kind...}", handle=handle_message, shape=Message),
        Route(template="v3/{application}/devices/{device}/down/push", handle=ignore, form="bytes"),
        Route(template="v3/{application}/devices/{device}/down/replace", handle=ignore, form="bytes"),
    ),
    recognise=recognise,
)
