"""Environment sensors that publish JSON of their own: Sensor.Community's airrohr, Haltian's Thingsee.

Those of LoRaWAN come through their network server: see `chirpstack` and `the_things_stack`.
"""

from typing import Any

from firmware_bridge.family import airrohr, thingsee
from firmware_bridge.inbound import Family, Handler


def _recognise(document: Any) -> Handler | None:
    return airrohr.recognise(document) or thingsee.recognise(document)


FAMILY = Family(
    name="environment",
    title="Environment sensors (Sensor.Community airrohr, Haltian Thingsee)",
    source=f"{airrohr.SOURCE}; {thingsee.SOURCE}",
    routes=thingsee.ROUTES,
    recognise=_recognise,
)
