"""The schema of the centre: made once, by whoever comes first, never by an older program."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from appliance.errors import Conflict, Forbidden
from sync.central.migrate import known_migrations, migrate
from tests.sync.postgres import Server

NAMES = [file.stem for file in known_migrations()]


@pytest.fixture
def empty_url(server: Server) -> Iterator[str]:
    name = server.create(migrated=False)
    yield server.url(name)
    server.drop(name)


def test_a_new_database_gets_every_migration_and_a_second_run_none(empty_url: str) -> None:
    with psycopg.connect(empty_url) as connection:
        assert migrate(connection) == NAMES
        assert migrate(connection) == []


def test_two_at_once_apply_each_migration_once(empty_url: str) -> None:
    def run(_: int) -> list[str]:
        with psycopg.connect(empty_url) as connection:
            return migrate(connection)

    with ThreadPoolExecutor(2) as pool:
        applied = [name for names in pool.map(run, range(2)) for name in names]
    assert sorted(applied) == NAMES


def test_a_newer_schema_is_refused(empty_url: str) -> None:
    with psycopg.connect(empty_url) as connection:
        migrate(connection)
        connection.execute("INSERT INTO hexpost.schema_migrations (name) VALUES ('9999_later')")
        connection.commit()
        with pytest.raises(Conflict, match="it has 9999_later, which this program does not know"):
            migrate(connection)


def test_the_names_that_users_know_are_there(empty_url: str) -> None:
    with psycopg.connect(empty_url) as connection:
        migrate(connection)
        columns = connection.execute(
            "SELECT string_agg(column_name, ' ' ORDER BY ordinal_position) FROM information_schema.columns "
            "WHERE table_schema = 'hexpost' AND table_name = 'mv_daily_risk'"
        ).fetchone()
        assert columns == (
            "site_id h3_index resolution day event_count rolling_7d_avg growth_rate profile risk_score risk_level "
            "z_score flagged geom",
        )
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'hexpost'::regnamespace AND relkind = 'p' ORDER BY 1"
        ).fetchall()
        assert tables == [("anomaly_flags",), ("cell_aggregates",), ("risk_scores",)]


def test_a_role_that_may_not_create_is_told_who_may(server: Server, empty_url: str) -> None:
    with psycopg.connect(empty_url) as admin:
        admin.execute("DROP ROLE IF EXISTS stranger")
        admin.execute("CREATE ROLE stranger LOGIN")
    with (
        psycopg.connect(empty_url.replace("postgres@", "stranger@")) as stranger,
        pytest.raises(Forbidden, match="run it as the owner of the database"),
    ):
        migrate(stranger)
    with psycopg.connect(empty_url) as admin:
        admin.execute("DROP ROLE stranger")
