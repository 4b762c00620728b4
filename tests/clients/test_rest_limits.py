"""Input that is too big, too deep or malformed, and lists that are longer than a page."""

from __future__ import annotations

import threading

import pytest
import requests
from clients import TIMEOUT, expect

MEBIBYTE = 1024 * 1024


def alive(server) -> None:
    """The server answers and has not been restarted."""
    assert server.running()
    expect(requests.get(f"{server.url}/health/live", timeout=TIMEOUT), 200)


def test_a_body_over_the_limit_is_refused(server, warehouse, main):
    head = warehouse.head("main")
    big = b'{"namespace":["big"],"properties":{"a":"' + b"x" * (33 * MEBIBYTE) + b'"}}'
    for length in ({}, {"Transfer-Encoding": "chunked"}):
        data = iter([big]) if length else big
        try:
            answer = main.request("POST", "/namespaces", data=data, headers={"Content-Type": "application/json"})
            assert answer.status_code == 413, answer.text[:300]
        except requests.ConnectionError:
            pass  # Refused while the body was still on its way: the answer may be lost with it.
    assert warehouse.head("main") == head
    alive(server)


@pytest.mark.parametrize("opening, closing", [("[", "]"), ('{"a":', "}")])
def test_deeply_nested_json_is_refused(server, warehouse, main, opening, closing):
    head = warehouse.head("main")
    deep = opening * 100_000 + "1" + closing * 100_000
    bodies = [deep, f'{{"namespace":["deep"],"properties":{deep}}}', f'{{"name":"t","schema":{deep}}}']
    for path in ("/namespaces", "/namespaces/sales/tables", "/transactions/commit", "/tables/rename"):
        for body in bodies:
            answer = main.request("POST", path, data=body, headers={"Content-Type": "application/json"})
            assert answer.status_code == 400, f"{path}: {answer.status_code} {answer.text[:300]}"
    for path in ("/branches", "/merges", "/tags"):
        answer = warehouse.request("POST", path, data=deep, headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 422), f"{path}: {answer.status_code} {answer.text[:300]}"
    assert warehouse.head("main") == head
    alive(server)


def test_a_deeply_nested_schema_is_refused_or_kept(server, main):
    kind = "long"
    for level in range(500):
        kind = {"type": "list", "element-id": level + 2, "element": kind, "element-required": False}
    schema = {"type": "struct", "schema-id": 0, "fields": [{"id": 1, "name": "deep", "required": False, "type": kind}]}
    answer = main.create_table(("sales",), "deep", schema=schema)
    assert answer.status_code in (200, 400), answer.text[:300]
    alive(server)


@pytest.mark.parametrize(
    "body",
    ["", "null", "[]", "1", '"x"', "{", '{"namespace":"x"}', '{"namespace":[1]}', '{"namespace":["a"],"properties":{"a":1}}', "\xff", "{}"],
)
def test_a_malformed_body_is_refused(server, warehouse, main, body):
    head = warehouse.head("main")
    data = body.encode("latin-1")
    headers = {"Content-Type": "application/json"}
    answer = main.request("POST", "/namespaces", data=data, headers=headers)
    assert answer.status_code == 400 and answer.json()["error"]["code"] == 400, answer.text
    for path in ("/transactions/commit", "/namespaces/sales/tables", "/namespaces/sales/register", "/tables/rename"):
        answer = main.request("POST", path, data=data, headers=headers)
        assert answer.status_code == 400, f"{path}: {answer.status_code} {answer.text}"
    for path in ("/merges", "/branches"):
        answer = warehouse.request("POST", path, data=data, headers=headers)
        assert answer.status_code in (400, 415, 422), f"{path}: {answer.status_code} {answer.text}"
    assert warehouse.head("main") == head


def test_unknown_paths_and_methods_are_refused(server, main):
    assert requests.get(f"{server.url}/iceberg/v1/nothing/here/at/all", timeout=TIMEOUT).status_code == 404
    assert requests.get(f"{server.url}/api/v1/nothing", timeout=TIMEOUT).status_code == 404
    assert main.request("PATCH", "/namespaces").status_code in (404, 405)


