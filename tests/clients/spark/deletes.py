"""Deletes, updates and merges rows by merge-on-read: `deletes.py JAR ICEBERG-URI OUTPUT`.

Runs in Spark's own Python environment. Writes what Spark itself reads of every snapshot of every table
to a JSON file: a list of `{"table", "snapshot", "rows"}`, and with `"files"` how many delete files of
which content and format the last snapshot has.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pyspark.sql import SparkSession

COLUMNS = "id BIGINT, grp INT, note STRING, amount DECIMAL(12,2), ratio DOUBLE, at TIMESTAMP"
ROWS = (
    "SELECT {first} + id AS id, CAST(id % 5 AS INT) AS grp, CASE WHEN id % 7 = 0 THEN NULL ELSE concat('note ', id) END AS note, "
    "CAST(id AS DECIMAL(12,2)) / 4 AS amount, id / 3.0D AS ratio, timestamp_seconds(1700000000 + id * 3600) AS at "
    "FROM range({count})"
)

# What a table is made with, and the statements that change it.
TABLES = {
    "positions": ("2", "", ""),
    "positions_of_partitions": ("2", "PARTITIONED BY (bucket(3, id))", ", 'write.delete.granularity'='partition'"),
    "positions_of_files": ("2", "PARTITIONED BY (grp)", ", 'write.delete.granularity'='file'"),
    "vectors": ("3", "", ""),
    "vectors_of_partitions": ("3", "PARTITIONED BY (bucket(3, id))", ""),
    "upgraded": ("2", "PARTITIONED BY (grp)", ", 'write.delete.granularity'='partition'"),
}


def session(jar: str, uri: str) -> SparkSession:
    """A local session with the catalog `lake`, the branch `main`."""
    catalog = "spark.sql.catalog.lake"
    builder = (
        SparkSession.builder.master("local[2]")
        .config("spark.jars", jar)
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
        .config(catalog, "org.apache.iceberg.spark.SparkCatalog")
        .config(f"{catalog}.type", "rest")
        .config(f"{catalog}.uri", uri)
        .config(f"{catalog}.warehouse", "lake@main")
        .config(f"{catalog}.io-impl", "org.apache.iceberg.hadoop.HadoopFileIO")
        .config(f"{catalog}.cache-enabled", "false")
    )
    return builder.getOrCreate()


def change(spark: SparkSession, name: str) -> None:
    """The life of one table."""
    version, partitions, more = TABLES[name]
    table = f"lake.deletes.{name}"
    modes = ", ".join(f"'write.{kind}.mode'='merge-on-read'" for kind in ("delete", "update", "merge"))
    spark.sql(
        f"CREATE TABLE {table} ({COLUMNS}) USING iceberg {partitions} TBLPROPERTIES ('format-version'='{version}', "
        f"'write.parquet.row-group-size-bytes'='4096', 'write.parquet.row-group-check-min-record-count'='50', {modes}{more})"
    )
    spark.sql(f"INSERT INTO {table} {ROWS.format(first=0, count=1000)}")
    spark.sql(f"INSERT INTO {table} {ROWS.format(first=1000, count=300)}")
    spark.sql(f"DELETE FROM {table} WHERE id % 10 = 3 OR id BETWEEN 400 AND 460")
    spark.sql(f"UPDATE {table} SET note = 'updated', amount = -amount WHERE id % 50 = 1")
    if name == "upgraded":
        spark.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('format-version'='3')")
    spark.sql(
        f"MERGE INTO {table} t USING (SELECT id * 20 AS id FROM range(100)) s ON t.id = s.id "
        "WHEN MATCHED AND t.id < 500 THEN DELETE WHEN MATCHED THEN UPDATE SET note = 'merged' "
        "WHEN NOT MATCHED THEN INSERT (id, grp, note, amount, ratio, at) VALUES (s.id, 9, 'new', 1, 0, TIMESTAMP'2026-11-21 08:00:00')"
    )
    spark.sql(f"ALTER TABLE {table} RENAME COLUMN note TO remark")
    spark.sql(f"ALTER TABLE {table} ADD COLUMN extra STRING")
    spark.sql(f"DELETE FROM {table} WHERE remark = 'merged' AND id % 3 = 0")
    spark.sql(f"DELETE FROM {table} WHERE id >= 1000 AND id < 1010")


def read(spark: SparkSession, name: str) -> list[dict]:
    """What Spark reads of each snapshot."""
    table = f"lake.deletes.{name}"
    found = []
    snapshots = [row[0] for row in spark.sql(f"SELECT snapshot_id FROM {table}.snapshots ORDER BY committed_at").collect()]
    for snapshot in [None, *snapshots]:
        at = "" if snapshot is None else f" VERSION AS OF {snapshot}"
        columns = spark.sql(f"SELECT * FROM {table}{at} LIMIT 0").columns
        note = "remark" if "remark" in columns else "note"
        query = f"SELECT id, grp, {note}, CAST(amount AS STRING), ratio, unix_seconds(at) FROM {table}{at} ORDER BY 1, 2, 3, 4"
        rows = [list(row) for row in spark.sql(query).collect()]
        found.append({"table": name, "snapshot": snapshot, "note": note, "rows": rows})
    kinds = spark.sql(f"SELECT content, file_format, count(*) FROM {table}.delete_files GROUP BY 1, 2 ORDER BY 1, 2").collect()
    found[0]["files"] = [list(row) for row in kinds]
    return found


def main() -> None:
    """All tables in one session."""
    jar, uri, output = sys.argv[1:]
    spark = session(jar, uri)
    try:
        spark.sql("CREATE NAMESPACE lake.deletes")
        found = []
        for name in TABLES:
            change(spark, name)
            found += read(spark, name)
        Path(output).write_text(json.dumps(found))
    finally:
        spark.stop()


if __name__ == "__main__":
    main()
