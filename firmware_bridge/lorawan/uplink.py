"""One uplink of a LoRaWAN device, whichever network server brought it: what it measured, and how the device is.

What the server's own codec made of the body is preferred, since the site chose it; else the body is read here. A body
nobody can read still says that its device lives. Called by `family.chirpstack` and `family.the_things_stack`.
"""

import binascii
from datetime import datetime
from typing import Any

import msgspec

from appliance.model.observation import DeviceHealth, EnvironmentReading, Observation
from firmware_bridge.lorawan.codec import Body, Reading, read_body
from firmware_bridge.lorawan.findings import Findings
from firmware_bridge.lorawan.makers_names import kind_of_maker
from firmware_bridge.lorawan.normalized import tell_normalized
from firmware_bridge.lorawan.registry import CODECS, find_codec
from firmware_bridge.lorawan.sweep import sweep

MAX_BODY = 512  # characters of base64; LoRaWAN carries at most 242 bytes


class Uplink(msgspec.Struct, kw_only=True, gc=False):
    """What both network servers tell of an uplink.

    model     what is known of the device, the surest first, in any case
    dev_eui   16 hexadecimal digits, or ''
    body      base64 as the server wrote it
    decoded   what the server's codec made of the body
    normalized  the same under the names that The Things Stack lays down, where it has them: they come first
    gateway   the id of the one that heard it best
    attributes  of the link; what could not be read of the body is added
    """

    device: str
    observed_at: datetime | None = None
    observation_id: str = ""
    name: str = ""
    manufacturer: str = ""
    model_name: str = ""
    model: str = ""
    dev_eui: str = ""
    f_port: int = 0
    body: str = ""
    decoded: Any = None
    normalized: Any = None
    gateway: str = ""
    signal_dbm: float | None = None
    facts: dict[str, Any] = {}
    attributes: dict[str, Any] = {}


def observe_uplink(uplink: Uplink) -> list[Observation]:
    """The observations of an uplink, and last the device's health; its gateway is heard with it."""
    findings = Findings(uplink.device, uplink.observed_at, uplink.observation_id)
    if type(uplink.normalized) is dict or type(uplink.normalized) is list:
        tell_normalized(uplink.normalized, findings)
    if type(uplink.decoded) is dict or type(uplink.decoded) is list:
        model = uplink.model.upper()
        codec = find_codec(model, uplink.dev_eui)
        maker = kind_of_maker(codec.name if codec else "", model)
        if findings.touched:
            _add_new(uplink.decoded, findings, maker)
        else:
            sweep(uplink.decoded, findings, maker)
    if uplink.body and not findings.observations and not findings.facts:
        findings = _read(uplink, findings.fresh())
    observations, facts = findings.observations, findings.facts
    if uplink.facts:
        facts = {**facts, **uplink.facts}
    via = f"lorawan/{uplink.gateway}" if uplink.gateway else ""
    observations.append(
        DeviceHealth(
            device=uplink.device,
            observed_at=uplink.observed_at,
            observation_id=uplink.observation_id,
            attributes=uplink.attributes,
            name=uplink.name,
            manufacturer=uplink.manufacturer,
            model=uplink.model_name,
            firmware=str(facts.get("firmware", "")),
            serial=str(facts.get("serial", "")),
            address=uplink.dev_eui,
            via=via,
            battery_percent=facts.get("battery_percent"),
            voltage_v=facts.get("voltage_v"),
            signal_dbm=uplink.signal_dbm,
        )
    )
    if via:
        observations.append(DeviceHealth(device=via, observed_at=uplink.observed_at))
    return observations


def _add_new(decoded: Any, findings: Findings, maker: str) -> None:
    """What a second reading of the body has besides: what is measured already under its name stays."""
    more = findings.fresh()
    sweep(decoded, more, maker)
    known = {_subject(one) for one in findings.observations}
    findings.observations += [one for one in more.observations if _subject(one) not in known]
    for fact, value in more.facts.items():
        findings.facts.setdefault(fact, value)


def _subject(seen: Observation) -> tuple[str, str]:
    """What an observation is about."""
    if isinstance(seen, EnvironmentReading):
        return seen.metric, seen.channel
    return type(seen).__name__, str(getattr(seen, "name", getattr(seen, "line", "")))


def _read(uplink: Uplink, empty: Findings) -> Findings:
    data = body_bytes(uplink.body)
    if not data:
        return empty
    model = uplink.model.upper()
    named = find_codec(model, uplink.dev_eui)
    body = Body(data=data, f_port=uplink.f_port, model=model if named else "")
    reading: Reading = read_body(body, named, CODECS, empty)
    if not reading.complete:
        attributes = uplink.attributes
        attributes["undecoded_bytes"] = len(data)
        attributes["f_port"] = uplink.f_port
        if reading.fits:
            attributes["fits"] = list(reading.fits)
    return reading.findings


def body_bytes(text: str) -> bytes:
    """Base64 as bytes; empty where it is none. Padding may be missing."""
    if len(text) > MAX_BODY:
        return b""
    try:
        return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except (binascii.Error, ValueError):
        return b""
