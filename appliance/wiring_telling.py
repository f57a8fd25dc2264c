"""What the bridge tells of itself: floods and the disk; in its report, in the log, on their topic and as alerts.

On the topic at once, whatever the store can do. As alerts of the store, which the API and the live stream show, when it
can be written: what waits for that is one note a subject.
"""

import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from appliance.clock import Clock, rfc3339
from appliance.errors import HexpostError
from appliance.model.alert import AlertFilter, Severity
from appliance.model.space import Step
from appliance.store.alerts import close_alert, fetch_alerts, raise_alert
from appliance.store.device.field import OUTAGE_ALERT
from appliance.store.disk_watch import DiskWatch
from appliance.store.engine import Store
from firmware_bridge.flood import Flood, FloodGuard

log = logging.getLogger(__name__)

FLOOD, DISK = "flood", "disk"
TOLD = frozenset({FLOOD, DISK, OUTAGE_ALERT})
"""Kinds of alerts that the bridge tells on the topic by itself."""
ROOM, WRITES = "room", "writes"
"""What an alert of the disk is about: how much can still be stored, and whether anything can."""
AGAIN_S = 5.0  # between attempts while the store cannot be written
MAX_WAITING = 1_000
_SEVERITIES: dict[Step, Severity] = {Step.LOW: "warning", Step.SCARCE: "warning"}
Report = Callable[[Mapping[str, Any]], None]


class _Note(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be said of one subject: that it began, that it is over, or both; `began` is (severity, title, ...)."""

    severity: Severity = "warning"
    title: str = ""
    detail: dict[str, Any] = {}
    began_at: datetime | None = None
    over_at: datetime | None = None


class Desk:
    """Alerts of the bridge on their way into the store. For one thread."""

    def __init__(self, store: Store, clock: Clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._waiting: dict[tuple[str, str], _Note] = {}
        self._not_before = float("-inf")

    def begin(self, kind: str, subject: str, severity: Severity, title: str, detail: dict[str, Any]) -> None:
        """Something is to be raised, or has become another."""
        self._put((kind, subject), _Note(severity=severity, title=title, detail=detail, began_at=self._clock()))

    def end(self, kind: str, subject: str) -> None:
        """It is over; nothing happens where it was not raised."""
        before = self._waiting.get((kind, subject), _Note())
        self._put((kind, subject), msgspec.structs.replace(before, over_at=self._clock()))

    def end_all(self, kind: str) -> None:
        """What an earlier run raised and does not know of any more.

        raises  Unavailable  the store cannot be read now
        """
        with self._store.read() as connection:
            for state in ("open", "acknowledged"):
                for alert in fetch_alerts(connection, AlertFilter(kind=kind, state=state), limit=MAX_WAITING)[0]:
                    self.end(kind, alert.subject)

    def flush(self) -> None:
        """Write what waits, in one transaction; where that cannot be, it is tried again a little later."""
        if not self._waiting or self._monotonic() < self._not_before:
            return
        try:
            with self._store.write() as connection:
                for (kind, subject), note in self._waiting.items():
                    if note.began_at is not None:
                        raise_alert(
                            connection,
                            kind=kind,
                            subject=subject,
                            severity=note.severity,
                            title=note.title,
                            detail=note.detail,
                            now=note.began_at,
                        )
                    if note.over_at is not None:
                        close_alert(connection, kind=kind, subject=subject, now=note.over_at)
        except HexpostError:  # said by who found the store so
            self._not_before = self._monotonic() + AGAIN_S
            return
        self._waiting.clear()

    def _put(self, key: tuple[str, str], note: _Note) -> None:
        if key not in self._waiting and len(self._waiting) >= MAX_WAITING:
            log.warning("the alert %s %s finds no room among those that wait for the store", *key)
            return
        self._waiting[key] = note


def with_floods(report: Report, flood: FloodGuard, alert: Callable[[bytes], bool], clock: Clock, desk: Desk) -> Report:
    """The bridge's report, each flood announced and logged when it begins, and when it is over with what it cost."""

    def report_with_floods(state: Mapping[str, Any]) -> None:
        for one in flood.news():
            over = one.ended_at is not None
            words: dict[str, Any] = {
                "kind": "flood_ended" if over else FLOOD,
                "device": one.source,
                "at": rfc3339(clock()),
            }
            words |= {"messages": one.messages, "items_shed": one.items} if over else {}
            alert(msgspec.json.encode(words))
            log.warning("%s: %s", "a flood is over" if over else "a flood is thinned", words)
            _note_flood(desk, one)
        desk.flush()
        report(state)

    return report_with_floods


def _note_flood(desk: Desk, flood: Flood) -> None:
    if flood.ended_at is not None:
        desk.end(FLOOD, flood.source)
        return
    title = f"{flood.source} sends more than mqtt.source_rate: what is beyond is thinned and counted"
    desk.begin(FLOOD, flood.source, "warning", title, {"device": flood.source})


def with_disk(report: Report, watch: DiskWatch, alert: Callable[[bytes], bool], clock: Clock, desk: Desk) -> Report:
    """The bridge's report with the disk in it; each step of the ladder is announced once, and that it takes no writes.

    What cannot be announced, because there is no broker now, is announced when there is.
    """
    told_step, told_trouble = Step.NORMAL, ""
    noted: tuple[Step, str] | None = None

    def tell(kind: str, words: Mapping[str, Any]) -> bool:
        return alert(msgspec.json.encode({"kind": kind, "at": rfc3339(clock()), **words}))

    def report_with_disk(state: Mapping[str, Any]) -> None:
        nonlocal told_step, told_trouble, noted
        step, trouble = watch.look(), watch.trouble
        if (step, trouble) != noted:
            _note_disk(desk, step, trouble, words=watch.words)
            noted = (step, trouble)
        if step is not told_step and tell(DISK, watch.words):
            told_step = step
        if trouble != told_trouble and tell(
            "disk_error" if trouble else "disk_error_ended", {"disk_error": trouble} if trouble else {}
        ):
            told_trouble = trouble
        desk.flush()
        report({**state, **watch.words})

    return report_with_disk


def _note_disk(desk: Desk, step: Step, trouble: str, *, words: dict[str, Any]) -> None:
    if step is Step.NORMAL:
        desk.end(DISK, ROOM)
    else:
        title = f"room on the disk is {step.name.lower()}: free space on it, what is older goes by itself"
        desk.begin(DISK, ROOM, _SEVERITIES.get(step, "critical"), title, words)
    if trouble:
        desk.begin(DISK, WRITES, "critical", trouble, {"disk_error": trouble})
    else:
        desk.end(DISK, WRITES)
