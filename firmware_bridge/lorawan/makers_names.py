"""What the members of the makers' own decoders mean, where a name alone does not tell. Read by `sweep`.

Source: the user guides of Milesight, Dragino, Elsys, Browan, Enginko, MCCI, RAK, Thermokon, Watteco and MClimate, and
the decoders that these makers publish.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

Own = tuple[str, str, float, str]
"""(metric, unit, factor, channel)."""
State = tuple[str, str, str]
"""(sort as `kinds` has it, name, channel)."""

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
    **dict.fromkeys(("target_temperature", "temperature_target"), ("setpoint", "Cel", 1, "")),
    **{f"angle_{axis}": ("angle", "deg", 1, axis) for axis in "xyz"},
    "water_level": ("water_level", "m", 0.01, ""),
    "water": ("water_volume", "", 1, ""),
    "pulse": ("pulses", "", 1, ""),
    "gpio_counter": ("pulses", "", 1, ""),
    "adc": ("current", "A", 0.001, ""),
    "adv": ("voltage", "V", 1, ""),
    **{f"pt100_{n}": ("temperature", "Cel", 1, str(n)) for n in range(1, 9)},
}
_CLAMPS: dict[str, Own] = {
    "current": ("current", "A", 1, "1"),
    "total_current": ("current_total", "A.h", 1, "1"),
    **{f"current_chn{n}_total": ("current_total", "A.h", 1, str(n)) for n in range(1, 4)},
}
_SOCKETS: dict[str, Own] = {
    "current": ("current", "A", 0.001, ""),
    "total_current": ("current", "A", 0.001, ""),
}
_DRAGINO: dict[str, Own] = {
    "distance": ("distance", "m", 0.001, ""),
    "lidar_distance": ("distance", "m", 0.01, ""),
    "soil_conductivity": ("soil_conductivity", "uS/cm", 1, ""),
    "wind_speed": ("wind_speed", "m/s", 1, ""),
    "wind_direction_angle": ("wind_direction", "deg", 1, ""),
    "rain_gauge": ("rain", "mm", 1, ""),
    "tsr": ("solar_irradiance", "W/m2", 1, ""),
}
_DAVIS: dict[str, Own] = {  # stations of Davis behind an Enginko
    "wind_speed": ("wind_speed", "m/s", 1, ""),
    "ten_minutes_avg_wind_speed": ("wind_speed", "m/s", 1, "10m"),
    "day_rain": ("rain", "mm", 1, "daily"),
    "day_et": ("evapotranspiration", "mm", 1, "daily"),
    "uv": ("uv_index", "1", 1, ""),
}
_MCCI: dict[str, Own] = {
    "t": ("temperature", "Cel", 1, ""),
    "p": ("pressure", "hPa", 1, ""),
    **dict.fromkeys(("t_dew", "t_dew_c"), ("dew_point", "Cel", 1, "")),
    "t_heat_index_c": ("heat_index", "Cel", 1, ""),
    "t_probe_one": ("temperature", "Cel", 1, "probe 1"),
    "t_probe_two": ("temperature", "Cel", 1, "probe 2"),
}
_RAK: dict[str, Own] = {
    "concentration": ("co2", "[ppm]", 1, ""),
    "soil_ec": ("soil_conductivity", "uS/cm", 1000, ""),
    "wind_speed": ("wind_speed", "m/s", 1, ""),
}
MAKERS: dict[str, Mapping[str, Own]] = {
    "milesight": _MILESIGHT,
    "milesight CT": {**_MILESIGHT, **_CLAMPS},
    "milesight WS5": {**_MILESIGHT, **_SOCKETS},
    "milesight EM500-PP": {**_MILESIGHT, "pressure": ("pipe_pressure", "kPa", 1, "")},
    "elsys": {"distance": ("distance", "m", 0.001, "")},
    "dragino": _DRAGINO,
    "browan": {},
    "enginko": _DAVIS,
    "mclimate": {"ppm": ("co2", "[ppm]", 1, "")},
    "mcci": _MCCI,
    "rak": _RAK,
    "thermokon": {"visible_light": ("illuminance", "lx", 1, "")},
    "watteco": {"concentration": ("co2", "[ppm]", 1, "")},
}
"""Codec or maker, and the model where those of a maker differ -> name, or metric without a unit -> what it is."""

_TILT: dict[str, State] = {
    "position": ("alarm", "tilt", ""),
    **{f"threshold_{axis}": ("alarm", "tilt", axis) for axis in "xyz"},
}
STATES: dict[str, Mapping[str, State]] = {
    **dict.fromkeys(("milesight", "milesight EM500-PP"), _TILT),
    "browan TBDW": {"status": ("alarm", "contact", "")},
    "browan TBMS": {"status": ("motion", "motion_count", "")},
    "browan TBWL": {"status": ("alarm", "water_leak", "")},
    "dragino": {"pin_status": ("alarm", "contact", "")},
    "thermokon": {"occu0_state": ("taken", "occupancy", ""), "vbat_hi_res": ("volts", "", "")},
}
"""Maker and model as in `MAKERS` -> name -> which state it is."""

_MODELS = re.compile(r"(?<![A-Z0-9])(?:(?P<ct>CT(?:10|30|31)\d)|(?P<ws>WS5\d\d)|(?P<pp>EM500-PP))")
_DOORS = re.compile(r"(?<![A-Z0-9])(TBDW|TBMS|TBWL)")
_OTHERS = re.compile(
    r"(?<![A-Z0-9])(?:(?P<mcci>MCCI|CATENA)|(?P<rak>RAK|WISBLOCK)|(?P<thermokon>THERMOKON)|(?P<watteco>WATTECO))"
)


@lru_cache(maxsize=20_000)
def kind_of_maker(codec: str, model: str) -> str:
    """Which of `MAKERS` the names of a device follow; '' for none.

    codec  the name of the codec of the device's maker; '' where none is known
    model  what is known of the device, in upper case
    """
    if codec == "browan":
        door = _DOORS.search(model)
        return f"browan {door[1]}" if door else codec
    if codec not in MAKERS:
        other = _OTHERS.search(model)
        return (other.lastgroup or "") if other else ""
    found = _MODELS.search(model) if codec == "milesight" else None
    if found is None:
        return codec
    return "milesight " + ("CT" if found["ct"] else "WS5" if found["ws"] else "EM500-PP")
