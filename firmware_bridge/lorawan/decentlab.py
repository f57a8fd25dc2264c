"""Decentlab, protocol 2: version, device number, flags, then the 16-bit words of each sensor whose flag is set.

The number is of the single device and says nothing of its model. So the model decides, and where it is not known, the
number of words: what all models with that shape say alike (the battery, mostly) is taken.
Source: Decentlab's data sheets, section "Payload".
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from firmware_bridge.lorawan.codec import Body, Codec, agree, whole
from firmware_bridge.lorawan.decentlab_reader import Group
from firmware_bridge.lorawan.decentlab_table import MODELS
from firmware_bridge.lorawan.findings import Findings

_HEAD = 5
_VERSION = 2
_MODEL = re.compile(rf"(?<![A-Z0-9])DL[-_ ]?({'|'.join(sorted(MODELS, key=len, reverse=True))})(?![0-9A-Z])")


def _read(body: Body, findings: Findings) -> bool:
    data = body.data
    if len(data) < _HEAD + 2 or len(data) % 2 == 0 or data[0] != _VERSION:
        return False
    flags = whole(data, 3, 2, "big")
    words = [whole(data, at, 2, "big") for at in range(_HEAD, len(data), 2)]
    named = _MODEL.search(body.model)
    if named is not None:
        return _read_words(MODELS[named.group(1)], flags, words, findings)
    fitting = []
    for groups in _candidates(flags, len(words)):
        tried = findings.fresh()
        if _read_words(groups, flags, words, tried) and not tried.implausible:
            fitting.append(tried)
    if not fitting:
        return False
    agreed = agree(fitting, findings)
    findings.observations += agreed.observations
    findings.facts.update(agreed.facts)
    return True


@lru_cache(maxsize=1024)
def _candidates(flags: int, how_many: int) -> tuple[tuple[Group, ...], ...]:
    """The models whose sensors, as far as these flags name them, have that many words."""
    return tuple(
        groups
        for groups in MODELS.values()
        if not flags >> len(groups) and sum(group.words for n, group in enumerate(groups) if flags >> n & 1) == how_many
    )


def _read_words(groups: Sequence[Group], flags: int, words: Sequence[int], findings: Findings) -> bool:
    """Whether these sensors account for all flags and all words."""
    if flags >> len(groups):
        return False
    at = 0
    for n, group in enumerate(groups):
        if flags >> n & 1:
            mine = words[at : at + group.words]
            if len(mine) < group.words:
                return False
            group.read(findings, mine)
            at += group.words
    return at == len(words)


DECENTLAB = Codec(
    name="decentlab",
    title="Decentlab",
    words=("DECENTLAB", *(f"DL-{name}" for name in MODELS)),
    ouis=("70b3d57ba",),
    read=_read,
    checks=True,
)
