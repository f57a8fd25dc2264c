"""What every centre promises: the same cases over PostgreSQL and over the plain model that is the reference."""

from collections.abc import Iterator
from typing import Any, Protocol

import msgspec
import psycopg
import pytest

from appliance.errors import Conflict, Rejected, Unavailable
from appliance.model.change import COLUMNS, Batch, ChangeKind, Position, Slice
from appliance.model.settings import Site
from appliance.spatial.geometry import cell_polygons, multipolygon_ewkb
from sync.pump import Upstream
from sync.upstream_postgres import PostgresUpstream
from tests.sync.box import CELLS, DAY, NEXT_DAY, RESOLUTION, SITE, Contents
from tests.sync.memory import MemoryCentre
from tests.sync.postgres import Server

A, B, C, *_ = CELLS
RISK = Slice(kind="risk_scores", resolution=RESOLUTION, day=DAY)
OTHER_SITE = Site(id="basra-1")


class Centre(Protocol):
    """A centre under test."""

    def upstream(self) -> Upstream: ...
    def contents(self, site_id: str) -> Contents: ...


class PostgresCentre:
    def __init__(self, url: str) -> None:
        self.url = url
        self.links: list[PostgresUpstream] = []

    def upstream(self) -> PostgresUpstream:
        self.links.append(PostgresUpstream(self.url))
        return self.links[-1]

    def contents(self, site_id: str) -> Contents:
        shown = {"geom": "ST_AsEWKB(geom)", "day": "day::text"}
        with psycopg.connect(self.url) as connection:
            return {kind: self._rows(connection, kind, columns, shown, site_id) for kind, columns in COLUMNS.items()}

    def _rows(
        self, connection: Any, kind: ChangeKind, columns: tuple[str, ...], shown: dict[str, str], site_id: str
    ) -> set[tuple[object, ...]]:
        picked = ", ".join(shown.get(column, column) for column in columns)
        query = f"SELECT {picked} FROM hexpost.{kind} WHERE site_id = %s"
        return set(connection.execute(query.encode(), (site_id,)).fetchall())


@pytest.fixture(params=["memory", "postgres"])
def centre(request: pytest.FixtureRequest) -> Iterator[Centre]:
    if request.param == "memory":
        yield MemoryCentre()
        return
    server: Server = request.getfixturevalue("server")
    postgres = PostgresCentre(server.url(request.getfixturevalue("database")))
    yield postgres
    for link in postgres.links:
        link.close()


@pytest.fixture
def upstream(centre: Centre) -> Upstream:
    link = centre.upstream()
    link.hello(SITE)
    return link


def risk_row(cell: int, score: float, rev: int, profile: str = "composite") -> tuple[object, ...]:
    return (cell, RESOLUTION, DAY, profile, score, "low", rev)


def batch(seq: int, *rows: tuple[object, ...], gone: list[tuple[int, int, str]] | None = None, **changes: Any) -> Batch:
    revs = [row[-1] for row in rows] + [rev for _, rev, _ in gone or []]
    plain = Batch(
        site_id=SITE.id,
        epoch=1,
        seq=seq,
        slice=RISK,
        rows=list(rows),
        gone=gone or [],
        upto_rev=max(revs, default=0),  # type: ignore[type-var]
        complete=True,
    )
    return msgspec.structs.replace(plain, **changes)


def scores(centre: Centre, site_id: str = SITE.id) -> dict[object, object]:
    return {row[0]: row[4] for row in centre.contents(site_id)["risk_scores"]}


def test_a_site_never_heard_of_stands_at_the_beginning(centre: Centre) -> None:
    assert centre.upstream().hello(SITE) == Position(epoch=0, last_seq=0)


def test_every_kind_of_row_arrives_as_it_was_sent(centre: Centre, upstream: Upstream) -> None:
    geom = multipolygon_ewkb(cell_polygons(A))
    sent: dict[ChangeKind, tuple[object, ...]] = {
        "h3_cells": (A, RESOLUTION, 47.97, 29.37, geom, 1),
        "cell_aggregates": (A, RESOLUTION, DAY, 3, 3 / 7, -0.25, 2),
        "risk_scores": (A, RESOLUTION, DAY, "composite", 100.0, "critical", 3),
        "anomaly_flags": (A, RESOLUTION, DAY, 2.0 - 1e-9, True, 4),
    }
    for seq, (kind, row) in enumerate(sent.items(), start=1):
        at = Slice(kind=kind, resolution=RESOLUTION, day="" if kind == "h3_cells" else DAY)
        receipt = upstream.send(batch(seq, row, slice=at))
        assert (receipt.seq, receipt.n_rows, receipt.n_changed, receipt.duplicate) == (seq, 1, 1, False)
    assert centre.contents(SITE.id) == {kind: {row} for kind, row in sent.items()}


