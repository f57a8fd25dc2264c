"""Observations to what the store keeps: the one place that says what each kind becomes.

Detections and alarms are events, measured values readings, whereabouts fixes; states and health fold into the device.
What the message does not say comes from the device's registration: its place, and what to leave out. Called by
`bridge` for each message; pure, and given what it needs to know.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from appliance.model.event import ClockQuality, Event, content_id
from appliance.model.facts import facts_of, merge_facts
from appliance.model.intake import CommandAnswer, Fix, Reading
from appliance.model.observation import (
    Alarm,
    CameraStatus,
    CommandOutcome,
    CrowdDensity,
    DeviceHealth,
    EnvironmentReading,
    Incident,
    Motion,
    ObjectDetection,
    Observation,
    PeopleCount,
    PlateRead,
    Position,
    V2xMessage,
)
from firmware_bridge.plate import hash_plate, plain_plate, without_plate

Judge = Callable[[str, datetime | None, datetime, bool], ClockQuality]
"""(device, its time, time of receipt, whether it was told just now) -> how far its time can be believed."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What the registry says of a device, as far as its messages are concerned.

    place   (longitude, latitude) of the device, or of its view where it is a camera
    """

    place: tuple[float, float] | None = None
    ignored: bool = False
    maintenance: bool = False
    min_score: float = 0.0


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What canonical form needs to know besides the observation.

    plate_key   keys the hash of number plates
    seal_plate  makes the sealed clear text of a plate, where the site's policy keeps it; else None
    """

    standing: Callable[[str], Standing | None]
    judge: Judge
    plate_key: bytes
    seal_plate: Callable[[str, datetime], str] | None = None


class Kept(msgspec.Struct, kw_only=True):
    """What a message's observations became. Grows while they are gone through.

    facts   device -> what was told of it; a device that was merely heard has none
    items   device -> how many of its observations were folded into it
    """

    events: list[Event] = []
    readings: list[Reading] = []
    fixes: list[Fix] = []
    answers: list[CommandAnswer] = []
    states: dict[str, str] = {}
    facts: dict[str, dict[str, Any]] = {}
    items: dict[str, int] = {}
    folded: dict[str, int] = {}

    def fold(self, reason: str) -> None:
        """Count an observation of which nothing is kept."""
        self.folded[reason] = self.folded.get(reason, 0) + 1

    def tell(self, device: str, facts: Mapping[str, Any]) -> None:
        """Fold an observation into its device."""
        self.items[device] = self.items.get(device, 0) + 1
        merge_facts(self.facts.setdefault(device, {}), facts)


def keep_observations(
    observations: Sequence[Observation],
    *,
    received_at: datetime,
    retained: bool,
    around: Surroundings,
    is_news: Callable[[Observation], bool] = lambda _: True,
) -> Kept:
    """What a message's observations become.

    retained   the broker sent it from its memory: what then carries no time of its own is no news
    is_news    asked of what is not left out for another reason: whether it tells anything that was not so before
    """
    kept = Kept()
    for observation in observations:
        keep = _KEEP[type(observation)]
        standing = around.standing(observation.device)
        reason = _left_out(observation, standing, retained)
        if not reason and not is_news(observation):
            reason = "unchanged"
        if reason:
            kept.fold(reason)
        else:
            keep(_Case(observation, received_at, standing, around, live=not retained), kept)
    return kept


def give_places(events: Sequence[Event], standing: Standing | None) -> list[Event]:
    """The native events of one device, those that brought no place of their own with the one it is registered with."""
    if standing is None or standing.place is None:
        return list(events)
    longitude, latitude = standing.place
    return [
        msgspec.structs.replace(event, longitude=longitude, latitude=latitude) if event.longitude is None else event
        for event in events
    ]


def _left_out(observation: Observation, standing: Standing | None, retained: bool) -> str:
    """Why an observation is not kept, or ''."""
    told = isinstance(observation, _ABOUT_THE_DEVICE)
    if standing is not None and not told:
        if standing.ignored:
            return "ignored device"
        if standing.maintenance:
            return "maintenance"
        score = getattr(observation, "score", None)
        if score is not None and score < standing.min_score:
            return "below min_score"
    return "retained" if retained and not told and observation.observed_at is None else ""


