"""SQL beside DuckDB and DataFusion, on the same files, on the same machine, in one run.

    run.py [scan] [tpch] [write] [catalog] [--rows N] [--scale F] [--branches N] [--tables N] [--folder DIR]

Prints tables in Markdown, as they stand in benchmarks/README.md. The server's binary is `$NUNATAK_BIN`.
Rows are compared too: a run with other rows than DuckDB's ends with exit code 1.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
import time
from pathlib import Path

from beside import Server, Warehouse, attach, best, connect, duck, expect, files, requests

import tpch

SCANS = {
    "count(*)": "SELECT count(*) FROM events",
    "min, max id": "SELECT min(id), max(id) FROM events",
    "sum(v)": "SELECT sum(v) FROM events",
    "group by cat": "SELECT cat, count(*), sum(v) FROM events GROUP BY cat ORDER BY cat",
    "group by k": "SELECT k, count(*), avg(v) FROM events GROUP BY k ORDER BY k",
    "count(distinct note)": "SELECT count(DISTINCT note) FROM events",
    "id range": "SELECT sum(v) FROM events WHERE id BETWEEN {third} AND {third} + 1000",
    "k = 7": "SELECT count(*), sum(v) FROM events WHERE k = 7",
    "like 'ab%'": "SELECT count(*) FROM events WHERE note LIKE 'ab%'",
    "top 10 by v": "SELECT id, v FROM events ORDER BY v DESC, id LIMIT 10",
    "top 10 by id": "SELECT id, note FROM events ORDER BY id DESC LIMIT 10",
    "limit 10": "SELECT count(*) FROM (SELECT * FROM events LIMIT 10) t",
    "join of 3 keys": "SELECT d.name, count(*) FROM events e JOIN dim d ON e.id = d.id GROUP BY d.name ORDER BY d.name",
}


def load() -> str:
    """The machine's load, which the numbers are worth nothing without."""
    return f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores"


def geometric(ratios: list[float]) -> float:
    """The geometric mean."""
    return math.exp(sum(math.log(ratio) for ratio in ratios) / len(ratios))


class DataFusion:
    """DataFusion alone on the files, if its package is installed."""

    def __init__(self, tables: dict[str, list[str]]):
        from datafusion import SessionConfig, SessionContext

        self.context = SessionContext(
            SessionConfig({
                "datafusion.execution.target_partitions": "2",
                "datafusion.sql_parser.dialect": "postgresql",
            })
        )
        for name, paths in tables.items():
            # A folder of links: the package reads one folder, and a table's may hold files of older states.
            folder = Path(tempfile.mkdtemp(dir=Path(paths[0]).parent))
            for number, path in enumerate(paths):
                (folder / f"{number}.parquet").symlink_to(path)
            self.context.register_parquet(name, str(folder))

    def run(self, text: str) -> list:
        """The rows of a query."""
        return self.context.sql(text).collect()


class Side:
    """The engines that are measured: a name and a function that runs a query to its last row."""

    def __init__(self, server: Server, folder: Path, tables: list[str], loaded=None):
        self.ours = connect(server)
        self.duck = loaded or duck(folder, "httpfs", "avro", "iceberg")
        self.tables = {table: files(self.ours, table) for table in tables}
        self.duck.execute("CREATE SCHEMA parquet")
        for table, paths in self.tables.items():
            listed = ", ".join(f"'{path}'" for path in paths)
            self.duck.execute(f"CREATE VIEW parquet.{table} AS SELECT * FROM read_parquet([{listed}])")
        attach(self.duck, server)
        try:
            self.datafusion = DataFusion(self.tables)
        except Exception as error:  # noqa: BLE001  (an engine beside is no part of what is measured)
            print(f"DataFusion is not measured: {error}", file=sys.stderr)
            self.datafusion = None

    def nunatak(self, text: str) -> list:
        """Rows over PostgreSQL's protocol."""
        return self.ours.execute(text).fetchall()

    def duck_parquet(self, text: str) -> list:
        """Rows of DuckDB from the Parquet files."""
        self.duck.execute("SET search_path = 'memory.parquet'")
        return self.duck.execute(text).fetchall()

    def duck_iceberg(self, text: str) -> list:
        """Rows of DuckDB from the Iceberg tables, which asks the catalog."""
        self.duck.execute("SET search_path = 'lake.default'")
        return self.duck.execute(text).fetchall()


