"""SIMQTT and Tracker, applications on older Axis cameras that publish what its events and its radar say.

Part of `onvif_axis`. SIMQTT's topics are its words: `simqtt/motion/{serial}/true`, `simqtt/port/0/false`; the message
has the state too. Tracker tells an object as tags and values.
Source: pandosme/acaps, "SIMQTT", "Tracker".
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from appliance.model.observation import (
    Alarm,
    CameraStatus,
    DeviceHealth,
    EnvironmentReading,
    Motion,
    ObjectDetection,
    Observation,
)
from firmware_bridge.family.onvif_axis.axis_scene import NAME, serial_of
from firmware_bridge.family.onvif_axis.event import Notice
from firmware_bridge.family.onvif_axis.notice import observe_notice
from firmware_bridge.inbound import Context, Handler, Inbound, Route
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, number_of, object_of, text_of


class _Case(msgspec.Struct):
    """One message: whose, when, the levels of its topic, what it holds and whether it is so."""

    device: str
    when: datetime | None
    levels: list[str]
    said: Mapping[str, Any]
    state: bool

    def channel(self, member: str) -> str:
        """The number of a port, a relay or a sensor, from the message or the topic."""
        return text_of(self.said.get(member)) or "".join(self.levels[1:2])[:20]


def _on_simqtt(inbound: Inbound, context: Context) -> list[Observation]:
    """A topic of SIMQTT; at least that the camera was heard, and what it is."""
    said = object_of(inbound.document)
    levels = inbound.parts["what"].split("/")
    state = flag_of(said.get("state"))
    case = _Case(
        device=f"{NAME}/{serial_of(said.get('device'), inbound)}",
        when=read_instant(said.get("timestamp"), context.zone),
        levels=levels,
        said=said,
        state=levels[-1] != "false" if state is None else state,
    )
    read = _READERS.get("/".join(levels[:2])) or _READERS.get(levels[0])
    return [*(read(case) if read else ()), _health(case)]


def _health(case: _Case) -> DeviceHealth:
    said, online = case.said, flag_of(case.said.get("connected"))
    figures = (
        ("cpu_load", number_of(said.get("cpu"))),
        ("network_kbps", number_of(said.get("network"))),
        ("preset", text_of(said.get("preset")) or None),
    )
    return DeviceHealth(
        device=case.device,
        observed_at=case.when,
        state=None if online is None else "online" if online else "offline",
        name=text_of(said.get("name")),
        model=text_of(said.get("model")),
        firmware=text_of(said.get("firmware")),
        address=text_of(said.get("IPv4")),
        attributes={name: told for name, told in figures if told is not None},
    )


def _application(case: _Case) -> list[Observation]:
    """An event of an application, as if the camera had told it itself."""
    topic = ("CameraApplicationPlatform", *case.levels[1:3])
    data = {"active": "1" if case.state else "0"}
    notice = Notice(device=case.device, topic=topic, when=case.when, source={}, data=data, operation="Changed")
    return observe_notice(notice)[:-1]


def _motion(case: _Case) -> list[Observation]:
    area = "pir" if case.levels[0] == "pir" else ""
    return [Motion(device=case.device, observed_at=case.when, active=case.state, area=area)]


def _alarm(name: str, area: str = "") -> "_Reader":
    """An alarm that lasts as long as its state; for what has none it happens."""

    def read(case: _Case) -> list[Observation]:
        where = area or case.channel("")
        momentary = "state" not in case.said
        return [
            Alarm(
                device=case.device,
                observed_at=case.when,
                name=name,
                active=case.state,
                area=where,
                momentary=momentary,
            )
        ]

    return read


def _temperature(case: _Case) -> list[Observation]:
    """Beyond a limit, high or low, of one of its sensors."""
    area = ".".join((text_of(case.said.get("threshold")), text_of(case.said.get("sensor")))).strip(".")
    alarm = Alarm(
        device=case.device, observed_at=case.when, name="temperature_alarm", active=case.state, area=area[:40]
    )
    return [alarm]


def _storage(case: _Case) -> list[Observation]:
    """A card that is there is no alarm."""
    alarm = Alarm(device=case.device, observed_at=case.when, name="storage_failure", active=not case.state, area="SD")
    return [alarm]


def _recording(case: _Case) -> list[Observation]:
    return [CameraStatus(device=case.device, observed_at=case.when, recording=case.state)]


def _reading(metric: str, member: str = "") -> "_Reader":
    """On or off as a reading, with the number of the port or relay."""

    def read(case: _Case) -> list[Observation]:
        return [
            EnvironmentReading(
                device=case.device,
                observed_at=case.when,
                metric=metric,
                value=float(case.state),
                unit="1",
                channel=case.channel(member) if member else "",
            )
        ]

    return read


_Reader = Callable[[_Case], list[Observation]]
_READERS: dict[str, _Reader] = {
    "acap": _application,
    "motion": _motion,
    "pir": _motion,
    "audio/detection": _alarm("sound", "audio"),
    "tampering": _alarm("tamper"),
    "temperature": _temperature,
    "storage": _storage,
    "recording": _recording,
    "day": _reading("day"),
    "heater": _reading("heating", "heater"),
    "port": _reading("input", "port"),
    "relay": _reading("switch", "relay"),
    "ptz/moving": _reading("ptz_moving"),
    "video/streaming": _reading("streaming"),
}
"""The first level or two of a topic -> what it tells."""


def _on_tracker(inbound: Inbound, context: Context) -> list[Observation]:
    """Something that moves: born (0), tracked (1), gone (2). What it is, Tracker does not say."""
    tags, seen = object_of(inbound.document.get("tags")), object_of(inbound.document.get("values"))
    device = f"{NAME}/{serial_of(tags.get('device'), inbound)}"
    when, number = read_instant(seen.get("timestamp"), context.zone), number_of(seen.get("id"))
    born, gone = read_instant(seen.get("birth"), context.zone) or when, number_of(seen.get("phase")) == 2
    if when is None or born is None or number is None:
        return [DeviceHealth(device=device)]
    track = ObjectDetection(
        device=device,
        observed_at=born,
        observation_id=f"{number:.0f}.{born:%Y%m%d}",
        label="object",
        phase="end" if gone else "update",
        rev=round(when.timestamp() * 1_000),
        ended_at=when if gone else None,
    )
    return [track, DeviceHealth(device=device, observed_at=when)]


def recognise_tracker(document: Mapping[str, Any]) -> Handler | None:
    """By an object's phase and birth among its values."""
    seen, tags = document.get("values"), document.get("tags")
    known = type(seen) is dict and type(tags) is dict and "device" in tags and "phase" in seen and "birth" in seen
    return _on_tracker if known else None


ROUTES = (Route(template="simqtt/{what...}", handle=_on_simqtt),)
