"""Names: what is refused is refused with 400 or 409 and leaves no trace."""

from __future__ import annotations

import pytest
from clients import expect, set_properties

BAD_REFS = [
    "",
    "-x",
    ".x",
    "/x",
    "a..b",
    "a//b",
    "a/",
    "a.lock",
    "a b",
    "é",
    "a\u0000b",
    "a\nb",
    "a@{now}",
    "a~1",
    "x" * 256,
    "deadbeef",
    "12345678",
    "0123456789abcdef" * 4,
]
GOOD_REFS = ["feature/x-1", "v1.0", "_x", "abcdef1", "X" * 255, "a.b_c-d/e", "0123456789abcdef" * 4 + "0"]


@pytest.mark.parametrize("kind", ["branches", "tags"])
@pytest.mark.parametrize("name", BAD_REFS, ids=lambda name: repr(name[:20]))
def test_a_bad_ref_name_is_refused(warehouse, kind, name):
    before = warehouse.refs()
    expect(warehouse.post(f"/{kind}", name=name), 400)
    assert warehouse.refs() == before


@pytest.mark.parametrize("name", GOOD_REFS, ids=lambda name: name[:20])
def test_a_good_ref_name_works_everywhere(warehouse, name):
    warehouse.branch(name)
    assert warehouse.head(name) == warehouse.head("main")
    by_ref = warehouse.iceberg(name)
    expect(by_ref.create_namespace("sales"))
    expect(by_ref.create_table(("sales",), "orders"))
    expect(warehouse.iceberg().load((name, "sales"), "orders"), 200)
    assert warehouse.tables(name) == {("sales", "orders")}
    assert warehouse.tables("main") == set()


def test_branches_and_tags_share_one_space(warehouse):
    warehouse.branch("one")
    warehouse.tag("two")
    expect(warehouse.post("/tags", name="one"), 409)
    expect(warehouse.post("/branches", name="two"), 409)
    expect(warehouse.post("/branches", name="one"), 409)
    expect(warehouse.post("/branches", name="main"), 409)


def test_names_that_differ_in_case_are_refused(warehouse, main):
    expect(main.create_table(("sales",), "Orders"))
    head = warehouse.head("main")
    expect(main.create_table(("sales",), "orders"), 409)
    expect(main.create_view(("sales",), "ORDERS"), 409)
    expect(main.create_namespace("Sales"), 409)
    expect(main.create_namespace("sales"), 409)
    expect(main.create_table(("sales",), "other"))
    rename = {
        "source": {"namespace": ["sales"], "name": "other"},
        "destination": {"namespace": ["sales"], "name": "oRDERS"},
    }
    expect(main.post("/tables/rename", rename), 409)
    assert sorted(main.tables(("sales",))) == ["Orders", "other"]
    assert warehouse.head("main") != head


@pytest.mark.parametrize("name", ["", "x" * 256, "é" * 128, "a\u0000b", "a\u001fb"], ids=lambda name: repr(name[:10]))
def test_a_bad_table_name_is_refused(warehouse, main, name):
    head = warehouse.head("main")
    expect(main.create_table(("sales",), name), 400)
    expect(main.create_namespace(name), 400)
    assert warehouse.head("main") == head


def test_a_namespace_that_is_too_deep_or_empty_is_refused(warehouse, main):
    head = warehouse.head("main")
    expect(main.create_namespace(*[f"n{level}" for level in range(17)]), 400)
    expect(main.create_namespace(), 400)
    expect(main.create_namespace("sales", ""), 400)
    assert warehouse.head("main") == head


@pytest.mark.parametrize("name", ["with space", "with+plus", "with/slash", "with.dot", "50%", "é-ü-漢字", "a?b#c&d", "q'\"q", ".", ".."])
def test_a_strange_but_legal_name_makes_the_round_trip(warehouse, main, name):
    if name in (".", ".."):
        # HTTP clients rewrite such a segment: `%2E%2E` is all that can be sent, and it must not climb.
        response = main.create_table(("sales",), name)
        assert response.status_code in (200, 400), response.text
        return
    expect(main.create_namespace("sales", name))
    location = expect(main.create_table(("sales", name), name), 200)["metadata"]["location"]
    assert "/../" not in location
    assert main.tables(("sales", name)) == [name]
    expect(main.load(("sales", name), name), 200)
    expect(main.commit(("sales", name), name, set_properties(a="b")), 200)
    assert warehouse.tables("main") == {("sales", name, name)}
    expect(main.request("DELETE", main.table_path(("sales", name), name)), 204)
    expect(main.load(("sales", name), name), 404)


def test_unknown_warehouses_and_refs_are_not_found(server, warehouse):
    import requests

    for name in ("nowhere", f"{warehouse.name}@nowhere", f"{warehouse.name}@", "@main", f"{warehouse.name}@0123456789abcdef"):
        answer = requests.get(f"{server.iceberg}/v1/config", params={"warehouse": name}, timeout=60)
        assert answer.status_code in (400, 404), f"{name}: {answer.status_code} {answer.text}"
    for path in ("/nowhere/namespaces", f"/{warehouse.name}~nowhere/namespaces"):
        answer = requests.get(f"{server.iceberg}/v1{path}", timeout=60)
        assert answer.status_code in (400, 404), f"{path}: {answer.status_code} {answer.text}"
    expect(requests.get(f"{server.warehouses}/nowhere/branches", timeout=60), 404)
    expect(warehouse.get("/branches/nowhere"), 404)
    expect(warehouse.get("/commits", ref="nowhere"), 404)