def compare(title: str, side: Side, texts: dict[str, str], rounds: int) -> bool:
    """Times queries, prints a table; false where rows differ."""
    engines = {"DuckDB, Parquet": side.duck_parquet, "DuckDB, Iceberg": side.duck_iceberg}
    if side.datafusion:
        engines["DataFusion"] = side.datafusion.run
    print(f"\n### {title}\n\n{load()}; milliseconds, best of {rounds}; x: Nunatak's time by the other's\n")
    print("| query | Nunatak | " + " | ".join(f"{name} | x" for name in engines) + " |")
    print("|---|---" + "|---|---" * len(engines) + "|")
    ratios: dict[str, list[float]] = {name: [] for name in engines}
    same = True
    for name, text in texts.items():
        rows = side.nunatak(text)
        expected = side.duck_parquet(text)
        if not tpch.alike(rows, expected):
            same = False
            print(f"rows differ: {name}: {rows[:3]} and {expected[:3]}", file=sys.stderr)
        ours = best(lambda: side.nunatak(text), rounds)
        cells = []
        for engine, run in engines.items():
            try:
                other = best(lambda: run(text), rounds)
            except Exception as error:  # noqa: BLE001  (what an engine cannot run is shown as such)
                print(f"{engine}: {name}: {error}", file=sys.stderr)
                cells.append("- | -")
                continue
            ratios[engine].append(ours / other)
            cells.append(f"{other:,.1f} | {ours / other:.2f}")
        print(f"| {name} | {ours:,.1f} | " + " | ".join(cells) + " |", flush=True)
    means = [f" | {geometric(found):.2f}" if found else " | -" for found in ratios.values()]
    print("| **geometric mean** | | " + " | ".join(means) + " |", flush=True)
    return same


def events(connection, rows: int) -> float:
    """Makes the table `events` of 16 files; answers rows written in a second."""
    connection.execute(
        "CREATE TABLE events (id bigint, k int, v double precision, cat text, note text, at timestamp)"
    )
    each, start = rows // 16, time.perf_counter()
    for part in range(16):
        connection.execute(
            "INSERT INTO events SELECT g, (g * 7919 % 1000)::int, (g * 104729 % 1000003)::double precision / 7, "
            "'cat' || g * 31 % 20, substr(md5((g * 13)::text), 1, 12), "
            "timestamp '2026-01-01' + (g % 31536000) * interval '1 second' "
            f"FROM generate_series({part * each + 1}::bigint, {(part + 1) * each}) t(g)"
        )
    spent = time.perf_counter() - start
    connection.execute(
        f"CREATE TABLE dim AS SELECT {rows // 5}::bigint AS id, 'one' AS name UNION ALL SELECT {rows // 3}, 'two' "
        f"UNION ALL SELECT {rows // 2}, 'three'"
    )
    return rows / spent


