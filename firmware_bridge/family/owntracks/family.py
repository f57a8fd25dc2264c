"""OwnTracks: where phones are, which regions they enter and leave.

A device is `owntracks/<user>/<device>`, from the topic, whose base a site may have chosen; without one, from what the
message tells of its topic, else its tracker id. What it publishes encrypted only says that it was heard. Faces,
pictures and the names of wireless networks are not kept. What trackers (Queclink, Greenwich) tell besides is read by
`tracker`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from appliance.errors import Rejected
from appliance.model.observation import (
    DeviceHealth,
    EnvironmentReading,
    Incident,
    Observation,
    Position,
)
from firmware_bridge.family.owntracks.tracker import location_of_csv, read_leaf, read_tracker
from firmware_bridge.family.sender import sender_of
from firmware_bridge.inbound import Context, Family, Handler, Inbound, Route
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import list_of, number_of, object_of, text_of

NAME = "owntracks"
MAX_BATCH = 400  # locations of one message
KPH = 1 / 3.6

_EVENTS = {"enter": "region_enter", "leave": "region_leave", "exit": "region_leave"}
_LEAVES = frozenset("event cmd info waypoint waypoints dump step status request beacon card cards".split())


def _on_topic(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """`owntracks/{user}/{device}` and the topics below it; trackers write some as text."""
    parts, document = inbound.parts, inbound.document
    device = f"owntracks/{parts['user']}/{parts['device']}"
    kind = type(document)
    if kind is dict or kind is list:
        return _read(document, device, context)
    said = inbound.payload.decode("utf-8", "replace").strip()
    located = location_of_csv(said)
    if located is not None:
        return _location(located, device, context)
    leaf = parts.get("leaf", "")
    if leaf and said[:1] not in ("{", "["):
        return read_leaf(leaf, said, device)
    raise Rejected("expected an object, or an array of them")


def _read(document: Any, device: str, context: Context) -> Sequence[Observation]:
    if type(document) is list:  # kept by the phone while it was offline
        found: list[Observation] = []
        for one in document[:MAX_BATCH]:
            if type(one) is dict and type(one.get("_type")) is str:
                read = _READERS.get(one["_type"])
                if read is not None and (one["_type"] != "location" or _place(one) is not None):
                    found += read(one, device, context)
        return found or [DeviceHealth(device=device)]
    if type(document) is not dict:
        raise Rejected("expected an object, or an array of them")
    kind = document.get("_type")
    if kind is None and "tst" in document and _place(document) is not None:
        kind = "location"  # some trackers of one's own making leave it out
    if type(kind) is not str:
        raise Rejected("expected the kind of message, as in location", "$._type")
    read = _READERS.get(kind)
    return read(document, device, context) if read is not None else _heard(document, device, context)


def _location(said: Mapping[str, Any], device: str, context: Context) -> Sequence[Observation]:
    place = _place(said)
    if place is None:
        raise Rejected("a location has lat -90 to 90 and lon -180 to 180, in degrees", "$.lat")
    stamp, battery, pressure = said.get("tst"), said.get("batt"), said.get("p")
    at = read_instant(stamp, context.zone) if stamp is not None else None
    altitude, accuracy = said.get("alt"), number_of(said.get("acc"))
    speed, heading = number_of(said.get("vel")), number_of(said.get("cog"))
    percent = number_of(battery) if battery is not None else None
    own = said.get("_id")
    found: list[Observation] = [
        Position(
            device=device,
            observed_at=at,
            observation_id=text_of(own) if own is not None else "",
            longitude=place[0],
            latitude=place[1],
            altitude_m=number_of(altitude) if altitude is not None else None,
            accuracy_m=accuracy if accuracy is not None and accuracy >= 0 else None,
            speed_mps=speed * KPH if speed is not None and speed >= 0 else None,  # -1: not known
            heading_deg=heading if heading is not None and 0 <= heading <= 360 else None,
        ),
        DeviceHealth(
            device=device,
            observed_at=at,
            battery_percent=percent if percent is not None and 0 <= percent <= 100 else None,
            attributes=_circumstances(said),
        ),
    ]
    if pressure is not None and (kilopascal := number_of(pressure)) is not None and 30 < kilopascal < 120:
        found.append(
            EnvironmentReading(
                device=device, observed_at=at, metric="pressure", value=float(f"{kilopascal * 10:.9g}"), unit="hPa"
            )
        )
    return read_tracker(said, device, at, found)


def _circumstances(said: Mapping[str, Any]) -> dict[str, Any]:
    """How it came by its place: trigger, connection, tracker id, and the regions it is in."""
    told: dict[str, Any] = {}
    for member, name in _TOLD:
        value = said.get(member)
        if type(value) is str and value:
            told[name] = text_of(value)
    vertical, regions, charge = said.get("vac"), said.get("inregions"), said.get("bs")
    activities = said.get("motionactivities")
    if type(activities) is list and activities:
        told["activities"] = [text_of(activity) for activity in activities[:5]]
    if type(charge) is int and charge in _CHARGE:
        told["charge"] = _CHARGE[charge]
    if vertical is not None and (metres := number_of(vertical)) is not None and metres >= 0:
        told["vertical_accuracy_m"] = metres
    if type(regions) is list and regions:
        told["regions"] = [text_of(region) for region in regions[:10]]
    return told


def _transition(said: Mapping[str, Any], device: str, context: Context) -> Sequence[Observation]:
    """A region, or the reach of a beacon, was entered or left."""
    event = _EVENTS.get(text_of(said.get("event")))
    if event is None:
        return _heard(said, device, context)
    at, place = read_instant(said.get("tst"), context.zone), _place(said)
    accuracy = number_of(said.get("acc"))
    told: dict[str, Any] = {
        name: text
        for member, name in (("desc", "region"), ("rid", "region_id"), ("t", "trigger"))
        if (text := text_of(said.get(member)))
    }
    if accuracy is not None and accuracy >= 0:
        told["accuracy_m"] = accuracy
    return [
        Incident(
            device=device,
            observed_at=at,
            longitude=place[0] if place else None,
            latitude=place[1] if place else None,
            event_type=event,
            attributes=told,
        ),
        DeviceHealth(device=device, observed_at=at),
    ]


def _waypoint(said: Mapping[str, Any], device: str, _context: Context) -> Sequence[Observation]:
    """A region that was set up. Its time is that of its making, and its place is not the phone's."""
    region = text_of(said.get("desc")).partition(":")[0]
    return [DeviceHealth(device=device, attributes={"region_set": region} if region else {})]


