"""What members of a Zigbee device's state mean: measured values, alarms, motion, actions, and the words for them.

Source: the `exposes` of zigbee-herdsman-converters. Called by `state` and `bridge`.
"""

from functools import lru_cache
from typing import Any

from firmware_bridge.notation.members import flag_of

Metric = tuple[Any, ...]
"""(metric, unit, channel), or with (factor, offset) where the device measures in another unit."""

METRICS: dict[str, Metric] = {
    "temperature": ("temperature", "Cel", ""),
    "local_temperature": ("temperature", "Cel", ""),
    "device_temperature": ("device_temperature", "Cel", ""),
    "cpu_temperature": ("device_temperature", "Cel", "cpu"),
    "internalTemperature": ("device_temperature", "Cel", ""),
    "external_temperature": ("temperature", "Cel", "external"),
    "temperature_probe": ("temperature", "Cel", "probe"),
    "temperature_sensor": ("temperature", "Cel", ""),
    "probe_temperature": ("temperature", "Cel", "probe"),
    "outdoor_temperature": ("temperature", "Cel", "outdoor"),
    "floor_temperature": ("temperature", "Cel", "floor"),
    "water_temperature": ("temperature", "Cel", "water"),
    "soil_temperature": ("temperature", "Cel", "soil"),
    "room_temperature": ("temperature", "Cel", "room"),
    "air_temp": ("temperature", "Cel", "air"),
    "floor_temp": ("temperature", "Cel", "floor"),
    "local_temperature_floor": ("temperature", "Cel", "floor"),
    "cable_sensor_temperature": ("temperature", "Cel", "cable"),
    "dew_point": ("dew_point", "Cel", ""),
    "wind_chill": ("wind_chill", "Cel", ""),
    "humidex": ("humidex", "Cel", ""),
    "apparent_temperature": ("apparent_temperature", "Cel", ""),
    "heat_stress": ("heat_stress", "", ""),
    "humidity": ("humidity", "%", ""),
    "external_humidity": ("humidity", "%", "external"),
    "soil_moisture": ("soil_moisture", "%", ""),
    "moisture": ("soil_moisture", "%", ""),
    "soil_fertility": ("conductivity", "uS/cm", "soil"),
    "conductivity": ("conductivity", "uS/cm", ""),
    "ec": ("conductivity", "uS/cm", ""),
    "ph": ("ph", "[pH]", ""),
    "orp": ("redox_potential", "mV", ""),
    "tds": ("tds", "[ppm]", ""),
    "salinity": ("salinity", "[ppm]", ""),
    "turbidity": ("turbidity", "", ""),
    "pressure": ("pressure", "hPa", ""),
    "co2": ("co2", "[ppm]", ""),
    "eco2": ("co2", "[ppm]", ""),
    "co": ("co", "[ppm]", ""),
    "co_ppm": ("co", "[ppm]", ""),
    "smoke_concentration": ("smoke_concentration", "[ppm]", ""),
    "voc": ("voc", "ug/m3", ""),
    "voc_parts": ("voc", "[ppb]", "parts"),
    "voc_index": ("voc_index", "1", ""),
    "formaldehyd": ("formaldehyde", "mg/m3", ""),
    "formaldehyde": ("formaldehyde", "", ""),
    "nox_index": ("nox_index", "1", ""),
    "total_volatile_organic_compounds": ("voc", "[ppb]", ""),
    "hcho": ("formaldehyde", "mg/m3", ""),
    "pm1": ("pm1", "ug/m3", ""),
    "pm25": ("pm2_5", "ug/m3", ""),
    "pm4": ("pm4", "ug/m3", ""),
    "pm10": ("pm10", "ug/m3", ""),
    "aqi": ("aqi", "1", ""),
    "smoke_density": ("smoke_density", "", ""),
    "smoke_density_dbm": ("smoke_density", "dB/m", "dbm"),
    "gas_density": ("gas_density", "", ""),
    "gas_value": ("gas", "", ""),
    "illuminance": ("illuminance", "lx", ""),
    "illuminance_lux": ("illuminance", "lx", ""),
    "noise": ("sound_level", "dB", ""),
    "wind_speed": ("wind_speed", "m/s", ""),
    "gust_speed": ("wind_gust", "m/s", ""),
    "wind_direction": ("wind_direction", "deg", ""),
    "precipitation": ("rain", "mm", ""),
    "rain_rate": ("rain_rate", "mm/h", ""),
    "uv_index": ("uv_index", "1", ""),
    "water_consumed": ("water_consumed", "m3", ""),
    "flow": ("water_flow", "m3/h", ""),
    "volume_flow_rate": ("water_flow", "m3/h", ""),
    "liquid_depth": ("water_level", "m", ""),
    "liquid_level_percent": ("water_level_percent", "%", ""),
    "tank_level": ("water_level_percent", "%", ""),
    "distance": ("distance", "m", ""),
    "target_distance": ("distance", "m", ""),
    "occupancy_level": ("occupancy_level", "1", ""),
    "strength": ("vibration_strength", "", ""),
    "angle": ("angle", "deg", ""),
    "angle_x": ("angle", "deg", "x"),
    "angle_y": ("angle", "deg", "y"),
    "angle_z": ("angle", "deg", "z"),
    "power": ("power", "W", ""),
    "power_apparent": ("apparent_power", "VA", ""),
    "power_reactive": ("reactive_power", "var", ""),
    "power_factor": ("power_factor", "1", ""),
    "current": ("current", "A", ""),
    "current_neutral": ("current", "A", "neutral"),
    "energy": ("energy", "kWh", ""),
    "produced_energy": ("energy", "kWh", "produced"),
    "energy_produced": ("energy", "kWh", "produced"),
    "total_power": ("power", "W", "total"),
    "battery2": ("battery", "%", "2"),
    "consumption": ("energy", "kWh", ""),  # what `energy` was called before
    "energy_today": ("energy", "kWh", "today"),
    "daily_energy": ("energy", "kWh", "today"),
    "energy_yesterday": ("energy", "kWh", "yesterday"),
    "energy_month": ("energy", "kWh", "month"),
    "total_energy": ("energy", "kWh", "total"),
    "reverse_energy": ("energy", "kWh", "reverse"),
    **{f"energy_tier_{n}": ("energy", "kWh", f"tier_{n}") for n in range(1, 11)},
    **{f"produced_energy_tier_{n}": ("energy", "kWh", f"produced_tier_{n}") for n in range(1, 11)},
    "total_power_reactive": ("reactive_power", "var", "total"),
    "total_power_apparent": ("apparent_power", "VA", "total"),
    "mean_power": ("power", "W", "mean"),
    "mains_voltage": ("voltage", "V", "mains"),
    "solar_panel_voltage": ("voltage", "V", "solar_panel"),
    "ac_frequency": ("frequency", "Hz", ""),
    "position": ("position", "%", ""),
    "pi_heating_demand": ("heating_demand", "%", ""),
    "current_heating_setpoint": ("target_temperature", "Cel", ""),
    "occupied_heating_setpoint": ("target_temperature", "Cel", ""),
    "occupied_cooling_setpoint": ("target_temperature", "Cel", "cooling"),
    "inlet_water_temperature": ("temperature", "Cel", "inlet"),
    "outlet_water_temperature": ("temperature", "Cel", "outlet"),
    "temperature_c": ("temperature", "Cel", ""),
    "tilt": ("slat_position", "%", ""),
    "lux": ("illuminance", "lx", ""),
    "vpd": ("vapor_pressure_deficit", "kPa", ""),
    "radiation_dose_per_hour": ("radiation_exposure", "uR/h", ""),
    "radioactive_events_per_minute": ("radiation_counts", "/min", ""),
    "carbon_monoxide_value": ("co", "[ppm]", ""),
    "free_chlorine": ("free_chlorine", "mg/L", ""),
    "breathing_rate": ("breathing_rate", "/min", ""),
    "leakage_current": ("leakage_current", "mA", ""),
    "rms_voltage": ("voltage", "V", ""),
    "frequency": ("frequency", "Hz", ""),
    "energy_consumed": ("energy", "kWh", ""),
    "monthly_energy": ("energy", "kWh", "month"),
    "daily_water_consumption": ("water_consumed", "m3", "today"),
    **{f"{name}{n}": ("current", "A", n) for name in ("IINST", "IRMS") for n in ("", "1", "2", "3")},
    **{f"URMS{n}": ("voltage", "V", n) for n in ("", "1", "2", "3")},
    **{name + n: ("apparent_power", "VA", n) for name in ("PAPP", "SINSTS") for n in ("", "1", "2", "3")},
    "SINSTI": ("apparent_power", "VA", "exported"),
    "BASE": ("energy", "kWh", ""),
    "HCHC": ("energy", "kWh", "off_peak"),
    "HCHP": ("energy", "kWh", "peak"),
    "EAST": ("energy", "kWh", ""),
    "EAIT": ("energy", "kWh", "exported"),
    **{f"EASF{n:02}": ("energy", "kWh", f"tariff_{n}") for n in range(1, 11)},
    "brightness": ("brightness", "%", "", 100 / 254, 0.0),
    "active_power": ("power", "W", ""),
    "total_active_power": ("power", "W", "total"),
    "apparent_power": ("apparent_power", "VA", ""),
    "rms_current": ("current", "A", ""),
    "voltage_rms": ("voltage", "V", ""),
    "leakage": ("leakage_current", "mA", ""),
    "active_energy": ("energy", "kWh", ""),
    "energy_wh": ("energy", "kWh", "", 0.001, 0.0),
    "consumed_energy": ("energy", "kWh", "", 0.001, 0.0),
    "session_energy": ("energy", "kWh", "session"),
    "cumulative_heat": ("energy", "kWh", "heat"),
    "reactive_energy": ("reactive_energy", "kvar.h", ""),
    "instantaneous_flow_rate": ("water_flow", "m3/h", ""),
    "monthly_water_consumption": ("water_consumed", "m3", "month"),
    "rain_intensity": ("rain_intensity", "mV", ""),
    "wind_gust": ("wind_gust", "m/s", ""),
    "pressure_trend": ("pressure_trend", "hPa/h", ""),
    "fertility": ("conductivity", "uS/cm", "soil"),
    "ambient_light": ("illuminance", "lx", ""),
    "out_temperature": ("temperature", "Cel", "outdoor"),
    "smoke_value": ("smoke_concentration", "", ""),
    "smoke_battery": ("battery", "%", "smoke"),
    "heart_rate": ("heart_rate", "/min", ""),
    "dis_current": ("distance", "m", "", 0.01, 0.0),
    "closest_target_distance": ("distance", "m", ""),
    "target_distance_closest": ("distance", "m", ""),
    "target_velocity": ("speed", "m/s", ""),
    **{f"{axis}_axis": ("acceleration", "", axis) for axis in "xyz"},
    "position_current": ("position", "%", ""),
    "curtain_position": ("position", "%", ""),
    "target_position": ("target_position", "%", ""),
    "pulse_count": ("counter", "1", ""),
}
"""Measured values: name -> what it measures. Source: the `exposes` of zigbee-herdsman-converters."""

