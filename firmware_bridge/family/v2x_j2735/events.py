"""What vehicles and roads report as events: the flags of a BSM and the ITIS codes of traveller information.

Used by `family`. Source: SAE J2735, DE_VehicleEventFlags and DF_ITISCodesAndText.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, list_of, object_of, text_of, whole_of

MAX_CODES = 32

FLAGS = (
    "eventHazardLights",
    "eventStopLineViolation",
    "eventABSactivated",
    "eventTractionControlLoss",
    "eventStabilityControlactivated",
    "eventHazardousMaterials",
    "eventReserved1",
    "eventHardBraking",
    "eventLightsChanged",
    "eventWipersChanged",
    "eventFlatTire",
    "eventDisabledVehicle",
    "eventAirBagDeployment",
    "eventJackKnife",
)
"""In the order of their bits, the first on the left."""


def event_flags(extensions: Sequence[Any]) -> tuple[str, ...]:
    """The event flags that are set in a BSM's part II, in either way of writing it."""
    for item in extensions[:8]:
        part = object_of(item)
        value = part.get("value")
        if value is None:
            value = part.get("partII-Value", part.get("partII_Value"))
        events = object_of(value).get("events")
        if events is None:
            named = object_of(value)
            events = object_of(named.get("VehicleSafetyExtensions", named.get("vehicleSafetyExt"))).get("events")
        if events is not None:
            return _set_flags(events)
    return ()


def itis_codes(content: object, items: object = None) -> list[int]:
    """The ITIS codes of a data frame's content: advisory, work zone, sign, speed limit or exit service.

    items  where `content` is but the word for it: codes and words in a list, as the ODE is told them
    """
    told = (whole_of(item) for item in list_of(items)[:MAX_CODES])
    codes: list[int] = [code for code in told if code is not None and code > 0]
    for section in list(object_of(content).values())[:8]:
        entries = object_of(section).get("SEQUENCE", section)
        for entry in entries[:MAX_CODES] if type(entries) is list else [entries]:
            item = object_of(entry).get("item", entry)
            code = whole_of(object_of(item).get("itis"))
            if code is not None and len(codes) < MAX_CODES:
                codes.append(code)
    return codes


def frame_within(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The MessageFrame that situation data for a clearinghouse wrap; empty where they wrap none."""
    for name in _WRAPPED:
        data = object_of(data.get(name))
    return data


def minute_of_year(stamp: object) -> int:
    """The standard's MinuteOfTheYear, from that itself or from a time; 0 where it is neither."""
    if type(stamp) is str and (when := read_instant(stamp, UTC)) is not None:
        return when.timetuple().tm_yday * 1_440 - 1_440 + when.hour * 60 + when.minute
    return max(whole_of(stamp) or 0, 0)


_WRAPPED = (
    "AdvisorySituationData",
    "asdmDetails",
    "advisoryMessage",
    "Ieee1609Dot2Data",
    "content",
    "unsecuredData",
    "MessageFrame",
)


def _set_flags(events: object) -> tuple[str, ...]:
    """From an object of flags, a list of names, or the bits as text, binary or in hexadecimal."""
    if type(events) is dict:
        return tuple(name for name in FLAGS if flag_of(events.get(name)) is True)
    if type(events) is list:
        names = {text_of(name) for name in list_of(events)[: len(FLAGS)]}
        return tuple(name for name in FLAGS if name in names)
    bits = text_of(events)
    if not bits.strip("01"):
        return tuple(name for name, bit in zip(FLAGS, bits, strict=False) if bit == "1")
    try:
        whole = int(bits, 16)
    except ValueError:
        return ()
    width = len(bits.removeprefix("0x")) * 4
    return tuple(name for number, name in enumerate(FLAGS) if number < width and whole >> (width - 1 - number) & 1)
