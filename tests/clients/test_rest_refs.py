"""Branches, tags, commit ids and what they resolve to, over both protocols."""

from __future__ import annotations

from datetime import UTC, datetime
from time import sleep

import pytest
import requests
from clients import expect, set_properties

ORDERS = (("sales",), "orders")


@pytest.fixture
def orders(main):
    """The table `sales.orders` on main."""
    return expect(main.create_table(*ORDERS), 200)


def count(warehouse, ref: str, key: str = "n") -> str | None:
    """The property `n` of `sales.orders` on a ref: which state that ref shows."""
    table = expect(warehouse.iceberg(ref).load(*ORDERS), 200)
    return table["metadata"]["properties"].get(key)


def test_a_fresh_warehouse_has_main(warehouse):
    (ref,) = warehouse.items("/refs")
    assert (ref["name"], ref["kind"]) == ("main", "branch")
    expect(warehouse.get("/branches/main"), 200)


def test_the_default_warehouse_is_there(server):
    listed = expect(requests.get(server.warehouses, timeout=60), 200)["items"]
    assert "lake" in [item["name"] for item in listed]


def test_a_branch_starts_where_it_is_told_and_moves_alone(warehouse, main, orders):
    first = warehouse.head("main")
    expect(main.set_properties(*ORDERS, n="1"))
    made = warehouse.branch("a")
    assert made["name"] == "a" and made["kind"] == "branch" and made["head"] == warehouse.head("main")
    assert warehouse.branch("b", **{"from": first})["head"] == first
    assert warehouse.branch("c", **{"from": "a"})["head"] == made["head"]
    assert warehouse.branch("d", **{"from": "main~1"})["head"] == first
    expect(warehouse.iceberg("a").set_properties(*ORDERS, n="2"))
    assert [count(warehouse, ref) for ref in ("main", "a", "b", "c")] == ["1", "2", None, "1"]
    expect(warehouse.post("/branches", name="e", **{"from": "nowhere"}), 404)


def test_expressions_resolve(warehouse, main, orders):
    for number in range(4):
        expect(main.set_properties(*ORDERS, n=str(number)))
    moment = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    sleep(0.02)
    expect(main.set_properties(*ORDERS, n="late"))
    warehouse.tag("v1", **{"from": "main~2"})
    head = warehouse.head("main")
    assert count(warehouse, "main") == "late"
    assert count(warehouse, "main~1") == "3"
    assert count(warehouse, "v1") == "2"
    assert count(warehouse, head) == "late"
    assert count(warehouse, head[:12]) == "late"
    assert count(warehouse, f"{head[:12]}~3") == "1"
    assert count(warehouse, f"main@{{{moment}}}") == "3"
    assert warehouse.log("main~1")[0]["id"] == warehouse.log("main")[1]["id"]
    for missing in ("main~100", "v2", "0123456789abcdef", "main@{2001-01-01T00:00:00Z}", "main~x", "main@{soon}", "~1"):
        answer = warehouse.get("/commits", ref=missing)
        assert answer.status_code in (400, 404), f"{missing}: {answer.status_code} {answer.text}"


def test_every_kind_of_ref_is_a_namespace(warehouse, main, orders):
    expect(main.set_properties(*ORDERS, n="1"))
    warehouse.tag("v1")
    head = warehouse.head("main")
    everywhere = warehouse.iceberg()
    for ref in ("main", "v1", head, head[:12]):
        table = expect(everywhere.load((ref, "sales"), "orders"), 200)
        assert table["metadata"]["properties"]["n"] == "1", ref
        assert everywhere.tables((ref, "sales")) == ["orders"]
    listed = [levels[0] for levels in expect(everywhere.get("/namespaces"), 200)["namespaces"]]
    assert {"main", "v1"} <= set(listed)
    below = expect(everywhere.get("/namespaces", parent="v1"), 200)["namespaces"]
    assert below == [["v1", "sales"]]


