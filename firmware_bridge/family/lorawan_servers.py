"""LoRaWAN network servers besides ChirpStack and The Things Stack: The Things Network v2, ThingPark, LORIOT, Helium's
console, and Multitech's gateways with a server of their own.

Each wraps the same: who sent, on which port, what, and which gateways heard it. A device is `<server>/<DevEUI>`, of The
Things Network `the_things_network/<device id>`. Known by their shapes, whatever the topic.
Source: The Things Network "MQTT data format v2"; Actility "ThingPark uplink and notification messages"; LORIOT
"Application output data format"; Helium "Console payload"; Multitech "LoRa network server: MQTT messages".
"""

import binascii
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from typing import Any

import msgspec

from appliance.errors import Rejected
from appliance.model.observation import DeviceHealth, Observation, Position
from firmware_bridge.inbound import Context, Family, Handler, Inbound
from firmware_bridge.lorawan.uplink import Uplink, observe_uplink
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import list_of, number_of, object_of, text_of, whole_of

MAX_GATEWAYS = 100  # of one uplink
_MAINS, _UNKNOWN = 0, 255  # of LoRaWAN's battery; what is between counts to 254


class _Server(msgspec.Struct, frozen=True, kw_only=True):
    """By which members its messages are known, and how they are read."""

    name: str
    shape: tuple[str, ...]
    read: Callable[[Mapping[str, Any], Inbound], Sequence[Observation]]


def _uplink(
    server: str,
    *,
    device: str,
    dev_eui: str,
    at: object,
    port: object,
    count: object,
    body: str,
    heard: Sequence[tuple[str, object, object]],
    name: str = "",
    model: str = "",
    decoded: Any = None,
) -> Sequence[Observation]:
    """What the body says, or the server's codec said, and who heard it; the strongest gateway is the one it came by."""
    if not device:
        raise Rejected(f"{server}: no device is named")
    told = [(gateway, number_of(rssi), number_of(snr)) for gateway, rssi, snr in heard[:MAX_GATEWAYS]]
    best = max(told, key=lambda one: one[1] if one[1] is not None else -1e9, default=("", None, None))
    attributes: dict[str, Any] = {"gateways": len(heard)} if heard else {}
    if best[2] is not None:
        attributes["snr"] = best[2]
    if (frame := whole_of(count)) is not None:
        attributes["f_cnt"] = frame
    observed_at = read_instant(at, UTC)
    return observe_uplink(
        Uplink(
            device=f"{server}/{device}"[:200],
            observed_at=observed_at,
            observation_id=f"{observed_at.timestamp():.0f}-{frame}" if observed_at is not None else "",
            name=name,
            model=f"{model} | {name} | {device}",
            dev_eui=dev_eui,
            f_port=whole_of(port) or 0,
            body=body,
            decoded=decoded,
            gateway=best[0],
            signal_dbm=best[1],
            attributes=attributes,
        )
    )


def _eui(value: object) -> str:
    """`00-80-00-00-a0-00-01-56` and `ELSYS-A81758FFFE03CFE0` as sixteen digits in lower case."""
    text = text_of(value)
    plain = text.replace("-", "").replace(":", "")[-16:].lower()
    return plain if len(plain) == 16 and all(digit in "0123456789abcdef" for digit in plain) else text.lower()


def _base64_of(hexadecimal: object) -> str:
    try:
        return binascii.b2a_base64(bytes.fromhex(text_of(hexadecimal)), newline=False).decode()
    except ValueError:
        return ""


def _read_things_network(said: Mapping[str, Any], _inbound: Inbound) -> Sequence[Observation]:
    metadata = object_of(said.get("metadata"))
    gateways = [object_of(one) for one in list_of(metadata.get("gateways"))]
    return _uplink(
        "the_things_network",
        device=text_of(said.get("dev_id")),
        dev_eui=_eui(said.get("hardware_serial")),
        at=metadata.get("time"),
        port=said.get("port"),
        count=said.get("counter", 0),
        body=text_of(said.get("payload_raw")),
        heard=[(text_of(one.get("gtw_id")), one.get("rssi"), one.get("snr")) for one in gateways],
        model=text_of(said.get("app_id")),
        decoded=said.get("payload_fields"),
    )


def _read_activation(said: Mapping[str, Any], inbound: Inbound) -> Sequence[Observation]:
    """`<application>/devices/<device>/events/activations`: the topic alone names the device."""
    device = inbound.topic.partition("/devices/")[2].partition("/")[0] or _eui(said.get("dev_eui"))
    return [
        DeviceHealth(
            device=f"the_things_network/{device}",
            observed_at=read_instant(object_of(said.get("metadata")).get("time"), UTC),
            state="online",
            address=_eui(said.get("dev_eui")),
        )
    ]


def _read_thingpark(said: Mapping[str, Any], _inbound: Inbound) -> Sequence[Observation]:
    uplink = object_of(said["DevEUI_uplink"])
    customer, driver = object_of(uplink.get("CustomerData")), object_of(uplink.get("DriverCfg"))
    product = object_of(driver.get("mod"))
    own = object_of(customer.get("alr"))
    gateways = [object_of(one) for one in list_of(object_of(uplink.get("Lrrs")).get("Lrr"))] or [uplink]
    return _uplink(
        "thingpark",
        device=_eui(uplink.get("DevEUI")),
        dev_eui=_eui(uplink.get("DevEUI")),
        at=uplink.get("Time"),
        port=uplink.get("FPort"),
        count=uplink.get("FCntUp"),
        body=_base64_of(uplink.get("payload_hex")),
        heard=[(text_of(one.get("Lrrid")), one.get("LrrRSSI"), one.get("LrrSNR")) for one in gateways],
        name=text_of(customer.get("name")),
        model=f"{text_of(product.get('pId'))} {text_of(product.get('mId'))} {text_of(own.get('pro'))}",
        decoded=uplink.get("payload"),
    )


