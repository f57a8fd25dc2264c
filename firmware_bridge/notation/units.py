"""Units as firmware writes them, to the canonical one of a metric: `°F` to `Cel`, `kPa` and `inHg` to `hPa`.

Used by families whose messages name their units. What cannot be converted keeps its value and its own unit.
"""

from typing import NamedTuple


class Scale(NamedTuple):
    """A unit as a UCUM code, and how its values become that: value * factor + offset."""

    unit: str
    factor: float = 1.0
    offset: float = 0.0


_SCALES: dict[str, Scale] = {
    "°C": Scale("Cel"),
    "C": Scale("Cel"),
    "℃": Scale("Cel"),
    "°F": Scale("Cel", 5 / 9, -160 / 9),
    "F": Scale("Cel", 5 / 9, -160 / 9),
    "℉": Scale("Cel", 5 / 9, -160 / 9),
    "K": Scale("Cel", 1.0, -273.15),
    "%": Scale("%"),
    "%RH": Scale("%"),
    "hPa": Scale("hPa"),
    "mbar": Scale("hPa"),
    "mb": Scale("hPa"),
    "Pa": Scale("hPa", 0.01),
    "kPa": Scale("hPa", 10.0),
    "bar": Scale("hPa", 1000.0),
    "cbar": Scale("hPa", 10.0),
    "inHg": Scale("hPa", 33.8638866667),
    "mmHg": Scale("hPa", 1.33322387415),
    "psi": Scale("hPa", 68.9475729318),
    "lx": Scale("lx"),
    "lux": Scale("lx"),
    "Lux": Scale("lx"),
    "ppm": Scale("[ppm]"),
    "ppb": Scale("[ppb]"),
    "µg/m³": Scale("ug/m3"),
    "mg/m³": Scale("mg/m3"),
    "g/m³": Scale("g/m3"),
    "pH": Scale("[pH]"),
    "dB": Scale("dB"),
    "dBA": Scale("dB"),
    "dB(A)": Scale("dB"),
    "dBm": Scale("dBm"),
    "m/s": Scale("m/s"),
    "km/h": Scale("m/s", 1 / 3.6),
    "kmh": Scale("m/s", 1 / 3.6),
    "mph": Scale("m/s", 0.44704),
    "kn": Scale("m/s", 1852 / 3600),
    "kt": Scale("m/s", 1852 / 3600),
    "ft/s": Scale("m/s", 0.3048),
    "mm/s": Scale("m/s", 0.001),
    "°": Scale("deg"),
    "mm": Scale("mm"),
    "cm": Scale("mm", 10.0),
    "m": Scale("m"),
    "km": Scale("m", 1000.0),
    "in": Scale("mm", 25.4),
    "ft": Scale("m", 0.3048),
    "yd": Scale("m", 0.9144),
    "mi": Scale("m", 1609.344),
    "nmi": Scale("m", 1852.0),
    "m²": Scale("m2"),
    "mm/h": Scale("mm/h"),
    "mm/d": Scale("mm/h", 1 / 24),
    "cm/h": Scale("mm/h", 10.0),
    "in/h": Scale("mm/h", 25.4),
    "in/d": Scale("mm/h", 25.4 / 24),
    "W/m²": Scale("W/m2"),
    "BTU/(h⋅ft²)": Scale("W/m2", 3.15459074506),
    "UV index": Scale("1"),
    "V": Scale("V"),
    "mV": Scale("V", 0.001),
    "kV": Scale("V", 1000.0),
    "A": Scale("A"),
    "mA": Scale("A", 0.001),
    "W": Scale("W"),
    "mW": Scale("W", 0.001),
    "kW": Scale("W", 1000.0),
    "MW": Scale("W", 1e6),
    "BTU/h": Scale("W", 0.29307107017),
    "VA": Scale("VA"),
    "kVA": Scale("VA", 1000.0),
    "var": Scale("var"),
    "VAR": Scale("var"),
    "kvar": Scale("var", 1000.0),
    "kWh": Scale("kWh"),
    "Wh": Scale("kWh", 0.001),
    "MWh": Scale("kWh", 1000.0),
    "GWh": Scale("kWh", 1e6),
    "kJ": Scale("kWh", 1 / 3600),
    "MJ": Scale("kWh", 1 / 3.6),
    "GJ": Scale("kWh", 1000 / 3.6),
    "Hz": Scale("Hz"),
    "kHz": Scale("Hz", 1000.0),
    "MHz": Scale("Hz", 1e6),
    "GHz": Scale("Hz", 1e9),
    "rpm": Scale("/min"),
    "RPM": Scale("/min"),
    "m³": Scale("m3"),
    "L": Scale("m3", 0.001),
    "l": Scale("m3", 0.001),
    "mL": Scale("m3", 1e-6),
    "ft³": Scale("m3", 0.028316846592),
    "CCF": Scale("m3", 2.8316846592),
    "gal": Scale("m3", 0.003785411784),
    "m³/h": Scale("m3/h"),
    "m³/min": Scale("m3/h", 60.0),
    "m³/s": Scale("m3/h", 3600.0),
    "L/min": Scale("m3/h", 0.06),
    "L/h": Scale("m3/h", 0.001),
    "L/s": Scale("m3/h", 3.6),
    "gal/min": Scale("m3/h", 0.22712470704),
    "gal/h": Scale("m3/h", 0.003785411784),
    "ft³/min": Scale("m3/h", 1.69901079552),
    "s": Scale("s"),
    "ms": Scale("s", 0.001),
    "min": Scale("s", 60.0),
    "h": Scale("s", 3600.0),
    "d": Scale("s", 86400.0),
    "m³/m³": Scale("%", 100.0),
    "µS/cm": Scale("uS/cm"),
    "mS/cm": Scale("uS/cm", 1000.0),
    "µSv/h": Scale("uSv/h"),
    "kg": Scale("kg"),
    "g": Scale("kg", 0.001),
    "lb": Scale("kg", 0.45359237),
    "oz": Scale("kg", 0.028349523125),
    "kvarh": Scale("kvar.h"),
    "kB": Scale("kBy"),
    "MB": Scale("MBy"),
    "GB": Scale("GBy"),
}
"""As Home Assistant's and Zigbee2MQTT's units are written (https://www.home-assistant.io/integrations/sensor)."""

