"""What the members of a decoded uplink are called, and what is known of their units. Read by `sweep`.

Decoders that run in a network server are written by anyone. A unit is given only where the name or the size of the
value says it: a plain `distance` may be millimetres, and stays without one.
"""

import re

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
    **dict.fromkeys(("temp_c_sht", "temp_c_sht20", "temp_c_sht31", "temp_c_sht40"), "temperature"),
    **dict.fromkeys(("hum_sht", "hum_sht20", "hum_sht31", "hum_sht40"), "humidity"),
    **dict.fromkeys(("celsius_ambient_temperature", "ambient_temperature"), "temperature"),
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
    "water_deep": "water_level",
    "tem": "temperature",
    "temperature_measure": "temperature",
    "humi": "humidity",
    "hygrometry": "humidity",
    "valve_openness": "valve_opening",
    "temp_c_tmp117": "temperature.external",
    "level": "level",
    "soil_temp": "soil_temperature",
    "temp_soil": "soil_temperature",
    "water_soil": "soil_moisture",
    "conduct_soil": "soil_conductivity",
    "ec": "soil_conductivity",
    "precipitation": "rain",
    "solar_radiation": "solar_irradiance",
    "total_solar_radiation": "solar_irradiance",
    "maximum_wind_speed": "wind_gust",
    "laf": "sound_level.laf",
    "lafmax": "sound_level.lafmax",
    "h2s": "hydrogen_sulfide",
    "nh3": "ammonia",
    "o3": "ozone",
    **dict.fromkeys(("ambient_pressure", "atm_p", "air_pres", "air_pressure"), "pressure"),
    **dict.fromkeys(("ambient_humidity", "rhum", "hygro", "hum_now"), "humidity"),
    "temp_now": "temperature",
    "luminance": "illuminance",
    "sound": "sound_level",
    **dict.fromkeys(("co2_filtered", "co2_concentration_filtered", "co2_pressure_compensated"), "co2"),
    **dict.fromkeys(("co2_raw", "co2_concentration_raw"), "co2.raw"),
    **dict.fromkeys(("soil_moist", "volumetric_water_content", "moisture_at_level"), "soil_moisture"),
    "soil_moisture_at_depth": "soil_moisture",
    **dict.fromkeys(("soil_temperature_at_depth", "temperature_at_level"), "soil_temperature"),
    "salinity_at_level": "soil_salinity",
    "vwc": "soil_moisture.vwc",
    **dict.fromkeys(("soil_ph_h", "ph1_soil"), "soil_ph"),
    "cumulative_precipitation": "rain_total",
}
"""Names that the shared table of metrics does not have, in snake case."""

SCALES: dict[str, tuple[str, float, str]] = {
    "_mm": ("", 0.001, "m"),
    "_cm": ("", 0.01, "m"),
    "_m": ("", 1, "m"),
    **dict.fromkeys(("_hpa", "_h_pa"), ("", 1, "hPa")),
    **dict.fromkeys(("_kpa", "_k_pa"), ("", 10, "hPa")),
    "_pa": ("", 0.01, "hPa"),
    "_mpa": ("", 1000, "kPa"),
    "_bar": ("", 1, "bar"),
    **dict.fromkeys(("_mv", "_m_v"), ("", 0.001, "V")),
    "_v": ("", 1, "V"),
    "_ma": ("", 0.001, "A"),
    "_m_a": ("", 0.001, "A"),
    "_ppm": ("", 1, "[ppm]"),
    "_ppb": ("", 1, "[ppb]"),
    "_lux": ("", 1, "lx"),
    "_percent": ("", 1, "%"),
    "_pct": ("", 1, "%"),
    "_celsius": ("", 1, "Cel"),
    "_c": ("", 1, "Cel"),
    "_degc": ("", 1, "Cel"),
    **dict.fromkeys(("_kmph", "_kmh"), ("", 1 / 3.6, "m/s")),
    **dict.fromkeys(("_kwh", "_k_wh"), ("", 1, "kWh")),
    **dict.fromkeys(("_kw", "_k_w"), ("", 1000, "W")),
}
"""Ending of a name -> (what replaces it, factor, unit)."""

UNSURE = frozenset({"distance", "water_level", "level", "depth", "wind_speed", "current", "power", "energy", "rain"})
"""Metrics whose unit a plain name does not tell."""

