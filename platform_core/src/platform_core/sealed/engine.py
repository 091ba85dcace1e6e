"""An engine that shows some versions and cannot open anything else: no lake, no extension, no path."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import duckdb

from platform_core.contracts.product_id import ProductId
from platform_core.lake.engine import configure_engine
from platform_core.sealed.files import SCHEME
from platform_core.sealed.version import VersionFiles
from platform_core.sql.allowed import NotAllowed, schema_at
from platform_core.sql.engine import lock_down
from platform_core.sql.plan import sources
from platform_core.sql.quoting import literal, quoted

_PRODUCT: Final = re.compile(r"mesh://([^/\"]+/[^/\"]+)/|\"table\": \"([^\"]+)\"")


@contextmanager
def sealed_engine() -> Iterator[duckdb.DuckDBPyConnection]:
    """``new_engine``, closed at the end."""
    with closing(new_engine()) as connection:
        yield connection


def new_engine() -> duckdb.DuckDBPyConnection:
    """An engine with one thread, on which the platform creates views before ``shut``."""
    # Settings and messages would show a real home directory.
    config: dict[str, Any] = {
        "threads": "1",
        "allow_persistent_secrets": "false",
        "home_directory": os.devnull,
    }
    connection = duckdb.connect(":memory:", config=config)
    connection.execute("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
    configure_engine(connection)
    return connection


def shut(connection: duckdb.DuckDBPyConnection, spill: Path | None, files: Iterable[Path] = ()) -> None:
    """Restrict an engine to its views and ``files``, and lock its settings. It spills into the folder
    ``spill``, or not at all."""
    # RESET would read /proc, which the wall may hide.
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    connection.execute(f"SET threads = {threads:d}")
    connection.execute(f"SET temp_directory = {literal(str(spill or ''))}")
    lock_down(connection, files=files, folders=[SCHEME + ":/"])


def products_read(connection: duckdb.DuckDBPyConnection, sql: str) -> list[str] | None:
    """The ids of the products that a query reads by its plan; None if DuckDB cannot show the plan."""
    try:
        found = sources(connection, sql)
    except (NotAllowed, duckdb.Error):  # the query itself will fail
        return None
    return sorted({"".join(part) for scan in found for part in _PRODUCT.findall(scan[1])})


def show_version(
    connection: duckdb.DuckDBPyConnection, product: str, version: VersionFiles, at: str = ""
) -> None:
    """Show a product as ``domain.product`` and ``"domain/product"``, with ``at`` in the schemas of that
    version. Raises duckdb.Error."""
    domain, name = ProductId(product).path
    bare, domain = (quoted(schema_at(schema, at)) for schema in ("" if at else "main", domain))
    # Without files a table, whose name in a plan shows what was read.
    kind = "VIEW" if version.files else "TABLE"
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {bare}; CREATE SCHEMA IF NOT EXISTS {domain}")
    connection.execute(f"CREATE {kind} {bare}.{quoted(product)} AS {version.query}")
    connection.execute(f"CREATE VIEW {domain}.{quoted(name)} AS FROM {bare}.{quoted(product)}")
