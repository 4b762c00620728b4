"""The data and the 22 queries of TPC-H, as DuckDB's extension makes them, and their answers compared."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

TABLES = ("region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem")


def generate(duck, scale: float) -> None:
    """Makes the eight tables in DuckDB; its `tpch` extension is loaded."""
    duck.execute(f"CALL dbgen(sf = {scale})")


def queries(duck) -> dict[int, str]:
    """The texts of the queries by their numbers."""
    return dict(duck.execute("SELECT query_nr, query FROM tpch_queries()").fetchall())


def _parts(row) -> tuple[str, list[float]]:
    """What a row says beside numbers, and its numbers, both without the types that engines may differ in."""
    words, numbers = [], []
    for value in row:
        if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
            numbers.append(float(value))
            value = "a number"
        elif isinstance(value, dt.datetime) and value.time() == dt.time():
            value = value.date()
        elif isinstance(value, str):
            value = value.rstrip()
        words.append(value)
    return repr(words), numbers


def alike(rows, expected) -> bool:
    """Whether rows are the same but for the order, which queries leave open for equal rows, for blanks at an
    end, and for the last digits of numbers: sums of binary fractions depend on the order of addition."""
    ours, theirs = (sorted(map(_parts, side)) for side in (rows, expected))
    return len(ours) == len(theirs) and all(
        words == expected_words
        and all(math.isclose(a, b, rel_tol=1e-9) for a, b in zip(numbers, expected_numbers, strict=True))
        for (words, numbers), (expected_words, expected_numbers) in zip(ours, theirs)
    )