_BATTERY = re.compile(
    r"(?:\w+_)?bat(?:t|tery)?(?:_(?P<what>\w+))?|v(?:bat|batt|dd)|volt|bat(?:t)?(?:ery)?v(?:olt)?(?:age)?"
)
_VOLTS = frozenset({"v", "volt", "volts", "voltage", "mv", "m_v"})
_PERCENT = frozenset({"", "level", "lvl", "percent", "percentage", "pct", "capacity", "soc", "remaining", "main"})
_NO_BATTERY = re.compile(r"(?:\w+_)?(?:low|display|alarm)_bat\w*")  # a state, or that of a part


def battery_sort(name: str) -> str:
    """Whether a member, in snake case, is a battery's `volts` or `percent`; '' where it is neither."""
    if name == "batterylevel":
        return "percent"
    if name == "supply_voltage":
        return "volts"
    if _NO_BATTERY.fullmatch(name):
        return ""
    battery = _BATTERY.fullmatch(name)
    if battery is None:
        return ""
    what = battery["what"]
    if what is None:
        return "percent" if "bat" in name and not name.endswith(("v", "volt", "voltage", "vbat", "vbatt")) else "volts"
    return "volts" if what in _VOLTS else "percent" if what in _PERCENT else ""


FACTS: dict[str, str] = {
    **dict.fromkeys(("firmware_version", "firmware", "software_version", "fw_version", "swver"), "firmware"),
    **dict.fromkeys(("sn", "serial_number", "serial"), "serial"),
}
"""What a device says of itself, not of the world."""

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
        "imei",
        "imsi",
        "iccid",
        "csq",
        "start_flag",
        "data_length",
        "frame_cnt",
        "index",
        "measurement_id",
        "hwver",
        "datecode",
        "systimestamp",
        "time_stamp",
        "display_name",
        *("device_status", "reset_event", "tsl_version", "head", "msgid", "message_type", "mes_type", "mod"),
        *("bat_status", "bat_v_status", "interrupt_flag", "sensor_flag", "exti_trigger", "calculate_flag", "i_flag"),
        *("min_time", "max_time", "reason", "valid", "err", "interval", "multiplier", "multiplier1", "multiplier2"),
        *("multiplier3", "motor_range", "target_temperature_float", "perceive_as_online"),
        *("s_flag", "tdc", "tdc_interval", "sub_band", "freq_band", "frequency_band", "pnackmd"),
    }
)
"""Members that measure nothing."""

ALARMS: dict[str, str] = {
    **dict.fromkeys(
        ("leak", "water_leak", "waterleak", "leakage", "leakage_status", "water", "leak_status"), "water_leak"
    ),
    "water_leak_status": "water_leak",
    **dict.fromkeys(
        ("door", "open", "contact", "magnet", "magnet_status", "door_open_status", "reed", "reed_state"), "contact"
    ),
    **dict.fromkeys(("contact_state", "door_status", "door_state", "window", "hall", "contact_switch"), "contact"),
    **dict.fromkeys(("door1_open_status", "door2_open_status"), "contact"),
    **dict.fromkeys(("smoke", "smoke_alarm", "smoke_detected"), "smoke"),
    **dict.fromkeys(("fire", "fire_alarm"), "fire"),
    **dict.fromkeys(("gas_alarm", "gas_status", "gas_leak"), "gas"),
    **dict.fromkeys(("tamper", "tamper_status", "tamper_alarm", "box_tamper"), "tamper"),
    **dict.fromkeys(("tilt", "tilt_status"), "tilt"),
    **dict.fromkeys(("vibration", "vibration_alarm"), "vibration"),
    **dict.fromkeys(("fall", "fall_detected"), "fall"),
    **dict.fromkeys(("button", "button_pressed", "sos", "panic", "emergency"), "button"),
    **dict.fromkeys(("button_event", "button_status", "press", "press_event"), "button"),
    **dict.fromkeys(("flood", "flood_alarm", "flooding"), "flood"),
    **dict.fromkeys(("low_battery", "battery_low", "alarm_battery"), "battery_low"),
    "alarm_fall": "fall",
    "alarm": "alarm",
}
MOTIONS = frozenset(
    {"pir", "motion", "pir_status", "motion_detected", "motion_event_state", "pir_trigger"}
    | {"in_motion", "in_movement", "in_trip", "moving", "motion_state"}
)
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
            "alarm",
            "mutation alarm",
            "occupied",
            "tilt",
            "wet",
            "moving",
            "threshold alarm",
            "y",
        ),
        True,
    ),
    **dict.fromkeys(("abnormal", "uninstalled", "pressed", "short", "long", "double", "busy", "fire", "smoke"), True),
    **dict.fromkeys(("short press", "long press", "double press", "short_press", "long_press", "double_press"), True),
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
            "release",
            "released",
            "alarm release",
            "threshold alarm release",
            "threshold release alarm",
            "n",
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
            if unit == "Cel" and not _WARM.search(snake):
                continue
            snake, factor, said = snake[: -len(ending)], scale, unit
            break
    channel = ""
    if snake not in ALIASES and read_metric(snake)[1] == "":
        snake, channel = split_number(snake)
    metric, _, part = ALIASES.get(snake, snake).partition(".")
    if metric == snake:
        metric = read_metric(snake)[0]
    if metric not in UNITS and metric not in _OWN_UNITS:
        metric, part, said = _somewhere(metric, said)
    unit = said or ("" if metric in UNSURE else UNITS.get(metric, _OWN_UNITS.get(metric, "")))
    return metric, unit, factor, channel or part


