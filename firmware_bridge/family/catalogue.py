"""The families that come with the program; `wiring` adds a technician's own mapping files.

Those written in Python are named here; those that data can describe are the `*.toml` files of this folder.
"""

from collections.abc import Iterable, Sequence

from firmware_bridge.family import (
    ble,
    chirpstack,
    davis,
    environment,
    esphome,
    frigate,
    gnss,
    hikvision_dahua,
    homeassistant,
    lorawan_servers,
    lpr,
    meshtastic,
    onvif_axis,
    owntracks,
    people_counting,
    plain_sensor,
    rtl_433,
    shelly,
    shelly_gen1,
    sparkplug_b,
    tasmota,
    the_things_stack,
    v2x_j2735,
    weather_station,
    weatherflow,
    weewx,
    zigbee2mqtt,
)
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
