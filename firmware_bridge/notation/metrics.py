"""What measured values are called and in which unit, whatever a firmware calls them.

One table of metrics with their UCUM unit, one of the names that firmware uses for them. A name nobody knows becomes a
metric of its own in lower case with underscores and no unit: kept, and not guessed at.
"""

import re

UNITS: dict[str, str] = {
    "temperature": "Cel",
    "dew_point": "Cel",
    "humidity": "%",
    "soil_moisture": "%",
    "pressure": "hPa",
    "co2": "[ppm]",
    "co": "[ppm]",
    "no2": "[ppm]",
    "voc": "[ppb]",
    "formaldehyde": "mg/m3",
    "pm1": "ug/m3",
    "pm2_5": "ug/m3",
    "pm4": "ug/m3",
    "pm10": "ug/m3",
    "illuminance": "lx",
    "sound_level": "dB",
    "wind_speed": "m/s",
    "wind_gust": "m/s",
    "wind_direction": "deg",
    "rain": "mm",
    "rain_rate": "mm/h",
    "solar_irradiance": "W/m2",
    "uv_index": "1",
    "water_level": "m",
    "water_flow": "m3/h",
    "distance": "m",
    "gas": "[ppm]",
    "methane": "[ppm]",
    "radiation": "uSv/h",
    "voltage": "V",
    "current": "A",
    "power": "W",
    "apparent_power": "VA",
    "reactive_power": "var",
    "power_factor": "1",
    "energy": "kWh",
    "frequency": "Hz",
    "battery": "%",
    "battery_voltage": "V",
    "signal": "dBm",
    "occupancy": "1",
    "motion": "1",
    "speed": "m/s",
}
"""Metric -> UCUM unit."""

_ALIASES: dict[str, str] = {
    "temp": "temperature",
    "temperature_c": "temperature",
    "temp_c": "temperature",
    "air_temperature": "temperature",
    "ambient_temperature": "temperature",
    "airtemperature": "temperature",
    "local_temperature": "temperature",
    "hum": "humidity",
    "humd": "humidity",
    "relative_humidity": "humidity",
    "rh": "humidity",
    "air_humidity": "humidity",
    "airhumidity": "humidity",
    "barometric_pressure": "pressure",
    "air_pressure": "pressure",
    "airpressure": "pressure",
    "barometer": "pressure",
    "carbondioxide": "co2",
    "carbon_dioxide": "co2",
    "eco2": "co2",
    "e_co2": "co2",
    "pm25": "pm2_5",
    "pm2.5": "pm2_5",
    "pm_2_5": "pm2_5",
    "pm1_0": "pm1",
    "pm1.0": "pm1",
    "pm10_0": "pm10",
    "pm_10": "pm10",
    "lux": "illuminance",
    "light": "illuminance",
    "illumination": "illuminance",
    "illuminance_lux": "illuminance",
    "luminosity": "illuminance",
    "noise": "sound_level",
    "laeq": "sound_level",
    "formaldehyd": "formaldehyde",
    "hcho": "formaldehyde",
    "tvoc": "voc",
    "windspeed": "wind_speed",
    "winddirection": "wind_direction",
    "rainfall": "rain",
    "dewpoint": "dew_point",
    "uvi": "uv_index",
    "apparentpower": "apparent_power",
    "reactivepower": "reactive_power",
    "factor": "power_factor",
    "moisture": "soil_moisture",
    "soilmoisture": "soil_moisture",
    "bat": "battery",
    "batt": "battery",
    "battery_level": "battery",
}

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")


def read_metric(name: str) -> tuple[str, str]:
    """(metric, unit) of a value by the name its firmware gives it.

    `DewPoint`, `dew_point` and `dewpoint` are one metric; an unknown name is (the name in snake case, '').
    """
    known = _KNOWN.get(name)
    if known is not None:
        return known
    snake = snake_case(name)
    metric = _ALIASES.get(snake, snake)
    return metric, UNITS.get(metric, "")


def snake_case(name: str) -> str:
    """`DewPoint 2` as `dew_point_2`; at most 64 characters, 'value' where nothing is left."""
    return _WORD.sub("_", name).strip("_").lower()[:64] or "value"


_KNOWN: dict[str, tuple[str, str]] = {
    name: (metric, UNITS.get(metric, ""))
    for name, metric in [*_ALIASES.items(), *((metric, metric) for metric in UNITS)]
}
