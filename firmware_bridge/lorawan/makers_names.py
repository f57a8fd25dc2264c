"""What the members of the makers' own decoders mean, where a name alone does not tell. Read by `sweep`.

Source: the user guides of Milesight, Dragino and Elsys.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

Own = tuple[str, str, float, str]
"""(metric, unit, factor, channel)."""

_MILESIGHT: dict[str, Own] = {
    "distance": ("distance", "m", 0.001, ""),
    "depth": ("depth", "m", 0.01, ""),
    "soil_conductivity": ("soil_conductivity", "uS/cm", 1, ""),
    "electricity": ("soil_conductivity", "uS/cm", 1, ""),
    "voc": ("voc", "1", 100, ""),
    "active_power": ("power", "W", 1, ""),
    "power_consumption": ("energy", "kWh", 0.001, ""),
    "wind_speed": ("wind_speed", "m/s", 1, ""),
    "rainfall_total": ("rain_total", "mm", 1, ""),
    "valve_opening": ("valve_opening", "%", 1, ""),
    "remaining": ("remaining", "%", 1, ""),
    "socket_status": ("switch", "1", 1, ""),
    "target_temperature": ("setpoint", "Cel", 1, ""),
    **{f"angle_{axis}": ("angle", "deg", 1, axis) for axis in "xyz"},
}
_CLAMPS: dict[str, Own] = {
    "current": ("current", "A", 1, ""),
    "total_current": ("current_total", "A.h", 1, ""),
}
_SOCKETS: dict[str, Own] = {
    "current": ("current", "A", 0.001, ""),
    "total_current": ("current", "A", 0.001, ""),
}
_DRAGINO: dict[str, Own] = {
    "distance": ("distance", "m", 0.001, ""),
    "lidar_distance": ("distance", "m", 0.01, ""),
    "soil_conductivity": ("soil_conductivity", "uS/cm", 1, ""),
}
MAKERS: dict[str, Mapping[str, Own]] = {
    "milesight": _MILESIGHT,
    "milesight CT": {**_MILESIGHT, **_CLAMPS},
    "milesight WS5": {**_MILESIGHT, **_SOCKETS},
    "milesight EM500-PP": {**_MILESIGHT, "pressure": ("pipe_pressure", "kPa", 1, "")},
    "elsys": {"distance": ("distance", "m", 0.001, "")},
    "dragino": _DRAGINO,
    "browan": {},
}
"""Codec, and the model where those of a maker differ -> name, or metric without a unit -> what it is."""

_MODELS = re.compile(r"(?<![A-Z0-9])(?:(?P<ct>CT(?:10|30|31)\d)|(?P<ws>WS5\d\d)|(?P<pp>EM500-PP))")


@lru_cache(maxsize=20_000)
def kind_of_maker(codec: str, model: str) -> str:
    """Which of `MAKERS` the names of a device follow; '' for none.

    codec  the name of the codec of the device's maker
    model  what is known of the device, in upper case
    """
    found = _MODELS.search(model) if codec == "milesight" else None
    if found is None:
        return codec if codec in MAKERS else ""
    return "milesight " + ("CT" if found["ct"] else "WS5" if found["ws"] else "EM500-PP")
