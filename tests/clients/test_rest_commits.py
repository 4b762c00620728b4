"""Commits through raw Iceberg REST: requirements, all or nothing, headers, replays, caching."""

from __future__ import annotations

import uuid

import pytest
from clients import change, expect, set_properties

ORDERS = (("sales",), "orders")


@pytest.fixture
def orders(main):
    """The loaded table `sales.orders`."""
    return expect(main.create_table(*ORDERS), 200)


def error(response) -> dict:
    """The error object of Iceberg's answers."""
    body = response.json()["error"]
    assert body["code"] == response.status_code
    return body


@pytest.mark.parametrize(
    "updates, requirements",
    [
        ([{"action": "no-such-action"}], []),
        ([{"updates": {"a": "b"}}], []),
        ([{"action": "set-properties"}], []),
        ([{"action": "set-properties", "updates": {"a": "b"}}, {"action": "no-such-action"}], []),
        ([{"action": "set-properties", "updates": {"a": "b"}}], [{"type": "no-such-requirement"}]),
        ([{"action": "set-properties", "updates": {"a": "b"}}], [{}]),
        ([{"action": "set-current-schema", "schema-id": 17}], []),
        ([{"action": "set-default-spec", "spec-id": 17}], []),
        ([{"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": 17}], []),
        ([{"action": "upgrade-format-version", "format-version": 99}], []),
        ([{"action": "upgrade-format-version", "format-version": 1}], []),
        ([{"action": "add-view-version"}], []),
        (["set-properties"], []),
        ([None], []),
    ],
)
def test_a_bad_commit_is_refused_and_writes_nothing(warehouse, main, orders, updates, requirements):
    head = warehouse.head("main")
    assert error(expect_response(main.commit(*ORDERS, updates, requirements), 400))["message"]
    assert warehouse.head("main") == head
    assert expect(main.load(*ORDERS), 200)["metadata-location"] == orders["metadata-location"]


def expect_response(response, *statuses):
    """The response itself, if its status is right."""
    expect(response, *statuses)
    return response


@pytest.mark.parametrize(
    "requirement",
    [
        {"type": "assert-create"},
        {"type": "assert-table-uuid", "uuid": str(uuid.uuid4())},
        {"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": 17},
        {"type": "assert-last-assigned-field-id", "last-assigned-field-id": 17},
        {"type": "assert-current-schema-id", "current-schema-id": 17},
        {"type": "assert-last-assigned-partition-id", "last-assigned-partition-id": 17},
        {"type": "assert-default-spec-id", "default-spec-id": 17},
        {"type": "assert-default-sort-order-id", "default-sort-order-id": 17},
    ],
    ids=lambda requirement: requirement["type"],
)
def test_a_stale_requirement_is_a_conflict(warehouse, main, orders, requirement):
    head = warehouse.head("main")
    answer = expect_response(main.commit(*ORDERS, set_properties(a="b"), [requirement]), 409)
    if requirement["type"] != "assert-create":
        assert error(answer)["type"] == "CommitFailedException"
    assert warehouse.head("main") == head


def test_a_commit_is_one_commit_with_message_author_and_properties(warehouse, main, orders):
    head = warehouse.head("main")
    headers = {"X-Nunatak-Message": "hourly load", "X-Nunatak-Property-Job": "etl-7", "X-Nunatak-Property-run.id": "42"}
    answer = expect_response(main.commit(*ORDERS, set_properties(a="b"), headers=headers), 200)
    commit = warehouse.log("main")[0]
    assert answer.headers["X-Nunatak-Commit"] == commit["id"] == warehouse.head("main")
    assert commit["parents"] == [head]
    assert commit["message"] == "hourly load"
    properties = {key.lower(): value for key, value in commit["properties"].items()}
    assert properties["job"] == "etl-7" and properties["run.id"] == "42"
    assert commit["author"] and commit["committed_at"]
    assert answer.json()["metadata-location"] != orders["metadata-location"]
    assert expect(warehouse.get(f"/commits/{commit['id']}"), 200)["id"] == commit["id"]


def test_without_a_message_the_commit_says_what_happened(warehouse, main, orders):
    assert "sales.orders" in warehouse.log("main")[0]["message"]


