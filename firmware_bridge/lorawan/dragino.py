"""Dragino: big-endian bytes in the order each model has them; read where the model is known.

Port 2 brings what is measured, port 5 of nearly all models what the device is. Source: Dragino's user manuals, "Uplink
payload", and the decoders the maker publishes.
"""

import re

from firmware_bridge.lorawan.codec import Body, Codec, whole
from firmware_bridge.lorawan.dragino_models import MODELS
from firmware_bridge.lorawan.findings import Findings

ABOUT_PORT = 5
_ABOUT_SIZE = 7
_MODEL = re.compile(
    "|".join(rf"(?<![A-Z0-9]){re.escape(word)}" for word in sorted(MODELS, key=len, reverse=True)),
)


def _read(body: Body, findings: Findings) -> bool:
    named = _MODEL.search(body.model)
    if body.f_port == ABOUT_PORT and len(body.data) >= _ABOUT_SIZE:
        return _read_about(body.data, findings)
    return MODELS[named.group()](body, findings) if named is not None else False


def _read_about(data: bytes, findings: Findings) -> bool:
    """A number for the model, the version in four half bytes, the band, and the battery in millivolts."""
    findings.tell("firmware", f"{data[1] & 15}.{data[2] >> 4}.{data[2] & 15}")
    if whole(data, 5, 2, "big"):
        findings.tell("voltage_v", whole(data, 5, 2, "big") / 1000)
    return True


DRAGINO = Codec(
    name="dragino",
    title="Dragino",
    words=(
        "DRAGINO",
        *("LHT65", "LHT52", "LDDS", "LSE01", "LLMS01", "LSPH01", "LDS0", "LWL0", "LSN50", "SN50V3", "LTC2", "LLDS"),
        *("D20-LB", "D20S-LB", "D22-LB", "D23-LB", "S31-LB", "S31B-LB", "PS-LB", "TRACKERD", "LGT92", "LGT-92"),
        *("DDS04", "DDS20", "DDS45", "DDS75", "LDS12", "LSNPK", "CPL01", "CPL03", "LT22222", "LT-22222", "WSC1-L"),
        *("AQS01", "LMDS", "MDS200", "T68DL", "SW3L", "CS01-LB", "SE01-LB", "SPH01-LB", "DS03A", "WL03A", "DS20L"),
    ),
    ouis=("a84041",),
    read=_read,
)
