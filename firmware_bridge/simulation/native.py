"""Devices that speak Hexpost's own language: cameras and motion sensors of an agency.

An event's id is the device's own and never used twice. Events come one by one, some as arrays or MessagePack.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from appliance.clock import rfc3339
from firmware_bridge.simulation.chance import between, hits
from firmware_bridge.simulation.firmware import Clock, Firmware, Message, Obeyed, Order, State, Step, said
from firmware_bridge.simulation.fleet import CAMERA, Naming
from firmware_bridge.simulation.update import decoded, follow_version

AGENCY = "sim"
_TYPES = {CAMERA: ("person", "vehicle", "loitering"), "motion": ("motion",)}
_ARRAYS, _PACKED, _PLACED = 0.1, 0.1, 0.3  # shares of the messages


def _topic(state: State, leaf: str) -> str:
    return f"hexpost/v1/{state.unit.source}/{leaf}"


def _status(state: State, word: bytes) -> Message:
    return Message(topic=_topic(state, "status"), payload=word, retain=True, qos=1)


def _birth(state: State, _when: datetime) -> list[Message]:
    return [_status(state, b"online")]


def _will(state: State, _when: datetime) -> list[Message]:
    return [_status(state, b"offline")]


def _happen(state: State, when: datetime) -> list[Step]:
    chance = state.chance
    count = 2 if hits(chance, _ARRAYS) else 1
    events = [_event(state, when + timedelta(milliseconds=250 * n)) for n in range(count)]
    told = tuple(f"{state.unit.source}|{event['event_id']}" for event in events)
    document = events if count > 1 else events[0]
    encode = msgspec.msgpack.encode if hits(chance, _PACKED) else msgspec.json.encode
    return said(0.0, Message(topic=_topic(state, "event"), payload=encode(document), qos=1, events=told))


def _event(state: State, when: datetime) -> dict[str, object]:
    chance, unit = state.chance, state.unit
    event: dict[str, object] = {
        "event_id": f"{unit.id}-{int(when.timestamp() * 1000):013d}-{state.next_number():06d}",
        "event_type": chance.choice(_TYPES[unit.kind]),
        "event_timestamp": rfc3339(when.astimezone(UTC)),
        "severity": round(between(chance, 0.1, 0.9), 2),
        "attributes": {"zone": chance.choice(("gate", "yard", "hall"))},
    }
    if hits(chance, _PLACED):
        event |= {"longitude": unit.longitude, "latitude": unit.latitude}
    return event


def _answer(order: Order, states: Mapping[str, State], _now: Clock) -> Obeyed | None:
    """`cmd`: accepted at once, done or failed in the end, and between them how far it is."""
    levels = order.topic.split("/")
    state = states.get("/".join(levels[2:4]))
    command = decoded(order.payload)
    if state is None or levels[4:] != ["cmd"]:
        return None

    def result(outcome: str, message: str = "", progress: float | None = None) -> Message:
        told: dict[str, object] = {"command_id": command.get("command_id"), "outcome": outcome}
        told |= {"message": message} if message else {}
        told |= {"progress": progress} if progress is not None else {}
        return Message(topic=_topic(state, "cmd/result"), payload=msgspec.json.encode(told), qos=1)

    accepted = said(0.2, result("accepted"))
    name, parameters = command.get("command"), command.get("parameters")
    parameters = parameters if isinstance(parameters, dict) else {}
    if name == "firmware_update":
        going = [Step(after_s=1.0 + n, message=result("running", progress=25.0 * n)) for n in (1, 2, 3)]
        if state.fails_updates:
            return state, [*accepted, *going[:2], *said(5.0, result("failed", "the image's checksum does not match"))]
        version = str(parameters.get("version") or follow_version(state.firmware, str(parameters.get("url", ""))))
        return state, [*accepted, *going, *said(5.0, result("done")), Step(after_s=5.5, firmware=version, restart=True)]
    if name == "interval" and isinstance(parameters.get("interval_s"), int | float):
        return state, [*accepted, Step(after_s=0.5, interval_s=float(parameters["interval_s"]), message=result("done"))]
    return state, [*accepted, Step(after_s=0.6, message=result("done"), restart=name == "reboot")]


FIRMWARE = Firmware(
    family="native",
    naming=Naming(patterns={CAMERA: "camera-{number:03d}", "motion": "motion-{number:03d}"}, prefix=f"{AGENCY}/"),
    version="1.0.0",
    birth=_birth,
    will=_will,
    will_after_s=45.0,
    report=_birth,
    report_messages=1.0,
    happen=_happen,
    incident_messages=1.0,
    filters=(f"hexpost/v1/{AGENCY}/+/cmd",),
    answer=_answer,
)