_BETWEEN: dict[tuple[str, str], float] = {
    ("mm", "m"): 0.001,
    ("m", "mm"): 1000.0,
    ("mg/m3", "ug/m3"): 1000.0,
    ("ug/m3", "mg/m3"): 0.001,
    ("[ppm]", "[ppb]"): 1000.0,
    ("[ppb]", "[ppm]"): 0.001,
}
"""Between two canonical units of one quantity, where the metric decides which is meant."""


def scale_to(written: str, wanted: str) -> Scale:
    """How a value in a written unit becomes the wanted UCUM unit.

    written  as the firmware has it; '' is taken for the wanted one
    wanted   '' where any canonical unit will do
    returns  a Scale to `wanted`, or to another UCUM unit where there is no way, or of the text as it stands
    """
    if not written:
        return Scale(wanted)
    text = written.strip().replace("\u03bc", "µ").replace("ug/", "µg/").replace("m3", "m³").replace("m2", "m²")
    text = text.replace("⋅m⁻²", "/m²").replace("⋅m⁻³", "/m³").replace("⋅s⁻¹", "/s").replace("⋅cm⁻¹", "/cm")
    scale = _SCALES.get(text)
    if text == "K" and wanted != "Cel":
        return Scale("K")  # of light: only what is known for a temperature is one
    if scale is None:
        return Scale(written.strip()[:20])
    factor = _BETWEEN.get((scale.unit, wanted))
    return scale if factor is None else Scale(wanted, scale.factor * factor, scale.offset * factor)


def apply(scale: Scale, value: float) -> float:
    """A value in the scale's unit; nine digits, so that 70 °F is 21.1111111 and not a tail of binary noise."""
    if scale.factor == 1.0 and scale.offset == 0.0:
        return value
    return float(f"{value * scale.factor + scale.offset:.9g}")
