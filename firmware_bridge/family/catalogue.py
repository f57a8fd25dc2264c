"""The families that come with the program; `wiring` adds a technician's own mapping files.

Those written in Python are named here; those that data can describe are the `*.toml` files of this folder.
"""

from collections.abc import Iterable, Sequence

from firmware_bridge.family import (
    davis,
    environment,
    esphome,
    gnss,
    lorawan_servers,
    plain_sensor,
    weather_station,
    weatherflow,
    weewx,
)
from firmware_bridge.family.ble import family as ble
from firmware_bridge.family.chirpstack import family as chirpstack
from firmware_bridge.family.frigate import family as frigate
from firmware_bridge.family.hikvision_dahua import family as hikvision_dahua
from firmware_bridge.family.homeassistant import family as homeassistant
from firmware_bridge.family.lpr import family as lpr
from firmware_bridge.family.meshtastic import family as meshtastic
from firmware_bridge.family.onvif_axis import family as onvif_axis
from firmware_bridge.family.owntracks import family as owntracks
from firmware_bridge.family.people_counting import family as people_counting
from firmware_bridge.family.rtl_433 import family as rtl_433
from firmware_bridge.family.shelly import family as shelly
from firmware_bridge.family.shelly import gen1 as shelly_gen1
from firmware_bridge.family.sparkplug_b import family as sparkplug_b
from firmware_bridge.family.tasmota import family as tasmota
from firmware_bridge.family.the_things_stack import family as the_things_stack
from firmware_bridge.family.v2x_j2735 import family as v2x_j2735
from firmware_bridge.family.zigbee2mqtt import family as zigbee2mqtt
from firmware_bridge.inbound import Family
from firmware_bridge.mapping.compile import compile_mapping

# In the order in which they are asked for a message that only its shape tells: the strictest first.
IN_PYTHON: tuple[Family, ...] = (
    v2x_j2735.FAMILY,
    the_things_stack.FAMILY,
    chirpstack.FAMILY,
    lorawan_servers.FAMILY,
    frigate.FAMILY,
    owntracks.FAMILY,
    shelly_gen1.FAMILY,
    shelly.FAMILY,
    meshtastic.FAMILY,
    onvif_axis.FAMILY,
    lpr.FAMILY,
    hikvision_dahua.FAMILY,
    sparkplug_b.FAMILY,
    homeassistant.FAMILY,
    gnss.FAMILY,
    environment.FAMILY,
    weather_station.FAMILY,
    weatherflow.FAMILY,
    weewx.FAMILY,
    davis.FAMILY,
    ble.FAMILY,
    esphome.FAMILY,
    rtl_433.FAMILY,
    zigbee2mqtt.FAMILY,
    tasmota.FAMILY,
    people_counting.FAMILY,
)

LAST: Family = plain_sensor.FAMILY
"""Takes what nobody else knows, so a technician's own mapping comes before it."""


def build_families(mappings: Iterable[str]) -> Sequence[Family]:
    """All families. Of those with one name the last mapping counts, so a technician's replaces what comes along.

    raises  Rejected  a mapping is not one, with the path inside it
    """
    own = {family.name: family for family in map(compile_mapping, mappings)}
    asked = [*(family for family in IN_PYTHON if family.name not in own), *own.values()]
    return asked if LAST.name in own else [*asked, LAST]
