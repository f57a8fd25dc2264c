"""Shelly of the second and later generations: plugs that meter, inputs with push-buttons.

Times are Unix seconds with two digits after the point. Source: Shelly Gen2+ API, RPC notifications, Shelly.Update.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from firmware_bridge.simulation.chance import between, whole_between
from firmware_bridge.simulation.firmware import Clock, Firmware, Message, Obeyed, Order, State, Step, said
from firmware_bridge.simulation.fleet import Naming
from firmware_bridge.simulation.update import decoded, follow_version

PLUG, BUTTON = "plug", "button"
_OTA_S = (1.0, 4.0, 8.0, 12.0)  # begin, two of progress, the end


def _stamp(when: datetime) -> float:
    return round(when.timestamp(), 2)


def _notify(state: State, method: str, when: datetime, params: dict[str, Any], **members: Any) -> Message:
    identity = state.unit.id
    document = {
        "src": identity,
        "dst": f"{identity}/events",
        "method": method,
        "params": {"ts": _stamp(when), **params},
    }
    return Message(topic=f"{identity}/events/rpc", payload=msgspec.json.encode(document), **members)


def _event(when: datetime, component: str, event: str, **members: Any) -> dict[str, Any]:
    number = component.partition(":")[2]
    told: dict[str, Any] = {"component": component, **({"id": int(number)} if number else {})}
    return {**told, "event": event, **members, "ts": _stamp(when)}


def _online(state: State, word: bytes) -> Message:
    return Message(topic=f"{state.unit.id}/online", payload=word, retain=True, qos=1)


def _birth(state: State, when: datetime) -> list[Message]:
    system = {
        "mac": state.unit.serial[4:].upper(),
        "restart_required": False,
        "time": f"{when:%H:%M}",
        "unixtime": int(when.timestamp()),
        "uptime": int(state.uptime_s),
        "ram_size": 259_400,
        "ram_free": whole_between(state.chance, 80_000, 120_000),
        "cfg_rev": 13,
        "available_updates": {},
        "reset_reason": 3,
    }
    wifi = {
        "sta_ip": "192.168.33.7",
        "status": "got ip",
        "ssid": "field",
        "rssi": whole_between(state.chance, -75, -45),
    }
    full = {
        "ble": {},
        "cloud": {"connected": False},
        "mqtt": {"connected": True},
        **_components(state),
        "sys": system,
        "wifi": wifi,
    }
    return [_online(state, b"true"), _notify(state, "NotifyFullStatus", when, full)]


def _will(state: State, _when: datetime) -> list[Message]:
    return [_online(state, b"false")]


def _components(state: State) -> dict[str, Any]:
    if state.unit.kind == BUTTON:
        return {f"input:{n}": {"id": n, "state": None} for n in range(4)}
    power_w = round(between(state.chance, 20.0, 800.0), 1) if state.level else 0.0
    celsius = round(state.measure("temperature", 46.0, 6.0), 1)
    switch = {
        "id": 0,
        "source": "MQTT",
        "output": bool(state.level),
        "apower": power_w,
        "voltage": round(state.chance.gauss(232.0, 2.0), 1),
        "current": round(power_w / 232, 3),
        "aenergy": {"total": round(state.uptime_s / 40, 3)},
        "temperature": {"tC": celsius, "tF": round(celsius * 1.8 + 32, 1)},
    }
    return {"switch:0": switch}


def _report(state: State, when: datetime) -> list[Message]:
    if state.unit.kind == PLUG:
        return [_notify(state, "NotifyStatus", when, _components(state))]
    heard = {"wifi": {"status": "got ip", "ssid": "field", "rssi": whole_between(state.chance, -75, -45)}}
    return [_notify(state, "NotifyStatus", when, heard)]


def _happen(state: State, when: datetime) -> list[Step]:
    """A button is pushed, which is down, up and then a push; a plug is switched."""
    if state.unit.kind == PLUG:
        state.level = 0.0 if state.level else 1.0
        switch = {"id": 0, "output": bool(state.level), "source": "MQTT"}
        return said(0.0, _notify(state, "NotifyStatus", when, {"switch:0": switch}))
    number = whole_between(state.chance, 0, 3)
    steps = []
    for after_s, name in ((0.0, "btn_down"), (0.2, "btn_up"), (0.5, "single_push")):
        at = when + timedelta(seconds=after_s)
        event = _event(at, f"input:{number}", name)
        key = f"{state.unit.source}|{event['ts']}.button.{number}"
        events = (key,) if name == "single_push" else ()
        steps += said(after_s, _notify(state, "NotifyEvent", at, {"events": [event]}, events=events))
    return steps


def _answer(order: Order, states: Mapping[str, State], now: Clock) -> Obeyed | None:
    """`{prefix}/rpc`: an answer on the asker's own topic; an update tells the rest by events of `sys`."""
    prefix, _, leaf = order.topic.rpartition("/")
    state = states.get(f"shelly_gen2/{prefix}")
    request = decoded(order.payload)
    asker, method = request.get("src"), request.get("method")
    if state is None or leaf != "rpc" or not isinstance(asker, str) or not isinstance(method, str):
        return None
    parameters = request.get("params")
    parameters = parameters if isinstance(parameters, dict) else {}
    result = {"restart_required": False} if method.endswith(".SetConfig") else None
    document = {"id": request.get("id"), "src": state.unit.id, "dst": asker, "result": result}
    answered = said(0.2, Message(topic=f"{asker}/rpc", payload=msgspec.json.encode(document), qos=1))
    if method == "Shelly.Update":
        return state, [*answered, *_update(state, now(state), str(parameters.get("url", "")))]
    if method == "Shelly.Reboot":
        return state, [*answered, *said(1.5, *_will(state, now(state))), Step(after_s=5.0, restart=True)]
    return state, answered


def _update(state: State, when: datetime, url: str) -> list[Step]:
    begin_s, first_s, second_s, end_s = _OTA_S

    def system(after_s: float, event: str, **members: Any) -> list[Step]:
        at = when + timedelta(seconds=after_s)
        return said(after_s, _notify(state, "NotifyEvent", at, {"events": [_event(at, "sys", event, **members)]}))

    steps = [
        *system(begin_s, "ota_begin", msg="in_progress"),
        *system(first_s, "ota_progress", msg="in_progress", progress_percent=30),
    ]
    if state.fails_updates:
        return [*steps, *system(second_s, "ota_error", msg="error")]
    return [
        *steps,
        *system(second_s, "ota_progress", msg="in_progress", progress_percent=85),
        *system(end_s, "ota_success", msg="success"),
        *system(end_s + 0.5, "scheduled_restart", time_ms=1_000),
        *said(end_s + 2, *_will(state, when)),
        Step(after_s=end_s + 6, firmware=follow_version(state.firmware, url), restart=True),
    ]


FIRMWARE = Firmware(
    family="shelly_gen2",
    naming=Naming(
        patterns={BUTTON: "shellyplusi4-{mac}", PLUG: "shellyplugsg3-{mac}"},
        prefix="shelly_gen2/",
    ),
    version="1.4.4",
    birth=_birth,
    will=_will,
    will_after_s=90.0,
    report=_report,
    report_messages=1.0,
    happen=_happen,
    incident_messages=2.0,
    filters=("+/rpc",),
    answer=_answer,
)
