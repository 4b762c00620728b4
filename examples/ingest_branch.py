"""An hourly load on an ingest branch, checked, and merged into main in one step.

Start a server, then run this with PyIceberg:

    nunatak serve
    pip install "pyiceberg[pyarrow]" requests
    python examples/ingest_branch.py

Another server: `NUNATAK_URL=http://host:port python examples/ingest_branch.py`.
Run it twice: every run uses a branch of its own.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pyarrow as pa
import requests
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import NamespaceAlreadyExistsError, NoSuchNamespaceError, NoSuchTableError

URL = os.environ.get("NUNATAK_URL", "http://127.0.0.1:8181").rstrip("/")
API = f"{URL}/api/v1/warehouses/lake"
RUN = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
BRANCH = f"ingest-{RUN}"

ORDERS = pa.table(
    {
        "order_id": pa.array([1, 2, 3, 4], pa.int64()),
        "customer": ["ada", "bob", "ada", "eve"],
        "amount": [12.5, 40.0, 7.25, -3.0],
    }
)
PAYMENTS = pa.table({"order_id": pa.array([1, 2, 3], pa.int64()), "paid": [True, True, False]})


def step(text: str) -> None:
    """Prints what happens next."""
    print(f"\n* {text}")


def lake(warehouse: str) -> Catalog:
    """A catalog: `lake` shows every branch as a namespace, `lake@main` shows one branch."""
    return load_catalog(
        warehouse,
        type="rest",
        uri=f"{URL}/iceberg",
        warehouse=warehouse,
        **{"header.X-Nunatak-Message": f"hourly load {RUN}", "header.X-Nunatak-Property-run": RUN},
    )


def call(method: str, path: str, **body) -> dict:
    """One call of the management protocol."""
    answer = requests.request(method, API + path, json=body or None, timeout=60)
    answer.raise_for_status()
    return answer.json() if answer.content else {}


def rows(catalog: Catalog, table: str) -> int | None:
    """How many rows a table has, or None if there is no such table."""
    try:
        return catalog.load_table(table).scan().count()
    except (NoSuchTableError, NoSuchNamespaceError):
        return None


def main() -> None:
    """The story, step by step."""
    everything, production = lake("lake"), lake("lake@main")
    before = rows(production, "sales.orders")

    step(f"Creating the namespace {BRANCH!r} makes a branch. Nothing is copied.")
    everything.create_namespace(BRANCH)

    step("The load writes two tables on the branch, as any Iceberg client would.")
    branch = lake(f"lake@{BRANCH}")
    try:
        branch.create_namespace("sales")
    except NamespaceAlreadyExistsError:
        pass
    for name, data in (("sales.orders", ORDERS), ("sales.payments", PAYMENTS)):
        table = branch.load_table(name) if branch.table_exists(name) else branch.create_table(name, schema=data.schema)
        table.append(data)
        print(f"  {name}: {rows(branch, name)} rows on {BRANCH}, {rows(production, name)} on main")

    step("A check finds a bad row; it is repaired on the branch, where no reader sees it.")
    orders = branch.load_table("sales.orders")
    bad = orders.scan(row_filter="amount < 0").count()
    orders.delete("amount < 0")
    print(f"  {bad} row with a negative amount, {orders.scan(row_filter='amount < 0').count()} after the repair")
    assert rows(production, "sales.orders") == before, "main must not have changed"

    step("The merge promotes both tables at once.")
    merged = call("POST", "/merges", source=BRANCH, into="main", message=f"promote {RUN}")
    for change in merged["changes"]:
        print(f"  {'.'.join(change['path'])}: {change['action']} ({change['reason']})")
    print(f"  main is now at {merged['commit'][:12]}")

    step("A tag keeps this state for good; main goes on.")
    tag = f"run-{RUN}"
    call("POST", "/tags", name=tag)
    production.load_table("sales.orders").append(ORDERS.slice(0, 1))
    print(f"  main has {rows(production, 'sales.orders')} orders, {tag} has {rows(lake(f'lake@{tag}'), 'sales.orders')}")
    print(f"  the same by name: lake.{tag}.sales.orders has {rows(everything, f'{tag}.sales.orders')}")

    step("The log says who did what, and why.")
    for commit in requests.get(f"{API}/commits", params={"ref": "main", "limit": 4}, timeout=60).json()["items"]:
        print(f"  {commit['id'][:12]}  {commit['committed_at']}  {commit['message']}")

    step("The branch is merged, so it can go.")
    everything.drop_namespace(BRANCH)
    print("\ndone")


if __name__ == "__main__":
    main()