def test_a_ref_by_itself_is_its_default_namespace(warehouse, main):
    everywhere = warehouse.iceberg()
    expect(everywhere.create_table(("main",), "loose"), 200)
    expect(main.load(("default",), "loose"), 200)
    expect(everywhere.load(("main",), "loose"), 200)
    assert everywhere.tables(("main",)) == ["loose"]
    below = expect(everywhere.get("/namespaces", parent="main"), 200)["namespaces"]
    assert ["main", "default"] not in below
    assert ["default"] in expect(main.get("/namespaces"), 200)["namespaces"]


@pytest.mark.parametrize("kind", ["tag", "commit"])
def test_tags_and_commits_are_read_only(warehouse, main, orders, kind):
    warehouse.tag("v1")
    head = warehouse.head("main")
    ref = "v1" if kind == "tag" else head
    refs = warehouse.refs()
    by_ref, everywhere = warehouse.iceberg(ref), warehouse.iceberg()
    answers = [
        by_ref.set_properties(*ORDERS, a="b"),
        by_ref.create_table(("sales",), "new"),
        by_ref.create_namespace("new"),
        by_ref.create_view(("sales",), "new"),
        by_ref.request("DELETE", by_ref.table_path(*ORDERS)),
        by_ref.post("/tables/rename", {"source": {"namespace": ["sales"], "name": "orders"}, "destination": {"namespace": ["sales"], "name": "x"}}),
        by_ref.transact({"identifier": {"namespace": ["sales"], "name": "orders"}, "requirements": [], "updates": set_properties(a="b")}),
        everywhere.set_properties((ref, "sales"), "orders", a="b"),
        everywhere.create_table((ref, "sales"), "new"),
        everywhere.create_namespace(ref, "new"),
        warehouse.merge("main", ref),
        warehouse.post("/reverts", commit=head, onto=ref),
        warehouse.post(f"/branches/{ref}/reset", to=head),
    ]
    for answer in answers:
        assert 400 <= answer.status_code < 500, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:300]}"
    assert warehouse.refs() == refs
    expect(by_ref.load(*ORDERS), 200)


def test_the_default_branch_is_not_deleted(warehouse, main, orders):
    refs = warehouse.refs()
    for params in ({}, {"force": "true"}):
        answer = warehouse.request("DELETE", "/branches/main", params=params)
        assert 400 <= answer.status_code < 500, answer.text
    answer = warehouse.iceberg().request("DELETE", "/namespaces/main")
    assert 400 <= answer.status_code < 500, answer.text
    assert warehouse.refs() == refs


def test_a_branch_with_unmerged_work_is_deleted_only_by_force(warehouse, main, orders):
    warehouse.branch("work")
    expect(warehouse.iceberg("work").set_properties(*ORDERS, n="1"))
    head = warehouse.head("work")
    expect(warehouse.request("DELETE", "/branches/work"), 409)
    expect(warehouse.iceberg().request("DELETE", "/namespaces/work"), 409)
    expect(warehouse.request("DELETE", "/branches/work", params={"force": "true"}, headers={"If-Match": f'"{warehouse.head("main")}"'}), 409, 412)
    assert warehouse.head("work") == head
    expect(warehouse.request("DELETE", "/branches/work", params={"force": "true"}, headers={"If-Match": f'"{head}"'}))
    expect(warehouse.get("/branches/work"), 404)
    expect(warehouse.get(f"/commits/{head}"), 200)
    expect(warehouse.post("/branches/work/restore"))
    assert warehouse.head("work") == head and count(warehouse, "work") == "1"
    expect(warehouse.merge("work"), 200)
    expect(warehouse.iceberg().request("DELETE", "/namespaces/work"), 204)
    assert "work" not in warehouse.refs()


def test_a_namespace_of_one_level_is_a_branch_in_the_warehouse_view(warehouse, main, orders):
    everywhere = warehouse.iceberg()
    expect(everywhere.create_namespace("ingest"), 200)
    assert warehouse.head("ingest") == warehouse.head("main")
    expect(everywhere.create_namespace("ingest"), 409)
    expect(everywhere.set_properties(("ingest", "sales"), "orders", n="1"))
    expect(everywhere.create_namespace("copy", **{"from": "ingest"}), 200)
    assert warehouse.head("copy") == warehouse.head("ingest")
    expect(everywhere.create_namespace("lost", **{"from": "nowhere"}), 400, 404)
    expect(everywhere.create_namespace("deadbeef"), 400)
    expect(everywhere.create_namespace("not there", "sub"), 400, 404)
    expect(everywhere.request("HEAD", "/namespaces/ingest"), 204)
    expect(everywhere.request("HEAD", "/namespaces/lost"), 404)


