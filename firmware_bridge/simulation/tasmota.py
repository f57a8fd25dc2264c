"""Tasmota: plugs that meter, climate sensors, motion sensors on a pin.

Times are naive local text with whole seconds. Source: Tasmota, MQTT, Commands, Upgrading; `ENERGY`, `AM2301`, `PIR`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from firmware_bridge.simulation.chance import between, hits, whole_between
from firmware_bridge.simulation.firmware import Clock, Firmware, Message, Obeyed, Order, State, Step, said
from firmware_bridge.simulation.fleet import Naming
from firmware_bridge.simulation.update import follow_version

PLUG, CLIMATE, MOTION = "plug", "climate", "motion"
HOLD_S = (20.0, 60.0)  # how long a motion sensor stays ON
_MODULES = {PLUG: "NOUS A1T", CLIMATE: "Sonoff TH", MOTION: "Generic"}


def _said(state: State, topic: str, document: object, /, **members: Any) -> Message:
    payload = document.encode() if isinstance(document, str) else msgspec.json.encode(document)
    return Message(topic=topic.format(state.unit.id), payload=payload, **members)


def _time(when: datetime) -> str:
    return when.replace(tzinfo=None, microsecond=0).isoformat()


def _birth(state: State, _when: datetime) -> list[Message]:
    unit = state.unit
    infos = (
        {
            "Info1": {
                "Module": _MODULES[unit.kind],
                "Version": f"{state.firmware}(release-tasmota)",
                "FallbackTopic": f"cmnd/DVES_{unit.serial[-6:].upper()}_fb/",
                "GroupTopic": "cmnd/tasmotas/",
            }
        },
        {"Info2": {"WebServerMode": "Admin", "Hostname": unit.id.lower(), "IPAddress": _address(unit.serial)}},
        {"Info3": {"RestartReason": "Software/System restart", "BootCount": 1 + state.life}},
    )
    lwt = _said(state, "tele/{}/LWT", "Online", retain=True, qos=1)
    return [lwt, *(_said(state, f"tele/{{}}/INFO{n}", info) for n, info in enumerate(infos, start=1))]


def _will(state: State, _when: datetime) -> list[Message]:
    return [_said(state, "tele/{}/LWT", "Offline", retain=True, qos=1)]


def _report(state: State, when: datetime) -> list[Message]:
    uptime_s = int(state.uptime_s)
    days, clock_s = divmod(uptime_s, 86_400)
    signal_dbm = whole_between(state.chance, -75, -50)
    document: dict[str, object] = {
        "Time": _time(when),
        "Uptime": f"{days}T{timedelta(seconds=clock_s)!s:0>8}",
        "UptimeSec": uptime_s,
        "Heap": whole_between(state.chance, 22, 28),
        "SleepMode": "Dynamic",
        "Sleep": 50,
        "LoadAvg": 19,
        "MqttCount": 1 + state.life,
    }
    if state.unit.kind == PLUG:
        document["POWER"] = "ON" if state.level else "OFF"
    document["Wifi"] = {
        "AP": 1,
        "SSId": "field",
        "BSSId": "02:00:00:00:00:01",
        "Channel": 6,
        "Mode": "11n",
        "RSSI": min(100, 2 * (signal_dbm + 100)),
        "Signal": signal_dbm,
        "LinkCount": 1,
        "Downtime": "0T00:00:04",
    }
    return [_said(state, "tele/{}/STATE", document), _sensor(state, when, motion=False)]


def _sensor(state: State, when: datetime, *, motion: bool) -> Message:
    """`SENSOR` of this kind; one that says ON is an incident."""
    told: dict[str, object] = {"Time": _time(when)}
    incident: dict[str, Any] = {}
    if state.unit.kind == MOTION:
        told["PIR1"] = "ON" if motion else "OFF"
        incident = {"state": f"{state.unit.source}|motion", "active": motion}
        incident["events"] = (f"{state.unit.source}|{_time(when)}.motion",) if motion else ()
    elif state.unit.kind == CLIMATE:
        temperature_c = round(state.measure("temperature", 24.0, 1.5), 1)
        humidity = round(state.measure("humidity", 48.0, 12.0), 1)
        told |= {"AM2301": {"Temperature": temperature_c, "Humidity": humidity, "DewPoint": 12.3}, "TempUnit": "C"}
    else:
        told["ENERGY"] = _energy(state, when)
    return _said(state, "tele/{}/SENSOR", told, **incident)


def _energy(state: State, when: datetime) -> dict[str, object]:
    power_w = whole_between(state.chance, 40, 900) if state.level else 0
    voltage_v = whole_between(state.chance, 228, 240)
    return {
        "TotalStartTime": _time(when.replace(hour=0, minute=0, second=0)),
        "Total": round(12.5 + state.uptime_s / 36_000, 3),
        "Yesterday": 1.204,
        "Today": 0.371,
        "Period": round(power_w / 12),
        "Power": power_w,
        "ApparentPower": round(power_w * 1.05),
        "ReactivePower": round(power_w * 0.3),
        "Factor": 0.95 if power_w else 0.0,
        "Voltage": voltage_v,
        "Current": round(power_w / voltage_v, 3),
    }


def _happen(state: State, when: datetime) -> list[Step]:
    """A motion sensor feels somebody; a plug is switched; a climate sensor has only its values."""
    if state.unit.kind == CLIMATE:
        return said(0.0, *_report(state, when))
    if state.unit.kind == PLUG:
        state.level = 0.0 if state.level else 1.0
        word = "ON" if state.level else "OFF"
        return said(0.0, _said(state, "stat/{}/RESULT", {"POWER": word}), _said(state, "stat/{}/POWER", word))
    hold_s = between(state.chance, *HOLD_S)
    off = _sensor(state, when + timedelta(seconds=hold_s), motion=False)
    return [*said(0.0, _sensor(state, when, motion=True)), *said(hold_s, off)]


def _answer(order: Order, states: Mapping[str, State], now: Clock) -> Obeyed | None:
    """`cmnd/{topic}/{command}`: `RESULT` at once; an upgrade tells its end later on a topic of its own."""
    levels = order.topic.split("/")
    state = states.get(f"tasmota/{levels[1]}") if len(levels) == 3 else None
    if state is None:
        return None
    name, value = levels[2], order.payload.decode("utf-8", "replace")

    def result(document: object, leaf: str = "RESULT") -> Message:
        return _said(state, f"stat/{{}}/{leaf}", document)

    if name == "Upgrade":
        return state, _upgrade(state, now(state), result({"Upgrade": f"Version {state.firmware} from {_image(state)}"}))
    if name == "Restart":
        restart = Step(after_s=4.0, restart=True)
        return state, [*said(0.1, result({"Restart": "Restarting"})), *said(1.0, *_will(state, now(state))), restart]
    if name == "OtaUrl":
        state.unsettled["OtaUrl"] = value
        return state, said(0.1, result({"OtaUrl": value}))
    if name == "TelePeriod" and value.isdecimal():
        return state, [Step(after_s=0.1, message=result({"TelePeriod": int(value)}), interval_s=float(value))]
    return state, said(0.1, result({name: int(value) if value.isdecimal() else value}))


def _upgrade(state: State, when: datetime, accepted: Message) -> list[Step]:
    lost = hits(state.chance, 0.5)
    topic = "stat/{}/UPGRADE"
    if state.fails_updates:
        why = "Failed -11" if lost else "Failed File too big"
        return [*said(0.2, accepted), *said(8.0, _said(state, topic, {"Upgrade": why}))]
    version = follow_version(state.firmware, _image(state))
    ended = _said(state, topic, {"Upgrade": "Successful. Restarting"})
    return [
        *said(0.2, accepted),
        *said(8.0, ended),
        *said(9.0, *_will(state, when)),
        Step(after_s=14.0, firmware=version, restart=True),
    ]


def _image(state: State) -> str:
    return state.unsettled.get("OtaUrl", "http://ota.tasmota.com/tasmota/release/tasmota.bin.gz")


def _address(serial: str) -> str:
    return f"192.168.{int(serial[-4:-2], 16)}.{int(serial[-2:], 16)}"


FIRMWARE = Firmware(
    family="tasmota",
    naming=Naming(
        patterns=dict.fromkeys((MOTION, PLUG, CLIMATE), "tasmota_{short}"),
        prefix="tasmota/",
    ),
    version="13.4.0",
    birth=_birth,
    will=_will,
    will_after_s=45.0,
    report=_report,
    report_messages=2.0,
    happen=_happen,
    incident_messages=2.0,
    filters=("cmnd/+/+",),
    answer=_answer,
)
