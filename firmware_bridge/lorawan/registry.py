"""All codecs, and which of them a device's description names. Used by `uplink`."""

import re
from functools import lru_cache

from firmware_bridge.lorawan.air import ENLINK, YOSENSI
from firmware_bridge.lorawan.browan import BROWAN
from firmware_bridge.lorawan.cayenne import CAYENNE
from firmware_bridge.lorawan.codec import Codec
from firmware_bridge.lorawan.counting import HKT, IMBUILDINGS, PARAMETRIC
from firmware_bridge.lorawan.decentlab import DECENTLAB
from firmware_bridge.lorawan.dragino import DRAGINO
from firmware_bridge.lorawan.elsys import ELSYS
from firmware_bridge.lorawan.levels import ADNEXO, BRIGHTER_BINS, LAIIER, VEGA, WILSEN
from firmware_bridge.lorawan.makers import ADEUNIS, ENGINKO, LAIRD
from firmware_bridge.lorawan.mclimate import MCLIMATE
from firmware_bridge.lorawan.milesight import MILESIGHT
from firmware_bridge.lorawan.netvox import NETVOX
from firmware_bridge.lorawan.parking import BOSCH, NWAVE, PLACEPOD, TERABEE
from firmware_bridge.lorawan.rooms import COMTAC, ENLESS, TALKPOOL, THERMOKON
from firmware_bridge.lorawan.seeed import SEEED
from firmware_bridge.lorawan.sensiedge import SENSIEDGE
from firmware_bridge.lorawan.strega import STREGA
from firmware_bridge.lorawan.strips import QUANDIFY, SENSATIVE
from firmware_bridge.lorawan.tektelic import TEKTELIC
from firmware_bridge.lorawan.trackers import ABEEWAY, DIGITAL_MATTER, FIELD_TEST
from firmware_bridge.lorawan.yobiiq import YOBIIQ

CODECS: tuple[Codec, ...] = (
    MILESIGHT,
    ELSYS,
    DECENTLAB,
    NETVOX,
    TEKTELIC,
    CAYENNE,
    BROWAN,
    DRAGINO,
    YOBIIQ,
    SENSIEDGE,
    BOSCH,
    NWAVE,
    PLACEPOD,
    TERABEE,
    SEEED,
    MCLIMATE,
    ABEEWAY,
    DIGITAL_MATTER,
    FIELD_TEST,
    ADEUNIS,
    LAIRD,
    ENGINKO,
    IMBUILDINGS,
    HKT,
    PARAMETRIC,
    WILSEN,
    BRIGHTER_BINS,
    ADNEXO,
    VEGA,
    LAIIER,
    ENLESS,
    COMTAC,
    TALKPOOL,
    THERMOKON,
    STREGA,
    ENLINK,
    YOSENSI,
    SENSATIVE,
    QUANDIFY,
)

_WORDS = {word: codec for codec in CODECS for word in codec.words}
_NAMED = re.compile("|".join(rf"(?<![A-Z0-9]){re.escape(word)}" for word in sorted(_WORDS, key=len, reverse=True)))
_OUIS = {oui: codec for codec in CODECS for oui in codec.ouis}
_OUI_SIZES = sorted({len(oui) for oui in _OUIS}, reverse=True)


@lru_cache(maxsize=20_000)
def find_codec(model: str, dev_eui: str) -> Codec | None:
    """The codec of a device.

    model    what is known of it in upper case, the surest first: the first word in it that a codec knows decides
    dev_eui  hexadecimal; asked where the words say nothing
    """
    named = _NAMED.search(model)
    if named is not None:
        return _WORDS[named.group()]
    plain = dev_eui.lower()
    for size in _OUI_SIZES:
        codec = _OUIS.get(plain[:size])
        if codec is not None:
            return codec
    return None
