"""What the members of Tasmota's sensors are: metric and unit. Called by `sensor`.

Those of a smart meter are named by the script that reads it: here are the names that nearly all of them use.
"""

import functools
import re

from firmware_bridge.notation.metrics import read_metric

METRICS: dict[str, tuple[str, str]] = {
    "Temperature": ("temperature", "Cel"),
    "Humidity": ("humidity", "%"),
    "DewPoint": ("dew_point", "Cel"),
    "Pressure": ("pressure", "hPa"),
    "SeaPressure": ("sea_level_pressure", "hPa"),
    "OBJTMP": ("object_temperature", "Cel"),
    "AMBTMP": ("temperature", "Cel"),
    "ReferenceTemperature": ("reference_temperature", "Cel"),
    "CarbonDioxide": ("co2", "[ppm]"),
    "CarbonMonoxide": ("co", "[ppm]"),
    "eCO2": ("eco2", "[ppm]"),
    "TVOC": ("voc", "[ppb]"),
    "VOC": ("voc_index", "1"),
    "NOx": ("nox_index", "1"),
    "PM1": ("pm1", "ug/m3"),
    "PM1_0": ("pm1", "ug/m3"),
    "PM2.5": ("pm2_5", "ug/m3"),
    "PM2_5": ("pm2_5", "ug/m3"),
    "PM4": ("pm4", "ug/m3"),
    "PM4_0": ("pm4", "ug/m3"),
    "PM10": ("pm10", "ug/m3"),
    "Illuminance": ("illuminance", "lx"),
    "Lux": ("illuminance", "lx"),
    "UvIndex": ("uv_index", "1"),
    "Moisture": ("soil_moisture", "%"),
    "Fertility": ("conductivity", "uS/cm"),
    "Battery": ("battery", "%"),
    "BatteryPercentage": ("battery", "%"),
    "BatteryVoltage": ("battery_voltage", "V"),
    "RSSI": ("signal", "dBm"),
    "Voltage": ("voltage", "V"),
    "Current": ("current", "A"),
    "Power": ("power", "W"),
    "ApparentPower": ("apparent_power", "VA"),
    "ReactivePower": ("reactive_power", "var"),
    "Factor": ("power_factor", "1"),
    "Frequency": ("frequency", "Hz"),
    "Energy": ("energy", "kWh"),
    "Gas": ("gas_resistance", "kOhm"),
    "FlowRate": ("rain_rate", "mm/h"),
    "Position": ("position", "%"),
    "TempSet": ("target_temperature", "Cel"),
    "HumSet": ("target_humidity", "%"),
    "AbsHumidity": ("absolute_humidity", "g/m3"),
    "aHumidity": ("absolute_humidity", "g/m3"),
    "TempMeasured": ("temperature", "Cel"),
    "TempTargetSet": ("target_temperature", "Cel"),
    "CtrDutyCycle": ("heating_demand", "%"),
    "Weight": ("weight", "kg"),
    "UvPower": ("uv_irradiance", "W/m2"),
    "Signal": ("signal_strength", ""),  # of a TFmini's light, in no unit
    "pH": ("ph", "[pH]"),
    "CF1": ("pm1_standard", "ug/m3"),
    "CF2.5": ("pm2_5_standard", "ug/m3"),
    "CF10": ("pm10_standard", "ug/m3"),
    "PB0.3": ("particles_0_3", "/dL"),
    "PB0.5": ("particles_0_5", "/dL"),
    "PB1": ("particles_1", "/dL"),
    "PB2.5": ("particles_2_5", "/dL"),
    "PB5": ("particles_5", "/dL"),
    "PB10": ("particles_10", "/dL"),
    "NCPM0_5": ("particles_0_5", "/cm3"),
    "NCPM1_0": ("particles_1", "/cm3"),
    "NCPM2_5": ("particles_2_5", "/cm3"),
    "NCPM4_0": ("particles_4", "/cm3"),
    "NCPM10": ("particles_10", "/cm3"),
    "TYPSIZ": ("particle_size", "um"),
    "PAPP": ("apparent_power", "VA"),
    "SINSTS": ("apparent_power", "VA"),
    "IINST": ("current", "A"),
    "Total_in": ("energy_imported", "kWh"),
    "E_in": ("energy_imported", "kWh"),
    "Total_out": ("energy_exported", "kWh"),
    "E_out": ("energy_exported", "kWh"),
    "Power_curr": ("power", "W"),
    "Power_cur": ("power", "W"),
    "curr_w": ("power", "W"),
    "Freq": ("frequency", "Hz"),
    "HZ": ("frequency", "Hz"),
    "PhaseAngle": ("phase_angle", "deg"),
    "ImportReactive": ("reactive_energy_imported", "kvar.h"),
    "ExportReactive": ("reactive_energy_exported", "kvar.h"),
}
"""Member of a sensor -> (metric, unit). Source: Tasmota, Supported Peripherals, and the JSON of its drivers."""

TOTALS = {
    "Total": "",
    "Today": "today",
    "Yesterday": "yesterday",
    "ImportActive": "imported",
    "ImportToday": "imported_today",
    "ImportYesterday": "imported_yesterday",
    "ExportActive": "exported",
    "ExportToday": "exported_today",
    "ExportYesterday": "exported_yesterday",
    "TotalTariff": "tariff",
}
"""Member of ENERGY, in kWh -> channel."""

_PHASE = re.compile(r"(volt|voltage|power|curr|current|amperage)_[pl]([123])", re.IGNORECASE)
_OF_PHASE = {
    "volt": ("voltage", "V"),
    "voltage": ("voltage", "V"),
    "power": ("power", "W"),
    "curr": ("current", "A"),
    "current": ("current", "A"),
    "amperage": ("current", "A"),
}


@functools.lru_cache(maxsize=4_096)
def metric_of(member: str) -> tuple[tuple[str, str], str]:
    """The metric of a member that is not in the table, and its number: `Temperature2`, `A0`, `Volt_p1`."""
    word = member.rstrip("0123456789")
    number = member[len(word) :][:4]
    if number and word in METRICS:
        return METRICS[word], number
    if word in ("A", "Range") and len(member) <= 7:
        return ("analog", "1"), member.lower()
    if phase := _PHASE.fullmatch(member):
        return _OF_PHASE[phase[1].lower()], phase[2]
    return read_metric(member), ""