def test_an_empty_commit_answers_the_current_state(main, orders):
    uuid_holds = {"type": "assert-table-uuid", "uuid": orders["metadata"]["table-uuid"]}
    answer = expect(main.commit(*ORDERS, [], [uuid_holds]), 200)
    assert answer["metadata"]["table-uuid"] == orders["metadata"]["table-uuid"]


def test_a_commit_to_a_missing_table_is_not_found(warehouse, main):
    head = warehouse.head("main")
    assert error(expect_response(main.set_properties(*ORDERS, a="b"), 404))["type"] == "NoSuchTableException"
    missing = main.load(("nowhere",), "snapshots")
    assert error(expect_response(missing, 404))["type"] == "NoSuchTableException"
    created = error(expect_response(main.create_table(("nowhere",), "t"), 404))
    assert created["type"] == "NoSuchNamespaceException"
    assert created["message"] == "Namespace does not exist: nowhere"
    assert warehouse.head("main") == head


def test_many_tables_are_one_commit(warehouse, main):
    names = [f"t{number}" for number in range(20)]
    for name in names:
        expect(main.create_table(("sales",), name))
    before = len(warehouse.log("main"))
    expect(main.transact(*(change(("sales",), name, set_properties(run="1")) for name in names)), 204)
    assert len(warehouse.log("main")) == before + 1
    for name in names:
        assert expect(main.load(("sales",), name), 200)["metadata"]["properties"]["run"] == "1"


def test_many_tables_are_changed_or_none(warehouse, main):
    for name in ("a", "b"):
        expect(main.create_table(("sales",), name))
    head = warehouse.head("main")
    stale = [{"type": "assert-table-uuid", "uuid": str(uuid.uuid4())}]
    good = change(("sales",), "a", set_properties(run="1"))
    expect(main.transact(good, change(("sales",), "b", set_properties(run="1"), stale)), 409)
    expect(main.transact(good, change(("sales",), "missing", set_properties(run="1"))), 404)
    expect(main.transact(good, change(("sales",), "b", [{"action": "no-such-action"}])), 400)
    assert warehouse.head("main") == head
    assert "run" not in expect(main.load(("sales",), "a"), 200)["metadata"]["properties"]


def test_two_changes_of_one_table_in_a_transaction_follow_each_other(main, orders):
    answer = main.transact(change(*ORDERS, set_properties(a="1", b="1")), change(*ORDERS, set_properties(b="2")))
    if answer.status_code == 204:
        properties = expect(main.load(*ORDERS), 200)["metadata"]["properties"]
        assert (properties["a"], properties["b"]) == ("1", "2")
    else:
        expect(answer, 400)


def test_a_staged_table_is_created_by_a_transaction(warehouse, main, orders):
    staged = expect(main.create_table(("sales",), "new", stage_create=True), 200)
    expect(main.load(("sales",), "new"), 404)
    metadata = staged["metadata"]
    updates = [
        {"action": "assign-uuid", "uuid": metadata["table-uuid"]},
        {"action": "upgrade-format-version", "format-version": metadata["format-version"]},
        {"action": "add-schema", "schema": metadata["schemas"][0], "last-column-id": metadata["last-column-id"]},
        {"action": "set-current-schema", "schema-id": -1},
        {"action": "add-spec", "spec": metadata["partition-specs"][0]},
        {"action": "set-default-spec", "spec-id": -1},
        {"action": "add-sort-order", "sort-order": metadata["sort-orders"][0]},
        {"action": "set-default-sort-order", "sort-order-id": -1},
        {"action": "set-location", "location": metadata["location"]},
    ]
    before = len(warehouse.log("main"))
    create = change(("sales",), "new", updates, [{"type": "assert-create"}])
    expect(main.transact(create, change(*ORDERS, set_properties(run="1"))), 204)
    assert len(warehouse.log("main")) == before + 1
    assert expect(main.load(("sales",), "new"), 200)["metadata"]["table-uuid"] == metadata["table-uuid"]
    expect(main.transact(create), 409)


