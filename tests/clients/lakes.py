"""PyIceberg catalogs onto a warehouse under test."""

from __future__ import annotations

import warnings

from clients import Warehouse
from pyiceberg.catalog import Catalog, load_catalog

warnings.filterwarnings("ignore", category=DeprecationWarning)


def catalog(warehouse: Warehouse, ref: str | None = None, **properties: str) -> Catalog:
    """The ref view of `ref`, or the warehouse view without one."""
    name = warehouse.name if ref is None else f"{warehouse.name}@{ref}"
    return load_catalog(
        "nunatak", **{"type": "rest", "uri": warehouse.server.iceberg, "warehouse": name, **properties}
    )
