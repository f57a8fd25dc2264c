"""The versions of a forecast's parameters: what was learned, which are in force, which are proposed.

Of a resolution and event type one version is active and at most one proposed. Nothing here decides: `job.forecasting`
learns and proposes, and a person accepts.
"""

from datetime import date, datetime
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from appliance.clock import from_us, to_us
from appliance.errors import NotFound
from appliance.forecast.parameters import Parameters
from appliance.store.alerts import close_alert
from appliance.store.engine import raw_connection

KEEP_RETIRED = 50
DRIFT_ALERT = "forecast_drift"
"""The kind of the alert that parameters no longer fit; its subject is their resolution."""

State = Literal["active", "proposed", "retired"]

_COLUMNS = (
    "resolution, event_type, version, parameters, code_version, state, reason, learned_at, learned_days, "
    "learned_until, watermark, events"
)


class StoredParameters(msgspec.Struct, frozen=True, kw_only=True):
    """A version and where it comes from.

    event_type     '' for all
    learned_days   of how many days of history; `learned_until` is the first day that it was not learned from
    watermark      how many stored events and corrections had been seen
    events         from how many it was learned; 0: these are the defaults
    """

    resolution: int
    event_type: str = ""
    version: str
    parameters: Parameters
    code_version: str
    state: State
    reason: str
    learned_at: datetime
    learned_days: int
    learned_until: date
    watermark: int
    events: int


def fetch_active(connection: sa.Connection, resolution: int, event_type: str = "") -> StoredParameters | None:
    """The version in force."""
    row = (
        raw_connection(connection)
        .execute(
            f"SELECT {_COLUMNS} FROM forecast_parameters WHERE resolution = ? AND event_type = ? AND state = 'active'",
            (resolution, event_type),
        )
        .fetchone()
    )
    return _stored(row) if row else None


def fetch_parameters(connection: sa.Connection) -> list[StoredParameters]:
    """Every version: the active, the proposed, then the retired, each the newest first."""
    rows = raw_connection(connection).execute(
        f"SELECT {_COLUMNS} FROM forecast_parameters ORDER BY state, learned_at DESC, resolution, event_type, version"
    )
    return [_stored(row) for row in rows]


def save_parameters(connection: sa.Connection, found: StoredParameters) -> bool:
    """Keep what was learned in its state; whether another version is now in force.

    What had that state before is retired. A proposal that is in force already changes nothing.
    """
    raw, key = raw_connection(connection), (found.resolution, found.event_type)
    active = fetch_active(connection, *key)
    same = active is not None and active.version == found.version
    if same and found.state == "proposed":
        return False
    raw.execute(
        "UPDATE forecast_parameters SET state = 'retired' WHERE resolution = ? AND event_type = ? AND state = ?",
        (*key, found.state),
    )
    raw.execute(
        f"REPLACE INTO forecast_parameters ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(*key, found.version, msgspec.json.encode(found.parameters).decode(), found.code_version, found.state),
            *(found.reason, to_us(found.learned_at), found.learned_days, found.learned_until.isoformat()),
            *(found.watermark, found.events),
        ),
    )
    _forget(raw, key)
    return found.state == "active" and not same


def accept_parameters(connection: sa.Connection, version: str, *, now: datetime) -> StoredParameters:
    """Put a proposed or retired version in force; the one that was is retired, and no alert speaks of it any more.

    raises  NotFound  there is no such version
    """
    row = (
        raw_connection(connection)
        .execute(f"SELECT {_COLUMNS} FROM forecast_parameters WHERE version = ?", (version,))
        .fetchone()
    )
    if row is None:
        raise NotFound(f"no parameters of version {version!r}; `hexpost forecast parameters` lists them")
    found = _stored(row)
    if found.state == "active":
        return found
    reason = f"accepted {now:%Y-%m-%d %H:%M} UTC; {found.reason}"
    accepted = msgspec.structs.replace(found, state="active", reason=reason)
    save_parameters(connection, accepted)
    close_alert(connection, kind=DRIFT_ALERT, subject=str(found.resolution), now=now)
    return accepted


def _forget(raw: Any, key: tuple[int, str]) -> None:
    raw.execute(
        "DELETE FROM forecast_parameters WHERE (resolution, event_type, version) IN (SELECT resolution, event_type, "
        "version FROM forecast_parameters WHERE resolution = ? AND event_type = ? AND state = 'retired' "
        "ORDER BY learned_at DESC LIMIT -1 OFFSET ?)",
        (*key, KEEP_RETIRED),
    )


def _stored(row: tuple[Any, ...]) -> StoredParameters:
    named = dict(zip(StoredParameters.__struct_fields__, row, strict=True))
    return StoredParameters(
        **{
            **named,
            "parameters": msgspec.json.decode(row[3], type=Parameters),
            "learned_at": from_us(row[7]),
            "learned_until": date.fromisoformat(row[9]),
        }
    )
