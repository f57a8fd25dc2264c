"""OwnTracks: phones of people and in vehicles, that tell where they are.

They walk about where they began: north and east of it, and in the end back. Times are whole Unix seconds. Source:
OwnTracks, JSON.
"""

import math
from datetime import datetime

import msgspec

from firmware_bridge.simulation.chance import between, whole_between
from firmware_bridge.simulation.firmware import Firmware, Message, State, Step, said
from firmware_bridge.simulation.fleet import Naming, moved

PHONE = "phone"
REACH_M = 400.0
LAP_S = 1_800.0  # one round


def _topic(state: State) -> str:
    return f"owntracks/{state.unit.id}"


def _location(state: State, when: datetime, trigger: str) -> Message:
    """Where it is on its round: a circle through the place where it began, in the time of its own clock."""
    angle = 2 * math.pi * (when.timestamp() % LAP_S) / LAP_S + int(state.unit.serial[:4], 16)
    begun = (state.unit.longitude, state.unit.latitude)
    longitude, latitude = moved(begun, REACH_M * math.sin(angle), REACH_M * math.cos(angle))
    state.battery = max(5.0, state.battery - 0.01)
    document = {
        "_type": "location",
        "tid": state.unit.serial[-2:],
        "tst": int(when.timestamp()),
        "lat": latitude,
        "lon": longitude,
        "acc": whole_between(state.chance, 4, 25),
        "alt": whole_between(state.chance, 5, 30),
        "vel": round(3.6 * 2 * math.pi * REACH_M / LAP_S),
        "cog": round(math.degrees(angle + math.pi / 2)) % 360,
        "batt": round(state.battery),
        "conn": "m",
        "t": trigger,
        "m": 1,
    }
    return Message(topic=_topic(state), payload=msgspec.json.encode(document), retain=True, qos=1)


def _birth(state: State, when: datetime) -> list[Message]:
    return [_location(state, when, "u")]


def _will(state: State, when: datetime) -> list[Message]:
    document = {"_type": "lwt", "tst": int(when.timestamp())}
    return [Message(topic=_topic(state), payload=msgspec.json.encode(document), qos=1)]


def _report(state: State, when: datetime) -> list[Message]:
    return [_location(state, when, "t")]


def _happen(state: State, when: datetime) -> list[Step]:
    return said(between(state.chance, 0.0, 1.0), _location(state, when, "u"))


FIRMWARE = Firmware(
    family="owntracks",
    naming=Naming(patterns={PHONE: "unit{number:03d}/phone"}, prefix="owntracks/"),
    version="2.5",
    birth=_birth,
    will=_will,
    will_after_s=90.0,
    report=_report,
    report_messages=1.0,
    happen=_happen,
    incident_messages=1.0,
)
