"""DuckDB's extensions out of their wheels: loaded by path, each one's signature checked once per process."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import duckdb

from platform_core.diagnostics import LakeError
from platform_core.sql.quoting import literal

_EXTENSIONS = ("sqlite_scanner", "ducklake")
_checked: set[tuple[str, int, int]] = set()
"""Path, size and time of the files whose signatures DuckDB found right, in this process."""


def opened(database: str = ":memory:") -> duckdb.DuckDBPyConnection:
    """A connection for ``load``, which is to follow at once and before any other statement.

    To check both signatures takes a third of a second, and DuckDB does it for every connection. Where
    it did so before it is not asked to again: only ``load`` makes use of that, and ends it for good.
    """
    checked = database == ":memory:" and all(_state(extension_path(name)) in _checked for name in _EXTENSIONS)
    unsigned = {"allow_unsigned_extensions": "true"} if checked else {}
    # At once: DuckDB looks for secrets when a lake is attached, and takes no change of this from then on.
    return duckdb.connect(database, config={"allow_persistent_secrets": "false", **unsigned})


def load_extension(connection: duckdb.DuckDBPyConnection) -> None:
    """Load what lakes need, and nothing else from then on; LakeError L005 where it is not installed."""
    # Nothing is ever downloaded: what is not installed is said by L005.
    connection.execute("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
    for name in _EXTENSIONS:
        path = extension_path(name)
        state = _state(path)
        if state not in _checked:
            _forbid_unsigned(connection)
        connection.execute(f"LOAD {literal(str(path))}")
        _checked.add(state)
    _forbid_unsigned(connection)


def extension_path(extension: str) -> Path:
    """The file of a DuckDB extension installed as a wheel; LakeError L005 where it is missing."""
    package = f"duckdb_extension_{extension}"
    spec = find_spec(package)
    if spec is not None and spec.origin is not None:
        folder = Path(spec.origin).parent / "extensions" / f"v{duckdb.__version__}"
        path = folder / f"{extension}.duckdb_extension"
        if path.exists():
            return path
    distribution = package.replace("_", "-")
    message = f"DuckDB's extension {extension} for version {duckdb.__version__} is not installed"
    fix = f"pip install {distribution}=={duckdb.__version__}"
    raise LakeError.of("L005", message, None, f"{distribution} of exactly DuckDB's own version", fix)


def _forbid_unsigned(connection: duckdb.DuckDBPyConnection) -> None:
    """From then on; DuckDB takes this setting back from nobody."""
    connection.execute("SET allow_unsigned_extensions = false")


def _state(path: Path) -> tuple[str, int, int]:
    found = path.stat()
    return str(path), found.st_size, found.st_mtime_ns
