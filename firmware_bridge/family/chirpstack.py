"""ChirpStack: events of LoRaWAN devices and of their gateways, v4 and, where it is alike, v3 JSON.

A device is `chirpstack/{DevEUI}`; the gateway that heard it best is `lorawan/{gateway id}`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from appliance.errors import Rejected
from appliance.model.observation import CommandOutcome, DeviceHealth, Observation
from firmware_bridge.family.chirpstack_gateway import eui_of, handle_gateway, parsed, position
from firmware_bridge.inbound import Context, Family, Handler, Inbound, Route
from firmware_bridge.lorawan.findings import Findings
from firmware_bridge.lorawan.sweep import sweep
from firmware_bridge.lorawan.uplink import Uplink, observe_uplink
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, list_of, number_of, object_of, text_of, whole_of

NAME = "chirpstack"
MAX_GATEWAYS = 100
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


class _Sender(msgspec.Struct, frozen=True, kw_only=True):
    """The device of an event and what the server knows of it."""

    device: str
    dev_eui: str
    at: datetime | None
    event_id: str
    name: str
    vendor: str
    model_tag: str
    model: str


def handle_event(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """An event of a device: up, join, status, ack, txack, log, location, integration."""
    event = inbound.document
    if type(event) is not dict:
        raise Rejected("expected a JSON object, as ChirpStack's JSON marshaler writes it")
    sender = _sender_of(event, inbound, context)
    handle = _EVENTS.get(inbound.parts.get("event") or inbound.parts.get("kind") or "") or _by_shape(event)
    return handle(event, sender)


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
    if ("gatewayId" in document or "gatewayID" in document) and "rxPacketsReceived" in document:
        return handle_gateway
    return None


def _sender_of(event: Mapping[str, Any], inbound: Inbound, context: Context) -> _Sender:
    info = event.get("deviceInfo")
    if type(info) is not dict:
        info = event  # v3 has these members at the top
    dev_eui = eui_of(info.get("devEui", info.get("devEUI"))) or inbound.parts.get("dev_eui", "").lower()
    dev_eui = dev_eui or inbound.parts.get("device", "")
    if not dev_eui:
        raise Rejected("no device is named", "$.deviceInfo.devEui")
    tags = object_of(info.get("tags"))
    said = [text for name in _MODEL_TAGS if (text := text_of(tags.get(name)))] if tags else []
    profile, name = text_of(info.get("deviceProfileName")), text_of(info.get("deviceName"))
    return _Sender(
        device=f"{NAME}/{dev_eui}"[:200],
        dev_eui=dev_eui,
        at=read_instant(event.get("time", event.get("publishedAt")), context.zone),
        event_id=text_of(event.get("deduplicationId")),
        name=name,
        vendor=text_of(tags.get("vendor") or tags.get("manufacturer")) if tags else "",
        model_tag=text_of(tags.get("model")) if tags else "",
        model=" | ".join([*said, profile, name, text_of(info.get("applicationName"))]),
    )


def _up(event: Mapping[str, Any], sender: _Sender) -> Sequence[Observation]:
    gateway, signal, attributes = _heard(event)
    at = sender.at or _received(event)
    decoded, body = event.get("object"), event.get("data")
    if type(decoded) is not dict and type(event.get("objectJSON")) is str:
        decoded = parsed(event["objectJSON"])
    return observe_uplink(
        Uplink(
            device=sender.device,
            observed_at=at,
            observation_id=sender.event_id,
            name=sender.name,
            manufacturer=sender.vendor,
            model_name=sender.model_tag,
            model=sender.model,
            dev_eui=sender.dev_eui,
            f_port=whole_of(event.get("fPort")) or 0,
            body=body if type(body) is str else "",
            decoded=decoded,
            gateway=gateway,
            signal_dbm=signal,
            attributes=attributes,
        )
    )


def _heard(event: Mapping[str, Any]) -> tuple[str, float | None, dict[str, Any]]:
    """The gateway that heard it best, how strongly, and what else tells of the link."""
    best, signal, snr, heard = "", None, None, list_of(event.get("rxInfo"))
    for one in heard[:MAX_GATEWAYS]:
        if type(one) is dict:
            rssi = number_of(one.get("rssi"))
            if not best or (rssi is not None and (signal is None or rssi > signal)):
                best, signal = eui_of(one.get("gatewayId", one.get("gatewayID"))) or best, rssi
                snr = number_of(one.get("snr", one.get("loRaSNR")))
    attributes: dict[str, Any] = {"gateways": len(heard)} if heard else {}
    if snr is not None:
        attributes["snr"] = snr
    lora = object_of(object_of(object_of(event.get("txInfo")).get("modulation")).get("lora"))
    spreading = whole_of(
        (lora or object_of(object_of(event.get("txInfo")).get("loRaModulationInfo"))).get("spreadingFactor")
    )
    if spreading is not None:
        attributes["spreading_factor"] = spreading
    count = whole_of(event.get("fCnt"))
    if count is not None:
        attributes["f_cnt"] = count
    return best, signal, attributes


def _received(event: Mapping[str, Any]) -> datetime | None:
    """The time of receipt as the first gateway told it: v3 has none of its own."""
    for one in list_of(event.get("rxInfo"))[:1]:
        return read_instant(object_of(one).get("time"), UTC)
    return None


def _health(sender: _Sender, **members: Any) -> DeviceHealth:
    return DeviceHealth(
        device=sender.device,
        observed_at=sender.at,
        observation_id=sender.event_id,
        name=sender.name,
        manufacturer=sender.vendor,
        model=sender.model_tag,
        address=sender.dev_eui,
        **members,
    )


def _join(event: Mapping[str, Any], sender: _Sender) -> Sequence[Observation]:
    gateway, signal, attributes = _heard(event)
    via = f"lorawan/{gateway}" if gateway else ""
    return [_health(sender, state="online", via=via, signal_dbm=signal, attributes=attributes)]


def _status(event: Mapping[str, Any], sender: _Sender) -> Sequence[Observation]:
    """A device's answer to DevStatusReq: `margin` is the SNR in dB of that request."""
    battery = number_of(event.get("batteryLevel"))
    mains = flag_of(event.get("externalPowerSource"))
    if battery is None and type(event.get("battery")) is int and 1 <= event["battery"] <= 254:
        battery = round(event["battery"] / 2.54, 1)  # v2: as LoRaWAN has it
    if mains or flag_of(event.get("batteryLevelUnavailable")) or (battery is not None and not 0 <= battery <= 100):
        battery = None
    told = {"margin_db": number_of(event.get("margin")), "mains": mains}
    attributes = {name: value for name, value in told.items() if value is not None}
    return [_health(sender, battery_percent=battery, attributes=attributes)]


