"""The centre on a real PostgreSQL: links that break where it hurts, many boxes at once, what its users read."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from appliance.errors import Conflict, Forbidden, Rejected, Unavailable
from appliance.model.change import Batch, Slice
from appliance.model.settings import Site
from sync.central.merge import LEDGER_KEEP, apply_batch, stage
from sync.pump import DrainReport, Pump
from sync.upstream_postgres import PostgresUpstream
from tests.sync.box import CELLS, DAY, NEXT_DAY, RESOLUTION, SITE, Box
from tests.sync.postgres import Server, free_port
from tests.sync.proxy import BreakingLink
from tests.sync.test_sync_upstream import PostgresCentre

A, B, C, *_ = CELLS
DEADLINE_S = 20.0


@pytest.fixture
def url(server: Server, database: str) -> str:
    return server.url(database)


@pytest.fixture
def upstream(url: str) -> Iterator[PostgresUpstream]:
    link = PostgresUpstream(url)
    yield link
    link.close()


@pytest.fixture
def link(server: Server) -> Iterator[BreakingLink]:
    with BreakingLink(server.port) as breaking:
        yield breaking


def drain(box: Box, url: str, site: Site = SITE) -> DrainReport:
    return Pump(site=site, outbox=box, upstream=PostgresUpstream(url), chance=lambda: 0.5).drain(threading.Event())


def ask(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"


def risk_batch(seq: int, n_rows: int, **changes: Any) -> Batch:
    rows = [(CELLS[0] + n, RESOLUTION, DAY, "composite", float(n), "low", n + 1) for n in range(n_rows)]
    values = {
        "site_id": SITE.id,
        "epoch": 1,
        "seq": seq,
        "slice": Slice(kind="risk_scores", resolution=RESOLUTION, day=DAY),
        "rows": rows,
        "gone": [],
        "upto_rev": n_rows,
        "complete": True,
    }
    return Batch(**{**values, **changes})


def test_after_a_drain_the_centre_equals_the_box_and_a_second_sends_nothing(box: Box, url: str) -> None:
    box.find(DAY, {cell: n for n, cell in enumerate(CELLS[:20])})
    box.find(NEXT_DAY, {A: 3, B: 9})
    drain(box, url)
    box.find(DAY, {A: 5, B: 1})
    drain(box, url)
    assert PostgresCentre(url).contents(SITE.id) == box.contents()
    assert drain(box, url) == DrainReport(finished=True)


def test_the_daily_risk_reads_at_the_centre_as_on_the_box(box: Box, url: str) -> None:
    box.find(DAY, {A: 3, B: 9})
    box.forecast(DAY, {A: 40.0, C: 10.0})  # C has no counts, and no row of the view
    drain(box, url)
    columns = (
        "h3_index, resolution, day, event_count, rolling_7d_avg, growth_rate, profile, risk_score, risk_level, "
        "z_score, flagged"
    )
    order = "ORDER BY h3_index, profile"
    there = ask(url, f"SELECT {columns.replace('day,', 'day::text,')} FROM hexpost.mv_daily_risk {order}")
    assert there == box.query(f"SELECT {columns} FROM mv_daily_risk {order}")
    assert [(row[0], row[6]) for row in there] == [(A, "calibrated"), (A, "composite"), (B, "composite")]
    shapes = ask(
        url, "SELECT DISTINCT site_id, GeometryType(geom), ST_SRID(geom), ST_IsValid(geom) FROM hexpost.mv_daily_risk"
    )
    assert shapes == [(SITE.id, "MULTIPOLYGON", 4326, True)]


def test_the_centre_knows_who_calls(url: str, upstream: PostgresUpstream) -> None:
    upstream.hello(SITE)
    upstream.hello(Site(id=SITE.id, name="Kuwait City", timezone="Asia/Kuwait"))
    rows = ask(url, "SELECT site_id, name, timezone, last_seen > first_seen FROM hexpost.sites")
    assert rows == [(SITE.id, "Kuwait City", "Asia/Kuwait", True)]


@pytest.mark.parametrize("cut_after", [500, 20_000, 150_000])
def test_a_link_cut_while_the_rows_are_on_their_way_leaves_nothing_and_holds_up_nobody(
    url: str, server: Server, database: str, link: BreakingLink, upstream: PostgresUpstream, cut_after: int
) -> None:
    broken = PostgresUpstream(server.url(database, port=link.port))
    broken.hello(SITE)
    link.cut_after = link.relayed + cut_after
    with pytest.raises(Unavailable, match="sending batch 1"):
        broken.send(risk_batch(1, 5_000))
    assert link.broken.is_set()
    broken.close()
    assert upstream.hello(SITE).last_seq == 0
    assert ask(url, "SELECT count(*) FROM hexpost.risk_scores") == [(0,)]
    assert upstream.send(risk_batch(1, 5_000)).n_changed == 5_000


def test_a_lost_reply_to_the_commit_is_found_out_by_the_next_greeting(
    server: Server, database: str, link: BreakingLink, box: Box
) -> None:
    box.find(DAY, {A: 1, B: 2})
    by_the_link = server.url(database, port=link.port)
    greeted, broken = PostgresUpstream(server.url(database)), PostgresUpstream(by_the_link)
    greeted.hello(SITE)
    box.reconcile(before=box.position(), central=broken.hello(SITE))
    batch = box.next_batch()
    assert batch is not None
    link.swallow_commit = True
    with pytest.raises(Unavailable):
        broken.send(batch)
    assert box.position().last_seq == 0
    again = greeted.send(batch)
    assert (again.duplicate, again.n_changed) == (True, 0)
    greeted.close()
    link.mend()
    sent = drain(box, by_the_link)
    assert (sent.batches, sent.duplicates) == (3, 0)
    assert PostgresCentre(server.url(database)).contents(SITE.id) == box.contents()


def test_a_link_that_breaks_again_and_again_still_brings_everything_over(
    server: Server, database: str, link: BreakingLink, new_box: Callable[..., Box]
) -> None:
    box = new_box(batch_rows=7)
    box.find(DAY, {cell: n for n, cell in enumerate(CELLS)})
    by_the_link, cuts = server.url(database, port=link.port), 0
    while box.status().pending_slices:
        link.mend()
        link.cut_after = 9_000
        try:
            drain(box, by_the_link)
        except Unavailable:
            cuts += 1
    assert cuts >= 3
    assert PostgresCentre(server.url(database)).contents(SITE.id) == box.contents()


def test_a_link_stalled_with_its_rows_half_sent_does_not_hold_up_the_next(
    server: Server, database: str, link: BreakingLink, upstream: PostgresUpstream
) -> None:
    stalled = PostgresUpstream(server.url(database, port=link.port))
    stalled.hello(SITE)
    link.stall_after = link.relayed + 100_000
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(stalled.send, risk_batch(1, 5_000))
        assert link.stalled.wait(DEADLINE_S)
        upstream.hello(SITE)
        assert upstream.send(risk_batch(1, 5_000)).n_changed == 5_000
        link.cut()
        with pytest.raises(Unavailable):
            sending.result(DEADLINE_S)


def test_the_same_batch_over_a_second_link_waits_for_the_first_and_is_a_duplicate(
    url: str, upstream: PostgresUpstream
) -> None:
    """As when a box gives up on a link whose transaction is still running at the centre."""
    upstream.hello(SITE)
    upstream.send(risk_batch(1, 1))
    batch = risk_batch(2, 100, rows=[(*row[:-1], row[-1] + 1) for row in risk_batch(2, 100).rows])
    with psycopg.connect(url) as first, ThreadPoolExecutor(1) as pool:
        stage(first, batch)
        assert apply_batch(first, batch).n_changed == 100
        second = pool.submit(upstream.send, batch)
        wait_until(lambda: ask(url, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == [(1,)])
        first.commit()
        receipt = second.result(DEADLINE_S)
    assert (receipt.duplicate, receipt.n_changed) == (True, 0)


def test_boxes_that_need_the_same_new_month_at_once_all_get_through(url: str) -> None:
    sites = [Site(id=f"site-{n}") for n in range(4)]
    links = [PostgresUpstream(url) for _ in sites]
    for site, each in zip(sites, links, strict=True):
        each.hello(site)
    with ThreadPoolExecutor(4) as pool:
        sent = pool.map(lambda n: links[n].send(risk_batch(1, 100, site_id=sites[n].id)).n_changed, range(4))
        assert list(sent) == [100] * 4
    for each in links:
        each.close()
    assert ask(url, "SELECT count(*) FROM hexpost.risk_scores_y2026m11") == [(400,)]


def test_rows_lie_in_the_partition_of_their_month(url: str, upstream: PostgresUpstream) -> None:
    upstream.hello(SITE)
    for seq, day in enumerate(["2026-12-31", "2027-01-01"], start=1):
        at = Slice(kind="cell_aggregates", resolution=RESOLUTION, day=day)
        upstream.send(risk_batch(seq, 0, slice=at, rows=[(A, RESOLUTION, day, 1, 0.5, 1.0, seq)], upto_rev=seq))
    rows = ask(url, "SELECT tableoid::regclass::text, day::text FROM hexpost.cell_aggregates ORDER BY day")
    assert rows == [
        ("hexpost.cell_aggregates_y2026m12", "2026-12-31"),
        ("hexpost.cell_aggregates_y2027m01", "2027-01-01"),
    ]


def test_a_month_whose_rows_lie_in_the_default_partition_is_merged_there(url: str, upstream: PostgresUpstream) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO hexpost.risk_scores VALUES ('by-hand', 8, '2026-11-01', 1, 'composite', 1, 'low', 1, 1)"
        )
    upstream.hello(SITE)
    assert upstream.send(risk_batch(1, 10)).n_changed == 10
    assert ask(url, "SELECT count(*) FROM hexpost.risk_scores_default") == [(11,)]


def test_the_ledger_keeps_so_many_batches_of_each_site(url: str, upstream: PostgresUpstream) -> None:
    upstream.hello(SITE)
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO hexpost.sync_batch (site_id, epoch, batch_seq, kind, resolution, day, upto_rev, n_rows, "
            "n_changed) SELECT %s, 1, n, 'risk_scores', 8, '2026-11-21', n, 1, 1 FROM generate_series(1, 1500) AS n",
            (SITE.id,),
        )
        connection.execute("UPDATE hexpost.sync_site SET epoch = 1, last_seq = 1500")
    upstream.send(risk_batch(1501, 1))
    kept = ask(url, "SELECT count(*), min(batch_seq), max(batch_seq) FROM hexpost.sync_batch")
    assert kept == [(LEDGER_KEEP, 502, 1501)]


def test_nobody_listening_is_unavailable() -> None:
    with pytest.raises(Unavailable, match=r"greeting the centre: .*Connection refused"):
        PostgresUpstream(f"postgresql://box@127.0.0.1:{free_port()}/centre").hello(SITE)


def test_a_centre_without_its_tables_says_what_to_run(server: Server) -> None:
    empty = server.create(migrated=False)
    with pytest.raises(Conflict, match="it lacks 0001_house; run `hexpost central migrate`"):
        PostgresUpstream(server.url(empty)).hello(SITE)
    server.drop(empty)


def test_a_centre_that_ends_the_connection_is_unavailable_and_greeted_anew(
    url: str, upstream: PostgresUpstream
) -> None:
    upstream.hello(SITE)
    ask(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'hexpost sync'")
    with pytest.raises(Unavailable, match="sending batch 1"):
        upstream.send(risk_batch(1, 10))
    upstream.close()
    assert upstream.hello(SITE).last_seq == 0


def test_a_site_locked_by_another_is_waited_for_only_so_long(url: str) -> None:
    upstream = PostgresUpstream(url, lock_s=0.05)
    upstream.hello(SITE)
    with psycopg.connect(url) as other:
        other.execute("SELECT 1 FROM hexpost.sync_site FOR UPDATE")
        with pytest.raises(Unavailable, match="lock timeout"):
            upstream.send(risk_batch(1, 10))
    assert upstream.send(risk_batch(1, 10)).n_changed == 10
    upstream.close()


@pytest.mark.parametrize("value", [None, "much", 2**70])
def test_a_value_that_its_column_cannot_hold_is_refused_and_nothing_of_the_batch_stays(
    url: str, upstream: PostgresUpstream, value: object
) -> None:
    upstream.hello(SITE)
    rows = [(A, RESOLUTION, DAY, "composite", 1.0, "low", 1), (B, RESOLUTION, DAY, "composite", 1.0, value, 2)]
    with pytest.raises(Rejected, match="sending batch 1"):
        upstream.send(risk_batch(1, 0, rows=rows if value != "much" else [(value, *rows[0][1:])], upto_rev=2))
    assert ask(url, "SELECT count(*) FROM hexpost.risk_scores") == [(0,)]
    assert upstream.send(risk_batch(1, 10)).n_changed == 10


def test_a_box_needs_no_more_rights_than_to_write_its_tables(server: Server, database: str, box: Box) -> None:
    with psycopg.connect(server.url(database)) as owner:
        owner.execute("DROP ROLE IF EXISTS box; CREATE ROLE box LOGIN")
        owner.execute("GRANT USAGE ON SCHEMA hexpost TO box")
        owner.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA hexpost TO box")
    as_box = server.url(database, user="box")
    box.find(DAY, {A: 1})
    drain(box, as_box)
    assert PostgresCentre(server.url(database)).contents(SITE.id) == box.contents()
    with psycopg.connect(server.url(database)) as owner:
        owner.execute("REVOKE INSERT ON ALL TABLES IN SCHEMA hexpost FROM box")
    with pytest.raises(Forbidden, match="grant the box's role what it needs on schema hexpost"):
        drain(box, as_box)
    with psycopg.connect(server.url(database)) as owner:
        owner.execute("DROP OWNED BY box")
        owner.execute("DROP ROLE box")
