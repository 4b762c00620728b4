"""ADBC over Flight SQL: what pandas, polars and any DBAPI program do with the server."""

from __future__ import annotations

import datetime as dt
import decimal
import itertools
import subprocess
import sys
import threading
import time
import uuid

import adbc_driver_flightsql.dbapi as flightsql
import pandas as pd
import pyarrow as pa
import pytest
from adbc_driver_flightsql import DatabaseOptions

_tables = itertools.count(1)


@pytest.fixture
def connect(server):
    """Opens connections; closes them at the end of the test."""
    opened = []

    def connect(database: str = "lake", *, autocommit: bool = True, **headers: str):
        options = {"username": "ann", "password": "whatever"}
        for name, value in {"database": database, **headers}.items():
            options[DatabaseOptions.RPC_CALL_HEADER_PREFIX.value + name.replace("_", "-")] = value
        connection = flightsql.connect(f"grpc://{server.flight}", db_kwargs=options, autocommit=autocommit)
        opened.append(connection)
        return connection

    yield connect
    for connection in opened:
        connection.close()


@pytest.fixture
def db(connect):
    return connect()


@pytest.fixture
def table() -> str:
    """The name of a table that no other test has."""
    return f"t{next(_tables)}"


def run(connection, text: str, values=None):
    """The rows of a statement; for one without rows, how many it changed."""
    with connection.cursor() as cursor:
        cursor.execute(text, values)
        return cursor.fetchall() if cursor.description else cursor.rowcount


def update(connection, text: str) -> int:
    with connection.cursor() as cursor:
        cursor.adbc_statement.set_sql_query(text)
        return cursor.adbc_statement.execute_update()


def count(connection, table: str) -> int:
    return run(connection, f"SELECT count(*) FROM {table}")[0][0]


def commits(connection) -> int:
    return run(connection, "SELECT count(*) FROM system.log('main')")[0][0]


def test_select(db):
    assert run(db, "SELECT 1 AS a, 'x' AS b, NULL AS c") == [(1, "x", None)]


def test_values_stand_in_where_and_in_the_select_list(db, table):
    run(db, f"CREATE TABLE {table} (id bigint, name text)")
    assert run(db, f"INSERT INTO {table} VALUES ($1, $2)", (1, "a")) == 1
    assert run(db, f"INSERT INTO {table} VALUES ($1, $2)", (2, None)) == 1
    assert run(db, f"SELECT name FROM {table} WHERE id = $1", (1,)) == [("a",)]
    assert run(db, f"SELECT id FROM {table} WHERE name = $1", ("a",)) == [(1,)]
    assert run(db, f"SELECT id FROM {table} WHERE id < $1", (1.5,)) == [(1,)]
    assert run(db, "SELECT $1 + 1, $2", (1, "z")) == [(2, "z")]
    assert run(db, "SELECT $1", (None,)) == [(None,)]
    with db.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {table} VALUES ($1, $2)", [(3, "c"), (4, "d")])
    assert count(db, table) == 4


def test_statements_are_carried_out_and_counted(db, table):
    assert update(db, f"CREATE TABLE {table} (id bigint)") == 0
    assert update(db, f"INSERT INTO {table} VALUES (1), (2), (3)") == 3
    # `execute` sends a change as a query: it is carried out once.
    assert run(db, f"INSERT INTO {table} VALUES (4), (5)") in (2, [])
    assert count(db, table) == 5
    run(db, f"CREATE TABLE {table}_b AS SELECT * FROM {table}")
    assert count(db, f"{table}_b") == 5
    assert update(db, f"DELETE FROM {table}_b WHERE id IN (SELECT id FROM {table} WHERE id > 3)") == 2
    assert update(db, f"UPDATE {table}_b SET id = -id WHERE id > 1") == 2
    with db.cursor() as cursor:
        cursor.executemany(f"DELETE FROM {table}_b WHERE id = $1", [(1,), (-2,), (99,)])
        assert cursor.rowcount == 2
    assert run(db, f"SELECT id FROM {table}_b") == [(-3,)]
    run(db, f"DROP TABLE {table}_b")
    with pytest.raises(flightsql.Error, match="42P01"):
        count(db, f"{table}_b")


def test_branches_are_schemas_and_databases(db, connect, table):
    run(db, f"CREATE BRANCH b_{table} FROM main")
    trial = connect(f"lake@b_{table}", x_nunatak_message="a trial")
    run(trial, f"CREATE TABLE {table} AS SELECT 1 AS id")
    assert run(db, f"SELECT id FROM b_{table}.{table}") == [(1,)]
    merged = run(db, f"MERGE BRANCH b_{table} INTO main")
    assert len(merged) >= 1
    assert run(db, f"SELECT id FROM {table}") == [(1,)]
    # The log has the user who connected, and the message of the header.
    text = f"SELECT author, message FROM system.log('b_{table}')"
    assert run(trial, text)[0] == ("ann", "a trial")


