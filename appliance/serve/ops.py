"""`/health/…`, `/status`, `/metrics`: how the box is, for balancers, technicians and Prometheus."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from litestar import MediaType, Request, Response, get
from litestar.di import NamedDependency
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from appliance.clock import rfc3339
from appliance.errors import HexpostError, Unavailable
from appliance.model.intake import TERMS
from appliance.model.space import disk_of
from appliance.serve.context import Context
from appliance.serve.errors import problems
from appliance.serve.security import require_admin
from appliance.serve.tiles import Tiles
from appliance.serve.watch import Watch
from appliance.store.archive.manifest import ArchiveState
from appliance.store.archive.state import fetch_archive_state
from appliance.store.backup.ledger import BackupState, fetch_backup_state
from appliance.store.chores import ChoreState, fetch_chores
from appliance.store.clock.boots import count_waiting
from appliance.store.clock.box_clock import ClockState
from appliance.store.engine import raw_connection
from appliance.store.salvage.ledger import Salvage, fetch_salvage
from appliance.store.totals import Facts, Total, fetch_facts, fetch_totals

PARTS = ("bridge", "serve", "jobs", "sync")
# counted, and no term of the balance
OUTSIDE = (
    *("quarantine_evicted", "devices_refused", "placed", "redated", "archive_missed", "reprocessed", "withdrawn"),
    *("alerts_refused", "alerts_let_go", "alerts_passed_over", "asset_days_let_go"),
)
PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The box at this moment, for a technician."""

    site_id: str
    store: Facts
    totals: list[Total]
    archive: ArchiveState
    chores: list[ChoreState]
    health: dict[str, Any]
    backup: BackupState
    salvage: Salvage | None


@get("/health/live")
async def get_live() -> dict[str, str]:
    """This process answers."""
    return {"status": "live"}


@get("/health/ready", sync_to_thread=True, responses=problems(503))
def get_ready(context: NamedDependency[Context]) -> Response[dict[str, Any]]:
    """The store can be read; 503 while it cannot. The other parts are told of and do not decide."""
    try:
        health = health_of(context)
    except HexpostError as error:
        raise Unavailable(f"not ready: {error}") from error
    return Response({"status": "ready", **health})


@get("/status", guards=[require_admin], sync_to_thread=True, responses=problems(401, 403, 503))
def get_status(context: NamedDependency[Context]) -> Status:
    """Store, balance and parts."""
    with context.store.read() as connection:
        facts, totals = fetch_facts(connection), fetch_totals(connection)
        backup, chores = fetch_backup_state(connection), fetch_chores(connection)
        salvage = fetch_salvage(connection)
    return Status(
        site_id=context.settings.site.id,
        store=facts,
        totals=totals,
        archive=fetch_archive_state(context.archive_folder),
        chores=chores,
        health=health_of(context),
        backup=backup,
        salvage=salvage,
    )


