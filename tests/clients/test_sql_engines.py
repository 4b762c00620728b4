"""Tables that SQL wrote, read by PyIceberg and DuckDB, and the other way round."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import psycopg
import pyarrow as pa
import pytest
from engines import duck, iceberg_rows, ordered, sql
from lakes import catalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import BucketTransform, DayTransform, IdentityTransform, TruncateTransform
from pyiceberg.types import DoubleType, LongType, NestedField, StringType, TimestampType

COLUMNS = (
    "b boolean, i int, l bigint, r real, d double precision, n numeric(18, 4), t text, y bytea, "
    "da date, ti time, ts timestamp, tz timestamptz"
)
ROWS = [
    (
        True,
        2**31 - 1,
        2**62 - 1,
        0.5,
        0.1,
        Decimal("12345678901234.5678"),
        "häßlich 'quoted' \\",
        b"\x00\xff\x10",
        dt.date(2026, 11, 21),
        dt.time(23, 59, 59, 999999),
        dt.datetime(2026, 11, 21, 8, 0, 0, 1),
        dt.datetime(2026, 11, 21, 8, 0, tzinfo=dt.timezone.utc),
    ),
    (
        False,
        -(2**31),
        -(2**62),
        -1.25,
        float("inf"),
        Decimal("-0.0001"),
        "",
        b"",
        dt.date(1, 1, 1),
        dt.time(0, 0),
        dt.datetime(1500, 1, 1),
        dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.timezone.utc),
    ),
    (None,) * 12,
]


@pytest.fixture
def lake(warehouse):
    """A fresh warehouse with a connection to its `main`."""
    with sql(warehouse) as connection:
        yield warehouse, connection


def everywhere(warehouse, tmp_path, name: str) -> list[tuple]:
    """The rows of a table in `default`, which SQL, PyIceberg and DuckDB must agree on."""
    with sql(warehouse) as connection:
        here = ordered(connection.execute(f'SELECT * FROM "{name}"').fetchall())
    assert iceberg_rows(warehouse, ("default", name)) == here
    engine = duck(warehouse, tmp_path)
    # Times are texts there: Python has no time at the end of a day, and no year beyond 9999.
    there = engine.execute(f'SELECT * FROM lake."default"."{name}"').fetchall()
    assert ordered(there) == here
    engine.close()
    return here


def test_every_type_is_read_by_the_others(lake, tmp_path):
    warehouse, connection = lake
    connection.execute(f"CREATE TABLE types ({COLUMNS})")
    places = ", ".join(["%s"] * 12)
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO types VALUES ({places})", ROWS)
    assert everywhere(warehouse, tmp_path, "types") == ordered(ROWS)
    connection.execute("CREATE TABLE copied AS SELECT * FROM types WHERE i IS NULL OR i <> 0")
    assert everywhere(warehouse, tmp_path, "copied") == ordered(ROWS)


def test_arrays_are_read_by_the_others(lake, tmp_path):
    warehouse, connection = lake
    connection.execute(
        "CREATE TABLE arrays AS SELECT 1 AS id, ARRAY[1, 2, NULL] AS ns, ARRAY['a', 'b c'] AS ts "
        "UNION ALL SELECT 2, ARRAY[]::int[], NULL"
    )
    assert everywhere(warehouse, tmp_path, "arrays") == ordered(
        [(1, [1, 2, None], ["a", "b c"]), (2, [], None)]
    )


def test_what_sql_computes_is_what_the_others_read(lake, tmp_path):
    warehouse, connection = lake
    connection.execute(
        "CREATE TABLE computed AS SELECT g % 3 AS k, count(*) AS n, sum(g) AS total, "
        "avg(g::numeric(10, 2)) AS mean, max(date '2026-01-01' + g::int) AS last, "
        "min('x' || g) AS first, 7.0 / 3 AS quotient, sum(g::bigint) AS exact "
        "FROM generate_series(1, 1000) t(g) GROUP BY g % 3"
    )
    rows = everywhere(warehouse, tmp_path, "computed")
    assert sorted(row[:3] for row in rows) == [(0, 333, 166833), (1, 334, 167167), (2, 333, 166500)]


def test_changes_by_sql_are_read_by_the_others(lake, tmp_path):
    warehouse, connection = lake
    connection.execute(
        "CREATE TABLE changed AS SELECT g AS id, g % 10 AS k, 'n' || g AS note FROM generate_series(1, 2000) t(g)"
    )
    connection.execute("DELETE FROM changed WHERE k = 3")
    connection.execute("UPDATE changed SET note = 'even' WHERE id % 2 = 0 AND id <= 100")
    connection.execute("CREATE TABLE news AS SELECT 5 AS id, 'five' AS note UNION ALL SELECT 9999, 'new'")
    connection.execute(
        "MERGE INTO changed USING news ON news.id = changed.id "
        "WHEN MATCHED THEN UPDATE SET note = news.note "
        "WHEN NOT MATCHED THEN INSERT (id, k, note) VALUES (news.id, 0, news.note)"
    )
    connection.execute("DELETE FROM changed USING news WHERE news.id = changed.id AND news.note = 'new'")
    expected = [
        (g, g % 10, "five" if g == 5 else "even" if g % 2 == 0 and g <= 100 else f"n{g}")
        for g in range(1, 2001)
        if g % 10 != 3
    ]
    assert everywhere(warehouse, tmp_path, "changed") == ordered(expected)


def test_a_partitioned_table_of_pyiceberg_is_written_by_sql(lake, tmp_path):
    warehouse, connection = lake
    schema = Schema(
        NestedField(1, "id", LongType(), required=False),
        NestedField(2, "at", TimestampType(), required=False),
        NestedField(3, "name", StringType(), required=False),
        NestedField(4, "value", DoubleType(), required=False),
    )
    spec = PartitionSpec(
        PartitionField(2, 1000, DayTransform(), "day"),
        PartitionField(1, 1001, BucketTransform(4), "bucket"),
        PartitionField(3, 1002, TruncateTransform(2), "start"),
    )
    table = catalog(warehouse, "main").create_table(("default", "parted"), schema, partition_spec=spec)
    connection.execute(
        "INSERT INTO parted SELECT g, timestamp '2026-01-01' + (g % 3) * interval '1 day', "
        "CASE WHEN g % 7 > 0 THEN 'name' || g % 5 END, g * 0.5 FROM generate_series(1, 300) t(g)"
    )
    table.refresh()
    table.append(
        pa.table(
            {
                "id": pa.array([1000, None], pa.int64()),
                "at": pa.array([dt.datetime(2026, 1, 2, 12), None], pa.timestamp("us")),
                "name": pa.array(["from pyiceberg", None]),
                "value": pa.array([1.5, None]),
            }
        )
    )
    connection.execute("INSERT INTO parted (id) VALUES (2000)")
    connection.execute("DELETE FROM parted WHERE at >= timestamp '2026-01-03' AND id < 1000")
    rows = everywhere(warehouse, tmp_path, "parted")
    assert len(rows) == 200 + 3
    # Each engine leaves out files by the partitions that SQL wrote.
    table.refresh()
    scanned = table.scan(row_filter="at >= '2026-01-02T00:00:00' and at < '2026-01-03T00:00:00'")
    assert len(scanned.to_arrow()) == 101
    assert len(list(scanned.plan_files())) < len(list(table.scan().plan_files()))
    found = connection.execute(
        "SELECT count(*) FROM parted WHERE at >= '2026-01-02' AND at < '2026-01-03'"
    ).fetchone()
    assert found == (101,)


def test_a_table_partitioned_by_value_keeps_nulls(lake, tmp_path):
    warehouse, connection = lake
    schema = Schema(
        NestedField(1, "k", StringType(), required=False), NestedField(2, "v", LongType(), required=False)
    )
    spec = PartitionSpec(PartitionField(1, 1000, IdentityTransform(), "k"))
    catalog(warehouse, "main").create_table(("default", "valued"), schema, partition_spec=spec)
    connection.execute("INSERT INTO valued VALUES ('a', 1), (NULL, 2), ('', 3), ('a', NULL)")
    connection.execute("UPDATE valued SET k = 'b' WHERE v = 1")
    rows = everywhere(warehouse, tmp_path, "valued")
    assert rows == ordered([("b", 1), (None, 2), ("", 3), ("a", None)])
    assert connection.execute("SELECT v FROM valued WHERE k IS NULL").fetchall() == [(2,)]


def test_what_duckdb_writes_is_changed_by_sql(lake, tmp_path):
    warehouse, connection = lake
    engine = duck(warehouse, tmp_path)
    engine.execute('CREATE TABLE lake."default".ducks AS SELECT i AS id, i * 0.5::DOUBLE AS half FROM range(100) t(i)')
    engine.execute('DELETE FROM lake."default".ducks WHERE id < 10')
    engine.close()
    assert connection.execute("SELECT count(*), min(id) FROM ducks").fetchone() == (90, 10)
    connection.execute("DELETE FROM ducks WHERE id >= 90")
    connection.execute("UPDATE ducks SET half = 0 WHERE id = 50")
    rows = everywhere(warehouse, tmp_path, "ducks")
    assert rows == ordered((i, 0.0 if i == 50 else i * 0.5) for i in range(10, 90))


@pytest.mark.parametrize("binary", [False, True])
def test_psycopg_in_normal_use(lake, binary):
    warehouse, connection = lake
    connection.execute(f"CREATE TABLE used ({COLUMNS})")
    places = ", ".join(["%s"] * 12)
    with connection.cursor(binary=binary) as cursor:
        cursor.executemany(f"INSERT INTO used VALUES ({places})", ROWS)
        cursor.execute("SELECT * FROM used")
        assert ordered(cursor.fetchall()) == ordered(ROWS)
        cursor.execute("SELECT l FROM used WHERE i = %s AND t = %s AND da = %s", (ROWS[0][1], ROWS[0][6], ROWS[0][8]))
        assert cursor.fetchall() == [(2**62 - 1,)]
        cursor.execute("SELECT count(*) FROM used WHERE i = ANY(%s)", ([1, 2**31 - 1],))
        assert cursor.fetchone() == (1,)
        cursor.execute("SELECT %s::int + 1, %s::text || 'x', %s::numeric * 2", (1, "a", Decimal("1.5")))
        assert cursor.fetchone() == (2, "ax", Decimal("3.0"))
        cursor.execute(" || ".join(["%s::text"] * 12).join(["SELECT ", ""]), tuple("abcdefghijkl"))
        assert cursor.fetchone() == ("abcdefghijkl",)
    with pytest.raises(psycopg.errors.DivisionByZero):
        connection.execute("SELECT 1 / %s::int", (0,))
    with pytest.raises(psycopg.errors.NumericValueOutOfRange):
        connection.execute("SELECT l * 2 + 3 FROM used WHERE l > 0")
    with pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("SELECT * FROM nothing")
    with pytest.raises(psycopg.errors.CardinalityViolation):
        connection.execute("SELECT (SELECT i FROM used)")
