"""J2735 messages as the ODE's GeoJSON converter writes them anew: a feature for each vehicle or person, SPaT and MAP.

They are put into the form of the ODE's own messages, which `family` reads.
Source: usdot-jpo-ode/jpo-geojsonconverter, docs/output-data-definition.
"""

from collections.abc import Mapping
from typing import Any

from firmware_bridge.notation.members import list_of, object_of, text_of

_KINDS = frozenset(("BSM", "PSM", "SPAT", "MAP"))


def told_in(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The members that tell kind, time and sender; empty where this is no such message."""
    told = document if "messageType" in document else object_of(document.get("properties"))
    return told if text_of(told.get("messageType")) in _KINDS and "odeReceivedAt" in told else {}


def data_of(document: Mapping[str, Any], told: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """(kind, data) as the ODE would have them."""
    kind = text_of(told.get("messageType"))
    if kind in ("SPAT", "MAP"):
        members = {"id": told.get("intersectionId"), "status": told.get("status"), "refPoint": told.get("refPoint")}
        return kind, {"intersections": [members]}
    place = list_of(object_of(document.get("geometry")).get("coordinates"))
    data = {**told, "position": dict(zip(("longitude", "latitude", "elevation"), place, strict=False))}
    return kind, data if kind == "PSM" else {"coreData": data}


def time_of(told: Mapping[str, Any]) -> object:
    """The message's own time, else that of its receipt."""
    return told.get("timeStamp") or told.get("utcTimeStamp") or told.get("odeReceivedAt")