class _Case:
    """One observation and what is known around it."""

    __slots__ = ("around", "observation", "place", "quality", "received_at", "when")

    def __init__(
        self,
        observation: Any,
        received_at: datetime,
        standing: Standing | None,
        around: Surroundings,
        *,
        live: bool,
    ) -> None:
        self.observation = observation
        self.received_at = received_at
        self.around = around
        self.when = observation.observed_at or received_at
        self.quality = around.judge(observation.device, observation.observed_at, received_at, live)
        self.place = standing.place if standing else None

    def event(
        self,
        event_type: str,
        attributes: dict[str, Any],
        *,
        severity: float | None = None,
        value: float | None = None,
        rev: int = 0,
        part: str = "",
    ) -> Event:
        """An event of this type; without a place of its own it has that of its device.

        part   tells events of one type and one `observation_id` apart
        """
        seen = self.observation
        place = _place_of(seen) or self.place or (None, None)
        severity = severity if severity is not None and 0.0 <= severity <= 1.0 else None
        attributes = {**seen.attributes, **{name: told for name, told in attributes.items() if told not in (None, "")}}
        event_id = (
            ".".join(filter(None, (seen.observation_id, event_type, part)))
            if seen.observation_id
            else content_id(
                event_type=event_type,
                event_timestamp=self.when,
                longitude=seen.longitude,
                latitude=seen.latitude,
                severity=severity,
                value=value,
                attributes=attributes,
            )
        )
        return Event(
            source=seen.device,
            event_id=event_id,
            event_type=event_type,
            event_timestamp=self.when,
            received_at=self.received_at,
            longitude=place[0],
            latitude=place[1],
            severity=severity,
            value=value,
            attributes=attributes,
            rev=rev,
            clock_quality=self.quality,
        )

    def reading(self, metric: str, value: float, unit: str = "1") -> Reading:
        """A reading of this metric."""
        return Reading(
            device=self.observation.device,
            metric=metric,
            observed_at=self.when,
            received_at=self.received_at,
            value=value,
            unit=unit,
            clock_quality=self.quality,
        )


def _place_of(seen: Observation) -> tuple[float, float] | None:
    """(longitude, latitude) that an observation brings; None where it brings none, half of one, or none on earth.

    0, 0 is none: what a receiver without a fix tells.
    """
    longitude, latitude = seen.longitude, seen.latitude
    if longitude is None or latitude is None or not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        return None
    if longitude == 0 and latitude == 0:
        return None
    return longitude, latitude


def _channel(metric: str, channel: str) -> str:
    return f"{metric}.{channel}" if channel else metric


def _keep_motion(case: _Case, kept: Kept) -> None:
    seen: Motion = case.observation
    if seen.active:
        kept.events.append(case.event("motion", {"area": seen.area, "score": seen.score}, part=seen.area))
    else:
        kept.readings.append(case.reading(_channel("motion", seen.area), 0.0))


def _keep_detection(case: _Case, kept: Kept) -> None:
    seen: ObjectDetection = case.observation
    ended = seen.ended_at.isoformat() if seen.ended_at else None
    told = {"label": seen.label, "score": seen.score, "area": seen.area, "phase": seen.phase, "ended_at": ended}
    kept.events.append(case.event("object_detection", told, value=float(seen.count), rev=seen.rev))


def _keep_alarm(case: _Case, kept: Kept) -> None:
    seen: Alarm = case.observation
    if seen.active:
        told = {"area": seen.area}
        kept.events.append(case.event(seen.name, told, severity=seen.severity, rev=seen.rev, part=seen.area))
    else:
        kept.readings.append(case.reading(_channel(seen.name, seen.area), 0.0))


def _keep_incident(case: _Case, kept: Kept) -> None:
    seen: Incident = case.observation
    kept.events.append(case.event(seen.event_type, {}, severity=seen.severity, value=seen.value, rev=seen.rev))


def _keep_plate(case: _Case, kept: Kept) -> None:
    seen: PlateRead = case.observation
    told = {
        "score": seen.score,
        "region": seen.region,
        "direction": seen.direction,
        "vehicle": seen.vehicle,
        "phase": seen.phase,
    }
    plain = plain_plate(seen.plate)
    if plain:  # some firmware repeats the plate elsewhere, and names its pictures by it
        told = {name: without_plate(value, plain) for name, value in told.items()}
        told["plate_hash"] = hash_plate(seen.plate, case.around.plate_key)
        named = seen.observation_id
        case.observation = msgspec.structs.replace(
            seen,
            observation_id=hash_plate(named, case.around.plate_key) if plain in plain_plate(named) else named,
            attributes=without_plate(seen.attributes, plain),
        )
    event = case.event("plate_read", told, rev=seen.rev)
    if plain and case.around.seal_plate is not None:  # after the identity is made: sealing one text twice differs
        sealed = case.around.seal_plate(seen.plate, case.received_at)
        event = msgspec.structs.replace(event, attributes={**event.attributes, "plate_sealed": sealed})
    kept.events.append(event)