def test_a_message_over_the_limit_is_refused_and_nothing_moves(warehouse, main):
    warehouse.branch("b")
    heads = warehouse.refs()
    expect(warehouse.post("/merges", source="b", into="main", message="x" * (65 * 1024)), 400)
    assert warehouse.refs() == heads


def pages(get, key: str, size_name: str, token_name: str, next_name: str, size: int) -> list[list]:
    """All pages of a list."""
    found, token = [], ""
    while True:
        page = expect(get(**{size_name: size, token_name: token} if token else {size_name: size}), 200)
        found.append(page[key])
        assert len(page[key]) <= size
        token = page.get(next_name)
        if not token:
            return found
        assert len(found) < 1000, "the list does not end"


def test_every_page_size_gives_the_same_list(warehouse, main):
    names = [f"t{number:02}" for number in range(23)]
    for name in names:
        expect(main.create_table(("sales",), name))
        expect(main.create_view(("sales",), f"v{name}"))
        expect(main.create_namespace("sales", f"n{name}"))
    for size in (1, 2, 7, 22, 23, 24, 1000):
        for path, key, expected in (
            ("/namespaces/sales/tables", "identifiers", names),
            ("/namespaces/sales/views", "identifiers", [f"v{name}" for name in names]),
        ):
            found = pages(lambda **p: main.get(path, **p), key, "pageSize", "pageToken", "next-page-token", size)  # noqa: B023
            assert sorted(item["name"] for page in found for item in page) == expected, (path, size)
        found = pages(
            lambda **p: main.get("/namespaces", parent="sales", **p), "namespaces", "pageSize", "pageToken", "next-page-token", size
        )
        assert sorted(item[-1] for page in found for item in page) == [f"n{name}" for name in names], size


def test_management_lists_keep_the_laws_of_pages_while_others_write(warehouse, main):
    names = {f"b{number:03}" for number in range(60)}
    for name in names:
        warehouse.branch(name)
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            warehouse.request("POST", "/branches", json={"name": f"z{number:04}"})
            warehouse.request("DELETE", f"/branches/z{number - 3:04}", params={"force": "true"})
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for size in (1, 7, 59, 60, 61):
            found = pages(lambda **p: warehouse.get("/branches", **p), "items", "limit", "page_token", "next_page_token", size)
            listed = [item["name"] for page in found for item in page]
            assert len(listed) == len(set(listed)), f"repeated with pages of {size}"
            assert names <= set(listed), f"lost with pages of {size}"
    finally:
        stop.set()
        writer.join()
    found = pages(lambda **p: warehouse.get("/branches", prefix="b", **p), "items", "limit", "page_token", "next_page_token", 9)
    assert {item["name"] for page in found for item in page} == names


def test_a_log_keeps_its_order_over_pages(warehouse, main):
    expect(main.create_table(("sales",), "t"))
    for number in range(30):
        expect(main.set_properties(("sales",), "t", n=str(number)))
    whole = [commit["id"] for commit in expect(warehouse.get("/commits", ref="main", limit=1000), 200)["items"]]
    for size in (1, 7, 31):
        found = pages(lambda **p: warehouse.get("/commits", ref="main", **p), "items", "limit", "page_token", "next_page_token", size)
        assert [item["id"] for page in found for item in page] == whole


@pytest.mark.parametrize("limit", ["0", "-1", "x", "99999999999999999999"])
def test_a_bad_page_limit_or_token_is_refused(warehouse, main, limit):
    expect(warehouse.get("/branches", limit=limit), 400)
    expect(main.get("/namespaces/sales/tables", pageSize=limit), 400)
    expect(warehouse.get("/branches", page_token="no such token"), 400)
    expect(main.get("/namespaces/sales/tables", pageToken="no such token"), 400)
