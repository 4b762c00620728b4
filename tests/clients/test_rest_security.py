"""A server on loopback is open to local programs, not to web pages."""

from __future__ import annotations

import pytest
import requests
from clients import TIMEOUT, expect

PATHS = ["/iceberg/v1/config?warehouse=lake", "/api/v1/warehouses", "/api/v1/warehouses/lake/branches"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:8181"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "localhost.evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1.evil.example"},
    ],
    ids=str,
)
def test_a_foreign_host_or_origin_is_refused(server, path, headers):
    expect(requests.get(server.url + path, headers=headers, timeout=TIMEOUT), 403)


def test_a_web_page_cannot_write(server, warehouse):
    before = warehouse.refs()
    for content_type in ("application/json", "text/plain"):
        headers = {"Origin": "https://evil.example", "Content-Type": content_type}
        expect(warehouse.request("POST", "/branches", data='{"name":"stolen"}', headers=headers), 403)
        expect(warehouse.request("DELETE", "/branches/main", headers=headers), 403)
    assert warehouse.refs() == before


@pytest.mark.parametrize("path", PATHS)
def test_local_names_are_welcome(server, path):
    port = server.url.rsplit(":", 1)[1]
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", "localhost"):
        expect(requests.get(server.url + path, headers={"Host": host}, timeout=TIMEOUT), 200)
    expect(requests.get(server.url + path, headers={"Origin": server.url}, timeout=TIMEOUT), 200)
