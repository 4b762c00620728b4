"""Thin HTTP clients for the two protocols: management (`Warehouse`) and raw Iceberg REST (`Iceberg`).

They hide URLs and nothing else: every method returns the `requests` response, so that a test states
the status it expects. `expect` turns an unexpected status into a message that shows the body.
"""

from __future__ import annotations

from urllib.parse import quote

import requests

TIMEOUT = 60

SCHEMA = {
    "type": "struct",
    "schema-id": 0,
    "fields": [
        {"id": 1, "name": "id", "required": False, "type": "long"},
        {"id": 2, "name": "note", "required": False, "type": "string"},
    ],
}


def expect(response: requests.Response, *statuses: int):
    """The decoded body, if the status is one of `statuses` (any 2xx when none is given)."""
    good = response.status_code in statuses if statuses else response.ok
    assert good, (
        f"{response.request.method} {response.request.url}: {response.status_code}, "
        f"expected {statuses or '2xx'}: {response.text[:2000]}"
    )
    return response.json() if response.content and "json" in response.headers.get("content-type", "") else None


class Warehouse:
    """The management protocol of one warehouse."""

    def __init__(self, server, name: str = "lake"):
        self.server = server
        self.name = name
        self.http = requests.Session()

    def request(self, method: str, path: str, **kwargs) -> requests.Response:
        """One request below `/api/v1/warehouses/{name}`."""
        kwargs.setdefault("timeout", TIMEOUT)
        return self.http.request(method, f"{self.server.warehouses}/{self.name}{path}", **kwargs)

    def get(self, path: str, /, **params) -> requests.Response:
        """GET with query parameters."""
        return self.request("GET", path, params=params)

    def post(self, path: str, **body) -> requests.Response:
        """POST with a JSON body."""
        return self.request("POST", path, json=body)

    def items(self, path: str, /, **params) -> list:
        """All items of a list, page by page."""
        items, token = [], None
        while True:
            page = expect(self.get(path, **params, **({"page_token": token} if token else {})), 200)
            items += page["items"]
            token = page.get("next_page_token")
            if not token:
                return items

    def branch(self, name: str, **body) -> dict:
        """Creates a branch."""
        return expect(self.post("/branches", name=name, **body))

    def tag(self, name: str, **body) -> dict:
        """Creates a tag."""
        return expect(self.post("/tags", name=name, **body))

    def head(self, branch: str) -> str:
        """The commit a branch points at."""
        return expect(self.get(f"/branches/{quote(branch, safe='')}"), 200)["head"]

    def refs(self) -> dict[str, str]:
        """Every ref with the commit it points at."""
        return {ref["name"]: ref["head"] for ref in self.items("/refs")}

    def log(self, ref: str, **filters) -> list[dict]:
        """Commits from a ref backwards."""
        return self.items("/commits", ref=ref, **filters)

    def ref_log(self, ref: str) -> list[dict]:
        """Movements of one ref, the latest first."""
        movements = [entry for entry in self.items("/ref-log") if entry["name"] == ref]
        return sorted(movements, key=lambda entry: entry["sequence"], reverse=True)

    def merge(self, source: str, into: str = "main", **options) -> requests.Response:
        """Merges one ref into a branch."""
        return self.post("/merges", source=source, into=into, **options)

    def tables(self, ref: str) -> set[tuple[str, ...]]:
        """Paths of all tables that a ref holds."""
        items = self.items("/contents", ref=ref, recursive="true")
        return {tuple(item["path"]) for item in items if item["kind"] == "table"}

    def iceberg(self, ref: str | None = None) -> Iceberg:
        """The raw Iceberg client: of one ref, or of the warehouse view without one."""
        return Iceberg(self.server, self.name if ref is None else f"{self.name}@{ref}")


