"""A server of its own, its tables, and the engines that it is measured beside."""

from __future__ import annotations

import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "tests" / "clients"))

import duckdb  # noqa: E402
import psycopg  # noqa: E402
import requests  # noqa: E402

from clients import TIMEOUT, Warehouse, expect  # noqa: E402
from engines import extensions  # noqa: E402
from server import Server  # noqa: E402


def connect(server: Server, database: str = "lake") -> psycopg.Connection:
    """A connection to the server; each statement is a transaction of its own."""
    host, port = server.pg.rsplit(":", 1)
    return psycopg.connect(host=host, port=port, user="bench", dbname=database, autocommit=True)


def files(connection: psycopg.Connection, table: str) -> list[str]:
    """The data files of a table, as paths."""
    rows = connection.execute(f"SELECT file_path FROM system.files('{table}')").fetchall()
    return [path.removeprefix("file://") for (path,) in rows]


def duck(directory: Path, *names: str) -> duckdb.DuckDBPyConnection:
    """DuckDB with two threads and extensions."""
    connection = duckdb.connect(
        config={"allow_unsigned_extensions": "true", "extension_directory": str(directory)}
    )
    connection.execute("SET threads = 2")
    connection.execute("SET TimeZone = 'UTC'")
    extensions(connection, directory, *names)
    return connection


def attach(connection: duckdb.DuckDBPyConnection, server: Server) -> None:
    """Attaches the server's `main` as `lake`."""
    connection.execute(
        f"ATTACH 'lake@main' AS lake (TYPE iceberg, ENDPOINT '{server.iceberg}', AUTHORIZATION_TYPE 'none')"
    )


def best(action, rounds: int = 3) -> float:
    """The shortest of some runs, in milliseconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        action()
        times.append((time.perf_counter() - start) * 1000)
    return min(times)


__all__ = ["TIMEOUT", "PROJECT", "Server", "Warehouse", "attach", "best", "connect", "duck", "expect", "files", "requests"]
