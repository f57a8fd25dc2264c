"""`hexpost sync` and `hexpost central`: bringing the centre up to date, as a part of the box and by hand."""

import random
import threading
import time

import click
import msgspec

from appliance.cli.options import common, to_json
from appliance.cli.parts import GIVE_WAY, only_one, running
from appliance.cli.sd_notify import Notifier
from appliance.errors import Rejected
from appliance.wiring import Box, find_store, open_pump, open_store, pulse_reporter, read_secret_file

BEAT_S = 1.0
HUNG_S = 900.0  # the longest that one batch may take over a thin link; beyond, the part no longer says it is alive


@click.group("sync", invoke_without_command=True)
@click.pass_context
@common
def sync_group(context: click.Context, box: Box, as_json: bool) -> None:
    """Keep the centre up to date; without a subcommand, as a part of the box in the foreground.

    Example: hexpost sync now
    """
    if context.invoked_subcommand is None:
        run_sync_part(box)


@sync_group.command("now")
@common
def sync_now(box: Box, as_json: bool) -> None:
    """Send everything that waits, then end.

    Example: hexpost sync now --data /var/lib/hexpost
    """
    begun = time.monotonic()
    report = open_pump(box, find_store(box), random.random).drain(threading.Event())
    if as_json:
        click.echo(to_json(report))
        return
    click.echo(
        f"{report.batches:,} batches, {report.rows:,} rows sent, {report.rows_changed:,} changed at the centre "
        f"in {time.monotonic() - begun:.1f} s" + (f"; {report.duplicates} it had already" if report.duplicates else "")
    )


@sync_group.command("status")
@common
def sync_status_command(box: Box, as_json: bool) -> None:
    """When the centre was last told, and how much is waiting.

    Example: hexpost sync status --json
    """
    from appliance.store.outbox import sync_status

    status = sync_status(find_store(box))
    if as_json:
        click.echo(to_json({"url_set": bool(box.settings.sync.url), **msgspec.structs.asdict(status)}))
        return
    click.echo(
        f"{status.pending_rows:,} rows in {status.pending_slices:,} slices are waiting"
        + (f", the oldest of {status.oldest_pending_day}" if status.oldest_pending_day else "")
        + f"; last acknowledged {status.last_acked_at or 'never'} (batch {status.last_seq})"
    )
    if not box.settings.sync.url:
        click.echo("sync is off: set sync.url to the centre's database")


@click.group("central")
def central_group() -> None:
    """The central database.

    Example: hexpost central migrate
    """


@central_group.command("migrate")
@click.option("--url", default=None, help="The database, as postgresql://user@host/db; by default sync.url.")
@click.option("--password-file", default=None, help="Its password; by default sync.password_file.")
@common
def central_migrate(box: Box, as_json: bool, url: str | None, password_file: str | None) -> None:
    """Make the centre's schema, or bring it up to date.

    Example: hexpost central migrate --url postgresql://hexpost@centre/hexpost
    """
    import psycopg

    from sync.central.migrate import migrate
    from sync.upstream_postgres import explained

    target = url or box.settings.sync.url
    if not target:
        raise Rejected("central migrate: which database? give --url or set sync.url")
    password = read_secret_file(password_file or box.settings.sync.password_file, "the database's password")
    try:
        with psycopg.connect(target, password=password) as connection:
            applied = migrate(connection)
    except psycopg.Error as error:
        raise explained("migrating the centre", error) from error
    click.echo(to_json({"applied": applied}) if as_json else ", ".join(applied) or "up to date")


def run_sync_part(box: Box) -> None:
    """The long-running part: the pump on this thread, and a beat beside it while the pump is not stuck."""
    with only_one(box, "sync"), running(box, "sync", niceness=GIVE_WAY) as (stop, notifier):
        beat = Beat(box, notifier)
        if not box.settings.sync.url:
            notifier.ready("off: sync.url is empty")
            beat.state = {"state": "off"}
            beat.run_until(stop)
            return
        store = open_store(box)
        pump = open_pump(box, store, random.random)
        notifier.ready()
        beater = threading.Thread(target=beat.run_until, args=(stop,), name="beat", daemon=True)
        beater.start()
        pump.run(stop, every_s=box.settings.sync.every_s, report=lambda state: beat.hear(msgspec.to_builtins(state)))
        beater.join(timeout=BEAT_S * 2)
        store.close()


class Beat:
    """Passes the pump's last word on every second: a batch over a thin link takes longer than anyone waits for one."""

    def __init__(self, box: Box, notifier: Notifier) -> None:
        self._report = pulse_reporter(box, "sync", notifier.alive)
        self._heard = time.monotonic()
        self.state: dict[str, object] = {"state": "down"}

    def hear(self, state: dict[str, object]) -> None:
        """The pump turned."""
        self.state, self._heard = state, time.monotonic()

    def run_until(self, stop: threading.Event) -> None:
        """Beat until `stop`, or until the pump has been silent for `HUNG_S`."""
        while not stop.wait(BEAT_S):
            if self.state["state"] == "off" or time.monotonic() - self._heard < HUNG_S:
                self._report(self.state)
