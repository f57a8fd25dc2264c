"""An anomaly in words and numbers: what was seen, what is usual, how rare that is. Called by `serve` and the commands.

Times are the site's. The words are made when somebody asks, of the numbers that are kept; so they can be mended.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from appliance.anomaly.device import FASTEST_MPS, STEPS
from appliance.anomaly.watch import base_of
from appliance.clock import from_us
from appliance.model.anomaly import Anomaly, Found

_STREAMS = {
    "jump": "was {observed} {at} where it had been {expected} of late",
    "season": "was {observed} {at} where {expected} is usual at that time",
    "drift": "was {observed} {at} where {expected} is usual at that time, and had been off for several values",
    "level": "was {observed} {at} on the average of its last twenty or so values where {expected} is usual",
    "roughness": "differed {at} by {observed} from one value to the next where {expected} is usual",
}


def explain(anomaly: Anomaly | Found, zone: ZoneInfo) -> str:
    """Why it was found, in a sentence or two."""
    told = {
        "cell_count": _cell_count,
        "series": _series,
        "stuck": _stuck,
        "impossible": _impossible,
        "impossible_move": _impossible_move,
    }[anomaly.kind](anomaly, zone)
    if anomaly.bar >= 0.05:
        told += f"; it had to be {_times(10**anomaly.bar)} rarer than the standard asks for"
    return told


def number(value: float) -> str:
    """A number as people write it: four figures, thousands apart."""
    if abs(value) >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def _cell_count(anomaly: Anomaly | Found, zone: ZoneInfo) -> str:
    detail = anomaly.detail
    start, end = (from_us(us).astimezone(zone) for us in detail["window"])
    what = f"{anomaly.event_type} events" if anomaly.event_type else "events"
    usual = number(round(anomaly.expected or 0.0, 2))
    unit = "hours" if detail["hours"] == 1 else "days"
    told = f"{number(anomaly.observed)} {what} between {_between(start, end)} where {usual} are usual"
    if anomaly.probability:
        told += f"; by chance in this cell once in {_rarely(anomaly.probability)} {unit}"
    return (
        f"{told}; {detail['flagged']:,} of {detail['cells']:,} cells flagged at a false-discovery rate of "
        f"{100 * detail['share']:.3g} %, by {detail['days']} days before"
    )


def _series(anomaly: Anomaly | Found, zone: ZoneInfo) -> str:
    stream = anomaly.detail.get("stream", "jump")
    observed, expected = _with_unit(anomaly.observed, anomaly.unit), number(anomaly.expected or 0.0)
    at = f"at {_at(anomaly.started_at, zone)}"
    told = f"{_what(anomaly)} {_STREAMS[stream].format(at=at, observed=observed, expected=expected)}"
    if anomaly.probability:
        told += f"; among its own past something so rare comes once in {_rarely(anomaly.probability)} values"
    return told


def _stuck(anomaly: Anomaly | Found, zone: ZoneInfo) -> str:
    value = _with_unit(anomaly.detail["value"], anomaly.unit)
    told = (
        f"{_what(anomaly)} had stayed at {value} since {_at(anomaly.started_at, zone)} for {_hours(anomaly.observed)} "
        f"({anomaly.detail['values']:,.0f} values)"
    )
    return f"{told}; it is not used to staying longer than {_hours(anomaly.expected or 0.0)}"


def _impossible(anomaly: Anomaly | Found, zone: ZoneInfo) -> str:
    before, seconds = anomaly.expected or 0.0, anomaly.detail["seconds"]
    most = STEPS.get(base_of(anomaly.metric), 0.0)
    return (
        f"{_what(anomaly)} went from {number(before)} to {_with_unit(anomaly.observed, anomaly.unit)} within "
        f"{number(seconds)} s at {_at(anomaly.started_at, zone)}; no more than {number(most)} a minute is possible"
    )


def _impossible_move(anomaly: Anomaly | Found, zone: ZoneInfo) -> str:
    far, seconds = anomaly.detail["distance_m"], anomaly.detail["seconds"]
    return (
        f"{anomaly.device} moved {number(far)} m within {number(seconds)} s at {_at(anomaly.started_at, zone)}, "
        f"{number(anomaly.observed)} m/s; nothing here moves faster than {number(FASTEST_MPS)} m/s"
    )


def _what(anomaly: Anomaly | Found) -> str:
    return f"{anomaly.metric} of {anomaly.device}"


def _with_unit(value: float, unit: str) -> str:
    return f"{number(value)} {unit}" if unit not in {"", "1"} else number(value)


def _rarely(probability: float) -> str:
    """The reciprocal of a probability, to two figures."""
    times = 1.0 / probability
    if times > 1e9:
        return "more than 1,000,000,000"
    figures = f"{times:.2g}"
    return f"{float(figures):,.0f}" if times >= 10 else figures


def _times(factor: float) -> str:
    return f"{number(float(f'{factor:.2g}'))} times"


def _hours(hours: float) -> str:
    return f"{number(round(hours * 60, 1))} minutes" if hours < 2 else f"{number(round(hours, 1))} hours"


def _at(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%H:%M on %Y-%m-%d}"


def _between(start: datetime, end: datetime) -> str:
    if end - start <= timedelta(hours=2):
        return f"{start:%H:%M} and {end:%H:%M} on {start:%Y-%m-%d}"
    return f"{start:%H:%M on %Y-%m-%d} and {end:%H:%M on %Y-%m-%d}"
