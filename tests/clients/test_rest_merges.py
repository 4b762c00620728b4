"""Merge, revert and cherry-pick: what happens, what is said about it, and what does not move."""

from __future__ import annotations

import pytest
from clients import expect

NS = ("sales",)


@pytest.fixture
def tables(warehouse, main):
    """Tables a, b and c on main, and the branch `work`."""
    for name in ("a", "b", "c"):
        expect(main.create_table(NS, name), 200)
    warehouse.branch("work")
    return warehouse.iceberg("work")


def n(iceberg, name: str) -> str | None:
    """The property `n` of a table."""
    return expect(iceberg.load(NS, name), 200)["metadata"]["properties"].get("n")


def paths(changes: list[dict]) -> set[tuple[str, ...]]:
    """The paths of a list of changes or conflicts."""
    return {tuple(item["path"]) for item in changes}


def test_changes_of_both_sides_come_together(warehouse, main, tables):
    expect(tables.set_properties(NS, "a", n="work"))
    expect(tables.create_table(NS, "new"))
    expect(main.set_properties(NS, "b", n="main"))
    head, source = warehouse.head("main"), warehouse.head("work")
    moves = len(warehouse.ref_log("main"))
    merged = expect(warehouse.merge("work", message="promote"), 200)
    assert merged["commit"] == warehouse.head("main") and merged["head_before"] == head
    commit = warehouse.log("main")[0]
    assert commit["parents"] == [head, source] and commit["message"] == "promote"
    assert {("sales", "a"), ("sales", "new")} <= paths(merged["changes"])
    assert all(change["action"] and change["reason"] for change in merged["changes"])
    assert (n(main, "a"), n(main, "b")) == ("work", "main")
    assert len(warehouse.ref_log("main")) == moves + 1
    again = expect(warehouse.merge("work"), 200)
    assert again["commit"] is None and warehouse.head("main") == merged["commit"]


def test_a_merge_is_never_a_fast_forward(warehouse, main, tables):
    expect(tables.set_properties(NS, "a", n="1"))
    head, source = warehouse.head("main"), warehouse.head("work")
    merged = expect(warehouse.merge("work"), 200)
    assert merged["commit"] not in (head, source)
    assert warehouse.log("main")[0]["parents"] == [head, source]


def test_a_squash_has_one_parent(warehouse, main, tables):
    for number in range(3):
        expect(tables.set_properties(NS, "a", n=str(number)))
    head = warehouse.head("main")
    expect(warehouse.merge("work", squash=True, message="one"), 200)
    log = warehouse.log("main")
    assert log[0]["parents"] == [head] and log[1]["id"] == head
    assert n(main, "a") == "2"


def test_a_dry_run_moves_nothing(warehouse, main, tables):
    expect(tables.set_properties(NS, "a", n="1"))
    refs = warehouse.refs()
    answer = expect(warehouse.merge("work", dry_run=True), 200)
    assert ("sales", "a") in paths(answer["changes"])
    assert warehouse.refs() == refs
    expect(main.commit(NS, "a", [{"action": "set-properties", "updates": {"n": "2"}}]))
    refs = warehouse.refs()
    expect(warehouse.merge("work", dry_run=True), 409)
    assert warehouse.refs() == refs


def conflict(warehouse, main, tables) -> dict:
    """Makes a and b conflict (both sides dropped or changed them differently) and c not."""
    expect(tables.set_properties(NS, "a", n="work"))
    expect(main.set_properties(NS, "a", n="main"))
    expect(tables.request("DELETE", "/namespaces/sales/tables/b"), 204)
    expect(main.set_properties(NS, "b", n="main"))
    expect(tables.set_properties(NS, "c", n="work"))
    return warehouse.refs()


def test_a_conflict_moves_nothing_and_says_why(warehouse, main, tables):
    refs = conflict(warehouse, main, tables)
    answer = expect(warehouse.merge("work"), 409)
    assert paths(answer["conflicts"]) == {("sales", "a"), ("sales", "b")}
    for entry in answer["conflicts"]:
        assert entry["reason"] and "ours" in entry and "theirs" in entry
    assert warehouse.refs() == refs
    assert (n(main, "a"), n(main, "b"), n(main, "c")) == ("main", "main", None)


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_a_strategy_takes_one_side(warehouse, main, tables, side):
    conflict(warehouse, main, tables)
    expect(warehouse.merge("work", strategy=side), 200)
    assert n(main, "a") == ("main" if side == "ours" else "work")
    assert n(main, "c") == "work"
    expect(main.load(NS, "b"), 200 if side == "ours" else 404)


def test_resolutions_settle_single_tables(warehouse, main, tables):
    refs = conflict(warehouse, main, tables)
    one = [{"path": ["sales", "a"], "take": "theirs"}]
    answer = expect(warehouse.merge("work", resolutions=one), 409)
    assert paths(answer["conflicts"]) == {("sales", "b")} and warehouse.refs() == refs
    both = [*one, {"path": ["sales", "b"], "take": "ours"}]
    expect(warehouse.merge("work", resolutions=both), 200)
    assert (n(main, "a"), n(main, "b"), n(main, "c")) == ("work", "main", "work")