def split_number(name: str) -> tuple[str, str]:
    """`temperature_chn2`, `temp_c2`, `distance2` and `leak_2` as what they are without the number, and the number."""
    found = _NUMBERED_NAME.fullmatch(name)
    if found is None or found["stem"].endswith(_TYPES):
        return name, ""
    stem, number = found["stem"], found["number"]
    if not found["apart"]:
        stem = stem[:-2] if stem.endswith("_c") and _WARM.search(stem) else stem
        if stem not in ALIASES and read_metric(stem)[1] == "" and stem not in _OWN_UNITS:
            return name, ""
    return stem, number


_TYPES = ("sht", "tmp", "pt", "ds18_b", "ds")  # a number behind them is a sensor's type
_WARM = re.compile(r"temp|dew|heat|setpoint|sht|ds18|probe")
_NUMBERED_NAME = re.compile(r"(?P<stem>.*?(?:[a-z]|(?<=co)2(?=_)))(?P<apart>_(?:chn?|channel)?_?)?(?P<number>\d{1,3})")
_CLIMATE = re.compile(r"(?P<where>\w+?)_(?P<what>temperature|temp|humidity|hum)")
_PLACED = re.compile(
    r"(?P<what>temperature|temp|humidity|hum)(?:_c)?_(?P<where>board|internal|external|probe|ambient|indoor|outdoor|in|out"
    r"|red|white|black|ds\w*|sht\w*|channel_?\d+|\d+)"
)
_WANTED = frozenset({"target", "set", "setpoint", "min", "max", "threshold", "limit", "alarm", "desired", "reference"})


def _somewhere(metric: str, said: str) -> tuple[str, str, str]:
    """(metric, channel, unit) of `sensor_temperature` and `temperature_board`; what is only wanted keeps its name."""
    climate = _CLIMATE.fullmatch(metric) or _PLACED.fullmatch(metric)
    if climate is None:
        return metric, "", said
    what = read_metric(climate["what"])[0]
    if not _WANTED.isdisjoint(climate["where"].split("_")):
        return metric, "", said or UNITS[what]
    return what, climate["where"], said or UNITS[what]


NUMBERED: dict[int, tuple[str, str, float]] = {
    3000: ("battery_percent", "%", 1.0),
    4097: ("temperature", "Cel", 1.0),
    4098: ("humidity", "%", 1.0),
    4099: ("illuminance", "lx", 1.0),
    4100: ("co2", "[ppm]", 1.0),
    4101: ("pressure", "hPa", 0.01),
    4102: ("soil_temperature", "Cel", 1.0),
    4103: ("soil_moisture", "%", 1.0),
    4104: ("wind_direction", "deg", 1.0),
    4105: ("wind_speed", "m/s", 1.0),
    4106: ("ph", "[pH]", 1.0),
    4108: ("soil_conductivity", "uS/cm", 1000.0),
    4113: ("rain_rate", "mm/h", 1.0),
    4190: ("uv_index", "1", 1.0),
    4191: ("wind_gust", "m/s", 1.0),
    4197: ("longitude", "deg", 1.0),
    4198: ("latitude", "deg", 1.0),
    4199: ("illuminance", "%", 1.0),
}
"""SenseCAP's measurement ids -> (metric, unit, factor). Source: Seeed, "SenseCAP Measurement ID"."""

_OWN_UNITS = {
    "soil_temperature": "Cel",
    "soil_conductivity": "uS/cm",
    "surface_temperature": "Cel",
    "soil_ph": "[pH]",
    "rain_total": "mm",
    "presence": "1",
    "ammonia": "[ppm]",
    "hydrogen_sulfide": "[ppm]",
    "ozone": "[ppm]",
    "water_temperature": "Cel",
}
