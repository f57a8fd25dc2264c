"""An alert: something that needs somebody's attention, from when it is raised until it is closed."""

from datetime import datetime
from typing import Any, Literal, get_args

import msgspec

AlertState = Literal["open", "acknowledged", "closed"]
Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""From the least to the worst."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert.

    kind, subject   the rule that raised it, and what it is about; of each pair one at most is not closed
    detail          what the rule says of it, as of `last_at`
    times           how often it was told, at most once a minute
    changed_at      when it last became worse or came into its state
    closed_by       who closed it; '' where its rule did, or nobody has
    rev             rises with each change of severity, state or note, over all alerts of the box
    """

    alert_id: int
    kind: str
    subject: str
    severity: Severity
    title: str
    detail: dict[str, Any]
    state: AlertState
    raised_at: datetime
    last_at: datetime
    times: int
    changed_at: datetime
    acknowledged_by: str
    acknowledged_at: datetime | None
    closed_by: str
    closed_at: datetime | None
    note: str
    rev: int


class AlertFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which alerts; None is all. `from_time` is of when they were raised."""

    state: AlertState | None = None
    kind: str | None = None
    severity: Severity | None = None
    from_time: datetime | None = None
