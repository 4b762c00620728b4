"""What psql, JDBC and SQLAlchemy find out about a warehouse through `pg_catalog` and `information_schema`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psycopg
import pytest
import sqlalchemy

from server import PROJECT, Server

JDBC = Path(__file__).resolve().parent / "jdbc"
CACHE = PROJECT / ".cache" / "jdbc"
TIMEOUT = 120
STATEMENTS = [
    "CREATE SCHEMA ingest",
    "CREATE TABLE ingest.orders (id bigint NOT NULL, amount numeric(10,2), name text, at timestamp, z timestamptz,"
    " d date, b boolean, f float8, r real, i integer)",
    "CREATE VIEW ingest.ov AS SELECT id, name FROM ingest.orders",
    "CREATE TABLE main.t1 (a integer, b text)",
    "CREATE SCHEMA ingest.sales",
    "CREATE TABLE ingest.sales.eu (x integer)",
    "CREATE SCHEMA other",
    "CREATE TABLE other.hidden (a integer)",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server whose warehouse has two branches beside `main`."""
    with Server(tmp_path_factory.mktemp("data") / "nunatak-data") as server:
        with psycopg.connect(dsn(server), autocommit=True) as connection:
            for statement in STATEMENTS:
                connection.execute(statement)
        yield server


def dsn(server: Server, database: str = "lake") -> str:
    host, port = server.pg.split(":")
    return f"host={host} port={port} user=ann dbname={database}"