def test_a_stale_expected_head_is_a_conflict(warehouse, main, tables):
    old = warehouse.head("main")
    expect(tables.set_properties(NS, "a", n="1"))
    expect(main.set_properties(NS, "b", n="1"))
    refs = warehouse.refs()
    expect(warehouse.merge("work", expected_head=old), 409)
    assert warehouse.refs() == refs
    expect(warehouse.merge("work", expected_head=refs["main"]), 200)


@pytest.mark.parametrize(
    "body, statuses",
    [
        ({"source": "nowhere", "into": "main"}, (404,)),
        ({"source": "work", "into": "nowhere"}, (404,)),
        ({"source": "0123456789abcdef", "into": "main"}, (404,)),
        ({"source": "work"}, (400, 422)),
        ({"into": "main"}, (400, 422)),
        ({"source": "work", "into": "main", "strategy": "union"}, (400, 422)),
        ({"source": "work", "into": "main", "resolutions": [{"path": ["sales", "a"], "take": "both"}]}, (400, 422)),
        ({"source": "work", "into": "main", "resolutions": [{"path": [], "take": "ours"}]}, (400, 422)),
        ({"source": "work", "into": "main", "isolation": "chaos"}, (400, 422)),
        ({"source": "", "into": "main"}, (400, 404)),
    ],
    ids=str,
)
def test_a_bad_merge_is_refused(warehouse, main, tables, body, statuses):
    expect(tables.set_properties(NS, "a", n="1"))
    refs = warehouse.refs()
    expect(warehouse.post("/merges", **body), *statuses)
    assert warehouse.refs() == refs


def test_merging_a_branch_into_itself_moves_nothing(warehouse, main, tables):
    refs = warehouse.refs()
    answer = warehouse.merge("main", "main")
    assert answer.status_code == 400 or expect(answer, 200)["commit"] is None
    assert warehouse.refs() == refs


def test_a_merge_in_both_directions_and_criss_cross(warehouse, main, tables):
    expect(tables.set_properties(NS, "a", n="work"))
    expect(main.set_properties(NS, "b", n="main"))
    work, head = warehouse.head("work"), warehouse.head("main")
    expect(warehouse.merge(work, "main"), 200)
    expect(warehouse.merge(head, "work"), 200)
    expect(tables.set_properties(NS, "c", n="work"))
    expect(warehouse.merge("work"), 200)
    assert [n(main, name) for name in ("a", "b", "c")] == ["work", "main", "work"]


def test_a_rename_and_a_change_keep_both(warehouse, main, tables):
    rename = {"source": {"namespace": ["sales"], "name": "a"}, "destination": {"namespace": ["sales"], "name": "renamed"}}
    expect(tables.post("/tables/rename", rename), 204, 200)
    expect(main.set_properties(NS, "a", n="main"))
    expect(warehouse.merge("work"), 200)
    expect(main.load(NS, "a"), 404)
    assert n(main, "renamed") == "main"


def test_a_revert_takes_one_commit_back(warehouse, main, tables):
    expect(main.set_properties(NS, "a", n="bad"))
    bad = warehouse.head("main")
    expect(main.set_properties(NS, "b", n="good"))
    head = warehouse.head("main")
    answer = expect(warehouse.post("/reverts", commit=bad, onto="main"), 200)
    assert answer["commit"] == warehouse.head("main") != head
    assert warehouse.log("main")[0]["parents"] == [head]
    assert (n(main, "a"), n(main, "b")) == (None, "good")
    assert expect(warehouse.post("/reverts", commit=bad, onto="main"), 200, 409).get("commit") is None


def test_a_merge_can_be_reverted(warehouse, main, tables):
    expect(tables.set_properties(NS, "a", n="work"))
    expect(tables.create_table(NS, "new"))
    merged = expect(warehouse.merge("work"), 200)["commit"]
    expect(warehouse.post("/reverts", commit=merged, onto="main"), 200)
    assert n(main, "a") is None
    expect(main.load(NS, "new"), 404)


def test_a_cherry_pick_takes_one_commit(warehouse, main, tables):
    expect(tables.set_properties(NS, "a", n="1"))
    picked = warehouse.head("work")
    expect(tables.set_properties(NS, "b", n="1"))
    head = warehouse.head("main")
    answer = expect(warehouse.post("/cherry-picks", commit=picked, onto="main"), 200)
    assert answer["commit"] == warehouse.head("main")
    assert warehouse.log("main")[0]["parents"] == [head]
    assert (n(main, "a"), n(main, "b")) == ("1", None)
    assert expect(warehouse.post("/cherry-picks", commit=picked, onto="main"), 200)["commit"] is None
    expect(warehouse.post("/cherry-picks", commit="0123456789abcdef", onto="main"), 404)
