"""One variant of reading the published promotions.

python -m benchmarks.sealed_ways attached|sealed|sql|relation
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb

from platform_core.access.versions import published_files
from platform_core.lake.connect import connect
from platform_core.lake.lakes import current_lakes
from platform_core.lake.local.lakes import LocalLakes
from platform_core.lake.location import table_of
from platform_core.products.result import streamed
from platform_core.registry.lookup import Registry
from platform_core.sealed.engine import sealed_engine, show_version, shut
from platform_core.sealed.files import SealedFiles
from platform_core.settings import mesh_root

PRODUCT = "marketing/promotions"
SCANS = (
    "SELECT product_id, count(*) FROM {} GROUP BY product_id",
    "SELECT max(week), count(DISTINCT store_id) FROM {} WHERE display_location <> '0'",
    "SELECT count(*) FROM {} WHERE mailer_location IN ('A', 'C')",
)
TURNS = 10


@contextmanager
def sealed() -> Iterator[tuple[duckdb.DuckDBPyConnection, SealedFiles, str]]:
    """An engine with only the table, its files, and a query that reads it."""
    product = Registry.open(mesh_root()).get(PRODUCT)
    with closing(SealedFiles()) as files, sealed_engine() as engine:
        files.show(engine)
        found = published_files([product], current_lakes(), files, None)[product.id]
        show_version(engine, product.id, found)
        shut(engine, None)
        yield engine, files, found.query


def scan(con: duckdb.DuckDBPyConnection, relation: str) -> float:
    """The seconds of all scans."""
    began = time.monotonic()
    for query in SCANS * TURNS:
        con.execute(query.format(relation)).fetchall()
    return time.monotonic() - began


def measure(way: str) -> float:
    if way == "attached":
        product = Registry.open(mesh_root()).get(PRODUCT)
        with connect(current_lakes(), read=[product.lake]) as con:
            return scan(con, table_of(product))
    with sealed() as (engine, files, query):
        if way == "sealed":
            return scan(engine, f'"{PRODUCT}"')
        with (
            tempfile.TemporaryDirectory() as folder,
            connect(LocalLakes(Path(folder) / "lake"), write=["copy"]) as con,
        ):
            files.show(con)
            rows = query if way == "sql" else streamed(con, engine.sql(f'FROM "{PRODUCT}"'))
            began = time.monotonic()
            con.execute(f"CREATE TABLE copy.products.promotions AS {rows}")
            return time.monotonic() - began


if __name__ == "__main__":
    print(json.dumps({"seconds": measure(sys.argv[1])}))
