"""Where and how something moves, from the two ways J2735 is written in JSON. Used by `family`.

What the standard calls unavailable is left out: 900000001, 1800000001, -4096, 8191, 28800 and 255 of its whole numbers,
and the same in degrees, metres and metres a second.
Source: SAE J2735, DE_Latitude, DE_Longitude, DE_Elevation, DE_Speed, DE_Heading, DE_SemiMajorAxisAccuracy.
"""

from collections.abc import Mapping
from typing import Any

from firmware_bridge.notation.members import number_of, object_of

_SPEED, _HEADING, _ELEVATION, _ACCURACY = 0.02, 0.0125, 0.1, 0.05  # what one step is


def place_of_ode(core: Mapping[str, Any], *, whole_motion: bool = False) -> dict[str, Any] | None:
    """Keywords of a Position from degrees and metres; None where there is no place.

    whole_motion  speed and heading are whole numbers of the standard all the same, as in the ODE's PSM
    """
    at = object_of(core.get("position"))
    place = _place(number_of(at.get("latitude")), number_of(at.get("longitude")))
    if place is None:
        return None
    steps = (_SPEED, _HEADING) if whole_motion else (1.0, 1.0)
    _add_motion(place, number_of(core.get("speed")), number_of(core.get("heading")), *steps)
    elevation = number_of(at.get("elevation"))
    if elevation is not None and elevation > -409.6:
        place["altitude_m"] = elevation
    accuracy = number_of(object_of(core.get("accuracy")).get("semiMajor"))
    if accuracy is not None and 0 <= accuracy < 12.75:
        place["accuracy_m"] = accuracy
    return place


def place_of_frame(core: Mapping[str, Any]) -> dict[str, Any] | None:
    """Keywords of a Position from whole numbers of the standard; None where there is no place."""
    at = object_of(core.get("position")) or core
    latitude, longitude = number_of(at.get("lat")), number_of(at.get("long", at.get("lon")))
    if latitude is None or longitude is None:
        return None
    place = _place(latitude / 1e7, longitude / 1e7)
    if place is None:
        return None
    _add_motion(place, number_of(core.get("speed")), number_of(core.get("heading")), _SPEED, _HEADING)
    elevation = number_of(at.get("elev", at.get("elevation")))
    if elevation is not None and elevation > -4096:
        place["altitude_m"] = round(elevation * _ELEVATION, 1)
    accuracy = number_of(object_of(core.get("accuracy")).get("semiMajor"))
    if accuracy is not None and 0 <= accuracy < 255:
        place["accuracy_m"] = round(accuracy * _ACCURACY, 2)
    return place


def point_of(point: Mapping[str, Any]) -> dict[str, Any]:
    """A place as keywords of an observation, from degrees or ten-millionths of them; none where it is unknown."""
    latitude, longitude = number_of(point.get("latitude")), number_of(point.get("longitude"))
    if latitude is None and "lat" in point:
        lat, lng = number_of(point.get("lat")), number_of(point.get("long", point.get("lon")))
        if lat is not None and lng is not None:
            latitude, longitude = lat / 1e7, lng / 1e7
    return _place(latitude, longitude) or {}


def _place(latitude: float | None, longitude: float | None) -> dict[str, Any] | None:
    if latitude is None or longitude is None or not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return None
    return {"latitude": latitude, "longitude": longitude}


def _add_motion(
    place: dict[str, Any], speed: float | None, heading: float | None, speed_step: float, heading_step: float
) -> None:
    if speed is not None and 0 <= speed * speed_step < 163.81:
        place["speed_mps"] = round(speed * speed_step, 2)
    if heading is not None and 0 <= heading * heading_step < 360:
        place["heading_deg"] = round(heading * heading_step, 4)
