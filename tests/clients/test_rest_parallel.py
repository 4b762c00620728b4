"""Many writers at once: nobody fails who should not, and a merge is seen whole or not at all."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from clients import expect

NS = ("sales",)
WRITERS = 16
TABLES = 50


def test_writers_to_different_tables_never_fail(warehouse, main):
    names = [f"t{number}" for number in range(WRITERS)]
    for name in names:
        expect(main.create_table(NS, name), 200)
    before = len(warehouse.log("main"))

    def work(name: str) -> None:
        iceberg = warehouse.iceberg("main")
        for number in range(20):
            expect(iceberg.set_properties(NS, name, n=str(number)), 200)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(work, names))
    assert len(warehouse.log("main")) == before + WRITERS * 20
    for name in names:
        assert expect(main.load(NS, name), 200)["metadata"]["properties"]["n"] == "19"
    log = warehouse.log("main")
    assert all(a["parents"] == [b["id"]] for a, b in zip(log, log[1:]))


def test_of_writers_with_one_expectation_one_wins(warehouse, main):
    expect(main.create_table(NS, "t"), 200)
    for round_number in range(5):
        schema = {"type": "struct", "fields": [{"id": 1, "name": f"c{round_number}", "required": False, "type": "long"}]}
        current = expect(main.load(NS, "t"), 200)["metadata"]
        updates = [{"action": "add-schema", "schema": schema}, {"action": "set-current-schema", "schema-id": -1}]
        holds = [{"type": "assert-current-schema-id", "current-schema-id": current["current-schema-id"]}]
        before = len(warehouse.log("main"))

        def work(_: int) -> int:
            return warehouse.iceberg("main").commit(NS, "t", updates, holds).status_code  # noqa: B023

        with ThreadPoolExecutor(8) as pool:
            codes = sorted(pool.map(work, range(8)))
        assert codes == [200] + [409] * 7
        assert len(warehouse.log("main")) == before + 1


def test_one_name_is_created_once(warehouse, main):
    def table(_: int) -> int:
        return warehouse.iceberg("main").create_table(NS, "same").status_code

    def branch(_: int) -> int:
        return warehouse.post("/branches", name="same").status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(table, range(8))) == [200] + [409] * 7
        codes = sorted(pool.map(branch, range(8)))
    assert codes[0] < 300 and codes[1:] == [409] * 7


def test_fifty_tables_of_two_branches_appear_at_once(warehouse, main):
    """Readers of main see 0 or 50 new tables, then 0 or 50 more: each merge is one movement."""
    branches = ("left", "right")
    for name in branches:
        warehouse.branch(name)

    def create(job: tuple[str, int]) -> None:
        branch, number = job
        iceberg = warehouse.iceberg(branch)
        expect(iceberg.create_table(NS, f"{branch}{number:02}"), 200)
        expect(iceberg.set_properties(NS, f"{branch}{number:02}", n="1"), 200)

    stop, seen = threading.Event(), set()

    def read() -> None:
        reader = warehouse.iceberg("main")
        while not stop.is_set():
            seen.add(len(reader.tables(NS)))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(create, [(branch, number) for number in range(TABLES) for branch in branches]))
        moves = len(warehouse.ref_log("main"))
        for branch in branches:
            expect(warehouse.merge(branch), 200)
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert len(warehouse.ref_log("main")) == moves + 2
    assert seen <= {0, TABLES, 2 * TABLES}, seen
    assert len(main.tables(NS)) == 2 * TABLES


def test_merges_race_with_writers_and_lose_nothing(warehouse, main):
    for number in range(8):
        expect(main.create_table(NS, f"t{number}"), 200)
    for number in range(6):
        warehouse.branch(f"b{number}")
        expect(warehouse.iceberg(f"b{number}").create_table(NS, f"new{number}"), 200)

    def write(number: int) -> None:
        iceberg = warehouse.iceberg("main")
        for step in range(15):
            expect(iceberg.set_properties(NS, f"t{number}", n=str(step)), 200)

    def merge(number: int) -> None:
        expect(warehouse.merge(f"b{number}"), 200)

    with ThreadPoolExecutor(14) as pool:
        done = [pool.submit(write, number) for number in range(8)] + [pool.submit(merge, number) for number in range(6)]
        for future in done:
            future.result()
    assert {f"new{number}" for number in range(6)} <= set(main.tables(NS))
    assert all(expect(main.load(NS, f"t{number}"), 200)["metadata"]["properties"]["n"] == "14" for number in range(8))
