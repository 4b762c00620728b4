"""Concurrent PyIceberg writers: to one table with the client's retry, to many tables without."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import flights
from clients import expect
from lakes import catalog
from pyiceberg.exceptions import CommitFailedException

WRITERS = 6
APPENDS = 4


def append_with_retry(table, rows) -> int:
    """Appends as a careful client does: refresh and try again on a conflict; the number of conflicts."""
    conflicts = 0
    while True:
        try:
            table.append(rows)
            return conflicts
        except CommitFailedException:
            conflicts += 1
            assert conflicts < 200
            table.refresh()


def test_writers_to_one_table_lose_nothing(warehouse):
    lake = catalog(warehouse, "main")
    lake.create_namespace("nyc")
    rows = flights.table("airlines")
    lake.create_table("nyc.airlines", schema=rows.schema)

    def work(_: int) -> None:
        table = catalog(warehouse, "main").load_table("nyc.airlines")
        for _ in range(APPENDS):
            append_with_retry(table, rows)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(work, range(WRITERS)))
    table = lake.load_table("nyc.airlines")
    assert table.scan().count() == WRITERS * APPENDS * rows.num_rows
    assert len(table.history()) == WRITERS * APPENDS


def test_writers_to_many_tables_never_conflict(warehouse):
    warehouse.branch("ingest")
    lake = catalog(warehouse, "ingest")
    lake.create_namespace("nyc")
    rows = flights.table("airlines")

    def work(number: int) -> None:
        own = catalog(warehouse, "ingest")
        table = own.create_table(f"nyc.t{number}", schema=rows.schema, properties={"commit.retry.num-retries": "0"})
        for _ in range(APPENDS):
            table.append(rows)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(work, range(WRITERS)))
    assert len(warehouse.log("ingest", first_parent="true")) >= WRITERS * (APPENDS + 1)
    expect(warehouse.merge("ingest"), 200)
    main = catalog(warehouse, "main")
    counts = [main.load_table(f"nyc.t{number}").scan().count() for number in range(WRITERS)]
    assert counts == [APPENDS * rows.num_rows] * WRITERS


def test_both_sides_load_different_tables_and_merge(warehouse):
    main = catalog(warehouse, "main")
    main.create_namespace("nyc")
    for name in ("airlines", "airports"):
        main.create_table(f"nyc.{name}", schema=flights.table(name).schema)
    warehouse.branch("ingest")
    catalog(warehouse, "ingest").load_table("nyc.airlines").append(flights.table("airlines"))
    main.load_table("nyc.airports").append(flights.table("airports"))
    expect(warehouse.merge("ingest"), 200)
    assert main.load_table("nyc.airlines").scan().count() == 16
    assert main.load_table("nyc.airports").scan().count() == flights.table("airports").num_rows


def test_two_branches_that_change_one_table_conflict_and_are_resolved(warehouse):
    main = catalog(warehouse, "main")
    main.create_namespace("nyc")
    rows = flights.table("airlines")
    main.create_table("nyc.airlines", schema=rows.schema).append(rows)
    warehouse.branch("ingest")
    catalog(warehouse, "ingest").load_table("nyc.airlines").delete("carrier == 'UA'")
    main.load_table("nyc.airlines").overwrite(rows.slice(0, 4))
    before = warehouse.head("main")
    conflicts = expect(warehouse.merge("ingest"), 409)["conflicts"]
    assert [conflict["path"] for conflict in conflicts] == [["nyc", "airlines"]]
    assert warehouse.head("main") == before
    resolution = [{"path": ["nyc", "airlines"], "take": "theirs"}]
    expect(warehouse.merge("ingest", resolutions=resolution), 200)
    assert main.load_table("nyc.airlines").scan().count() == 15