def test_reset_moves_a_branch_and_the_ref_log_tells(warehouse, main, orders):
    first = warehouse.head("main")
    expect(main.set_properties(*ORDERS, n="1"))
    second = warehouse.head("main")
    expect(warehouse.post("/branches/main/reset", to=first, expected_head=first), 409)
    assert warehouse.head("main") == second
    expect(warehouse.post("/branches/main/reset", to=first, expected_head=second), 200)
    assert warehouse.head("main") == first and count(warehouse, "main") is None
    expect(warehouse.post("/branches/main/reset", to="main@{0}"), 400, 404)
    entry = warehouse.ref_log("main")[0]
    assert (entry["from"], entry["to"]) == (second, first)
    expect(warehouse.post("/branches/main/reset", to=second), 200)
    assert count(warehouse, "main") == "1"


def test_tags_never_move(warehouse, main, orders):
    tag = warehouse.tag("v1")
    expect(warehouse.post("/tags", name="v1"), 409)
    expect(main.set_properties(*ORDERS, n="1"))
    assert expect(warehouse.get("/tags/v1"), 200)["head"] == tag["head"] != warehouse.head("main")
    expect(warehouse.request("DELETE", "/tags/v1"))
    expect(warehouse.get("/tags/v1"), 404)


def test_contents_and_diff_tell_what_is_there(warehouse, main, orders):
    warehouse.branch("b")
    b = warehouse.iceberg("b")
    expect(b.set_properties(*ORDERS, n="1"))
    expect(b.create_table(("sales",), "new"))
    expect(b.create_namespace("other"))
    changes = {tuple(item["path"]): (item["kind"], item["change"]) for item in warehouse.items("/diff", **{"from": "main", "to": "b"})}
    assert changes == {
        ("sales", "orders"): ("table", "changed"),
        ("sales", "new"): ("table", "added"),
        ("other",): ("namespace", "added"),
    }
    backwards = {tuple(item["path"]): item["change"] for item in warehouse.items("/diff", **{"from": "b", "to": "main"})}
    assert backwards == {("sales", "orders"): "changed", ("sales", "new"): "removed", ("other",): "removed"}
    assert warehouse.items("/diff", **{"from": "b", "to": "b"}) == []
    rename = {"source": {"namespace": ["sales"], "name": "new"}, "destination": {"namespace": ["other"], "name": "newer"}}
    before = warehouse.head("b")
    expect(b.post("/tables/rename", rename), 204, 200)
    (renamed,) = warehouse.items("/diff", **{"from": before, "to": "b"})
    assert renamed["change"] == "renamed"
    paths = {tuple(item["path"]) for item in warehouse.items("/contents", ref="b", recursive="true")}
    assert {("sales", "orders"), ("other", "newer")} <= paths and ("sales", "new") not in paths
    (item,) = [item for item in warehouse.items("/contents", ref="b", path="sales") if item["path"] == ["sales", "orders"]]
    assert item["kind"] == "table" and item["content_id"] and item["metadata_location"]


def test_the_log_can_be_filtered(warehouse, main, orders):
    expect(main.create_table(("sales",), "other"))
    expect(main.set_properties(*ORDERS, headers={"X-Nunatak-Property-Run": "7"}, n="1"))
    marked = warehouse.head("main")
    expect(main.set_properties(("sales",), "other", n="1"))
    by_path = warehouse.log("main", path="sales.orders")
    assert [commit["id"] for commit in by_path][0] == marked and len(by_path) == 2
    assert len(warehouse.log("main", path="sales\u001forders")) == 2
    since = warehouse.log("main")[1]["committed_at"]
    assert {commit["id"] for commit in warehouse.log("main", since=since)} >= {warehouse.head("main")}
    whole = warehouse.log("main")
    assert all(a["parents"][0] == b["id"] for a, b in zip(whole, whole[1:]))
