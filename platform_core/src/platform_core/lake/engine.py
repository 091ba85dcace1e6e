"""Engines of DuckDB for lakes: extensions from their wheels, each signature checked once per process."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import duckdb

from platform_core.diagnostics import LakeError
from platform_core.settings import MEMORY
from platform_core.sql.quoting import literal, quoted

SCHEMAS: Final = ("products", "staging", "internal")
_SIGNED_ONLY = "SET allow_unsigned_extensions = false"  # DuckDB does not allow the opposite
_checked: set[tuple[str, int, int]] = set()
"""Path, size and time of the extensions whose signatures this process has checked."""


def open_engine(extensions: Sequence[str], database: str = ":memory:") -> duckdb.DuckDBPyConnection:
    """An engine with these extensions and no others, with the settings of ``configure_engine``.

    DuckDB checks the signatures for every connection, which takes a third of a second. After the first check
    in this process the connection accepts unsigned extensions until these are loaded. Raises LakeError L005
    if one is not installed.
    """
    paths = [extension_path(name) for name in extensions]
    checked = database == ":memory:" and all(_state(path) in _checked for path in paths)
    unsigned = {"allow_unsigned_extensions": "true"} if checked else {}
    # DuckDB does not accept a change of this after a lake was attached.
    connection = duckdb.connect(database, config={"allow_persistent_secrets": "false", **unsigned})
    try:
        # Nothing is downloaded; L005 reports a missing extension.
        connection.execute("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
        for path in paths:
            if _state(path) not in _checked:
                connection.execute(_SIGNED_ONLY)
            connection.execute(f"LOAD {literal(str(path))}")
            _checked.add(_state(path))
        connection.execute(_SIGNED_ONLY)
        configure_engine(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def configure_engine(connection: duckdb.DuckDBPyConnection) -> None:
    """Set the time zone and the memory limit that every engine of the platform has."""
    connection.execute("SET TimeZone = 'UTC'")
    # A progress bar would mix with the output of a command.
    connection.execute("SET enable_progress_bar = false")
    # By default half of what DuckDB takes: locations run at the same time.
    limit = MEMORY.memory() or f"{memory_of(connection) // 2} B"
    try:
        connection.execute(f"SET memory_limit = {literal(limit)}")
    except duckdb.ParserException as error:
        raise MEMORY.fault("an amount of memory", f"{MEMORY.name}=4GB") from error


def memory_of(connection: duckdb.DuckDBPyConnection) -> int:
    """The memory limit of an engine, in bytes."""
    row = connection.execute("SELECT current_setting('memory_limit')").fetchone()
    amount, unit = str(row[0]).split() if row else ("2", "GiB")
    return int(float(amount) * 1024 ** ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB").index(unit))


def fill_new_lake(connection: duckdb.DuckDBPyConnection, lake: str) -> None:
    """Give a lake that was just made its options and schemas."""
    # Rows inside the catalog would make it grow, and the sizes of files would be wrong.
    connection.execute(f"CALL {quoted(lake)}.set_option('data_inlining_row_limit', 0)")
    for schema in SCHEMAS:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(lake)}.{quoted(schema)}")


def extension_path(extension: str) -> Path:
    """The file of a DuckDB extension from its wheel. Raises LakeError L005 if it is missing."""
    package = f"duckdb_extension_{extension}"
    spec = find_spec(package)
    if spec is not None and spec.origin is not None:
        folder = Path(spec.origin).parent / "extensions" / f"v{duckdb.__version__}"
        path = folder / f"{extension}.duckdb_extension"
        if path.exists():
            return path
    distribution = package.replace("_", "-")
    message = f"DuckDB's extension {extension} for version {duckdb.__version__} is not installed"
    fix = f"Run `pip install {distribution}=={duckdb.__version__}`."
    raise LakeError.of("L005", message, None, f"{distribution} in the version of DuckDB", fix)


def _state(path: Path) -> tuple[str, int, int]:
    found = path.stat()
    return str(path), found.st_size, found.st_mtime_ns
