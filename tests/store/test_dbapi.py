"""The driver as SQLAlchemy and the store's own statements see it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from appliance.store.file import dbapi


@pytest.fixture
def raw() -> Iterator[Any]:
    connection = dbapi.connect(":memory:")
    connection.execute("CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT UNIQUE)")
    yield connection
    connection.close()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    """Through SQLAlchemy, on a file."""
    made = sa.create_engine(dbapi.URL, creator=lambda: dbapi.connect(str(tmp_path / "file.db")))
    with made.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT UNIQUE)")
    yield made
    made.dispose()


def test_what_a_statement_changed_is_still_told_after_the_next(raw: Any) -> None:
    many = raw.executemany("INSERT INTO t VALUES (?, ?)", [(1, "a"), (2, "b"), (3, "c")])
    none = raw.execute("DELETE FROM t WHERE k = 9")
    one = raw.execute("UPDATE t SET v = 'x' WHERE k = 2")
    raw.execute("INSERT INTO t VALUES (7, 'd')")
    assert (many.rowcount, many.lastrowid, none.rowcount, one.rowcount) == (3, 3, 0, 1)


def test_of_many_rows_only_those_that_were_taken_count(raw: Any) -> None:
    rows = [(1, "a"), (1, "b"), (2, "c")]
    assert raw.executemany("INSERT OR IGNORE INTO t VALUES (?, ?)", rows).rowcount == 2
    assert raw.executemany("INSERT INTO t VALUES (?, ?)", []).rowcount == 0


def test_each_statement_commits_by_itself_unless_a_transaction_was_begun(raw: Any) -> None:
    raw.execute("BEGIN")
    raw.execute("INSERT INTO t VALUES (1, 'a')")
    raw.rollback()
    raw.execute("INSERT INTO t VALUES (2, 'b')")
    raw.rollback()
    raw.commit()
    assert raw.execute("SELECT k FROM t").fetchall() == [(2,)]


def test_an_answer_is_read_in_portions(raw: Any) -> None:
    raw.executemany("INSERT INTO t VALUES (?, NULL)", [(k,) for k in range(5)])
    cursor = raw.execute("SELECT k FROM t")
    assert [cursor.fetchmany(3), cursor.fetchmany(3), cursor.fetchmany(3)] == [[(0,), (1,), (2,)], [(3,), (4,)], []]


def test_a_file_is_made_where_there_is_none_and_an_address_may_forbid_it(tmp_path: Path) -> None:
    with pytest.raises(dbapi.Error, match="unable to open"):
        dbapi.connect(f"file:{tmp_path}/none.db?mode=ro")
    dbapi.connect(str(tmp_path / "made.db")).close()
    assert (tmp_path / "made.db").exists()


def test_a_copy_tells_how_far_it_is_and_ends_when_that_raises(raw: Any, tmp_path: Path) -> None:
    raw.executemany("INSERT INTO t VALUES (?, ?)", [(k, "x" * 900 + str(k)) for k in range(200)])
    target = dbapi.connect(str(tmp_path / "copy.db"))
    told: list[tuple[int, int]] = []
    raw.copy_into(target, pages=10, progress=lambda left, pages: told.append((left, pages)), sleep_s=0)
    assert told[0] == (told[0][1] - 10, told[0][1])
    assert told[-1][0] == 0
    assert target.execute("SELECT count(*) FROM t").fetchone() == (200,)

    def give_up(_left: int, _pages: int) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        raw.copy_into(target, pages=10, progress=give_up, sleep_s=0)
    target.close()


def test_an_answer_without_rows_has_its_columns(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        assert list(connection.execute(sa.text("SELECT k, v AS w FROM t")).keys()) == ["k", "w"]
        assert connection.exec_driver_sql("SELECT k FROM t").first() is None


def test_rows_changed_and_the_key_of_a_new_row_are_told(engine: sa.Engine) -> None:
    table = sa.table("t", sa.column("k"), sa.column("v"))
    with engine.connect() as connection:
        assert connection.execute(table.insert(), [{"k": 4, "v": "a"}, {"k": 5, "v": "b"}]).rowcount == 2
        changed = connection.execute(table.update().values(v=None))
        connection.exec_driver_sql("DELETE FROM t")
        assert changed.rowcount == 2
        assert connection.exec_driver_sql("INSERT INTO t (v) VALUES ('c')").lastrowid == 1
        assert connection.exec_driver_sql("INSERT INTO t (v) VALUES ('d') RETURNING k").scalar_one() == 2


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("INSERT INTO t VALUES (1, 'a'), (1, 'b')", sa.exc.IntegrityError),
        ("SELECT * FROM nowhere", sa.exc.OperationalError),
        ("SELECT ?", sa.exc.ProgrammingError),
    ],
)
def test_errors_have_the_names_that_sqlalchemy_gives_them(engine: sa.Engine, statement: str, error: Any) -> None:
    with engine.connect() as connection, pytest.raises(error):
        connection.exec_driver_sql(statement)


def test_every_statement_is_told_with_its_values(engine: sa.Engine) -> None:
    told: list[str] = []
    with engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        raw.set_trace_callback(told.append)
        connection.execute(sa.text("SELECT k FROM t WHERE v = :v"), {"v": "a"})
        raw.execute("SELECT ?", (5,))
        raw.set_trace_callback(None)
        raw.execute("SELECT 6")
    assert told == ["SELECT k FROM t WHERE v = 'a'", "SELECT 5"]