def test_a_transaction_over_two_branches_is_refused(warehouse, main, orders):
    warehouse.branch("other")
    heads = warehouse.refs()
    both = warehouse.iceberg()
    answer = both.transact(
        change(("main", "sales"), "orders", set_properties(a="1")),
        change(("other", "sales"), "orders", set_properties(a="1")),
    )
    expect(answer, 400)
    assert warehouse.refs() == heads
    expect(both.transact(change(("other", "sales"), "orders", set_properties(a="1"))), 204)
    assert warehouse.head("main") == heads["main"] and warehouse.head("other") != heads["other"]


def test_an_idempotency_key_is_carried_out_once(warehouse, main, orders):
    key = {"Idempotency-Key": "0198d5a0-7a3e-7d1f-9b52-8c2a3f1e4d5c"}
    first = expect_response(main.set_properties(*ORDERS, headers=key, a="1"), 200)
    length = len(warehouse.log("main"))
    expect(main.set_properties(*ORDERS, a="2"), 200)
    again = expect_response(main.set_properties(*ORDERS, headers=key, a="1"), 200)
    assert again.json()["metadata-location"] == first.json()["metadata-location"]
    assert len(warehouse.log("main")) == length + 1
    assert expect(main.load(*ORDERS), 200)["metadata"]["properties"]["a"] == "2"


def test_an_idempotency_key_replays_a_create_and_a_refusal(warehouse, main):
    key = {"Idempotency-Key": "0198d5a0-7a3e-7d1f-9b52-8c2a3f1e4d5d"}
    body = {"name": "t", "schema": {"type": "struct", "schema-id": 0, "fields": []}}
    first = expect(main.post("/namespaces/sales/tables", body, key), 200)
    head = warehouse.head("main")
    again = expect(main.post("/namespaces/sales/tables", body, key), 200)
    assert again["metadata"]["table-uuid"] == first["metadata"]["table-uuid"]
    expect(main.post("/namespaces/sales/tables", body), 409)
    assert warehouse.head("main") == head


def test_an_idempotency_key_for_another_request_is_refused(warehouse, main, orders):
    key = {"Idempotency-Key": "0198d5a0-7a3e-7d1f-9b52-8c2a3f1e4d5f"}
    expect(main.set_properties(*ORDERS, headers=key, a="1"), 200)
    head = warehouse.head("main")
    expect(main.set_properties(*ORDERS, headers=key, a="2"), 400, 409, 422)
    assert warehouse.head("main") == head


def test_an_unchanged_table_is_not_sent_again(warehouse, main, orders):
    loaded = expect_response(main.load(*ORDERS), 200)
    tag = loaded.headers["ETag"]
    unchanged = expect_response(main.load(*ORDERS, headers={"If-None-Match": tag}), 304)
    assert not unchanged.content
    expect(main.load(*ORDERS, headers={"If-None-Match": '"something else"'}), 200)
    refs = expect_response(main.load(*ORDERS, snapshots="refs"), 200)
    assert refs.headers["ETag"] != tag
    expect(main.set_properties(*ORDERS, a="b"), 200)
    changed = expect_response(main.load(*ORDERS, headers={"If-None-Match": tag}), 200)
    assert changed.headers["ETag"] != tag


def test_clients_must_not_collect_garbage_unless_allowed(warehouse, main, orders):
    assert expect(main.load(*ORDERS), 200)["metadata"]["properties"]["gc.enabled"] == "false"
    expect(warehouse.request("PATCH", "", json={"client_gc": "allow"}))
    assert expect(main.load(*ORDERS), 200)["metadata"]["properties"].get("gc.enabled") != "false"


def test_metrics_are_always_taken(main):
    report = {"report-type": "commit-report", "table-name": "t", "snapshot-id": 1, "sequence-number": 1, "operation": "append", "metrics": {}}
    expect(main.post("/namespaces/sales/tables/not-there-yet/metrics", report), 204)


def test_the_config_names_its_endpoints(warehouse, main):
    endpoints = set(main.config["endpoints"])
    assert {"POST /v1/{prefix}/transactions/commit", "HEAD /v1/{prefix}/namespaces/{namespace}/tables/{table}"} <= endpoints
    strange = warehouse
    strange.branch("a/b.c-d")
    prefix = strange.iceberg("a/b.c-d").prefix
    assert all(byte.isalnum() or byte in "._~-" for byte in prefix), prefix
