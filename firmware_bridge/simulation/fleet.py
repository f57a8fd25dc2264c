"""Who is out there: devices of the asked families at places around a centre, behind segments and gateways.

The same seed makes the same fleet. Called by `simulator` and by `hexpost simulate`, which writes the fleet as a
registry that the box imports.
"""

import math
from collections.abc import Mapping

import msgspec

from appliance.errors import Rejected
from firmware_bridge.simulation.chance import Chance, MakeChance, between, hex_digits, whole_between

METRES_PER_DEGREE = 111_320.0  # of latitude, and of longitude at the equator
MAX_UNITS = 20_000
CAMERA, GATEWAY = "camera", "gateway"
_INDOORS = {"climate", "plug", "leak"}


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """One device as it was mounted.

    source       as the box knows it: `family/id`, or `agency/device` for a native one
    id           what it calls itself: a topic's level, a MAC address, an EUI
    serial       16 hexadecimal digits of its own
    via          source of its gateway, '' where it speaks for itself
    """

    source: str
    family: str
    kind: str
    id: str
    serial: str
    longitude: float
    latitude: float
    via: str = ""
    height_m: float | None = None
    heading_deg: float | None = None
    view_angle_deg: float | None = None
    range_m: float | None = None
    floor: str = ""
    room: str = ""
    group: str = ""
    segment: str = ""


class Naming(msgspec.Struct, frozen=True, kw_only=True):
    """How a family calls its devices.

    patterns  kind -> how its ids are made, from `kind`, `number` (from 1), `serial`, `mac` (its last 12 digits) and
              `short` (its last six, capitals); the kinds are dealt out in turn
    prefix    of the source, before the id
    gateway   source of the gateway that all are heard through, '' where there is none
    """

    patterns: Mapping[str, str]
    prefix: str
    gateway: str = ""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Of devices, in the order in which they are dealt out."""
        return tuple(self.patterns)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What fleet is wanted: `segments` are (name, how many devices), `centre` is (longitude, latitude)."""

    devices: int
    families: tuple[str, ...]
    centre: tuple[float, float]
    radius_m: float
    segments: tuple[tuple[str, int], ...] = ()


def make_fleet(asked: Asked, namings: Mapping[str, Naming], make_chance: MakeChance) -> list[Unit]:
    """Devices, families in turn, and after them the gateways that they need.

    raises  Rejected  no devices or too many, a family that is not known, segments with more devices than there are
    """
    _check(asked, namings)
    segments = [name for name, count in asked.segments for _ in range(count)]
    segments += [""] * (asked.devices - len(segments))
    units = []
    for place, segment in enumerate(segments):
        family = asked.families[place % len(asked.families)]
        naming, number = namings[family], place // len(asked.families)
        kind = naming.kinds[number % len(naming.kinds)]
        units.append(_mounted(family, naming, kind, number + 1, segment, asked, make_chance(f"unit/{family}/{number}")))
    used = [family for family in dict.fromkeys(asked.families) if any(unit.family == family for unit in units)]
    gateways = [namings[family].gateway for family in used]
    return units + [
        _gateway(family, gateway, asked, make_chance(f"unit/{gateway}"))
        for family, gateway in zip(used, gateways, strict=True)
        if gateway
    ]


def place_near(chance: Chance, centre: tuple[float, float], radius_m: float) -> tuple[float, float]:
    """(longitude, latitude) somewhere in a circle, evenly over its area."""
    distance_m, bearing = radius_m * math.sqrt(chance.random()), between(chance, 0.0, 2 * math.pi)
    return moved(centre, distance_m * math.sin(bearing), distance_m * math.cos(bearing))


def moved(place: tuple[float, float], east_m: float, north_m: float) -> tuple[float, float]:
    """(longitude, latitude) so far from a place; exact enough for a town, and never beyond the poles."""
    longitude, latitude = place
    latitude_there = max(-89.9, min(89.9, latitude + north_m / METRES_PER_DEGREE))
    longitude_there = longitude + east_m / (METRES_PER_DEGREE * math.cos(math.radians(latitude)))
    return round((longitude_there + 540) % 360 - 180, 6), round(latitude_there, 6)


def _mounted(family: str, naming: Naming, kind: str, number: int, segment: str, asked: Asked, chance: Chance) -> Unit:
    serial = f"{hex_digits(chance, 12)}{number % 65_536:04x}"  # no two of one kind alike
    pattern = naming.patterns[kind]
    name = pattern.format(kind=kind, number=number, serial=serial, mac=serial[4:], short=serial[-6:].upper())
    longitude, latitude = place_near(chance, asked.centre, asked.radius_m)
    looks = kind == CAMERA
    indoors = kind in _INDOORS
    return Unit(
        source=naming.prefix + name,
        family=family,
        kind=kind,
        id=name,
        serial=serial,
        longitude=longitude,
        latitude=latitude,
        via=naming.gateway,
        height_m=round(between(chance, 3.0, 8.0), 1) if looks else None,
        heading_deg=float(whole_between(chance, 0, 359)) if looks else None,
        view_angle_deg=float(whole_between(chance, 60, 110)) if looks else None,
        range_m=float(whole_between(chance, 25, 60)) if looks else None,
        floor=str(whole_between(chance, 0, 4)) if indoors else "",
        room=f"{whole_between(chance, 1, 40):03d}" if indoors else "",
        group=f"{family} {kind}",
        segment=segment,
    )


def _gateway(family: str, source: str, asked: Asked, chance: Chance) -> Unit:
    longitude, latitude = asked.centre
    return Unit(
        source=source,
        family=family,
        kind=GATEWAY,
        id=source.partition("/")[2],
        serial=hex_digits(chance, 16),
        longitude=longitude,
        latitude=latitude,
        group=f"{family} {GATEWAY}",
    )


def _check(asked: Asked, namings: Mapping[str, Naming]) -> None:
    if not 1 <= asked.devices <= MAX_UNITS:
        raise Rejected(f"a fleet has 1 to {MAX_UNITS:,} devices, not {asked.devices:,}")
    unknown = [family for family in asked.families if family not in namings]
    if unknown or not asked.families:
        raise Rejected(f"{unknown[0] if unknown else 'no family'!r} cannot be simulated; {', '.join(namings)} can")
    behind = sum(count for _, count in asked.segments)
    if behind > asked.devices:
        raise Rejected(f"{behind} devices behind segments, but the fleet has only {asked.devices}; see --devices")
    if len({name for name, _ in asked.segments}) < len(asked.segments):
        raise Rejected("a segment is named twice")
