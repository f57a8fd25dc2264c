"""ChirpStack: LoRaWAN sensors that one gateway hears, as the server's integration publishes their uplinks in JSON.

Bodies are those of Milesight's EM300: battery `01 75`, temperature `03 67`, humidity `04 68`, contact `06 00`. Source:
ChirpStack, Integrations, Event types; Milesight, EM300 series.
"""

import base64
from datetime import UTC, datetime
from typing import Any

import msgspec

from firmware_bridge.simulation.chance import between, hex_digits, whole_between
from firmware_bridge.simulation.firmware import Firmware, Message, State, Step, said
from firmware_bridge.simulation.fleet import GATEWAY, Naming

CLIMATE, CONTACT = "climate", "contact"
GATEWAY_ID = "24e124fffef00001"
APPLICATION = "5a1e0000-0000-4000-8000-000000000001"
F_PORT = 85
_PROFILES = {CLIMATE: "EM300-TH", CONTACT: "EM300-MCS"}


def _event(state: State, when: datetime, kind: str, document: dict[str, object], opened: bool | None = None) -> Message:
    unit, token = state.unit, hex_digits(state.chance, 32)
    dedup = f"{token[:8]}-{token[8:12]}-4{token[13:16]}-8{token[17:20]}-{token[20:]}"
    told = {
        "deduplicationId": dedup,
        "time": when.astimezone(UTC).isoformat(timespec="microseconds"),
        "deviceInfo": {
            "tenantId": "52f14cd4-0000-4000-8000-000000000001",
            "tenantName": "ChirpStack",
            "applicationId": APPLICATION,
            "applicationName": "Field",
            "deviceProfileId": "14855bf7-0000-4000-8000-000000000001",
            "deviceProfileName": _PROFILES[unit.kind],
            "deviceName": f"{unit.kind} {unit.id[-4:]}",
            "devEui": unit.id,
            "tags": {},
        },
        "devAddr": f"01{unit.id[-6:]}",
        **document,
    }
    return Message(
        topic=f"application/{APPLICATION}/device/{unit.id}/event/{kind}",
        payload=msgspec.json.encode(told),
        events=(f"{unit.source}|{dedup}.contact",) if opened else (),
        state="" if opened is None else f"{unit.source}|contact",
        active=opened is True,
    )


def _up(state: State, when: datetime, *, opened: bool | None = None) -> Message:
    chance = state.chance
    state.battery = max(3.0, state.battery - 0.01)
    temperature = round(10 * state.measure("temperature", 23.0, 8.0))
    body = bytes((0x01, 0x75, round(state.battery), 0x03, 0x67)) + temperature.to_bytes(2, "little")
    if state.unit.kind == CLIMATE:
        body += bytes((0x04, 0x68, round(2 * state.measure("humidity", 48.0, 15.0))))
    else:
        body += bytes((0x06, 0x00, int(opened is True)))
    heard = {
        "gatewayId": GATEWAY_ID,
        "uplinkId": whole_between(chance, 1, 60_000),
        "rssi": whole_between(chance, -118, -60),
        "snr": round(between(chance, -5.0, 10.0), 1),
        "channel": whole_between(chance, 0, 7),
        "location": {},
        "context": "AAAAAA==",
        "metadata": {"region_common_name": "EU868", "region_config_id": "eu868"},
        "crcStatus": "CRC_OK",
    }
    lora = {"bandwidth": 125_000, "spreadingFactor": 7, "codeRate": "CR_4_5"}
    document: dict[str, Any] = {
        "adr": True,
        "dr": 5,
        "fCnt": state.next_number(),
        "fPort": F_PORT,
        "confirmed": False,
        "data": base64.b64encode(body).decode(),
        "rxInfo": [heard],
        "txInfo": {"frequency": 868_100_000, "modulation": {"lora": lora}},
    }
    return _event(state, when, "up", document, opened)


def _birth(state: State, when: datetime) -> list[Message]:
    """A device joins; a gateway's connection is told by its bridge."""
    return [_connection(state, "ONLINE")] if state.unit.kind == GATEWAY else [_event(state, when, "join", {})]


def _will(state: State, _when: datetime) -> list[Message]:
    """Nobody misses a LoRaWAN device but by its silence; a gateway's bridge has a last will."""
    return [_connection(state, "OFFLINE")] if state.unit.kind == GATEWAY else []


def _connection(state: State, word: str) -> Message:
    """Gateways may speak Protocol Buffers instead, so that on their topics no bytes are wrong."""
    document = {"gatewayId": state.unit.id, "state": word}
    topic = f"eu868/gateway/{state.unit.id}/state/conn"
    return Message(topic=topic, payload=msgspec.json.encode(document), retain=True, opaque=True)


def _report(state: State, when: datetime) -> list[Message]:
    if state.unit.kind != GATEWAY:
        return [_up(state, when, opened=False if state.unit.kind == CONTACT else None)]
    stats = {
        "gatewayId": state.unit.id,
        "time": when.astimezone(UTC).isoformat(timespec="microseconds"),
        "rxPacketsReceived": state.next_number(),
        "rxPacketsReceivedOk": state.sequence,
        "txPacketsReceived": 0,
        "txPacketsEmitted": 0,
    }
    topic = f"eu868/gateway/{state.unit.id}/event/stats"
    return [Message(topic=topic, payload=msgspec.json.encode(stats), opaque=True)]


def _happen(state: State, when: datetime) -> list[Step]:
    """A door is opened; other kinds only have their values."""
    if state.unit.kind == CONTACT:
        return said(0.0, _up(state, when, opened=True))
    return said(0.0, *_report(state, when))


FIRMWARE = Firmware(
    family="chirpstack",
    naming=Naming(
        patterns={CLIMATE: "{serial}", CONTACT: "{serial}"}, prefix="chirpstack/", gateway=f"lorawan/{GATEWAY_ID}"
    ),
    version="1.2",
    birth=_birth,
    will=_will,
    will_after_s=60.0,
    report=_report,
    report_messages=1.0,
    happen=_happen,
    incident_messages=1.0,
)
