"""The ledgers of forecasting: which runs there were and what they had seen, and how forecasts held.

From them follows whether a run is due: it is asked again and again, so it reads a row or two and the events that are
new. Written and read by `job.forecasting`.
"""

from datetime import date, datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from appliance.clock import from_us, to_us
from appliance.forecast.verdict import Figures
from appliance.store.engine import raw_connection
from appliance.store.risk.runs import fetch_watermark
from appliance.store.settled.settle import last_key

KEEP_RUNS = 200
KEEP_CHECKS = 800  # two horizons a day


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to know of the events: `watermark` as in `runs`, the last event_pk, and how many corrections."""

    watermark: int
    last_key: int
    corrections: int


class ForecastRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that came to its end.

    day            what came before it was known
    settings       a digest of what was configured
    rows_changed   slices and risk scores that were written
    message        why there is no forecast; '' where there is one
    """

    run_id: int = 0
    resolution: int
    day: date
    settings: str
    parameter_version: str
    watermark: int
    seen_pk: int
    corrections: int
    rows_changed: int
    made_at: datetime
    took_s: float
    message: str = ""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """How the forecasts of one horizon held on the days before `day`.

    reason  why it is not offered; '' where it is
    drift   what has drifted; `judged` says whether that was asked
    """

    day: date
    horizon: str
    parameter_version: str
    figures: Figures | None
    reason: str
    drift: str
    judged: bool

    @property
    def offered(self) -> bool:
        """Whether the forecast is offered."""
        return not self.reason


def fetch_inputs(connection: sa.Connection) -> Inputs:
    """As this transaction sees them."""
    raw = raw_connection(connection)
    watermark = fetch_watermark(connection)
    row = raw.execute("SELECT items FROM item_totals WHERE term = 'stored' AND reason = ''").fetchone()
    return Inputs(watermark=watermark, last_key=last_key(raw), corrections=watermark - (row[0] if row else 0))


def has_late_event(connection: sa.Connection, *, after: int, before: int) -> bool:
    """Whether an event with a higher event_pk than `after` happened before an instant (microseconds)."""
    row = (
        raw_connection(connection)
        .execute("SELECT 1 FROM events WHERE event_pk > ? AND +event_timestamp < ? LIMIT 1", (after, before))
        .fetchone()
    )
    return row is not None


def fetch_last_forecast_run(connection: sa.Connection) -> ForecastRun | None:
    """The newest."""
    row = (
        raw_connection(connection)
        .execute(
            "SELECT run_id, resolution, day, settings, parameter_version, watermark, seen_pk, corrections, "
            "rows_changed, made_at, took_s, message FROM forecast_runs ORDER BY run_id DESC LIMIT 1"
        )
        .fetchone()
    )
    if row is None:
        return None
    named = dict(zip(ForecastRun.__struct_fields__, row, strict=True))
    return ForecastRun(**{**named, "day": date.fromisoformat(row[2]), "made_at": from_us(row[9])})


def insert_forecast_run(connection: sa.Connection, run: ForecastRun) -> ForecastRun:
    """Note a run that has come to its end; it with its number."""
    raw = raw_connection(connection)
    names = ForecastRun.__struct_fields__[1:]
    values = {**msgspec.structs.asdict(run), "day": run.day.isoformat(), "made_at": to_us(run.made_at)}
    run_id: int = raw.execute(
        f"INSERT INTO forecast_runs ({', '.join(names)}) VALUES ({', '.join('?' * len(names))}) RETURNING run_id",
        [values[name] for name in names],
    ).fetchone()[0]
    raw.execute("DELETE FROM forecast_runs WHERE run_id <= ?", (run_id - KEEP_RUNS,))
    return msgspec.structs.replace(run, run_id=run_id)


def fetch_checks(connection: sa.Connection, day: date | None = None) -> list[Check]:
    """Those of a day, or of the newest day that has any."""
    rows = raw_connection(connection).execute(
        "SELECT day, horizon, parameter_version, figures, reason, drift, judged FROM forecast_checks "
        "WHERE day = coalesce(?, (SELECT max(day) FROM forecast_checks)) ORDER BY horizon",
        (day.isoformat() if day else None,),
    )
    return [_check(row) for row in rows]


def fetch_last_judged(connection: sa.Connection) -> date | None:
    """The last day on which drift was looked for."""
    row = raw_connection(connection).execute("SELECT max(day) FROM forecast_checks WHERE judged").fetchone()
    return date.fromisoformat(row[0]) if row[0] else None


def save_checks(connection: sa.Connection, checks: list[Check]) -> None:
    """Keep those of a day, in place of earlier ones of the same day."""
    raw = raw_connection(connection)
    raw.executemany(
        "REPLACE INTO forecast_checks (day, horizon, parameter_version, figures, offered, reason, drift, judged) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                *(check.day.isoformat(), check.horizon, check.parameter_version),
                *(msgspec.json.encode(check.figures).decode(), check.offered, check.reason, check.drift, check.judged),
            )
            for check in checks
        ],
    )
    raw.execute(
        "DELETE FROM forecast_checks WHERE (day, horizon) IN "
        "(SELECT day, horizon FROM forecast_checks ORDER BY day DESC, horizon LIMIT -1 OFFSET ?)",
        (KEEP_CHECKS,),
    )


def _check(row: tuple[Any, ...]) -> Check:
    return Check(
        day=date.fromisoformat(row[0]),
        horizon=row[1],
        parameter_version=row[2],
        figures=msgspec.json.decode(row[3], type=Figures | None),
        reason=row[4],
        drift=row[5],
        judged=bool(row[6]),
    )