def _waypoints(said: Mapping[str, Any], device: str, _context: Context) -> Sequence[Observation]:
    return [DeviceHealth(device=device, attributes={"regions_set": len(list_of(said.get("waypoints")))})]


def _lwt(_said: Mapping[str, Any], device: str, _context: Context) -> Sequence[Observation]:
    """The last will; its time is that of the connection, so it says nothing of the end."""
    return [DeviceHealth(device=device, state="offline")]


def _beacon(said: Mapping[str, Any], device: str, context: Context) -> Sequence[Observation]:
    """A beacon in reach, again and again."""
    at, signal = read_instant(said.get("tst"), context.zone), number_of(said.get("rssi"))
    major, minor = text_of(said.get("major")), text_of(said.get("minor"))
    found: list[Observation] = [DeviceHealth(device=device, observed_at=at)]
    if signal is not None:
        found.append(
            EnvironmentReading(
                device=device,
                observed_at=at,
                metric="beacon_signal",
                value=signal,
                unit="dBm",
                channel=f"{major}.{minor}"[:40] if major and minor else "",
            )
        )
    return found


def _steps(said: Mapping[str, Any], device: str, context: Context) -> Sequence[Observation]:
    """A pedometer's count from one time to another; -1 where there is none."""
    at = read_instant(said.get("to"), context.zone) or read_instant(said.get("tst"), context.zone)
    steps, since = number_of(said.get("steps")), read_instant(said.get("from"), context.zone)
    if steps is None or steps < 0:
        return [DeviceHealth(device=device, observed_at=at)]
    told = {"since": since.isoformat()} if since else {}
    return [
        EnvironmentReading(
            device=device, observed_at=at, metric=metric, value=value, unit=unit, channel=channel, attributes=told
        )
        for member, metric, unit, channel in _WALKED
        if (value := number_of(said.get(member))) is not None and value >= 0
    ]


