"""ChirpStack: events of LoRaWAN devices and of their gateways, v4 and, where it is alike, v3 JSON.

A device is `chirpstack/{DevEUI}`; the gateway that heard it best is `lorawan/{gateway id}`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import UNSET

from appliance.errors import Rejected
from appliance.model.observation import CommandOutcome, DeviceHealth, Observation
from firmware_bridge.family.chirpstack.event import Event, Heard, read_binary_event, read_event, spreading_of
from firmware_bridge.family.chirpstack.gateway import eui_of, handle_gateway, is_gateway_message, parsed, position
from firmware_bridge.inbound import NOT_JSON, Context, Family, Handler, Inbound, Route
from firmware_bridge.lorawan.findings import Findings
from firmware_bridge.lorawan.sweep import sweep
from firmware_bridge.lorawan.uplink import Uplink, observe_uplink
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, list_of, number_of, object_of, text_of, whole_of

NAME = "chirpstack"
MAX_GATEWAYS = 100
_BINARY = (b"\x08", b"\x0a", b"\x12", b"\x1a")  # the tags of the first three fields
_MODEL_TAGS = (
    "vendor",
    "manufacturer",
    "brand",
    "model",
    "device_model",
    "deviceModel",
    "device_type",
    "type",
    "codec",
)


class _Device(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A device and what the server knows of it."""

    dev_eui: str
    name: str
    vendor: str
    model_tag: str
    model: str


class _Sender(msgspec.Struct, frozen=True, gc=False):
    """The device of an event, and when it was heard."""

    device: str
    dev_eui: str
    at: datetime | None
    event_id: str
    known: _Device