def _keep_measured(case: _Case, kept: Kept) -> None:
    seen: EnvironmentReading = case.observation
    kept.readings.append(case.reading(_channel(seen.metric, seen.channel), seen.value, seen.unit))


def _keep_crowd(case: _Case, kept: Kept) -> None:
    seen: CrowdDensity = case.observation
    _keep_numbers(case, kept, seen.area, (("crowd_people", seen.people, "1"), ("crowd_density", seen.per_m2, "1/m2")))


def _keep_count(case: _Case, kept: Kept) -> None:
    seen: PeopleCount = case.observation
    subject, total = seen.subject, "_total" if seen.cumulative else ""
    numbers = (
        (f"{subject}_entered{total}", seen.entered, "1"),
        (f"{subject}_left{total}", seen.left, "1"),
        (f"{subject}_present", seen.present, "1"),
    )
    _keep_numbers(case, kept, seen.line, numbers)


def _keep_numbers(case: _Case, kept: Kept, channel: str, numbers: Sequence[tuple[str, float | None, str]]) -> None:
    told = [(metric, value, unit) for metric, value, unit in numbers if value is not None]
    for metric, value, unit in told:
        kept.readings.append(case.reading(_channel(metric, channel), float(value), unit))
    if not told:
        kept.tell(case.observation.device, {})


def _keep_position(case: _Case, kept: Kept) -> None:
    seen: Position = case.observation
    place = _place_of(seen)
    if place is None:
        kept.tell(seen.device, {})
        return
    kept.fixes.append(
        Fix(
            device=seen.device,
            observed_at=case.when,
            received_at=case.received_at,
            longitude=place[0],
            latitude=place[1],
            altitude_m=seen.altitude_m,
            accuracy_m=seen.accuracy_m,
            speed_mps=seen.speed_mps,
            heading_deg=seen.heading_deg,
            transient=seen.transient,
            clock_quality=case.quality,
        )
    )


def _keep_v2x(case: _Case, kept: Kept) -> None:
    seen: V2xMessage = case.observation
    kept.readings.append(case.reading(f"v2x_{seen.message_type.lower()}", float(seen.items)))


def _keep_health(case: _Case, kept: Kept) -> None:
    seen: DeviceHealth = case.observation
    kept.tell(seen.device, facts_of(seen))
    if seen.state:
        kept.states[seen.device] = seen.state


def _keep_camera(case: _Case, kept: Kept) -> None:
    seen: CameraStatus = case.observation
    facts: dict[str, Any] = {"camera": True}
    for name in ("working", "recording", "fps", "reason"):
        told = getattr(seen, name)
        if told not in (None, ""):
            facts[f"camera_{name}"] = told
    kept.tell(seen.device, facts)
    if seen.working is False:  # its server goes on naming a dead camera: that is no sign of life
        kept.states[seen.device] = "offline"


def _keep_outcome(case: _Case, kept: Kept) -> None:
    seen: CommandOutcome = case.observation
    kept.answers.append(
        CommandAnswer(
            device=seen.device,
            outcome=seen.outcome,
            received_at=case.received_at,
            command_id=seen.command_id,
            method=seen.method,
            message=seen.message,
            progress_percent=seen.progress_percent,
        )
    )


_ABOUT_THE_DEVICE = (DeviceHealth, CameraStatus, CommandOutcome)
_KEEP: dict[type[Observation], Callable[[_Case, Kept], None]] = {
    Motion: _keep_motion,
    ObjectDetection: _keep_detection,
    CrowdDensity: _keep_crowd,
    PeopleCount: _keep_count,
    PlateRead: _keep_plate,
    CameraStatus: _keep_camera,
    EnvironmentReading: _keep_measured,
    Position: _keep_position,
    Alarm: _keep_alarm,
    Incident: _keep_incident,
    V2xMessage: _keep_v2x,
    DeviceHealth: _keep_health,
    CommandOutcome: _keep_outcome,
}