def test_errors_are_told(db):
    for text, state in [("SELEC 1", "42601"), ("SELECT * FROM nix", "42P01"), ("SELECT nix", "42703")]:
        with pytest.raises(flightsql.Error, match=state):
            run(db, text)
    with pytest.raises(flightsql.Error, match="session of its own"):
        run(db, "SET nunatak.message = 'x'")
    assert run(db, "SELECT 1") == [(1,)]


def test_an_unknown_database_is_told(connect):
    with pytest.raises(flightsql.Error, match="lake@nix"):
        run(connect("lake@nix"), "SELECT 1")


def test_ingestion(db, table):
    rows = pa.table({"id": [1, 2, 3], "name": ["a", None, "c"]})

    def ingest(mode: str, rows=rows, **options) -> int:
        with db.cursor() as cursor:
            return cursor.adbc_ingest(table, rows, mode=mode, **options)

    with pytest.raises(flightsql.Error, match="42P01"):
        ingest("append")
    assert ingest("create") == 3
    with pytest.raises(flightsql.Error, match="42P07"):
        ingest("create")
    before = commits(db)
    assert ingest("append") == 3
    assert commits(db) == before + 1
    assert ingest("create_append") == 3
    assert count(db, table) == 9
    run(db, f"CREATE BRANCH b_{table} FROM main")
    assert ingest("append", db_schema_name=f"b_{table}") == 3
    assert (count(db, table), count(db, f"b_{table}.{table}")) == (9, 12)


def test_another_table_takes_the_place(db, table):
    with db.cursor() as cursor:
        assert cursor.adbc_ingest(table, pa.table({"id": [1, 2]}), mode="replace") == 2
        before = commits(db)
        assert cursor.adbc_ingest(table, pa.table({"word": ["x"]}), mode="replace") == 1
    assert commits(db) == before + 1
    assert run(db, f"SELECT * FROM {table}") == [("x",)]
    assert run(db, f"SELECT * FROM {table} AT REF 'main~1' ORDER BY id") == [(1,), (2,)]


def test_a_transaction_is_one_commit_or_nothing(db, connect, table):
    run(db, f"CREATE TABLE {table} (id bigint)")
    before = commits(db)
    writer = connect(autocommit=False)
    for end, rows, made in [(writer.rollback, 0, 0), (writer.commit, 6, 1)]:
        run(writer, f"INSERT INTO {table} VALUES (1), (2)")
        with writer.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {table} VALUES ($1)", [(3,), (4,), (5,), (6,)])
        run(writer, f"CREATE TABLE {table}_b AS SELECT count(*) AS n FROM {table}")
        assert run(writer, f"SELECT n FROM {table}_b") == [(6,)]
        assert count(db, table) == 0
        end()
        assert count(db, table) == rows
        assert commits(db) == before + made
    run(writer, f"INSERT INTO {table} VALUES (7)")
    run(db, f"INSERT INTO {table} VALUES (8)")
    with pytest.raises(flightsql.Error, match="40001"):
        writer.commit()
    assert count(db, table) == 7


def test_nothing_is_put_by_a_client_that_is_killed(server, db, table):
    """In the midst of its rows; the server cannot tell such an end from an orderly one by the rows alone."""
    run(db, f"CREATE TABLE {table} (id bigint)")
    before = commits(db)
    program = f"""
import os, signal, sys
import pyarrow as pa
import adbc_driver_flightsql.dbapi as flightsql

schema = pa.schema([("id", pa.int64())])

def batches():
    for number in range(1_000_000):
        if number == 50:
            print("sending", flush=True)
            {{}}
        yield pa.record_batch([pa.array(range(1000))], schema=schema)

with flightsql.connect("grpc://{server.flight}", autocommit=True) as db, db.cursor() as cursor:
    cursor.adbc_ingest("{table}", pa.RecordBatchReader.from_batches(schema, batches()), mode="append")
"""
    for end in ["os.kill(os.getpid(), signal.SIGKILL)", "os._exit(1)", "raise RuntimeError('of the client')"]:
        done = subprocess.run([sys.executable, "-c", program.format(end)], capture_output=True, text=True, timeout=60)
        assert "sending" in done.stdout and done.returncode != 0, done
    time.sleep(1)
    assert (count(db, table), commits(db)) == (0, before)


def test_frames_go_in_and_out(db, table):
    frame = pd.DataFrame({"id": [1, 2, 3], "name": ["a", "b", None], "x": [0.5, float("nan"), 2.0]})
    assert frame.to_sql(table, db, index=False) == 3
    read = pd.read_sql(f"SELECT * FROM {table} ORDER BY id", db)
    assert read["id"].tolist() == [1, 2, 3]
    assert read["name"].tolist()[:2] == ["a", "b"]
    with db.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY id")
        assert cursor.fetch_df()["id"].tolist() == [1, 2, 3]


