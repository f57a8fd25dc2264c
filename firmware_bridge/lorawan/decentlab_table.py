"""Decentlab's models: the sensors of each, in the order of their flags, and what their words mean. Read by `decentlab`.

Values that need a calibration of the single device (a strain gauge's, a pressure range's) are given as the data sheet's
standard device has them only where there is one; else they are left out.
"""

from functools import partial

from firmware_bridge.lorawan.decentlab_reader import (
    HALF,
    Group,
    albedo,
    battery,
    group,
    light,
    long,
    permittivity,
    platinum,
    row,
    second_dendrometer,
    thermistor,
    value,
    vibrating_wire,
    water_content,
    wind,
)

_cel = partial(value, "temperature", "Cel")
_soil = partial(value, "soil_temperature", "Cel", scale=0.1)
BATTERY = group(1, battery)
_SHT = group(2, _cel(0, 45 * 65535 / 175, 175 / 65535, within=(-40, 125)), value("humidity", "%", 1, 0, 100 / 65535))
_SHT2X = group(
    2, _cel(0, 46.85 * 65536 / 175.72, 175.72 / 65536), value("humidity", "%", 1, 6 * 65536 / 125, 125 / 65536)
)
_PASCAL = group(1, value("pressure", "hPa", 0, 0, 0.02))
_ROAD = (
    value("surface_temperature", "Cel", 0, scale=0.01),
    _cel(1, scale=0.01),
    value("humidity", "%", 2, scale=0.01),
    value("dew_point", "Cel", 3, scale=0.01),
    value("angle", "deg", 4),
    _cel(5, scale=0.01, channel="sensor"),
)
_PULSES = partial(group, 4)
_STATE = (0, 1)
_PART = (-0.05, 1.05)  # of a potentiometer's way, a little beyond its ends
_STRAIN = 4e6 / (64 * 2.02)  # a quarter bridge behind an amplifier of 64, gauge factor 2.02
_DENDROMETER = long("dendrometer", "um", 0, 20000 / 8388608, 20000, "a", within=(-500, 20_500))
_STATUS_TEMPERATURE = (value("status", "", 0, 0), _cel(1, scale=0.01))
MODELS: dict[str, tuple[Group, ...]] = {
    "5TM": (
        group(
            2,
            value("permittivity", "1", 0, 0, 0.02, within=(1, 80)),
            water_content,
            value("soil_temperature", "Cel", 1, 400, 0.1),
        ),
        BATTERY,
    ),
    "ALB": (
        group(
            2,
            value("solar_irradiance", "W/m2", 0, scale=0.1),
            value("reflected_radiation", "W/m2", 1, scale=0.1),
            albedo,
        ),
        BATTERY,
    ),
    "ATM22": (
        group(
            8,
            *wind(0),
            _cel(3, scale=0.1),
            value("tilt_angle", "deg", 4, scale=0.1, channel="x"),
            value("tilt_angle", "deg", 5, scale=0.1, channel="y"),
            value("wind_speed_north", "m/s", 6, scale=0.01),
            value("wind_speed_east", "m/s", 7, scale=0.01),
        ),
        BATTERY,
    ),
    "ATM41": (
        group(
            17,
            value("solar_irradiance", "W/m2", 0),
            value("rain", "mm", 1, scale=0.001),
            value("lightning_strikes", "1", 2),
            value("lightning_distance", "km", 3),
            *wind(4),
            _cel(7, scale=0.1),
            value("vapor_pressure", "kPa", 8, scale=0.01),
            value("pressure", "hPa", 9, scale=0.1),
            value("humidity", "%", 10, scale=0.1),
            _cel(11, scale=0.1, channel="sensor"),
            value("tilt_angle", "deg", 12, scale=0.1, channel="x"),
            value("tilt_angle", "deg", 13, scale=0.1, channel="y"),
            value("heading", "deg", 14),
            value("wind_speed_north", "m/s", 15, scale=0.01),
            value("wind_speed_east", "m/s", 16, scale=0.01),
        ),
        BATTERY,
    ),
    "BLG": (group(2, thermistor), BATTERY),
    "CTD10": (
        group(
            4,
            value("water_level", "m", 0, scale=0.001),
            _cel(1, scale=0.1),
            value("conductivity", "uS/cm", 2, 0),
            value("freezing", "1", 3, 0),
        ),
        BATTERY,
    ),
    "CWS2": (_SHT, group(6, *_ROAD), BATTERY),
    "CWS": (group(6, *_ROAD), BATTERY),
    "DLR2-002": (
        _PULSES(value("pulses", "1", 0, 0), value("pulse_interval", "s", 1, 0), long("pulses_total", "1", 2)),
        BATTERY,
    ),
    "DLR2-003": (group(1, value("input", "", 0, 0, within=_STATE)), BATTERY),
    "DLR2-004": (group(1, value("current", "A", 0, scale=0.15 / HALF, within=(0, 0.03))), BATTERY),
    "DLR2-010": (
        _PULSES(
            value("pulses", "1", 0, 0, channel="0"),
            value("pulse_interval", "s", 1, 0, channel="0"),
            long("pulses_total", "1", 2, channel="0"),
        ),
        _PULSES(
            value("pulses", "1", 0, 0, channel="1"),
            value("pulse_interval", "s", 1, 0, channel="1"),
            long("pulses_total", "1", 2, channel="1"),
        ),
        BATTERY,
    ),
    "DLR2-011": (
        group(1, value("input", "", 0, 0, channel="0", within=_STATE)),
        group(1, value("input", "", 0, 0, channel="1", within=_STATE)),
        BATTERY,
    ),
    "DLR2-005": (group(2, long("voltage", "V", 0, 3 / 8388608, 3)), BATTERY),
    "DLR2-006": (group(2, long("potentiometer", "1", 0, 1 / 8388608, 1, within=_PART)), BATTERY),
    "DLR2-008": (group(2, platinum(2, -244.83, 2.3419, 0.0010664)), BATTERY),
    "DLR2-009": (group(2, platinum(1, -245.18, 0.23469, 0.0000104876)), BATTERY),
    "DLR2-012": (group(2, long("strain", "um/m", 0, _STRAIN / 8388608, _STRAIN)), BATTERY),
    "DS18": (group(1, _cel(0, scale=1 / 16, within=(-55, 125))), BATTERY),
    "DWS": (group(3, vibrating_wire), BATTERY),
    "GMM": (
        group(
            7,
            value("photosynthetic_radiation", "umol/m2/s", 0, scale=0.1),
            _cel(1, scale=0.01),
            value("humidity", "%", 2, scale=0.1),
            value("co2", "[ppm]", 3),
            value("pressure", "hPa", 4, scale=0.1),
            value("vapor_pressure_deficit", "kPa", 5, scale=0.01),
            value("dew_point", "Cel", 6, scale=0.01),
        ),
        BATTERY,
    ),
    "IAM": (
        BATTERY,
        _SHT,
        _PASCAL,
        group(2, light, value("visible_infrared", "", 0, 0), value("infrared", "", 1, 0)),
        group(3, value("co2", "[ppm]", 0), value("co2_status", "", 1, 0)),
        group(1, value("activity", "1", 0, 0)),
        group(1, value("voc", "[ppb]", 0, 0)),
    ),
    "IFD": (group(1, value("fruit_size", "mm", 0, 0, 0.01)), BATTERY),
    "ILT": (group(1, value("leaf_temperature", "Cel", 0, scale=0.01, within=(-40, 100))), BATTERY),
    "ISD": (group(1, value("stem_size", "mm", 0, 0, 0.001)), BATTERY),
    "ISF": (
        group(
            16,
            value("sap_flow", "L/h", 0, 3125, 0.016),
            value("heat_velocity", "cm/h", 1, 3125, 0.016, "outer"),
            value("heat_velocity", "cm/h", 2, 3125, 0.016, "inner"),
            _cel(9, scale=0.01, channel="outer"),
            long("diagnostic", "", 12),
        ),
        BATTERY,
    ),
    "ITST": (
        group(2, value("surface_temperature", "Cel", 0, 1000, 0.1), _cel(1, 1000, 0.1, "sensor")),
        BATTERY,
    ),
    "KL66": (group(3, value("pulses", "1", 0, 0), vibrating_wire), BATTERY),
    "LID": (
        group(
            11,
            *(
                value("distance", "m", n, 0, 0.001, channel)
                for n, channel in enumerate(("average", "minimum", "maximum", "", "p10", "p25", "p75", "p90", "mode"))
            ),
            value("samples", "1", 9, 0),
        ),
        BATTERY,
    ),
    "LP8P": (
        _SHT2X,
        group(2, _cel(0, 5000, 0.01, "barometer"), value("pressure", "hPa", 1, 0, 0.02)),
        group(
            8,
            value("co2", "[ppm]", 0),
            value("co2", "[ppm]", 1, channel="filtered"),
            _cel(2, scale=0.01, channel="co2 sensor"),
            value("co2_status", "", 5, 0),
        ),
        BATTERY,
    ),
    "LPW": (group(2, long("soil_moisture", "%", 0, 100 / 8388608, 100)), BATTERY),
    "LWS": (group(2, long("leaf_wetness", "1", 0, 1 / 8388608, 1, within=_PART)), BATTERY),
    "MBX": (
        group(2, value("distance", "m", 0, 0, 0.001, within=(0.25, 11)), value("valid_samples", "1", 1, 0)),
        BATTERY,
    ),
    "MES5": (
        group(
            5,
            *_STATUS_TEMPERATURE,
            value("sludge_blanket", "%", 2, 0, 0.01),
            value("suspended_solids", "g/L", 3, 0, 0.01),
            value("turbidity", "[FAU]", 4, 0, 0.1),
        ),
        BATTERY,
    ),
    "NTU": (
        group(
            5,
            *_STATUS_TEMPERATURE,
            value("turbidity", "[NTU]", 2, 0, 0.1),
            value("turbidity", "[FNU]", 3, 0, 0.1, "fnu"),
            value("turbidity", "mg/L", 4, 0, 0.1, "mass"),
        ),
        BATTERY,
    ),
    "OPTOD": (
        group(
            5,
            *_STATUS_TEMPERATURE,
            value("oxygen_saturation", "%", 2, scale=0.01),
            value("oxygen", "mg/L", 3, scale=0.01),
            value("oxygen", "[ppm]", 4, scale=0.01, channel="ppm"),
        ),
        BATTERY,
    ),
    "PAR": (
        group(1, value("photosynthetic_radiation", "umol/m2/s", 0, scale=15000 / HALF, within=(-50, 5000))),
        BATTERY,
    ),
    "PHEHT": (
        group(
            5,
            *_STATUS_TEMPERATURE,
            value("ph", "[pH]", 2, scale=0.01),
            value("redox", "mV", 3, scale=0.1),
            value("ph_voltage", "mV", 4, scale=0.1),
        ),
        BATTERY,
    ),
    "PM": (
        BATTERY,
        group(
            10,
            *(value(metric, "ug/m3", n, 0, 0.1) for n, metric in enumerate(("pm1", "pm2_5", "pm4", "pm10"))),
            value("particle_size", "nm", 4, 0),
            *(
                value("particles", "/cm3", 5 + n, 0, 0.1, channel)
                for n, channel in enumerate(("pm0_5", "pm1", "pm2_5", "pm4", "pm10"))
            ),
        ),
        _SHT2X,
        _PASCAL,
    ),
    "PR21": (group(2, _cel(1, 384 + 16000, 0.003125, within=(-40, 110))), BATTERY),
    "PR26": (
        group(
            2,
            value("liquid_pressure", "bar", 0, 16384, 1 / HALF, within=(-0.1, 1.1)),
            _cel(1, 384 + 16000, 0.003125, within=(-40, 110)),
        ),
        BATTERY,
    ),
    "PR36CTD": (
        group(
            4,
            value("liquid_pressure", "bar", 0, scale=1 / 8192),
            _cel(1, scale=1 / 256, channel="electronics"),
            _cel(2, scale=1 / 256),
            value("conductivity", "mS/cm", 3, scale=1 / 1024),
        ),
        BATTERY,
    ),
    "PR36": (group(2, value("liquid_pressure", "bar", 0, scale=1 / 8192), _cel(1, scale=1 / 256)), BATTERY),
    "PYR": (group(1, value("solar_irradiance", "W/m2", 0, scale=15000 / HALF)), BATTERY),
    "RHC": (group(4, value("humidity", "%", 2, 0, 0.01), _cel(3, scale=0.01)), BATTERY),
    "SDD": (
        *(
            group(
                18,
                *row("soil_moisture", "%", 6),
                *row("soil_temperature", "Cel", 6, first=6),
                *row("soil_salinity", "1", 6, 1, first=12, offset=100),
            )
            for _ in range(2)
        ),
        BATTERY,
    ),
    "SHT35": (_SHT, BATTERY),
    "SMTP": (
        group(
            16,
            *(value("soil_moisture", "%", 2 * n, 2500, 0.002, str(n), void=0) for n in range(8)),
            *(value("soil_temperature", "Cel", 2 * n + 1, scale=0.01, channel=str(n), void=0) for n in range(8)),
        ),
        BATTERY,
    ),
    "TBRG": (
        group(
            4,
            value("rain", "mm", 0, 0, 0.1),
            value("rain_interval", "s", 1, 0),
            long("rain_total", "mm", 2, 0.1),
        ),
        BATTERY,
    ),
    "TP": (group(16, *row("temperature", "Cel", 16)), BATTERY),
    "TRS11": (
        group(2, permittivity, value("soil_moisture", "%", 0, 6956 / 0.3879, 0.003879), _soil(1)),
        BATTERY,
    ),
    "TRS12": (
        group(
            3,
            permittivity,
            value("soil_moisture", "%", 0, 6956 / 0.3879, 0.003879),
            _soil(1),
            value("soil_conductivity", "uS/cm", 2, 0),
        ),
        BATTERY,
    ),
    "TRS21": (group(2, value("water_potential", "kPa", 0, 0, -0.1), _soil(1)), BATTERY),
    "WRM": (
        _SHT,
        group(2, value("surface_temperature", "Cel", 0, 1000, 0.1), _cel(1, 1000, 0.1, "sensor")),
        BATTERY,
    ),
    "ZN1": (group(2, _DENDROMETER), BATTERY),
    "ZN2": (group(4, _DENDROMETER, second_dendrometer), BATTERY),
}
"""Model without `DL-` -> its sensors in the order of their flags."""
