"""DuckDB with nothing in reach but what it is given."""

from __future__ import annotations

import glob
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from platform_core.sql.quoting import literal

if TYPE_CHECKING:
    import duckdb


def lock_down(
    connection: duckdb.DuckDBPyConnection, *, files: Iterable[Path] = (), folders: Iterable[Path | str] = ()
) -> None:
    """From now on a connection reaches these files and folders and no others, loads no extension and takes
    no other setting. DuckDB also permits to write them: see that what it is to run is a SELECT."""
    paths, directories = (
        # As they are opened, and as ``file_literal`` writes them.
        ", ".join(literal(each) for path in map(str, given) for each in (path, glob.escape(path)))
        for given in (files, (f"{folder}/" for folder in folders))
    )
    connection.execute("SET python_enable_replacements = false")
    connection.execute("SET allow_community_extensions = false")
    connection.execute("SET allow_unsigned_extensions = false")
    connection.execute(f"SET allowed_paths = [{paths}]")
    connection.execute(f"SET allowed_directories = [{directories}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def trial() -> duckdb.DuckDBPyConnection:
    """A cursor over no data and no file, to parse a query or to try a type, a constant or a pattern."""
    return _engine().cursor()


def refused(statement: str) -> str | None:
    """What the engine says against a statement over no data, in one line; None where it takes it."""
    import duckdb  # only where something is to be tried: it takes long to import

    try:
        trial().execute(statement)
    except duckdb.Error as error:
        return str(error).partition("\n")[0].partition(": ")[2]
    return None


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    import duckdb

    connection = duckdb.connect(":memory:", config={"threads": "1", "temp_directory": ""})
    lock_down(connection)
    return connection
