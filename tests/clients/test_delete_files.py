"""Rows that Spark deleted by merge-on-read are gone in SQL, too, in every snapshot of every table.

Spark 4.1 writes position delete files (format version 2) and deletion vectors (version 3); what it
reads itself is what SQL must answer. `spark/deletes.py` is Spark's side.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import requests
from clients import TIMEOUT, expect

CLIENTS = Path(__file__).resolve().parent
PROJECT = CLIENTS.parents[1]
PYTHON = PROJECT / ".venv" / "spark41" / "bin" / "python"
JAR = PROJECT / ".cache" / "spark" / "iceberg-spark-runtime-4.1_2.13-1.11.0.jar"
JOB_SECONDS = 900
TABLES = ["positions", "positions_of_partitions", "positions_of_files", "vectors", "vectors_of_partitions", "upgraded"]


@pytest.fixture(scope="module")
def states(server, tmp_path_factory) -> list[dict]:
    """What Spark reads of its tables, state by state."""
    scratch = tmp_path_factory.mktemp("spark")
    environment = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "PYTHONNOUSERSITE": "1", "TMPDIR": str(scratch)}
    environment.pop("SPARK_HOME", None)
    output = scratch / "states.json"
    process = subprocess.run(
        [str(PYTHON), str(CLIENTS / "spark" / "deletes.py"), str(JAR), server.iceberg, str(output)],
        cwd=scratch,
        env=environment,
        capture_output=True,
        text=True,
        timeout=JOB_SECONDS,
    )
    assert process.returncode == 0, process.stderr[-6000:]
    return json.loads(output.read_text())


def ask(server, sql: str) -> list[list]:
    """The rows that a statement answers on `main`."""
    body = {"sql": sql, "database": "lake@main"}
    answer = expect(requests.post(f"{server.url}/api/v1/sql", json=body, timeout=TIMEOUT), 200)
    return answer["results"][0]["rows"]


def ordered(rows: list[list]) -> list[list]:
    """Rows in one order, nulls included."""
    return sorted(rows, key=lambda row: [(value is None, value if value is not None else 0) for value in row])


@pytest.mark.parametrize("table", TABLES)
def test_every_snapshot_has_the_rows_that_spark_reads(server, states, table):
    found = [state for state in states if state["table"] == table]
    assert len(found) > 6
    for state in found:
        at = "" if state["snapshot"] is None else f" AT SNAPSHOT {state['snapshot']}"
        name = f"deletes.{table}{at}"
        columns = f"id, grp, {state['note']}, CAST(amount AS text), ratio, CAST(extract(epoch FROM at) AS bigint)"
        rows = ask(server, f"SELECT {columns} FROM {name}")
        assert ordered(rows) == ordered(state["rows"]), state["snapshot"]
        # The same by other ways of reading: counted, filtered, in part.
        ids = [row[0] for row in state["rows"]]
        totals = ask(server, f"SELECT count(*), min(id), max(id), sum(id) FROM {name}")
        assert [str(cell) for cell in totals[0]] == [str(cell) for cell in (len(ids), min(ids), max(ids), sum(ids))]
        first = ask(server, f"SELECT id FROM {name} WHERE id >= 0 LIMIT 50")
        assert len(first) == 50
        assert {row[0] for row in first} <= set(ids)
        some = ask(server, f"SELECT id FROM {name} WHERE id >= 380 AND id < 520 ORDER BY id")
        assert some == [[i] for i in sorted(ids) if 380 <= i < 520]
        last = ask(server, f"SELECT id FROM {name} ORDER BY id DESC LIMIT 7")
        assert last == [[i] for i in sorted(ids, reverse=True)[:7]]


def test_the_tables_have_the_delete_files_that_they_shall_have(states):
    kinds = {state["table"]: {(row[0], row[1]) for row in state["files"]} for state in states if "files" in state}
    for table in ("positions", "positions_of_partitions", "positions_of_files"):
        assert kinds[table] == {(1, "PARQUET")}
    for table in ("vectors", "vectors_of_partitions"):
        assert kinds[table] == {(1, "PUFFIN")}
    assert (1, "PUFFIN") in kinds["upgraded"]
