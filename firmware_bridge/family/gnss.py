"""GNSS receivers: NMEA sentences, as a serial port or a gateway brings them."""

from collections.abc import Sequence
from typing import Any

from appliance.model.observation import DeviceHealth, Observation, Position
from firmware_bridge.inbound import Context, Family, Handler, Inbound, Route
from firmware_bridge.notation.nmea import read_sentence

NAME = "gnss"
MAX_LINES = 100  # sentences of one message


def _read_sentences(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    device = f"{NAME}/{inbound.parts.get('device') or inbound.topic}"
    found: list[Observation] = []
    for line in str(inbound.document).splitlines()[:MAX_LINES]:
        fix = read_sentence(line) if line.strip() else None
        if fix is None or fix.longitude is None or fix.observed_at is None:
            continue
        found.append(
            Position(
                device=device,
                observed_at=fix.observed_at,
                longitude=fix.longitude,
                latitude=fix.latitude,
                altitude_m=fix.altitude_m,
                speed_mps=fix.speed_mps,
                heading_deg=fix.heading_deg,
            )
        )
    return found or [DeviceHealth(device=device)]


def _recognise(document: Any) -> Handler | None:
    is_nmea = isinstance(document, str) and document[:1] == "$" and document[1:6].isalpha() and "," in document[:12]
    return _read_sentences if is_nmea else None


FAMILY = Family(
    name=NAME,
    title="GNSS receivers (NMEA 0183)",
    source="https://gpsd.gitlab.io/gpsd/NMEA.html",
    routes=(Route(template="nmea/{device}", handle=_read_sentences, form="text"),),
    recognise=_recognise,
)
