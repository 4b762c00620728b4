"""SQL connections to the server under test, and the engines that read what it wrote."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import duckdb
import psycopg
from clients import Warehouse
from lakes import catalog


def sql(warehouse: Warehouse, ref: str = "main", **options) -> psycopg.Connection:
    """A connection of psycopg to a ref of the warehouse; each statement is a transaction of its own."""
    host, port = warehouse.server.pg.rsplit(":", 1)
    return psycopg.connect(
        host=host, port=port, user="ann", dbname=f"{warehouse.name}@{ref}", autocommit=True, **options
    )


def extensions(connection: duckdb.DuckDBPyConnection, directory: Path, *names: str) -> None:
    """Loads extensions of DuckDB from the Python packages that hold them."""
    for name in names:
        spec = importlib.util.find_spec(f"duckdb_extension_{name}")
        assert spec is not None and spec.submodule_search_locations, name
        file = next(Path(spec.submodule_search_locations[0]).rglob(f"{name}.duckdb_extension"))
        connection.execute(f"INSTALL '{file}'")
        connection.execute(f"LOAD {name}")


def duck(warehouse: Warehouse, directory: Path, ref: str = "main") -> duckdb.DuckDBPyConnection:
    """DuckDB with a ref of the warehouse attached as `lake`."""
    connection = duckdb.connect(
        config={"allow_unsigned_extensions": "true", "extension_directory": str(directory)}
    )
    extensions(connection, directory, "httpfs", "avro", "iceberg")
    connection.execute(
        f"ATTACH '{warehouse.name}@{ref}' AS lake "
        f"(TYPE iceberg, ENDPOINT '{warehouse.server.iceberg}', AUTHORIZATION_TYPE 'none')"
    )
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def arrow_rows(table) -> list[tuple]:
    """Rows of an Arrow table, sorted, in Python's own types."""
    return ordered(tuple(row.values()) for row in table.to_pylist())


def iceberg_rows(warehouse: Warehouse, name: tuple[str, ...], ref: str = "main") -> list[tuple]:
    """What PyIceberg reads of a table."""
    return arrow_rows(catalog(warehouse, ref).load_table(name).scan().to_arrow())


def ordered(rows) -> list[tuple]:
    """Rows in an order that does not depend on types."""
    return sorted((tuple(plain(value) for value in row) for row in rows), key=repr)


def plain(value):
    """A value without what only one library tells apart: lists and tuples, aware times of one zone."""
    if isinstance(value, (memoryview, bytearray)):
        return bytes(value)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if getattr(value, "tzinfo", None) is not None:
        return value.replace(tzinfo=None) - value.utcoffset()
    return value