def psql(server: Server, *commands: str, database: str = "lake") -> str:
    """What psql prints for commands, unaligned; an error is one."""
    arguments = [argument for command in commands for argument in ("-c", command)]
    result = subprocess.run(
        ["psql", "-X", "-A", "-v", "ON_ERROR_STOP=1", dsn(server, database), *arguments],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert result.returncode == 0 and "ERROR" not in result.stderr, f"{commands}: {result.stderr}\n{result.stdout}"
    return result.stdout


def test_psql_lists(server):
    assert psql(server, r"\dt").splitlines()[2:-1] == ["main|t1|table|ann"]
    assert psql(server, r"\dt ingest.*").splitlines()[2:-1] == ["ingest|orders|table|ann"]
    assert psql(server, r"\dv ingest.*").splitlines()[2:-1] == ["ingest|ov|view|ann"]
    assert psql(server, r"\dn").splitlines()[2:-1] == ["ingest|ann", "main|ann", "other|ann"]
    assert psql(server, r"\dn ingest*").splitlines()[2:-1] == ["ingest|ann", "ingest.sales|ann"]
    assert [line.split("|")[0] for line in psql(server, r"\l").splitlines()[2:-1]] == ["lake"]
    assert psql(server, r"\du").splitlines()[2].startswith("ann|")


@pytest.mark.parametrize(
    "command",
    [r"\d", r"\d+", r"\dt+", r"\dv+", r"\dn+", r"\df", r"\dT", r"\di", r"\dm", r"\ds", r"\dp", r"\dd", r"\dx", r"\dC"]
    + [r"\db", r"\det", r"\dRp", r"\dL", r"\do", r"\dO", r"\dE", r"\ddp", r"\drds", r"\dP", r"\dy", r"\dconfig", r"\dA"]
    + [r"\l+", r"\d ingest.orders", r"\d+ ingest.orders", r"\d+ ingest.ov", r"\sv ingest.ov", r"\d *.t1"],
)
def test_psql_answers(server, command):
    psql(server, command)


def test_psql_describes_a_table(server):
    shown = psql(server, r"\d ingest.orders")
    assert 'Table "ingest.orders"' in shown
    assert shown.splitlines()[2:] == [
        "id|bigint||not null|",
        "amount|numeric(10,2)|||",
        "name|text|||",
        "at|timestamp without time zone|||",
        "z|timestamp with time zone|||",
        "d|date|||",
        "b|boolean|||",
        "f|double precision|||",
        "r|real|||",
        "i|integer|||",
    ]
    assert 'View "ingest.ov"' in psql(server, r"\d+ ingest.ov")
    assert 'Table "ingest.sales.eu"' in psql(server, r'\d "ingest.sales".eu')
    assert 'Table "sales.eu"' in psql(server, r"\d sales.eu", database="lake@ingest")
    assert "x|integer" in psql(server, "SET search_path = 'ingest.sales'", r"\d eu")


def jdbc(server: Server, schema: str, table: str, database: str = "lake") -> dict[str, list[str]]:
    """What JDBC's DatabaseMetaData says, by title."""
    jars = sorted(CACHE.glob("postgresql-*.jar"))
    assert jars, "the JDBC driver is missing: run `make setup`"
    classes = CACHE / "classes"
    subprocess.run(["javac", "-d", str(classes), str(JDBC / "Metadata.java")], check=True, timeout=TIMEOUT)
    command = ["java", "-cp", f"{classes}:{jars[-1]}", "Metadata", f"jdbc:postgresql://{server.pg}/{database}", "ann"]
    result = subprocess.run([*command, schema, table], capture_output=True, text=True, timeout=TIMEOUT)
    assert result.returncode == 0, result.stderr
    assert "!!" not in result.stdout, result.stdout
    answers: dict[str, list[str]] = {}
    for line in result.stdout.splitlines():
        if line.startswith("== "):
            answers[line[3:]] = []
        else:
            answers[list(answers)[-1]].append(line)
    return answers


def test_jdbc_metadata(server):
    answers = jdbc(server, "ingest", "orders")
    assert answers["catalogs"] == ["lake"]
    assert answers["schemas"] == ["information_schema", "ingest", "main", "other", "pg_catalog"]
    assert answers["schemas of a pattern"] == ["ingest"]
    assert answers["tables"] == ["ingest\torders\tTABLE\tnull", "ingest\tov\tVIEW\tnull"]
    assert [line.split("\t")[1:4] for line in answers["columns"]] == [
        ["id", "-5", "int8"],
        ["amount", "2", "numeric"],
        ["name", "12", "text"],
        ["at", "93", "timestamp"],
        ["z", "93", "timestamptz"],
        ["d", "91", "date"],
        ["b", "-7", "bool"],
        ["f", "8", "float8"],
        ["r", "7", "float4"],
        ["i", "4", "int4"],
    ]
    assert [line.split("\t")[6] for line in answers["columns"]] == ["0", *["1"] * 9]
    for empty in ["primary keys", "indexes", "imported keys", "exported keys", "functions", "sequences"]:
        assert answers[empty] == [], empty
    assert "int8\t-5" in answers["types"]


def test_jdbc_metadata_of_a_nested_schema(server):
    answers = jdbc(server, "ingest.sales", "eu")
    assert answers["tables"] == ["ingest.sales\teu\tTABLE\tnull"]
    answers = jdbc(server, "sales", "eu", database="lake@ingest")
    assert answers["schemas"] == ["default", "information_schema", "pg_catalog", "sales"]
    assert answers["tables"] == ["sales\teu\tTABLE\tnull"]


@pytest.fixture
def inspector(server):
    host, port = server.pg.split(":")
    engine = sqlalchemy.create_engine(f"postgresql+psycopg://ann@{host}:{port}/lake")
    yield sqlalchemy.inspect(engine)
    engine.dispose()


def test_sqlalchemy_inspector(inspector):
    assert inspector.default_schema_name == "main"
    assert inspector.get_schema_names() == ["information_schema", "ingest", "main", "other"]
    assert inspector.get_table_names() == ["t1"]
    assert inspector.get_table_names("ingest") == ["orders"]
    assert inspector.get_view_names("ingest") == ["ov"]
    assert inspector.has_table("orders", "ingest") and not inspector.has_table("nothing", "ingest")
    columns = inspector.get_columns("orders", "ingest")
    assert [(column["name"], str(column["type"]), column["nullable"]) for column in columns][:4] == [
        ("id", "BIGINT", False),
        ("amount", "NUMERIC(10, 2)", True),
        ("name", "TEXT", True),
        ("at", "TIMESTAMP", True),
    ]
    assert inspector.get_pk_constraint("orders", "ingest")["constrained_columns"] == []
    assert inspector.get_foreign_keys("orders", "ingest") == []
    assert inspector.get_indexes("orders", "ingest") == []
    assert inspector.get_unique_constraints("orders", "ingest") == []
    assert inspector.get_check_constraints("orders", "ingest") == []
    assert inspector.get_table_comment("orders", "ingest") == {"text": None}
    assert "SELECT id, name" in inspector.get_view_definition("ov", "ingest")
    assert inspector.get_sequence_names("ingest") == [] and inspector.get_enums() == []


def test_sqlalchemy_reflects_a_schema(inspector):
    found = sqlalchemy.MetaData()
    found.reflect(inspector.engine, schema="ingest", views=True)
    assert sorted(found.tables) == ["ingest.orders", "ingest.ov"]


def test_psycopg_describes_results(server):
    with psycopg.connect(dsn(server)) as connection:
        rows = connection.execute(
            "SELECT relname, oid FROM pg_class WHERE relnamespace = %s::regnamespace ORDER BY 1", ["ingest"]
        ).fetchall()
        assert [name for name, _ in rows] == ["orders", "ov"]
        columns = connection.execute("SELECT attname FROM pg_attribute WHERE attrelid = %s", [rows[0][1]]).fetchall()
        assert ("amount",) in columns
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("SELECT * FROM pg_catalog.pg_nothing")