class Iceberg:
    """Raw Iceberg REST for one value of the `warehouse` property."""

    def __init__(self, server, warehouse: str):
        self.base = f"{server.iceberg}/v1"
        self.http = requests.Session()
        self.config = expect(self.http.get(f"{self.base}/config", params={"warehouse": warehouse}, timeout=TIMEOUT), 200)
        self.prefix = self.config["overrides"]["prefix"]

    @staticmethod
    def path(namespace: tuple[str, ...]) -> str:
        """A namespace as a path segment."""
        return "%1F".join(quote(level, safe="") for level in namespace)

    def request(self, method: str, path: str, **kwargs) -> requests.Response:
        """One request below the prefix."""
        kwargs.setdefault("timeout", TIMEOUT)
        return self.http.request(method, f"{self.base}/{self.prefix}{path}", **kwargs)

    def get(self, path: str, /, headers: dict | None = None, **params) -> requests.Response:
        """GET with query parameters."""
        return self.request("GET", path, params=params, headers=headers)

    def post(self, path: str, body, headers: dict | None = None) -> requests.Response:
        """POST with a JSON body."""
        return self.request("POST", path, json=body, headers=headers)

    def create_namespace(self, *namespace: str, **properties: str) -> requests.Response:
        """Creates a namespace."""
        return self.post("/namespaces", {"namespace": list(namespace), "properties": properties})

    def create_table(self, namespace: tuple[str, ...], name: str, **fields) -> requests.Response:
        """Creates a table of two columns, or as `fields` say."""
        body = {"name": name, "schema": SCHEMA, **{key.replace("_", "-"): value for key, value in fields.items()}}
        return self.post(f"/namespaces/{self.path(namespace)}/tables", body)

    def create_view(self, namespace: tuple[str, ...], name: str) -> requests.Response:
        """Creates a view that selects a constant."""
        version = {
            "version-id": 1,
            "timestamp-ms": 1,
            "schema-id": 0,
            "summary": {"engine-name": "test"},
            "default-namespace": list(namespace),
            "representations": [{"type": "sql", "sql": "select 1 as id", "dialect": "spark"}],
        }
        body = {"name": name, "schema": SCHEMA, "view-version": version, "properties": {}}
        return self.post(f"/namespaces/{self.path(namespace)}/views", body)

    def table_path(self, namespace: tuple[str, ...], name: str) -> str:
        """The path of a table."""
        return f"/namespaces/{self.path(namespace)}/tables/{quote(name, safe='')}"

    def load(self, namespace: tuple[str, ...], name: str, **kwargs) -> requests.Response:
        """Loads a table."""
        return self.get(self.table_path(namespace, name), **kwargs)

    def commit(self, namespace: tuple[str, ...], name: str, updates, requirements=(), headers=None) -> requests.Response:
        """Commits to a table."""
        body = {
            "identifier": {"namespace": list(namespace), "name": name},
            "requirements": list(requirements),
            "updates": list(updates),
        }
        return self.post(self.table_path(namespace, name), body, headers)

    def set_properties(self, namespace: tuple[str, ...], name: str, headers=None, **properties) -> requests.Response:
        """Commits new properties to a table."""
        return self.commit(namespace, name, [{"action": "set-properties", "updates": properties}], headers=headers)

    def transact(self, *changes: dict) -> requests.Response:
        """Commits to many tables at once."""
        return self.post("/transactions/commit", {"table-changes": list(changes)})

    def tables(self, namespace: tuple[str, ...], **params) -> list[str]:
        """Names of all tables of a namespace."""
        page = expect(self.get(f"/namespaces/{self.path(namespace)}/tables", **params), 200)
        return [identifier["name"] for identifier in page["identifiers"]]


def change(namespace: tuple[str, ...], name: str, updates: list, requirements: list | None = None) -> dict:
    """One table's part of a multi-table transaction."""
    return {
        "identifier": {"namespace": list(namespace), "name": name},
        "requirements": requirements or [],
        "updates": updates,
    }


def set_properties(**properties: str) -> list[dict]:
    """The updates that set table properties."""
    return [{"action": "set-properties", "updates": properties}]
