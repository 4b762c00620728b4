"""The data and the 22 queries of TPC-H, as DuckDB's extension makes them, and their answers compared."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

TABLES = ("region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem")


def generate(duck, scale: float) -> None:
    """Makes the eight tables in DuckDB; its `tpch` extension is loaded."""
    duck.execute(f"CALL dbgen(sf = {scale})")


def queries(duck) -> dict[int, str]:
    """The texts of the queries by their numbers."""
    return dict(duck.execute("SELECT query_nr, query FROM tpch_queries()").fetchall())


def canonical(value):
    """A value without what engines may differ in: the type of a number, its last digits, blanks at an end."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, float, Decimal)):
        return f"{float(value):.9g}"
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return value.date()
    if isinstance(value, str):
        return value.rstrip()
    return value


def canonical_rows(rows) -> list[tuple]:
    """Rows that can be compared, in an order of their own: queries leave the order of equal rows open."""
    return sorted((tuple(canonical(value) for value in row) for row in rows), key=repr)