def _card(said: Mapping[str, Any], device: str, _context: Context) -> Sequence[Observation]:
    return [DeviceHealth(device=device, name=text_of(said.get("name")))]


def _status(said: Mapping[str, Any], device: str, _context: Context) -> Sequence[Observation]:
    """What the app may do on the phone."""
    ios, android = object_of(said.get("iOS")), object_of(said.get("android"))
    told = {}
    for member in ("altitudeMode", "locationManagerAuthorizationStatus", "hib", "bo", "loc", "ps", "wifi"):
        value = ios.get(member, android.get(member))
        if type(value) is str or type(value) is int:
            told[member] = text_of(value)
    return [
        DeviceHealth(
            device=device,
            model=text_of(ios.get("deviceModel")),
            firmware=text_of(ios.get("version")) or text_of(said.get("version")),
            attributes=told,
        )
    ]


def _encrypted(_said: Mapping[str, Any], device: str, _context: Context) -> Sequence[Observation]:
    """Only who has the key can read it; the phone is there."""
    return [DeviceHealth(device=device, attributes={"encrypted": True})]


def _heard(said: Mapping[str, Any], device: str, _context: Context) -> Sequence[Observation]:
    """Requests, configuration dumps, and what later versions bring."""
    return [DeviceHealth(device=device, attributes={"message": text_of(said.get("_type"))[:40]})]


def _command(_said: Mapping[str, Any], _device: str, _context: Context) -> Sequence[Observation]:
    """To the phone, not from it."""
    return []


def _place(said: Mapping[str, Any]) -> tuple[float, float] | None:
    """(longitude, latitude)."""
    longitude, latitude = number_of(said.get("lon")), number_of(said.get("lat"))
    if longitude is None or latitude is None or not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        return None
    return longitude, latitude


def _recognise(document: Any) -> Handler | None:
    """By `_type`; an array, by that of its first."""
    first = document[0] if type(document) is list and document else document
    if type(first) is not dict:
        return None
    kind = first.get("_type")
    return _on_shape if type(kind) is str and kind in _READERS else None


def _on_shape(inbound: Inbound, context: Context) -> Sequence[Observation]:
    return _read(inbound.document, f"owntracks/{_name_of(inbound)}", context)


def _name_of(inbound: Inbound) -> str:
    """`user/device` of the topic it was published on, under whatever base, else the tracker id, else the sender."""
    document, sender = inbound.document, sender_of(inbound)
    first = document[0] if type(document) is list else document
    named = inbound.topic.startswith("hexpost/")
    levels = (text_of(first.get("topic")) if named else sender).strip("/").split("/")
    if len(levels) > 3 and levels[-1] in _LEAVES:
        levels.pop()
    if len(levels) >= 3:
        return "/".join(levels[-2:])
    if len(levels) == 2 and levels[0] == NAME:
        return levels[1]
    return (text_of(first.get("tid")) if named else "") or sender


_CHARGE = {1: "unplugged", 2: "charging", 3: "full"}  # 0: not known
_WALKED = (
    ("steps", "steps", "1", ""),
    ("distance", "distance", "m", "walked"),
    ("floorsup", "floors", "1", "up"),
    ("floorsdown", "floors", "1", "down"),
)
_TOLD = (("t", "trigger"), ("conn", "connection"), ("tid", "tracker_id"), ("poi", "point_of_interest"), ("tag", "tag"))
_READERS = {
    "location": _location,
    "transition": _transition,
    "waypoint": _waypoint,
    "waypoints": _waypoints,
    "lwt": _lwt,
    "beacon": _beacon,
    "steps": _steps,
    "card": _card,
    "cmd": _command,
    "request": _heard,
    "status": _status,
    "configuration": _heard,
    "dump": _heard,
    "encrypted": _encrypted,
}


FAMILY = Family(
    name=NAME,
    title="OwnTracks",
    source="https://owntracks.org/booklet/tech/json/",
    routes=(
        Route(template="owntracks/{user}/{device}", handle=_on_topic, form="any"),
        Route(template="owntracks/{user}/{device}/{leaf...}", handle=_on_topic, form="any"),
    ),
    recognise=_recognise,
)
