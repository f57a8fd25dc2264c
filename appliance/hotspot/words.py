"""Why something is called a hotspot, in English, from the code and the numbers that say it to machines.

Nothing is said here that is not in the reason, so that the map can say the same in another language. Called by
`serve.hotspot.report`.
"""

from collections.abc import Callable, Mapping

import msgspec

Number = int | float | None


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """What a hotspot is, as a code of `SENTENCES`, and the numbers that its sentence needs."""

    code: str
    numbers: dict[str, Number]


def explain(reason: Reason) -> str:
    """A sentence or two."""
    return SENTENCES[reason.code](reason.numbers)


def _emerging(n: Mapping[str, Number]) -> str:
    return (
        f"{_events(n)} where {_few(n['expected'])} {_are(n['expected'])} usual here; growth beyond chance {_odds(n)}."
        f"{_alike(n, 'rises with it', 'rise with it')}"
    )


def _fading(n: Mapping[str, Number]) -> str:
    return (
        f"{_events(n)} where {_few(n['expected'])} {_are(n['expected'])} usual here; this was a hotspot, and has "
        f"fallen beyond chance {_odds(n)}.{_alike(n, 'falls with it', 'fall with it')}"
    )


def _emerging_together(n: Mapping[str, Number]) -> str:
    return f"{_around(n)} usual; growth beyond chance {_odds(n)}. {_share(n)}"


def _fading_together(n: Mapping[str, Number]) -> str:
    return f"{_around(n)} usual; this was a hotspot, and has fallen beyond chance {_odds(n)}. {_share(n)}"


def _persistent(n: Mapping[str, Number]) -> str:
    lasting = f"{n['hot_sub_periods']} of {n['sub_periods']} periods of {_days(n['sub_period_days'])}"
    return f"A hotspot in {lasting}. {_local(n)}"


def _hot(n: Mapping[str, Number]) -> str:
    return (
        f"{_local(n)} A hotspot in {n['hot_sub_periods']} of {n['sub_periods']} periods: neither growing beyond chance "
        f"nor lasting."
    )


def _high_risk(n: Mapping[str, Number]) -> str:
    return (
        f"{_events(n)}; the composite score was above medium on {_count(n['days_high'], 'day')} and reached "
        f"{_few(n['max_risk_score'])}. Neither growth nor gathering beyond chance is found."
    )


def _unknown(n: Mapping[str, Number]) -> str:
    return (
        f"The composite score was above medium on {_count(n['days_high'], 'day')} and reached "
        f"{_few(n['max_risk_score'])}. Too little of the period was watched to say more."
    )


def _dense(n: Mapping[str, Number]) -> str:
    place = f" on {_few(n['area_km2'])} km²" if n["area_km2"] else ""
    return (
        f"{_events(n)}{place}, joined by places with at least {n['min_events']} events within {_few(n['radius_m'])} m."
    )


def _cluster(n: Mapping[str, Number]) -> str:
    usual = "" if n["expected"] is None else f" where {_few(n['expected'])} {_are(n['expected'])} usual"
    return f"{_count(n['cells'], 'adjacent cell')} ({_few(n['area_km2'])} km²): {_events(n)}{usual}."


SENTENCES: Mapping[str, Callable[[Mapping[str, Number]], str]] = {
    "emerging": _emerging,
    "fading": _fading,
    "emerging_together": _emerging_together,
    "fading_together": _fading_together,
    "persistent": _persistent,
    "hot": _hot,
    "high_risk": _high_risk,
    "unknown": _unknown,
    "dense": _dense,
    "cluster": _cluster,
}


def _events(n: Mapping[str, Number]) -> str:
    return f"{_count(n['events'], 'event')} in {_days(n['days'])}"


def _around(n: Mapping[str, Number]) -> str:
    others = _count(int(n["local_cells"] or 1) - 1, "cell")
    events = f"{_count(n['local_events'], 'event')} in {_days(n['days'])}"
    return f"With {others} around it {events} where {_few(n['local_expected'])} {_are(n['local_expected'])}"


def _share(n: Mapping[str, Number]) -> str:
    return f"{n['events']} of them here, where {_few(n['expected'])} {_are(n['expected'])} usual."


def _where(n: Mapping[str, Number]) -> str:
    others = int(n["local_cells"] or 1) - 1
    return f"Here and in {_count(others, 'neighbouring cell')}" if others else "Here"


def _local(n: Mapping[str, Number]) -> str:
    usual = f"{_few(n['local_expected'])} would lie if all cells were alike"
    surprise = f"Gi* z {_few(n['z_score'])}, p {_p(n['p_value'])}"
    events = f"{_count(n['local_events'], 'event')} in {_days(n['days'])}"
    return f"{_where(n)} {events} where {usual} ({surprise}); {n['events']} of them here."


def _odds(n: Mapping[str, Number]) -> str:
    return (
        f"(p {_p(n['p_value'])}; of {n['cells_looked_at']:,} cells looked at, chance alone would show "
        f"{_p(n['by_chance'])} like this)"
    )


def _alike(n: Mapping[str, Number], one: str, several: str) -> str:
    count = n["neighbours"]
    if not count:
        return ""
    return f" {_count(count, 'neighbouring cell')} {one if count == 1 else several}."


def _count(number: Number, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _days(number: Number) -> str:
    return f"{_few(number)} {'day' if number == 1 else 'days'}"


def _are(number: Number) -> str:
    return "is" if _few(number) == "1" else "are"


def _few(number: Number) -> str:
    """Two digits, or all before the point."""
    value = float(number or 0.0)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{float(f'{value:.2g}' if abs(value) < 10 else f'{value:.1f}'):g}"


def _p(number: Number) -> str:
    value = float(number or 0.0)
    return "under 1e-12" if value < 1e-12 else f"{value:.2g}"
