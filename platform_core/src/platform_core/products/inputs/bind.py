"""Binding a function's inputs, for every origin of their rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb

from platform_core.contracts.partitions import Window
from platform_core.diagnostics import DefinitionError
from platform_core.products.declare import WINDOW, ProductFunction
from platform_core.products.inputs.resolve import BoundInput
from platform_core.products.inputs.rows import NotTabular, Rows
from platform_core.products.inputs.staged import declared_columns
from platform_core.products.table import Table, show
from platform_core.sql.engine import lock_down
from platform_core.sql.quoting import quoted
from platform_core.words import did_you_mean, listed

Argument = Table | NotTabular | Window
"""The type of an argument: an input, or the window of the run."""


def bind(
    connection: duckdb.DuckDBPyConnection,
    function: ProductFunction,
    inputs: Mapping[str, BoundInput],
    rows: Rows,
    engine: Callable[[], duckdb.DuckDBPyConnection] | None = None,
) -> dict[str, Argument]:
    """The arguments to call a function with; ``inputs`` are its products, by argument.

    SQL that it returns finds the inputs on ``connection``; ``engine`` opens the connection for its own
    reads, by default the same. Raises DefinitionError D012 for a source without its time_column.
    """
    arguments: dict[str, Argument] = {}
    engine = engine or (lambda: connection)
    for name, bound in inputs.items():
        columns = bound.declared.columns
        arguments[name] = show(
            connection,
            name,
            f"SELECT {', '.join(map(quoted, columns or ())) or '*'} FROM {rows.of_product(name, bound)}",
            source=bound.product.id,
            frames=columns is not None,
            place=function.place,
            engine=engine,
        )
    for name, source in function.sources.items():
        known = declared_columns(function, source) if source.staged else None
        found = rows.of_source(name, source, known)
        if isinstance(found, str):
            # Only for Parquet does a plan show the file that is read.
            kept = not (source.staged or source.path.endswith(".parquet"))
            query = f"SELECT * FROM {found}"
            arguments[name] = show(connection, name, query, kept=kept, source=source.name, engine=engine)
        else:
            arguments[name] = found
        shown, column = arguments[name], source.time_column
        if column and isinstance(shown, Table) and column not in shown.columns:
            message, near = f'{source.name} has no column "{column}"', did_you_mean(column, shown.columns)
            expected = f"columns of {source.origin}: {listed(shown.columns)}"
            raise DefinitionError.of("D012", message, function.place, expected, near)
    if function.windowed and rows.shown_window is not None:
        arguments[WINDOW] = rows.shown_window
    return arguments


@contextmanager
def in_memory(files: Iterable[Path] = ()) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection without a lake but with its time zone, which can read ``files``."""
    with closing(duckdb.connect(config={"temp_directory": ""})) as connection:
        connection.execute("SET allow_persistent_secrets = false; SET TimeZone = 'UTC'")
        lock_down(connection, files=files)
        yield connection
