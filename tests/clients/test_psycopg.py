"""psycopg: cursors of the server, prepared statements, pipelines."""

from __future__ import annotations

import psycopg
import pytest
from engines import sql
from psycopg import errors
from psycopg.pq import TransactionStatus


@pytest.fixture
def db(warehouse):
    """A connection with a table of 1,000 rows; transactions begin by themselves, as psycopg has it."""
    with sql(warehouse) as connection:
        connection.execute("CREATE TABLE t AS SELECT x, 'row ' || x AS s FROM generate_series(1, 1000) g(x)")
        connection.autocommit = False
        yield connection


def commits(warehouse) -> int:
    return len(warehouse.log("main"))


def test_a_named_cursor_reads_in_pages(db):
    with db.cursor(name="c") as cursor:
        cursor.itersize = 70
        cursor.execute("SELECT x, s FROM t WHERE x > %s ORDER BY x", (100,))
        assert [column.name for column in cursor.description] == ["x", "s"]
        assert cursor.fetchone() == (101, "row 101")
        assert cursor.fetchmany(2) == [(102, "row 102"), (103, "row 103")]
        assert [row[0] for row in cursor] == list(range(104, 1001))
        assert cursor.fetchone() is None
    assert db.execute("SELECT count(*) FROM pg_cursors").fetchone() == (0,)


def test_a_named_cursor_scrolls(db):
    with db.cursor(name="c", scrollable=True) as cursor:
        cursor.execute("SELECT x FROM t ORDER BY x")
        cursor.scroll(10)
        assert cursor.fetchone() == (11,)
        cursor.scroll(-5)
        assert cursor.fetchone() == (7,)
        cursor.scroll(998, mode="absolute")
        assert cursor.fetchall() == [(999,), (1000,)]
        cursor.scroll(0, mode="absolute")
        assert cursor.fetchone() == (1,)
    with db.cursor(name="d", scrollable=False) as cursor:
        cursor.execute("SELECT x FROM t ORDER BY x")
        cursor.fetchmany(5)
        with pytest.raises(errors.ObjectNotInPrerequisiteState), db.transaction():
            cursor.scroll(-1)


def test_a_named_cursor_in_binary(db):
    with db.cursor(name="c", binary=True) as cursor:
        cursor.execute("SELECT x, s, x::double precision / 2 FROM t ORDER BY x")
        assert cursor.fetchmany(2) == [(1, "row 1", 0.5), (2, "row 2", 1.0)]


def test_a_held_cursor_outlives_its_transaction(db):
    with db.cursor(name="c", withhold=True) as cursor:
        cursor.execute("SELECT x FROM t ORDER BY x")
        cursor.fetchone()
        db.commit()
        db.execute("DELETE FROM t")
        db.commit()
        assert cursor.fetchmany(2) == [(2,), (3,)]
        db.commit()
    with db.cursor(name="gone") as cursor:
        cursor.execute("SELECT 1")
        db.commit()
        with pytest.raises(errors.InvalidCursorName):
            cursor.fetchone()


def test_a_cursor_that_somebody_else_declared(db):
    db.execute("DECLARE theirs CURSOR FOR SELECT x FROM t ORDER BY x")
    with db.cursor(name="theirs") as cursor:
        assert cursor.fetchmany(2) == [(1,), (2,)]
    with pytest.raises(errors.DuplicateCursor):
        db.execute("DECLARE a CURSOR FOR SELECT 1")
        db.execute("DECLARE a CURSOR FOR SELECT 1")


def test_many_cursors_at_once_see_what_was(db):
    with db.cursor(name="one") as one, db.cursor(name="two") as two:
        one.execute("SELECT x FROM t ORDER BY x")
        one.fetchone()
        db.execute("UPDATE t SET x = -x")
        two.execute("SELECT x FROM t ORDER BY x")
        assert one.fetchone() == (2,)
        assert two.fetchone() == (-1000,)
        assert one.fetchone() == (3,)


def test_statements_are_prepared_and_deallocated(db):
    db.prepare_threshold = 0
    db.prepared_max = 2
    for number in range(10):
        assert db.execute(f"SELECT {number} + %s", (1,)).fetchone() == (number + 1,)
    # psycopg forgets its own after a rollback, by DEALLOCATE ALL.
    db.rollback()
    db.autocommit = True
    db.execute("PREPARE p (int) AS SELECT s FROM t WHERE x = $1")
    assert db.execute("EXECUTE p (7)").fetchone() == ("row 7",)
    with pytest.raises(errors.DuplicatePreparedStatement):
        db.execute("PREPARE p AS SELECT 1")
    db.execute("DEALLOCATE p")
    with pytest.raises(errors.InvalidSqlStatementName):
        db.execute("EXECUTE p (7)")


def test_a_pipeline_is_one_commit(warehouse, db):
    db.autocommit = True
    before = commits(warehouse)
    with db.pipeline():
        for number in range(20):
            db.execute("INSERT INTO t VALUES (%s, 'new')", (number + 2000,))
        count = db.execute("SELECT count(*) FROM t")
    assert count.fetchone() == (1020,)
    assert commits(warehouse) == before + 1
    with db.cursor() as cursor:
        cursor.executemany("INSERT INTO t VALUES (%s, 'many')", [(number,) for number in range(3000, 3030)])
        assert cursor.rowcount == 30
    assert commits(warehouse) == before + 2


def test_an_error_in_a_pipeline_undoes_all_of_it(warehouse, db):
    db.autocommit = True
    before = commits(warehouse)
    with pytest.raises(errors.DivisionByZero), db.pipeline():
        db.execute("DELETE FROM t")
        db.execute("SELECT 1 / 0")
        db.execute("DELETE FROM t")
    assert db.info.transaction_status == TransactionStatus.IDLE
    assert db.execute("SELECT count(*) FROM t").fetchone() == (1000,)
    assert commits(warehouse) == before
    # A Sync in between keeps what came before it.
    with pytest.raises(errors.DivisionByZero), db.pipeline() as pipeline:
        db.execute("DELETE FROM t WHERE x = 1")
        pipeline.sync()
        db.execute("DELETE FROM t WHERE x = 2")
        db.execute("SELECT 1 / 0")
    assert db.execute("SELECT count(*), min(x) FROM t").fetchone() == (999, 2)


def test_a_transaction_in_a_pipeline(warehouse, db):
    before = commits(warehouse)
    with db.pipeline():
        db.execute("DELETE FROM t WHERE x <= 10")
        db.execute("INSERT INTO t VALUES (1, 'again')")
        db.commit()
        db.execute("DELETE FROM t")
        db.rollback()
    assert db.execute("SELECT count(*) FROM t").fetchone() == (991,)
    assert commits(warehouse) == before + 1
    with db.transaction(), db.pipeline():
        db.execute("DELETE FROM t")
        raise psycopg.Rollback
    assert db.execute("SELECT count(*) FROM t").fetchone() == (991,)
