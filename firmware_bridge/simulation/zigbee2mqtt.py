"""Zigbee2MQTT: battery sensors behind one bridge, which speaks for all of them.

Every message repeats all that the bridge knows of the device, with `last_seen` in ISO 8601 and milliseconds. Source:
Zigbee2MQTT, MQTT topics and messages; OTA updates.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from firmware_bridge.simulation.chance import between, whole_between
from firmware_bridge.simulation.firmware import Clock, Firmware, Message, Obeyed, Order, State, Step, said
from firmware_bridge.simulation.fleet import GATEWAY, Naming
from firmware_bridge.simulation.update import decoded, follow_version

BASE = "zigbee2mqtt"
BRIDGE = f"{BASE}/bridge"
MOTION, CONTACT, CLIMATE, LEAK = "motion", "contact", "climate", "leak"
HOLD_S = (30.0, 90.0)  # how long occupied, open or wet lasts
_MODELS = {
    MOTION: ("Aqara", "RTCGQ14LM", "Motion sensor P1"),
    CONTACT: ("Aqara", "MCCGQ11LM", "Door and window sensor"),
    CLIMATE: ("Aqara", "WSDCGQ11LM", "Temperature and humidity sensor"),
    LEAK: ("Aqara", "SJCGQ11LM", "Water leak sensor"),
}
_FELT: Mapping[str, tuple[str, bool]] = {
    MOTION: ("occupancy", True),
    CONTACT: ("contact", False),
    LEAK: ("water_leak", True),
}
"""Kind -> (member, the value that is worth an event)."""
_EVENTS = {MOTION: "motion", CONTACT: "contact", LEAK: "water_leak"}


def _last_seen(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message(topic: str, document: object, **members: Any) -> Message:
    return Message(topic=topic, payload=msgspec.json.encode(document), **members)


def _state(state: State, when: datetime, *, felt: bool = False, **extra: object) -> Message:
    """All that is known of a device; `felt` is what makes it an incident."""
    chance, kind = state.chance, state.unit.kind
    seen = _last_seen(when)
    state.battery = max(3.0, state.battery - 0.001)
    told: dict[str, object] = {"battery": round(state.battery)}
    if kind == CLIMATE:
        told |= {
            "humidity": round(state.measure("humidity", 48.0, 15.0), 2),
            "pressure": round(state.measure("pressure", 1010.0, 3.0), 1),
            "temperature": round(state.measure("temperature", 23.0, 2.0), 2),
        }
    else:
        member, worth = _FELT[kind]
        told |= {member: worth if felt else not worth}
        told |= {"device_temperature": round(state.measure("device_temperature", 25.0, 5.0))}
    told |= {"last_seen": seen, "linkquality": whole_between(chance, 40, 255)}
    told |= {"power_outage_count": state.life, "voltage": 2_700 + round(3 * state.battery), **extra}
    incident: dict[str, Any] = {}
    if kind != CLIMATE:
        incident = {"state": f"{state.unit.source}|{_EVENTS[kind]}", "active": felt}
        incident["events"] = (f"{state.unit.source}|{seen}.{_EVENTS[kind]}",) if felt else ()
    return _message(f"{BASE}/{state.unit.id}", dict(sorted(told.items())), **incident)


def _availability(state: State, word: str) -> Message:
    topic = f"{BRIDGE}/state" if state.unit.kind == GATEWAY else f"{BASE}/{state.unit.id}/availability"
    return _message(topic, {"state": word}, retain=True, qos=1)


def _birth(state: State, _when: datetime) -> list[Message]:
    if state.unit.kind != GATEWAY:
        return [_availability(state, "online")]
    coordinator = {"ieee_address": f"0x{state.unit.serial}", "type": "Coordinator", "friendly_name": "Coordinator"}
    devices = [{**coordinator, "supported": True}, *map(_entry, state.behind)]
    info = {
        "version": state.firmware,
        "commit": "0000000",
        "coordinator": {"ieee_address": f"0x{state.unit.serial}", "type": "EmberZNet", "meta": {"revision": "7.4.4"}},
        "network": {"channel": 15, "pan_id": 6754},
        "permit_join": False,
        "restart_required": False,
        "log_level": "info",
    }
    return [
        _availability(state, "online"),
        _message(f"{BRIDGE}/info", info, retain=True, qos=1),
        _message(f"{BRIDGE}/devices", devices, retain=True, qos=1),
    ]


def _entry(state: State) -> dict[str, object]:
    """A device in `bridge/devices`."""
    vendor, model, description = _MODELS[state.unit.kind]
    return {
        "disabled": False,
        "definition": {"vendor": vendor, "model": model, "description": description, "exposes": []},
        "friendly_name": state.unit.id,
        "ieee_address": f"0x{state.unit.serial}",
        "interviewing": False,
        "model_id": model,
        "power_source": "Battery",
        "software_build_id": state.firmware,
        "supported": True,
        "type": "EndDevice",
    }


def _will(state: State, _when: datetime) -> list[Message]:
    return [_availability(state, "offline")]


def _report(state: State, when: datetime) -> list[Message]:
    """Nothing felt, so that what lasts is over with the next report at the latest and is not told twice."""
    if state.unit.kind != GATEWAY:
        return [_state(state, when)]
    health = {
        "response_time": int(when.timestamp() * 1000),
        "os": {"load_average": [0.1, 0.1, 0.1], "memory_used_mb": 800, "memory_percent": 21.5},
        "process": {"uptime_sec": int(state.uptime_s), "memory_used_mb": 120, "memory_percent": 3.1},
        "mqtt": {"connected": True, "queued": 0, "published": state.next_number(), "received": 0},
        "devices": {},
    }
    return [_message(f"{BRIDGE}/health", health)]


def _happen(state: State, when: datetime) -> list[Step]:
    if state.unit.kind in (GATEWAY, CLIMATE):
        return said(0.0, *_report(state, when))
    hold_s = between(state.chance, *HOLD_S)
    over = _state(state, when + timedelta(seconds=hold_s))
    return [*said(0.0, _state(state, when, felt=True)), *said(hold_s, over)]


def _answer(order: Order, states: Mapping[str, State], now: Clock) -> Obeyed | None:
    """`bridge/request/{method}` is answered on `bridge/response/{method}` with its transaction; `set` by the state."""
    request = decoded(order.payload)
    prefix = f"{BRIDGE}/request/"
    if not order.topic.startswith(prefix):
        state = states.get(order.topic.removesuffix("/set"))
        return None if state is None or state.unit.kind == GATEWAY else (state, said(0.5, _state(state, now(state))))
    method, name = order.topic.removeprefix(prefix), str(request.get("id", ""))
    state = states.get(f"{BASE}/{name}")
    if state is None or state.unit.kind == GATEWAY:
        bridge = states.get(BRIDGE)
        unknown = _response(method, request, {}, f"Device '{name}' does not respond")
        return None if bridge is None else (bridge, said(0.2, unknown))
    if method == "device/ota_update/update":
        return state, _update(state, now(state), request)
    data = {key: value for key, value in request.items() if key != "transaction"}
    return state, said(0.5, _response(method, request, data))


def _update(state: State, when: datetime, request: Mapping[str, Any]) -> list[Step]:
    steps = []
    for after_s, progress in ((2.0, 5.1), (6.0, 48.9), (10.0, 93.4)):
        update = {"state": "updating", "progress": progress, "remaining": round(12 - after_s)}
        steps += said(after_s, _state(state, when + timedelta(seconds=after_s), update=update))
    method, name = "device/ota_update/update", state.unit.id
    if state.fails_updates:
        why = f"Update of '{name}' failed (Timeout. Device did not request any image blocks)"
        return [*steps[:2], *said(9.0, _response(method, request, {}, why))]
    version = follow_version(state.firmware, str(request.get("url", "")))
    data = {
        "id": name,
        "from": {"software_build_id": state.firmware, "date_code": "20240101"},
        "to": {"software_build_id": version, "date_code": "20260101"},
    }
    return [*steps, Step(after_s=12.0, message=_response(method, request, data), firmware=version)]


def _response(method: str, request: Mapping[str, Any], data: object, error: str = "") -> Message:
    told: dict[str, object] = {"data": data, "status": "error" if error else "ok"}
    told |= {"error": error} if error else {}
    told |= {"transaction": request["transaction"]} if "transaction" in request else {}
    return _message(f"{BRIDGE}/response/{method}", told)


FIRMWARE = Firmware(
    family="zigbee2mqtt",
    naming=Naming(
        patterns={
            MOTION: "Motion sensor {number:03d}",
            CONTACT: "Contact sensor {number:03d}",
            CLIMATE: "Climate sensor {number:03d}",
            LEAK: "Leak sensor {number:03d}",
        },
        prefix=f"{BASE}/",
        gateway=BRIDGE,
    ),
    version="1.0.5",
    birth=_birth,
    will=_will,
    will_after_s=600.0,
    report=_report,
    report_messages=1.0,
    happen=_happen,
    incident_messages=1.75,
    filters=(f"{BRIDGE}/request/#", f"{BASE}/+/set"),
    answer=_answer,
)
