"""Columns of pandas and Polars as they are published: run by test_frames.py where both are installed.

Prints a line of JSON for each: its name, and the type in the lake and its values as text, or the code of the
refusal.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import sys
import uuid
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl

from platform_core.contracts.model import Column, DataProduct
from platform_core.diagnostics import Place, PlatformError
from platform_core.lake.connect import connect
from platform_core.lake.local.lakes import LocalLakes
from platform_core.lake.location import table_of
from platform_core.lake.publication.tables import publish_table
from platform_core.lake.transaction import Stamp
from platform_core.products.result import as_query

NINE = dt.time(9, 30)
FRAMES: dict[str, Any] = {
    "pandas none": pd.DataFrame({"x": pd.Series([None, None], dtype=object)}),
    "pandas empty": pd.DataFrame({"x": pd.Series([], dtype=object)}),
    "pandas nan": pd.DataFrame({"x": [1.5, float("nan"), float("inf")]}),
    "pandas ints": pd.DataFrame({"x": pd.array([1, None], dtype="Int64")}),
    "pandas ns": pd.DataFrame({"x": pd.to_datetime(["2020-01-01 00:00:00.123456789"])}),
    "pandas zone": pd.DataFrame({"x": pd.to_datetime(["2020-01-01"]).tz_localize("Europe/Berlin")}),
    "pandas span": pd.DataFrame({"x": pd.to_timedelta(["1 days 00:00:01.5"])}),
    "pandas micro": pd.DataFrame({"x": pd.to_timedelta(["1us"])}),
    "pandas words": pd.DataFrame({"x": pd.Categorical(["a", None])}),
    "pandas time": pd.DataFrame({"x": [NINE]}),
    "pandas date": pd.DataFrame({"x": [dt.date(1, 1, 1), dt.date(9999, 12, 31)]}),
    "pandas decimal": pd.DataFrame({"x": [decimal.Decimal("1.10"), None]}),
    "pandas uuid": pd.DataFrame({"x": [uuid.UUID(int=1)]}),
    "pandas list": pd.DataFrame({"x": [[1, None], []]}),
    "pandas dict": pd.DataFrame({"x": [{"a": 1, "b": None}]}),
    "pandas bytes": pd.DataFrame({"x": [b"\x00\xff"]}),
    "pandas huge": pd.DataFrame({"x": [2**70]}),
    "pandas single": pd.DataFrame({"x": pd.Series([0.1], dtype="float32")}),
    "pandas nothing": pd.DataFrame(),
    "pandas complex": pd.DataFrame({"x": [1j]}),
    "polars none": pl.DataFrame({"x": [None]}),
    "polars time": pl.DataFrame({"x": [NINE]}),
    "polars fine": pl.DataFrame({"x": pl.Series([1], dtype=pl.Time)}),
    "polars span": pl.DataFrame({"x": [dt.timedelta(seconds=1.5)]}),
    "polars micro": pl.DataFrame({"x": [dt.timedelta(microseconds=1)]}),
    "polars ns": pl.DataFrame({"x": pl.Series([1], dtype=pl.Datetime("ns"))}),
    "polars ms": pl.DataFrame({"x": pl.Series([1], dtype=pl.Datetime("ms"))}),
    "polars zone": pl.DataFrame({"x": pl.Series([1], dtype=pl.Datetime("us", "Europe/Berlin"))}),
    "polars words": pl.DataFrame({"x": pl.Series(["a"], dtype=pl.Categorical)}),
    "polars enum": pl.DataFrame({"x": pl.Series(["a"], dtype=pl.Enum(["a", "b"]))}),
    "polars nan": pl.DataFrame({"x": [1.5, float("nan"), float("-inf")]}),
    "polars huge": pl.DataFrame({"x": pl.Series([2**70], dtype=pl.Int128)}),
    "polars small huge": pl.DataFrame({"x": pl.Series([5], dtype=pl.Int128)}),
    "polars decimal": pl.DataFrame({"x": [decimal.Decimal("1.10")]}),
    "polars array": pl.DataFrame({"x": pl.Series([[1, 2]], dtype=pl.Array(pl.Int8, 2))}),
    "polars struct": pl.DataFrame({"x": [{"t": NINE, "n": None}]}),
    "polars times": pl.DataFrame({"x": [[NINE], []]}),
    "polars object": pl.DataFrame({"x": pl.Series([object()], dtype=pl.Object)}),
    "polars lazy": pl.LazyFrame({"x": [True]}),
    "polars bytes": pl.DataFrame({"x": [b"\x00"]}),
    "polars nothing": pl.DataFrame(),
}
PLACE = Place(Path("frames.odcs.yaml"))


def main(folder: Path) -> None:
    location = LocalLakes(folder)
    stamp = Stamp(run_id="run-1", asset="shop/frames")
    with connect(location, write=["shop"]) as con:
        for name, frame in FRAMES.items():
            text = (Column("x", PLACE, "string"),) if name.endswith(("none", "empty")) else ()
            product = DataProduct("shop", "frames", PLACE.path, PLACE, "1.0.0", "active", text, ())
            try:
                made = as_query(con, frame, {}, product, None, folder)
                publish_table(con, location, product, made.query, stamp=stamp, audit=lambda _: None)
                rows = con.execute(f"SELECT x::VARCHAR FROM {table_of(product)}").fetchall()
                kind = con.execute(f"DESCRIBE FROM {table_of(product)}").fetchall()[0][1]
                said: list[Any] = [kind, *(value for (value,) in rows)]
            except PlatformError as error:
                said = [error.diagnostics[0].code]
            sys.stdout.write(json.dumps([name, said]) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
