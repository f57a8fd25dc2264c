"""J2735 messages as they go over the air: which one it is, and of BSM and PSM who and where it is.

The encoding (UPER) puts members one behind the other without gaps, each in as many bits as its range needs, so the core
of a message stands at fixed places; what follows it is not read. Called by `family` for what the ODE or a V2X Hub
forwards undecoded. Source: SAE J2735, the ASN.1 modules BasicSafetyMessage and PersonalSafetyMessage; ITU-T X.691.
"""

import re
from typing import Any

from firmware_bridge.family.v2x_j2735.names import BY_NUMBER

_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){4,4096}")
_HUB = re.compile(r"^Payload=([0-9A-Fa-f]{8,8192})\s*$", re.MULTILINE)
_USERS = ("unavailable", "aPEDESTRIAN", "aPEDALCYCLIST", "aPUBLICSAFETYWORKER", "anANIMAL")
_PSM_OPTIONS = 18  # members that may be missing, a bit for each


class _Bits:
    """Bits from the front of a message; None once there are too few."""

    def __init__(self, body: bytes) -> None:
        self._number = int.from_bytes(body, "big")
        self.left = len(body) * 8

    def take(self, width: int, lowest: int = 0) -> int:
        """The next whole number, whose range begins at `lowest`."""
        self.left -= width
        return (self._number >> self.left & ((1 << width) - 1)) + lowest if self.left >= 0 else 0


def kind_of(encoded: object) -> str:
    """What an encoded message is, by its first two bytes; '' where it is none of those known here."""
    if type(encoded) is not str or len(encoded) < 4:
        return ""
    try:
        return BY_NUMBER.get(int(encoded[:4], 16), "")
    except ValueError:
        return ""


def encoded_in(text: str) -> str:
    """The encoded message that a text is, in hexadecimal and of the length it says, or that a V2X Hub's text has in it.

    returns  '' where there is none
    """
    if text[:8] == "Version=" and "\nType=" in text:
        found = _HUB.search(text)
        return found[1] if found and kind_of(found[1]) else ""
    if text[:2] != "00" or not _HEX.fullmatch(text) or not kind_of(text):
        return ""
    body = _body_of(bytes.fromhex(text))
    return text if body is not None and body[1] == 0 else ""


def core_of(encoded: object) -> dict[str, Any] | None:
    """The data of a BSM or PSM as a MessageFrame has them; None for other messages, and for those cut short."""
    kind = kind_of(encoded)
    if kind not in ("BSM", "PSM") or type(encoded) is not str or not _HEX.fullmatch(encoded):
        return None
    found = _body_of(bytes.fromhex(encoded))
    if found is None:
        return None
    bits = _Bits(found[0])
    data = _bsm(bits) if kind == "BSM" else _psm(bits)
    return data if bits.left >= 0 else None


def _body_of(message: bytes) -> tuple[bytes, int] | None:
    """The body behind number and length, and how many bytes are beyond it (below zero: missing)."""
    length, at = message[2], 3
    if length & 0xC0 == 0x80:
        length, at = (length & 0x3F) << 8 | message[3], 4
    elif length & 0x80:
        return None  # in fragments, of 16,384 bytes and more
    return message[at : at + length], len(message) - at - length


def _bsm(bits: _Bits) -> dict[str, Any]:
    bits.take(3)  # whether it is extended, has a part II, or regional members
    bits.take(7)  # its count
    core: dict[str, Any] = {"id": f"{bits.take(32):08X}", "secMark": bits.take(16)}
    core.update(_place(bits), elev=bits.take(16, -4096))
    core["accuracy"] = _accuracy(bits)
    bits.take(3)  # the gear
    return {"coreData": {**core, "speed": bits.take(13), "heading": bits.take(15)}}


def _psm(bits: _Bits) -> dict[str, Any]:
    bits.take(1 + _PSM_OPTIONS)
    extended, user = bits.take(1), bits.take(3)
    data: dict[str, Any] = {"basicType": _USERS[user] if not extended and user < len(_USERS) else ""}
    bits.take(16 + 7)  # second and count
    data["id"] = f"{bits.take(32):08X}"
    bits.take(1)
    has_elevation = bits.take(2) & 0b10
    position = _place(bits)
    if has_elevation:
        position["elev"] = bits.take(16, -4096)
    data["position"] = position
    data["accuracy"] = _accuracy(bits)
    return {**data, "speed": bits.take(13), "heading": bits.take(15)}


def _place(bits: _Bits) -> dict[str, Any]:
    return {"lat": bits.take(31, -900_000_000), "long": bits.take(32, -1_799_999_999)}


def _accuracy(bits: _Bits) -> dict[str, Any]:
    return {"semiMajor": bits.take(8), "semiMinor": bits.take(8), "orientation": bits.take(16)}