VOLTS: Metric = ("voltage", "V", "")
ENDPOINTS = frozenset(
    "l1 l2 l3 l4 l5 l6 l7 l8 1 2 3 4 5 6 7 8 a b c ab bc ca "
    "left right center top bottom internal external in out".split()
)
ALARMS: dict[str, tuple[str, bool]] = {
    "contact": ("contact", False),  # true says closed
    "garage_door_contact": ("contact", False),
    "rain_status": ("rain", True),
    "window_open": ("window", True),
    "valve_alarm": ("problem", True),
    "device_fault": ("problem", True),
    "noise_detected": ("sound", True),
    "sos_alarm": ("sos", True),
    "door_state": ("contact", True),
    "open_window_detected": ("window", True),
    "window_state": ("window", True),
    "water": ("water_leak", True),
    "active_water_leak": ("water_leak", True),
    "rainwater": ("rain", True),
    "rain_sensor_status": ("rain", True),
    "smoke_state": ("smoke", True),
    "gas_sensor_state": ("gas", True),
    "co_state": ("carbon_monoxide", True),
    "tamper_alarm": ("tamper", True),
    "fault_alarm": ("problem", True),
    "motor_fault": ("problem", True),
    "trouble": ("problem", True),
    "dry": ("dry", True),
    "co2_alarm": ("co2_alarm", True),
    "co2_state": ("co2_alarm", True),
    "radiation_alarm": ("radiation_alarm", True),
    "over_current_alarm": ("overcurrent", True),
    "fall_down_status": ("fall", True),
    "opening_state": ("contact", True),
    "water_leakage_state": ("water_leak", True),
    "emergency_overcurrent": ("overcurrent", True),
    "emergency_overheat": ("overheat", True),
    "power_alarm_active": ("overload", True),
    "battery_defect": ("problem", True),
    "end_of_life": ("problem", True),
    "alarm_active": ("alarm", True),
    **{
        name: (name, True)
        for name in "water_leak smoke gas carbon_monoxide tamper vibration tilt alarm sos panic emergency rain fall "
        "window glass_break problem fault".split()
    },
}
"""Name -> (alarm, the value that is worth an event). A value out of its limits is `{metric}_alarm`, as elsewhere."""

