"""The 22 queries of TPC-H on tables that DuckDB wrote: the same rows as DuckDB's own."""

from __future__ import annotations

import pytest
from clients import Warehouse, expect
from engines import duck, extensions, sql
from tpch import TABLES, alike, generate, queries


@pytest.fixture(scope="module")
def loaded(server, tmp_path_factory):
    """A warehouse with the tables of a hundredth of the smallest size, and DuckDB with the same."""
    import requests

    expect(requests.post(server.warehouses, json={"name": "tpch"}, timeout=60))
    warehouse = Warehouse(server, "tpch")
    directory = tmp_path_factory.mktemp("extensions")
    engine = duck(warehouse, directory)
    extensions(engine, directory, "tpch")
    generate(engine, 0.01)
    for table in TABLES:
        engine.execute(f'CREATE TABLE lake."default".{table} AS SELECT * FROM {table}')
    with sql(warehouse) as connection:
        yield engine, connection, queries(engine)


@pytest.mark.parametrize("number", range(1, 23))
def test_the_rows_are_those_of_duckdb(loaded, number):
    engine, connection, texts = loaded
    expected = engine.execute(texts[number]).fetchall()
    actual = connection.execute(texts[number]).fetchall()
    assert alike(actual, expected), (actual[:5], expected[:5])