def _ack(event: Mapping[str, Any], sender: _Sender) -> Sequence[Observation]:
    outcome = CommandOutcome(
        device=sender.device,
        observed_at=sender.at,
        outcome="done" if flag_of(event.get("acknowledged")) else "failed",
        command_id=text_of(event.get("queueItemId")),
        method="downlink",
        message="" if flag_of(event.get("acknowledged")) else "the device did not acknowledge",
    )
    return [outcome, _health(sender)]


def _txack(event: Mapping[str, Any], sender: _Sender) -> Sequence[Observation]:
    """A gateway sent a downlink: that says that the gateway lives, not yet that the device heard."""
    gateway = eui_of(event.get("gatewayId", event.get("gatewayID")))
    found: list[Observation] = []
    command_id = text_of(event.get("queueItemId"))
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


def _log(event: Mapping[str, Any], sender: _Sender) -> Sequence[Observation]:
    """What the server has to say of a device; an error that names a downlink is that downlink's end."""
    level = text_of(event.get("level"))
    code = text_of(event.get("code", event.get("type")))
    message = text_of(event.get("description", event.get("error")))
    told = {"log_level": level, "log_code": code, "log": message}
    found: list[Observation] = []
    command_id = text_of(object_of(event.get("context")).get("queue_item_id"))
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


def _location(event: Mapping[str, Any], sender: _Sender) -> Sequence[Observation]:
    place = object_of(event.get("location"))
    latitude, longitude = number_of(place.get("latitude")), number_of(place.get("longitude"))
    if latitude is None or longitude is None or not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return [_health(sender)]
    return [position(sender.device, sender.at, sender.event_id, latitude, longitude, place), _health(sender)]


def _integration(event: Mapping[str, Any], sender: _Sender) -> Sequence[Observation]:
    """What another service made of the device's data, as LoRa Cloud."""
    findings = Findings(sender.device, sender.at, sender.event_id)
    sweep(event.get("object"), findings)
    attributes = {"integration": text_of(event.get("integrationName")), "event": text_of(event.get("eventType"))}
    facts = {name: findings.facts[name] for name in ("battery_percent", "voltage_v") if name in findings.facts}
    return [*findings.observations, _health(sender, attributes=attributes, **facts)]


def _by_shape(event: Mapping[str, Any]) -> "_Event":
    """What kind of event it is where no topic tells."""
    for member, handle in _TELLING:
        if member in event:
            return handle
    return _join


_Event = Callable[[Mapping[str, Any], _Sender], Sequence[Observation]]
_EVENTS: dict[str, _Event] = {
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
_TELLING: tuple[tuple[str, _Event], ...] = (
    ("integrationName", _integration),
    ("acknowledged", _ack),
    ("data", _up),
    ("object", _up),
    ("fPort", _up),
    ("margin", _status),
    ("batteryLevel", _status),
    ("downlinkId", _txack),
    ("downlinkID", _txack),
    ("level", _log),
    ("error", _log),
    ("location", _location),
    ("gatewayId", _txack),
    ("gatewayID", _txack),
    ("fCnt", _up),
    ("dr", _up),
)

FAMILY = Family(
    name=NAME,
    title="ChirpStack",
    source="https://www.chirpstack.io/docs/chirpstack/integrations/events.html",
    routes=(
        Route(template="application/{application}/device/{dev_eui}/event/{event}", handle=handle_event),
        Route(template="application/{application}/device/{dev_eui}/state/{event}", handle=handle_event),
        Route(template="application/{application}/device/{dev_eui}/command/{command}", handle=ignore, form="bytes"),
        Route(template="{region}/gateway/{gateway}/event/{event}", handle=handle_gateway, form="bytes"),
        Route(template="gateway/{gateway}/event/{event}", handle=handle_gateway, form="bytes"),
        Route(template="{region}/gateway/{gateway}/state/{state}", handle=handle_gateway, form="bytes"),
        Route(template="gateway/{gateway}/state/{state}", handle=handle_gateway, form="bytes"),
        Route(template="{region}/gateway/{gateway}/command/{command}", handle=ignore, form="bytes"),
        Route(template="gateway/{gateway}/command/{command}", handle=ignore, form="bytes"),
        *(
            Route(template=f"application/{{application}}/device/{{dev_eui}}/{kind}", handle=handle_event)
            for kind in ("rx", "join", "status", "ack", "error", "location")
        ),
    ),
    recognise=recognise,
)
