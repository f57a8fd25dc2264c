"""The families that can be simulated. A new one is a module beside this one and a line here."""

from collections.abc import Mapping

from firmware_bridge.simulation import chirpstack, frigate, native, owntracks, shelly, tasmota, zigbee2mqtt
from firmware_bridge.simulation.firmware import Firmware
from firmware_bridge.simulation.fleet import Naming

FAMILIES: Mapping[str, Firmware] = {
    module.FIRMWARE.family: module.FIRMWARE
    for module in (native, frigate, zigbee2mqtt, tasmota, shelly, owntracks, chirpstack)
}
NAMINGS: Mapping[str, Naming] = {family: firmware.naming for family, firmware in FAMILIES.items()}
