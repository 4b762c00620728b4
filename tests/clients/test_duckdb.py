"""DuckDB's Iceberg extension on a branch: tables, a transaction over two of them, the merge."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import duckdb
import pytest
from clients import expect


def connect(warehouse, directory: Path, *refs: str | None) -> duckdb.DuckDBPyConnection:
    """A connection with one attached catalog `at_<ref>` per ref; None is the warehouse view, called `lake`."""
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true", "extension_directory": str(directory)})
    for name in ("httpfs", "avro", "iceberg"):
        spec = importlib.util.find_spec(f"duckdb_extension_{name}")
        assert spec is not None and spec.submodule_search_locations
        file = next(Path(spec.submodule_search_locations[0]).rglob(f"{name}.duckdb_extension"))
        connection.execute(f"INSTALL '{file}'")
        connection.execute(f"LOAD {name}")
    for ref in refs:
        attached = warehouse.name if ref is None else f"{warehouse.name}@{ref}"
        connection.execute(
            f"ATTACH '{attached}' AS {'at_' + ref if ref else 'lake'} (TYPE iceberg, ENDPOINT '{warehouse.server.iceberg}', AUTHORIZATION_TYPE 'none')"
        )
    return connection


@pytest.fixture
def ingest(warehouse):
    """The branch `ingest` with the namespace `sales`."""
    warehouse.branch("ingest")
    expect(warehouse.iceberg("ingest").create_namespace("sales"))
    return warehouse


def test_duckdb_loads_a_branch_and_reads_main_after_the_merge(ingest, tmp_path):
    duck = connect(ingest, tmp_path, "ingest")
    duck.execute("CREATE TABLE at_ingest.sales.orders AS SELECT i AS id, i * 2.5 AS amount FROM range(1000) t(i)")
    duck.execute("CREATE TABLE at_ingest.sales.items (id BIGINT, name VARCHAR)")
    before = len(ingest.log("ingest"))
    duck.execute("BEGIN")
    duck.execute("INSERT INTO at_ingest.sales.items SELECT i, 'item ' || i FROM range(100) t(i)")
    duck.execute("INSERT INTO at_ingest.sales.orders SELECT i, 1 FROM range(1000, 1100) t(i)")
    duck.execute("COMMIT")
    assert len(ingest.log("ingest")) == before + 1
    assert duck.execute("SELECT count(*), max(id) FROM at_ingest.sales.orders").fetchall() == [(1100, 1099)]
    duck.execute("DELETE FROM at_ingest.sales.orders WHERE id < 100")
    duck.execute("UPDATE at_ingest.sales.items SET name = 'changed' WHERE id = 7")
    duck.close()
    assert ingest.tables("main") == set()
    expect(ingest.merge("ingest"), 200)
    duck = connect(ingest, tmp_path, "main", None)
    assert duck.execute("SELECT count(*) FROM at_main.sales.orders").fetchall() == [(1000,)]
    assert duck.execute("SELECT name FROM at_main.sales.items WHERE id = 7").fetchall() == [("changed",)]
    assert duck.execute('SELECT count(*) FROM lake."ingest.sales".orders').fetchall() == [(1000,)]
    joined = 'SELECT count(*) FROM at_main.sales.orders JOIN lake."ingest.sales".orders USING (id)'
    assert duck.execute(joined).fetchall() == [(1000,)]


def test_duckdb_rolls_back(ingest, tmp_path):
    duck = connect(ingest, tmp_path, "ingest")
    duck.execute("CREATE TABLE at_ingest.sales.orders (id BIGINT)")
    head = ingest.head("ingest")
    duck.execute("BEGIN")
    duck.execute("INSERT INTO at_ingest.sales.orders VALUES (1)")
    duck.execute("ROLLBACK")
    assert ingest.head("ingest") == head
    assert duck.execute("SELECT count(*) FROM at_ingest.sales.orders").fetchall() == [(0,)]
