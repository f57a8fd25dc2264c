"""What a codec is, and what to believe where several could have written a body.

The body of an uplink says nothing of who made it. Where the network server names the device its codec reads it; where
it does not, a body is read by every codec that can check itself, and taken where exactly one makes complete sense of
it. Where several do, only that is taken which all of them say. Called by `uplink`.
"""

from collections.abc import Callable, Sequence

import msgspec

from firmware_bridge.lorawan.findings import Findings


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """What was sent.

    model  what is known of the device, in upper case: vendor, model, profile, name; '' for nothing
    """

    data: bytes
    f_port: int = 0
    model: str = ""


class Codec(msgspec.Struct, frozen=True, kw_only=True):
    """How the devices of a vendor write.

    words   in upper case; one of them in a device's description names this codec
    ouis    the beginnings of DevEUIs, in lower case, that only its devices have
    read    tells the findings what the body says; whether it read all of it
    checks  its grammar is strict enough to tell its own bodies from others'
    ports   on any other than these it is believed only where no other codec fits; () for all
    """

    name: str
    title: str
    words: tuple[str, ...]
    read: Callable[[Body, Findings], bool]
    ouis: tuple[str, ...] = ()
    checks: bool = False
    ports: tuple[int, ...] = ()


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a body.

    codec     whose it is; '' where nobody or more than one could say
    fits      the codecs that could have written it, where they are several
    """

    findings: Findings
    codec: str = ""
    fits: tuple[str, ...] = ()
    complete: bool = False


def read_body(body: Body, named: Codec | None, codecs: Sequence[Codec], empty: Findings) -> Reading:
    """Read a body with the codec that was named, or with those that can tell their own."""
    if named is not None:
        findings = empty.fresh()
        complete = named.read(body, findings)
        if complete or findings.observations or findings.facts:
            return Reading(findings=findings, codec=named.name, complete=complete)
    fitting: list[tuple[str, Findings]] = []
    elsewhere: list[tuple[str, Findings]] = []
    findings = empty.fresh()
    for codec in codecs:
        if not codec.checks:
            continue
        if codec.read(body, findings) and not findings.implausible:
            at_home = not codec.ports or body.f_port in codec.ports
            (fitting if at_home else elsewhere).append((codec.name, findings))
            findings = empty.fresh()
        elif findings.implausible or findings.observations or findings.facts:
            findings = empty.fresh()
    fitting = fitting or elsewhere
    if len(fitting) == 1:
        return Reading(findings=fitting[0][1], codec=fitting[0][0], complete=True)
    return Reading(findings=agree([one for _, one in fitting], empty), fits=tuple(name for name, _ in fitting))


def agree(many: Sequence[Findings], empty: Findings) -> Findings:
    """What all of them say; nothing where there are none."""
    agreed = empty.fresh()
    if many:
        first, *others = many
        agreed.observations = [seen for seen in first.observations if all(seen in one.observations for one in others)]
        agreed.facts = {
            fact: value for fact, value in first.facts.items() if all(one.facts.get(fact) == value for one in others)
        }
    return agreed


def signed(data: bytes, start: int, size: int, order: str = "little") -> int:
    """A signed whole number of `size` bytes."""
    return int.from_bytes(data[start : start + size], "big" if order == "big" else "little", signed=True)


def whole(data: bytes, start: int, size: int, order: str = "little") -> int:
    """A whole number of `size` bytes."""
    return int.from_bytes(data[start : start + size], "big" if order == "big" else "little")
