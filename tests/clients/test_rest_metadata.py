"""Table metadata survives the server: what it does not know, big numbers, every format version."""

from __future__ import annotations

import json
import time
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
from clients import expect

NS = ("sales",)
BIG = 9_223_372_036_854_775_807


def file_of(answer: dict) -> Path:
    """The metadata file of a loaded table."""
    return Path(unquote(urlparse(answer["metadata-location"]).path))


@pytest.fixture
def strange(main) -> dict:
    """A registered table whose metadata holds what no server of today knows."""
    first = expect(main.create_table(NS, "first"), 200)
    metadata = json.loads(file_of(first).read_text())
    metadata["x-future"] = {"nested": [1, 2.5, None, True], "big": BIG}
    metadata["schemas"][0]["x-schema"] = "kept"
    metadata["last-updated-ms"] = 1_700_000_000_123
    path = file_of(first).with_name("00007-strange.metadata.json")
    path.write_text(json.dumps(metadata))
    expect(main.request("DELETE", main.table_path(NS, "first")), 204)
    body = {"name": "strange", "metadata-location": f"file://{path}"}
    return expect(main.post("/namespaces/sales/register", body), 200)


def test_unknown_fields_are_kept_by_load_and_commit(main, strange):
    loaded = expect(main.load(NS, "strange"), 200)["metadata"]
    assert loaded["x-future"] == {"nested": [1, 2.5, None, True], "big": BIG}
    committed = expect(main.set_properties(NS, "strange", a="b"), 200)
    for metadata in (committed["metadata"], json.loads(file_of(committed).read_text())):
        assert metadata["x-future"] == {"nested": [1, 2.5, None, True], "big": BIG}
        assert metadata["schemas"][0]["x-schema"] == "kept"


def test_the_file_is_the_table(main, strange):
    """Any engine can read the table without the server: the file holds what the server answers."""
    committed = expect(main.set_properties(NS, "strange", a="b"), 200)
    on_disk, answered = json.loads(file_of(committed).read_text()), committed["metadata"]
    for properties in (on_disk["properties"], answered["properties"]):
        properties.pop("gc.enabled", None)
    assert on_disk == answered
    assert committed["metadata"]["metadata-log"][-1]["metadata-file"] == strange["metadata-location"]


def snapshot(number: int, **fields) -> dict:
    """An `add-snapshot` update; its manifest list need not exist for a catalog."""
    body = {
        "snapshot-id": number,
        "sequence-number": 1,
        "timestamp-ms": int(time.time() * 1000),
        "manifest-list": "file:///nowhere.avro",
        "summary": {"operation": "append"},
        "schema-id": 0,
        **fields,
    }
    return {"action": "add-snapshot", "snapshot": body}


def test_big_numbers_are_exact(main):
    expect(main.create_table(NS, "t"), 200)
    point = {"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": BIG}
    expect(main.commit(NS, "t", [snapshot(BIG), point]), 200)
    text = main.load(NS, "t").text
    assert str(BIG) in text
    loaded = json.loads(text)["metadata"]
    assert loaded["current-snapshot-id"] == BIG and loaded["snapshots"][0]["snapshot-id"] == BIG


def test_snapshots_can_be_listed_as_refs_or_all(main):
    expect(main.create_table(NS, "t"), 200)
    for number in (1, 2, 3):
        point = {"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": number}
        more = {"sequence-number": number, "timestamp-ms": int(time.time() * 1000) + number}
        if number > 1:
            more["parent-snapshot-id"] = number - 1
        expect(main.commit(NS, "t", [snapshot(number, **more), point]), 200)
    listed = {
        which: [s["snapshot-id"] for s in expect(main.load(NS, "t", snapshots=which), 200)["metadata"]["snapshots"]]
        for which in ("all", "refs")
    }
    assert sorted(listed["all"]) == [1, 2, 3] and listed["refs"] == [3]
    expect(main.load(NS, "t", snapshots="some"), 400)


def test_removed_snapshots_stay_readable_by_commit(warehouse, main):
    test_snapshots_can_be_listed_as_refs_or_all(main)
    before = warehouse.head("main")
    expect(main.commit(NS, "t", [{"action": "remove-snapshots", "snapshot-ids": [1, 2]}]), 200)
    assert len(expect(main.load(NS, "t"), 200)["metadata"]["snapshots"]) == 1
    old = expect(warehouse.iceberg(before).load(NS, "t"), 200)["metadata"]
    assert len(old["snapshots"]) == 3


@pytest.mark.parametrize("version", [1, 2, 3])
def test_every_format_version_is_served(main, version):
    created = expect(main.create_table(NS, "t", properties={"format-version": str(version)}), 200)["metadata"]
    assert created["format-version"] == version and "format-version" not in created["properties"]
    if version == 3:
        assert created["next-row-id"] == 0
    if version < 3:
        upgrade = [{"action": "upgrade-format-version", "format-version": version + 1}]
        assert expect(main.commit(NS, "t", upgrade), 200)["metadata"]["format-version"] == version + 1


def test_an_unknown_format_version_is_refused(warehouse, main):
    head = warehouse.head("main")
    expect(main.create_table(NS, "t", properties={"format-version": "99"}), 400)
    expect(main.create_table(NS, "t", properties={"format-version": "two"}), 400)
    assert warehouse.head("main") == head


def test_version_3_types_are_kept(main):
    schema = {
        "type": "struct",
        "schema-id": 0,
        "fields": [
            {"id": 1, "name": "v", "required": False, "type": "variant"},
            {"id": 2, "name": "g", "required": False, "type": "geometry(srid:4326)"},
            {"id": 3, "name": "n", "required": False, "type": "timestamp_ns"},
            {"id": 4, "name": "d", "required": True, "type": "int", "initial-default": 7, "write-default": 8},
        ],
    }
    created = expect(main.create_table(NS, "t", schema=schema, properties={"format-version": "3"}), 200)["metadata"]
    assert created["schemas"][0]["fields"] == schema["fields"]
    expect(main.set_properties(NS, "t", a="b"), 200)
    assert expect(main.load(NS, "t"), 200)["metadata"]["schemas"][0]["fields"] == schema["fields"]