@get("/openapi.json", include_in_schema=False, sync_to_thread=True)
def get_openapi(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Every route, what it takes and what it answers."""
    return request.app.openapi_schema.to_schema()


@get("/metrics", media_type=MediaType.TEXT, sync_to_thread=True, responses=problems(503))
def get_metrics(
    context: NamedDependency[Context], watch: NamedDependency[Watch], tiles: NamedDependency[Tiles]
) -> Response[bytes]:
    """Prometheus text: counts only, nothing about places or people."""
    registry = CollectorRegistry()
    registry.register(_Collector(context, watch, tiles))
    return Response(generate_latest(registry), media_type=PROMETHEUS_TEXT)


def health_of(context: Context) -> dict[str, Any]:
    """Parts, broker, sync and last times, as the stream and `/health/ready` tell them.

    raises  Unavailable  the store cannot be read
    """
    with context.store.read() as connection:
        facts, waiting = fetch_facts(connection), count_waiting(raw_connection(connection))
        salvage = fetch_salvage(connection)
    pulses = context.pulses()
    disk = disk_of(pulses, context.disk_trouble())
    parts = {part: "up" if pulses.get(part, {}).get("up") else "down" for part in PARTS}
    parts["serve"] = "up"
    bridge, sync = pulses.get("bridge", {}), pulses.get("sync", {})
    broker = bridge.get("broker", "unknown") if parts["bridge"] == "up" else "unknown"
    return {
        "server_time": rfc3339(context.clock()),
        "clock": _clock_words(context, waiting),
        "last_event_at": rfc3339(facts.last_event_at) if facts.last_event_at else None,
        "last_run_at": rfc3339(facts.last_run_at) if facts.last_run_at else None,
        "broker": broker,
        "parts": parts,
        "disk": disk,
        "store": "; ".join(filter(None, (disk.get("disk_error"), salvage.words if salvage else ""))),
        "sync": {
            "state": sync.get("state", "down") if context.settings.sync.url else "off",
            "pending_rows": sync.get("pending_rows"),
            "last_acked_at": sync.get("last_acked_at"),
        },
    }


def _clock_words(context: Context, waiting: int) -> dict[str, Any]:
    """Whether the box knows the time, in numbers and in words."""
    state = context.clock_state(waiting)
    return {
        "trusted": state.trusted,
        "evidence": state.evidence,
        "words": state.words,
        "offset_s": state.offset_s,
        "waiting_rows": waiting,
    }


class _Collector(Collector):
    """Reads everything at the scrape; keeps nothing."""

    def __init__(self, context: Context, watch: Watch, tiles: Tiles) -> None:
        self._context = context
        self._watch = watch
        self._tiles = tiles

    def collect(self) -> Iterator[Metric]:
        """Every metric of the box."""
        with self._context.store.read() as connection:
            facts, totals = fetch_facts(connection), fetch_totals(connection)
            waiting = count_waiting(raw_connection(connection))
            backup, chores = fetch_backup_state(connection), fetch_chores(connection)
            salvage = fetch_salvage(connection, unfinished=True)
        pulses = self._context.pulses()
        pending = int(pulses.get("bridge", {}).get("pending") or 0) if pulses.get("bridge", {}).get("up") else 0
        yield from _balance(totals, pending)
        yield from self._gauges(facts)
        yield from _disk(disk_of(pulses, self._context.disk_trouble()), totals)
        yield from _clock_gauges(self._context.clock_state(waiting))
        yield from _backup(backup)
        yield GaugeMetricFamily(
            "hexpost_salvage_running", "1 while a lost store is being put back.", value=float(salvage is not None)
        )
        yield from _chores(chores)
        up = GaugeMetricFamily("hexpost_part_up", "1 while a part is alive.", labels=["part"])
        for part in PARTS:
            up.add_metric([part], float(part == "serve" or bool(pulses.get(part, {}).get("up"))))
        yield up

    def _gauges(self, facts: Facts) -> Iterator[Metric]:
        answers = self._tiles.answers
        archive = fetch_archive_state(self._context.archive_folder)
        for name, text, value in (
            ("hexpost_events", "Events stored.", facts.events),
            ("hexpost_quarantine_entries", "Messages kept that nobody understood.", facts.quarantined),
            ("hexpost_devices", "Devices that have reported a state.", facts.devices),
            ("hexpost_runs_waiting", "Analytics runs asked for and not finished.", facts.runs_queued),
            ("hexpost_last_event_timestamp_seconds", "When an event was last stored.", _seconds(facts.last_event_at)),
            ("hexpost_last_run_timestamp_seconds", "When a run last finished.", _seconds(facts.last_run_at)),
            ("hexpost_archive_bytes", "Sealed files of the raw archive.", archive.bytes),
            ("hexpost_archive_spool_bytes", "Raw messages that wait to be sealed.", archive.spool_bytes),
            ("hexpost_streams", "Live streams open.", self._watch.streams),
            ("hexpost_tile_cache_bytes", "Memory of the tile cache.", answers.bytes),
        ):
            yield GaugeMetricFamily(name, text, value=value)
        yield CounterMetricFamily("hexpost_tile_cache_hits", "Tiles answered from memory.", value=answers.hits)
        yield CounterMetricFamily("hexpost_tile_cache_misses", "Tiles built.", value=answers.misses)
        slow = self._watch.ended_slow
        yield CounterMetricFamily("hexpost_streams_ended_slow", "Streams ended that did not keep up.", value=slow)


def _clock_gauges(clock: ClockState) -> Iterator[Metric]:
    for name, text, value in (
        ("hexpost_clock_trusted", "1 while the box knows the time.", float(clock.trusted)),
        ("hexpost_clock_doubted", "1 while the system clock is not where the box's is.", float(bool(clock.doubt))),
        ("hexpost_clock_offset_seconds", "The system clock less the box's.", clock.offset_s),
        ("hexpost_rows_undated", "Rows that wait to be re-dated.", float(clock.waiting_rows or 0)),
    ):
        yield GaugeMetricFamily(name, text, value=value)


def _chores(chores: list[ChoreState]) -> Iterator[Metric]:
    shown: tuple[tuple[str, str, Callable[[ChoreState], float]], ...] = (
        ("done_timestamp_seconds", "When a chore was last done.", lambda chore: _seconds(chore.done_at)),
        ("took_seconds", "How long that took.", lambda chore: chore.took_s or 0.0),
        ("items", "Bins written or rows deleted by that.", lambda chore: float(chore.items)),
        ("failed", "1 while a chore fails.", lambda chore: float(bool(chore.error))),
        ("waits", "1 while something hinders a chore; the status says what.", lambda chore: float(bool(chore.waits))),
    )
    for name, text, value_of in shown:
        family = GaugeMetricFamily(f"hexpost_chore_{name}", text, labels=["chore"])
        for chore in chores:
            family.add_metric([chore.chore], value_of(chore))
        yield family


def _balance(totals: list[Total], pending: int) -> Iterator[Metric]:
    """DESIGN: received = stored + folded + duplicate + quarantined + shed(by reason) + pending.

    Retried messages leave `quarantined` and `received` again, so that these two may fall.
    """
    for term in (*TERMS, *OUTSIDE):
        found = [total for total in totals if total.term == term]
        name, text = f"hexpost_items_{term}", f"Items {term.replace('_', ' ')} since the store was made."
        if term == "shed":
            family = CounterMetricFamily(name, text, labels=["reason"])
            for reason in sorted({total.reason for total in found} - {""} | {"refused"}):
                family.add_metric([reason], sum(total.items for total in found if total.reason == reason))
        else:
            extra = pending if term == "received" else 0
            family = CounterMetricFamily(name, text, value=sum(total.items for total in found) + extra)
        yield family
    reasons = CounterMetricFamily(
        "hexpost_items_by_reason", "Items of a term by what they were, or why.", labels=["term", "reason"]
    )
    for total in totals:
        if total.term in TERMS[1:]:
            reasons.add_metric([total.term, total.reason], total.items)
    yield reasons
    yield GaugeMetricFamily("hexpost_items_pending", "Items received and not yet written.", value=pending)


def _disk(disk: Mapping[str, Any], totals: list[Total]) -> Iterator[Metric]:
    for name, text, key in (
        ("hexpost_disk_step", "How scarce room is: 0 normal, 1 low, 2 scarce, 3 critical, 4 full.", "disk_step"),
        ("hexpost_disk_free_bytes", "Free on the disk of the store.", "disk_free_bytes"),
        ("hexpost_disk_room_bytes", "What can still be recorded.", "disk_room_bytes"),
        ("hexpost_disk_ballast_bytes", "Kept back, to get out of a full disk.", "disk_ballast_bytes"),
    ):
        if key in disk:
            yield GaugeMetricFamily(name, text, value=disk[key])
    refuses = float("disk_error" in disk)
    yield GaugeMetricFamily("hexpost_disk_refuses_writes", "1 while the disk takes no writes.", value=refuses)
    gone = CounterMetricFamily("hexpost_disk_let_go", "Stored rows that went for want of room.", labels=["kind"])
    for total in totals:
        if total.term == "let_go":
            gone.add_metric([total.reason], total.items)
    yield gone


def _backup(state: BackupState) -> Iterator[Metric]:
    for name, text, value in (
        (
            "hexpost_last_backup_timestamp_seconds",
            "When the last backup that counts was taken.",
            _seconds(state.last_at),
        ),
        ("hexpost_last_backup_bytes", "Size of the store in it.", state.bytes),
        ("hexpost_backup_failed", "1 while the last attempt to make a backup has failed.", float(bool(state.error))),
    ):
        yield GaugeMetricFamily(name, text, value=value)


def _seconds(instant: Any) -> float:
    return instant.timestamp() if instant else 0.0