WORDED = {
    "alarm": "alarm",
    "event": "problem",  # of a circuit breaker
    "current_device_status": "problem",
    "valve_abnormal_state": "problem",
    "sensor_error": "problem",
    "room_status_code": "problem",
    "system_status_code": "problem",
    "reliability": "problem",
    "alarm_temperature": "temperature_alarm",
    "alarm_humidity": "humidity_alarm",
    "temperature_warning": "temperature_alarm",
    "probe_temperature_warning": "probe_temperature_alarm",
    "humidity_warning": "humidity_alarm",
    "illuminance_warning": "illuminance_alarm",
    "moisture_warning": "soil_moisture_alarm",
    "water_warning": "dry",  # of soil: that it is to be watered
    "liquid_state": "water_level_alarm",
    "fall_status": "fall",
    "fault": "fault",
    "fault_alarm": "problem",
    "alarm_state": "alarm",
    "alarm_status": "alarm",
    "temperature_alarm": "temperature_alarm",
    "humidity_alarm": "humidity_alarm",
}
"""Alarms whose word says what is amiss: `over_current`, `lower_alarm`, `alarm_co2`."""

QUIET = frozenset(
    "none normal not_detected clear cleared cancel canceled cancelled ok off no_alarm no_fault false 0 "
    "normal_state no_error no_fault_detected idle".split()
)