def test_a_batch_sent_twice_is_applied_once(centre: Centre, upstream: Upstream) -> None:
    first = batch(1, risk_row(A, 1.0, 1), risk_row(B, 2.0, 2))
    assert upstream.send(first).n_changed == 2
    again = upstream.send(first)
    assert (again.duplicate, again.n_changed) == (True, 0)
    assert upstream.hello(SITE) == Position(epoch=1, last_seq=1)


def test_a_batch_made_anew_with_fewer_rows_is_still_the_same_batch(centre: Centre, upstream: Upstream) -> None:
    upstream.send(batch(1, risk_row(A, 1.0, 1), risk_row(B, 2.0, 2)))
    assert upstream.send(batch(1, risk_row(A, 1.0, 1), upto_rev=2, complete=False)).duplicate
    assert scores(centre) == {A: 1.0, B: 2.0}


def test_another_batch_under_a_number_already_used_is_a_conflict(centre: Centre, upstream: Upstream) -> None:
    upstream.send(batch(1, risk_row(A, 1.0, 1)))
    with pytest.raises(Conflict, match="the centre has another batch of that number"):
        upstream.send(batch(1, risk_row(B, 2.0, 5)))
    assert scores(centre) == {A: 1.0}


def test_a_gap_is_a_conflict_and_leaves_nothing(centre: Centre, upstream: Upstream) -> None:
    upstream.send(batch(1, risk_row(A, 1.0, 1)))
    with pytest.raises(Conflict, match="the centre waits for batch 2"):
        upstream.send(batch(3, risk_row(B, 2.0, 2)))
    assert scores(centre) == {A: 1.0}
    assert upstream.send(batch(2, risk_row(B, 2.0, 2))).n_changed == 1


def test_an_older_revision_never_overwrites_a_newer_one(centre: Centre, upstream: Upstream) -> None:
    upstream.send(batch(1, risk_row(A, 9.0, 9)))
    assert upstream.send(batch(2, risk_row(A, 1.0, 3))).n_changed == 0
    assert scores(centre) == {A: 9.0}


def test_of_two_revisions_of_a_row_in_one_batch_the_newer_stays(centre: Centre, upstream: Upstream) -> None:
    assert upstream.send(batch(1, risk_row(A, 9.0, 9), risk_row(A, 1.0, 3))).n_changed == 1
    assert scores(centre) == {A: 9.0}


def test_profiles_of_a_cell_are_rows_of_their_own(centre: Centre, upstream: Upstream) -> None:
    upstream.send(batch(1, risk_row(A, 9.0, 1), risk_row(A, 1.0, 2, "calibrated")))
    assert len(centre.contents(SITE.id)["risk_scores"]) == 2


def test_a_tombstone_removes_its_row_and_nothing_newer(centre: Centre, upstream: Upstream) -> None:
    upstream.send(batch(1, risk_row(A, 1.0, 1), risk_row(B, 2.0, 2), risk_row(C, 3.0, 3)))
    receipt = upstream.send(batch(2, risk_row(B, 2.5, 6), gone=[(A, 4, "composite"), (B, 5, "composite")]))
    assert receipt.n_changed == 2
    assert scores(centre) == {B: 2.5, C: 3.0}


def test_a_tombstone_of_a_profile_leaves_the_rows_of_the_others(centre: Centre, upstream: Upstream) -> None:
    upstream.send(batch(1, risk_row(A, 9.0, 1), risk_row(A, 1.0, 2, "calibrated"), risk_row(B, 2.0, 3)))
    assert upstream.send(batch(2, gone=[(A, 4, "composite"), (B, 5, "calibrated")])).n_changed == 1
    assert scores(centre) == {A: 1.0, B: 2.0}


