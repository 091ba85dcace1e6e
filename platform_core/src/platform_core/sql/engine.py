"""DuckDB without access to files, except those that it is given."""

from __future__ import annotations

import glob
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from platform_core.sql.quoting import literal

if TYPE_CHECKING:
    import duckdb


def lock_down(
    connection: duckdb.DuckDBPyConnection, *, files: Iterable[Path] = (), folders: Iterable[Path | str] = ()
) -> None:
    """Limit a connection to these files and folders, and forbid extensions and settings. DuckDB may still
    write these files, so run only SELECTs."""
    paths, directories = (
        # DuckDB compares the path as it is, and as ``file_literal`` writes it.
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
    """A cursor without data and files, to parse a query or to try a type, a constant or a pattern."""
    return _engine().cursor()


def refused(statement: str) -> str | None:
    """The engine's error for a statement without data, in one line; None if the statement runs."""
    import duckdb  # here, because the import is slow

    try:
        trial().execute(statement)
    except duckdb.Error as error:
        return str(error).partition("\n")[0].partition(": ")[2]
    return None


@lru_cache(maxsize=256)
def pattern_fault(pattern: str) -> str | None:
    """The engine's error for a regular expression; None if it runs. DuckDB's RE2 has no look-around."""
    return refused(f"SELECT regexp_matches('', {literal(pattern)})")


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    import duckdb

    connection = duckdb.connect(":memory:", config={"threads": "1", "temp_directory": ""})
    lock_down(connection)
    return connection
