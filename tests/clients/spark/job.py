"""What a Spark user does on a branch, in three steps: `job.py JAR URI STEP`.

Runs in the environment of one Spark version; the catalog `lake` is the warehouse view, the
catalog `ingest` the ref view of the branch of that name.
"""

from __future__ import annotations

import sys

from pyspark.sql import SparkSession


def check(name: str, got: object, expected: object) -> None:
    """One line for the runner."""
    print(f"ok {name}" if got == expected else f"failed {name}: {got!r}, expected {expected!r}", flush=True)


def refused(spark: SparkSession, name: str, statement: str, words: str) -> None:
    """Checks that a statement fails with a message that holds `words`."""
    try:
        spark.sql(statement).collect()
    except Exception as error:  # noqa: BLE001 - Py4J and Spark have no common class
        check(name, words.lower() in str(error).lower() or str(error)[:500], True)
    else:
        check(name, "it went through", "an error")


def rows(spark: SparkSession, query: str) -> list[tuple]:
    """All rows of a query as plain tuples."""
    return [tuple(row) for row in spark.sql(query).collect()]


def session(jar: str, uri: str) -> SparkSession:
    """A local session with both catalogs."""
    builder = (
        SparkSession.builder.master("local[2]")
        .config("spark.jars", jar)
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
    )
    for name, warehouse in (("lake", "lake"), ("ingest", "lake@ingest"), ("main", "lake@main"), ("v1", "lake@v1")):
        catalog = f"spark.sql.catalog.{name}"
        settings = {
            "": "org.apache.iceberg.spark.SparkCatalog",
            ".type": "rest",
            ".uri": uri,
            ".warehouse": warehouse,
            ".io-impl": "org.apache.iceberg.hadoop.HadoopFileIO",
            ".cache-enabled": "false",
            ".header.X-Nunatak-Message": "hourly load",
            ".header.X-Nunatak-Property-job": "spark",
        }
        for key, value in settings.items():
            builder = builder.config(catalog + key, value)
    return builder.getOrCreate()


def warehouse_view(spark: SparkSession) -> None:
    """Creates a branch as a namespace and loads tables below it."""
    spark.sql("CREATE NAMESPACE lake.ingest")
    spark.sql("CREATE NAMESPACE lake.ingest.sales")
    spark.sql(
        "CREATE TABLE lake.ingest.sales.orders (id BIGINT, day DATE, amount DECIMAL(10,2), note STRING) "
        "USING iceberg PARTITIONED BY (months(day)) TBLPROPERTIES ('write.delete.mode'='merge-on-read')"
    )
    spark.sql(
        "INSERT INTO lake.ingest.sales.orders SELECT id, date_add(DATE'2026-01-01', CAST(id AS INT)), "
        "CAST(id AS DECIMAL(10,2)), concat('order ', id) FROM range(100)"
    )
    check("insert", rows(spark, "SELECT count(*), sum(id) FROM lake.ingest.sales.orders"), [(100, 4950)])
    partitions = rows(spark, "SELECT partition.day_month FROM lake.ingest.sales.orders.partitions ORDER BY 1")
    check("partitions by month", len(partitions), 4)
    spark.sql(
        "MERGE INTO lake.ingest.sales.orders t USING (SELECT id * 2 AS id FROM range(60)) s ON t.id = s.id "
        "WHEN MATCHED AND t.id < 20 THEN DELETE WHEN MATCHED THEN UPDATE SET note = 'even' "
        "WHEN NOT MATCHED THEN INSERT (id, day, amount, note) VALUES (s.id, DATE'2026-06-01', 0, 'new')"
    )
    check(
        "merge into",
        rows(spark, "SELECT note IN ('even', 'new'), count(*) FROM lake.ingest.sales.orders GROUP BY 1 ORDER BY 1"),
        [(False, 50), (True, 50)],
    )
    spark.sql("DELETE FROM lake.ingest.sales.orders WHERE id = 99")
    check("delete", rows(spark, "SELECT count(*) FROM lake.ingest.sales.orders"), [(99,)])
    check("snapshots", rows(spark, "SELECT count(*) FROM lake.ingest.sales.orders.snapshots"), [(3,)])
    check("history", rows(spark, "SELECT count(*) FROM lake.ingest.sales.orders.history"), [(3,)])
    check("delete files", rows(spark, "SELECT count(*) > 0 FROM lake.ingest.sales.orders.delete_files"), [(True,)])
    spark.sql("CREATE TABLE lake.ingest.sales.items USING iceberg AS SELECT id, id % 7 AS kind FROM range(50)")
    check("create as select", rows(spark, "SELECT sum(kind) FROM lake.ingest.sales.items"), [(147,)])
    spark.sql("ALTER TABLE lake.ingest.sales.items ADD COLUMN price DOUBLE")
    spark.sql("INSERT INTO lake.ingest.sales.items VALUES (50, 1, 2.5)")
    check("added column", rows(spark, "SELECT sum(price) FROM lake.ingest.sales.items"), [(2.5,)])
    refused(spark, "purge is refused", "DROP TABLE lake.ingest.sales.items PURGE", "gc is disabled")
    spark.sql("CREATE NAMESPACE lake.from_ingest WITH DBPROPERTIES ('from'='ingest')")
    check("branch from a branch", rows(spark, "SELECT count(*) FROM lake.from_ingest.sales.orders"), [(99,)])
    spark.sql("DELETE FROM lake.from_ingest.sales.orders WHERE id > 50")
    joined = "SELECT count(*) FROM lake.ingest.sales.orders a LEFT ANTI JOIN lake.from_ingest.sales.orders b ON a.id = b.id"
    check("two branches in one query", rows(spark, joined)[0][0] > 0, True)
    check("the other branch is untouched", rows(spark, "SELECT count(*) FROM lake.ingest.sales.orders"), [(99,)])
    refused(spark, "main has no such table", "SELECT * FROM lake.main.sales.orders", "cannot be found")