REPEATS = {"illuminance": "illuminance_lux", "consumption": "energy"}
"""Told raw, or under an old name, where the other is told too."""

MOTION = {"occupancy": "", "presence": "", "motion": "", "moving": ""}
MOTION |= {f"area{n}Occupancy": f"area{n}" for n in range(1, 9)}
MOTION_WORDS = frozenset(("presence_state", "human_motion_state", "motion_state"))
"""Motion in words, which many devices tell beside `presence`."""

_WORDS: dict[str, bool] = {
    **dict.fromkeys(
        "raining rain leak alarmed occupied presence present move moving active static stationary peaceful "
        "small medium large fall small_movement large_movement far near tilted water_leakage_yes".split(),
        True,
    ),
    **dict.fromkeys("none no_rain maybe_fall idle unoccupied absent clear water_leakage_no".split(), False),
}
_ACTIONS = {
    "emergency": "panic",
    "panic": "panic",
    "sos": "panic",
    "fire": "fire",
    "vibration": "vibration",
    "drop": "vibration",
    "tilt": "tilt",
    "disarm": "keypad",
    "invalid_code": "keypad",
    "not_ready": "keypad",
    "already_disarmed": "keypad",
}


@lru_cache(maxsize=1_024)
def alarm_of_action(action: str) -> str:
    """What an action is the alarm of: a lock, a keypad, a sensor; of all else a button."""
    name = _ACTIONS.get(action)
    if name is not None:
        return name
    words = action.split("_")
    if "lock" in words or "unlock" in words:
        return "lock"
    return "keypad" if words[0] == "arm" else "button"


def flag_of_words(value: str) -> bool | None:
    """Yes or no of what a device tells in words; None where it is neither."""
    flag = flag_of(value)
    return _WORDS.get(value.strip().lower()) if flag is None and len(value) < 20 else flag


@lru_cache(maxsize=2_048)
def metric_of_endpoint(member: str) -> Metric | None:
    """`temperature_l1`, `power_phase_b`: a metric of one of several channels."""
    head, _, end = member.rpartition("_")
    if end not in ENDPOINTS:
        return None
    head = head.removesuffix("_phase")
    metric = VOLTS if head == "voltage" else METRICS.get(head)
    if metric is None:
        return None
    return metric[0], metric[1], f"{metric[2]}_{end}" if metric[2] else end, *metric[3:]


@lru_cache(maxsize=2_048)
def state_of_flag(member: str) -> tuple[str, bool, str] | None:
    """(alarm, the value worth an event, area) of a flag, the alarm '' for motion; of one of several channels too."""
    if member in MOTION:
        return "", True, MOTION[member]
    if member in WORDED and member not in ALARMS:
        return WORDED[member], True, ""
    head, area = member, ""
    if member not in ALARMS:
        head, _, area = member.rpartition("_")
        if area not in ENDPOINTS:
            return None
    if head in MOTION:
        return "", True, area
    return (*ALARMS[head], area) if head in ALARMS else None