def test_polars_reads(db, table):
    polars = pytest.importorskip("polars")
    run(db, f"CREATE TABLE {table} AS SELECT * FROM (VALUES (1, 'a'), (2, NULL)) v(id, name)")
    frame = polars.read_database(f"SELECT * FROM {table} ORDER BY id", db)
    assert frame.rows() == [(1, "a"), (2, None)]


def test_what_there_is(db, connect, table):
    run(db, f"CREATE TABLE {table} (id bigint, name text)")
    run(db, f"CREATE VIEW {table}_v AS SELECT id FROM {table}")
    assert set(db.adbc_get_table_types()) == {"TABLE", "VIEW"}
    info = db.adbc_get_info()
    assert info["vendor_name"] == "Nunatak"
    schema = db.adbc_get_table_schema(table, db_schema_filter="main")
    assert schema.names == ["id", "name"]
    found = db.adbc_get_objects(
        depth="columns", db_schema_filter="main", table_name_filter=f"{table}%"
    ).read_all().to_pylist()
    assert [catalog["catalog_name"] for catalog in found] == ["lake"]
    [main] = [s for s in found[0]["catalog_db_schemas"] if s["db_schema_name"] == "main"]
    tables = {t["table_name"]: t for t in main["db_schema_tables"]}
    assert {name: t["table_type"] for name, t in tables.items()} == {table: "TABLE", f"{table}_v": "VIEW"}
    assert [c["column_name"] for c in tables[table]["table_columns"]] == ["id", "name"]
    # In the view of one ref its own namespaces are the schemas.
    found = connect("lake@main").adbc_get_objects(depth="tables", table_name_filter=table).read_all().to_pylist()
    [lake] = found
    assert lake["catalog_name"] == "lake@main"
    tables = {s["db_schema_name"]: s["db_schema_tables"] for s in lake["catalog_db_schemas"]}
    assert [t["table_name"] for t in tables["default"]] == [table]


def test_a_query_is_canceled(db):
    with db.cursor() as cursor:
        cursor.execute("SELECT a.value FROM generate_series(1, 1000000) a(value), generate_series(1, 1000000) b(value)")
        reader = cursor.fetch_record_batch()
        reader.read_next_batch()
        timer = threading.Timer(0.3, cursor.adbc_cancel)
        timer.start()
        with pytest.raises((flightsql.Error, OSError, pa.ArrowException, KeyboardInterrupt)):
            while True:
                reader.read_next_batch()
        timer.join()
    assert run(db, "SELECT 1") == [(1,)]


def test_a_million_rows_of_every_type(db, table):
    """Written by one program, read by another: every value is what it was."""
    size = 1_000_000
    numbers = pa.array(range(size), pa.int64())
    third = [None if n % 3 == 0 else n for n in range(size)]
    zone = dt.timezone.utc
    start = dt.datetime(2026, 1, 1)
    kinds = {
        "id": numbers,
        "flag": pa.array([None if n is None else n % 2 == 0 for n in third]),
        "small": pa.array([None if n is None else n % 1000 - 500 for n in third], pa.int32()),
        "half": pa.array([None if n is None else n / 4 for n in third], pa.float64()),
        "price": pa.array([None if n is None else decimal.Decimal(n) / 100 for n in third], pa.decimal128(12, 2)),
        "name": pa.array([None if n is None else f"näme {n}" for n in third]),
        "bytes": pa.array([None if n is None else n.to_bytes(4, "big") for n in third], pa.binary()),
        "uuid": pa.array([None if n is None else uuid.UUID(int=n).bytes for n in third], pa.binary(16)),
        "day": pa.array([None if n is None else n % 40000 for n in third], pa.int32()).cast(pa.date32()),
        "at": pa.array([None if n is None else n * 1_000_003 for n in third], pa.int64()).cast(pa.timestamp("us")),
        "zoned": pa.array([None if n is None else n * 999_983 for n in third], pa.int64()).cast(
            pa.timestamp("us", tz="UTC")
        ),
        "list": pa.array([None if n is None else [n, None] for n in third], pa.list_(pa.int64())),
        "struct": pa.array(
            [None if n is None else {"x": n, "y": str(n)} for n in third],
            pa.struct([("x", pa.int64()), ("y", pa.string())]),
        ),
    }
    rows = pa.table(kinds)
    with db.cursor() as cursor:
        assert cursor.adbc_ingest(table, rows.to_reader(max_chunksize=100_000), mode="create") == size
    with db.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY id")
        read = cursor.fetch_arrow_table()
    assert read.num_rows == size
    for name in rows.column_names:
        written = rows[name].combine_chunks()
        back = read[name].combine_chunks().cast(written.type)
        assert back.equals(written), name
    assert rows["at"][4].as_py() == dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=4 * 1_000_003)
    assert start.replace(tzinfo=zone) > dt.datetime(2025, 1, 1, tzinfo=zone)
