"""A table's files lie below its warehouse's location, whatever a client asks for."""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
from clients import SCHEMA, expect


@pytest.fixture
def root(warehouse, main) -> Path:
    """The directory of the warehouse, told from where a table is put."""
    location = expect(main.create_table(("sales",), "first"), 200)["metadata"]["location"]
    directory = local(location)
    while directory.name != "sales":
        directory = directory.parent
    return directory.parent


def local(location: str) -> Path:
    """The path of a `file:` location."""
    assert location.startswith("file:"), location
    return Path(unquote(urlparse(location).path))


def test_two_tables_never_share_a_location(warehouse, main, root):
    first = expect(main.create_table(("sales",), "t"), 200)["metadata"]["location"]
    expect(main.request("DELETE", main.table_path(("sales",), "t")), 204)
    second = expect(main.create_table(("sales",), "t"), 200)["metadata"]["location"]
    warehouse.branch("other")
    other = warehouse.iceberg("other")
    expect(other.request("DELETE", main.table_path(("sales",), "t")), 204)
    third = expect(other.create_table(("sales",), "t"), 200)["metadata"]["location"]
    assert len({first, second, third}) == 3


def test_a_dropped_table_keeps_its_files_for_older_commits(warehouse, main, root):
    table = expect(main.create_table(("sales",), "t"), 200)
    before = warehouse.head("main")
    expect(main.request("DELETE", main.table_path(("sales",), "t"), params={"purgeRequested": "True"}), 204)
    expect(main.load(("sales",), "t"), 404)
    assert local(table["metadata-location"]).is_file()
    assert expect(warehouse.iceberg(before).load(("sales",), "t"), 200)["metadata-location"] == table["metadata-location"]


def outside(root: Path, tmp_path: Path) -> list[str]:
    """Locations that must be refused."""
    link = root / "link"
    if not link.exists():
        (tmp_path / "elsewhere").mkdir(exist_ok=True)
        link.symlink_to(tmp_path / "elsewhere")
    return [
        f"file://{tmp_path}/elsewhere",
        str(tmp_path / "elsewhere"),
        "file:///",
        "file:///etc",
        f"file://{root}/../escaped",
        f"file://{root}/sales/../../escaped",
        f"file://{root}/%2e%2e/escaped",
        f"file://{root}/sales/%2E%2E/%2e./escaped",
        f"file://{root}/..%2fescaped",
        f"file://{root}-escaped/t",
        f"file://{root}/link/t",
        f"file://other.host{root}/t",
        "s3://somebody/else",
        "http://127.0.0.1/x",
        "memory:///x",
        "no location",
        "",
    ]


def test_a_location_outside_is_refused(warehouse, main, root, tmp_path):
    head = warehouse.head("main")
    accepted = []
    for location in outside(root, tmp_path):
        answer = main.create_table(("sales",), "t", location=location)
        if answer.status_code != 400:
            accepted.append(("create", location, answer.status_code, answer.text[:200]))
            main.request("DELETE", main.table_path(("sales",), "t"))
        answer = main.create_table(("sales",), "t", location=location, stage_create=True)
        if answer.status_code != 400:
            accepted.append(("stage", location, answer.status_code, answer.text[:200]))
        answer = main.commit(("sales",), "first", [{"action": "set-location", "location": location}])
        if answer.status_code != 400:
            accepted.append(("commit", location, answer.status_code, answer.text[:200]))
    assert not accepted
    assert warehouse.head("main") == head
    assert not (root.parent / "escaped").exists()
    assert not any((tmp_path / "elsewhere").iterdir())


def test_a_location_inside_is_kept(main, root):
    location = f"file://{root}/asked-for"
    table = expect(main.create_table(("sales",), "t", location=location), 200)
    assert local(table["metadata"]["location"]) == root / "asked-for"
    assert local(table["metadata-location"]).is_relative_to(root / "asked-for")


def register(main, name: str, location: str, **more):
    """Registers a metadata file as a table."""
    return main.post("/namespaces/sales/register", {"name": name, "metadata-location": location, **more})


def test_register_takes_a_metadata_file_from_inside(warehouse, main, root):
    first = expect(main.load(("sales",), "first"), 200)
    expect(main.request("DELETE", main.table_path(("sales",), "first")), 204)
    back = expect(register(main, "back", first["metadata-location"]), 200)
    assert back["metadata"]["table-uuid"] == first["metadata"]["table-uuid"]
    expect(register(main, "back", first["metadata-location"]), 409)
    expect(register(main, "back", first["metadata-location"], overwrite=True), 200)


def test_register_of_what_is_not_there_or_no_metadata_is_refused(warehouse, main, root):
    head = warehouse.head("main")
    expect(register(main, "t", f"file://{root}/sales/none/metadata/00000-x.metadata.json"), 400, 404)
    (root / "junk.metadata.json").write_text("{}")
    expect(register(main, "t", f"file://{root}/junk.metadata.json"), 400)
    (root / "junk.metadata.json").write_text("no json")
    expect(register(main, "t", f"file://{root}/junk.metadata.json"), 400)
    (root / "junk.metadata.json").write_text("[" * 100_000)
    expect(register(main, "t", f"file://{root}/junk.metadata.json"), 400)
    expect(register(main, "t", f"file://{root}"), 400, 404)
    assert warehouse.head("main") == head


def test_register_does_not_read_from_outside(warehouse, main, root, tmp_path):
    first = expect(main.load(("sales",), "first"), 200)
    good = local(first["metadata-location"]).read_bytes()
    (tmp_path / "00001-x.metadata.json").write_bytes(good)
    link = root / "00001-link.metadata.json"
    os.symlink(tmp_path / "00001-x.metadata.json", link)
    lying = json.loads(good)
    lying["location"] = f"file://{tmp_path}/elsewhere"
    (root / "00002-lying.metadata.json").write_text(json.dumps(lying))
    head = warehouse.head("main")
    for location in (
        f"file://{tmp_path}/00001-x.metadata.json",
        f"file://{link}",
        f"file://{root}/../{tmp_path.name}/00001-x.metadata.json",
        f"file://{root}/00002-lying.metadata.json",
        "file:///etc/passwd",
    ):
        expect(register(main, "t", location), 400)
    assert warehouse.head("main") == head


def test_the_directories_that_clients_write_to_are_there(main, root):
    location = local(expect(main.create_table(("sales",), "t", stage_create=True, schema=SCHEMA), 200)["metadata"]["location"])
    assert (location / "metadata").is_dir()
