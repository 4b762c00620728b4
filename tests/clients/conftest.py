"""Fixtures: one server for a test file, one warehouse for a test."""

from __future__ import annotations

import itertools

import pytest
import requests
from clients import TIMEOUT, Warehouse, expect

from server import Server

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A running server; at the end of the file it must still run and stop with exit code 0."""
    with Server(tmp_path_factory.mktemp("data") / "nunatak-data") as server:
        yield server


@pytest.fixture
def warehouse(server) -> Warehouse:
    """A fresh warehouse with its branch `main`."""
    name = f"lake{next(_numbers)}"
    expect(requests.post(server.warehouses, json={"name": name}, timeout=TIMEOUT))
    return Warehouse(server, name)


@pytest.fixture
def main(warehouse):
    """Raw Iceberg REST on `main` of a fresh warehouse, with the namespace `sales`."""
    iceberg = warehouse.iceberg("main")
    expect(iceberg.create_namespace("sales"))
    return iceberg
