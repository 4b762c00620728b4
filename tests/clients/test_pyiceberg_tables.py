"""Tables through PyIceberg: evolution, row changes, refs of Iceberg, names and namespaces."""

from __future__ import annotations

import flights
import pyarrow
import pyarrow.compute
import pytest
from clients import change, expect, set_properties
from lakes import catalog
from pyiceberg.exceptions import (
    NamespaceAlreadyExistsError,
    NamespaceNotEmptyError,
    NoSuchNamespaceError,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from pyiceberg.expressions import GreaterThan
from pyiceberg.transforms import BucketTransform, DayTransform
from pyiceberg.types import DoubleType, IntegerType, LongType, StringType, TimestampType


@pytest.fixture
def lake(warehouse):
    """The ref view of main with the namespace `nyc`."""
    lake = catalog(warehouse, "main")
    lake.create_namespace("nyc")
    return lake


def test_a_schema_evolves(lake):
    rows = flights.table("airlines")
    table = lake.create_table("nyc.airlines", schema=rows.schema)
    table.append(rows)
    with table.update_schema() as schema:
        schema.add_column("alliance", StringType(), doc="since 2014")
        schema.add_column("fleet", IntegerType())
        schema.rename_column("name", "title")
    with table.update_schema() as schema:
        schema.update_column("fleet", LongType())
        schema.move_first("alliance")
    more = pyarrow.table({"alliance": ["A"], "carrier": ["ZZ"], "title": ["Zed Air"], "fleet": pyarrow.array([3], pyarrow.int64())})
    table.append(more)
    again = lake.load_table("nyc.airlines")
    assert again.schema().column_names == ["alliance", "carrier", "title", "fleet"]
    assert again.scan().count() == 17
    assert again.scan(row_filter="title == 'United Air Lines Inc.'").to_arrow()["carrier"].to_pylist() == ["UA"]
    with again.update_schema() as schema:
        schema.delete_column("fleet")
    assert "fleet" not in lake.load_table("nyc.airlines").schema().column_names
    assert len(lake.load_table("nyc.airlines").schemas()) >= 4


def test_a_stale_schema_change_is_refused(lake):
    rows = flights.table("airlines")
    first = lake.create_table("nyc.airlines", schema=rows.schema)
    second = lake.load_table("nyc.airlines")
    with first.update_schema() as schema:
        schema.add_column("a", StringType())
    with pytest.raises(Exception, match="(?i)requirement|changed|conflict"), second.update_schema() as schema:
        schema.add_column("b", DoubleType())
    assert lake.load_table("nyc.airlines").schema().column_names == ["carrier", "name", "a"]


def test_a_partition_spec_evolves(lake):
    rows = flights.table("weather")
    rows = rows.set_column(rows.schema.get_field_index("time_hour"), "time_hour", pyarrow.compute.strptime(rows["time_hour"], "%Y-%m-%dT%H:%M:%SZ", "us"))
    table = lake.create_table("nyc.weather", schema=rows.schema)
    assert isinstance(table.schema().find_type("time_hour"), TimestampType)
    table.append(rows.slice(0, 1000))
    with table.update_spec() as spec:
        spec.add_field("time_hour", DayTransform(), "day_of")
    table.append(rows.slice(1000, 1000))
    with table.update_spec() as spec:
        spec.remove_field("day_of")
        spec.add_field("origin", BucketTransform(4), "origin_bucket")
    table.append(rows.slice(2000, 1000))
    again = lake.load_table("nyc.weather")
    assert len(again.specs()) == 3 and again.spec().fields[-1].name == "origin_bucket"
    assert again.scan().count() == 3000
    day = again.scan(row_filter="time_hour >= '2013-02-15T00:00:00' and time_hour < '2013-02-16T00:00:00'")
    expected = rows.slice(0, 3000).filter(pyarrow.compute.equal(pyarrow.compute.strftime(rows.slice(0, 3000)["time_hour"], "%m-%d"), "02-15"))
    assert day.to_arrow().num_rows == expected.num_rows > 0


def test_rows_are_deleted_overwritten_and_upserted(lake):
    rows = flights.table("planes")
    table = lake.create_table("nyc.planes", schema=rows.schema)
    table.append(rows)
    table.delete(GreaterThan("seats", 300))
    few = rows.filter(pyarrow.compute.less_equal(rows["seats"], 300))
    assert lake.load_table("nyc.planes").scan().count() == few.num_rows
    changed = few.slice(0, 5).set_column(few.schema.get_field_index("seats"), "seats", pyarrow.array([1] * 5, pyarrow.int64()))
    new = few.slice(5, 2).set_column(few.schema.get_field_index("tailnum"), "tailnum", pyarrow.array(["NEW1", "NEW2"]))
    result = table.upsert(pyarrow.concat_tables([changed, new]), join_cols=["tailnum"])
    assert (result.rows_updated, result.rows_inserted) == (5, 2)
    assert lake.load_table("nyc.planes").scan(row_filter="seats == 1").count() == 5
    table.overwrite(rows.slice(0, 3))
    again = lake.load_table("nyc.planes")
    assert again.scan().count() == 3
    sizes = [again.scan(snapshot_id=entry.snapshot_id).count() for entry in again.history()]
    assert sizes[0] == rows.num_rows and sizes[-1] == 3


def test_several_changes_of_one_table_are_one_commit(warehouse, lake):
    rows = flights.table("airlines")
    table = lake.create_table("nyc.airlines", schema=rows.schema)
    before = len(warehouse.log("main"))
    with table.transaction() as transaction:
        transaction.append(rows)
        transaction.set_properties(quality="checked")
        with transaction.update_schema() as schema:
            schema.add_column("note", StringType())
    assert len(warehouse.log("main")) == before + 1
    again = lake.load_table("nyc.airlines")
    assert again.properties["quality"] == "checked" and again.scan().count() == 16
    with table.transaction() as transaction:
        transaction.remove_properties("quality")
    assert "quality" not in lake.load_table("nyc.airlines").properties


def test_many_tables_are_one_commit_by_raw_rest(warehouse, lake):
    for name in ("airlines", "airports", "planes"):
        lake.create_table(f"nyc.{name}", schema=flights.table(name).schema).append(flights.table(name))
    before = len(warehouse.log("main"))
    names = ("airlines", "airports", "planes")
    raw = warehouse.iceberg("main")
    expect(raw.transact(*(change(("nyc",), name, set_properties(load="42")) for name in names)), 204)
    assert len(warehouse.log("main")) == before + 1
    for name in names:
        table = lake.load_table(f"nyc.{name}")
        assert table.properties["load"] == "42" and table.scan().count() == flights.table(name).num_rows


def test_snapshots_can_be_tagged_and_branched_inside_a_table(lake):
    rows = flights.table("airlines")
    table = lake.create_table("nyc.airlines", schema=rows.schema)
    table.append(rows)
    first = table.current_snapshot().snapshot_id
    table.manage_snapshots().create_tag(first, "first").create_branch(first, "audit").commit()
    table.append(rows)
    again = lake.load_table("nyc.airlines")
    assert again.scan(snapshot_id=again.snapshot_by_name("first").snapshot_id).count() == 16
    assert again.scan().count() == 32
    again.append(rows, branch="audit")
    assert lake.load_table("nyc.airlines").scan().count() == 32
    assert len(again.inspect.snapshots()) == 3 and len(again.inspect.refs()) == 3


def test_tables_are_renamed_dropped_and_registered(warehouse, lake):
    rows = flights.table("airlines")
    table = lake.create_table("nyc.airlines", schema=rows.schema)
    table.append(rows)
    lake.create_namespace("archive")
    lake.rename_table("nyc.airlines", "archive.carriers")
    assert lake.list_tables("nyc") == [] and lake.load_table("archive.carriers").scan().count() == 16
    before = warehouse.head("main")
    location = lake.load_table("archive.carriers").metadata_location
    lake.purge_table("archive.carriers")
    with pytest.raises(NoSuchTableError):
        lake.load_table("archive.carriers")
    assert catalog(warehouse, before).load_table("archive.carriers").scan().count() == 16
    lake.register_table("nyc.back", location)
    assert lake.load_table("nyc.back").scan().count() == 16


def test_errors_have_their_own_types(lake):
    rows = flights.table("airlines")
    lake.create_table("nyc.airlines", schema=rows.schema)
    with pytest.raises(TableAlreadyExistsError):
        lake.create_table("nyc.airlines", schema=rows.schema)
    with pytest.raises(NoSuchNamespaceError):
        lake.create_table("nowhere.t", schema=rows.schema)
    with pytest.raises(NoSuchTableError):
        lake.load_table("nyc.nothing")
    with pytest.raises(NoSuchTableError):
        lake.drop_table("nyc.nothing")
    with pytest.raises(NamespaceAlreadyExistsError):
        lake.create_namespace("nyc")
    with pytest.raises(NamespaceNotEmptyError):
        lake.drop_namespace("nyc")
    with pytest.raises(NoSuchNamespaceError):
        lake.drop_namespace("nowhere")
    with pytest.raises(NoSuchNamespaceError):
        lake.list_tables("nowhere")


def test_namespaces_nest_and_have_properties(lake):
    lake.create_namespace(("nyc", "raw"), {"owner": "ops", "keep": "30"})
    assert lake.list_namespaces("nyc") == [("nyc", "raw")]
    summary = lake.update_namespace_properties(("nyc", "raw"), removals={"keep", "none"}, updates={"owner": "data"})
    assert (summary.removed, summary.updated, summary.missing) == (["keep"], ["owner"], ["none"])
    told = lake.load_namespace_properties(("nyc", "raw"))
    assert told["owner"] == "data" and "keep" not in told
    lake.drop_namespace(("nyc", "raw"))
    assert lake.list_namespaces("nyc") == []


def test_format_version_3_and_1_tables_are_served(lake):
    rows = flights.table("airlines")
    old = lake.create_table("nyc.old", schema=rows.schema, properties={"format-version": "1"})
    old.append(rows)
    assert lake.load_table("nyc.old").metadata.format_version == 1
    with old.transaction() as transaction:
        transaction.upgrade_table_version(2)
    again = lake.load_table("nyc.old")
    assert again.metadata.format_version == 2 and again.scan().count() == 16
