"""What goes wrong, at a chosen rate and in a chosen stretch of the run: read from words, and done to messages.

skew=0.1             a tenth of the devices has a wrong clock
jump=0.1@20s         the clock of a tenth is lost at 20 s, and set again by the network some minutes later
duplicates=0.05      of all messages are published twice, the second a little later
garbage=0.01         as many broken messages as a hundredth of the good ones
flapping=0.1         a tenth of the devices comes and goes
flood=1@10s-20s      one device has a hundred times as much to tell
power_cut=0.5@20s-30s  half of the devices lose their power, and start anew
"""

import math
import re
from collections.abc import Mapping
from typing import Literal

import msgspec

from appliance.errors import Rejected
from firmware_bridge.simulation.chance import Chance, between, whole_between
from firmware_bridge.simulation.firmware import Message

EVERYWHERE = "all"  # as the name of a segment
FLOOD_FACTOR = 100.0
_UNITS: Mapping[str, float] = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3_600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smh]?)", re.ASCII)
_HOUR_S = 3_600.0

Kind = Literal["skew", "jump", "duplicates", "garbage", "flapping", "flood", "power_cut"]
OF_DEVICES: tuple[Kind, ...] = ("skew", "jump", "flapping", "power_cut")
OF_MESSAGES: tuple[Kind, ...] = ("duplicates", "garbage")
KINDS: tuple[Kind, ...] = (*OF_DEVICES, *OF_MESSAGES, "flood")


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What goes wrong and when, in seconds of the run; `amount` is a share 0..1, of a flood a number of devices."""

    kind: Kind
    amount: float
    from_s: float = 0.0
    to_s: float = math.inf


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """A segment of which nothing is heard, in seconds of the run; `all` is everything, gateways included."""

    segment: str
    from_s: float = 0.0
    to_s: float = math.inf


def read_fault(text: str) -> Fault:
    """A fault from `kind=amount`, `kind=amount@from` or `kind=amount@from-to`.

    raises  Rejected  it is none of these, or the amount cannot be
    """
    words, from_s, to_s = _stretch(text)
    name, _, amount_text = words.partition("=")
    kind = next((kind for kind in KINDS if kind == name), None)
    if kind is None:
        raise Rejected(f"no fault {name!r}; there are {', '.join(KINDS)}")
    try:
        amount = float(amount_text)
    except ValueError:
        raise Rejected(f"{text!r}: write the fault as {name}=0.1 or {name}=0.1@20s-30s") from None
    if kind == "flood":
        if not amount.is_integer() or amount < 0:
            raise Rejected(f"{text!r}: a flood is of a whole number of devices")
    elif not 0 <= amount <= 1:
        raise Rejected(f"{text!r}: {kind} is a share between 0 and 1")
    return Fault(kind=kind, amount=amount, from_s=from_s, to_s=to_s)


def read_silence(text: str) -> Silence:
    """A silence from `segment`, `segment@from` or `segment@from-to`.

    raises  Rejected  it is none of these
    """
    segment, from_s, to_s = _stretch(text)
    if not segment:
        raise Rejected(f"{text!r}: write a silence as switch-north@20s or switch-north@20s-40s")
    return Silence(segment=segment, from_s=from_s, to_s=to_s)


def read_duration(text: str) -> float:
    """Seconds from `30`, `30s`, `5m` or `1.5h`.

    raises  Rejected  it is none of these
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise Rejected(f"{text!r} is not a duration; write it as 30s, 5m or 2h")
    return float(match[1]) * _UNITS[match[2]]


def clock_error(chance: Chance) -> float:
    """Seconds by which a wrong clock is ahead: it drifted for long, has the wrong zone, or stands days off."""
    size_s = chance.choice(
        (between(chance, 120.0, 1_800.0), whole_between(chance, 1, 12) * _HOUR_S, between(chance, 2.0, 40.0) * 86_400)
    )
    return size_s if chance.random() < 0.5 else -size_s


def garble(message: Message, chance: Chance) -> Message:
    """What a broken device makes of a message: breaks off, bytes of nothing, or a topic that nobody knows.

    None of it can be understood: an object or array that breaks off is no JSON, and bytes from 0xFF on are no text.
    """
    kind = chance.choice(("cut", "noise", "stranger"))
    if message.opaque or message.payload[:1] not in (b"{", b"["):
        kind = "stranger"  # a plain word that breaks off may be another word
    if kind == "cut":
        length = whole_between(chance, 1, len(message.payload) - 1)
        return Message(topic=message.topic, payload=message.payload[:length])
    if kind == "noise":
        noise = bytes(whole_between(chance, 0, 255) for _ in range(whole_between(chance, 4, 40)))
        return Message(topic=message.topic, payload=b"\xff\xfe" + noise)
    registers = ";".join(str(whole_between(chance, 0, 65_535)) for _ in range(6))
    return Message(topic=f"plc/line{whole_between(chance, 1, 9)}/registers", payload=registers.encode())


def _stretch(text: str) -> tuple[str, float, float]:
    """(what, from, to) of `what@from-to`."""
    what, at, stretch = text.partition("@")
    if not at:
        return what, 0.0, math.inf
    begin, dash, end = stretch.partition("-")
    from_s = read_duration(begin)
    to_s = read_duration(end) if dash else math.inf
    if to_s <= from_s:
        raise Rejected(f"{text!r}: it ends before it begins")
    return what, from_s, to_s
