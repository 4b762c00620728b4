"""Tables and views share one name space and never pass for each other."""

from __future__ import annotations

from clients import expect

NS = ("sales",)


def kind(response, *statuses) -> str:
    """The type string of an Iceberg error."""
    return expect(response, *statuses)["error"]["type"]


def test_a_view_cannot_take_a_tables_name_nor_a_table_a_views(warehouse, main):
    expect(main.create_table(NS, "t"), 200)
    expect(main.create_view(NS, "v"), 200)
    head = warehouse.head("main")
    assert kind(main.create_view(NS, "t"), 409) == "AlreadyExistsException"
    assert kind(main.create_table(NS, "v"), 409) == "AlreadyExistsException"
    assert kind(main.create_table(NS, "v", stage_create=True), 409) == "AlreadyExistsException"
    location = expect(main.load(NS, "t"), 200)["metadata-location"]
    expect(main.post("/namespaces/sales/register", {"name": "v", "metadata-location": location}), 409)
    assert warehouse.head("main") == head


def test_a_table_is_not_a_view_and_a_view_is_not_a_table(warehouse, main):
    expect(main.create_table(NS, "t"), 200)
    expect(main.create_view(NS, "v"), 200)
    head = warehouse.head("main")
    assert kind(main.load(NS, "v"), 404) == "NoSuchTableException"
    assert kind(main.get("/namespaces/sales/views/t"), 404) == "NoSuchViewException"
    expect(main.request("HEAD", "/namespaces/sales/tables/v"), 404)
    expect(main.request("HEAD", "/namespaces/sales/views/t"), 404)
    expect(main.request("HEAD", "/namespaces/sales/tables/t"), 204)
    expect(main.request("HEAD", "/namespaces/sales/views/v"), 204)
    assert kind(main.request("DELETE", "/namespaces/sales/tables/v"), 404) == "NoSuchTableException"
    assert kind(main.request("DELETE", "/namespaces/sales/views/t"), 404) == "NoSuchViewException"
    assert kind(main.set_properties(NS, "v", a="b"), 404) == "NoSuchTableException"
    assert main.tables(NS) == ["t"]
    assert warehouse.head("main") == head


def test_a_rename_onto_the_other_kind_is_refused(warehouse, main):
    expect(main.create_table(NS, "t"), 200)
    expect(main.create_view(NS, "v"), 200)
    table, view = {"namespace": ["sales"], "name": "t"}, {"namespace": ["sales"], "name": "v"}
    missing = {"namespace": ["sales"], "name": "x"}
    head = warehouse.head("main")
    expect(main.post("/tables/rename", {"source": table, "destination": view}), 409)
    expect(main.post("/views/rename", {"source": view, "destination": table}), 409)
    expect(main.post("/tables/rename", {"source": view, "destination": missing}), 404)
    expect(main.post("/views/rename", {"source": table, "destination": missing}), 404)
    expect(main.post("/tables/rename", {"source": missing, "destination": table}), 404)
    expect(main.post("/tables/rename", {"source": table, "destination": {"namespace": ["nowhere"], "name": "t"}}), 404)
    assert warehouse.head("main") == head


def test_a_view_is_merged_like_a_table(warehouse, main):
    warehouse.branch("b")
    expect(warehouse.iceberg("b").create_view(NS, "v"), 200)
    expect(main.request("HEAD", "/namespaces/sales/views/v"), 404)
    expect(warehouse.merge("b"), 200)
    expect(main.request("HEAD", "/namespaces/sales/views/v"), 204)
    kinds = {tuple(item["path"]): item["kind"] for item in warehouse.items("/contents", ref="main", recursive="true")}
    assert kinds[("sales", "v")] == "view"


def test_a_namespace_that_holds_something_is_not_dropped(warehouse, main):
    expect(main.create_view(NS, "v"), 200)
    head = warehouse.head("main")
    assert kind(main.request("DELETE", "/namespaces/sales"), 409) == "NamespaceNotEmptyException"
    assert warehouse.head("main") == head
    expect(main.request("DELETE", "/namespaces/sales/views/v"), 204)
    expect(main.request("DELETE", "/namespaces/sales"), 204)
    assert kind(main.request("DELETE", "/namespaces/sales"), 404) == "NoSuchNamespaceException"
