"""Thresholds that the program brings, from published limits. A site departs from them by its own.

They are meant for outdoor air where crews and the public are, and to be few alarms that are meant. Where a source gives
a mean over hours, the value has to stay beyond it for the half of an hour or longer before it is told. A metric for
which no limit holds everywhere (water level, wind direction, illuminance) has none until the site sets one.
"""

from appliance.model.iot import Severity, Threshold

MINUTE_S = 60.0
_WHO_2021 = "WHO global air quality guidelines, 2021"
_ROWS: tuple[tuple[str, str, float, float, float, Severity, str], ...] = (
    ("pm2_5", "ug/m3", 75.0, 50.0, 30, "warning", f"{_WHO_2021}: 24-hour interim targets 1 and 2 (guideline 15)"),
    ("pm10", "ug/m3", 150.0, 100.0, 30, "warning", f"{_WHO_2021}: 24-hour interim targets 1 and 2 (guideline 45)"),
    ("no2", "[ppm]", 0.106, 0.08, 60, "warning", f"{_WHO_2021}: 200 ug/m3 over 1 hour, at 25 Cel"),
    ("co", "[ppm]", 31.0, 9.0, 15, "critical", f"{_WHO_2021}: 35 mg/m3 over 1 hour; cleared at 10 mg/m3, over 8 hours"),
    ("formaldehyde", "mg/m3", 0.1, 0.08, 30, "warning", "WHO guidelines for indoor air quality, 2010: over 30 minutes"),
    ("co2", "[ppm]", 5000.0, 4000.0, 30, "warning", "HSE EH40/2005: workplace limit, 8 hours; NIOSH REL is the same"),
    ("methane", "[ppm]", 5000.0, 2500.0, 1, "critical", "OSHA 29 CFR 1910.146: a tenth of the lower limit, 5 %"),
    ("temperature", "Cel", 41.0, 39.0, 30, "warning", "US NWS heat index: danger from 41 Cel, taken of dry air"),
    ("wind_gust", "m/s", 24.5, 20.8, 0, "warning", "WMO Beaufort scale: storm from 24.5, strong gale from 20.8"),
    ("rain_rate", "mm/h", 50.0, 10.0, 5, "warning", "UK Met Office: violent showers from 50 mm/h"),
    ("sound_level", "dB", 100.0, 95.0, 15, "warning", "WHO safe listening at venues, 2022: over 15 minutes"),
)  # fmt: skip

DEFAULTS: dict[str, Threshold] = {
    metric: Threshold(
        metric=metric,
        unit=unit,
        raise_at=raise_at,
        clear_at=clear_at,
        hold_s=minutes * MINUTE_S,
        severity=severity,
        source=source,
    )
    for metric, unit, raise_at, clear_at, minutes, severity, source in _ROWS
}
"""Metric -> the threshold that holds where the site set none."""


def threshold_of(site: dict[tuple[str, str], Threshold], metric: str, unit: str, zone: str) -> Threshold | None:
    """The threshold of a series: the zone's own, else the site's, else the default; None where none holds.

    site  (metric, zone) -> what a person set
    unit  of the series; where it is known and another than the threshold's, none holds
    """
    found = site.get((metric, zone)) or site.get((metric, "")) or DEFAULTS.get(metric)
    if found is None or not found.enabled or (unit and found.unit and unit != found.unit):
        return None
    return found


def metric_of(channelled: str) -> str:
    """The metric without the channel that tells a device's sensors of one kind apart: `temperature.2`."""
    return channelled.partition(".")[0]