def test_a_tombstone_is_of_its_slice(centre: Centre, upstream: Upstream) -> None:
    upstream.send(batch(1, risk_row(A, 1.0, 1)))
    upstream.send(batch(2, gone=[(A, 4, "composite")], slice=msgspec.structs.replace(RISK, day=NEXT_DAY)))
    upstream.send(batch(3, gone=[(A, 5, "")], slice=msgspec.structs.replace(RISK, kind="anomaly_flags")))
    assert scores(centre) == {A: 1.0}


def test_a_new_epoch_counts_from_one_and_wins_with_any_revision(centre: Centre, upstream: Upstream) -> None:
    upstream.send(batch(1, risk_row(A, 9.0, 900)))
    assert upstream.send(batch(1, risk_row(A, 1.0, 1), epoch=2)).n_changed == 1
    assert scores(centre) == {A: 1.0}
    assert upstream.hello(SITE) == Position(epoch=2, last_seq=1)
    with pytest.raises(Conflict, match="the centre is at epoch 2"):
        upstream.send(batch(2, risk_row(A, 9.0, 901)))


def test_a_slice_complete_in_a_new_epoch_loses_what_only_the_old_one_had(centre: Centre, upstream: Upstream) -> None:
    upstream.send(batch(1, risk_row(A, 1.0, 1), risk_row(B, 2.0, 2)))
    upstream.send(batch(1, risk_row(A, 1.0, 1), epoch=2, complete=False))
    assert scores(centre) == {A: 1.0, B: 2.0}
    assert upstream.send(batch(2, risk_row(C, 3.0, 5), epoch=2)).n_changed == 2
    assert scores(centre) == {A: 1.0, C: 3.0}


def test_a_new_epoch_begins_with_batch_one(upstream: Upstream) -> None:
    upstream.send(batch(1, risk_row(A, 1.0, 1)))
    with pytest.raises(Conflict, match="the centre waits for batch 1"):
        upstream.send(batch(2, risk_row(A, 1.0, 2), epoch=2))


def test_sites_do_not_touch_each_other(centre: Centre, upstream: Upstream) -> None:
    other = centre.upstream()
    assert other.hello(OTHER_SITE) == Position(epoch=0, last_seq=0)
    upstream.send(batch(1, risk_row(A, 1.0, 1)))
    other.send(batch(1, risk_row(A, 7.0, 1), site_id=OTHER_SITE.id))
    other.send(batch(2, gone=[(A, 9, "composite")], site_id=OTHER_SITE.id))
    assert scores(centre) == {A: 1.0}
    assert scores(centre, OTHER_SITE.id) == {}


def test_a_batch_of_another_site_is_refused(centre: Centre, upstream: Upstream) -> None:
    with pytest.raises(Rejected, match=r"\$.site_id: a batch of site basra-1 came over the connection of site kuwait"):
        upstream.send(batch(1, risk_row(A, 1.0, 1), site_id=OTHER_SITE.id))
    assert scores(centre, OTHER_SITE.id) == {}


@pytest.mark.parametrize(
    "row",
    [(A, RESOLUTION, NEXT_DAY, "composite", 1.0, "low", 2), (A, 9, DAY, "composite", 1.0, "low", 2), (A, RESOLUTION)],
)
def test_a_row_outside_the_slice_is_refused_and_the_batch_with_it(
    centre: Centre, upstream: Upstream, row: tuple[object, ...]
) -> None:
    with pytest.raises(Rejected, match=r"\$.rows\[1\]"):
        upstream.send(batch(1, risk_row(B, 1.0, 1), row, upto_rev=2))
    assert scores(centre) == {}


def test_nothing_is_sent_without_a_greeting(centre: Centre) -> None:
    link = centre.upstream()
    with pytest.raises((Unavailable, Rejected)):
        link.send(batch(1, risk_row(A, 1.0, 1)))
    assert scores(centre) == {}


def test_a_link_closed_and_greeted_again_goes_on(centre: Centre, upstream: Upstream) -> None:
    upstream.send(batch(1, risk_row(A, 1.0, 1)))
    upstream.close()
    upstream.close()
    assert upstream.hello(SITE) == Position(epoch=1, last_seq=1)
    assert upstream.send(batch(2, risk_row(B, 2.0, 2))).n_changed == 1