def _read_notification(said: Mapping[str, Any], _inbound: Inbound) -> Sequence[Observation]:
    """ThingPark: a join, a reset, or how the device answered the network's question: the battery, 1 to 254."""
    told = object_of(said["DevEUI_notification"])
    kind, battery = text_of(told.get("Type")), whole_of(told.get("Var1"))
    known = kind == "devstatusans" and battery is not None and _MAINS < battery < _UNKNOWN
    return [
        DeviceHealth(
            device=f"thingpark/{_eui(told.get('DevEUI'))}",
            observed_at=read_instant(told.get("Time"), UTC),
            state="online" if kind == "join" else None,
            name=text_of(object_of(told.get("CustomerData")).get("name")),
            address=_eui(told.get("DevEUI")),
            battery_percent=round((battery or 0) / 2.54, 1) if known else None,
        )
    ]


def _read_location(said: Mapping[str, Any], _inbound: Inbound) -> Sequence[Observation]:
    told = object_of(said["DevEUI_location"])
    latitude, longitude = number_of(told.get("DevLAT")), number_of(told.get("DevLON"))
    device, at = f"thingpark/{_eui(told.get('DevEUI'))}", read_instant(told.get("DevLocTime", told.get("Time")), UTC)
    found: list[Observation] = [DeviceHealth(device=device, observed_at=at)]
    if latitude is not None and longitude is not None and abs(latitude) <= 90 and abs(longitude) <= 180:
        radius = number_of(told.get("DevLocRadius"))
        found.append(Position(device=device, observed_at=at, longitude=longitude, latitude=latitude, accuracy_m=radius))
    return found


def _read_loriot(said: Mapping[str, Any], _inbound: Inbound) -> Sequence[Observation]:
    """A message comes twice: at once from the first gateway, and with all of them a little later."""
    gateways = [object_of(one) for one in list_of(said.get("gws"))]
    heard = [(_eui(one.get("gweui")), one.get("rssi"), one.get("snr")) for one in gateways]
    return _uplink(
        "loriot",
        device=_eui(said.get("EUI")),
        dev_eui=_eui(said.get("EUI")),
        at=said.get("ts"),
        port=said.get("port"),
        count=said.get("fcnt"),
        body=_base64_of(said.get("data")),
        heard=heard or [("", said.get("rssi"), said.get("snr"))],
        decoded=said.get("decoded"),
    )


def _read_helium(said: Mapping[str, Any], _inbound: Inbound) -> Sequence[Observation]:
    hotspots = [object_of(one) for one in list_of(said.get("hotspots"))]
    return _uplink(
        "helium",
        device=_eui(said.get("dev_eui")),
        dev_eui=_eui(said.get("dev_eui")),
        at=said.get("reported_at"),
        port=said.get("port"),
        count=said.get("fcnt"),
        body=text_of(said.get("payload")),
        heard=[(text_of(one.get("name")), one.get("rssi"), one.get("snr")) for one in hotspots],
        name=text_of(said.get("name")),
        decoded=object_of(said.get("decoded")).get("payload"),
    )


def _read_multitech(said: Mapping[str, Any], _inbound: Inbound) -> Sequence[Observation]:
    return _uplink(
        "multitech",
        device=_eui(said.get("deveui")),
        dev_eui=_eui(said.get("deveui")),
        at=said.get("time", said.get("timestamp")),
        port=said.get("port"),
        count=said.get("fcnt", said.get("seqn")),
        body=text_of(said.get("data")),
        heard=[(_eui(said.get("gweui")), said.get("rssi"), said.get("lsnr"))],
    )


_SERVERS: tuple[_Server, ...] = (
    _Server(name="the_things_network", shape=("dev_id", "payload_raw", "port"), read=_read_things_network),
    _Server(name="the_things_network", shape=("app_eui", "dev_eui", "dev_addr", "metadata"), read=_read_activation),
    _Server(name="thingpark", shape=("DevEUI_uplink",), read=_read_thingpark),
    _Server(name="thingpark", shape=("DevEUI_notification",), read=_read_notification),
    _Server(name="thingpark", shape=("DevEUI_location",), read=_read_location),
    _Server(name="loriot", shape=("cmd", "EUI", "fcnt", "data"), read=_read_loriot),
    _Server(name="helium", shape=("hotspots", "dev_eui", "payload"), read=_read_helium),
    _Server(name="multitech", shape=("deveui", "data", "lsnr"), read=_read_multitech),
)


def _handle(server: _Server) -> Handler:
    def handle(inbound: Inbound, _context: Context) -> Sequence[Observation]:
        return server.read(object_of(inbound.document), inbound)

    return handle


_HANDLERS = tuple((server.shape, _handle(server)) for server in _SERVERS)


def _recognise(document: Any) -> Handler | None:
    if type(document) is not dict:
        return None
    for shape, handle in _HANDLERS:
        if all(member in document for member in shape):
            return handle
    return None


FAMILY = Family(
    name="lorawan_servers",
    title="LoRaWAN: The Things Network v2, ThingPark, LORIOT, Helium, Multitech",
    source="https://docs.thingpark.com/thingpark-x/latest/Message/uplink-message; https://docs.loriot.io/",
    routes=(),
    recognise=_recognise,
)
