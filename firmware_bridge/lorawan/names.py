"""What the members of a decoded uplink are called, and what is known of their units. Read by `sweep`.

Decoders that run in a network server are written by anyone. A unit is given only where the name or the size of the
value says it: a plain `distance` may be millimetres, and stays without one.
"""

from firmware_bridge.notation.metrics import UNITS, read_metric, snake_case

ALIASES: dict[str, str] = {
    "temperature_sensor": "temperature",
    "humidity_sensor": "humidity",
    "illuminance_sensor": "illuminance",
    "presence_sensor": "presence",
    "barometer": "pressure",
    "barometric": "pressure",
    "atmospheric_pressure": "pressure",
    "temp_sht": "temperature",
    "temp_c_sht": "temperature",
    "hum_sht": "humidity",
    "hum_pct": "humidity",
    "temp_c_ds": "temperature.external",
    "external_temperature": "temperature.external",
    "air_temperature": "temperature",
    "relative_humidity": "humidity",
    "co2_ppm": "co2",
    "pm2_5_mass_concentration": "pm2_5",
    "pm1_0_mass_concentration": "pm1",
    "pm4_mass_concentration": "pm4",
    "pm10_mass_concentration": "pm10",
    "sound_avg": "sound_level",
    "sound_peak": "sound_level.peak",
    "l_aeq": "sound_level",
    "laeq": "sound_level",
    "illum": "illuminance",
    "illumination": "illuminance",
    "ilx": "illuminance",
    "ill_lx": "illuminance",
    "light_intensity": "illuminance",
    "waterlevel": "water_level",
    "level": "level",
    "soil_temp": "soil_temperature",
    "temp_soil": "soil_temperature",
    "water_soil": "soil_moisture",
    "conduct_soil": "soil_conductivity",
    "precipitation": "rain",
    "h2s": "hydrogen_sulfide",
    "nh3": "ammonia",
    "o3": "ozone",
}
"""Names that the shared table of metrics does not have, in snake case."""

SCALES: dict[str, tuple[str, float, str]] = {
    "_mm": ("", 0.001, "m"),
    "_cm": ("", 0.01, "m"),
    "_m": ("", 1, "m"),
    "_hpa": ("", 1, "hPa"),
    "_kpa": ("", 10, "hPa"),
    "_pa": ("", 0.01, "hPa"),
    "_mv": ("", 0.001, "V"),
    "_ppm": ("", 1, "[ppm]"),
    "_ppb": ("", 1, "[ppb]"),
    "_lux": ("", 1, "lx"),
    "_percent": ("", 1, "%"),
    "_pct": ("", 1, "%"),
    "_celsius": ("", 1, "Cel"),
    "_c": ("", 1, "Cel"),
    "_degc": ("", 1, "Cel"),
}
"""Ending of a name -> (what replaces it, factor, unit)."""

UNSURE = frozenset({"distance", "water_level", "level", "depth", "wind_speed", "current", "power", "energy", "rain"})
"""Metrics whose unit a plain name does not tell."""

BATTERY_VOLTS = frozenset(
    {"bat_v", "battery_voltage", "bat_voltage", "batt_v", "battery_v", "batteryvoltage", "vbat", "vdd", "batv", "vbatt"}
)
BATTERY_PERCENT = frozenset(
    {"battery", "bat", "batt", "battery_level", "battery_percent", "battery_percentage", "batterylevel"}
)

PASSED_OVER = frozenset(
    {
        "bytes",
        "raw",
        "hex",
        "payload",
        "payload_hex",
        "timestamp",
        "time",
        "ts",
        "unixtime",
        "port",
        "f_port",
        "fport",
        "f_cnt",
        "fcnt",
        "frame_counter",
        "version",
        "protocol_version",
        "device_id",
        "dev_eui",
        "deveui",
        "rssi",
        "snr",
        "sf",
        "errors",
        "error",
        "warnings",
        "lora_frame_counter",
        "lora_frame_port",
        "work_mode",
        "node_type",
        "hardware_version",
        "sn",
    }
)
"""Members that measure nothing."""

ALARMS: dict[str, str] = {
    **dict.fromkeys(
        ("leak", "water_leak", "waterleak", "leakage", "leakage_status", "water", "leak_status"), "water_leak"
    ),
    **dict.fromkeys(
        ("door", "open", "contact", "magnet", "magnet_status", "door_open_status", "reed", "reed_state"), "contact"
    ),
    **dict.fromkeys(("contact_state", "door_status", "door_state", "window", "hall", "contact_switch"), "contact"),
    **dict.fromkeys(("smoke", "smoke_alarm", "smoke_detected"), "smoke"),
    **dict.fromkeys(("fire", "fire_alarm"), "fire"),
    **dict.fromkeys(("gas_alarm", "gas_status", "gas_leak"), "gas"),
    **dict.fromkeys(("tamper", "tamper_status", "tamper_alarm"), "tamper"),
    **dict.fromkeys(("tilt", "tilt_status"), "tilt"),
    **dict.fromkeys(("vibration", "vibration_alarm"), "vibration"),
    **dict.fromkeys(("fall", "fall_detected"), "fall"),
    **dict.fromkeys(("button", "button_pressed", "sos", "panic", "emergency"), "button"),
    **dict.fromkeys(("flood", "flood_alarm", "flooding"), "flood"),
    "alarm": "alarm",
}
MOTIONS = frozenset({"pir", "motion", "pir_status", "motion_detected", "motion_event_state", "pir_trigger"})
TAKEN = frozenset(
    {"occupancy", "occupied", "occupancy_status", "presence", "parking_status", "is_occupied", "car_status", "parked"}
)

WORDS: dict[str, bool] = {
    **dict.fromkeys(
        (
            "leak",
            "leaking",
            "open",
            "opened",
            "trigger",
            "triggered",
            "occupied",
            "tilt",
            "wet",
            "moving",
            "threshold alarm",
        ),
        True,
    ),
    **dict.fromkeys(("abnormal", "uninstalled", "pressed", "short", "long", "double", "busy", "fire", "smoke"), True),
    **dict.fromkeys(
        (
            "no leak",
            "no_leak",
            "close",
            "closed",
            "idle",
            "vacant",
            "free",
            "dry",
            "none",
            "installed",
            "unoccupied",
            "normal",
        ),
        False,
    ),
}
"""How decoders spell states, besides the usual yes and no."""


def metric_of(name: str) -> tuple[str, str, float, str]:
    """(metric, unit, factor, channel) of a member by its name.

    `temperature_3` is the third temperature; `distance_mm` is in metres once it is multiplied.
    """
    snake = snake_case(name)
    factor, said = 1.0, ""
    for ending, (_, scale, unit) in SCALES.items():
        if snake.endswith(ending) and len(snake) > len(ending) and snake not in ALIASES:
            snake, factor, said = snake[: -len(ending)], scale, unit
            break
    stem, _, number = snake.rpartition("_")
    channel = ""
    if number.isdigit() and stem and read_metric(snake)[1] == "" and snake not in ALIASES:
        snake, channel = stem, number
    metric, _, part = ALIASES.get(snake, snake).partition(".")
    if metric == snake:
        metric = read_metric(snake)[0]
    unit = said or ("" if metric in UNSURE else UNITS.get(metric, _OWN_UNITS.get(metric, "")))
    return metric, unit, factor, channel or part


_OWN_UNITS = {
    "soil_temperature": "Cel",
    "soil_conductivity": "uS/cm",
    "surface_temperature": "Cel",
    "presence": "1",
    "ammonia": "[ppm]",
    "hydrogen_sulfide": "[ppm]",
    "ozone": "[ppm]",
}