def ref_view(spark: SparkSession) -> None:
    """The same branch by the catalog's `warehouse` property."""
    check("namespaces", rows(spark, "SHOW NAMESPACES IN ingest"), [("sales",)])
    check("tables", sorted(row[1] for row in rows(spark, "SHOW TABLES IN ingest.sales")), ["items", "orders"])
    check("read", rows(spark, "SELECT count(*) FROM ingest.sales.orders"), [(99,)])
    spark.sql("INSERT INTO ingest.sales.orders VALUES (1000, DATE'2026-07-01', 1, 'ref view')")
    check("seen by the warehouse view", rows(spark, "SELECT count(*) FROM lake.ingest.sales.orders"), [(100,)])
    spark.sql("CREATE OR REPLACE TABLE ingest.sales.items USING iceberg AS SELECT id FROM range(5)")
    check("create or replace", rows(spark, "SELECT count(*) FROM ingest.sales.items"), [(5,)])
    spark.sql("CREATE VIEW ingest.sales.small AS SELECT id FROM ingest.sales.items WHERE id < 3")
    check("view", rows(spark, "SELECT count(*) FROM ingest.sales.small"), [(3,)])
    spark.sql("ALTER TABLE ingest.sales.items RENAME TO ingest.sales.parts")
    check("rename", sorted(row[1] for row in rows(spark, "SHOW TABLES IN ingest.sales")), ["orders", "parts"])
    spark.sql("DROP VIEW ingest.sales.small")
    spark.sql("DROP TABLE ingest.sales.parts")
    check("drop", [row[1] for row in rows(spark, "SHOW TABLES IN ingest.sales")], ["orders"])


def read_main(spark: SparkSession) -> None:
    """After the merge: main in both views, a tag, and no write to it."""
    check("main in the ref view", rows(spark, "SELECT count(*) FROM main.sales.orders"), [(100,)])
    check("main in the warehouse view", rows(spark, "SELECT count(*) FROM lake.main.sales.orders"), [(100,)])
    check("tag in the ref view", rows(spark, "SELECT count(*) FROM v1.sales.orders"), [(100,)])
    check("tag in the warehouse view", rows(spark, "SELECT count(*) FROM lake.v1.sales.orders"), [(100,)])
    refused(spark, "no write to a tag", "INSERT INTO lake.v1.sales.orders SELECT * FROM lake.main.sales.orders", "tag")
    check("time travel", rows(spark, "SELECT count(*) > 1 FROM main.sales.orders.snapshots"), [(True,)])
    first = rows(spark, "SELECT snapshot_id FROM main.sales.orders.snapshots ORDER BY committed_at LIMIT 1")[0][0]
    check("an older snapshot", rows(spark, f"SELECT count(*) FROM main.sales.orders VERSION AS OF {first}"), [(100,)])
    spark.sql("DROP NAMESPACE lake.ingest")
    names = {row[0] for row in rows(spark, "SHOW NAMESPACES IN lake")}
    check("a merged branch is dropped", ("ingest" in names, "main" in names), (False, True))
    refused(spark, "an unmerged branch is kept", "DROP NAMESPACE lake.from_ingest", "from_ingest")


STEPS = {"warehouse-view": warehouse_view, "ref-view": ref_view, "read-main": read_main}

if __name__ == "__main__":
    jar, uri, step = sys.argv[1:]
    spark = session(jar, uri)
    try:
        STEPS[step](spark)
        print("end", flush=True)
    finally:
        spark.stop()