def handle_event(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """An event of a device: up, join, status, ack, txack, log, location, integration."""
    if not inbound.payload:
        return []  # a retained one was cleared
    event = inbound.document
    if type(event) is not Event:  # known by its shape, binary, or no event at all
        event = _read_again(inbound)
    sender = _sender_of(event, inbound, context)
    handle = _EVENTS.get(inbound.parts.get("event") or inbound.parts.get("kind") or "") or _by_shape(event)
    return handle(event, sender)


def _read_again(inbound: Inbound) -> Event:
    """An event from its JSON, or from Protocol Buffers where a topic says of which kind."""
    try:
        return read_event(inbound.payload)
    except Rejected:
        kind = inbound.parts.get("event", "")
        if not kind or inbound.payload[:1] not in _BINARY:
            raise
    return read_binary_event(kind, inbound.payload)


def ignore(_inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """Commands to devices and gateways."""
    return []


def recognise(document: Any) -> Handler | None:
    """By the members every event of a device has, or a gateway's statistics."""
    if type(document) is not dict:
        return None
    info = document.get("deviceInfo")
    if type(info) is dict and ("devEui" in info or "deviceProfileId" in info):
        return handle_event
    if "devEUI" in document and ("applicationID" in document or "applicationName" in document):
        return handle_event
    return handle_gateway if is_gateway_message(document) else None


def _sender_of(event: Event, inbound: Inbound, context: Context) -> _Sender:
    known = _device_of(bytes(event.device_info)) or _read_device(object_of(parsed(inbound.payload)))  # v3: at the top
    dev_eui = known.dev_eui or inbound.parts.get("dev_eui", "").lower() or inbound.parts.get("device", "")
    if not dev_eui:
        raise Rejected("no device is named", "$.deviceInfo.devEui")
    time = event.published_at if event.time is UNSET else event.time
    return _Sender(
        f"{NAME}/{dev_eui}"[:200], dev_eui, read_instant(time, context.zone), text_of(event.deduplication_id), known
    )


@lru_cache(maxsize=8_192)
def _device_of(info: bytes) -> _Device | None:
    """What `deviceInfo` says; None where it is no object. Read anew it would be a quarter of what an event costs."""
    try:
        said = msgspec.json.decode(info) if info else None
    except NOT_JSON as error:
        raise Rejected(f"not JSON: {error}", "$.deviceInfo") from None
    return _read_device(said) if type(said) is dict else None


def _read_device(said: Mapping[str, Any]) -> _Device:
    tags = object_of(said.get("tags"))
    models = [text for name in _MODEL_TAGS if (text := text_of(tags.get(name)))]
    profile, name = text_of(said.get("deviceProfileName")), text_of(said.get("deviceName"))
    return _Device(
        dev_eui=eui_of(said.get("devEui", said.get("devEUI"))),
        name=name,
        vendor=text_of(tags.get("vendor") or tags.get("manufacturer")),
        model_tag=text_of(tags.get("model")),
        model=" | ".join([*models, profile, name, text_of(said.get("applicationName"))]),
    )


def _up(event: Event, sender: _Sender) -> Sequence[Observation]:
    gateway, signal, attributes = _heard(event)
    at = sender.at or _received(event)
    decoded, body = event.object, event.data
    if type(decoded) is not dict and type(event.object_json) is str:
        decoded = parsed(event.object_json)
    return observe_uplink(
        Uplink(
            device=sender.device,
            observed_at=at,
            observation_id=sender.event_id,
            name=sender.known.name,
            manufacturer=sender.known.vendor,
            model_name=sender.known.model_tag,
            model=sender.known.model,
            dev_eui=sender.dev_eui,
            f_port=whole_of(event.f_port) or 0,
            body=body if type(body) is str else "",
            decoded=decoded,
            gateway=gateway,
            signal_dbm=signal,
            attributes=attributes,
        )
    )


def _heard(event: Event) -> tuple[str, float | None, dict[str, Any]]:
    """The gateway that heard it best, how strongly, and what else tells of the link."""
    best, signal, snr, heard = "", None, None, list_of(event.rx_info)
    for one in heard[:MAX_GATEWAYS]:
        if type(one) is Heard:
            rssi = number_of(one.rssi)
            if not best or (rssi is not None and (signal is None or rssi > signal)):
                best = eui_of(one.gateway_id_v3 if one.gateway_id is UNSET else one.gateway_id) or best
                signal, snr = rssi, number_of(one.snr_v3 if one.snr is UNSET else one.snr)
    attributes: dict[str, Any] = {"gateways": len(heard)} if heard else {}
    if snr is not None:
        attributes["snr"] = snr
    spreading = spreading_of(event.tx_info)
    if spreading is not None:
        attributes["spreading_factor"] = spreading
    count = whole_of(event.f_cnt)
    if count is not None:
        attributes["f_cnt"] = count
    return best, signal, attributes


def _received(event: Event) -> datetime | None:
    """The time of receipt as the first gateway told it: v3 has none of its own."""
    for one in list_of(event.rx_info)[:1]:
        return read_instant(one.time, UTC) if type(one) is Heard else None
    return None


def _health(sender: _Sender, **members: Any) -> DeviceHealth:
    return DeviceHealth(
        device=sender.device,
        observed_at=sender.at,
        observation_id=sender.event_id,
        name=sender.known.name,
        manufacturer=sender.known.vendor,
        model=sender.known.model_tag,
        address=sender.dev_eui,
        **members,
    )


def _join(event: Event, sender: _Sender) -> Sequence[Observation]:
    gateway, signal, attributes = _heard(event)
    via = f"lorawan/{gateway}" if gateway else ""
    return [_health(sender, state="online", via=via, signal_dbm=signal, attributes=attributes)]


def _status(event: Event, sender: _Sender) -> Sequence[Observation]:
    """A device's answer to DevStatusReq: `margin` is the SNR in dB of that request."""
    battery = number_of(event.battery_level)
    mains = flag_of(event.external_power_source)
    if battery is None and type(event.battery) is int and 1 <= event.battery <= 254:
        battery = round(event.battery / 2.54, 1)  # v2: as LoRaWAN has it
    if mains or flag_of(event.battery_level_unavailable) or (battery is not None and not 0 <= battery <= 100):
        battery = None
    told = {"margin_db": number_of(event.margin), "mains": mains}
    attributes = {name: value for name, value in told.items() if value is not None}
    return [_health(sender, battery_percent=battery, attributes=attributes)]


def _ack(event: Event, sender: _Sender) -> Sequence[Observation]:
    outcome = CommandOutcome(
        device=sender.device,
        observed_at=sender.at,
        outcome="done" if flag_of(event.acknowledged) else "failed",
        command_id=text_of(event.queue_item_id),
        method="downlink",
        message="" if flag_of(event.acknowledged) else "the device did not acknowledge",
    )
    return [outcome, _health(sender)]


def _txack(event: Event, sender: _Sender) -> Sequence[Observation]:
    """A gateway sent a downlink: that says that the gateway lives, not yet that the device heard."""
    gateway = eui_of(event.gateway_id_v3 if event.gateway_id is UNSET else event.gateway_id)
    found: list[Observation] = []
    command_id = text_of(event.queue_item_id)
    if command_id:
        found.append(
            CommandOutcome(
                device=sender.device, observed_at=sender.at, outcome="running", command_id=command_id, method="downlink"
            )
        )
    found.append(_health(sender, via=f"lorawan/{gateway}" if gateway else ""))
    if gateway:
        found.append(DeviceHealth(device=f"lorawan/{gateway}", observed_at=sender.at))
    return found


def _log(event: Event, sender: _Sender) -> Sequence[Observation]:
    """What the server has to say of a device; an error that names a downlink is that downlink's end."""
    level = text_of(event.level)
    code = text_of(event.type if event.code is UNSET else event.code)
    message = text_of(event.error if event.description is UNSET else event.description)
    told = {"log_level": level, "log_code": code, "log": message}
    found: list[Observation] = []
    command_id = text_of(object_of(event.context).get("queue_item_id"))
    if command_id and level.upper() == "ERROR":
        found.append(
            CommandOutcome(
                device=sender.device,
                observed_at=sender.at,
                outcome="failed",
                command_id=command_id,
                method="downlink",
                message=f"{code}: {message}"[:200],
            )
        )
    return [*found, _health(sender, attributes={name: text for name, text in told.items() if text})]


def _location(event: Event, sender: _Sender) -> Sequence[Observation]:
    place = object_of(event.location)
    latitude, longitude = number_of(place.get("latitude")), number_of(place.get("longitude"))
    if latitude is None or longitude is None or not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return [_health(sender)]
    return [position(sender.device, sender.at, sender.event_id, latitude, longitude, place), _health(sender)]


def _integration(event: Event, sender: _Sender) -> Sequence[Observation]:
    """What another service made of the device's data, as LoRa Cloud."""
    findings = Findings(sender.device, sender.at, sender.event_id)
    sweep(event.object, findings)
    attributes = {"integration": text_of(event.integration_name), "event": text_of(event.event_type)}
    facts = {name: findings.facts[name] for name in ("battery_percent", "voltage_v") if name in findings.facts}
    return [*findings.observations, _health(sender, attributes=attributes, **facts)]


def _by_shape(event: Event) -> "_Handle":
    """What kind of event it is where no topic tells."""
    for member, handle in _TELLING:
        if getattr(event, member) is not UNSET:
            return handle
    return _join


_Handle = Callable[[Event, _Sender], Sequence[Observation]]
_EVENTS: dict[str, _Handle] = {
    "up": _up,
    "rx": _up,
    "join": _join,
    "status": _status,
    "ack": _ack,
    "txack": _txack,
    "log": _log,
    "error": _log,
    "location": _location,
    "integration": _integration,
}
_TELLING: tuple[tuple[str, _Handle], ...] = (
    ("integration_name", _integration),
    ("acknowledged", _ack),
    ("data", _up),
    ("object", _up),
    ("f_port", _up),
    ("margin", _status),
    ("battery_level", _status),
    ("downlink_id", _txack),
    ("downlink_id_v3", _txack),
    ("level", _log),
    ("error", _log),
    ("location", _location),
    ("gateway_id", _txack),
    ("gateway_id_v3", _txack),
    ("f_cnt", _up),
    ("dr", _up),
)

FAMILY = Family(
    name=NAME,
    title="ChirpStack",
    source="https://www.chirpstack.io/docs/chirpstack/integrations/events.html",
    routes=(
        Route(template="application/{application}/device/{dev_eui}/event/{event}", handle=handle_event, form="bytes"),
        Route(template="application/{application}/device/{dev_eui}/state/{event}", handle=handle_event, shape=Event),
        Route(template="application/{application}/device/{dev_eui}/command/{command}", handle=ignore, form="bytes"),
        Route(template="{region}/gateway/{gateway}/event/{event}", handle=handle_gateway, form="bytes"),
        Route(template="gateway/{gateway}/event/{event}", handle=handle_gateway, form="bytes"),
        Route(template="{region}/gateway/{gateway}/state/{state}", handle=handle_gateway, form="bytes"),
        Route(template="gateway/{gateway}/state/{state}", handle=handle_gateway, form="bytes"),
        Route(template="{region}/gateway/{gateway}/command/{command}", handle=ignore, form="bytes"),
        Route(template="gateway/{gateway}/command/{command}", handle=ignore, form="bytes"),
        *(
            Route(template=f"application/{{application}}/device/{{dev_eui}}/{kind}", handle=handle_event, shape=Event)
            for kind in ("rx", "join", "status", "ack", "error", "location")
        ),
    ),
    recognise=recognise,
)