def scan(server: Server, folder: Path, rows: int) -> bool:
    """Thirteen queries on one table."""
    rate = events(connect(server), rows)
    texts = {name: text.format(third=rows // 3) for name, text in SCANS.items()}
    side = Side(server, folder, ["events", "dim"])
    same = compare(f"{rows:,} rows in 16 files", side, texts, 3)
    print(f"\nThe table was written by `INSERT … SELECT` of 16 parts: {rate:,.0f} rows/s.")
    return same


def write(server: Server, rows: int) -> bool:
    """INSERT and DELETE of a hundredth of the rows."""
    connection = connect(server)
    if not connection.execute("SELECT count(*) FROM system.refs").fetchone():
        return False
    try:
        connection.execute("SELECT 1 FROM events LIMIT 1")
    except Exception:  # noqa: BLE001  (made by `scan`, if that ran before)
        events(connection, rows)
    part, before = rows // 100, connection.execute("SELECT count(*) FROM events").fetchone()[0]
    times = {}
    for name, text, change in (
        ("INSERT of 1 %", f"INSERT INTO events SELECT id + {rows}, k, v, cat, note, at FROM events WHERE id <= {part}", part),
        ("DELETE of 1 %, together", f"DELETE FROM events WHERE id > {rows}", -part),
        ("DELETE of 1 %, in all files", "DELETE FROM events WHERE id % 100 = 5", -(rows // 100)),
        ("UPDATE of 1 %, together", f"UPDATE events SET v = 0 WHERE id BETWEEN 1 AND {part}", 0),
    ):
        start = time.perf_counter()
        connection.execute(text)
        times[name] = (time.perf_counter() - start) * 1000
        after = connection.execute("SELECT count(*) FROM events").fetchone()[0]
        if after - before != change:
            print(f"{name}: {after - before} rows, not {change}", file=sys.stderr)
            return False
        before = after
    print(f"\n### Changes of {rows:,} rows in 16 files\n\n{load()}; each is one commit\n")
    print("| statement | ms |\n|---|---|")
    for name, spent in times.items():
        print(f"| {name} | {spent:,.0f} |")
    return True


def catalog(server: Server, branches: int, tables: int) -> bool:
    """What psql asks for `\\dt`, in a warehouse of many branches."""
    expect(requests.post(server.warehouses, json={"name": "wide"}, timeout=60))
    warehouse = Warehouse(server, "wide")
    connection = connect(server, "wide@main")
    for number in range(tables):
        connection.execute(f"CREATE TABLE t{number} (id bigint)")
    for number in range(branches):
        warehouse.branch(f"b{number}")
    text = """SELECT n.nspname as "Schema", c.relname as "Name",
        CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'p' THEN 'partitioned table' END as "Type",
        pg_catalog.pg_get_userbyid(c.relowner) as "Owner"
        FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam
        WHERE c.relkind IN ('r','p','') AND n.nspname <> 'pg_catalog' AND n.nspname !~ '^pg_toast'
        AND n.nspname <> 'information_schema' AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1,2"""
    print(f"\n### A warehouse of {branches:,} branches with {tables:,} tables each\n\n{load()}\n")
    print("| asked | rows | ms |\n|---|---|---|")
    fine = True
    for database in ("wide@main", "wide", f"wide@b{branches - 1}"):
        with connect(server, database) as session:
            rows = session.execute(text).fetchall()
            fine = fine and len(rows) == tables
            spent = best(lambda: session.execute(text).fetchall())
            print(f"| `\\dt` in `{database}` | {len(rows):,} | {spent:,.1f} |")
            listed = session.execute("SELECT count(*) FROM information_schema.schemata").fetchone()[0]
            spent = best(lambda: session.execute("SELECT schema_name FROM information_schema.schemata").fetchall())
            print(f"| `information_schema.schemata` in `{database}` | {listed:,} | {spent:,.1f} |")
    return fine


def tpc_h(server: Server, folder: Path, scale: float) -> bool:
    """The 22 queries of TPC-H."""
    expect(requests.post(server.warehouses, json={"name": "tpch"}, timeout=60))
    engine = duck(folder, "httpfs", "avro", "iceberg", "tpch")
    tpch.generate(engine, scale)
    engine.execute(
        f"ATTACH 'tpch@main' AS staged (TYPE iceberg, ENDPOINT '{server.iceberg}', AUTHORIZATION_TYPE 'none')"
    )
    ours = connect(server)
    for table in tpch.TABLES:
        engine.execute(f'CREATE TABLE staged."default".{table} AS SELECT * FROM {table}')
        engine.execute(f"DROP TABLE {table}")
    engine.execute("DETACH staged")
    staged = connect(server, "tpch@main")
    start, rows = time.perf_counter(), 0
    for table in tpch.TABLES:
        # Written again by Nunatak: all engines read its files.
        staged.execute(f"CREATE TABLE own_{table} AS SELECT * FROM {table}")
        rows += staged.execute(f"SELECT count(*) FROM own_{table}").fetchone()[0]
        staged.execute(f"DROP TABLE {table}")
        staged.execute(f"ALTER TABLE own_{table} RENAME TO {table}")
    spent = time.perf_counter() - start
    texts = {f"Q{number}": text for number, text in tpch.queries(engine).items()}
    ours.close()
    side = TpchSide(server, folder, list(tpch.TABLES), engine)
    same = compare(f"TPC-H, scale {scale:g}", side, texts, 3)
    print(f"\nThe tables were written by `CREATE TABLE … AS`: {rows / spent:,.0f} rows/s.")
    return same


class TpchSide(Side):
    """The engines over the warehouse `tpch`."""

    def __init__(self, server: Server, folder: Path, tables: list[str], engine):
        self.ours = connect(server, "tpch@main")
        self.duck = engine
        self.tables = {table: files(self.ours, table) for table in tables}
        engine.execute("CREATE SCHEMA parquet")
        for table, paths in self.tables.items():
            listed = ", ".join(f"'{path}'" for path in paths)
            engine.execute(f"CREATE VIEW parquet.{table} AS SELECT * FROM read_parquet([{listed}])")
        engine.execute(
            f"ATTACH 'tpch@main' AS lake (TYPE iceberg, ENDPOINT '{server.iceberg}', AUTHORIZATION_TYPE 'none')"
        )
        try:
            self.datafusion = DataFusion(self.tables)
        except Exception as error:  # noqa: BLE001  (an engine beside is no part of what is measured)
            print(f"DataFusion is not measured: {error}", file=sys.stderr)
            self.datafusion = None


def main() -> None:
    """Runs what the command line names, or all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", default=["scan", "write", "tpch", "catalog"])
    parser.add_argument("--rows", type=int, default=8_000_000)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--branches", type=int, default=10_000)
    parser.add_argument("--tables", type=int, default=1_000)
    parser.add_argument("--folder")
    options = parser.parse_args()
    fine = True
    with tempfile.TemporaryDirectory(dir=options.folder) as folder, Server(Path(folder) / "data") as server:
        place = Path(folder) / "extensions"
        place.mkdir()
        for part in options.parts:
            if part == "scan":
                fine &= scan(server, place, options.rows)
            elif part == "write":
                fine &= write(server, options.rows)
            elif part == "tpch":
                fine &= tpc_h(server, place, options.scale)
            elif part == "catalog":
                fine &= catalog(server, options.branches, options.tables)
            else:
                parser.error(f"{part}: scan, write, tpch, catalog")
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
