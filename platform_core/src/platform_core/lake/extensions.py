"""DuckDB's extensions, loaded from their wheels; each signature is checked once per process."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import duckdb

from platform_core.diagnostics import LakeError
from platform_core.sql.quoting import literal

_EXTENSIONS = ("sqlite_scanner", "ducklake")
_SIGNED_ONLY = "SET allow_unsigned_extensions = false"  # DuckDB does not allow the opposite
_checked: set[tuple[str, int, int]] = set()
"""Path, size and time of the extensions whose signatures this process has checked."""


def open_connection(database: str = ":memory:") -> duckdb.DuckDBPyConnection:
    """A connection on which ``load_extension`` must be the first call.

    DuckDB checks the signatures for every connection, which takes a third of a second. After the first check
    in this process the connection accepts unsigned extensions, until ``load_extension`` forbids them
    permanently.
    """
    checked = database == ":memory:" and all(_state(extension_path(name)) in _checked for name in _EXTENSIONS)
    unsigned = {"allow_unsigned_extensions": "true"} if checked else {}
    # DuckDB does not accept a change of this after a lake was attached.
    return duckdb.connect(database, config={"allow_persistent_secrets": "false", **unsigned})


def load_extension(connection: duckdb.DuckDBPyConnection) -> None:
    """Load DuckLake and forbid all other extensions. Raises LakeError L005 if it is not installed."""
    # Nothing is downloaded; L005 reports a missing extension.
    connection.execute("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
    for name in _EXTENSIONS:
        path = extension_path(name)
        state = _state(path)
        if state not in _checked:
            connection.execute(_SIGNED_ONLY)
        connection.execute(f"LOAD {literal(str(path))}")
        _checked.add(state)
    connection.execute(_SIGNED_ONLY)


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
