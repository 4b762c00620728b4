"""Runs `examples/dbt` on ingest branches against a server of its own, merges, and compares `main`.

Each branch is built twice, the second time with more rows as a later load has them, and once with
`--full-refresh`. dbt runs unchanged in its own Python environment, on a copy of the project.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CLIENTS = Path(__file__).resolve().parents[1]
PROJECT = CLIENTS.parents[1]
RUN_SECONDS = 240
LATE = '{"until": "2013-01-02"}'
TABLES = ("carrier_delays", "departures_merged", "departures_replaced", "departures_appended")

sys.path.insert(0, str(CLIENTS))

import psycopg  # noqa: E402

from server import Server  # noqa: E402


class Checks:
    """Counts checks and prints each."""

    def __init__(self) -> None:
        self.passed = self.failed = 0

    def __call__(self, name: str, good: bool, detail: object = "") -> None:
        self.passed, self.failed = self.passed + bool(good), self.failed + (not good)
        print(f"{'ok' if good else 'failed'} {name}{'' if good else f': {detail}'}", flush=True)


class Job:
    """dbt on one database and schema."""

    def __init__(self, project: Path, port: str, database: str, schema: str, checks: Checks):
        self.project, self.checks = project, checks
        self.name = f"{database} {schema}"
        self.env = {
            **os.environ,
            "NUNATAK_PG_PORT": port,
            "NUNATAK_DATABASE": database,
            "NUNATAK_SCHEMA": schema,
            "DBT_PROFILES_DIR": str(project),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }

    def dbt(self, *arguments: str) -> None:
        """Runs dbt; a warning is a failure, too."""
        command = [str(Path(sys.executable).parent / "dbt"), "--no-use-colors", *arguments]
        result = subprocess.run(
            command, cwd=self.project, env=self.env, capture_output=True, text=True, timeout=RUN_SECONDS
        )
        last = [line for line in result.stdout.splitlines() if "Done. PASS=" in line]
        clean = result.returncode == 0 and (not last or "WARN=0 ERROR=0" in last[-1])
        self.checks(f"{self.name}: dbt {' '.join(arguments)}", clean, result.stdout[-6000:] + result.stderr[-2000:])

    def build(self) -> None:
        """Twice, the second time with more, and everything anew."""
        self.dbt("debug")
        self.dbt("build")
        self.dbt("build", "--vars", LATE)
        self.dbt("build", "--vars", LATE, "--full-refresh")
        self.dbt("docs", "generate", "--vars", LATE)


def one(connection: psycopg.Connection, text: str) -> object:
    """The only value of a query."""
    row = connection.execute(text).fetchone()
    assert row is not None
    return row[0]


def main() -> None:
    """See the module's text."""
    checks = Checks()
    with tempfile.TemporaryDirectory() as scratch, Server(Path(scratch) / "data") as server:
        project = Path(scratch) / "project"
        shutil.copytree(PROJECT / "examples" / "dbt", project, ignore=shutil.ignore_patterns("target", "logs"))
        host, port = server.pg.split(":")
        connect = f"host={host} port={port} user=dbt"
        with psycopg.connect(f"{connect} dbname=lake", autocommit=True) as lake:
            before = str(one(lake, "SELECT head FROM system.refs WHERE name = 'main'"))
            Job(project, port, "lake", "ingest_flights", checks).build()
            lake.execute("CREATE BRANCH second FROM main")
            Job(project, port, "lake@second", "flights", checks).build()
            untouched = one(lake, "SELECT head FROM system.refs WHERE name = 'main'")
            checks("main stood still while dbt built", untouched == before, untouched)
            for branch, schema in (("ingest_flights", "ingest_flights"), ("second", "second.flights")):
                for table in TABLES:
                    count = one(lake, f"SELECT count(*) FROM {schema}.{table}")
                    expected = 14 if table == "carrier_delays" else 842
                    checks(f"{branch}: {table} has its rows", count == expected or (table == "carrier_delays" and 0 < count <= 16), count)
            lake.execute("MERGE BRANCH ingest_flights INTO main")
            after = str(one(lake, "SELECT head FROM system.refs WHERE name = 'main'"))
            checks("the merge moved main", after != before)
            for table in TABLES:
                same = one(
                    lake,
                    f"SELECT count(*) FROM (SELECT * FROM main.{table} EXCEPT SELECT * FROM ingest_flights.{table}) d",
                )
                checks(f"main has {table} as it was built", same == 0, same)
                try:
                    lake.execute(f"SELECT * FROM main.{table} AT COMMIT '{before}'")
                    checks(f"before the merge main had no {table}", False, "it has")
                except psycopg.errors.UndefinedTable:
                    checks(f"before the merge main had no {table}", True)
            lake.execute("INSERT INTO main.carrier_delays (carrier) VALUES ('XX')")
            then = one(lake, f"SELECT count(*) FROM main.carrier_delays AT COMMIT '{after}'")
            now = one(lake, "SELECT count(*) FROM main.carrier_delays")
            checks("AT COMMIT answers as it was", now == then + 1, (then, now))  # type: ignore[operator]
    print(f"{checks.passed} passed, {checks.failed} failed")
    sys.exit(1 if checks.failed else 0)


if __name__ == "__main__":
    main()
