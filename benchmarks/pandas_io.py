"""The common alternative in Dagster: the I/O manager of dagster-duckdb-pandas, without checks.

    python -m benchmarks.pandas_io [COLUMN]

It writes the promotions as a data frame, and reads them back for the next asset: all columns, its default, or
one column.
"""

import json
import os
import sys
import time
from pathlib import Path

import dagster as dg
import pandas as pd
from dagster_duckdb_pandas import DuckDBPandasIOManager

from benchmarks.promotions import COLUMNS, RAW


@dg.asset
def promotions() -> pd.DataFrame:
    return pd.read_parquet(RAW, columns=COLUMNS)


@dg.asset(ins={"promotions": dg.AssetIn(metadata={"columns": sys.argv[1:]} if sys.argv[1:] else None)})
def consumer(promotions: pd.DataFrame) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"rows": len(promotions)})


if __name__ == "__main__":
    database = Path(os.environ["MESH_HOME"]) / "pandas.duckdb"
    began = time.monotonic()
    dg.materialize(
        [promotions, consumer],
        resources={"io_manager": DuckDBPandasIOManager(database=str(database))},
        instance=dg.DagsterInstance.get(),
    )
    print(json.dumps({"seconds": time.monotonic() - began}))
