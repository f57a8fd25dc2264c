"""Watching the store for what other processes write, and telling the live streams.

One task a process looks at SQLite's data version four times a second, which costs next to nothing, and reads only
when it has changed. Each stream has a bounded queue; one that does not keep up is ended, and its browser comes back
and resumes from the last event it saw.
"""

import logging
from collections.abc import Callable
from typing import Any

import anyio
import msgspec
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from anyio.to_thread import run_sync

from appliance.clock import rfc3339
from appliance.errors import Unavailable
from appliance.model.alert import Alert
from appliance.model.risk import Run
from appliance.serve.context import Context
from appliance.spatial.cells import cell_of, to_hex
from appliance.store.alerts import fetch_alerts_after, fetch_last_rev
from appliance.store.engine import raw_connection
from appliance.store.event.pages import StoredEvent, fetch_events_after, fetch_last_key
from appliance.store.risk.runs import fetch_recent_done

log = logging.getLogger(__name__)

LOOK_S = 0.25
HEALTH_S = 5.0
EVENTS_A_LOOK = 500
ALERTS_A_LOOK = 16  # a message each
QUEUE = 64  # messages waiting for one stream
STREAMS = 200
NOT_YET, MORE = -1, -2  # in place of a data version, which is never negative


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One message for the streams; `last_key` is that of the last event told to a stream that has seen it."""

    event: str
    data: bytes
    last_key: int


Subscription = MemoryObjectReceiveStream[Notice]


class _News(msgspec.Struct, frozen=True, kw_only=True):
    """What one look found, as of one moment of the store."""

    store_id: str
    revision: int
    coverage: int
    last_key: int
    items: list[dict[str, Any]]
    alerts: list[Alert]
    alert_rev: int
    runs: list[Run]
    tell_runs: bool


class Watch:
    """What is new in the store. One a process."""

    def __init__(self, context: Context, health: Callable[[], dict[str, Any]]) -> None:
        self._context = context
        self.health = health
        self._version = NOT_YET
        self._error = ""
        self._streams: set[MemoryObjectSendStream[Notice]] = set()
        self.store_id = ""
        self.revision = 0
        self._coverage = 0
        self.last_key = 0
        self._runs: set[int] = set()
        self._alert_rev = 0
        self.ended_slow = 0

    @property
    def streams(self) -> int:
        """How many are listening."""
        return len(self._streams)

    def has_seen(self, run_id: int) -> bool:
        """Whether a finished run is known here, and so in every answer from now on."""
        return run_id in self._runs or run_id < min(self._runs, default=0)

    def subscribe(self) -> Subscription:
        """A queue of what comes from now on: the events after `last_key` as it stands now, without a gap.

        raises  Unavailable  too many listen already, or the store has not been read yet
        """
        if self._version == NOT_YET:
            raise Unavailable("the store has not been read yet; try again")
        if len(self._streams) >= STREAMS:
            raise Unavailable(f"{STREAMS} streams are open, no more are served; close some maps")
        send, receive = anyio.create_memory_object_stream[Notice](QUEUE)
        self._streams.add(send)
        return receive

    def end(self) -> None:
        """End every stream: the process stops, and browsers come back by themselves. From the event loop only."""
        for stream in self._streams:
            stream.close()
        self._streams.clear()

    async def run(self, alive: Callable[[], None]) -> None:
        """Look until cancelled; what goes wrong is logged once and tried again."""
        ticks = 0
        while True:
            try:
                await self.look()
                if ticks % round(HEALTH_S / LOOK_S) == 0:
                    self._tell("health", await run_sync(self.health))
                self._error = ""
            except Exception as error:
                if str(error) != self._error:
                    log.exception("watching the store")
                self._error = str(error)
            alive()
            ticks += 1
            await anyio.sleep(LOOK_S)

    async def look(self) -> None:
        """Read what is new, if anything is, and tell the streams; the first time only remember where they begin."""
        version = await run_sync(self._context.store.data_version)
        if version == self._version:
            return
        news = await run_sync(self._read, self._version == NOT_YET)
        # A full page means there is more: look again instead of waiting for the next change.
        full = len(news.items) >= EVENTS_A_LOOK or len(news.alerts) >= ALERTS_A_LOOK
        self._version = MORE if full else version
        # From here to the end nothing waits, so that a stream that subscribes meanwhile gets all of this or none.
        self.store_id, self.revision, self.last_key = news.store_id, news.revision, news.last_key
        self._alert_rev = news.alert_rev
        fresh = [run for run in news.runs if not self.has_seen(run.run_id)]
        self._runs = {run.run_id for run in news.runs}
        if news.items:
            self._tell("events", {"items": news.items})
        for run in fresh if news.tell_runs else ():
            self._tell("run", run_notice(run))
        for alert in news.alerts:
            self._tell("alert", alert_notice(alert))
        before, self._coverage = self._coverage, news.coverage
        if news.tell_runs and news.coverage != before:
            self._tell("coverage", {"revision": news.coverage})

    def _read(self, first: bool) -> "_News":
        with self._context.store.read() as connection:
            raw = raw_connection(connection)
            row = raw.execute("SELECT store_id, s.rev, c.rev FROM site AS s, coverage_state AS c").fetchone()
            runs = fetch_recent_done(connection)
            found = [] if first else fetch_events_after(connection, self.last_key, EVENTS_A_LOOK)
            alerts = [] if first else fetch_alerts_after(connection, self._alert_rev, ALERTS_A_LOOK)
            alert_rev = alerts[-1].rev if alerts else fetch_last_rev(connection) if first else self._alert_rev
            last_key = found[-1][0] if found else fetch_last_key(connection)[0] if first else self.last_key
        return _News(
            store_id=row[0],
            revision=row[1],
            coverage=row[2],
            last_key=last_key,
            items=[event_notice(event, self._context) for _, event in found],
            alerts=alerts,
            alert_rev=alert_rev,
            runs=runs,
            tell_runs=not first,
        )

    def _tell(self, event: str, data: dict[str, Any]) -> None:
        notice = Notice(event=event, data=msgspec.json.encode(data), last_key=self.last_key)
        for stream in list(self._streams):
            try:
                stream.send_nowait(notice)
            except anyio.WouldBlock:
                self.ended_slow += 1
                self._streams.discard(stream)
                stream.close()
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                self._streams.discard(stream)


def event_notice(event: StoredEvent, context: Context) -> dict[str, Any]:
    """An event as a stream tells it: its cell for everybody, its place and id where the site shows events.

    The cell is None while the event has no place.
    """
    cell = None
    if event.longitude is not None and event.latitude is not None:
        finest = max(context.settings.risk.resolutions)
        cell = to_hex(cell_of(lat=event.latitude, lng=event.longitude, resolution=finest))
    notice: dict[str, Any] = {
        "event_type": event.event_type,
        "event_timestamp": rfc3339(event.event_timestamp),
        "received_at": rfc3339(event.received_at),
        "h3_index": cell,
    }
    if context.settings.security.public_events:
        notice |= {"event_id": event.event_id, "longitude": event.longitude, "latitude": event.latitude}
    return notice


def run_notice(run: Run) -> dict[str, Any]:
    """A finished run as a stream tells it."""
    return {
        "run_id": run.run_id,
        "resolution": run.resolution,
        "from_day": run.from_day.isoformat(),
        "to_day": run.to_day.isoformat(),
        "state": run.state,
        "rows_changed": run.rows_changed,
    }


def alert_notice(alert: Alert) -> dict[str, Any]:
    """A raised or changed alert as a stream tells it to everybody; who may read it asks for it by its id."""
    return {
        "alert_id": alert.alert_id,
        "kind": alert.kind,
        "severity": alert.severity,
        "state": alert.state,
        "raised_at": rfc3339(alert.raised_at),
    }
